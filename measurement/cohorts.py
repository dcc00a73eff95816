"""Revenue of a cohort order by order, and the cost share with repeat purchases it gives.

A cohort is people with a first day; what they buy within `days` of it counts, their k-th purchase
occasion under k. Orders after `MOST_ORDERS` count under the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import ibis
import ibis.expr.types as ir

from measurement.cost_share import ledger_cost_shares, rate_revenues

MOST_ORDERS = 4
"""Orders told one by one; what comes later counts with the last."""

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Cohort:
    """People who began together: buyers and revenue by number of the order, from 1."""

    name: str
    people: int
    observed: float
    """Share of the people whose whole period has passed; only these are counted below."""
    buyers: tuple[int, ...]
    revenue: tuple[Decimal, ...]

    @property
    def return_rates(self) -> tuple[Decimal, ...]:
        """CRR_j = buyers of order j / buyers of order j - 1, for j from 2 on."""
        pairs = zip(self.buyers, self.buyers[1:], strict=False)
        return tuple(Decimal(later) / before if before else Decimal(0) for before, later in pairs)

    @property
    def average_orders(self) -> tuple[Decimal, ...]:
        """AOV_k: mean revenue of the k-th order."""
        pairs = zip(self.revenue, self.buyers, strict=True)
        return tuple(revenue / buyers if buyers else Decimal(0) for revenue, buyers in pairs)

    @property
    def cumulated(self) -> tuple[Decimal, ...]:
        """R_K: revenue of the first K orders."""
        return tuple(sum(self.revenue[: k + 1], Decimal(0)) for k in range(len(self.revenue)))

    @property
    def multiple(self) -> Decimal | None:
        """Revenue of all orders over that of the first ones; None where nobody bought."""
        sums = self.cumulated
        return sums[-1] / sums[0] if sums and sums[0] > 0 else None

    def cost_shares(self, cost: Decimal) -> list[Decimal | None]:
        """Ledger form: the cost share after each further order."""
        return ledger_cost_shares(cost, self.cumulated)


def follow(occasions: ir.Table, starts: ir.Table, *, days: int, newest: date) -> tuple[Cohort, ...]:
    """Each group's orders within `days` of a person's first day, that day included.

    starts: person_id, cohort (text), first_day. Only people whose period ended by `newest`, the
    last day of which orders are known, are counted: a later start has had no time to come back.
    """
    until = ibis.literal(newest - timedelta(days=days))
    aged = starts.mutate(ended=(starts.first_day <= until).cast("int64"))
    sizes = aged.group_by("cohort").aggregate(people=aged.count(), ended=aged.ended.sum())
    begun = aged.filter(aged.ended == 1).select("person_id", "cohort", "first_day")
    both = occasions.inner_join(begun, "person_id")
    within = both.filter(
        both.day >= both.first_day, both.day.delta(both.first_day, unit="day") <= days
    )
    in_order = ibis.window(group_by=within.person_id, order_by=within.day)
    numbered = within.mutate(number=ibis.row_number().over(in_order) + 1)
    number = ibis.least(numbered.number, MOST_ORDERS)
    # Whole cents add up to the same in any order of rows.
    cents = (numbered.revenue * 100).round().cast("int64")
    told = numbered.mutate(number=number, cents=cents)
    sums = told.group_by("cohort", "number").aggregate(
        buyers=told.person_id.nunique(), cents=told.cents.sum()
    )
    bought: dict[str, dict[int, tuple[int, Decimal]]] = {}
    for row in sums.to_pyarrow().to_pylist():
        orders = bought.setdefault(row["cohort"], {})
        orders[row["number"]] = row["buyers"], Decimal(int(row["cents"])) / 100
    return tuple(
        _cohort(row["cohort"], row["people"], row["ended"], bought.get(row["cohort"], {}))
        for row in sizes.order_by("cohort").to_pyarrow().to_pylist()
    )


def _cohort(name: str, people: int, ended: int, orders: dict[int, tuple[int, Decimal]]) -> Cohort:
    numbers = range(1, max(orders, default=0) + 1)
    found = [orders.get(number, (0, Decimal(0))) for number in numbers]
    return Cohort(
        name,
        people,
        ended / people if people else 0.0,
        tuple(buyers for buyers, _ in found),
        tuple(revenue for _, revenue in found),
    )


def pooled(cohorts: Sequence[Cohort]) -> Cohort:
    """All cohorts as one: the rates that a young cohort is expected to follow."""
    length = max((len(one.buyers) for one in cohorts), default=0)
    return Cohort(
        "all",
        sum(one.people for one in cohorts),
        _observed(cohorts),
        tuple(sum(one.buyers[k] for one in cohorts if k < len(one.buyers)) for k in range(length)),
        tuple(
            sum((one.revenue[k] for one in cohorts if k < len(one.revenue)), Decimal(0))
            for k in range(length)
        ),
    )


def _observed(cohorts: Sequence[Cohort]) -> float:
    people = sum(one.people for one in cohorts)
    return sum(one.observed * one.people for one in cohorts) / people if people else 0.0


def expected_revenue(first_buyers: int, rates: Cohort) -> Decimal | None:
    """Rate form: R = N sum AOV_k prod CRR_j, at the rates of an observed cohort; None without."""
    if not rates.buyers or not rates.buyers[0]:
        return None
    revenues = rate_revenues(first_buyers, rates.average_orders, rates.return_rates)
    return revenues[-1].quantize(CENT)
