"""Why a person is not in a list: one sentence for every gate that keeps the person out."""

from collections.abc import Iterator, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir

from audiences.consents import answer
from audiences.explaining import Trace
from audiences.model import AudienceRef
from audiences.seeds import REACHABLE
from config.audiences import Audience, Purpose
from config.consents import ADS
from flows.holding import without_held
from flows.lists import asked_by, ledger, reference
from flows.workshop import Workshop


def obstacles(
    workshop: Workshop,
    person: ir.Table,
    row: Mapping[str, Any],
    audience: Audience,
    account: str,
    seen: Trace,
    own: str | None,
    within: Mapping[str, str],
    held_out: bool,
    picked: Mapping[str, Any],
) -> Iterator[str]:
    """One sentence per gate; nothing where the person is in the list.

    person: one row of `describe`, `row` the same in Python; seen: the audience's condition as
    rolled-up segments see it; own: the base segment it is of; within: its account's roll-ups;
    picked: what the last refresh tells of its seed.
    """
    if not seen.holds:
        missed = "; ".join(f"{part.text} ({_values(part.saw)})" for part in seen.missed)
        yield f"the condition does not hold: {missed}"
    elif own in within and ledger(workshop).list_id(reference(workshop, audience, account)) is None:
        yield f"{own} is too small for a list of its own: its people are in {within[str(own)]}"
    yield from _unwilling(workshop, person, reference(workshop, audience, account))
    if held_out:
        yield "kept out on purpose, to measure what advertising adds"
    digests = workshop.table("digests", workshop.lists_of(account).recipe.name)
    mine = digests.semi_join(person, "person_id")
    kinds = [digests[kind.value].length() > 0 for kind in audience.identifiers]
    if not mine.filter(ibis.or_(*kinds)).count().to_pyarrow().as_py():
        names = ", ".join(kind.value for kind in audience.identifiers)
        yield f"no contact that {account} takes ({names})"
    if audience.purpose is Purpose.SEED and seen.holds:
        members = workshop.table("seed", audience.name).semi_join(person, "person_id")
        if not members.count().to_pyarrow().as_py():
            yield from not_picked(row, picked)


def not_picked(row: Mapping[str, Any], picked: Mapping[str, Any]) -> Iterator[str]:
    """Which gates of the seed the person does not pass, with the values they saw."""
    if not row["orders"]:
        yield "not picked for the seed: never bought"
        return
    failed = []
    if row["state"] not in REACHABLE:
        failed.append(f"is {row['state']}, and only active or slipping buyers are taken")
    large = picked.get("first_order_from")
    if row["orders"] == 1 and large is not None and row["revenue"] <= large:
        failed.append(
            f"bought once, for {shown(row['revenue'])}: a first order counts above {shown(large)}"
        )
    flags = {"is_wholesale": "wholesale", "is_returner": "a returner"}
    flags |= {"is_discount_hunter": "a discount hunter"}
    failed += [f"is {word}" for flag, word in flags.items() if row[flag]]
    measure, floor = picked.get("measured_by"), picked.get("floor")
    worth = row.get(str(measure))
    if floor is not None and (worth is None or worth < floor):
        failed.append(f"{measure} is {shown(worth)}, under the floor of {shown(floor)}")
    if not failed:
        failed.append("the seed is full, and others are worth more")
    yield "not picked for the seed: " + "; ".join(failed)


def _unwilling(workshop: Workshop, person: ir.Table, ref: AudienceRef) -> Iterator[str]:
    """The consents that a list asks for and the person does not give."""
    asked = {ADS, *asked_by(workshop, ref)}
    told = person.select(**{name: answer(person, name) for name in sorted(asked)})
    for name, said in told.to_pyarrow().to_pylist()[0].items():
        if said == "no" or (said != "yes" and name in asked_by(workshop, ref)):
            yield f"consent to {name} is {said}"


def is_held_out(workshop: Workshop, person: ir.Table) -> bool:
    """Whether the person is kept out on purpose."""
    left = without_held(workshop, person.select("person_id"))
    return int(left.count().to_pyarrow().as_py()) == 0


def as_list_sees(person: ir.Table, own: str | None, within: Mapping[str, str]) -> ir.Table:
    """The person as the list of a segment sees them after roll-up."""
    taken = [small for small, to in within.items() if to == own]
    if not taken:
        return person
    return person.mutate(segment=ibis.ifelse(person.segment.isin(taken), own, person.segment))


def _values(saw: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} is {shown(value)}" for name, value in saw.items())


def shown(value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return "unknown"
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
