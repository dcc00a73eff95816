"""What platforms told later: how many people of a list they recognised, what became of a request.

Accepted is not matched: the ledger knows what was accepted, these tables what came of it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
)

from audiences.catalog import Instant, metadata
from audiences.model import AudienceRef
from audiences.records import BATCHES, KNOWN_KIND
from audiences.snapshots import SNAPSHOTS

MATCHES = Table(
    "matches",
    metadata,
    Column("account", String(40), nullable=False),
    Column("audience", String(60), nullable=False),
    Column("at", Instant, nullable=False),
    Column("list_id", String(200), nullable=False),
    Column("members", Integer, nullable=False),  # as the ledger knew them then
    Column("size", Integer),
    Column("matched", Integer),
    Column("said", Text, nullable=False),
    PrimaryKeyConstraint("account", "audience", "at"),
)

OUTCOMES = Table(
    "outcomes",
    metadata,
    Column("batch", String(80), ForeignKey("batches.key", ondelete="CASCADE"), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("matched", Text, nullable=False),
    Column("dropped", Text, nullable=False),
)

KEPT_DAYS = 50
"""What became of a request is told for about so long (Google: some 50 days)."""


@dataclass(frozen=True)
class Match:
    """One look at a list: `members` as the ledger knows them, the rest as the platform counts.

    `size` and `matched` are None where it does not tell, or not yet.
    """

    at: datetime
    list_id: str
    members: int
    size: int | None
    matched: int | None
    said: str

    @property
    def share(self) -> float | None:
        """Recognised people per member; None where either is not known. Rounding may pass 1."""
        if self.matched is None or not self.members:
            return None
        return min(self.matched / self.members, 1.0)


def keep_match(connection: Connection, audience: AudienceRef, one: Match) -> None:
    """Record a look; the last one of a day stays."""
    day = one.at.replace(hour=0, minute=0, second=0, microsecond=0)
    today = (MATCHES.c.at >= day) & (MATCHES.c.at < day + timedelta(days=1))
    mine = (MATCHES.c.account == audience.account) & (MATCHES.c.audience == audience.audience)
    connection.execute(delete(MATCHES).where(mine & today))
    row = {name: getattr(one, name) for name in Match.__dataclass_fields__}
    key = {"account": audience.account, "audience": audience.audience}
    connection.execute(insert(MATCHES).values(**key, **row))


def matches_of(connection: Connection, audience: AudienceRef) -> tuple[Match, ...]:
    """Every look at a list, the oldest first."""
    mine = (MATCHES.c.account == audience.account) & (MATCHES.c.audience == audience.audience)
    rows = connection.execute(select(MATCHES).where(mine).order_by(MATCHES.c.at)).mappings()
    return tuple(Match(**{name: row[name] for name in Match.__dataclass_fields__}) for row in rows)


def known_members(connection: Connection, audience: AudienceRef) -> int:
    """People in the list as far as the ledger knows, the unsure included."""
    current = (SNAPSHOTS.c.kind == KNOWN_KIND) & SNAPSHOTS.c.current
    query = select(SNAPSHOTS.c.rows).where(current & (SNAPSHOTS.c.name == str(audience)))
    return int(connection.execute(query).scalar() or 0)


def open_references(
    connection: Connection, audience: AudienceRef, *, now: datetime, after: timedelta
) -> tuple[tuple[str, str], ...]:
    """Batch and reference of requests whose outcome is not known; not those just sent."""
    told = select(OUTCOMES.c.batch).where(OUTCOMES.c.done)
    query = select(BATCHES.c.key, BATCHES.c.reference).where(
        BATCHES.c.account == audience.account,
        BATCHES.c.audience == audience.audience,
        BATCHES.c.state == "settled",
        BATCHES.c.reference != "",
        BATCHES.c.settled_at <= now - after,
        BATCHES.c.settled_at >= now - timedelta(days=KEPT_DAYS),
        BATCHES.c.key.not_in(told),
    )
    rows = connection.execute(query.order_by(BATCHES.c.settled_at, BATCHES.c.number))
    return tuple((row.key, row.reference) for row in rows)


def keep_outcome(
    connection: Connection, batch: str, *, at: datetime, done: bool, matched: str, dropped: str
) -> None:
    """Record what became of a request, in the platform's words and counts."""
    connection.execute(delete(OUTCOMES).where(OUTCOMES.c.batch == batch))
    told = {"at": at, "done": done, "matched": matched, "dropped": dropped}
    connection.execute(insert(OUTCOMES).values(batch=batch, **told))
