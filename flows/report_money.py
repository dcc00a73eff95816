"""The report's tables about money: cost share by segment, campaign, channel, cohort."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from flows.measuring import WINDOW_DAYS
from flows.report_people import ALL, segment_place
from flows.spending import Source, window_rows
from flows.workshop import Workshop
from measurement.money import (
    AGAINST_ALL,
    MEASURES,
    Spend,
    Sums,
    against,
    key_columns,
    measures,
    profit_concentration,
    sums_by,
    total,
)
from measurement.tables import Cell, Kind, Note, Table, columns


def known_margin(workshop: Workshop) -> Decimal | None:
    """The margin rate of segments.toml; None where the shop tells none."""
    rate = workshop.project.segments.base.margin_rate
    return None if rate is None else Decimal(str(rate))


def spend_tables(sources: Sequence[Source], margin: Decimal | None) -> tuple[Table, ...]:
    """Sources with holes, and cost share by segment, campaign and platform, and day by day."""
    rows = window_rows(sources)
    whole = total(rows)
    notes = _money_notes(whole, margin)
    return (
        _sources(sources),
        _shares("drr_segments", rows, whole, margin, ("segment",), notes),
        _shares(
            "drr_campaigns", rows, whole, margin, ("source", "platform", "campaign", "ad_group")
        ),
        _shares("drr_platforms", rows, whole, margin, ("platform",)),
        _days(rows, margin),
        _concentration(rows, margin),
    )


def _money_notes(whole: Sums, margin: Decimal | None) -> tuple[Note, ...]:
    if not whole.cost:
        return (Note("no_spend"),)
    notes = [] if margin is not None else [Note("margin_unknown")]
    silent = whole.cost - whole.cost_of_revenue
    if silent:
        notes.append(Note("cost_without_revenue", (("cost", silent, Kind.MONEY),)))
    return tuple(notes)


def _shares(
    name: str,
    rows: Sequence[Spend],
    whole: Sums,
    margin: Decimal | None,
    fields: tuple[str, ...],
    notes: tuple[Note, ...] = (),
) -> Table:
    """A row per key, dearest first (segments in their usual order), and the whole."""
    sums = list(sums_by(rows, *fields).items())
    if fields == ("segment",):
        sums.sort(key=lambda item: (segment_place(item[0][0]), item[0]))
    lines: list[tuple[Cell, ...]] = [
        (*key, *measures(one, margin), *against(whole, one)) for key, one in sums
    ]
    if lines:
        last = (ALL, *[""] * (len(fields) - 1))
        lines.append((*last, *measures(whole, margin), None, None))
    return Table(name, (*key_columns(*fields), *MEASURES, *AGAINST_ALL), tuple(lines), notes)


def _days(rows: Sequence[Spend], margin: Decimal | None) -> Table:
    """Every row of the window: what everything else is added up from."""
    fields = ("day", "source", "platform", "campaign", "ad_group", "segment")
    ordered = sorted(rows, key=lambda row: tuple(str(getattr(row, field)) for field in fields))
    lines = tuple(
        (*(getattr(row, field) for field in fields), *measures(Sums().plus(row), margin))
        for row in ordered
    )
    return Table("spend_days", (*key_columns(*fields), *MEASURES), lines)


def _sources(sources: Sequence[Source]) -> Table:
    rows, notes = [], []
    for one in sources:
        window, missing = one.window(WINDOW_DAYS), one.holes(WINDOW_DAYS)
        first, last = window or (None, None)
        rows.append(
            (
                one.name,
                one.platform,
                first,
                last,
                len(missing) if window else None,
                ", ".join(ranges(missing)) if window else None,
                one.currency,
                one.vat_percent,
            )
        )
        name = ("source", f"{one.name} ({one.platform})", Kind.TEXT)
        if window is None:
            notes.append(Note("source_silent", (name,)))
        if one.left_out:
            notes.append(Note("told_twice", (name, ("days", one.left_out, Kind.COUNT))))
    return Table(
        "sources",
        columns(
            source=Kind.TEXT,
            platform=Kind.TEXT,
            first_day=Kind.DAY,
            last_day=Kind.DAY,
            missing_days=Kind.COUNT,
            missing=Kind.TEXT,
            currency=Kind.TEXT,
            vat=Kind.PERCENT,
        ),
        tuple(rows),
        tuple(notes),
    )


def ranges(days: Sequence[date]) -> list[str]:
    """Days as ranges: 2026-03-01..2026-03-04."""
    found: list[list[date]] = []
    for day in sorted(days):
        if found and day - found[-1][-1] == timedelta(days=1):
            found[-1].append(day)
        else:
            found.append([day])
    return [f"{run[0]}..{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in found]


def _concentration(rows: Sequence[Spend], margin: Decimal | None) -> Table:
    """Profit share at budget share over cells of campaign x segment, steepest first."""
    shape = columns(budget_share=Kind.SHARE, profit_share=Kind.SHARE)
    if margin is None:
        return Table("profit_concentration", shape, (), (Note("margin_unknown"),))
    found = profit_concentration(rows, margin)
    if len(found.points) < 2:
        return Table("profit_concentration", shape, (), (Note("no_profit"),))
    figures = (
        ("budget", found.budget_for(Decimal("0.8")), Kind.SHARE),
        ("losses", found.losses, Kind.MONEY),
    )
    return Table("profit_concentration", shape, found.points, (Note("profit_gathers", figures),))
