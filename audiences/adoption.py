"""Lists that were there before us: taken over on a person's word, and only ever added to at first.

An adopted list holds members that we did not put there. We never remove those: what is removed is
what the ledger knows, and it knows only what we sent. But somebody we add may have been in the list
before, so nobody is removed until a person says that removals may begin. Withdrawn consent is not
held back by that.
"""

from sqlalchemy import Engine, select

from audiences.leases import Lease, hold_lease
from audiences.ledger import ListNotOurs
from audiences.model import AudienceRef
from audiences.records import LISTS, read_list, write_list
from audiences.sending import Clock


def adopt(
    catalog: Engine, audience: AudienceRef, list_id: str, lease: Lease, *, clock: Clock
) -> None:
    """Take over a list of the platform for an audience, add-only.

    Raises ListNotOurs if the audience has a list already, or another audience has this one.
    """
    now = clock()
    with catalog.begin() as connection:
        hold_lease(connection, lease, now=now)
        record = read_list(connection, audience)
        if record is not None and record["state"] != "planned":
            raise ListNotOurs(
                f"{audience}: this audience has a list already ({record['list_id'] or 'unsure'}). "
                "Name another audience for the list that is to be adopted."
            )
        same = (LISTS.c.account == audience.account) & (LISTS.c.list_id == list_id)
        other = connection.execute(select(LISTS.c.audience).where(same)).scalar()
        if other is not None:
            raise ListNotOurs(f"{audience.account}: list {list_id} is the one of {other} already.")
        write_list(
            connection,
            audience,
            now,
            state="ours",
            list_id=list_id,
            add_only=True,
            adopted=True,
            open_plan=None,
        )


def allow_removals(catalog: Engine, audience: AudienceRef, lease: Lease, *, clock: Clock) -> None:
    """From now on members that we sent may be removed again. Raises ListNotOurs if not adopted."""
    now = clock()
    with catalog.begin() as connection:
        hold_lease(connection, lease, now=now)
        record = read_list(connection, audience)
        if record is None or not record["add_only"]:
            raise ListNotOurs(f"{audience}: this list was not adopted, or removals are allowed.")
        write_list(connection, audience, now, add_only=False)
