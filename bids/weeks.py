"""From the platform's daily spend and our own history to the weeks that estimates read."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import fsum
from typing import Protocol

from bids.automatic import Since
from bids.estimates import SegmentWeek
from bids.ledger_rows import HistoryEntry
from bids.model import BidObject

EVERYONE_ELSE = "everyone_else"
"""The people that no correction names: rows without a condition, or with a foreign one."""


class DailySpend(Protocol):
    """One day of one object and condition (`connectors.base.SpendRow`)."""

    @property
    def day(self) -> date: ...
    @property
    def object(self) -> BidObject: ...
    @property
    def condition_id(self) -> str | None: ...
    @property
    def clicks(self) -> int: ...
    @property
    def cost(self) -> Decimal: ...
    @property
    def conversions(self) -> Decimal | None: ...
    @property
    def revenue(self) -> Decimal | None: ...


@dataclass(frozen=True)
class InForce:
    """What corrections stood on which day, out of the history's settled changes."""

    changes: Mapping[tuple[BidObject, str], Sequence[tuple[date, int | None]]]

    def factor(self, object: BidObject, condition_id: str | None, day: date) -> float:
        """Factor at the start of a day: the day of a change still counts for the old one."""
        if condition_id is None:
            return 1.0
        percent: int | None = None
        for changed, to in self.changes.get((object, condition_id), ()):
            if changed < day:
                percent = to
        return 1 + (percent or 0) / 100


def in_force(history: Iterable[HistoryEntry]) -> InForce:
    """Index the ledger's history, which comes oldest first."""
    changes: dict[tuple[BidObject, str], list[tuple[date, int | None]]] = defaultdict(list)
    for entry in history:
        if entry.outcome == "settled" and entry.settled_at is not None:
            key = (entry.object, entry.condition_id)
            changes[key].append((entry.settled_at.date(), entry.to_percent))
    return InForce(dict(changes))


def weeks_of(
    rows: Iterable[DailySpend],
    *,
    segments: Mapping[str, str],
    stood: InForce,
    last: date,
) -> tuple[SegmentWeek, ...]:
    """One account's days as weeks back from `last`, sorted; later days are left out.

    segments: by condition id. A week's modifier is the mean of those in force, weighted by clicks,
    which keeps the price at modifier 1 exact over objects that were corrected differently. Days on
    which a segment was excluded (factor 0) tell nothing about bids and are left out.
    """
    gathered: dict[tuple[str, int], list[tuple[DailySpend, float]]] = defaultdict(list)
    for row in rows:
        factor = stood.factor(row.object, row.condition_id, row.day)
        if row.day <= last and factor > 0:
            age = (last - row.day).days // 7
            gathered[_segment(row, segments), age].append((row, factor))
    return tuple(_week(name, age, gathered[name, age]) for name, age in sorted(gathered))


def since_change(
    rows: Iterable[DailySpend], *, segments: Mapping[str, str], stood: InForce
) -> Mapping[str, Since]:
    """Clicks and conversions by segment after the day its correction last changed anywhere."""
    changed: dict[str, date] = {}
    for (_, condition), entries in stood.changes.items():
        if condition in segments and entries:
            name, newest = segments[condition], entries[-1][0]
            changed[name] = max(newest, changed.get(name, newest))
    clicks: dict[str, int] = defaultdict(int)
    conversions: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        name = _segment(row, segments)
        if name not in changed or row.day > changed[name]:
            clicks[name] += row.clicks
            conversions[name].append(float(row.conversions or 0))
    return {name: Since(clicks[name], fsum(conversions[name])) for name in sorted(clicks)}


def _segment(row: DailySpend, segments: Mapping[str, str]) -> str:
    return segments.get(row.condition_id or "", EVERYONE_ELSE)


def _week(name: str, age: int, days: Sequence[tuple[DailySpend, float]]) -> SegmentWeek:
    clicks = sum(row.clicks for row, _ in days)
    weighted = fsum(row.clicks * factor for row, factor in days)
    return SegmentWeek(
        segment=name,
        age=age,
        clicks=clicks,
        conversions=fsum(float(row.conversions or 0) for row, _ in days),
        revenue=fsum(float(row.revenue or 0) for row, _ in days),
        cost=fsum(float(row.cost) for row, _ in days),
        modifier=weighted / clicks if clicks else days[-1][1],
    )
