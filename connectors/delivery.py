"""Walks the plan of one list: intend, send, settle, batch by batch.

Removals come before additions, because a plan has them first. What the platform does not take now
waits for a later run; what it refuses is data; what nobody can know stays unsure. The record
(`audiences.ledger.Sending`, here only a protocol) remembers all of it before the next batch leaves.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from audiences.model import MEMBERS, AudienceRef, Batch, Receipt, Refusal, Verb
from connectors.base import Connector
from connectors.errors import (
    ConnectorError,
    ContractBroken,
    ListBusy,
    ListGone,
    ListTooSmall,
    NotOurs,
    OperatorError,
    QuotaGone,
    RuleRefused,
    SeedRefused,
    Throttled,
)

Answer = TypeVar("Answer")

FIRST_WAIT = 5.0
LONGEST_WAIT = 60.0
"""Seconds between two tries while a platform is busy and does not say how long."""

REQUESTS_PER_BISECTION = 100
"""Enough to find four bad members among 100,000; then the rest of the batch waits as refused."""

NOT_TAKEN = (Throttled, ListBusy, QuotaGone, OperatorError, RuleRefused, ListGone, NotOurs)
"""Answers that say for certain that a request had no effect."""


class Record(Protocol):
    """What delivery asks of the ledger. Every call is a transaction of its own."""

    @property
    def list_id(self) -> str | None:
        """Id of the list, or None while it is not known to be made."""

    @property
    def claimed(self) -> bool:
        """True if we asked for the list to be made: one that is found then is ours."""

    @property
    def settled(self) -> frozenset[int]:
        """Numbers of the batches that need not be sent again."""

    def hold(self) -> None:
        """Keep the account while we wait."""

    def claim(self) -> None:
        """The list may be made from now on."""

    def open(self, list_id: str) -> None:
        """The list is there and ours."""

    def lost(self) -> None:
        """The list was deleted behind our back."""

    def intend(self, number: int, verb: Verb, people: int) -> str:
        """A batch is about to be sent; gives its key."""

    def recall(self, key: str) -> bool:
        """An intended batch certainly had no effect; False if an earlier run's may have had."""

    def settle(self, receipt: Receipt) -> None:
        """What the platform said of a batch."""


@dataclass(frozen=True)
class Tally:
    """What became of the people of one verb: each is counted exactly once."""

    accepted: int = 0
    refused: int = 0
    unsure: int = 0
    waiting: int = 0

    @property
    def people(self) -> int:
        """All of them."""
        return self.accepted + self.refused + self.unsure + self.waiting

    def plus(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(
            self.accepted + other.accepted,
            self.refused + other.refused,
            self.unsure + other.unsure,
            self.waiting + other.waiting,
        )


@dataclass(frozen=True)
class Delivered:
    """How far one list's plan came in this run. Batches settled in an earlier run do not count."""

    added: Tally = field(default=Tally())
    removed: Tally = field(default=Tally())
    stopped_by: ConnectorError | None = None
    """Why the rest was not sent: say it to whom `stopped_by.who` names."""

    @property
    def failed(self) -> bool:
        """True if somebody must act, or an answer never came; waiting for a platform is neither."""
        patient = (Throttled, ListBusy, QuotaGone)
        return self.stopped_by is not None and not isinstance(self.stopped_by, patient)

    def plus(self, verb: Verb, tally: Tally) -> "Delivered":
        """The same and these people."""
        if verb is Verb.ADD:
            return replace(self, added=self.added.plus(tally))
        return replace(self, removed=self.removed.plus(tally))


class _Stopped(Exception):
    """Delivery ends here; the batch's own tally and the error that ended it."""

    def __init__(self, error: ConnectorError, tally: Tally) -> None:
        super().__init__(str(error))
        self.error = error
        self.tally = tally


def no_checkpoint(_step: str) -> None:
    """Nothing happens between two steps; a crash test puts a kill here."""


def deliver(
    audience: AudienceRef,
    rows: Iterable[pa.RecordBatch],
    steps: Collection[str],
    connector: Connector,
    record: Record,
    *,
    wait: Callable[[float], None],
    patience: float,
    checkpoint: Callable[[str], None] = no_checkpoint,
) -> Delivered:
    """Send what is left of a list's plan.

    `rows` are the plan's: batch, step, verb, reason and the columns of MEMBERS, in the order of
    sending. `steps` are the steps that may go: 'withdraw', 'remove', 'add'. `wait` waits so many
    seconds, `patience` is how many in all. Raises nothing of the platform: what stopped it is in
    `stopped_by`.
    """
    walk = _Walk(audience, connector, record, _Patience(wait, patience, record.hold), checkpoint)
    settled = record.settled
    done = Delivered()
    for number, verb, members in planned_batches(rows, steps):
        people = members.num_rows
        if number in settled:
            continue
        if done.stopped_by is not None:
            done = done.plus(verb, Tally(waiting=people))
            continue
        try:
            done = done.plus(verb, walk.send(number, verb, members))
        except _Stopped as stop:
            done = replace(done.plus(verb, stop.tally), stopped_by=stop.error)
    return done


def planned_batches(
    rows: Iterable[pa.RecordBatch], steps: Collection[str]
) -> Iterator[tuple[int, Verb, pa.Table]]:
    """The batches of a plan that belong to these steps: number, verb, members."""
    held: list[pa.RecordBatch] = []
    number = 0
    for chunk in rows:
        for part in _runs(chunk):
            now = part.column("batch")[0].as_py()
            if held and now != number:
                yield from _batch(held, steps)
                held = []
            number = now
            held.append(part)
    if held:
        yield from _batch(held, steps)


def _runs(chunk: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The chunk cut where the batch number changes."""
    start = 0
    runs = pc.call_function("run_end_encode", [chunk.column("batch")])
    for end in runs.run_ends.to_pylist():
        yield chunk.slice(start, end - start)
        start = end


def _batch(
    parts: list[pa.RecordBatch], steps: Collection[str]
) -> Iterator[tuple[int, Verb, pa.Table]]:
    first = parts[0]
    if first.column("step")[0].as_py() not in steps:
        return
    table = pa.Table.from_batches(parts).select(MEMBERS.names).cast(MEMBERS)
    yield first.column("batch")[0].as_py(), Verb(first.column("verb")[0].as_py()), table


@dataclass
class _Patience:
    """Waits for a platform until the run's time for waiting is used up."""

    wait: Callable[[float], None]
    left: float
    hold: Callable[[], None]
    next: float = FIRST_WAIT

    def after(self, error: ConnectorError) -> bool:
        """Wait before another try; False if that would take longer than we may."""
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


@dataclass
class _Walk:
    audience: AudienceRef
    connector: Connector
    record: Record
    patience: _Patience
    checkpoint: Callable[[str], None]
    list_id: str | None = None
    partly_sent: bool = False
    """Some halves of a batch under search were taken: it is no longer without effect."""

    def send(self, number: int, verb: Verb, members: pa.Table) -> Tally:
        """Send one batch and record it. Raises _Stopped."""
        self.list_id = self.list_id or self.record.list_id
        if self.list_id is None:
            try:
                self._look_up()
            except ConnectorError as error:
                raise _Stopped(error, Tally(waiting=members.num_rows)) from error
        if self.list_id is None and verb is Verb.ADD:
            self.record.claim()
            self.checkpoint("claimed")
        batch = Batch(self.record.intend(number, verb, members.num_rows), verb, members)
        self.checkpoint("intended")
        try:
            return self._settled(self._opened_with(batch) or self._sent(batch), batch)
        except ConnectorError as error:
            raise _Stopped(error, self._not_settled(batch, error)) from error

    def _look_up(self) -> None:
        """Find a list whose making we asked for; one we never asked for is not ours."""
        found = self._patiently(lambda: self.connector.find(self.audience))
        if found is None:
            return
        if not self.record.claimed:
            raise NotOurs(
                f"{self.audience}: a list with this title exists, but this project did not make "
                "it.",
                act="Rename it on the platform, or give the audience another title.",
            )
        self._open(found)

    def _open(self, list_id: str) -> None:
        self.list_id = list_id
        self.record.open(list_id)
        self.checkpoint("opened")

    def _opened_with(self, batch: Batch) -> Receipt | None:
        """Make the list if it is not there; its verdict if the platform took the batch for that."""
        if self.list_id is not None:
            return None
        if batch.verb is Verb.REMOVE:  # there is no list to be in
            return Receipt(batch.key, len(batch))
        opened = self._patiently(lambda: self.connector.find_or_create(self.audience, batch))
        self.checkpoint("made")
        self._open(opened.list_id)
        return opened.receipt

    def _sent(self, batch: Batch) -> Receipt:
        """The platform's verdict on a batch; one refused whole is searched for its bad members."""
        try:
            return self._request(batch)
        except ListTooSmall as error:
            return Receipt(batch.key, 0, _all_refused(batch, str(error), temporary=True))
        except SeedRefused:
            raise
        except RuleRefused as error:
            return self._bisect(batch, error)

    def _bisect(self, batch: Batch, error: RuleRefused) -> Receipt:
        refused: list[Refusal] = []
        suspects = [(batch, error)]
        left = REQUESTS_PER_BISECTION
        self.partly_sent = False
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
        self.partly_sent = False
        return Receipt(batch.key, len(batch) - len(refused), tuple(sorted(refused)))

    def _request(self, batch: Batch) -> Receipt:
        list_id = str(self.list_id)
        if batch.verb is Verb.ADD:
            receipt = self._patiently(lambda: self.connector.add(list_id, batch))
        else:
            receipt = self._patiently(lambda: self.connector.remove(list_id, batch))
        self.checkpoint("sent")
        return _checked(receipt, batch)

    def _settled(self, receipt: Receipt, batch: Batch) -> Tally:
        self.record.settle(replace(_checked(receipt, batch), batch=batch.key))
        self.checkpoint("settled")
        return Tally(accepted=receipt.accepted, refused=len(receipt.refused))

    def _not_settled(self, batch: Batch, error: ConnectorError) -> Tally:
        """Waiting if the batch certainly had no effect, else unsure."""
        if isinstance(error, ListGone):
            self.record.lost()
        making = self.list_id is None and self.connector.limits.born_with_members
        no_effect = isinstance(error, NOT_TAKEN) and not self.partly_sent and not making
        if no_effect and self.record.recall(batch.key):
            return Tally(waiting=len(batch))
        return Tally(unsure=len(batch))

    def _patiently(self, request: Callable[[], Answer]) -> Answer:
        while True:
            try:
                return request()
            except (ListBusy, Throttled) as error:
                if not self.patience.after(error):
                    raise


def _checked(receipt: Receipt, batch: Batch) -> Receipt:
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
