"""What a refresh keeps: every snapshot beside the old ones, then all of them current together."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

import ibis.expr.types as ir

from audiences.contacts import by_person, digests
from audiences.engines import engine_for
from audiences.exports import COSTS_TABLE
from audiences.history import STORIES
from audiences.people import People
from audiences.refreshes import Refresh, record_refresh
from audiences.seeds import Seed
from audiences.segments import Segmentation
from audiences.snapshots import RowsFile, commit_snapshot, snapshot_name
from audiences.staging import pack
from audiences.tables import OCCASIONS, PEOPLE, RETURNS, SCORES, SEGMENTED
from config.exports import ExportKind
from connectors.base import Connector
from flows.documents import Document
from flows.holding import KIND
from flows.scoring import Scored
from flows.workshop import Workshop

Written = tuple[str, str, RowsFile]
"""Kind, name and file of a snapshot that is not current yet."""

LONG = frozenset({"occasions", "returns", "events", "keys"})
"""Kinds that have several rows for each person, kept since they were worked out."""
ALIKE = frozenset({"events", "costs"})
"""Kinds of which several rows may begin with the same two columns: they are ordered by all."""


def write_all(
    workshop: Workshop,
    people: People,
    made: Segmentation,
    scored: Scored,
    seeds: Mapping[str, Seed],
    behaviour: ir.Table | None,
    assigned: ir.Table | None,
    now: datetime,
) -> list[Written]:
    """Write every snapshot beside the old ones; `commit` makes them current."""
    tables: list[tuple[str, str, ir.Table]] = [
        ("people", "", people.people.select(*PEOPLE.names)),
        ("keys", "", people.keys),
        ("occasions", "", people.occasions.select(*OCCASIONS.names)),
        ("returns", "", people.returns.select(*RETURNS.names)),
        ("segments", "", made.table.select(*SEGMENTED.names)),
        *([("events", "", behaviour)] if behaviour is not None else []),
        *(("costs", "", table) for table in costs_read(workshop)),
        *([(KIND, "", assigned)] if assigned is not None else []),
        ("stories", "", scored.stories.select(*STORIES.names)),
        ("scores", "", scored.scores.select(*SCORES.names)),
        *(("seed", name, seed.table) for name, seed in seeds.items()),
        *(("digests", name, table) for name, table in _digests(workshop, people)),
    ]
    return [(kind, name, _write(workshop, kind, name, table, now)) for kind, name, table in tables]


def commit(
    workshop: Workshop,
    files: Sequence[Written],
    people: People,
    document: Document,
    *,
    as_of: date,
    now: datetime,
    newest_order: date | None,
    inputs: str,
) -> None:
    """Make the files current and record the refresh, in one transaction."""
    everybody = people.people
    willing = everybody.filter(everybody.consent_ads == "yes").count().to_pyarrow().as_py()
    refresh = Refresh(
        made_at=now,
        as_of=as_of,
        people=document["people"],
        consent_share=willing / document["people"] if document["people"] else 0.0,
        newest_order=newest_order,
        sources=inputs,
        document=document,
    )
    with workshop.catalog.begin() as connection:
        for kind, name, file in files:
            commit_snapshot(
                connection,
                workshop.state,
                kind=kind,
                name=name,
                file=file,
                as_of=as_of,
                made_at=now,
            )
        record_refresh(connection, refresh)


def costs_read(workshop: Workshop) -> Iterator[ir.Table]:
    """What advertising cost, where the project exports it."""
    if any(one.kind is ExportKind.COSTS for one in workshop.project.exports.export):
        yield workshop.engine.table(COSTS_TABLE)


def _write(workshop: Workshop, kind: str, name: str, table: ir.Table, now: datetime) -> RowsFile:
    folder = workshop.state / kind / name if name else workshop.state / kind
    keys = table.columns if kind in ALIKE else table.columns[:2]
    work = engine_for(workshop.engine)
    is_long = kind in LONG
    return work.write_file(folder, snapshot_name(now), table, keys, workshop.seal, is_long=is_long)


def _digests(workshop: Workshop, people: People) -> Iterator[tuple[str, ir.Table]]:
    """Digests by every recipe that an account in use asks for."""
    used = {account for one in workshop.project.audiences.audience for account in one.accounts}
    connectors = [workshop.connectors[account] for account in sorted(used)]
    recipes = {one.recipe.name: one.recipe for one in connectors if isinstance(one, Connector)}
    contacts = pack(by_person(people.identifiers))
    for name, recipe in sorted(recipes.items()):
        yield name, digests(contacts, recipe)
