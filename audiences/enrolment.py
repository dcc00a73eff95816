"""Who takes part in which experiment, and who of them is held out: written once, kept for good.

A person is assigned on the first day they belong to an experiment's segments while it runs, by the
hash of `audiences.holdout`, and stays on that side: over refreshes, platforms and segments. Nobody
is in two experiments at a time, and whoever the global holdout holds is in none, so that no
experiment disturbs another.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
from ibis import _

from audiences.holdout import is_held_out
from audiences.staging import keep
from audiences.unions import stacked
from config.audiences import Holdout
from config.experiments import Experiment

GLOBAL = "global_holdout"
"""Name under which [holdout] of audiences.toml is an experiment too."""
GLOBAL_DAYS, GLOBAL_LOOKS = 364, 8
"""A year with a look every six weeks or so (our choice)."""

ASSIGNMENTS = ibis.schema(
    {
        "experiment": "!string",
        "person_id": "!string",
        "segment": "!string",  # at the assignment
        "held": "!boolean",
        "share": "!float64",  # that was to be held at the assignment
        "since": "!date",
        "mixed": "!boolean",  # people of both sides became one: kept out of the analysis
    }
)
"""One row per experiment and person who ever took part."""


def running(
    experiments: Sequence[Experiment], holdout: Holdout, as_of: date
) -> tuple[Experiment, ...]:
    """The experiments that take people in and hold people out on a day, the global one first."""
    everybody = (as_experiment(holdout, as_of),) if holdout.share else ()
    return (*everybody, *(one for one in experiments if one.starts <= as_of < one.ends))


def as_experiment(holdout: Holdout, starts: date) -> Experiment:
    """The global holdout as an experiment over everybody; its share must be above 0."""
    return Experiment(
        name=GLOBAL, share=holdout.share, starts=starts, days=GLOBAL_DAYS, looks=GLOBAL_LOOKS
    )


def carried_on(previous: ir.Table, merged: ir.Table) -> ir.Table:
    """The assignments of the last refresh under the names people have now.

    merged: (old_id, person_id) of those who became one person with an older name. The older
    assignment counts; where the sides differ, the person is marked as mixed.
    """
    moves = merged.select(person_id=merged.old_id, now_id=merged.person_id)
    named = previous.left_join(moves, "person_id").drop("person_id_right")
    own = named.mutate(
        moved=named.now_id.notnull(), person_id=ibis.coalesce(named.now_id, named.person_id)
    )
    first = ibis.row_number().over(
        group_by=["experiment", "person_id"], order_by=["since", "moved", "held", "segment"]
    )
    several = own.group_by("experiment", "person_id").aggregate(
        sides=_.held.nunique(), ever_mixed=_.mixed.any()
    )
    oldest = own.mutate(place=first).filter(_.place == 0)
    both = oldest.join(several, ["experiment", "person_id"])
    marked = both.mutate(mixed=both.ever_mixed | (both.sides > 1))
    return marked.select(*ASSIGNMENTS.names)


def enrol(
    described: ir.Table,
    experiments: Sequence[Experiment],
    assigned: ir.Table | None,
    *,
    salts: Mapping[str, str],
    as_of: date,
) -> ir.Table:
    """The assignments with everybody who takes part from today on; schema ASSIGNMENTS, kept.

    described: one row per person with `segment`, `consent_ads` and a boolean per overlay.
    experiments: those `running`, in this order; assigned: from `carried_on`, None at first. salts:
    of experiments whose hash has another salt than their name. Only people who consented are taken
    in: nobody else would be sent anyway.
    """
    willing = described.filter(described.consent_ads == "yes")
    table = keep(_empty(willing) if assigned is None else assigned.select(*ASSIGNMENTS.names))
    names = [one.name for one in experiments]
    for one in experiments:
        others = [name for name in names if name != one.name]
        # The global holdout takes everybody; the others take whom it and they leave.
        taken = table.filter(table.experiment == one.name)
        if one.name != GLOBAL:
            elsewhere = table.filter(
                table.experiment.isin([name for name in others if name != GLOBAL])
                | ((table.experiment == GLOBAL) & table.held)
            )
            taken = stacked(taken, elsewhere)
        chosen = in_segments(willing, one).anti_join(taken.select("person_id"), "person_id")
        hashed = Holdout(share=one.share, salt=salts.get(one.name, one.name))
        fresh = chosen.select(
            "person_id",
            "segment",
            experiment=ibis.literal(one.name),
            held=is_held_out(chosen.person_id, hashed),
            share=ibis.literal(one.share),
            since=ibis.literal(as_of),
            mixed=ibis.literal(value=False),
        )
        table = keep(stacked(table, fresh.select(*ASSIGNMENTS.names)).cast(dict(ASSIGNMENTS)))
    return table


def held_out(assigned: ir.Table, experiments: Sequence[Experiment]) -> ir.Table:
    """(person_id): everybody whom an experiment that is `running` holds out."""
    names = [one.name for one in experiments]
    held = assigned.filter(assigned.held & assigned.experiment.isin(names))
    return held.select("person_id").distinct()


def _empty(people: ir.Table) -> ir.Table:
    """No assignment yet, as a table of the engine that holds the people."""
    columns = {name: ibis.null(kind(nullable=True)) for name, kind in ASSIGNMENTS.items()}
    return people.limit(0).select(**columns | {"person_id": people.person_id})


def in_segments(willing: ir.Table, one: Experiment) -> ir.Table:
    """(person_id, segment): people of an experiment's segments, by the first they are in."""
    if not one.segments:
        return willing.select("person_id", "segment")
    inside = [(_is_in(willing, name), name) for name in one.segments]
    named = willing.mutate(segment=ibis.cases(*inside, else_=ibis.null("string")))
    return named.filter(named.segment.notnull()).select("person_id", "segment")


def _is_in(willing: ir.Table, name: str) -> ir.BooleanValue:
    """Whether somebody is in a base segment, or in the overlay of this name."""
    return willing[name] if name in willing.columns else willing.segment == name
