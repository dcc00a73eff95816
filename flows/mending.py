"""Which failures a person can mend, and what to tell of them; anything else is a bug."""

import errno

import duckdb
from sqlalchemy.exc import OperationalError

from audiences.catalog import CatalogUnknown
from audiences.decisions import BadDecision, NotWaiting
from audiences.leases import AccountBusy, LeaseLost
from audiences.ledger import ListNotOurs, Unsigned
from audiences.plan import StalePlan
from audiences.refusals import ExportRefused
from audiences.sealing import Sealed
from bids.deliver import StalePlan as StaleBidPlan
from connectors.errors import ConnectorError
from flows.workshop import CannotRun

MENDABLE: tuple[type[Exception], ...] = (
    AccountBusy,
    BadDecision,
    CannotRun,
    CatalogUnknown,
    ConnectorError,
    ExportRefused,
    LeaseLost,
    ListNotOurs,
    NotWaiting,
    Sealed,
    StaleBidPlan,
    StalePlan,
    Unsigned,
)


def told_plainly(error: Exception) -> str:
    """What a person is told of a failure that can be mended; empty for a bug."""
    return (
        _no_memory(error) or _no_room(error) or (str(error) if isinstance(error, MENDABLE) else "")
    )


def _no_memory(error: Exception) -> str:
    """What to say where the engine has no room even with what it can put on the disk."""
    if not isinstance(error, duckdb.OutOfMemoryException):
        return ""
    return (
        "The engine needs more memory than [engine] memory_limit in adsteer.toml allows. Raise it, "
        "or set threads = 1 there. Nothing is lost: run again afterwards."
    )


def _no_room(error: Exception) -> str:
    """What to say of a full disk or a catalog that cannot be reached; empty for anything else."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        what = f"{error.filename or 'a file'} cannot be written: the disk is full."
    elif isinstance(error, OperationalError):
        said = str(error.orig).splitlines()[0]
        what = f"the catalog cannot be read or written ({said}): is the disk full, or is it locked?"
    else:
        return ""
    return f"{what} Nothing is lost: mend that and run again, it goes on where it stopped."
