"""Every day of spend that is known, from accounts and from cost files, as the shop counts money.

Days of which nobody told are holes: they are shown and never filled.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

import ibis

from bids.model import Level
from bids.weeks import EVERYONE_ELSE
from config.labels import SEGMENT_LABELS
from flows.measuring import WINDOW_DAYS, days_of_spend, reporting, segments_of
from flows.workshop import Workshop
from measurement.money import Spend
from measurement.spend import DayOfSpend, days_known


@dataclass(frozen=True)
class Source:
    """One account, or one platform of a cost file: all its days of spend, in the shop's money."""

    name: str
    platform: str
    rows: tuple[Spend, ...]
    known: frozenset[date]
    """Days that were told, also those on which nothing was spent."""
    currency: str
    """In which it was told."""
    vat_percent: Decimal
    """What the amounts as they came held of it."""
    left_out: int = 0
    """Days of a cost file that an account of the same platform tells itself."""

    def window(self, days: int) -> tuple[date, date] | None:
        """First and last of the `days` days up to the last known one; None without any."""
        if not self.known:
            return None
        last = max(self.known)
        return last - timedelta(days=days - 1), last

    def holes(self, days: int) -> tuple[date, ...]:
        """Days of the window of which nothing was told."""
        window = self.window(days)
        if window is None:
            return ()
        each = (window[0] + timedelta(days=number) for number in range(days))
        return tuple(day for day in each if day not in self.known)

    def within(self, days: int) -> tuple[Spend, ...]:
        """The rows of the window."""
        window = self.window(days)
        if window is None:
            return ()
        return tuple(row for row in self.rows if window[0] <= row.day <= window[1])


def spending(workshop: Workshop) -> tuple[Source, ...]:
    """Every source that tells of spend; raises CannotRun for a currency without a rate."""
    accounts = [_account(workshop, name) for name in reporting(workshop)]
    return (*accounts, *_files(workshop, accounts))


def window_rows(sources: Sequence[Source], days: int = WINDOW_DAYS) -> tuple[Spend, ...]:
    """The rows of each source's own window: an account's ends yesterday, a file's when it ends."""
    return tuple(row for source in sources for row in source.within(days))


def spent_by_month(sources: Sequence[Source], segments: Sequence[str]) -> dict[str, Decimal | None]:
    """What was spent on some segments in each month (2011-05).

    None where a source that tells anything of the month misses a day of it.
    """
    months: dict[str, Decimal | None] = {}
    for source in sources:
        for month, days in _months(source.known).items():
            mine = [row for row in source.rows if f"{row.day:%Y-%m}" == month]
            cost = sum((row.cost for row in mine if row.segment in segments), Decimal(0))
            before = months.get(month, Decimal(0))
            whole = before is not None and len(days) == _length(days[0])
            months[month] = before + cost if before is not None and whole else None
    return dict(sorted(months.items()))


def _months(days: frozenset[date]) -> dict[str, list[date]]:
    months: dict[str, list[date]] = {}
    for day in sorted(days):
        months.setdefault(f"{day:%Y-%m}", []).append(day)
    return months


def _length(day: date) -> int:
    """Days of a day's month."""
    after = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return (after - timedelta(days=1)).day


def _noughts(rows: Sequence[Spend]) -> tuple[Spend, ...]:
    """A source that tells orders or revenue at all leaves them out where there were none.

    One that never does stays silent: its cost has no cost share.
    """
    orders = any(row.conversions is not None for row in rows)
    revenue = any(row.revenue is not None for row in rows)
    return tuple(
        replace(
            row,
            conversions=row.conversions or Decimal(0) if orders else None,
            revenue=row.revenue or Decimal(0) if revenue else None,
        )
        for row in rows
    )


# Accounts


def _account(workshop: Workshop, name: str) -> Source:
    account = workshop.project.account(name)
    with workshop.catalog.begin() as connection:
        known = days_known(connection, name)
    segments = segments_of(workshop, name)
    rows = days_of_spend(workshop, name, min(known), max(known)) if known else ()
    return Source(
        name,
        account.platform,
        _noughts([_spend(row, segments) for row in rows]),
        known,
        account.currency or workshop.project.adsteer.shop.currency,
        account.vat_percent,
    )


def _spend(row: DayOfSpend, segments: Mapping[str, str]) -> Spend:
    group = row.object.level is not Level.CAMPAIGN
    return Spend(
        source=row.object.account,
        platform=row.object.platform,
        campaign="" if group else row.object.object_id,
        ad_group=row.object.object_id if group else "",
        segment=segments.get(row.condition_id or "", EVERYONE_ELSE),
        day=row.day,
        impressions=row.impressions,
        clicks=row.clicks,
        cost=row.cost,
        conversions=row.conversions,
        revenue=row.revenue,
    )


# Cost files


def _files(workshop: Workshop, accounts: Sequence[Source]) -> Iterator[Source]:
    """A source per export and platform; what an account tells itself does not count twice.

    Files were turned into the shop's money when they were read.
    """
    if workshop.find_snapshot("costs") is None:
        return
    table = workshop.table("costs")
    if "ad_group_id" not in table.columns:  # kept by a program that knew no ad groups
        table = table.mutate(ad_group_id=ibis.null("string"))
    keys = ["source", "platform", "campaign_id", "ad_group_id", "segment", "date"]
    figures = ["impressions", "clicks", "cost", "conversions", "revenue"]
    sums = table.group_by(keys).aggregate(**{name: table[name].sum() for name in figures})
    files: dict[tuple[str, str], list[Spend]] = {}
    for row in sums.order_by(keys).to_pyarrow().to_pylist():
        one = _of_file(workshop, row)
        files.setdefault((one.source, one.platform), []).append(one)
    exports = {one.source: one for one in workshop.project.exports.export}
    shop = workshop.project.adsteer.shop
    for (name, platform), rows in files.items():
        told = {day for one in accounts if one.platform == platform for day in one.known}
        known = frozenset(row.day for row in rows)
        export = exports.get(name)
        yield Source(
            name,
            platform,
            _noughts([row for row in rows if row.day not in told]),
            known,
            (export.currency if export else None) or shop.currency,
            export.vat_percent if export else Decimal(0),
            len(known & told),
        )


def _of_file(workshop: Workshop, row: Mapping[str, object]) -> Spend:
    revenue, orders = row["revenue"], row["conversions"]
    return Spend(
        source=str(row["source"]),
        platform=str(row["platform"]),
        campaign=str(row["campaign_id"]),
        ad_group=str(row["ad_group_id"] or ""),
        segment=_segment(workshop, row["segment"]),
        day=date.fromisoformat(str(row["date"])),
        impressions=int(str(row["impressions"] or 0)),
        clicks=int(str(row["clicks"] or 0)),
        cost=Decimal(str(row["cost"])),
        conversions=None if orders is None else Decimal(str(orders)),
        revenue=None if revenue is None else Decimal(str(revenue)),
    )


def _segment(workshop: Workshop, written: object) -> str:
    """A segment as a file writes it, by name or label; empty is everybody else."""
    text = str(written or "").strip()
    if not text:
        return EVERYONE_ELSE
    for name, labels in SEGMENT_LABELS.items():
        called = (name, labels.en, labels.ru, labels.uk, workshop.project.label(name))
        if text.casefold() in {one.casefold() for one in called}:
            return name
    return text
