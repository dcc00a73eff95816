"""Several requests to one list under way at once, over HTTP against the sandbox, and what befalls
them: the connectors of platforms that take several, driven as a run drives them."""

import logging
from collections.abc import Collection
from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from audiences.difference import PLANNED
from audiences.model import AudienceRef, Receipt, Verb
from config.audiences import Purpose
from connectors.base import Connector
from connectors.delivered import Tally
from connectors.delivery import deliver
from connectors.errors import CredentialsRefused, QuotaGone, Unsure
from connectors.registry import PLATFORMS
from tests.support.contract import FAULTS, sandbox_server
from tests.support.members import batch, batch_of, digests_of, people
from tests.support.sandbox import ACCOUNT, Sandbox

__all__ = ["sandbox_server"]

OPERATIONS = {
    "google": {Verb.ADD: "audienceMembers:ingest", Verb.REMOVE: "audienceMembers:remove"},
    "meta": {Verb.ADD: "users.add", Verb.REMOVE: "users.remove"},
}
"""Of every platform that takes several requests at once: what carries its changes."""
MEMBERS = 100
"""Who is in the list beforehand: people 1 and on."""
BATCHES, EACH = 12, 6
PATIENCE = 60.0
"""Seconds: a busy machine is no fault. So the fault that outwaits it is left out here."""
STRIKING = [name for name in FAULTS if name != "no_answer_in_time"]
COMING = 1001


@dataclass
class Record:
    """What a ledger would remember of one list."""

    list_id: str
    claimed: bool = True
    intended: dict[str, int] = field(default_factory=dict)
    receipts: dict[str, Receipt] = field(default_factory=dict)

    @property
    def settled(self) -> frozenset[int]:
        return frozenset(self.intended[key] for key in self.receipts)

    def hold(self) -> None: ...
    def claim(self) -> None: ...
    def open(self, list_id: str) -> None: ...
    def lost(self) -> None: ...

    def intend(self, number: int, verb: Verb, people: int) -> str:
        self.intended[f"batch-{number}"] = number
        return f"batch-{number}"

    def recall(self, key: str) -> bool:
        del self.intended[key]
        return True

    def settle(self, receipt: Receipt) -> None:
        assert receipt.batch not in self.receipts
        self.receipts[receipt.batch] = receipt


def test_whoever_takes_several_requests_at_once_is_tried_here():
    several = {
        name
        for name, one in PLATFORMS.items()
        if issubclass(one, Connector) and one.limits.max_in_flight > 1
    }
    assert several == set(OPERATIONS)


@pytest.fixture(params=sorted(OPERATIONS))
def platform(request):
    return request.param


@pytest.fixture
def box(sandbox_server):
    sandbox_server.reset()
    return sandbox_server


@pytest.fixture
def connector(box, platform):
    return box.connector(platform, seconds=PATIENCE)


@pytest.fixture
def record(box, platform, connector):
    """Of a list that holds people 1 to MEMBERS."""
    audience = AudienceRef(ACCOUNT, platform, "vip", Purpose.RETARGETING, "adsteer: vip")
    opened = connector.find_or_create(audience, batch(1, MEMBERS))
    connector.add(opened.list_id, batch(1, MEMBERS))
    box.settle()
    return Record(opened.list_id)


def planned(verb: Verb, rows: list[dict[str, object]]) -> pa.RecordBatch:
    step = {"step": verb.value, "verb": verb.value, "reason": "new"}
    told = [{"batch": place // EACH + 1, **step, **row} for place, row in enumerate(rows)]
    return pa.RecordBatch.from_pylist(told, schema=PLANNED)


def send(
    box: Sandbox, connector: Connector, record: Record, verb: Verb, rows: list[dict[str, object]]
) -> tuple[Tally, Exception | None]:
    audience = AudienceRef(ACCOUNT, connector.platform, "vip", Purpose.RETARGETING, "adsteer: vip")
    batches, wait = [planned(verb, rows)], box.move_clock
    done = deliver(audience, batches, {verb.value}, connector, record, wait=wait, patience=3600)
    return (done.added if verb is Verb.ADD else done.removed), done.stopped_by


def held_by(box: Sandbox, connector: Connector, record: Record) -> set[str]:
    return box.members(connector.platform, record.list_id)


def everybody_was_taken(record: Record, but: Collection[str] = ()) -> None:
    assert record.settled == frozenset(range(1, BATCHES + 1))
    assert all(one.accepted == EACH for key, one in record.receipts.items() if key not in but)


@pytest.mark.parametrize("name", STRIKING)
@pytest.mark.parametrize("verb", [Verb.ADD, Verb.REMOVE])
def test_every_batch_is_settled_by_its_own_verdict(box, platform, connector, record, verb, name):
    rows = people(COMING if verb is Verb.ADD else 1, BATCHES * EACH)
    for _ in range(2):  # it strikes two of those that are under way
        box.fault(platform=platform, operation=OPERATIONS[platform][verb], **FAULTS[name])
    tally, stopped_by = send(box, connector, record, verb, rows)
    assert (tally, stopped_by) == (Tally(accepted=BATCHES * EACH), None)
    assert box.faults_left() == []
    everybody_was_taken(record)
    box.settle()
    before, changed = digests_of(batch(1, MEMBERS)), digests_of(batch_of(rows))
    left = before | changed if verb is Verb.ADD else before - changed
    assert held_by(box, connector, record) == left


def test_who_is_refused_is_refused_in_the_batch_that_carried_them(box, platform, connector, record):
    rows = people(COMING, BATCHES * EACH)
    box.fault("partial", platform, OPERATIONS[platform][Verb.ADD])
    tally, stopped_by = send(box, connector, record, Verb.ADD, rows)
    assert stopped_by is None
    assert (tally.people, tally.refused) == (BATCHES * EACH, EACH // 2)
    (struck,) = [key for key, one in record.receipts.items() if one.refused]
    everybody_was_taken(record, but=[struck])
    first = (record.intended[struck] - 1) * EACH
    theirs = {row["person_id"] for row in rows[first : first + EACH]}
    assert {one.person_id for one in record.receipts[struck].refused} < theirs


def test_a_platform_that_lets_none_pass_for_a_while_is_waited_for(box, platform, connector, record):
    box.fault("throttle", platform, OPERATIONS[platform][Verb.ADD], times=40, retry_after=2)
    tally, stopped_by = send(box, connector, record, Verb.ADD, people(COMING, BATCHES * EACH))
    assert (tally, stopped_by) == (Tally(accepted=BATCHES * EACH), None)
    everybody_was_taken(record)


def test_answers_that_never_come_leave_all_under_way_unsure_and_the_next_run_sends_them(
    box, platform, connector, record
):
    rows = people(COMING, BATCHES * EACH)
    add = OPERATIONS[platform][Verb.ADD]
    box.fault("server_error", platform, add, times=10_000, after_effect=True)
    tally, stopped_by = send(box, connector, record, Verb.ADD, rows)
    assert isinstance(stopped_by, Unsure)
    assert tally == Tally(unsure=tally.unsure, waiting=BATCHES * EACH - tally.unsure)
    assert EACH <= tally.unsure <= connector.limits.max_in_flight * EACH
    assert len(record.intended) * EACH == tally.unsure
    assert not record.receipts
    doubtful = [row for n in record.intended.values() for row in rows[(n - 1) * EACH : n * EACH]]
    box.settle()
    expected = digests_of(batch(1, MEMBERS)) | digests_of(batch_of(doubtful))
    assert held_by(box, connector, record) == expected

    box.no_more_faults()
    again = box.connector(platform, seconds=PATIENCE)
    tally, stopped_by = send(box, again, record, Verb.ADD, rows)
    assert (tally, stopped_by) == (Tally(accepted=BATCHES * EACH), None)
    everybody_was_taken(record)
    box.settle()
    everybody = digests_of(batch(1, MEMBERS)) | digests_of(batch_of(rows))
    assert held_by(box, connector, record) == everybody


@pytest.mark.parametrize("kind", ["quota_gone", "no_rights"])
def test_a_refusal_after_a_lost_answer_leaves_the_batch_unsure(
    box, platform, connector, record, kind
):
    """The first try took effect; that the second was refused says nothing of it."""
    add = OPERATIONS[platform][Verb.ADD]
    box.fault("server_error", platform, add, after_effect=True)
    box.fault(kind, platform, add, times=2)
    tally, stopped_by = send(box, connector, record, Verb.ADD, people(COMING, EACH))
    assert isinstance(stopped_by, QuotaGone | CredentialsRefused)
    assert tally == Tally(unsure=EACH)
    assert list(record.intended.values()) == [1]
    box.settle()
    assert digests_of(batch(COMING, EACH)) < held_by(box, connector, record)


def test_a_token_that_ends_in_the_middle(box, platform, connector, record, caplog):
    """Google's is renewed once, by whoever sees it first; Meta's nobody can renew."""
    caplog.set_level(logging.DEBUG, "connectors.http")
    box.token("sandbox-token", state="expired")
    rows = people(COMING, BATCHES * EACH)
    tally, stopped_by = send(box, connector, record, Verb.ADD, rows)
    if platform == "google":
        assert (tally, stopped_by) == (Tally(accepted=BATCHES * EACH), None)
        everybody_was_taken(record)
        renewed = [one for one in caplog.messages if one.startswith("POST token -> 200")]
        assert len(renewed) == 1
    else:
        assert isinstance(stopped_by, CredentialsRefused)
        assert tally == Tally(waiting=BATCHES * EACH)
        assert not record.intended


def test_a_seed_is_under_way_until_all_that_was_sent_is_worked_on(box):
    google = box.connector("google", seconds=PATIENCE)
    audience = AudienceRef(ACCOUNT, "google", "vip", Purpose.SEED, "adsteer: vip")
    list_id = google.find_or_create(audience, batch(1, MEMBERS)).list_id
    references = [google.add(list_id, batch(1, MEMBERS)).reference]
    box.settle()
    references += [google.add(list_id, batch(COMING + n, 1)).reference for n in range(3)]
    over = [google.outcome(one).done for one in references]
    assert over == [True, False, False, False]
    assert google._under_way(list_id)
    box.settle()
    assert not google._under_way(list_id)
