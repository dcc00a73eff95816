"""What an experiment found: looks are planned, and one of them may end it.

Between the looks an interval that holds for any number of them is shown. method.md 4.5, 5.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from math import log, sqrt

from config.experiments import Experiment, Metric
from measurement.experiment_arms import Compared, compare
from measurement.experiment_sums import EVERYONE, ArmSums, Sums, arms
from measurement.lift import OBRIEN_FLEMING, discoveries, may_stop, sample_ratio_p

BROKEN_SPLIT = 0.001
"""Chance below which a split that differs from the planned one is no accident."""
ALPHA = 0.05


class Verdict(StrEnum):
    """What an experiment says by now."""

    NOT_STARTED = "not_started"
    TOO_FEW = "too_few"
    RUNNING = "running"
    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no_difference"
    BROKEN_SPLIT = "broken_split"
    CHANCE = "chance_among_several"

    @property
    def decided(self) -> bool:
        """Whether it will not change any more."""
        return self not in (Verdict.NOT_STARTED, Verdict.TOO_FEW, Verdict.RUNNING)


@dataclass(frozen=True)
class ExperimentResult:
    """What one experiment says of one segment; shares are fractions: 0.12 is +12 %.

    `low` to `high` is the interval of the planned look, `always_low` to `always_high` the one that
    may be looked at on any day; None where the data do not bound it.
    """

    name: str
    segment: str
    started: date
    days: int
    """Days counted so far."""
    treated: int
    held: int
    lift: float | None
    """Of the treated over the held, relative."""
    low: float | None
    high: float | None
    always_low: float | None
    always_high: float | None
    sample_ratio_p: float | None
    verdict: str
    hypothesis: str
    """The hypothesis it decides, in a line; empty where it decides none."""
    metric: str = Metric.REVENUE.value
    planned_days: int = 0
    share: float = 0.0
    look: int = 0
    """Planned looks that were reached; 0 before the first."""
    looks: int = 0
    until: date | None = None
    """Last day that counts at that look."""
    effect: float | None = None
    """Per treated person at that look: shop currency, share of people, or per order."""
    standard_error: float | None = None
    p: float | None = None
    treated_buyers: int = 0
    held_buyers: int = 0
    variance_removed: float = 0.0
    """Share of the variance that earlier purchases explained."""


def look_days(experiment: Experiment) -> tuple[date, ...]:
    """Last day of each planned look."""
    return tuple(
        experiment.starts + timedelta(days=round(number * experiment.days / experiment.looks))
        for number in range(1, experiment.looks + 1)
    )


def judge(
    experiment: Experiment,
    segment: str,
    looked: Sequence[Sums],
    now: Sums | None,
    *,
    as_of: date,
    hypothesis: str = "",
) -> ExperimentResult:
    """What an experiment says of a segment.

    looked: sums at every planned look that was reached; now: as of today, None before the start.
    Looks after the one at which it could end are not used.
    """
    treated, held = arms(now or {}, segment)
    until = min(as_of, experiment.ends)
    made = ExperimentResult(
        name=experiment.name,
        segment=segment,
        started=experiment.starts,
        days=max((until - experiment.starts).days, 0),
        treated=treated.people,
        held=held.people,
        lift=None,
        low=None,
        high=None,
        always_low=None,
        always_high=None,
        sample_ratio_p=_split(experiment, treated, held),
        verdict=Verdict.NOT_STARTED,
        hypothesis=hypothesis,
        metric=experiment.metric.value,
        planned_days=experiment.days,
        share=experiment.share,
        looks=experiment.looks,
        treated_buyers=treated.buyers,
        held_buyers=held.buyers,
    )
    if as_of < experiment.starts or now is None:
        return made
    today = _compared(experiment, treated, held)
    if today is None:
        return replace(made, verdict=Verdict.TOO_FEW)
    low, high = _always(experiment, today)
    made = replace(
        made,
        lift=today.treated / today.held - 1 if today.held > 0 else None,
        always_low=low,
        always_high=high,
        variance_removed=today.variance_removed,
        verdict=Verdict.RUNNING,
    )
    made = _at_looks(experiment, segment, looked, made)
    if made.sample_ratio_p is not None and made.sample_ratio_p < BROKEN_SPLIT:
        return replace(made, verdict=Verdict.BROKEN_SPLIT)
    return made


def _at_looks(
    experiment: Experiment, segment: str, looked: Sequence[Sums], made: ExperimentResult
) -> ExperimentResult:
    looks = experiment.looks
    for number, sums in enumerate(looked, start=1):
        treated, held = arms(sums, segment)
        found = _compared(experiment, treated, held)
        if found is None:
            continue
        z = found.effect / found.error if found.error else 0.0
        low, high = found.relative(OBRIEN_FLEMING[looks] * sqrt(looks / number))
        made = replace(
            made,
            lift=found.treated / found.held - 1 if found.held > 0 else None,
            low=low,
            high=high,
            look=number,
            until=look_days(experiment)[number - 1],
            effect=found.effect,
            standard_error=found.error,
            p=found.p,
            treated=treated.people,
            held=held.people,
            treated_buyers=treated.buyers,
            held_buyers=held.buyers,
            sample_ratio_p=_split(experiment, treated, held),
            variance_removed=found.variance_removed,
        )
        if may_stop(z, number, looks):
            return replace(made, verdict=Verdict.BETTER if z > 0 else Verdict.WORSE)
    if len(looked) == looks and made.look:
        return replace(made, verdict=Verdict.NO_DIFFERENCE)
    return made


def among_several(results: Sequence[ExperimentResult]) -> list[ExperimentResult]:
    """The segments of one experiment, where an effect must hold among all that were looked at.

    Benjamini and Hochberg at 5 % over the segments; EVERYONE is not one of them.
    """
    p_values = {
        one.segment: one.p for one in results if one.segment != EVERYONE and one.p is not None
    }
    held = discoveries({name: p for name, p in p_values.items() if p is not None})
    return [
        replace(one, verdict=Verdict.CHANCE)
        if one.verdict in (Verdict.BETTER, Verdict.WORSE)
        and one.segment in p_values
        and one.segment not in held
        else one
        for one in results
    ]


def _compared(experiment: Experiment, treated: ArmSums, held: ArmSums) -> Compared | None:
    history = experiment.history_days > 0
    return compare(treated, held, metric=experiment.metric, history=history)


def _split(experiment: Experiment, treated: ArmSums, held: ArmSums) -> float | None:
    if treated.people + held.people == 0:
        return None
    share = experiment.share
    return sample_ratio_p([treated.people, held.people], [1 - share, share])


def _always(experiment: Experiment, found: Compared) -> tuple[float | None, float | None]:
    """The always-valid interval of the relative lift; its prior is the lift that is expected."""
    if found.held <= 0 or found.error == 0:
        return None, None
    v, prior = (found.error / found.held) ** 2, experiment.expected_lift**2
    square = (v + prior) / prior * (log((v + prior) / v) - 2 * log(ALPHA))
    return found.relative(sqrt(square))
