"""The report's table that holds the last bid plan's forecast against what came."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from bids.ledger import BidLedger
from bids.ledger_rows import HistoryEntry
from flows.documents import Document
from flows.loop import expected_of
from flows.outlook import FORECAST_DAYS
from flows.report_people import segment_place
from flows.spending import Source
from flows.workshop import Workshop
from measurement.money import Sums, sums_by
from measurement.tables import Cell, Kind, Note, Table, columns

LEAST_DAYS = 7
"""Days after a plan under which chance says more than the plan did."""

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


def forecast_table(workshop: Workshop, sources: Sequence[Source]) -> Table:
    """Spend and revenue by segment as the last applied plan expected them, and as they came.

    A forecast is for a number of days; it is cut to those that have passed and are known.
    """
    change = _last_change(workshop)
    if change is None or change.settled_at is None:
        return Table("forecast", COLUMNS, (), (Note("no_plan_applied"),))
    said: tuple[tuple[str, Cell, Kind], ...] = (
        ("run", change.run, Kind.TEXT),
        ("day", change.settled_at.date(), Kind.DAY),
    )
    outlook = expected_of(workshop, change.run)
    if outlook is None:
        return Table("forecast", COLUMNS, (), (Note("forecast_not_kept", said),))
    rows: list[tuple[Cell, ...]] = []
    passed = 0
    for told in outlook["forecast"]:
        source = next((one for one in sources if one.name == told["account"]), None)
        if source is not None and told["segments"]:
            lines, days = _account(told, source, change.settled_at.date())
            rows += lines
            passed = max(passed, days)
    notes = [Note("plan_applied", said)]
    if not rows:
        notes.append(Note("nothing_expected"))
    elif not passed:
        notes.append(Note("forecast_ahead", (("days", FORECAST_DAYS, Kind.COUNT),)))
    elif passed < LEAST_DAYS:
        notes.append(Note("forecast_fresh", (("days", passed, Kind.COUNT),)))
    return Table("forecast", COLUMNS, tuple(rows), tuple(notes))


def _last_change(workshop: Workshop) -> HistoryEntry | None:
    changes = BidLedger(workshop.catalog).history()
    settled = [one for one in changes if one.outcome == "settled"]
    return settled[-1] if settled else None


def _account(told: Document, source: Source, applied: date) -> tuple[list[tuple[Cell, ...]], int]:
    """A row per segment; the day of the change itself belongs to neither side."""
    first, last = applied + timedelta(days=1), applied + timedelta(days=told["days"])
    known = [day for day in source.known if first <= day <= last]
    came = {
        key[0]: one
        for key, one in sums_by(
            [row for row in source.rows if first <= row.day <= last], "segment"
        ).items()
    }
    part = len(known) / told["days"]
    ordered = sorted(told["segments"], key=lambda one: segment_place(one["segment"]))
    return [_row(source.name, one, came, part, len(known)) for one in ordered], len(known)


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
