"""The ledger's tables: lists, plans, batches, refusals, approvals, leases."""

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from audiences.catalog import Instant, metadata

LISTS = Table(
    "lists",
    metadata,
    Column("account", String(40), nullable=False),
    Column("audience", String(40), nullable=False),
    Column("platform", String(40), nullable=False),
    Column("purpose", String(20), nullable=False),
    Column("title", Text, nullable=False),
    Column("list_id", String(200)),
    # planned: never asked for; creating: may have been made; ours; gone: deleted behind our back
    Column("state", String(10), nullable=False),
    Column("open_plan", String(64)),
    Column("changed_at", Instant, nullable=False),
    PrimaryKeyConstraint("account", "audience"),
)

PLANS = Table(
    "plans",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("as_of", Date, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("begun_at", Instant),
)

BATCHES = Table(
    "batches",
    metadata,
    Column("key", String(80), primary_key=True),
    Column("plan", String(64), nullable=False, index=True),
    Column("account", String(40), nullable=False),
    Column("audience", String(40), nullable=False),
    Column("number", Integer, nullable=False),
    Column("verb", String(10), nullable=False),
    Column("people", Integer, nullable=False),
    Column("state", String(10), nullable=False),  # intended, settled
    Column("tries", Integer, nullable=False),
    Column("intended_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("accepted", Integer),
    Column("refused", Integer),
    Column("reference", Text),
)

REFUSALS = Table(
    "refusals",
    metadata,
    Column("batch", ForeignKey("batches.key", ondelete="CASCADE"), nullable=False),
    Column("person_id", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("temporary", Boolean, nullable=False),
    PrimaryKeyConstraint("batch", "person_id"),
)

APPROVALS = Table(
    "approvals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("fingerprint", String(64), nullable=False, index=True),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

LEASES = Table(
    "leases",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("until", Instant, nullable=False),
)
