"""From assignments and orders to what an experiment found.

Everything is of the action as intended: who was assigned counts, whoever was reached. Looks are
planned; between them an interval that holds for any number of looks is shown. Amounts are cut at a
quantile stated in advance and adjusted by what people bought before (CUPED). method.md 4.5, 5.4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from math import log, sqrt

import ibis
import ibis.expr.types as ir
from ibis import _
from scipy import stats

from config.experiments import Experiment, Metric
from measurement.lift import (
    OBRIEN_FLEMING,
    Cuped,
    RatioArm,
    discoveries,
    may_stop,
    mean_lift,
    people_needed,
    rate_lift,
    ratio_lift,
    sample_ratio_p,
)

EVERYONE = "everyone"
"""Stands for all segments of an experiment together."""
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


@dataclass(frozen=True)
class ArmSums:
    """One arm in sums over its people: y now, x before, orders now, and those who bought."""

    people: int
    y: float = 0.0
    yy: float = 0.0
    x: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    orders: float = 0.0
    orders_squared: float = 0.0
    y_orders: float = 0.0
    buyers: int = 0

    def plus(self, other: "ArmSums") -> "ArmSums":
        """Both together."""
        fields = self.__dataclass_fields__
        return ArmSums(*(getattr(self, name) + getattr(other, name) for name in fields))


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


Sums = Mapping[tuple[str, bool], ArmSums]
"""By segment and whether held."""


# From tables to sums


def outcomes(
    assigned: ir.Table,
    occasions: ir.Table,
    *,
    until: date,
    metric: Metric,
    history_days: int,
    margin_rate: float | None,
) -> ir.Table:
    """One row per person: (segment, held, y, x, orders).

    assigned: ASSIGNMENTS of one experiment. What is bought counts from the day after the assignment
    until `until`; x is the same of the `history_days` up to the assignment.
    """
    people = assigned.filter(~assigned.mixed & (assigned.since <= ibis.literal(until)))
    people = people.select("person_id", "segment", "held", "since")
    earned = occasions.revenue * (margin_rate or 1.0)
    margin = ibis.coalesce(occasions.margin, earned)
    amount = margin if metric is Metric.MARGIN else occasions.revenue
    bought = occasions.select("person_id", "day", "orders", amount=amount)
    both = people.join(bought, "person_id")
    age = both.day.delta(both.since, unit="day")
    now = (age >= 1) & (both.day <= ibis.literal(until))
    before = (age <= 0) & (age > -history_days)
    sums = both.group_by("person_id").aggregate(
        y=both.amount.sum(where=now).fill_null(0.0),
        x=both.amount.sum(where=before).fill_null(0.0),
        orders=both.orders.sum(where=now).fill_null(0),
    )
    rows = people.left_join(sums, "person_id")
    y, x = rows.y.fill_null(0.0), rows.x.fill_null(0.0)
    orders = rows.orders.fill_null(0).cast("float64")
    if metric is Metric.BUYERS:
        y, x = (orders > 0).cast("float64"), (x > 0).cast("float64")
    return rows.select("segment", "held", y=y, x=x, orders=orders)


def sums_of(table: ir.Table, *, winsorize: float, metric: Metric) -> Sums:
    """Sums per segment and arm; buyers' amounts over the quantile, of both arms, are cut to it."""
    if winsorize < 1 and metric is not Metric.BUYERS:
        cuts = table.aggregate(
            y=table.y.quantile(winsorize, where=table.y > 0),
            x=table.x.quantile(winsorize, where=table.x > 0),
        )
        (cut,) = cuts.to_pyarrow().to_pylist()
        y = table.y if cut["y"] is None else ibis.least(table.y, cut["y"])
        x = table.x if cut["x"] is None else ibis.least(table.x, cut["x"])
        table = table.mutate(y=y, x=x)
    found = table.group_by("segment", "held").aggregate(
        people=_.count(),
        y=_.y.sum(),
        yy=(_.y * _.y).sum(),
        x=_.x.sum(),
        xx=(_.x * _.x).sum(),
        xy=(_.x * _.y).sum(),
        orders=_.orders.sum(),
        orders_squared=(_.orders * _.orders).sum(),
        y_orders=(_.y * _.orders).sum(),
        buyers=(_.orders > 0).sum(),
    )
    rows = found.order_by("segment", "held").to_pyarrow().to_pylist()
    return {(row.pop("segment"), row.pop("held")): ArmSums(**row) for row in rows}


# From sums to a verdict


def compare(treated: ArmSums, held: ArmSums, *, metric: Metric, history: bool) -> Compared | None:
    """The two arms by a metric; None where an arm has too few people, or nobody to compare."""
    if min(treated.people, held.people) < 2:
        return None
    if metric is Metric.BUYERS:
        return _rates(treated, held)
    if metric is Metric.AVERAGE_ORDER:
        return _averages(treated, held) if min(treated.orders, held.orders) > 0 else None
    a, b = _with_history(treated), _with_history(held)
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
    a, b = _per_order(treated), _per_order(held)
    return Compared(a.ratio, b.ratio, a.ratio_variance, b.ratio_variance, ratio_lift(a, b).p)


def _per_order(one: ArmSums) -> RatioArm:
    return _pair(one.people, one.y, one.yy, one.orders, one.orders_squared, one.y_orders)


def _with_history(one: ArmSums) -> RatioArm:
    return _pair(one.people, one.y, one.yy, one.x, one.xx, one.xy)


def _pair(people: int, a: float, aa: float, b: float, bb: float, ab: float) -> RatioArm:
    first, second = a / people, b / people
    return RatioArm(
        people,
        first,
        second,
        max(aa - people * first * first, 0.0) / (people - 1),
        max(bb - people * second * second, 0.0) / (people - 1),
        (ab - people * first * second) / (people - 1),
    )


def _cuped(treated: ArmSums, held: ArmSums) -> Cuped:
    """Within the arms, so that the effect itself does not count as spread."""
    a, b = _with_history(treated), _with_history(held)
    people = a.people + b.people
    weights = (a.people - 1) / (people - 2), (b.people - 1) / (people - 2)
    return Cuped(
        weights[0] * a.covariance + weights[1] * b.covariance,
        weights[0] * a.variance_y + weights[1] * b.variance_y,
        (treated.x + held.x) / people,
    )


def look_days(experiment: Experiment) -> tuple[date, ...]:
    """Last day of each planned look."""
    return tuple(
        experiment.starts + timedelta(days=round(number * experiment.days / experiment.looks))
        for number in range(1, experiment.looks + 1)
    )


def arms(sums: Sums, segment: str) -> tuple[ArmSums, ArmSums]:
    """Treated and held of a segment, or of EVERYONE."""
    found = [ArmSums(0), ArmSums(0)]
    for (name, held), one in sorted(sums.items()):
        if segment in (EVERYONE, name):
            found[held] = found[held].plus(one)
    return found[0], found[1]


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


# Before the start


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
        per_order = _per_order(sums)
        return per_order.ratio, per_order.ratio_variance * sums.people
    pair = _with_history(sums)
    variance = pair.variance_x
    if experiment.history_days and pair.variance_y > 0:
        variance -= pair.covariance**2 / pair.variance_y
    return pair.mean_x, max(variance, 0.0)
