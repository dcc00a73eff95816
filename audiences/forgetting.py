"""People who asked to be forgotten: found in a refresh, taken off lists, then out of state.

Once a person is on no list, every stored row of them is removed and the request keeps its proof:
what was removed, where, when, and the platforms' receipt ids.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis import _
from ibis.backends.duckdb import Backend
from sqlalchemy import Engine, select, update

from audiences.difference import Standing
from audiences.forget_requests import DIGESTS, PERSON, REQUESTS, requests
from audiences.identity import CONTACT_ID
from audiences.people import People
from audiences.purging import plans_naming, purge, removals
from audiences.records import KNOWN_KIND, LISTS
from audiences.sealing import Seal
from audiences.snapshots import SNAPSHOTS, open_rows
from audiences.staging import keep
from audiences.unions import stacked


@dataclass(frozen=True)
class Forgetting:
    """What a refresh does about requests: who must go from lists first, who goes for good."""

    waiting: dict[int, frozenset[str]]
    """People of a request who are still on a list, or may be."""
    gone: dict[int, frozenset[str]]
    """People of a request who are on none."""

    @property
    def forgotten(self) -> list[str]:
        return sorted({one for people in self.gone.values() for one in people})

    @property
    def anybody(self) -> bool:
        """Whether the exports still hold somebody who asked to be forgotten."""
        return any((*self.waiting.values(), *self.gone.values()))


def look_for(
    engine: Backend,
    catalog: Engine,
    state: Path,
    people: People,
    contact_rows: ir.Table,
    seal: Seal | None = None,
) -> Forgetting:
    """Find the people of every request in this refresh, and whether they are on a list."""
    with catalog.begin() as connection:
        asked = requests(connection)
        rows = connection.execute(select(DIGESTS)).mappings().all()
    if not asked:
        return Forgetting({}, {})
    wanted = pa.Table.from_pylist([dict(row) for row in rows])
    found = _found(engine, people, contact_rows, ibis.memtable(wanted), rows[0]["salt"])
    mine = {one.number: one.people | found.get(one.number, frozenset()) for one in asked}
    every = {one for ids in mine.values() for one in ids}
    listed = _on_lists(engine, catalog, state, every, seal)
    waiting = {n: ids for n, ids in mine.items() if ids & listed}
    return Forgetting(waiting, {n: ids for n, ids in mine.items() if n not in waiting})


def _found(
    engine: Backend, people: People, contact_rows: ir.Table, wanted: ir.Table, salt: str
) -> dict[int, frozenset[str]]:
    ids = contact_rows.join(people.person_rows, ["source", "row_id"])
    owned = ids.filter(ids.contact_id.notnull())
    everybody = people.people.select("person_id")
    named = stacked(
        people.resolution.keys.filter(_.kind != CONTACT_ID)
        .join(people.resolution.rows.select("node", "person_id"), "node")
        .select("person_id", "kind", "value"),
        owned.select("person_id", kind=ibis.literal(CONTACT_ID), value=owned.contact_id),
        everybody.mutate(kind=ibis.literal(PERSON), value=everybody.person_id),
    ).distinct()
    digest = (ibis.literal(salt) + named.kind + ":" + named.value).hexdigest("sha256")
    hits = named.mutate(digest=digest).join(wanted, "digest")
    pairs = engine.to_pyarrow(hits.select("request", "person_id").distinct()).to_pylist()
    found: dict[int, set[str]] = {}
    for row in pairs:
        found.setdefault(row["request"], set()).add(row["person_id"])
    return {number: frozenset(ids) for number, ids in found.items()}


def _on_lists(
    engine: Backend, catalog: Engine, state: Path, people: Collection[str], seal: Seal | None
) -> set[str]:
    """Who of these people is on a list or may be; all of them while a plan is open."""
    with catalog.begin() as connection:
        opened = select(LISTS.c.account).where(LISTS.c.open_plan.is_not(None))
        if connection.execute(opened).first():
            return set(people)
        current = SNAPSHOTS.c.current & (SNAPSHOTS.c.kind == KNOWN_KIND)
        paths = list(connection.scalars(select(SNAPSHOTS.c.path).where(current)))
    on: set[str] = set()
    for path in paths:
        known = open_rows(engine, state / path, seal)
        held = known.filter(
            known.person_id.isin(list(people)) & (known.standing != Standing.REFUSED.value)
        )
        on |= set(engine.to_pyarrow(held.select("person_id")).column(0).to_pylist())
    return on


def without(people: People, doing: Forgetting) -> People:
    """People as the run may keep them: who waits has no consent, who is forgotten is not there."""
    hold = sorted({one for ids in doing.waiting.values() for one in ids})
    if not hold and not doing.forgotten:
        return people
    gone = doing.forgotten

    def left(table: ir.Table) -> ir.Table:
        return keep(table.filter(~table.person_id.isin(gone))) if gone else table

    rest = left(people.people)
    said = rest.consent_ads
    unwilling = rest.person_id.isin(hold).ifelse("no", said) if hold else said
    return replace(
        people,
        people=keep(rest.mutate(consent_ads=unwilling)),
        identifiers=left(people.identifiers),
        occasions=left(people.occasions),
        returns=left(people.returns),
        person_rows=left(people.person_rows),
        resolution=replace(
            people.resolution,
            naming=replace(people.resolution.naming, keys=left(people.resolution.key_table)),
        ),
        keys=left(people.keys),
    )


def settle(
    catalog: Engine, state: Path, doing: Forgetting, now: datetime, seal: Seal | None = None
) -> None:
    """Remove what is stored of the forgotten and keep the proof; remember who still waits."""
    with catalog.begin() as connection:
        for number, people in doing.waiting.items():
            written = json.dumps(sorted(people))
            connection.execute(
                update(REQUESTS).where(REQUESTS.c.id == number).values(people=written)
            )
        done = {one.number: one for one in requests(connection)}
    fresh = {n: people for n, people in doing.gone.items() if done[n].done_at is None}
    if not fresh:
        return
    forgotten = sorted({one for people in fresh.values() for one in people})
    plans = plans_naming(state, forgotten, seal)
    proofs = {
        number: list(removals(catalog, plans, people, seal)) for number, people in fresh.items()
    }
    purge(catalog, state, forgotten, plans, seal)
    with catalog.begin() as connection:
        for number, proof in proofs.items():
            values = {"people": "[]", "done_at": now, "proof": json.dumps(proof)}
            connection.execute(update(REQUESTS).where(REQUESTS.c.id == number).values(**values))
