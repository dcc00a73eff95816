"""A list built anew beside the old one, which serves until the new one is verified.

The new list is an audience of its own while it is built, so that plan, guards, ledger and crash
safety are those of every list. The swap is one transaction; the old list stays on the platform and
in the catalog until somebody says that it may be deleted.
"""

from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, Engine, delete, insert, select, update

from audiences.leases import Lease, hold_lease
from audiences.ledger import Clock, ListNotOurs
from audiences.model import AudienceRef
from audiences.records import KNOWN_KIND, LISTS, old_list, read_list, write_list
from audiences.snapshots import SNAPSHOTS

NEW = "~new"
"""What is added to the audience's name, as OLD is; a name of the rules cannot hold the sign."""


def new_list(
    catalog: Engine, audience: AudienceRef, title_length: int, lease: Lease, *, clock: Clock
) -> AudienceRef:
    """The list that is built: under a title of its own, the same in every run until the swap."""
    now = clock()
    mark = f" {now:%Y-%m-%d %H:%M}"
    title = audience.title[: title_length - len(mark)] + mark
    ref = replace(audience, audience=f"{audience.audience}{NEW}", title=title)
    with catalog.begin() as connection:
        hold_lease(connection, lease, now=now)
        record = read_list(connection, ref)
        if record is None:  # remembered at once: an approval is of a plan with this title
            write_list(connection, ref, now, state="planned")
    return ref if record is None else replace(ref, title=record["title"])


def swap(
    catalog: Engine, audience: AudienceRef, new: AudienceRef, lease: Lease, *, clock: Clock
) -> str | None:
    """The new list serves from now on; gives the id of the old one, which is kept.

    Raises ListNotOurs while either is being sent, or while an older list waits to be deleted.
    """
    now, old = clock(), old_list(audience)
    with catalog.begin() as connection:
        hold_lease(connection, lease, now=now)
        before, built = read_list(connection, audience), read_list(connection, new)
        if built is None or built["list_id"] is None:
            raise ListNotOurs(f"{new}: there is no new list to swap in")
        if built["open_plan"] or (before and before["open_plan"]):
            raise ListNotOurs(f"{audience}: a plan is still open on it. Apply again first.")
        if read_list(connection, old) is not None:
            raise ListNotOurs(
                f"{audience}: the list of the last rebuild is still kept. Delete it first: "
                "adsteer rebuild --delete-old."
            )
        connection.execute(delete(LISTS).where(_of(new)))
        if before is not None and before["list_id"] is not None:
            kept = {"state": "retired", "list_id": before["list_id"], "open_plan": None}
            write_list(connection, replace(old, title=before["title"]), now, **kept)
        serves = {"state": "ours", "list_id": built["list_id"], "title": built["title"]}
        ours = {"add_only": False, "adopted": False, "open_plan": None}
        write_list(connection, audience, now, **ours, **serves)
        _hand_over(connection, audience, new)
    return None if before is None else before["list_id"]


def retired(catalog: Engine, audience: AudienceRef) -> str | None:
    """Id of the list that a rebuild replaced and that is still there."""
    with catalog.begin() as connection:
        record = read_list(connection, old_list(audience))
    return None if record is None else record["list_id"]


def forget_retired(catalog: Engine, audience: AudienceRef, lease: Lease, *, clock: Clock) -> None:
    """The replaced list is gone from the platform."""
    with catalog.begin() as connection:
        hold_lease(connection, lease, now=clock())
        connection.execute(delete(LISTS).where(_of(old_list(audience))))


def _hand_over(connection: Connection, audience: AudienceRef, new: AudienceRef) -> None:
    """What is known of the new list becomes what is known of the audience's."""
    mine = SNAPSHOTS.c.kind == KNOWN_KIND
    of_new = mine & (SNAPSHOTS.c.name == str(new))
    of_this = mine & (SNAPSHOTS.c.name == str(audience))
    connection.execute(update(SNAPSHOTS).where(of_this).values(current=False))
    row = (
        connection.execute(select(SNAPSHOTS).where(of_new, SNAPSHOTS.c.current)).mappings().first()
    )
    if row is not None:
        copied = {name: row[name] for name in row if name not in ("id", "name")}
        connection.execute(insert(SNAPSHOTS).values(name=str(audience), **copied))
    connection.execute(delete(SNAPSHOTS).where(of_new))


def _of(audience: AudienceRef) -> ColumnElement[bool]:
    return (LISTS.c.account == audience.account) & (LISTS.c.audience == audience.audience)
