"""From assignments and orders to sums per segment and arm: all that an analysis needs of people.

Everything is of the action as intended: who was assigned counts, whoever was reached. Amounts are
cut at a quantile stated in advance. method.md 4.5, 5.4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
from ibis import _

from config.experiments import Metric
from measurement.lift import RatioArm

EVERYONE = "everyone"
"""Stands for all segments of an experiment together."""


@dataclass(frozen=True)
class ArmSums:
    """One arm in sums over its people: y now, x before, orders now, and those who bought."""

    people: int
    y: float = 0.0
    yy: float = 0.0
    x: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    orders: float = 0.0
    orders_squared: float = 0.0
    y_orders: float = 0.0
    buyers: int = 0

    def plus(self, other: "ArmSums") -> "ArmSums":
        """Both together."""
        fields = self.__dataclass_fields__
        return ArmSums(*(getattr(self, name) + getattr(other, name) for name in fields))


Sums = Mapping[tuple[str, bool], ArmSums]
"""By segment and whether held."""


def outcomes(
    assigned: ir.Table,
    occasions: ir.Table,
    *,
    until: date,
    metric: Metric,
    history_days: int,
    margin_rate: float | None,
) -> ir.Table:
    """One row per person: (segment, held, y, x, orders).

    assigned: ASSIGNMENTS of one experiment. What is bought counts from the day after the assignment
    until `until`; x is the same of the `history_days` up to the assignment.
    """
    people = assigned.filter(~assigned.mixed & (assigned.since <= ibis.literal(until)))
    people = people.select("person_id", "segment", "held", "since")
    earned = occasions.revenue * (margin_rate or 1.0)
    margin = ibis.coalesce(occasions.margin, earned)
    amount = margin if metric is Metric.MARGIN else occasions.revenue
    bought = occasions.select("person_id", "day", "orders", amount=amount)
    both = people.join(bought, "person_id")
    age = both.day.delta(both.since, unit="day")
    now = (age >= 1) & (both.day <= ibis.literal(until))
    before = (age <= 0) & (age > -history_days)
    sums = both.group_by("person_id").aggregate(
        y=both.amount.sum(where=now).fill_null(0.0),
        x=both.amount.sum(where=before).fill_null(0.0),
        orders=both.orders.sum(where=now).fill_null(0),
    )
    rows = people.left_join(sums, "person_id")
    y, x = rows.y.fill_null(0.0), rows.x.fill_null(0.0)
    orders = rows.orders.fill_null(0).cast("float64")
    if metric is Metric.BUYERS:
        y, x = (orders > 0).cast("float64"), (x > 0).cast("float64")
    return rows.select("segment", "held", y=y, x=x, orders=orders)


def sums_of(table: ir.Table, *, winsorize: float, metric: Metric) -> Sums:
    """Sums per segment and arm; buyers' amounts over the quantile, of both arms, are cut to it."""
    if winsorize < 1 and metric is not Metric.BUYERS:
        cuts = table.aggregate(
            y=table.y.quantile(winsorize, where=table.y > 0),
            x=table.x.quantile(winsorize, where=table.x > 0),
        )
        (cut,) = cuts.to_pyarrow().to_pylist()
        y = table.y if cut["y"] is None else ibis.least(table.y, cut["y"])
        x = table.x if cut["x"] is None else ibis.least(table.x, cut["x"])
        table = table.mutate(y=y, x=x)
    found = table.group_by("segment", "held").aggregate(
        people=_.count(),
        y=_.y.sum(),
        yy=(_.y * _.y).sum(),
        x=_.x.sum(),
        xx=(_.x * _.x).sum(),
        xy=(_.x * _.y).sum(),
        orders=_.orders.sum(),
        orders_squared=(_.orders * _.orders).sum(),
        y_orders=(_.y * _.orders).sum(),
        buyers=(_.orders > 0).sum(),
    )
    rows = found.order_by("segment", "held").to_pyarrow().to_pylist()
    return {(row.pop("segment"), row.pop("held")): ArmSums(**row) for row in rows}


def arms(sums: Sums, segment: str) -> tuple[ArmSums, ArmSums]:
    """Treated and held of a segment, or of EVERYONE."""
    found = [ArmSums(0), ArmSums(0)]
    for (name, held), one in sorted(sums.items()):
        if segment in (EVERYONE, name):
            found[held] = found[held].plus(one)
    return found[0], found[1]


def per_order(one: ArmSums) -> RatioArm:
    """Amount and orders of each person."""
    return _pair(one.people, one.y, one.yy, one.orders, one.orders_squared, one.y_orders)


def with_history(one: ArmSums) -> RatioArm:
    """Amount now and before of each person."""
    return _pair(one.people, one.y, one.yy, one.x, one.xx, one.xy)


def _pair(people: int, a: float, aa: float, b: float, bb: float, ab: float) -> RatioArm:
    first, second = a / people, b / people
    return RatioArm(
        people,
        first,
        second,
        max(aa - people * first * first, 0.0) / (people - 1),
        max(bb - people * second * second, 0.0) / (people - 1),
        (ab - people * first * second) / (people - 1),
    )
