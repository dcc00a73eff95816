"""Before an experiment starts: what it could see (method.md 5.4)."""

from dataclasses import dataclass, replace
from math import sqrt

from scipy import stats

from config.experiments import Experiment, Metric
from measurement.experiment_sums import ArmSums, per_order, with_history
from measurement.experiments import ALPHA
from measurement.lift import people_needed


@dataclass(frozen=True)
class Power:
    """What an experiment could see, told before it starts; lifts are relative."""

    name: str
    segment: str
    treated: int
    held: int
    mean: float
    """Per person over as many days as it will last."""
    expected_lift: float
    visible_lift: float | None
    """Smallest lift seen in 8 of 10 such experiments; None where nothing was bought."""
    needed_treated: int | None
    needed_held: int | None

    @property
    def enough(self) -> bool:
        """Whether the people there are can show the expected lift."""
        return self.visible_lift is not None and self.visible_lift <= self.expected_lift


def power_of(experiment: Experiment, segment: str, sums: ArmSums) -> Power:
    """Power out of what the same people bought in as many days before (method.md 5.4)."""
    people, share = sums.people, experiment.share
    held = round(people * share)
    treated = people - held
    nothing = Power(
        experiment.name, segment, treated, held, 0.0, experiment.expected_lift, None, None, None
    )
    if people < 2 or sums.y <= 0 or not held or not treated:
        return nothing
    mean, variance = _spread(experiment, sums)
    z = float(stats.norm.ppf(1 - ALPHA / 2) + stats.norm.ppf(0.8))
    visible = z * sqrt(variance / held + variance / treated) / mean
    control, steered = people_needed(
        variance,
        variance,
        experiment.expected_lift * mean,
        treated_per_control=(1 - share) / share,
    )
    return replace(
        nothing, mean=mean, visible_lift=visible, needed_held=control, needed_treated=steered
    )


def _spread(experiment: Experiment, sums: ArmSums) -> tuple[float, float]:
    """Mean per person, and variance as the analysis will have it."""
    if experiment.metric is Metric.BUYERS:
        rate = sums.buyers / sums.people
        return rate, rate * (1 - rate)
    if experiment.metric is Metric.AVERAGE_ORDER:
        orders = per_order(sums)
        return orders.ratio, orders.ratio_variance * sums.people
    pair = with_history(sums)
    variance = pair.variance_x
    if experiment.history_days and pair.variance_y > 0:
        variance -= pair.covariance**2 / pair.variance_y
    return pair.mean_x, max(variance, 0.0)
