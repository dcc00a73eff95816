"""Cost share of revenue (DRR), with and without repeat purchases, and what follows from it.

Amounts are decimals in one currency; shares are in per cent, rounded half up to 2 digits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

CENT = Decimal("0.01")


def cost_share(cost: Decimal, revenue: Decimal) -> Decimal | None:
    """100 cost / revenue, rounded half up to 2 digits; None without revenue."""
    return _rounded(100 * cost / revenue) if revenue > 0 else None


def romi(margin: Decimal, cost: Decimal) -> Decimal | None:
    """(margin - cost) / cost in per cent; None without cost."""
    return _rounded(100 * (margin - cost) / cost) if cost > 0 else None


def per_unit(cost: Decimal, units: int | Decimal) -> Decimal | None:
    """Cost per order (CPO), new buyer (CAC) or lead (CPL); None when there was none."""
    return _rounded(cost / units) if units > 0 else None


def break_even(margin_rate: Decimal) -> Decimal:
    """The cost share at which margin only just pays for the ads: the margin rate, in per cent."""
    return _rounded(100 * margin_rate)


def ledger_cost_shares(cost: Decimal, cumulated: Sequence[Decimal]) -> list[Decimal | None]:
    """Cost share after each further order, from revenue cumulated over the cohort (ledger form)."""
    return [cost_share(cost, revenue) for revenue in cumulated]


def rate_revenues(
    first_buyers: int, average_orders: Sequence[Decimal], return_rates: Sequence[Decimal]
) -> list[Decimal]:
    """Cumulated revenue R_K = N sum_k AOV_k prod_{j=2..k} CRR_j (rate form).

    `return_rates[0]` is CRR_2, the share of first buyers that order again; there is one rate
    fewer than there are orders.
    """
    if len(return_rates) != len(average_orders) - 1:
        raise ValueError("one return rate per order after the first")
    buyers, total, revenues = Decimal(first_buyers), Decimal(0), []
    for rate, average_order in zip([Decimal(1), *return_rates], average_orders, strict=True):
        buyers *= rate
        total += buyers * average_order
        revenues.append(total)
    return revenues


def endless_revenue(
    first_buyers: int, average_order: Decimal, second: Decimal, further: Decimal
) -> Decimal:
    """Revenue when every order after the second returns at the same rate, for ever.

    R = N AOV (1 + CRR_2 / (1 - c)), for 0 <= c < 1.
    """
    if not 0 <= further < 1:
        raise ValueError("the further return rate must lie in 0 <= c < 1")
    return first_buyers * average_order * (1 + second / (1 - further))


@dataclass(frozen=True)
class Comparison:
    """A cost figure of a segment against a base, said in a way that cannot mislead."""

    name: str
    base: Decimal
    segment: Decimal

    @property
    def ratio(self) -> Decimal:
        """Base over segment: 2.42 reads 'x 2.42 lower'."""
        return self.base / self.segment

    @property
    def decrease(self) -> Decimal:
        """100 (1 - segment / base): at most 100 per cent, negative for an increase."""
        return 100 * (1 - self.segment / self.base)

    def __str__(self) -> str:
        if self.segment <= self.base:
            return (
                f"{self.name}: {_rounded(self.ratio)} times lower "
                f"({self.decrease.quantize(Decimal('0.1'), ROUND_HALF_UP)} % decrease)"
            )
        times = _rounded(self.segment / self.base)
        rise = (-self.decrease).quantize(Decimal("0.1"), ROUND_HALF_UP)
        return f"{self.name}: {times} times higher ({rise} % increase)"


def compare(name: str, *, base: Decimal, segment: Decimal) -> Comparison:
    """Compare two positive cost figures; ValueError for others."""
    if base <= 0 or segment <= 0:
        raise ValueError(f"{name}: only positive figures can be compared")
    return Comparison(name, base, segment)


@dataclass(frozen=True)
class Cell:
    """One campaign x segment: what it cost and what profit it made."""

    name: str
    cost: Decimal
    profit: Decimal


@dataclass(frozen=True)
class Concentration:
    """How profit gathers in few cells: points (budget share, profit share), steepest first."""

    points: tuple[tuple[Decimal, Decimal], ...]
    losses: Decimal
    """Summed profit of the cells that lost money, as a positive amount: not in the curve."""

    def profit_at(self, budget_share: Decimal) -> Decimal:
        """Profit share P(q) at a budget share q, linear between cells."""
        for (q0, p0), (q1, p1) in pairwise(self.points):
            if q0 <= budget_share <= q1:
                return p0 if q1 == q0 else p0 + (p1 - p0) * (budget_share - q0) / (q1 - q0)
        return Decimal(1) if budget_share > 0 else Decimal(0)

    def budget_for(self, profit_share: Decimal) -> Decimal:
        """Least budget share with at least this profit share (q80 for 0.8)."""
        for (q0, p0), (q1, p1) in pairwise(self.points):
            if p1 >= profit_share:
                return (
                    q1
                    if p1 == p0
                    else q0 + (q1 - q0) * max(profit_share - p0, Decimal(0)) / (p1 - p0)
                )
        raise ValueError("no cell made a profit")


def concentrate(cells: Sequence[Cell]) -> Concentration:
    """Order cells by profit per cost; shares are of all cost and of summed positive profit."""
    budget = sum((cell.cost for cell in cells), Decimal(0))
    gains = [cell for cell in cells if cell.profit > 0]
    profit = sum((cell.profit for cell in gains), Decimal(0))
    losses = -sum((cell.profit for cell in cells if cell.profit < 0), Decimal(0))
    if budget <= 0 or profit <= 0:
        return Concentration(((Decimal(0), Decimal(0)),), losses)
    spent, earned, points = Decimal(0), Decimal(0), [(Decimal(0), Decimal(0))]
    for cell in sorted(gains, key=_steepest):
        spent, earned = spent + cell.cost, earned + cell.profit
        points.append((spent / budget, earned / profit))
    return Concentration(tuple(points), losses)


def _steepest(cell: Cell) -> tuple[Decimal, str]:
    """Free profit first, then the most profit per cost; names break ties."""
    return (-cell.profit / cell.cost if cell.cost > 0 else Decimal("-Infinity"), cell.name)


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)
