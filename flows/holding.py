"""Who is held out of every list: read from the assignments, asked by everything that plans lists.

This stands between all plans of lists and what they send: rules, roll-ups, seeds, rebuilds and
rollbacks alike.
"""

import ibis.expr.types as ir

from audiences.enrolment import GLOBAL, as_experiment, carried_on, enrol, held_out, running
from audiences.holdout import without_holdout
from audiences.naming import Naming
from config.experiments import Experiment
from flows.workshop import Workshop

KIND = "assignments"
"""Snapshots of schema ASSIGNMENTS."""


def now_running(workshop: Workshop) -> tuple[Experiment, ...]:
    """The experiments of today, the global holdout among them."""
    project = workshop.project
    return running(project.experiments.experiment, project.audiences.holdout, workshop.as_of)


def every_experiment(workshop: Workshop) -> tuple[Experiment, ...]:
    """All experiments of the project, the global holdout first, begun on its first assignment."""
    project, holdout = workshop.project, workshop.project.audiences.holdout
    if not holdout.share:
        return project.experiments.experiment
    first = None
    if workshop.find_snapshot(KIND) is not None:
        rows = workshop.table(KIND)
        first = rows.filter(rows.experiment == GLOBAL).since.min().to_pyarrow().as_py()
    return (as_experiment(holdout, first or workshop.as_of), *project.experiments.experiment)


def assign(workshop: Workshop, described: ir.Table, naming: Naming) -> ir.Table | None:
    """The assignments as they are to be kept by a refresh; None where nothing was ever tried.

    described: everybody with segments and overlays; naming: who became one person.
    """
    trying = now_running(workshop)
    before = workshop.table(KIND) if workshop.find_snapshot(KIND) is not None else None
    if before is None and not trying:
        return None
    return enrol(
        described,
        trying,
        None if before is None else carried_on(before, naming.merged),
        salts={GLOBAL: workshop.project.audiences.holdout.salt},
        as_of=workshop.as_of,
    )


def without_held(workshop: Workshop, people: ir.Table) -> ir.Table:
    """The rows of `people` (any table with person_id) whom no running experiment holds out.

    Before the first refresh that assigned anybody, the global holdout's hash decides.
    """
    trying = now_running(workshop)
    if not trying:
        return people
    if workshop.find_snapshot(KIND) is None:
        return without_holdout(people, workshop.project.audiences.holdout)
    return people.anti_join(held_out(workshop.table(KIND), trying), "person_id")
