"""A list built anew beside the old one, which serves until the new one is verified.

The new list is an audience of its own while it is built, so that plan, guards, ledger and crash
safety are those of every list. The swap is one transaction; the old list stays on the platform and
in the catalog until somebody says that it may be deleted.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, delete, insert, select, update

from audiences.leases import Lease, hold_lease
from audiences.ledger import ListNotOurs
from audiences.model import AudienceRef
from audiences.records import KNOWN_KIND, LISTS, old_list, read_list, write_list
from audiences.sending import Clock
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
            kept = {name: before[name] for name in ("list_id", "adopted", "add_only")}
            kept |= {"state": "retired", "open_plan": None}
            write_list(connection, replace(old, title=before["title"]), now, **kept)
        serves = {"state": "ours", "list_id": built["list_id"], "title": built["title"]}
        ours = {"add_only": False, "adopted": False, "open_plan": None}
        write_list(connection, audience, now, **ours, **serves)
        _hand_over(connection, audience, new, now)
    return None if before is None else before["list_id"]


@dataclass(frozen=True)
class Retired:
    """A list that a rebuild replaced and that is still there."""

    list_id: str
    adopted: bool
    """It was there before this project, so others' people may be in it."""


def retired(catalog: Engine, audience: AudienceRef) -> Retired | None:
    """The list that a rebuild replaced, if it is still there."""
    with catalog.begin() as connection:
        record = read_list(connection, old_list(audience))
    return None if record is None else Retired(record["list_id"], record["adopted"])


def forget_retired(catalog: Engine, audience: AudienceRef, lease: Lease, *, clock: Clock) -> None:
    """The replaced list is gone from the platform, or is not ours to look after any more."""
    with catalog.begin() as connection:
        hold_lease(connection, lease, now=clock())
        connection.execute(delete(LISTS).where(_of(old_list(audience))))
        known = _known(old_list(audience))
        connection.execute(update(SNAPSHOTS).where(known).values(current=False))


def _hand_over(
    connection: Connection, audience: AudienceRef, new: AudienceRef, now: datetime
) -> None:
    """What is known of the new list becomes what is known of the audience's, from now on.

    What was known of the old one stays known: who takes consent back leaves it as well. Earlier
    snapshots of the new list are let go with other old ones, files and all.
    """
    _make_known(connection, audience, old_list(audience), now)
    connection.execute(update(SNAPSHOTS).where(_known(audience)).values(current=False))
    number = _make_known(connection, new, audience, now)
    connection.execute(delete(SNAPSHOTS).where(SNAPSHOTS.c.id == number))


def _make_known(
    connection: Connection, of: AudienceRef, to: AudienceRef, now: datetime
) -> int | None:
    """What is known of one list is known of another from now on; the number of that snapshot."""
    current = select(SNAPSHOTS).where(_known(of), SNAPSHOTS.c.current)
    row = connection.execute(current).mappings().first()
    if row is None:
        return None
    known = {**row, "name": str(to), "made_at": now}
    number: int = known.pop("id")
    connection.execute(insert(SNAPSHOTS).values(**known))
    return number


def _known(audience: AudienceRef) -> ColumnElement[bool]:
    return (SNAPSHOTS.c.kind == KNOWN_KIND) & (SNAPSHOTS.c.name == str(audience))


def _of(audience: AudienceRef) -> ColumnElement[bool]:
    return (LISTS.c.account == audience.account) & (LISTS.c.audience == audience.audience)
