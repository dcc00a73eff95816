"""The look-alike lists we own: which seed each grew from, and when."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    String,
    Table,
    insert,
    select,
    update,
)

from audiences.catalog import Instant, metadata
from audiences.model import AudienceRef

LOOKALIKES = Table(
    "lookalikes",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("audience", String(40), primary_key=True),
    Column("reach", Integer, primary_key=True),
    Column("title", String(250), nullable=False),
    Column("seed_list", String(250), nullable=False),
    Column("claimed_at", Instant, nullable=False),
    Column("list_id", String(250)),
    Column("grown_at", Instant),
    # people in it as the platform counts them, and when it said so
    Column("size", BigInteger),
    Column("sized_at", Instant),
)


@dataclass(frozen=True)
class Grown:
    """One look-alike list: `list_id` and `grown_at` are None while it is not known to be made."""

    reach: int
    title: str
    seed_list: str
    list_id: str | None
    grown_at: datetime | None
    size: int | None = None
    """People in it, as the platform last counted them."""


def grown_from(connection: Connection, audience: AudienceRef) -> dict[int, Grown]:
    """The look-alikes of a seed audience, by reach."""
    of = (LOOKALIKES.c.account == audience.account) & (LOOKALIKES.c.audience == audience.audience)
    return {
        row["reach"]: Grown(
            row["reach"],
            row["title"],
            row["seed_list"],
            row["list_id"],
            row["grown_at"],
            row["size"],
        )
        for row in connection.execute(select(LOOKALIKES).where(of)).mappings()
    }


def claim(
    connection: Connection,
    audience: AudienceRef,
    reach: int,
    *,
    title: str,
    seed_list: str,
    now: datetime,
) -> None:
    """Record that a look-alike may be made from now on, so that one found later is ours."""
    values = {"title": title, "seed_list": seed_list, "claimed_at": now}
    changed = connection.execute(update(LOOKALIKES).where(_one(audience, reach)).values(**values))
    if changed.rowcount == 0:
        key = {"account": audience.account, "audience": audience.audience, "reach": reach}
        connection.execute(insert(LOOKALIKES).values(**key, **values))


def record_grown(
    connection: Connection, audience: AudienceRef, reach: int, *, list_id: str, now: datetime
) -> None:
    """Record that a look-alike is there."""
    grown = update(LOOKALIKES).where(_one(audience, reach))
    connection.execute(grown.values(list_id=list_id, grown_at=now))


def record_size(
    connection: Connection, audience: AudienceRef, reach: int, *, size: int, now: datetime
) -> None:
    """Record how many people a platform says are in a look-alike."""
    sized = update(LOOKALIKES).where(_one(audience, reach))
    connection.execute(sized.values(size=size, sized_at=now))


def _one(audience: AudienceRef, reach: int) -> ColumnElement[bool]:
    return (
        (LOOKALIKES.c.account == audience.account)
        & (LOOKALIKES.c.audience == audience.audience)
        & (LOOKALIKES.c.reach == reach)
    )
