"""A plan while it is sent: every batch is recorded before it leaves, and what was answered.

Each call is a transaction of its own, in which the lease is held.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Engine, delete, insert, select, update

from audiences.leases import Lease, hold_lease
from audiences.model import Receipt, Verb
from audiences.plan import ListPlan, plan_folder
from audiences.records import BATCHES, REFUSALS, read_list, refusal_rows, write_list
from audiences.sealing import Seal
from audiences.snapshots import read_rows

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Sending(AbstractContextManager["Sending"]):
    """One list's plan while it is sent: what `connectors.delivery` records into.

    Leaving the `with` block closes the plan, also after an error; after a crash `Ledger.recover`
    does.
    """

    catalog: Engine
    state: Path
    clock: Clock
    seal: Seal | None
    plan_fingerprint: str
    plan: ListPlan
    lease: Lease
    close: Callable[[], object] = field(repr=False)

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def rows(self) -> Iterator[pa.RecordBatch]:
        """The plan's rows in the order of sending, of schema PLANNED."""
        path = plan_folder(self.state, self.plan_fingerprint) / self.plan.rows
        return read_rows(path, self.seal)

    @property
    def list_id(self) -> str | None:
        """Id of the list, or None while it is not known to be made."""
        record = self._record()
        return None if record is None else record["list_id"]

    @property
    def claimed(self) -> bool:
        """True if we asked for the list to be made: one that is found then is ours."""
        record = self._record()
        return record is not None and record["state"] in ("creating", "ours")

    @property
    def settled(self) -> frozenset[int]:
        """Numbers of the batches that need not be sent again."""
        query = select(BATCHES.c.number).where(self._mine(), BATCHES.c.state == "settled")
        with self.catalog.begin() as connection:
            return frozenset(connection.scalars(query))

    def hold(self) -> None:
        """Renew the lease. Raises LeaseLost."""
        with self.catalog.begin() as connection:
            hold_lease(connection, self.lease, now=self.clock())

    def claim(self) -> None:
        """Record that the list may be made from now on."""
        self._change_list(state="creating")

    def open(self, list_id: str) -> None:
        """Record that the list is there and ours."""
        self._change_list(state="ours", list_id=list_id)

    def renamed(self) -> None:
        """Record that the platform calls the list as the rules do."""
        self._change_list(title=self.plan.audience.title)

    def lost(self) -> None:
        """Record that the list was deleted behind our back."""
        self._change_list(state="gone")

    def intend(self, number: int, verb: Verb, people: int) -> str:
        """Record that a batch is about to be sent; gives its key."""
        now = self.clock()
        key = f"{self.plan.fingerprint[:40]}-{number}"
        row = {
            "plan": self.plan_fingerprint,
            "account": self.plan.audience.account,
            "audience": self.plan.audience.audience,
            "number": number,
            "verb": verb.value,
            "people": people,
        }
        again = update(BATCHES).where(BATCHES.c.key == key).values(tries=BATCHES.c.tries + 1)
        with self.catalog.begin() as connection:
            hold_lease(connection, self.lease, now=now)
            if connection.execute(again).rowcount == 0:
                first = {"state": "intended", "tries": 1, "intended_at": now}
                connection.execute(insert(BATCHES).values(key=key, **row, **first))
        return key

    def recall(self, key: str) -> bool:
        """Forget an intention that certainly had no effect.

        One that an earlier run had intended as well stays, and the answer is False: that one may
        have had an effect.
        """
        once = (BATCHES.c.key == key) & (BATCHES.c.tries == 1) & (BATCHES.c.state == "intended")
        with self.catalog.begin() as connection:
            hold_lease(connection, self.lease, now=self.clock())
            return connection.execute(delete(BATCHES).where(once)).rowcount == 1

    def settle(self, receipt: Receipt) -> None:
        """Record what the platform said of a batch, member by member where it refused."""
        settled = {
            "state": "settled",
            "settled_at": self.clock(),
            "accepted": receipt.accepted,
            "refused": len(receipt.refused),
            "reference": receipt.reference,
        }
        with self.catalog.begin() as connection:
            hold_lease(connection, self.lease, now=self.clock())
            this = update(BATCHES).where(BATCHES.c.key == receipt.batch)
            if connection.execute(this.values(**settled)).rowcount != 1:
                raise LookupError(f"batch {receipt.batch} was never intended")
            connection.execute(delete(REFUSALS).where(REFUSALS.c.batch == receipt.batch))
            if receipt.refused:
                connection.execute(insert(REFUSALS), refusal_rows(receipt))

    def _record(self) -> dict[str, Any] | None:
        with self.catalog.begin() as connection:
            return read_list(connection, self.plan.audience)

    def _change_list(self, **values: object) -> None:
        now = self.clock()
        with self.catalog.begin() as connection:
            hold_lease(connection, self.lease, now=now)
            write_list(connection, self.plan.audience, now, **values)

    def _mine(self) -> Any:
        audience = self.plan.audience
        return (
            (BATCHES.c.plan == self.plan_fingerprint)
            & (BATCHES.c.account == audience.account)
            & (BATCHES.c.audience == audience.audience)
        )
