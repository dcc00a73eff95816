"""Walks the plan of one list: intend, send, settle, batch by batch.

Removals come before additions, because a plan has them first. What the platform does not take now
waits for a later run; what it refuses is data; what nobody can know stays unsure. The record
(`audiences.sending.Sending`, here only a protocol) remembers every batch before it leaves and what
was answered. Where the platform takes several requests at once, so many are under way, and as many
more are recorded and ready, so that no place stays empty while an answer is written down; no more
are held in memory. What is ready and not begun does not leave once something stopped the list.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from audiences.model import AudienceRef, Batch, Receipt, Refusal, Verb
from connectors.base import Connector
from connectors.delivered import Delivered, Tally
from connectors.errands import Errand, Patience, checked
from connectors.errors import (
    ConnectorError,
    ListBusy,
    ListGone,
    NotOurs,
    OperatorError,
    QuotaGone,
    RuleRefused,
    Throttled,
)
from connectors.replacing import Whole, changes, with_members

NOT_TAKEN = (Throttled, ListBusy, QuotaGone, OperatorError, RuleRefused, ListGone, NotOurs)
"""Answers that say for certain that a request had no effect, if it was the first try."""


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
    sending. `steps` are those that may go: 'withdraw', 'remove', 'add', 'replace'. `wait` waits so
    many seconds, `patience` is how many in all. Raises nothing of the platform: what stopped it is
    in `stopped_by`.
    """
    patient = Patience(wait, patience, record.hold)
    most = connector.limits.max_in_flight
    with ThreadPoolExecutor(most) if most > 1 else _HereAndNow() as pool:
        walk = _Walk(audience, connector, record, patient, checkpoint, pool)
        try:
            return walk.go(planned_batches(rows, steps))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def planned_batches(
    rows: Iterable[pa.RecordBatch], steps: Collection[str]
) -> Iterator[tuple[int, Verb, pa.Table]]:
    """The batches of a plan that belong to these steps: number, verb, members.

    Of a replacement all rows and columns, for `Whole`.
    """
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
    table = pa.Table.from_batches(parts)
    number = first.column("batch")[0].as_py()
    if first.column("step")[0].as_py() == Verb.REPLACE.value:
        yield number, Verb.REPLACE, table
    else:
        yield number, Verb(first.column("verb")[0].as_py()), with_members(table)


class _HereAndNow(Executor):
    """One request at a time needs no thread."""

    def submit(self, do: Callable[..., Any], /, *args: Any, **more: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(do(*args, **more))
        except ConnectorError as error:
            future.set_exception(error)
        return future


@dataclass
class _Walk:
    """The thread that records: it alone opens the list, intends and settles."""

    audience: AudienceRef
    connector: Connector
    record: Record
    patience: Patience
    checkpoint: Callable[[str], None]
    pool: Executor
    list_id: str | None = None
    done: Delivered = field(default=Delivered())
    flying: "dict[Future[Receipt | None], Errand]" = field(default_factory=dict)
    stop: Event = field(default_factory=Event)

    def go(self, batches: Iterable[tuple[int, Verb, pa.Table]]) -> Delivered:
        """Send every batch, as many at once as the platform takes, removals before additions."""
        settled = self.record.settled
        last: Verb | None = None
        for number, verb, members in batches:
            if number in settled:
                continue
            # somebody may be in both: the old address leaves before the new one comes
            self._land(room_for=self._room if verb is last else None)
            last = verb
            if self.done.stopped_by is None:
                self._send(number, verb, members)
            else:
                self._add(verb, members, "waiting")
        self._land(room_for=None)
        return self.done

    @property
    def _room(self) -> int:
        """Batches under way and ready; where only one may be under way, none is ready beside it."""
        most = self.connector.limits.max_in_flight
        return most if most == 1 else 2 * most

    def _send(self, number: int, verb: Verb, members: pa.Table) -> None:
        try:
            self._find_list()
        except ConnectorError as error:
            self._stop(error, verb, members, "waiting")
            return
        if self.list_id is None and verb is Verb.ADD:
            self.record.claim()
            self.checkpoint("claimed")
        rows, members = members, Whole(members).members if verb is Verb.REPLACE else members
        batch = Batch(self.record.intend(number, verb, members.num_rows), verb, members)
        self.checkpoint("intended")
        try:
            receipt = self._opened_with(batch)
        except ConnectorError as error:
            self._stop(error, verb, rows, self._not_settled(batch, error))
            return
        if receipt is not None:
            self._settle(receipt, batch, rows)
            return
        errand = Errand(
            self.connector,
            str(self.list_id),
            batch,
            rows,
            self.patience,
            self.checkpoint,
            self.stop,
        )
        self.flying[self.pool.submit(errand.run)] = errand

    def _land(self, *, room_for: int | None) -> None:
        """Record answers until there is room for another batch, or until all have come."""
        while len(self.flying) >= (room_for or 1):
            come, _ = wait_for(self.flying, return_when=FIRST_COMPLETED)
            for future in come:
                errand = self.flying.pop(future)
                verb = errand.batch.verb
                try:
                    receipt = future.result()
                    if receipt is None:
                        self._add(verb, errand.rows, self._without_effect(errand.batch))
                    else:
                        self._settle(receipt, errand.batch, errand.rows)
                except ConnectorError as error:
                    became = self._not_settled(errand.batch, error, errand.partly_sent)
                    self._stop(error, verb, errand.rows, became)

    def _stop(self, error: ConnectorError, verb: Verb, rows: pa.Table, became: str) -> None:
        """Nothing more is sent; what came first says why."""
        self.stop.set()
        self._add(verb, rows, became)
        self.done = replace(self.done, stopped_by=self.done.stopped_by or error)

    def _add(
        self, verb: Verb, rows: pa.Table, became: str, refusals: Collection[Refusal] = ()
    ) -> None:
        """All people of a batch became the same, but for those who were refused."""
        ids = pa.array([one.person_id for one in refusals], pa.string())
        for what, people in changes(verb, rows):
            refused = people.filter(pc.is_in(people["person_id"], ids)).num_rows
            rest = Tally(**{became: people.num_rows - refused})
            self.done = self.done.plus(what, rest.plus(Tally(refused=refused)))

    def _find_list(self) -> None:
        """Find a list whose making we asked for; one we never asked for is not ours."""
        self.list_id = self.list_id or self.record.list_id
        if self.list_id is not None:
            return
        found = self.patience.during(lambda: self.connector.find(self.audience))
        if found is None:
            return
        if not self.record.claimed:
            raise NotOurs(
                f"{self.audience}: a list with this title exists, but this project did not make "
                "it.",
                act="Rename it on the platform, give the audience another title, or take it over: "
                "adsteer adopt.",
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
        opened = self.patience.during(lambda: self.connector.find_or_create(self.audience, batch))
        self.checkpoint("made")
        self._open(opened.list_id)
        return None if opened.receipt is None else checked(opened.receipt, batch)

    def _settle(self, receipt: Receipt, batch: Batch, rows: pa.Table) -> None:
        if batch.verb is not Verb.REPLACE:  # its parts were looked at one by one
            receipt = checked(receipt, batch)
        self.record.settle(replace(receipt, batch=batch.key))
        self.checkpoint("settled")
        self._add(batch.verb, rows, "accepted", receipt.refused)

    def _not_settled(self, batch: Batch, error: ConnectorError, partly_sent: bool = False) -> str:
        """Waiting if the batch certainly had no effect, else unsure."""
        if isinstance(error, ListGone):
            self.record.lost()
        making = self.list_id is None and self.connector.limits.born_with_members
        in_doubt = error.in_doubt or partly_sent or making
        if isinstance(error, NOT_TAKEN) and not in_doubt:
            return self._without_effect(batch)
        return "unsure"

    def _without_effect(self, batch: Batch) -> str:
        """What was not taken waits; it stays unsure if an earlier run may have sent it."""
        return "waiting" if self.record.recall(batch.key) else "unsure"
