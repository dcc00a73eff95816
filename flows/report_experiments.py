"""The report's tables of experiments and hypotheses."""

from collections.abc import Mapping
from typing import Any

from flows.experimenting import experiment_rows, listed
from flows.workshop import Workshop
from measurement.tables import Cell, Kind, Note, Table, columns

EXPERIMENT = columns(
    experiment=Kind.TEXT,
    segment=Kind.NAME,
    metric=Kind.NAME,
    started=Kind.DAY,
    days=Kind.COUNT,
    treated=Kind.COUNT,
    held=Kind.COUNT,
    lift=Kind.LIFT,
    lift_low=Kind.LIFT,
    lift_high=Kind.LIFT,
    always_low=Kind.LIFT,
    always_high=Kind.LIFT,
    sample_ratio_p=Kind.CHANCE,
    finding=Kind.NAME,
    hypothesis=Kind.TEXT,
)

HYPOTHESIS = columns(
    hypothesis=Kind.TEXT,
    segment=Kind.NAME,
    offer=Kind.TEXT,
    met_on=Kind.TEXT,
    timing=Kind.TEXT,
    expected_lift=Kind.LIFT,
    experiment=Kind.TEXT,
    lift=Kind.LIFT,
    finding=Kind.NAME,
)


def experiment_tables(workshop: Workshop) -> tuple[Table, ...]:
    """What was tried and what came of it, and which hypotheses that decides."""
    rows = [
        (
            one.name,
            one.segment,
            f"metric_{one.metric}",
            one.started,
            one.days,
            one.treated,
            one.held,
            one.lift,
            one.low,
            one.high,
            one.always_low,
            one.always_high,
            one.sample_ratio_p,
            str(one.verdict),
            one.hypothesis,
        )
        for one in experiment_rows(workshop)
    ]
    told = [_hypothesis(one) for one in listed(workshop)["hypotheses"]]
    return (
        Table("experiments", EXPERIMENT, tuple(rows), () if rows else (Note("no_experiments"),)),
        Table("hypotheses", HYPOTHESIS, tuple(told), () if told else (Note("no_hypotheses"),)),
    )


def _hypothesis(one: Mapping[str, Any]) -> tuple[Cell, ...]:
    return (
        one["name"],
        one["segment"],
        one["offer"],
        one["channel"],
        one["timing"],
        one["expected_lift"],
        one["experiment"] or "",
        one["lift"],
        str(one["verdict"]),
    )
