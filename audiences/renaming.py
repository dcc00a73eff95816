"""An audience that was renamed in the rules keeps its list, its members' record and its history."""

from sqlalchemy import Connection, Engine, Table, update

from audiences.leases import Lease, hold_lease
from audiences.ledger import ListNotOurs
from audiences.lookalikes import LOOKALIKES
from audiences.model import AudienceRef
from audiences.records import BATCHES, KNOWN_KIND, LISTS, read_list
from audiences.sending import Clock
from audiences.snapshots import SNAPSHOTS


def take_over(
    catalog: Engine, audience: AudienceRef, former: AudienceRef, lease: Lease, *, clock: Clock
) -> bool:
    """What the ledger knows under the former name it knows under the new one from now on.

    False where there is nothing to take over: it was done before, or there never was a list.
    Raises ListNotOurs while a plan is open on the former one.
    """
    with catalog.begin() as connection:
        hold_lease(connection, lease, now=clock())
        before = read_list(connection, former)
        if before is None or read_list(connection, audience) is not None:
            return False
        if before["open_plan"]:
            raise ListNotOurs(f"{former}: a plan is still open on it. Apply again first.")
        for table in (LISTS, BATCHES, LOOKALIKES):
            _rename(connection, table, former, audience)
        known = (SNAPSHOTS.c.kind == KNOWN_KIND) & (SNAPSHOTS.c.name == str(former))
        connection.execute(update(SNAPSHOTS).where(known).values(name=str(audience)))
    return True


def _rename(connection: Connection, table: Table, former: AudienceRef, to: AudienceRef) -> None:
    of = (table.c.account == former.account) & (table.c.audience == former.audience)
    connection.execute(update(table).where(of).values(audience=to.audience))
