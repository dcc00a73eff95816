"""Measured shares of what ads claim, by segment: experiments against what platforms reported."""

from collections import defaultdict
from datetime import date, timedelta

from flows.experimenting import experiment_rows
from flows.measuring import days_of_spend, reporting, segments_of
from flows.workshop import Workshop
from measurement.experiment_sums import EVERYONE
from measurement.experiments import ExperimentResult
from measurement.incrementality import Measured, best_of, measured_share
from measurement.spend import holes


def measured_shares(workshop: Workshop) -> dict[str, Measured]:
    """By segment: the most exact share that a holdout measured, or why there is none to use."""
    found: dict[str, list[Measured]] = defaultdict(list)
    for row in experiment_rows(workshop):
        if row.segment != EVERYONE:
            found[row.segment].append(_measured(workshop, row))
    chosen = {segment: best_of(several) for segment, several in found.items()}
    return {segment: one for segment, one in chosen.items() if one is not None}


def _measured(workshop: Workshop, row: ExperimentResult) -> Measured:
    until = row.until or workshop.as_of
    revenue, missing = _attributed(workshop, row.segment, row.started, until)
    rate = workshop.project.segments.base.margin_rate or 1.0
    attributed = revenue * (rate if row.metric == "margin" else 1.0)
    return measured_share(row, attributed, missing_days=missing, as_of=workshop.as_of)


def _attributed(workshop: Workshop, segment: str, started: date, until: date) -> tuple[float, int]:
    """Revenue that all accounts report for a segment's list, and the days of which none is read."""
    first = started + timedelta(days=1)
    revenue, missing = 0.0, set[date]()
    for account in reporting(workshop):
        segments = segments_of(workshop, account)
        if segment not in segments.values() or first > until:
            continue
        rows = days_of_spend(workshop, account, first, until)
        with workshop.catalog.begin() as connection:
            missing |= set(holes(connection, account, first, until))
        revenue += sum(
            float(row.revenue or 0)
            for row in rows
            if segments.get(row.condition_id or "") == segment
        )
    return revenue, len(missing)
