"""Plans that wait for a person, and what the person said: who, when, why."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Column,
    Engine,
    Integer,
    Row,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)

from audiences.catalog import Instant, metadata

WAITS = timedelta(days=3)
"""How long a plan waits; after it, nothing has happened and nothing will."""

LEAST_REASON, MOST_REASON, MOST_NAME = 3, 500, 100

DECISIONS = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("fingerprint", String(64), nullable=False, index=True),
    Column("asked_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("summary", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("who", Text),
    Column("why", Text),
    Column("decided_at", Instant),
)


class Decided(StrEnum):
    """What became of a question."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


class NotWaiting(Exception):
    """The plan does not wait for anybody; the text says what became of it."""


class BadDecision(Exception):
    """A decision that may not be taken so; the text says what is missing."""


@dataclass(frozen=True)
class Question:
    """A plan that guards refused, shown to a person."""

    fingerprint: str
    asked_at: datetime
    until: datetime
    summary: str
    state: Decided
    who: str | None
    why: str | None
    decided_at: datetime | None


def ask(catalog: Engine, fingerprint: str, summary: str, *, now: datetime) -> Question:
    """Have a plan wait. A plan that waits already keeps its question and its end.

    What was rejected is asked anew only by a new plan, that is by another fingerprint.
    """
    with catalog.begin() as connection:
        query = select(DECISIONS).where(DECISIONS.c.fingerprint == fingerprint)
        row = connection.execute(query.order_by(DECISIONS.c.id.desc())).first()
        if row is not None and (known := _question(row, now)).state is not Decided.EXPIRED:
            return known
        values = {"fingerprint": fingerprint, "asked_at": now, "until": now + WAITS}
        made = insert(DECISIONS).values(**values, summary=summary, state=Decided.WAITING.value)
        connection.execute(made)
    return Question(fingerprint, now, now + WAITS, summary, Decided.WAITING, None, None, None)


def questions(catalog: Engine, *, now: datetime, most: int = 50) -> tuple[Question, ...]:
    """The newest questions first, also answered ones."""
    query = select(DECISIONS).order_by(DECISIONS.c.id.desc()).limit(most)
    with catalog.begin() as connection:
        return tuple(_question(row, now) for row in connection.execute(query))


def decide(
    catalog: Engine, fingerprint: str, state: Decided, *, who: str, why: str, now: datetime
) -> Question:
    """Record a decision on a plan that waits, in one transaction: the first one counts.

    Raises BadDecision for a missing name or reason, NotWaiting where nothing waits (any more).
    """
    who, why = signed(who, why)
    with catalog.begin() as connection:
        query = select(DECISIONS).where(DECISIONS.c.fingerprint == fingerprint)
        row = connection.execute(query.order_by(DECISIONS.c.id.desc())).first()
        if row is None:
            raise NotWaiting(f"no plan {fingerprint[:12]} waits for a decision.")
        known = _question(row, now)
        if known.state is not Decided.WAITING:
            raise NotWaiting(_became(known))
        values = {"state": state.value, "who": who, "why": why, "decided_at": now}
        connection.execute(update(DECISIONS).where(DECISIONS.c.id == row.id).values(**values))
        row = connection.execute(select(DECISIONS).where(DECISIONS.c.id == row.id)).one()
        return _question(row, now)


def settle(
    catalog: Engine, fingerprint: str, state: Decided, *, who: str, why: str, now: datetime
) -> None:
    """Answer the question of a plan if there is one; a plan that nobody was asked about is fine."""
    with suppress(NotWaiting):
        decide(catalog, fingerprint, state, who=who, why=why, now=now)


def signed(who: str, why: str) -> tuple[str, str]:
    """Name and reason, trimmed. Raises BadDecision where they are missing or too long."""
    who, why = who.strip(), why.strip()
    if not 1 <= len(who) <= MOST_NAME:
        raise BadDecision(f"who decides? A name of 1 to {MOST_NAME} characters is needed.")
    if not LEAST_REASON <= len(why) <= MOST_REASON:
        raise BadDecision(
            f"a reason of {LEAST_REASON} to {MOST_REASON} characters is needed: "
            "it is kept with the decision."
        )
    return who, why


def _became(known: Question) -> str:
    when = known.decided_at or known.until
    by = f" by {known.who}" if known.who else ""
    return (
        f"plan {known.fingerprint[:12]} was {known.state}{by} on {when:%Y-%m-%d %H:%M} UTC: "
        "nothing is left to decide. Plan again for a new question."
    )


def _question(row: Row[Any], now: datetime) -> Question:
    over = row.state == Decided.WAITING and row.until <= now
    return Question(
        fingerprint=row.fingerprint,
        asked_at=row.asked_at,
        until=row.until,
        summary=row.summary,
        state=Decided.EXPIRED if over else Decided(row.state),
        who=row.who,
        why=row.why,
        decided_at=row.decided_at,
    )
