"""One run at a time on an account: a lease in the catalog, with an end.

A run renews its lease with every batch it records. A run that died loses it when it ends, or at
once where the caller can tell that its owner is no more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from audiences.records import LEASES

LEASE_LASTS = timedelta(minutes=15)
"""Longer than the longest wait between two batches, account.wait_minutes at its default."""


class AccountBusy(Exception):
    """Another run works on the account."""


class LeaseLost(Exception):
    """The lease ended and another run took the account over; this one must stop."""


@dataclass(frozen=True)
class Lease:
    """The right to change what one account holds."""

    account: str
    owner: str


def _never(_owner: str) -> bool:
    return False


def take_lease(
    catalog: Engine,
    account: str,
    owner: str,
    *,
    now: datetime,
    lasts: timedelta = LEASE_LASTS,
    is_dead: Callable[[str], bool] = _never,
    is_alive: Callable[[str], bool] = _never,
) -> Lease:
    """Take the account for `owner`, which must be unique to the run.

    Raises AccountBusy while another owner holds it, unless `is_dead` says that owner is no more.
    An owner that `is_alive` keeps a lease that ended: the machine slept or its clock was set, and
    a request of that run may still be on its way.
    """
    holder = _holder(catalog, account)
    may_replace = [LEASES.c.owner == owner]
    if holder is not None and is_dead(holder[0]):
        may_replace.append(LEASES.c.owner == holder[0])
    elif holder is not None and not is_alive(holder[0]):
        may_replace.append((LEASES.c.owner == holder[0]) & (LEASES.c.until <= now))
    taken = (
        update(LEASES)
        .where(LEASES.c.account == account, or_(*may_replace))
        .values(owner=owner, until=now + lasts)
    )
    try:
        with catalog.begin() as connection:
            if connection.execute(taken).rowcount == 0:
                new = insert(LEASES).values(account=account, owner=owner, until=now + lasts)
                connection.execute(new)
    except IntegrityError:
        raise _busy(catalog, account) from None
    return Lease(account, owner)


def hold_lease(
    connection: Connection, lease: Lease, *, now: datetime, lasts: timedelta = LEASE_LASTS
) -> None:
    """Renew the lease in the caller's transaction. Raises LeaseLost if another run has it."""
    mine = (LEASES.c.account == lease.account) & (LEASES.c.owner == lease.owner)
    if connection.execute(update(LEASES).where(mine).values(until=now + lasts)).rowcount == 0:
        raise LeaseLost(
            f"{lease.account}: another run took this account over. Nothing is lost: what this run "
            "has sent is recorded, and the next plan sees it."
        )


def leave_lease(catalog: Engine, lease: Lease) -> None:
    """Give the account free; no error if it was lost already."""
    mine = (LEASES.c.account == lease.account) & (LEASES.c.owner == lease.owner)
    with catalog.begin() as connection:
        connection.execute(delete(LEASES).where(mine))


def _holder(catalog: Engine, account: str) -> tuple[str, datetime] | None:
    query = select(LEASES.c.owner, LEASES.c.until).where(LEASES.c.account == account)
    with catalog.begin() as connection:
        row = connection.execute(query).first()
    return None if row is None else (row.owner, row.until)


def _busy(catalog: Engine, account: str) -> AccountBusy:
    holder = _holder(catalog, account)
    until = f" until {holder[1]:%Y-%m-%d %H:%M} UTC at most" if holder else ""
    return AccountBusy(f"{account}: another run works on this account{until}. Try again later.")
