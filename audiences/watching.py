"""When each thing was last in step, and which trouble is known and was told to whom."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    PrimaryKeyConstraint,
    Row,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from audiences.catalog import Instant, metadata

IN_STEP = Table(
    "in_step",
    metadata,
    Column("kind", String(20), nullable=False),
    Column("name", String(120), nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("kind", "name"),
)

TROUBLES = Table(
    "troubles",
    metadata,
    Column("subject", String(160), primary_key=True),
    Column("state", String(10), nullable=False),
    Column("since", Instant, nullable=False),
    Column("text", Text, nullable=False),
)

TOLD = Table(
    "told",
    metadata,
    Column("subject", String(160), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("subject", "channel"),
)


class Condition(StrEnum):
    """What a subject of alerts is in."""

    FAILED = "failed"
    REFUSED = "refused"
    STALE = "stale"
    RECOVERED = "recovered"


@dataclass(frozen=True)
class Trouble:
    """A subject and what it is in; RECOVERED once it is well again."""

    subject: str
    state: Condition
    since: datetime
    text: str


def mark_in_step(catalog: Engine, kind: str, names: Collection[str], *, now: datetime) -> None:
    """Record that these are as they should be right now."""
    with catalog.begin() as connection:
        for name in sorted(names):
            this = (IN_STEP.c.kind == kind) & (IN_STEP.c.name == name)
            if connection.execute(update(IN_STEP).where(this).values(at=now)).rowcount == 0:
                connection.execute(insert(IN_STEP).values(kind=kind, name=name, at=now))


def in_step(catalog: Engine, kind: str) -> dict[str, datetime]:
    """When each thing of a kind was last in step, by name."""
    query = select(IN_STEP.c.name, IN_STEP.c.at).where(IN_STEP.c.kind == kind)
    with catalog.begin() as connection:
        return {row.name: row.at for row in connection.execute(query)}


def note_trouble(
    catalog: Engine, subject: str, state: Condition, text: str, *, now: datetime
) -> Trouble | None:
    """Record what a subject is in; what is to be told of it, or None where it was always well.

    The same state again keeps its first text: nobody is told twice of one trouble.
    """
    with catalog.begin() as connection:
        known = _read(connection, subject)
        if known is not None and known.state == state:
            return known
        if known is None and state is Condition.RECOVERED:
            return None
        connection.execute(delete(TROUBLES).where(TROUBLES.c.subject == subject))
        connection.execute(delete(TOLD).where(TOLD.c.subject == subject))
        row = {"subject": subject, "state": state.value, "since": now, "text": text}
        connection.execute(insert(TROUBLES).values(**row))
    return Trouble(subject, state, now, text)


def already_told(catalog: Engine, subject: str) -> frozenset[str]:
    """Channels that know what the subject is in now."""
    query = select(TOLD.c.channel).where(TOLD.c.subject == subject)
    with catalog.begin() as connection:
        return frozenset(connection.scalars(query))


def record_told(catalog: Engine, trouble: Trouble, channel: str, *, now: datetime) -> None:
    """Record that a channel took the alert; no error if another process told it meanwhile."""
    with catalog.begin() as connection:
        mine = (TOLD.c.subject == trouble.subject) & (TOLD.c.channel == channel)
        if connection.execute(select(TOLD.c.at).where(mine)).first() is None:
            row = {"subject": trouble.subject, "channel": channel, "at": now}
            connection.execute(insert(TOLD).values(**row))


def troubles(catalog: Engine) -> tuple[Trouble, ...]:
    """Everything that is not well now, oldest first."""
    query = select(TROUBLES).where(TROUBLES.c.state != Condition.RECOVERED.value)
    with catalog.begin() as connection:
        rows = connection.execute(query.order_by(TROUBLES.c.since, TROUBLES.c.subject))
        return tuple(_trouble(row) for row in rows)


def forget_subjects(catalog: Engine, kind: str, known: Collection[str]) -> None:
    """Let go of troubles of a kind (`kind/...`) whose subject is no longer in the rules."""
    mine = TROUBLES.c.subject.startswith(f"{kind}/", autoescape=True)
    with catalog.begin() as connection:
        subjects = list(connection.scalars(select(TROUBLES.c.subject).where(mine)))
        for subject in sorted(set(subjects) - set(known)):
            connection.execute(delete(TROUBLES).where(TROUBLES.c.subject == subject))
            connection.execute(delete(TOLD).where(TOLD.c.subject == subject))


def _read(connection: Connection, subject: str) -> Trouble | None:
    row = connection.execute(select(TROUBLES).where(TROUBLES.c.subject == subject)).first()
    return None if row is None else _trouble(row)


def _trouble(row: Row[Any]) -> Trouble:
    return Trouble(row.subject, Condition(row.state), row.since, row.text)
