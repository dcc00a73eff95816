"""What a click of a segment is worth, and how sure the data are of it.

method.md 4.1 and 4.2: the best modifier of a segment is its value per click over its price per
click at modifier 1, relative to the same ratio of the whole account. The logarithm of that absolute
target is shrunk toward the segment's prior; a weekly factor never is, for it would compound.
Nothing here depends on the order of segments (sums are exact) or on the currency.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, fsum, inf, log, sqrt

DECAY = 0.85
"""Weight of a week against the week after it."""
CONVERSIONS_FLOOR = 0.5
RATIO_FLOOR = 0.02
DEFAULT_CV = 0.8
"""Standard deviation over mean of order value, where the shop's own is not known."""


@dataclass(frozen=True)
class SegmentWeek:
    """One segment's figures in one week; amounts in the account's currency.

    `age` counts weeks before the newest; `modifier` is the factor in force (1 = none).
    """

    segment: str
    age: int
    clicks: float
    conversions: float
    revenue: float
    cost: float
    modifier: float = 1.0
    new_orders: float = 0.0
    """First orders of new customers among the conversions."""


@dataclass(frozen=True)
class Worth:
    """What a segment's revenue is worth: incrementality, margin, and what a new customer brings.

    `new_customer` is predicted CLV over the horizon less the first order's margin, per first order.
    """

    incrementality: float = 1.0
    margin_rate: float = 1.0
    new_customer: float = 0.0
    incrementality_from: str = "assumed: nothing is measured"


@dataclass(frozen=True)
class Totals:
    """A segment's decayed sums and what follows from them."""

    segment: str
    clicks: float
    conversions: float
    revenue: float
    cost: float
    value: float
    clicks_at_price: float
    """Clicks times modifier to the power kap: cost over it is the price at modifier 1."""

    @property
    def price(self) -> float | None:
        """Price per click as if the modifier were 1; None without clicks or cost."""
        if self.clicks_at_price <= 0 or self.cost <= 0:
            return None
        return self.cost / self.clicks_at_price


@dataclass(frozen=True)
class Estimate:
    """One segment's target before caps, steps and equal spend. Logarithms are natural."""

    segment: str
    totals: Totals
    ratio: float | None
    """rho: value over price per click against the account's; None without data."""
    log_target: float | None
    variance: float
    prior: float
    weight: float
    """B: how much the data say against the prior, 0..1."""
    log_shrunk: float
    deviation: float
    target: float
    """The modifier to aim at, up to one factor common to all segments."""
    ceiling: float = inf
    """Largest modifier the wanted cost share allows."""

    @property
    def inputs(self) -> dict[str, float | str]:
        """The figures behind the target, for the audit."""
        return {
            "clicks_weighted": self.totals.clicks,
            "conversions_weighted": self.totals.conversions,
            "cost_weighted": self.totals.cost,
            "revenue_weighted": self.totals.revenue,
            "value_weighted": self.totals.value,
            "ratio": "none" if self.ratio is None else self.ratio,
            "prior_log": self.prior,
            "shrinkage_weight": self.weight,
            "target": self.target,
        }


@dataclass(frozen=True)
class Estimates:
    """All segments of an account, sorted by name, with the spread found between them."""

    segments: tuple[Estimate, ...]
    spread: float
    """tau squared: variance of true log targets between segments."""
    centre: float
    """mu: mean of what the data say beyond the priors; absorbed when spend is made equal."""

    def __getitem__(self, segment: str) -> Estimate:
        return next(one for one in self.segments if one.segment == segment)


def add_up(
    weeks: Sequence[SegmentWeek], worth: Mapping[str, Worth], kap: float = 1.0
) -> tuple[Totals, ...]:
    """Decayed sums per segment, sorted by name (method.md 4.1)."""
    return tuple(
        _totals(name, [week for week in weeks if week.segment == name], worth, kap)
        for name in sorted({week.segment for week in weeks})
    )


def _totals(
    name: str, weeks: Sequence[SegmentWeek], worth: Mapping[str, Worth], kap: float
) -> Totals:
    def summed(amount: Callable[[SegmentWeek], float]) -> float:
        return fsum(DECAY**week.age * amount(week) for week in weeks)

    its = worth.get(name, Worth())
    revenue = summed(lambda week: week.revenue)
    new_orders = summed(lambda week: week.new_orders)
    return Totals(
        segment=name,
        clicks=summed(lambda week: week.clicks),
        conversions=summed(lambda week: week.conversions),
        revenue=revenue,
        cost=summed(lambda week: week.cost),
        value=its.incrementality * (its.margin_rate * revenue + new_orders * its.new_customer),
        clicks_at_price=summed(lambda week: week.clicks * week.modifier**kap),
    )


def estimate(
    weeks: Sequence[SegmentWeek],
    *,
    worth: Mapping[str, Worth] | None = None,
    priors: Mapping[str, float] | None = None,
    cv: float = DEFAULT_CV,
    kap: float = 1.0,
    cautious: float | None = None,
    cost_share: float | None = None,
) -> Estimates:
    """Estimate every segment that the weeks name (method.md 4.1, 4.2).

    priors: factor per segment (0.7 for -30 %), 1 where missing. kap: how price moves with the bid.
    cautious: z of the cautious mode, None for the plain estimate. cost_share: largest wanted cost
    per revenue (0.1 for a DRR of 10 %). Raises ValueError where no segment has cost and value.
    """
    totals = add_up(weeks, worth or {}, kap)
    ratios = _ratios(totals)
    hints = {one.segment: log((priors or {}).get(one.segment, 1.0)) for one in totals}
    logs = {name: log(max(ratio, RATIO_FLOOR)) / kap for name, ratio in ratios.items()}
    variances = {
        one.segment: (1 + cv**2) / (max(one.conversions, CONVERSIONS_FLOOR) * kap**2)
        for one in totals
    }
    beyond = [(logs[name] - hints[name], variances[name]) for name in sorted(logs)]
    spread = paule_mandel(beyond)
    centre = _weighted_mean(beyond, spread)
    rows = []
    for one in totals:
        name = one.segment
        known = name in logs
        weight = spread / (spread + variances[name]) if known else 0.0
        away = logs[name] - hints[name] - centre if known else 0.0
        shrunk = hints[name] + centre + weight * away
        deviation = sqrt(weight * variances[name]) if known else sqrt(spread)
        rows.append(
            Estimate(
                segment=name,
                totals=one,
                ratio=ratios.get(name),
                log_target=logs.get(name),
                variance=variances[name],
                prior=hints[name],
                weight=weight,
                log_shrunk=shrunk,
                deviation=deviation,
                target=_target(shrunk, deviation, cautious),
                ceiling=_ceiling(one, cost_share),
            )
        )
    return Estimates(tuple(rows), spread, centre)


def _ratios(totals: Sequence[Totals]) -> dict[str, float]:
    """rho of every segment with clicks and cost; 1 is the account's average."""
    known = [(one, one.price) for one in totals]
    value = fsum(one.value for one, price in known if price)
    spent = fsum(one.clicks * price for one, price in known if price)
    if value <= 0 or spent <= 0:
        raise ValueError("no segment has both cost and value: nothing can be estimated")
    return {
        one.segment: (one.value / one.clicks / price) / (value / spent)
        for one, price in known
        if price
    }


def paule_mandel(observed: Sequence[tuple[float, float]]) -> float:
    """Variance between segments from (deviation, own variance) pairs, by bisection; never below 0.

    Solves sum w (e - mu)^2 = S - 1 with w = 1 / (own variance + tau2).
    """
    goal = len(observed) - 1

    def excess(spread: float) -> float:
        centre = _weighted_mean(observed, spread)
        return fsum((e - centre) ** 2 / (own + spread) for e, own in observed) - goal

    if goal < 1 or excess(0.0) <= 0:
        return 0.0
    low, high = 0.0, 1.0
    while excess(high) > 0:
        high *= 2
    while high - low > 1e-13 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return (low + high) / 2


def _weighted_mean(observed: Sequence[tuple[float, float]], spread: float) -> float:
    weights = fsum(1 / (own + spread) for _, own in observed)
    return fsum(e / (own + spread) for e, own in observed) / weights


def _target(shrunk: float, deviation: float, cautious: float | None) -> float:
    """Plain, or in the cautious mode only as far as the data are sure."""
    if cautious is None:
        return exp(shrunk)
    sure_raise, sure_cut = shrunk - cautious * deviation, shrunk + cautious * deviation
    if sure_raise > 0:
        return exp(sure_raise)
    return exp(sure_cut) if sure_cut < 0 else 1.0


def _ceiling(totals: Totals, cost_share: float | None) -> float:
    """Modifier at which a click costs the wanted share of the revenue it brings."""
    if cost_share is None or not totals.price or totals.clicks <= 0:
        return inf
    return cost_share * (totals.revenue / totals.clicks) / totals.price
