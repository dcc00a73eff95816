"""How much data a statement about people needs: refuse, fall back, or roll small segments up."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from audiences.model import Segment
from config.segments import Gates, TooFew, TooSmall

PARENTS: tuple[tuple[Segment, Segment], ...] = (
    (Segment.VIP_AT_RISK, Segment.AT_RISK),
    (Segment.VIP, Segment.LOYAL),
    (Segment.NEW, Segment.PROMISING),
    (Segment.PROMISING, Segment.LOYAL),
    (Segment.DRIFTING, Segment.SLEEPING),
    (Segment.LOST, Segment.SLEEPING),
    (Segment.REGISTERED, Segment.SLEEPING_REGISTERED),
)
"""Where the people of a segment that is too small go; children before their parents' turn."""

RETURN_MARGIN = 1.2
"""A segment that was rolled up comes back at this many times its gate: at the border it would
otherwise come and go with every refresh, and its list and correction with it."""


class Verdict(StrEnum):
    """What the data allows."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    LIFECYCLE = "lifecycle"
    """Three stages only."""
    REFUSE = "refuse"


@dataclass(frozen=True)
class BaseGate:
    """Whether a base is large and old enough to be segmented; `notes` say why not."""

    verdict: Verdict
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exported:
    """Under which segment's name the people of each segment are exported; None: not at all."""

    segments: Mapping[Segment, Segment | None]
    people: Mapping[Segment, int]
    """People of each exported segment, after roll-up."""
    notes: tuple[str, ...] = ()


def gate_base(*, buyers: int, history_days: int, gates: Gates) -> BaseGate:
    """Judge a base by its buyers and by the days its orders span."""
    short = []
    if buyers < gates.buyers:
        short.append(f"{buyers} buyers, {gates.buyers} are needed")
    if history_days < gates.history_days:
        short.append(f"{history_days} days of orders, {gates.history_days} are needed")
    if not short:
        return BaseGate(Verdict.PASS)
    why = " and ".join(short)
    if gates.too_few is TooFew.LIFECYCLE:
        note = f"Three stages (new, loyal, at_risk) instead of eleven segments: {why}."
        return BaseGate(Verdict.LIFECYCLE, (note,))
    note = (
        f"Nothing may be exported by these segments: {why}. Bring more history, lower [gates] in "
        "segments.toml, or set too_few = 'lifecycle'."
    )
    return BaseGate(Verdict.REFUSE, (note,))


def gate_behaviour(*, sessions_per_month: int, gates: Gates) -> BaseGate:
    """Judge whether rules over web behaviour have enough sessions to speak of."""
    if sessions_per_month >= gates.sessions_per_month:
        return BaseGate(Verdict.PASS)
    note = (
        f"Behaviour rules are left out: {sessions_per_month} sessions a month, "
        f"{gates.sessions_per_month} are needed."
    )
    return BaseGate(Verdict.REFUSE, (note,))


def roll_up(
    people: Mapping[Segment, int],
    *,
    gates: Gates,
    platform_minimum: int = 0,
    match_rate: float = 1.0,
    rolled_before: Collection[Segment] = (),
    exported: Collection[Segment] = tuple(Segment),
) -> Exported:
    """Decide under which name each segment is exported.

    people: size of each base segment. exported: those with a list there; nobody rolls into a list
    that is not kept. A segment needs `gates.segment_share` of the base and
    `platform_minimum / match_rate` people; one of `rolled_before` needs RETURN_MARGIN times that.
    One without a neighbour to roll into keeps its name, with a note. Raises ValueError for a
    match rate out of (0, 1].
    """
    if not 0 < match_rate <= 1:
        raise ValueError(f"match_rate is {match_rate}, expected above 0 and at most 1")
    least = max(gates.segment_share * sum(people.values()), platform_minimum / match_rate)
    left = {name: people.get(name, 0) for name in Segment if name in exported}
    goes: dict[Segment, Segment | None] = {name: name for name in left}
    notes: list[str] = []
    if gates.too_small is TooSmall.ROLL_UP:
        for child, parent in _neighbours(left):
            if left[child] >= least * (RETURN_MARGIN if child in rolled_before else 1):
                continue
            if left[child]:
                notes.append(f"{child} ({left[child]} people) is exported within {parent}.")
            left[parent] += left.pop(child)
            goes = {name: parent if to is child else to for name, to in goes.items()}
    for name, number in tuple(left.items()):
        if number >= least:
            continue
        if number and gates.too_small is TooSmall.ROLL_UP:
            notes.append(
                f"{name} ({number} people; {least:.0f} are wanted) has no larger neighbour: it is "
                "exported as it is."
            )
            continue
        if number:
            notes.append(f"{name} is not exported: {number} people, {least:.0f} are needed.")
        del left[name]
        goes = {one: None if to is name else to for one, to in goes.items()}
    return Exported(goes, left, tuple(notes))


def _neighbours(kept: Collection[Segment]) -> list[tuple[Segment, Segment]]:
    """Where small segments go among those kept: to the parent, or to what that one rolls into."""
    parents = dict(PARENTS)

    def nearest(child: Segment) -> Segment | None:
        parent = parents.get(child)
        return parent if parent is None or parent in kept else nearest(parent)

    pairs = [(child, nearest(child)) for child in parents if child in kept]
    return [(child, parent) for child, parent in pairs if parent is not None]
