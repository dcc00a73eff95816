"""Experiments of a project: what they could see, what they found, and which hypotheses they decide.

People stay in the engine: one row per segment and arm comes out of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from audiences.enrolment import ASSIGNMENTS, GLOBAL, in_segments
from audiences.staging import Staging
from config.experiments import Experiment, Hypothesis
from flows.documents import Document
from flows.holding import KIND, every_experiment
from flows.lists import described_now
from flows.workshop import Workshop
from measurement.experiment_power import Power, power_of
from measurement.experiment_sums import EVERYONE, ArmSums, Sums, outcomes, sums_of
from measurement.experiments import ExperimentResult, Verdict, among_several, judge, look_days


def experiment_rows(workshop: Workshop) -> list[ExperimentResult]:
    """Every experiment of the project, segment by segment, out of the orders of the last refresh.

    The global holdout comes first; where an experiment has several segments, all of them together
    stand before them as "everyone". Empty where the project tries nothing.
    """
    known = workshop.find_snapshot(KIND) is not None
    rows = workshop.table(KIND) if known else ibis.memtable([], schema=ASSIGNMENTS)
    found: list[ExperimentResult] = []
    for one in every_experiment(workshop):
        found += _results(workshop, one, rows.filter(rows.experiment == one.name))
    return found


def _results(workshop: Workshop, one: Experiment, assigned: ir.Table) -> list[ExperimentResult]:
    refreshed = workshop.find_snapshot(KIND)
    as_of = refreshed.as_of if refreshed else workshop.as_of
    days = [day for day in look_days(one) if day <= as_of]
    looked: list[Sums] = []
    now: Sums | None = None
    if refreshed is not None and as_of >= one.starts:
        today = min(as_of, one.ends)
        summed = {day: _sums(workshop, one, assigned, until=day) for day in {*days, today}}
        looked, now = [summed[day] for day in days], summed[today]
    made = [
        judge(
            one,
            segment,
            looked,
            now,
            as_of=as_of,
            hypothesis=_hypothesis(workshop, one, segment),
        )
        for segment in _segments(one, now)
    ]
    return among_several(made)


def _sums(workshop: Workshop, one: Experiment, assigned: ir.Table, *, until: date) -> Sums:
    table = outcomes(
        assigned,
        workshop.table("occasions"),
        until=until,
        metric=one.metric,
        history_days=one.history_days,
        margin_rate=workshop.project.segments.base.margin_rate,
    )
    with Staging() as passing:
        return sums_of(passing.keep(table), winsorize=one.winsorize, metric=one.metric)


def _segments(one: Experiment, now: Sums | None) -> list[str]:
    """What is judged: each segment for itself, and all together where there are several."""
    if len(one.segments) == 1:
        return list(one.segments)
    seen = sorted({segment for segment, _ in now or {}})
    return [EVERYONE, *(one.segments or seen)]


def _hypothesis(workshop: Workshop, one: Experiment, segment: str) -> str:
    return next(
        (each.sentence for each in _hypotheses(workshop) if _decides(one, segment, each)), ""
    )


def _hypotheses(workshop: Workshop) -> tuple[Hypothesis, ...]:
    return workshop.project.experiments.hypothesis


def _decides(one: Experiment, segment: str, hypothesis: Hypothesis) -> bool:
    return (one.name, segment) == (hypothesis.experiment, hypothesis.segment)


# Before the start


def power_rows(
    workshop: Workshop, described: ir.Table, occasions: ir.Table, *, only_ahead: bool = False
) -> list[Power]:
    """What every experiment could see with the people there are now.

    They are taken as if they had taken part in as many days as it lasts, up to today.
    """
    as_of = workshop.as_of
    found: list[Power] = []
    for one in every_experiment(workshop):
        if only_ahead and (one.starts < as_of or one.name == GLOBAL):
            continue
        sums = _past(workshop, one, described, occasions)
        names = one.segments or tuple(sorted(sums))
        if len(names) > 1:
            whole = ArmSums(0)
            for name in names:
                whole = whole.plus(sums.get(name, ArmSums(0)))
            found.append(power_of(one, EVERYONE, whole))
        found += [power_of(one, name, sums.get(name, ArmSums(0))) for name in names]
    return found


def _past(
    workshop: Workshop, one: Experiment, described: ir.Table, occasions: ir.Table
) -> Mapping[str, ArmSums]:
    """By segment: sums of its people over the days before today."""
    as_of = workshop.as_of
    willing = described.filter(described.consent_ads == "yes")
    assigned = in_segments(willing, one).select(
        "person_id",
        "segment",
        held=ibis.literal(value=False),
        since=ibis.literal(as_of - timedelta(days=one.days)),
        mixed=ibis.literal(value=False),
    )
    table = outcomes(
        assigned,
        occasions,
        until=as_of,
        metric=one.metric,
        history_days=one.history_days,
        margin_rate=workshop.project.segments.base.margin_rate,
    )
    with Staging() as passing:
        sums = sums_of(passing.keep(table), winsorize=one.winsorize, metric=one.metric)
    return {name: found for (name, _), found in sums.items()}


def power_notes(workshop: Workshop, described: ir.Table, occasions: ir.Table) -> list[str]:
    """A sentence for every experiment ahead, and one that begins today: what it can show."""
    return [
        f"Experiment {one.name}, {one.segment}: {power_sentence(one)}"
        for one in power_rows(workshop, described, occasions, only_ahead=True)
    ]


def power_sentence(one: Power) -> str:
    """What an experiment can show, for whoever decides to start it."""
    if one.visible_lift is None:
        return "nothing was bought in as many days before: it can show nothing."
    sees = f"{one.held:,} held and {one.treated:,} treated show a lift from {one.visible_lift:.1%}"
    if one.enough:
        return f"{sees}; {one.expected_lift:.0%} is expected: enough."
    return (
        f"{sees}; {one.expected_lift:.0%} is expected, which takes {one.needed_held:,} held and "
        f"{one.needed_treated:,} treated: too few people, it will probably not tell."
    )


# Documents


def listed(workshop: Workshop) -> Document:
    """Experiments and hypotheses as they are written, with what was found."""
    results = experiment_rows(workshop)
    return {
        "experiments": [
            {
                **one.model_dump(mode="json"),
                "ends": one.ends.isoformat(),
                "verdicts": {row.segment: row.verdict for row in results if row.name == one.name},
            }
            for one in every_experiment(workshop)
        ],
        "hypotheses": list(_told(workshop, results)),
    }


def _told(workshop: Workshop, results: list[ExperimentResult]) -> Iterator[Document]:
    found = {(row.name, row.segment): row for row in results}
    for one in _hypotheses(workshop):
        row = found.get((one.experiment or "", one.segment))
        yield {
            **one.model_dump(mode="json"),
            "sentence": one.sentence,
            "verdict": row.verdict if row else "open",
            "lift": row.lift if row else None,
        }


def powers(workshop: Workshop) -> Document:
    """What every experiment could see; raises CannotRun before the first refresh."""
    rows = power_rows(workshop, described_now(workshop), workshop.table("occasions"))
    return {
        "powers": [
            {**asdict(one), "enough": one.enough, "text": power_sentence(one)} for one in rows
        ]
    }


def results(workshop: Workshop) -> Document:
    """What every experiment found."""
    return {
        "results": [
            {**_plain(row), "text": result_sentence(row)} for row in experiment_rows(workshop)
        ],
        "hypotheses": listed(workshop)["hypotheses"],
    }


def _plain(row: ExperimentResult) -> Document:
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in asdict(row).items()
    }


def result_sentence(row: ExperimentResult) -> str:
    """What a result means, in a line."""
    match row.verdict:
        case Verdict.NOT_STARTED:
            return f"starts on {row.started}"
        case Verdict.TOO_FEW:
            return "too few people in an arm to say anything"
        case Verdict.BROKEN_SPLIT:
            return (
                f"not to be trusted: {row.held:,} held of {row.held + row.treated:,} is not the "
                f"planned {row.share:.0%} (p = {row.sample_ratio_p:.1g})"
            )
        case Verdict.BETTER | Verdict.WORSE:
            return f"{_lift(row)} at look {row.look} of {row.looks}: {row.verdict}, it may end"
        case Verdict.CHANCE:
            return f"{_lift(row)}: among so many segments this may be chance"
        case Verdict.NO_DIFFERENCE:
            return f"{_lift(row)}: ended without a difference that can be told from none"
        case _:
            return f"{_lift(row)} so far; look {row.look} of {row.looks} was the last planned one"


def _lift(row: ExperimentResult) -> str:
    if row.lift is None:
        return "no purchases among the held yet"
    low, high = (row.low, row.high) if row.low is not None else (row.always_low, row.always_high)
    if low is None or high is None:
        return f"{row.lift:+.1%} (not bounded yet)"
    return f"{row.lift:+.1%} ({low:+.1%} to {high:+.1%})"
