"""The ledger's tables: lists, plans, batches, refusals, approvals, leases; how they are read."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)

from audiences.catalog import Instant, metadata
from audiences.difference import SENT, TURNED_DOWN
from audiences.model import AudienceRef, Receipt, Verb
from audiences.snapshots import SNAPSHOTS

OLD = "~old"
"""What ends the name of a list that a rebuild replaced; a name of the rules cannot hold it."""

KNOWN_KIND = "known"
"""Kind of the snapshots of a list's known members; their name is account/audience."""

LISTS = Table(
    "lists",
    metadata,
    Column("account", String(40), nullable=False),
    Column("audience", String(60), nullable=False),
    Column("platform", String(40), nullable=False),
    Column("purpose", String(20), nullable=False),
    Column("title", Text, nullable=False),
    Column("list_id", String(200)),
    # planned: never asked for; creating: may have been made; ours; gone: deleted behind our back
    Column("state", String(10), nullable=False),
    Column("open_plan", String(64)),
    # adopted: nobody is removed but those who withdrew their consent
    Column("add_only", Boolean, nullable=False, default=False),
    # adopted, whether removals are allowed by now or not: others' people may be in it
    Column("adopted", Boolean, nullable=False, default=False),
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
    Column("audience", String(60), nullable=False),
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


def refusal_rows(receipt: Receipt) -> list[dict[str, object]]:
    """One row per person, who may be in a removal with several sets of digests."""
    rows = {
        refusal.person_id: {
            "batch": receipt.batch,
            "person_id": refusal.person_id,
            "reason": refusal.reason,
            "temporary": refusal.temporary,
        }
        for refusal in receipt.refused
    }
    return list(rows.values())


def read_list(connection: Connection, audience: AudienceRef) -> dict[str, Any] | None:
    """The list's row, or None if nothing was ever planned for it."""
    query = select(LISTS).where(
        LISTS.c.account == audience.account, LISTS.c.audience == audience.audience
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else dict(row)


def old_list(audience: AudienceRef) -> AudienceRef:
    """The list that served before a rebuild was swapped in."""
    return replace(audience, audience=f"{audience.audience}{OLD}")


def write_list(
    connection: Connection, audience: AudienceRef, now: datetime, **values: object
) -> None:
    """Change the list's row, or make it."""
    this = (LISTS.c.account == audience.account) & (LISTS.c.audience == audience.audience)
    changed = update(LISTS).where(this).values(changed_at=now, **values)
    if connection.execute(changed).rowcount == 0:
        row = {
            "account": audience.account,
            "audience": audience.audience,
            "platform": audience.platform,
            "purpose": audience.purpose.value,
            "title": audience.title,
            "state": "planned",
        }
        connection.execute(insert(LISTS).values(**{**row, "changed_at": now, **values}))


def known_now(connection: Connection, audience: AudienceRef) -> tuple[str, str | None]:
    """Name of the list's present state, and the path of its snapshot; None before the first."""
    query = select(SNAPSHOTS.c.id, SNAPSHOTS.c.path, SNAPSHOTS.c.fingerprint).where(
        SNAPSHOTS.c.kind == KNOWN_KIND, SNAPSHOTS.c.name == str(audience), SNAPSHOTS.c.current
    )
    row = connection.execute(query).first()
    # the number makes it differ where a list comes back to an earlier content: its old receipts
    # are not those of a new plan
    return ("empty", None) if row is None else (f"{row.id}-{row.fingerprint[:16]}", row.path)


def last_replacement(connection: Connection, audience: AudienceRef) -> tuple[datetime, bool] | None:
    """When the list was last to be replaced whole, and whether it is open what came of it.

    It is open no more once another batch of the list was settled.
    """
    mine = (BATCHES.c.account == audience.account) & (BATCHES.c.audience == audience.audience)
    latest = select(BATCHES.c.intended_at, BATCHES.c.state).where(mine)
    latest = latest.order_by(BATCHES.c.intended_at.desc(), BATCHES.c.number.desc()).limit(1)
    whole = connection.execute(latest.where(BATCHES.c.verb == Verb.REPLACE.value)).first()
    if whole is None:
        return None
    done = connection.execute(latest.where(BATCHES.c.state == "settled")).first()
    settled = done is not None and done.intended_at > whole.intended_at
    return whole.intended_at, whole.state != "settled" and not settled


def sent_batches(
    connection: Connection, audience: AudienceRef, plan: str
) -> tuple[pa.Table, pa.Table]:
    """The plan's batches of one list that were or may have been sent, and who was refused."""
    mine = (
        (BATCHES.c.plan == plan)
        & (BATCHES.c.account == audience.account)
        & (BATCHES.c.audience == audience.audience)
    )
    query = select(BATCHES.c.number, BATCHES.c.state, BATCHES.c.intended_at).where(mine)
    batches = [
        {"batch": row.number, "settled": row.state == "settled", "day": row.intended_at.date()}
        for row in connection.execute(query.order_by(BATCHES.c.number))
    ]
    who = select(BATCHES.c.number, REFUSALS.c.person_id, REFUSALS.c.temporary)
    who = who.join(REFUSALS, REFUSALS.c.batch == BATCHES.c.key)
    refused: Sequence[dict[str, object]] = [
        {"batch": row.number, "person_id": row.person_id, "temporary": row.temporary}
        for row in connection.execute(who.where(mine))
    ]
    return pa.Table.from_pylist(batches, SENT), pa.Table.from_pylist(list(refused), TURNED_DOWN)
