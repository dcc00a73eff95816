"""The report's table that holds the last bid plan's forecast against what came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import zip_longest
from typing import Any
from zoneinfo import ZoneInfo

from bids.ledger import BidLedger
from flows.documents import Document
from flows.kept_plans import expected_of
from flows.outlook import FORECAST_DAYS
from flows.report_people import segment_place
from flows.spending import Source
from flows.workshop import Workshop
from measurement.money import Sums, sums_by
from measurement.tables import Cell, Kind, Note, Table, columns

LEAST_DAYS = 6
"""Whole days under a plan below which chance says more than it did: a week between two changes."""

COLUMNS = columns(
    account=Kind.TEXT,
    segment=Kind.NAME,
    days_since=Kind.COUNT,
    spend_expected=Kind.MONEY,
    spend_low=Kind.MONEY,
    spend_high=Kind.MONEY,
    spend_fact=Kind.MONEY,
    spend_verdict=Kind.NAME,
    revenue_expected=Kind.MONEY,
    revenue_low=Kind.MONEY,
    revenue_high=Kind.MONEY,
    revenue_fact=Kind.MONEY,
    revenue_verdict=Kind.NAME,
)


@dataclass(frozen=True)
class Applied:
    """A plan that changed bids: its run, the day, and the day of the next one (None: none yet)."""

    run: str
    day: date
    until: date | None

    def days(self, source: Source, most: int) -> list[date]:
        """Whole days known under this plan; a day of a change belongs to neither plan."""
        last = self.day + timedelta(days=most)
        if self.until is not None:
            last = min(last, self.until - timedelta(days=1))
        return [day for day in source.known if self.day < day <= last]


def forecast_table(workshop: Workshop, sources: Sequence[Source]) -> Table:
    """Spend and revenue by segment as an applied plan expected them, and as they came.

    Of the newest plan that had time enough, or of the newest one. A forecast is for a number of
    days; it is cut to those that are known before the next plan.
    """
    plans = _applied(workshop)
    if not plans:
        return Table("forecast", COLUMNS, (), (Note("no_plan_applied"),))
    judged = [plan for plan in plans if _known(plan, sources) >= LEAST_DAYS]
    plan = (judged or plans)[0]
    said: tuple[tuple[str, Cell, Kind], ...] = (
        ("run", plan.run, Kind.TEXT),
        ("day", plan.day, Kind.DAY),
    )
    outlook = expected_of(workshop, plan.run)
    if outlook is None:
        return Table("forecast", COLUMNS, (), (Note("forecast_not_kept", said),))
    rows: list[tuple[Cell, ...]] = []
    for told in outlook["forecast"]:
        source = next((one for one in sources if one.name == told["account"]), None)
        if source is not None and told["segments"]:
            rows += _account(told, source, plan.days(source, told["days"]))
    notes = [Note("plan_applied", said)]
    passed = _known(plan, sources)
    if not rows:
        notes.append(Note("nothing_expected"))
    elif not passed:
        notes.append(Note("forecast_ahead", (("days", FORECAST_DAYS, Kind.COUNT),)))
    elif passed < LEAST_DAYS:
        notes.append(Note("forecast_fresh", (("days", passed, Kind.COUNT),)))
    return Table("forecast", COLUMNS, tuple(rows), tuple(notes))


def _applied(workshop: Workshop) -> list[Applied]:
    """Plans that changed something, newest first."""
    zone = ZoneInfo(workshop.project.adsteer.shop.time_zone)
    days: dict[str, date] = {}
    for one in BidLedger(workshop.catalog).history():
        if one.outcome == "settled" and one.settled_at is not None and one.run:
            days[one.run] = one.settled_at.astimezone(zone).date()
    ordered = sorted(days.items(), key=lambda item: item[1])
    followed = zip_longest(ordered, ordered[1:])
    plans = [Applied(run, day, after[1] if after else None) for (run, day), after in followed]
    return plans[::-1]


def _known(plan: Applied, sources: Sequence[Source]) -> int:
    return max((len(plan.days(one, FORECAST_DAYS)) for one in sources), default=0)


def _account(told: Document, source: Source, days: Sequence[date]) -> list[tuple[Cell, ...]]:
    """A row per segment, over the days that are known."""
    mine = [row for row in source.rows if row.day in days]
    came = {key[0]: one for key, one in sums_by(mine, "segment").items()}
    part = len(days) / told["days"]
    ordered = sorted(told["segments"], key=lambda one: segment_place(one["segment"]))
    return [_row(source.name, one, came, part, len(days)) for one in ordered]


def _row(
    account: str, told: Mapping[str, Any], came: Mapping[str, Sums], part: float, days: int
) -> tuple[Cell, ...]:
    fact = came.get(told["segment"], Sums()) if days else None
    return (
        account,
        told["segment"],
        days,
        *_compared(told["wanted"]["spend"], part, fact.cost if fact else None),
        *_compared(told["wanted"]["revenue"], part, fact.revenue if fact else None),
    )


def _compared(wanted: Mapping[str, float], part: float, fact: Decimal | None) -> tuple[Cell, ...]:
    """Expected, low, high of the days that passed (of the whole, before any has), fact, verdict."""
    share = part or 1.0
    expected, low, high = (share * wanted[name] for name in ("expected", "low", "high"))
    if fact is None:
        return expected, low, high, None, None
    verdict = "below" if fact < Decimal(low) else "above" if fact > Decimal(high) else "within"
    return expected, low, high, fact, verdict
