"""Lists of ours that the rules do not name any more: kept until somebody says to delete them."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Engine, delete, select, update

from audiences.leases import Lease, hold_lease
from audiences.ledger import ListNotOurs
from audiences.lookalikes import LOOKALIKES
from audiences.model import AudienceRef
from audiences.rebuilds import NEW
from audiences.records import KNOWN_KIND, LISTS, OLD, read_list
from audiences.sending import Clock
from audiences.snapshots import SNAPSHOTS


@dataclass(frozen=True)
class Orphan:
    """A list on a platform, and the name of the audience it was kept for."""

    account: str
    audience: str
    title: str
    list_id: str


def orphans(catalog: Engine, named: Collection[tuple[str, str]]) -> tuple[Orphan, ...]:
    """Lists of ours whose account and audience are not among those that the rules name.

    What a rebuild works on or keeps is its own affair.
    """
    query = select(LISTS).where(LISTS.c.state == "ours", LISTS.c.list_id.is_not(None))
    with catalog.begin() as connection:
        rows = connection.execute(query.order_by(LISTS.c.account, LISTS.c.audience)).mappings()
        found = [Orphan(*(row[name] for name in Orphan.__match_args__)) for row in rows]
    return tuple(
        one
        for one in found
        if (one.account, one.audience) not in named and not one.audience.endswith((NEW, OLD))
    )


def refuse_to_delete(catalog: Engine, audience: AudienceRef) -> None:
    """Raise ListNotOurs where the list is not one that we made, or is being sent."""
    with catalog.begin() as connection:
        record = read_list(connection, audience)
    if record is None or record["state"] != "ours" or record["list_id"] is None:
        raise ListNotOurs(f"{audience}: there is no list of ours by this name.")
    if record["adopted"]:
        raise ListNotOurs(
            f"{audience}: the list was there before this project. Delete it on the platform."
        )
    if record["open_plan"]:
        raise ListNotOurs(f"{audience}: a plan is still open on it. Apply again first.")


def forget_list(catalog: Engine, audience: AudienceRef, lease: Lease, *, clock: Clock) -> None:
    """The list and its look-alikes are gone from the platform; their history is kept."""
    of_list = (LISTS.c.account == audience.account) & (LISTS.c.audience == audience.audience)
    grown = (LOOKALIKES.c.account == audience.account) & (
        LOOKALIKES.c.audience == audience.audience
    )
    known = (SNAPSHOTS.c.kind == KNOWN_KIND) & (SNAPSHOTS.c.name == str(audience))
    with catalog.begin() as connection:
        hold_lease(connection, lease, now=clock())
        connection.execute(delete(LISTS).where(of_list))
        connection.execute(delete(LOOKALIKES).where(grown))
        connection.execute(update(SNAPSHOTS).where(known).values(current=False))
