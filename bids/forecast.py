"""What corrections are expected to spend and bring, with the range the data allow.

Spend moves with the modifier as its power eta, clicks and so revenue as its power eta - kap
(method.md 4.1). Two things are not known: the coming conversions, from the conversions seen, and
how much the market answers, from eta's error. Ranges hold 80 % of what may come; amounts are in the
currency and over the period of the figures given.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, fsum, log, sqrt

from bids.estimates import CONVERSIONS_FLOOR, DEFAULT_CV
from bids.neutral import DEFAULT_ETA, Elasticity

SURE = 1.2816
"""Standard deviations on either side that hold 80 %."""
DEFAULT_ETA_ERROR = 0.3
"""Taken for eta's standard error where the account has not told its own."""


@dataclass(frozen=True)
class Range:
    """Expected value, and the bounds between which 80 % of outcomes lie."""

    expected: float
    low: float
    high: float


@dataclass(frozen=True)
class Figures:
    """One segment in the period behind: at which modifier it spent and brought what."""

    segment: str
    cost: float
    revenue: float
    conversions: float
    modifier: float = 1.0


@dataclass(frozen=True)
class Outlook:
    """Spend, revenue and cost share (DRR, 0.1 is 10 %; None without revenue) at some modifiers."""

    spend: Range
    revenue: Range
    cost_share: Range | None


@dataclass(frozen=True)
class SegmentForecast:
    """One segment, or all of them, at present corrections and at the wanted ones."""

    segment: str
    present: Outlook
    wanted: Outlook


@dataclass(frozen=True)
class Forecast:
    """Segments sorted by name, their sum, and where eta came from."""

    segments: tuple[SegmentForecast, ...]
    total: SegmentForecast
    elasticity: Elasticity


def forecast(
    figures: Sequence[Figures],
    wanted: Mapping[str, float],
    *,
    elasticity: Elasticity | None = None,
    kap: float = 1.0,
    cv: float = DEFAULT_CV,
) -> Forecast:
    """Forecast every segment; one that `wanted` does not name keeps its modifier.

    A modifier of 0 spends and brings nothing. Raises ValueError for figures at modifier 0: what
    was shut off tells nothing about other bids.
    """
    eta = elasticity or Elasticity(DEFAULT_ETA, "default", 0)
    ordered = sorted(figures, key=lambda one: one.segment)
    for one in ordered:
        if one.modifier <= 0:
            raise ValueError(f"{one.segment}: figures at modifier 0 cannot be forecast from")
    steps = [wanted.get(one.segment, one.modifier) / one.modifier for one in ordered]
    stays = [1.0] * len(ordered)
    rows = tuple(
        SegmentForecast(
            one.segment,
            _outlook([one], [1.0], eta, kap, cv),
            _outlook([one], [step], eta, kap, cv),
        )
        for one, step in zip(ordered, steps, strict=True)
    )
    total = SegmentForecast(
        "all",
        _outlook(ordered, stays, eta, kap, cv),
        _outlook(ordered, steps, eta, kap, cv),
    )
    return Forecast(rows, total, eta)


def _outlook(
    figures: Sequence[Figures], steps: Sequence[float], eta: Elasticity, kap: float, cv: float
) -> Outlook:
    """Sums at eta and at eta one error off; chance of conversions is independent by segment."""

    def spend(power: float) -> float:
        return fsum(one.cost * step**power for one, step in zip(figures, steps, strict=True))

    def revenue(power: float) -> float:
        return fsum(
            one.revenue * step ** max(power - kap, 0.0)
            for one, step in zip(figures, steps, strict=True)
        )

    spent = _range(spend, eta, 0.0)
    brought = _range(revenue, eta, _chance(figures, steps, eta.value - kap, cv))
    if brought.expected <= 0:
        return Outlook(spent, brought, None)

    def share(power: float) -> float:
        return spend(power) / revenue(power)

    return Outlook(spent, brought, _range(share, eta, log(brought.high / brought.expected) / SURE))


def _chance(figures: Sequence[Figures], steps: Sequence[float], power: float, cv: float) -> float:
    """Relative standard deviation of the coming revenue."""
    amounts = [
        one.revenue * step ** max(power, 0.0) for one, step in zip(figures, steps, strict=True)
    ]
    total = fsum(amounts)
    if total <= 0:
        return 0.0
    own = (
        amount**2 * (1 + cv**2) / max(one.conversions, CONVERSIONS_FLOOR)
        for amount, one in zip(amounts, figures, strict=True)
    )
    return sqrt(fsum(own)) / total


def _range(at: Callable[[float], float], eta: Elasticity, chance: float) -> Range:
    """Both kinds of not knowing on the logarithm, added as independent."""
    expected = at(eta.value)
    if expected <= 0:
        return Range(expected, expected, expected)
    error = eta.error if eta.error is not None else DEFAULT_ETA_ERROR
    low, high = at(max(eta.value - error, 0.0)), at(eta.value + error)
    moved = max(abs(log(low / expected)), abs(log(high / expected)))
    wide = SURE * sqrt(moved**2 + chance**2)
    return Range(expected, expected * exp(-wide), expected * exp(wide))
