"""What it cost to win a customer, by first channel: out of cost exports, or as it was written."""

from collections.abc import Mapping
from datetime import date

import ibis.expr.types as ir


def costs_per_customer(
    costs: ir.Table, known: ir.Table, people: ir.Table, *, as_of: date
) -> Mapping[str, float]:
    """CAC = cost / new buyers, per channel, over the days that the exports of costs cover.

    costs: COSTS; known: `features` at `as_of`; people: PEOPLE. A platform of the exports and a
    first channel are the same where their names are, in any case; a channel that won nobody has no
    known cost. Amounts in the shop's currency.
    """
    past = costs.filter(costs.date <= as_of)
    span = past.aggregate(first=past.date.min(), last=past.date.max()).to_pyarrow().to_pylist()[0]
    if span["first"] is None:
        return {}
    youngest, oldest = ((as_of - span[end]).days for end in ("last", "first"))
    new = known.filter(known.orders > 0, known.age_days >= youngest, known.age_days <= oldest)
    won = new.inner_join(
        people.select("person_id", channel=people.channel_first.lower()), "person_id"
    )
    buyers = _by_name(won.group_by("channel").aggregate(number=won.count()))
    spent = past.mutate(channel=past.platform.lower())
    cost = _by_name(spent.group_by("channel").aggregate(number=spent.cost.sum().cast("float64")))
    return {name: cost[name] / buyers[name] for name in sorted(cost) if buyers.get(name)}


def _by_name(table: ir.Table) -> dict[str, float]:
    rows = table.to_pyarrow().to_pylist()
    return {row["channel"]: float(row["number"]) for row in rows if row["channel"] is not None}
