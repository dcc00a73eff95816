"""Requests to be forgotten: salted digests of what was asked for, never a contact.

Until a request is done it holds salted digests, by which the person is found again in every export,
and the person's pseudonyms, by which lists let go of them. The digests stay, so that an export
which still has the person cannot bring them back.
"""

import hashlib
import json
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis.expr.types as ir
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    insert,
    select,
)

from audiences.catalog import Instant, metadata
from audiences.contacts import HASHED
from audiences.emails import emails_in
from audiences.identity import CONTACT_ID
from audiences.phones import phones_in
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
