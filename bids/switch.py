"""The kill switch that outlives a run: an account where bids stay as they are until told otherwise.

`BidLedger.kill` plans the way to neutral; without this mark the next scheduled run would set every
correction again.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Engine

from bids.ledger_rows import SWITCHED_OFF


def switch_off(engine: Engine, account: str, *, by: str, now: datetime) -> None:
    """Plan no bid change in this account from now on; doing so twice keeps the first mark."""
    if account not in switched_off(engine):
        with engine.begin() as connection:
            connection.execute(
                sa.insert(SWITCHED_OFF).values(account=account, off_by=by, off_at=now)
            )


def switch_on(engine: Engine, account: str) -> None:
    """Let rules move bids in this account again."""
    with engine.begin() as connection:
        connection.execute(sa.delete(SWITCHED_OFF).where(SWITCHED_OFF.c.account == account))


def switched_off(engine: Engine) -> frozenset[str]:
    """Accounts where bids stay as they are, for `plan_bids`."""
    with engine.connect() as connection:
        return frozenset(connection.execute(sa.select(SWITCHED_OFF.c.account)).scalars())
