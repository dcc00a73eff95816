"""People who asked to be forgotten: found by salted digests, taken off lists, then out of state.

A request holds no contact. Until it is done it holds salted digests, by which the person is found
again in every export, and the person's pseudonyms, by which lists let go of them. Once the person
is on no list, every stored row of them is removed and the request keeps its proof: what was
removed, where, when, and the platforms' receipt ids. The digests stay, so that an export which
still has the person cannot bring them back.
"""

import hashlib
import json
import secrets
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
from ibis import _
from ibis.backends.duckdb import Backend
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from audiences.catalog import Instant, metadata
from audiences.contacts import HASHED
from audiences.difference import Standing
from audiences.emails import emails_in
from audiences.identity import CONTACT_ID
from audiences.model import Verb
from audiences.people import People
from audiences.phones import phones_in
from audiences.plan import plans_folder
from audiences.records import BATCHES, KNOWN_KIND, LISTS, REFUSALS
from audiences.sealing import Seal, open_parquet
from audiences.snapshots import SNAPSHOTS, open_rows, parts_of, write_rows
from audiences.staging import keep
from audiences.unions import stacked
from config.audiences import Identifier
from config.shop import Shop

REQUESTS = Table(
    "forget_requests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("asked_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("people", Text, nullable=False),  # JSON list of person ids; empty once done
    Column("proof", Text, nullable=False),  # JSON list of removals
)

DIGESTS = Table(
    "forget_digests",
    metadata,
    Column("request", ForeignKey("forget_requests.id"), nullable=False),
    Column("salt", String(32), nullable=False),
    Column("digest", String(64), nullable=False),
)

PERSON = "person_id"


@dataclass(frozen=True)
class Request:
    """Somebody to forget, or forgotten: no contact in it."""

    number: int
    asked_at: datetime
    done_at: datetime | None
    people: frozenset[str]
    proof: tuple[dict[str, Any], ...]


def named_by(text: str, shop: Shop) -> list[tuple[str, str]]:
    """(kind, value) of everything a text may mean: contacts in their one form, or ids."""
    if addresses := emails_in(text):
        return _with_digests(str(Identifier.EMAIL), addresses)
    if numbers := phones_in(text, shop.phone_regions):
        written = [number for number, _links in numbers]
        found = _with_digests(str(Identifier.PHONE), [*written, *(n[1:] for n in written)])
        return found + _ids(text) if text.strip().isdigit() else found
    return _ids(text)


def _with_digests(kind: str, values: Sequence[str]) -> list[tuple[str, str]]:
    """Contacts as they are known plain, and as they are known where they came hashed."""
    hashed = [HASHED + hashlib.sha256(value.encode()).hexdigest() for value in values]
    return [(kind, value) for value in (*values, *hashed)]


def _ids(text: str) -> list[tuple[str, str]]:
    kinds = (str(Identifier.EXTERNAL_ID), CONTACT_ID, PERSON)
    return [(kind, text.strip()) for kind in kinds] if text.strip() else []


def ask(
    connection: Connection, named: Sequence[tuple[str, str]], people: Collection[str], now: datetime
) -> int:
    """Record a request; the number it goes by. `named` is hashed before it is kept."""
    salt = connection.scalars(select(DIGESTS.c.salt).limit(1)).first() or secrets.token_hex(16)
    row = {"asked_at": now, "people": json.dumps(sorted(people)), "proof": "[]"}
    made = insert(REQUESTS).values(**row).returning(REQUESTS.c.id)
    number = int(connection.execute(made).scalar_one())
    for kind, value in named:
        digest = hashlib.sha256(f"{salt}{kind}:{value}".encode()).hexdigest()
        connection.execute(insert(DIGESTS).values(request=number, salt=salt, digest=digest))
    return number


def requests(connection: Connection) -> list[Request]:
    """Every request, in the order in which they were made."""
    return [
        Request(
            row.id,
            row.asked_at,
            row.done_at,
            frozenset(json.loads(row.people)),
            tuple(json.loads(row.proof)),
        )
        for row in connection.execute(select(REQUESTS).order_by(REQUESTS.c.id))
    ]


def leaving(catalog: Engine) -> list[str]:
    """Person ids that must leave every list now, whatever else is known of them."""
    with catalog.begin() as connection:
        return sorted({one for each in requests(connection) for one in each.people})


def known_by(
    keys: ir.Table, named: Sequence[tuple[str, str]], sources: Collection[str]
) -> set[str]:
    """Person ids to which contacts or ids lead, by the last refresh's digests (naming.KEYS)."""
    texts = [f"{kind}:{value}" for kind, value in named if kind != PERSON]
    for kind, value in named:
        if kind == CONTACT_ID:
            texts += [f"row:{source}:{value}" for source in sources]
            texts += [f"{CONTACT_ID}:{source}:{value}" for source in sources]
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    ids = [value for kind, value in named if kind == PERSON]
    found = keys.filter(keys.key_digest.isin(digests) | keys.person_id.isin(ids))
    return set(found.select("person_id").distinct().to_pyarrow().column(0).to_pylist())


# In a refresh


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
    plans = [folder for folder in _plans(state) if _names(folder, forgotten, seal)]
    proofs = {
        number: list(_removals(catalog, plans, people, seal)) for number, people in fresh.items()
    }
    _purge(catalog, state, forgotten, plans, seal)
    with catalog.begin() as connection:
        for number, proof in proofs.items():
            values = {"people": "[]", "done_at": now, "proof": json.dumps(proof)}
            connection.execute(update(REQUESTS).where(REQUESTS.c.id == number).values(**values))


def _plans(state: Path) -> Iterator[Path]:
    folder = plans_folder(state)
    yield from sorted(path for path in folder.glob("*") if path.is_dir())


def _names(folder: Path, people: Collection[str], seal: Seal | None) -> bool:
    return any(_rows_of(path, people, seal).num_rows for path in folder.glob("*.parquet"))


def _rows_of(path: Path, people: Collection[str], seal: Seal | None) -> pa.Table:
    with open_parquet(path, seal) as file:
        return file.read().filter(pc.field(PERSON).isin(list(people)))


def _removals(
    catalog: Engine, plans: Collection[Path], people: frozenset[str], seal: Seal | None
) -> Iterator[dict[str, Any]]:
    """Account, audience, moment and receipt of every batch that took the people off a list."""
    settled = BATCHES.c.state == "settled"
    for folder in plans:
        for path in sorted(folder.glob("*.parquet")):
            rows = _rows_of(path, people, seal)
            rows = rows.filter(pc.field("verb") == Verb.REMOVE.value)
            batches = set(rows.column("batch").to_pylist())
            account, _, audience = path.stem.partition(".")
            mine = (BATCHES.c.account == account) & (BATCHES.c.audience == audience)
            this = (BATCHES.c.plan == folder.name) & BATCHES.c.number.in_(batches)
            with catalog.begin() as connection:
                for row in connection.execute(select(BATCHES).where(mine, this, settled)):
                    yield {
                        "what": "removed from a list",
                        "account": account,
                        "audience": audience,
                        "at": row.settled_at.isoformat() if row.settled_at else None,
                        "batch": row.key,
                        "receipt": row.reference or "",
                    }


def _rest_of(part: Path, people: Collection[str], seal: Seal | None) -> int:
    """One file of a snapshot that is a folder, rid of these people; the rows that are left."""
    with open_parquet(part, seal) as stored:
        schema, count = stored.schema_arrow, int(stored.metadata.num_rows)
        if PERSON not in schema.names:
            return count
        whole = stored.read()
    rest = whole.filter(~pc.field(PERSON).isin(list(people)))
    if rest.num_rows < count:
        write_rows(part.parent, part.name, schema, rest.to_batches(), seal=seal)
    return int(rest.num_rows)


def _purge(
    catalog: Engine,
    state: Path,
    people: Collection[str],
    plans: Collection[Path],
    seal: Seal | None,
) -> None:
    """Take people out of every stored file and table. Plans that name them are deleted whole."""
    if not people:
        return
    with catalog.begin() as connection:
        stored = sorted(set(connection.scalars(select(SNAPSHOTS.c.path))))
    for written in stored:
        path, these = state / written, update(SNAPSHOTS).where(SNAPSHOTS.c.path == written)
        if path.is_dir():
            rows = sum(_rest_of(part, people, seal) for part in parts_of(path))
            with catalog.begin() as connection:
                connection.execute(these.values(rows=rows))
            continue
        with open_parquet(path, seal) as stored_rows:
            schema = stored_rows.schema_arrow
            if PERSON not in schema.names:
                continue
            whole = stored_rows.read()
        rest = whole.filter(~pc.field(PERSON).isin(list(people)))
        if rest.num_rows == whole.num_rows:
            continue
        name = f"{path.stem.partition('-')[0]}-{{fingerprint}}.parquet"
        file = write_rows(path.parent, name, schema, rest.to_batches(), seal=seal)
        with catalog.begin() as connection:
            connection.execute(
                these.values(
                    path=file.path.relative_to(state).as_posix(),
                    rows=file.rows,
                    fingerprint=file.fingerprint,
                )
            )
        path.unlink()
    with catalog.begin() as connection:
        connection.execute(delete(REFUSALS).where(REFUSALS.c.person_id.in_(list(people))))
    for folder in plans:
        shutil.rmtree(folder)
