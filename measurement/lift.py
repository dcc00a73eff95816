"""Lift against a holdout: what an action on a segment really brought.

Every figure is of the action as intended: people kept out may still meet other campaigns. Two-sided
intervals at level 1 - alpha. Statistics come in as sums over people, so that millions of people
arrive as one row per arm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log, sqrt
from typing import Self

from scipy import stats

OBRIEN_FLEMING = {1: 1.960, 2: 1.977, 3: 2.004, 4: 2.024, 5: 2.040, 6: 2.053, 7: 2.063, 8: 2.072}
"""C for K planned looks at alpha = .05: stop at look k when |z| >= C sqrt(K/k)."""


@dataclass(frozen=True)
class Arm:
    """One arm: people, and mean and variance (n - 1) of what is measured per person."""

    people: int
    mean: float
    variance: float

    @classmethod
    def of_sums(cls, people: int, total: float, squares: float) -> Self:
        """From count, sum and sum of squares."""
        if people < 2:
            raise ValueError("an arm needs at least two people")
        mean = total / people
        return cls(people, mean, max(squares - people * mean * mean, 0.0) / (people - 1))


@dataclass(frozen=True)
class Lift:
    """An effect per person with its interval; `p` is of the hypothesis of no effect."""

    effect: float
    low: float
    high: float
    p: float
    standard_error: float

    def total(self, treated: int) -> tuple[float, float, float]:
        """Effect, low and high end summed over the treated people."""
        return self.effect * treated, self.low * treated, self.high * treated


def mean_lift(treated: Arm, control: Arm, *, alpha: float = 0.05) -> Lift:
    """Difference of means, Welch's degrees of freedom."""
    a, b = treated.variance / treated.people, control.variance / control.people
    effect, error = treated.mean - control.mean, sqrt(a + b)
    if error == 0:
        return Lift(effect, effect, effect, 1.0 if effect == 0 else 0.0, 0.0)
    freedom = (a + b) ** 2 / (a**2 / (treated.people - 1) + b**2 / (control.people - 1))
    reach = float(stats.t.ppf(1 - alpha / 2, freedom)) * error
    p = 2 * float(stats.t.sf(abs(effect) / error, freedom))
    return Lift(effect, effect - reach, effect + reach, p, error)


def rate_lift(
    treated: int, treated_of: int, control: int, control_of: int, *, alpha: float = 0.05
) -> Lift:
    """Difference of two rates: pooled z test, Newcombe's interval from Wilson's."""
    p1, p2 = treated / treated_of, control / control_of
    pooled = (treated + control) / (treated_of + control_of)
    error = sqrt(pooled * (1 - pooled) * (1 / treated_of + 1 / control_of))
    p = 2 * float(stats.norm.sf(abs(p1 - p2) / error)) if error else 1.0
    low1, high1 = wilson(treated, treated_of, alpha=alpha)
    low2, high2 = wilson(control, control_of, alpha=alpha)
    low = p1 - p2 - sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2)
    high = p1 - p2 + sqrt((high1 - p1) ** 2 + (p2 - low2) ** 2)
    return Lift(p1 - p2, low, high, p, error)


def wilson(hits: int, of: int, *, alpha: float = 0.05) -> tuple[float, float]:
    """Wilson's interval of a rate."""
    z = float(stats.norm.ppf(1 - alpha / 2))
    rate = hits / of
    middle = (rate + z * z / (2 * of)) / (1 + z * z / of)
    reach = z * sqrt(rate * (1 - rate) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return max(0.0, middle - reach), min(1.0, middle + reach)


@dataclass(frozen=True)
class RatioArm:
    """One arm of a ratio such as average order or cost share: sums of X and Y per person."""

    people: int
    mean_x: float
    mean_y: float
    variance_x: float
    variance_y: float
    covariance: float

    @property
    def ratio(self) -> float:
        return self.mean_x / self.mean_y

    @property
    def ratio_variance(self) -> float:
        """Variance of X/Y by the delta method: (s2x - 2 R sxy + R^2 s2y) / (n ybar^2)."""
        r = self.ratio
        spread = self.variance_x - 2 * r * self.covariance + r * r * self.variance_y
        return max(spread, 0.0) / (self.people * self.mean_y**2)


def ratio_lift(treated: RatioArm, control: RatioArm, *, alpha: float = 0.05) -> Lift:
    """Difference of two ratios of sums, by the delta method."""
    effect = treated.ratio - control.ratio
    error = sqrt(treated.ratio_variance + control.ratio_variance)
    reach = float(stats.norm.ppf(1 - alpha / 2)) * error
    p = 2 * float(stats.norm.sf(abs(effect) / error)) if error else 1.0
    return Lift(effect, effect - reach, effect + reach, p, error)


@dataclass(frozen=True)
class Cuped:
    """Sums for CUPED over both arms: Y measured now, X the same before the start."""

    covariance: float
    variance_x: float
    mean_x: float

    @property
    def theta(self) -> float:
        return self.covariance / self.variance_x if self.variance_x else 0.0

    def adjust(self, arm: RatioArm) -> Arm:
        """The arm with Y' = Y - theta (X - Xbar); `arm` holds Y as x and the covariate as y."""
        theta = self.theta
        variance = arm.variance_x - 2 * theta * arm.covariance + theta**2 * arm.variance_y
        mean = arm.mean_x - theta * (arm.mean_y - self.mean_x)
        return Arm(arm.people, mean, max(variance, 0.0))


def sample_ratio_p(counts: Sequence[int], planned: Sequence[float]) -> float:
    """p of the planned split by chi-square; below .001 the experiment is not to be trusted."""
    total, parts = sum(counts), sum(planned)
    expected = [total * part / parts for part in planned]
    return float(stats.chisquare(counts, expected).pvalue)


def people_needed(
    variance_control: float,
    variance_treated: float,
    effect: float,
    *,
    treated_per_control: float = 1.0,
    alpha: float = 0.05,
    power: float = 0.8,
) -> tuple[int, int]:
    """People in control and treatment to see an effect: n_c = (z+z)^2 (s2c + s2t/k) / d^2."""
    z = float(stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power))
    k = treated_per_control
    control = z * z * (variance_control + variance_treated / k) / effect**2
    return ceil(control), ceil(k * control)


def may_stop(z: float, look: int, looks: int) -> bool:
    """Whether planned look number `look` of `looks` may end the experiment (O'Brien-Fleming)."""
    if not 1 <= look <= looks or looks not in OBRIEN_FLEMING:
        raise ValueError(f"plan 1 to {max(OBRIEN_FLEMING)} looks; this is look {look} of {looks}")
    return abs(z) >= OBRIEN_FLEMING[looks] * sqrt(looks / look)


def always_valid(lift: Lift, *, prior_variance: float, alpha: float = 0.05) -> tuple[float, float]:
    """Interval that holds however often one looks: normal mixture with variance tau2."""
    v = lift.standard_error**2
    reach = sqrt(
        v * (v + prior_variance) / prior_variance * (log((v + prior_variance) / v) - 2 * log(alpha))
    )
    return lift.effect - reach, lift.effect + reach


def discoveries(p_values: Mapping[str, float], *, false_share: float = 0.05) -> frozenset[str]:
    """Names that hold when several segments are looked at (Benjamini-Hochberg)."""
    ranked = sorted(p_values.items(), key=lambda item: (item[1], item[0]))
    last = 0
    for rank, (_, p) in enumerate(ranked, start=1):
        if p <= false_share * rank / len(ranked):
            last = rank
    return frozenset(name for name, _ in ranked[:last])


def incrementality(incremental: float, attributed: float, *, ceiling: float = 1.5) -> float | None:
    """Share of attributed margin that would not have come by itself, clipped to 0..1.5."""
    return min(max(incremental / attributed, 0.0), ceiling) if attributed > 0 else None
