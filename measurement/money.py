"""Cost share, ROMI and unit costs by segment, campaign, channel: sums over days of spend.

Amounts are decimals, without VAT and in one currency. What a platform did not tell is not nought:
the cost share is of the cost whose revenue was told, and the rest is said apart.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from measurement.cost_share import (
    Cell,
    Concentration,
    break_even,
    compare,
    concentrate,
    cost_share,
    per_unit,
    romi,
)
from measurement.tables import Cell as TableCell
from measurement.tables import Column, Kind, columns

NOTHING = Decimal(0)


@dataclass(frozen=True)
class Spend:
    """What one segment of one ad group (or campaign) cost on one day, and what came of it."""

    source: str
    """The account, or the export whose file says so."""
    platform: str
    campaign: str
    ad_group: str
    segment: str
    day: date
    impressions: int
    clicks: int
    cost: Decimal
    conversions: Decimal | None
    revenue: Decimal | None


@dataclass(frozen=True)
class Sums:
    """Sums over rows of spend."""

    impressions: int = 0
    clicks: int = 0
    cost: Decimal = NOTHING
    conversions: Decimal = NOTHING
    revenue: Decimal = NOTHING
    cost_of_orders: Decimal = NOTHING
    """Cost of the rows whose orders were told."""
    cost_of_revenue: Decimal = NOTHING
    """Cost of the rows whose revenue was told."""

    def plus(self, row: Spend) -> "Sums":
        """The same and one row."""
        return Sums(
            self.impressions + row.impressions,
            self.clicks + row.clicks,
            self.cost + row.cost,
            self.conversions + (row.conversions or NOTHING),
            self.revenue + (row.revenue or NOTHING),
            self.cost_of_orders + (NOTHING if row.conversions is None else row.cost),
            self.cost_of_revenue + (NOTHING if row.revenue is None else row.cost),
        )

    @property
    def drr(self) -> Decimal | None:
        """Cost share of revenue in per cent, where revenue was told."""
        return cost_share(self.cost_of_revenue, self.revenue)

    @property
    def cpo(self) -> Decimal | None:
        """Cost per order, where orders were told."""
        return per_unit(self.cost_of_orders, self.conversions)

    def romi(self, margin_rate: Decimal | None) -> Decimal | None:
        """(margin - cost) / cost in per cent; None without a known margin."""
        if margin_rate is None or not self.revenue:
            return None
        return romi(self.revenue * margin_rate, self.cost_of_revenue)

    def profit(self, margin_rate: Decimal) -> Decimal:
        """Margin less cost, of what was told."""
        return self.revenue * margin_rate - self.cost_of_revenue


MEASURES = columns(
    impressions=Kind.COUNT,
    clicks=Kind.COUNT,
    cost=Kind.MONEY,
    conversions=Kind.COUNT,
    revenue=Kind.MONEY,
    drr=Kind.PERCENT,
    romi=Kind.PERCENT,
    cpo=Kind.MONEY,
    break_even=Kind.PERCENT,
)
"""Columns of `measures`, in this order."""

AGAINST_ALL = columns(drr_ratio=Kind.RATIO, drr_change=Kind.LIFT)
"""Columns of `against`: the cost share of the whole over this one, and how it differs."""


def total(rows: Iterable[Spend]) -> Sums:
    """The sums of all rows."""
    sums = Sums()
    for row in rows:
        sums = sums.plus(row)
    return sums


def sums_by(rows: Iterable[Spend], *fields: str) -> dict[tuple[str, ...], Sums]:
    """Sums by the named text fields of `Spend`, dearest first."""
    sums: dict[tuple[str, ...], Sums] = {}
    for row in rows:
        key = tuple(str(getattr(row, field)) for field in fields)
        sums[key] = sums.get(key, Sums()).plus(row)
    return dict(sorted(sums.items(), key=lambda item: (-item[1].cost, item[0])))


def measures(sums: Sums, margin_rate: Decimal | None) -> tuple[TableCell, ...]:
    """The cells under MEASURES."""
    return (
        sums.impressions,
        sums.clicks,
        sums.cost,
        sums.conversions if sums.cost_of_orders else None,
        sums.revenue if sums.cost_of_revenue else None,
        sums.drr,
        sums.romi(margin_rate),
        sums.cpo,
        None if margin_rate is None else break_even(margin_rate),
    )


def against(whole: Sums, sums: Sums) -> tuple[TableCell, ...]:
    """The cells under AGAINST_ALL; None where either has no cost share to compare.

    A change is never under -1: nothing is lower by more than 100 %.
    """
    if not whole.drr or not sums.drr:
        return None, None
    compared = compare("DRR", base=whole.drr, segment=sums.drr)
    return compared.ratio, -compared.decrease / 100


def profit_concentration(rows: Sequence[Spend], margin_rate: Decimal) -> Concentration:
    """How profit gathers in cells of campaign x ad group x segment."""
    told = [row for row in rows if row.revenue is not None]
    cells = sums_by(told, "source", "campaign", "ad_group", "segment")
    return concentrate(
        [
            Cell(" / ".join(filter(None, key)), sums.cost, sums.profit(margin_rate))
            for key, sums in cells.items()
        ]
    )


KEY_COLUMNS = {
    "source": Kind.TEXT,
    "platform": Kind.TEXT,
    "campaign": Kind.TEXT,
    "ad_group": Kind.TEXT,
    "segment": Kind.NAME,
    "day": Kind.DAY,
}


def key_columns(*fields: str) -> tuple[Column, ...]:
    """Columns of the fields that sums are by."""
    return tuple(Column(field, KEY_COLUMNS[field]) for field in fields)
