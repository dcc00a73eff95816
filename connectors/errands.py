"""One batch on its way to the platform: waited for, searched for bad members, accounted for."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Event, Lock
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from audiences.model import Batch, Receipt, Refusal, Verb
from connectors.base import Connector, ReplacesWhole
from connectors.errors import (
    ConnectorError,
    ContractBroken,
    ListBusy,
    ListTooSmall,
    QuotaGone,
    RuleRefused,
    SeedRefused,
    Throttled,
)
from connectors.replacing import Whole, replaced

Answer = TypeVar("Answer")

FIRST_WAIT = 5.0
LONGEST_WAIT = 60.0
"""Seconds between two tries while a platform is busy and does not say how long."""

REQUESTS_PER_BISECTION = 100
"""Enough to find four bad members among 100,000; then the rest of the batch waits as refused."""


@dataclass
class Patience:
    """Waits for a platform until the run's time for waiting is used up; shared by all batches."""

    wait: Callable[[float], None]
    left: float
    hold: Callable[[], None]
    next: float = FIRST_WAIT
    lock: Lock = field(default_factory=Lock)

    def after(self, error: ConnectorError) -> bool:
        """Wait before another try; False if that would take longer than we may."""
        with self.lock:
            seconds = error.retry_after if error.retry_after is not None else self.next
            if seconds > self.left:
                return False
            self.left -= max(seconds, 1.0)
            self.next = min(self.next * 2, LONGEST_WAIT)
        while seconds > 0:
            self.hold()
            self.wait(min(seconds, LONGEST_WAIT))
            seconds -= LONGEST_WAIT
        return True

    def during(self, request: Callable[[], Answer]) -> Answer:
        """Ask until the platform is free; raises what it said when our patience ends."""
        while True:
            try:
                return request()
            except (ListBusy, Throttled) as error:
                if not self.after(error):
                    raise


@dataclass
class Errand:
    """One batch on its way; run by a thread of its own where several may be."""

    connector: Connector
    list_id: str
    batch: Batch
    rows: pa.Table
    """As planned: of a replacement, also who is left out."""
    patience: Patience
    checkpoint: Callable[[str], None]
    stop: Event
    """Set by the first that fails: what has not begun then does not leave any more."""
    partly_sent: bool = False
    """Some halves of a batch under search were taken: it is no longer without effect."""

    def run(self) -> Receipt | None:
        """The platform's verdict on the batch; None if it did not leave."""
        if self.stop.is_set():
            return None
        try:
            return self._verdict()
        except ConnectorError:
            self.stop.set()
            raise

    def _verdict(self) -> Receipt:
        """One refused whole is searched for bad members."""
        if self.batch.verb is Verb.REPLACE:
            return self._replacement()
        try:
            return self._request(self.batch)
        except ListTooSmall as error:
            refused = _all_refused(self.batch, str(error), temporary=True)
            return Receipt(self.batch.key, 0, refused)
        except SeedRefused:
            raise
        except RuleRefused as error:
            return self._bisect(error)

    def _replacement(self) -> Receipt:
        """The list whole; what the platform does not take so is removed and added after all."""
        try:
            return self._request(self.batch)
        except SeedRefused:
            raise
        except (RuleRefused, QuotaGone):
            refused: list[Refusal] = []
            size = self.connector.limits.batch_size
            for part in Whole(self.rows).differences(self.batch.key, size):
                errand = replace(self, batch=part, rows=part.members, partly_sent=False)
                try:
                    refused.extend(errand._verdict().refused)
                finally:
                    self.partly_sent |= errand.partly_sent
                self.partly_sent = True
            return replaced(self.batch, refused)

    def _bisect(self, error: RuleRefused) -> Receipt:
        refused: list[Refusal] = []
        suspects = [(self.batch, error)]
        left = REQUESTS_PER_BISECTION
        while suspects:
            suspect, error = suspects.pop()
            if len(suspect) == 1:
                refused.extend(_all_refused(suspect, str(error), temporary=False))
                continue
            if left < 2 or isinstance(error, ListTooSmall):
                refused.extend(_all_refused(suspect, str(error), temporary=True))
                continue
            left -= 2
            for half in _halves(suspect):
                try:
                    refused.extend(self._request(half).refused)
                    self.partly_sent = True
                except RuleRefused as again:
                    suspects.append((half, again))
        taken = len(self.batch) - len(refused)
        return Receipt(self.batch.key, taken, tuple(sorted(refused)))

    def _request(self, batch: Batch) -> Receipt:
        send = self._sender(batch.verb)
        receipt = self.patience.during(lambda: send(self.list_id, batch))
        self.checkpoint("sent")
        return checked(receipt, batch)

    def _sender(self, verb: Verb) -> Callable[[str, Batch], Receipt]:
        if verb is Verb.REPLACE:
            if not isinstance(self.connector, ReplacesWhole):
                raise RuleRefused("this platform does not replace lists.")
            return self.connector.replace
        return self.connector.add if verb is Verb.ADD else self.connector.remove


def checked(receipt: Receipt, batch: Batch) -> Receipt:
    """The receipt, if it accounts for everybody in the batch. Raises ContractBroken."""
    if receipt.accepted < 0 or receipt.accepted + len(receipt.refused) != len(batch):
        raise ContractBroken(
            f"a batch of {len(batch):,} people came back with {receipt.accepted:,} accepted and "
            f"{len(receipt.refused):,} refused"
        )
    refused = pa.array([refusal.person_id for refusal in receipt.refused], pa.string())
    if not pc.all(pc.is_in(refused, batch.members.column("person_id"))).as_py() and len(refused):
        raise ContractBroken("somebody was refused who was not in the batch")
    return receipt


def _all_refused(batch: Batch, reason: str, *, temporary: bool) -> tuple[Refusal, ...]:
    people = batch.members.column("person_id").to_pylist()
    return tuple(Refusal(str(person), reason, temporary) for person in people)


def _halves(batch: Batch) -> tuple[Batch, Batch]:
    middle = len(batch) // 2
    first, second = batch.members.slice(0, middle), batch.members.slice(middle)
    return (
        Batch(f"{batch.key}.0", batch.verb, first),
        Batch(f"{batch.key}.1", batch.verb, second),
    )
