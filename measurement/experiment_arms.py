"""Two arms of an experiment held against each other, adjusted by what people bought before (CUPED).

method.md 4.5, 5.4.
"""

from dataclasses import dataclass
from math import sqrt

from config.experiments import Metric
from measurement.experiment_sums import ArmSums, per_order, with_history
from measurement.lift import Cuped, mean_lift, rate_lift, ratio_lift


@dataclass(frozen=True)
class Compared:
    """Two arms measured: mean of each with the variance of that mean."""

    treated: float
    held: float
    treated_variance: float
    held_variance: float
    p: float
    variance_removed: float = 0.0

    @property
    def effect(self) -> float:
        return self.treated - self.held

    @property
    def error(self) -> float:
        return sqrt(self.treated_variance + self.held_variance)

    def relative(self, reach: float) -> tuple[float | None, float | None]:
        """Interval of treated over held, less 1, by Fieller's theorem at `reach` standard errors.

        It leaves 0 out exactly where the difference of the means does. None, None where the held
        arm is not surely above zero.
        """
        a = self.held**2 - reach**2 * self.held_variance
        b = self.treated * self.held
        c = self.treated**2 - reach**2 * self.treated_variance
        if a <= 0 or self.held <= 0:
            return None, None
        half = sqrt(max(b * b - a * c, 0.0))
        return (b - half) / a - 1, (b + half) / a - 1


def compare(treated: ArmSums, held: ArmSums, *, metric: Metric, history: bool) -> Compared | None:
    """The two arms by a metric; None where an arm has too few people, or nobody to compare."""
    if min(treated.people, held.people) < 2:
        return None
    if metric is Metric.BUYERS:
        return _rates(treated, held)
    if metric is Metric.AVERAGE_ORDER:
        return _averages(treated, held) if min(treated.orders, held.orders) > 0 else None
    a, b = with_history(treated), with_history(held)
    cuped = _cuped(treated, held) if history else Cuped(0.0, 0.0, 0.0)
    plain = a.variance_x / a.people + b.variance_x / b.people
    first, second = cuped.adjust(a), cuped.adjust(b)
    lift = mean_lift(first, second)
    left = first.variance / first.people + second.variance / second.people
    return Compared(
        first.mean,
        second.mean,
        first.variance / first.people,
        second.variance / second.people,
        lift.p,
        1 - left / plain if plain > 0 else 0.0,
    )


def _rates(treated: ArmSums, held: ArmSums) -> Compared:
    lift = rate_lift(treated.buyers, treated.people, held.buyers, held.people)
    a, b = treated.buyers / treated.people, held.buyers / held.people
    return Compared(a, b, a * (1 - a) / treated.people, b * (1 - b) / held.people, lift.p)


def _averages(treated: ArmSums, held: ArmSums) -> Compared:
    a, b = per_order(treated), per_order(held)
    return Compared(a.ratio, b.ratio, a.ratio_variance, b.ratio_variance, ratio_lift(a, b).p)


def _cuped(treated: ArmSums, held: ArmSums) -> Cuped:
    """Within the arms, so that the effect itself does not count as spread."""
    a, b = with_history(treated), with_history(held)
    people = a.people + b.people
    weights = (a.people - 1) / (people - 2), (b.people - 1) / (people - 2)
    return Cuped(
        weights[0] * a.covariance + weights[1] * b.covariance,
        weights[0] * a.variance_y + weights[1] * b.variance_y,
        (treated.x + held.x) / people,
    )
