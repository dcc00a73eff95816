"""What the people of each segment buy: repeat rate, repeat revenue, rhythm, order, margin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir


@dataclass(frozen=True)
class SegmentFigures:
    """Sums over the people of one segment, and what follows from them; None of nothing."""

    people: int
    buyers: int
    again: int
    """Buyers with two purchases or more."""
    orders: int
    revenue: float
    repeat_revenue: float
    """Revenue of second and later purchases."""
    gap_days: int
    """Days between first and last purchase, summed."""
    recent_revenue: float
    recent_margin: float | None
    """None where no margin is known."""

    @property
    def repeat_rate(self) -> float | None:
        return self.again / self.buyers if self.buyers else None

    @property
    def repeat_share(self) -> float | None:
        return self.repeat_revenue / self.revenue if self.revenue else None

    @property
    def mean_gap(self) -> float | None:
        gaps = self.orders - self.buyers
        return self.gap_days / gaps if gaps else None

    @property
    def average_order(self) -> float | None:
        return self.revenue / self.orders if self.orders else None

    def per_customer(self, amount: float | None) -> float | None:
        """An amount over the segment's buyers."""
        return amount / self.buyers if self.buyers and amount is not None else None


def segment_figures(
    segmented: ir.Table,
    occasions: ir.Table,
    *,
    as_of: date,
    days: int,
    margin_rate: float | None,
) -> dict[str, SegmentFigures]:
    """Figures by segment of SEGMENTED at `as_of`; recent sums are of the last `days` days.

    Margin is the orders' own, else revenue at `margin_rate`; where some purchase has neither, the
    segment's margin is unknown.
    """
    rate = ibis.literal(margin_rate, type="float64")
    known = occasions.filter(occasions.day <= ibis.literal(as_of))
    recent = known.day > ibis.literal(as_of - timedelta(days=days))
    first = ibis.window(group_by=known.person_id, order_by=known.day)
    margin = ibis.coalesce(known.margin, known.revenue * rate)
    rows = known.mutate(
        cents=_cents(known.revenue),
        margin_cents=_cents(margin),
        is_first=ibis.row_number().over(first) == 0,
        is_recent=recent,
    )
    one = rows.group_by("person_id").aggregate(
        orders=rows.count(),
        cents=rows.cents.sum(),
        repeat_cents=rows.cents.sum(where=~rows.is_first),
        gap=rows.day.max().delta(rows.day.min(), unit="day"),
        recent_cents=rows.cents.sum(where=rows.is_recent),
        recent_margin=rows.margin_cents.sum(where=rows.is_recent),
        unknown=(rows.is_recent & rows.margin_cents.isnull()).cast("int64").sum(),
    )
    both = segmented.select("person_id", "segment").left_join(one, "person_id")
    sums = both.group_by("segment").aggregate(
        people=both.count(),
        buyers=both.orders.count(),
        again=(both.orders > 1).cast("int64").sum(),
        **{
            name: both[name].sum()
            for name in ("orders", "cents", "repeat_cents", "gap", "recent_cents", "recent_margin")
        },
        unknown=both.unknown.sum(),
    )
    return {row["segment"]: _figures(row) for row in sums.to_pyarrow().to_pylist()}


def _cents(amount: ir.NumericValue) -> ir.IntegerValue:
    """Whole cents, whose sums do not depend on the order of rows."""
    return (amount * 100).round().cast("int64")


def _figures(row: Mapping[str, int | None]) -> SegmentFigures:
    told = {name: int(value or 0) for name, value in row.items() if name != "segment"}
    return SegmentFigures(
        people=told["people"],
        buyers=told["buyers"],
        again=told["again"],
        orders=told["orders"],
        revenue=told["cents"] / 100,
        repeat_revenue=told["repeat_cents"] / 100,
        gap_days=told["gap"],
        recent_revenue=told["recent_cents"] / 100,
        recent_margin=None if told["unknown"] else told["recent_margin"] / 100,
    )


def all_of(figures: Sequence[SegmentFigures]) -> SegmentFigures:
    """The base as a whole."""
    margins = [one.recent_margin for one in figures]
    known = [margin for margin in margins if margin is not None]
    return SegmentFigures(
        people=sum(one.people for one in figures),
        buyers=sum(one.buyers for one in figures),
        again=sum(one.again for one in figures),
        orders=sum(one.orders for one in figures),
        revenue=sum(one.revenue for one in figures),
        repeat_revenue=sum(one.repeat_revenue for one in figures),
        gap_days=sum(one.gap_days for one in figures),
        recent_revenue=sum(one.recent_revenue for one in figures),
        recent_margin=sum(known) if len(known) == len(margins) else None,
    )
