"""The report's table of channels: leads, new buyers, orders, and what they cost."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import ibis

from flows.measuring import WINDOW_DAYS
from flows.spending import Source
from flows.workshop import Workshop
from measurement.cost_share import cost_share, per_unit
from measurement.tables import Kind, Note, Table, columns


def channel_table(workshop: Workshop, sources: Sequence[Source], as_of: date) -> Table:
    """By first channel: leads, new buyers and orders of the window, and what they cost.

    A channel's cost is that of the platform of the same name; money in is the shop's own orders.
    """
    first = as_of - timedelta(days=WINDOW_DAYS - 1)
    costs = _platform_costs(sources, first, as_of)
    leads, new = _won(workshop, first, as_of)
    orders = _orders(workshop, first, as_of)
    names = {*leads, *new, *orders, *costs}
    ordered = sorted(names, key=lambda name: (-orders.get(name, (0, 0.0))[1], name))
    rows = [
        _channel_row(
            name, leads.get(name, 0), new.get(name, 0), orders.get(name, (0, 0.0)), costs.get(name)
        )
        for name in ordered
    ]
    days = (("first", first, Kind.DAY), ("last", as_of, Kind.DAY))
    return Table(
        "channels",
        columns(
            channel=Kind.TEXT,
            leads=Kind.COUNT,
            new_buyers=Kind.COUNT,
            orders=Kind.COUNT,
            revenue_of_orders=Kind.MONEY,
            cost=Kind.MONEY,
            cpl=Kind.MONEY,
            cac=Kind.MONEY,
            cpo=Kind.MONEY,
            drr=Kind.PERCENT,
        ),
        tuple(rows),
        (Note("channel_days", days), *(() if costs else (Note("no_channel_cost"),))),
    )


def _channel_row(
    name: str, leads: int, new: int, orders: tuple[int, float], cost: Decimal | None
) -> tuple[Any, ...]:
    revenue = Decimal(str(orders[1]))
    if cost is None:
        return (name, leads, new, orders[0], revenue, None, None, None, None, None)
    units = [per_unit(cost, each) for each in (leads, new, orders[0])]
    return (name, leads, new, orders[0], revenue, cost, *units, cost_share(cost, revenue))


def _platform_costs(sources: Sequence[Source], first: date, last: date) -> dict[str, Decimal]:
    """By platform: cost of the window; a platform with a hole in it is left out."""
    window = {first + timedelta(days=number) for number in range((last - first).days + 1)}
    known: dict[str, set[date]] = {}
    for one in sources:
        known.setdefault(one.platform, set()).update(one.known)
    costs: dict[str, Decimal] = {}
    for one in sources:
        if window <= known[one.platform]:
            cost = sum((row.cost for row in one.rows if row.day in window), Decimal(0))
            costs[one.platform] = costs.get(one.platform, Decimal(0)) + cost
    return costs


def _won(workshop: Workshop, first: date, last: date) -> tuple[dict[str, int], dict[str, int]]:
    """By first channel: people who registered, and people who bought for the first time."""
    people, occasions = workshop.table("people"), workshop.table("occasions")
    begun = occasions.group_by("person_id").aggregate(first_day=occasions.day.min())
    both = people.left_join(begun, "person_id")
    days = (ibis.literal(first), ibis.literal(last))
    counted = both.group_by("channel_first").aggregate(
        leads=both.registered_on.between(*days).cast("int64").sum(),
        new=both.first_day.between(*days).cast("int64").sum(),
    )
    rows = counted.to_pyarrow().to_pylist()
    return (
        {_channel(row): row["leads"] for row in rows if row["leads"]},
        {_channel(row): row["new"] for row in rows if row["new"]},
    )


def _orders(workshop: Workshop, first: date, last: date) -> dict[str, tuple[int, float]]:
    occasions = workshop.table("occasions")
    mine = occasions.filter(occasions.day.between(ibis.literal(first), ibis.literal(last)))
    counted = mine.group_by(channel_first=mine.channel).aggregate(
        orders=mine.count(), cents=(mine.revenue * 100).round().cast("int64").sum()
    )
    rows = counted.to_pyarrow().to_pylist()
    return {_channel(row): (row["orders"], row["cents"] / 100) for row in rows}


def _channel(row: Mapping[str, Any]) -> str:
    return str(row["channel_first"] or "unknown")
