"""Volume gates in a run: whether the base may be segmented, and which small segments roll up."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import ibis.expr.types as ir

from audiences.gates import BaseGate, Verdict, gate_base, roll_up
from audiences.model import Segment
from audiences.segments import Segmentation, segment, sizes
from config.audiences import Audience, Purpose
from config.rules import Condition
from config.segments import Base
from connectors.base import Connector
from flows.documents import Document
from flows.workshop import Workshop

RollUps = Mapping[str, Mapping[str, str]]
"""By account that keeps lists: small segment -> segment whose list its people are in."""


def segment_gated(workshop: Workshop, tables: Mapping[str, ir.Table], as_of: date) -> Segmentation:
    """Segment `tables` (occasions, returns, people): three stages where the base is too small."""
    base = workshop.project.segments.base
    made = _segment(tables, as_of, base)
    gate = judge_base(workshop, made)
    if gate.verdict is Verdict.LIFECYCLE and made.states_by != "lifecycle":
        return _segment(tables, as_of, base.model_copy(update={"state": "lifecycle"}))
    return made


def judge_base(workshop: Workshop, made: Segmentation) -> BaseGate:
    """What the gate of buyers and history says of a segmentation."""
    buyers = made.known.filter(made.known.orders > 0)
    row = buyers.aggregate(buyers=buyers.count(), oldest=buyers.age_days.max())
    found = row.to_pyarrow().to_pylist()[0]
    return gate_base(
        buyers=found["buyers"],
        history_days=found["oldest"] or 0,
        gates=workshop.project.segments.gates,
    )


def gate_document(gate: BaseGate) -> Document:
    """The entry "gate" of a segments document."""
    return {"verdict": gate.verdict.value, "notes": list(gate.notes)}


def roll_ups_document(workshop: Workshop, made: Segmentation, before: RollUps) -> Document:
    """By account: which segments are exported within another, which are refused, and the notes.

    `before` holds the roll-ups of the refresh before: a segment at the border does not flap.
    """
    return rolled_up(
        workshop, {name: size.people for name, size in sizes(made.table).items()}, before
    )


def rolled_up(workshop: Workshop, sized: Mapping[str, int], before: RollUps) -> Document:
    """`roll_ups_document` of segments of these sizes."""
    people = {name: sized[name] for name in Segment}
    gates = workshop.project.segments.gates
    accounts = {}
    for account in list_accounts(workshop):
        limits = workshop.lists_of(account).limits
        found = roll_up(
            people,
            gates=gates,
            platform_minimum=limits.min_members,
            match_rate=limits.expected_match,
            rolled_before=[Segment(name) for name in before.get(account, {})],
            exported=_segments_on(workshop, account),
        )
        moved = {
            str(name): str(to)
            for name, to in found.segments.items()
            if to is not None and to is not name
        }
        refused = [
            str(name) for name, to in found.segments.items() if to is None and people.get(name)
        ]
        accounts[account] = {"within": moved, "refused": refused, "notes": list(found.notes)}
    return accounts


def _segments_on(workshop: Workshop, account: str) -> set[Segment]:
    """The base segments that have a list of their own on an account."""
    rules = workshop.project.audience_rules
    named = {
        segment_of(one, rules[one.name])
        for one in workshop.project.audiences.audience
        if account in one.accounts
    }
    return {segment for segment in Segment if segment in named}


def list_accounts(workshop: Workshop) -> list[str]:
    """Accounts that an audience is bound to and that keep lists, by name."""
    used = {account for one in workshop.project.audiences.audience for account in one.accounts}
    return sorted(name for name in used if isinstance(workshop.connectors[name], Connector))


def roll_ups_of(refreshed: Mapping[str, Any] | None) -> RollUps:
    """The roll-ups a refresh document tells; none where it is older than they are."""
    told = (refreshed or {}).get("roll_ups", {})
    return {account: one["within"] for account, one in told.items()}


def segment_of(audience: Audience, condition: Condition) -> str | None:
    """The one base segment whose people an audience wants, or None where it is not of that kind.

    That is a retargeting audience whose condition demands `segment = 'name'`.
    A set of several segments, or of none, is not a segment's list and is never rolled up.
    """
    if audience.purpose is Purpose.SEED:
        return None
    return condition.demanded("segment")


def _segment(tables: Mapping[str, ir.Table], as_of: date, base: Base) -> Segmentation:
    return segment(tables["occasions"], tables["returns"], tables["people"], as_of=as_of, base=base)
