import threading
from dataclasses import replace

import pyarrow as pa
import pytest

from audiences.catalog import open_catalog
from audiences.leases import take_lease
from audiences.ledger import ListNotOurs
from audiences.model import MEMBERS, Batch, Receipt, Refusal, Verb
from audiences.planning import ListLimits
from audiences.sending import Sending
from connectors.delivery import deliver
from connectors.errors import (
    ContractBroken,
    CredentialsRefused,
    ListBusy,
    ListTooSmall,
    NotOurs,
    QuotaGone,
    Throttled,
    Unsure,
)
from tests.support.audience_run import Run, digests, ref
from tests.support.memory_platform import Fault, MemoryConnector, Platform

EIGHT = {f"c{i}": [f"e{i}", f"p{i}"] for i in range(8)}
TITLE = ref().title


@pytest.fixture
def run(tmp_path):
    return Run(open_catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}"), tmp_path / "state")


@pytest.fixture
def platform():
    return Platform()


def born(connector):
    return replace(connector.limits, born_with_members=True)


def tally(delivered):
    added = delivered.added
    return added.accepted, added.refused, added.unsure, added.waiting


def test_a_first_sync_makes_the_list_and_fills_it(run, platform):
    connector = MemoryConnector(platform)
    delivered = run.sync(EIGHT, connector)
    assert tally(delivered) == (8, 0, 0, 0)
    assert platform.members(TITLE) == digests(EIGHT)
    assert connector.requests == ["find", "create", "add", "add", "add"]


def test_a_list_born_with_members_takes_its_first_batch_once(run, platform):
    connector = MemoryConnector(platform, limits=born(MemoryConnector))
    assert tally(run.sync(EIGHT, connector)) == (8, 0, 0, 0)
    assert connector.requests == ["find", "create", "add", "add"]
    assert platform.members(TITLE) == digests(EIGHT)


def test_a_second_sync_sends_nothing(run, platform):
    run.sync(EIGHT, MemoryConnector(platform))
    again = MemoryConnector(platform)
    assert run.sync(EIGHT, again).added.people == 0
    assert again.requests == []


def test_removals_come_before_additions(run, platform):
    run.sync(EIGHT, MemoryConnector(platform))
    connector = MemoryConnector(platform)
    changed = {**EIGHT, "c1": ["e1", "p99"], "c9": ["e9"]}
    del changed["c0"]
    run.sync(changed, connector)
    assert connector.requests == ["remove", "add"]
    assert platform.members(TITLE) == digests(changed)


def test_refused_members_are_data_and_everybody_is_counted(run, platform):
    refuse = {"c2": Refusal("c2", "unknown country")}
    delivered = run.sync(EIGHT, MemoryConnector(platform, refuse=refuse))
    assert tally(delivered) == (7, 1, 0, 0)
    assert run.standing()["c2"] == ["refused"]
    assert not delivered.failed


def test_a_member_refused_for_good_is_sent_again_only_when_the_person_changes(run, platform):
    run.sync(EIGHT, MemoryConnector(platform, refuse={"c2": Refusal("c2", "bad phone")}))
    assert run.plan(EIGHT).lists[0].counts.refused == 1
    assert run.plan(EIGHT).is_empty
    mended = {**EIGHT, "c2": ["e2", "p200"]}
    run.sync(mended, MemoryConnector(platform))
    assert platform.members(TITLE) == digests(mended)


def test_a_member_refused_for_now_is_sent_again_next_time(run, platform):
    refuse = {"c2": Refusal("c2", "try later", temporary=True)}
    run.sync(EIGHT, MemoryConnector(platform, refuse=refuse))
    assert run.plan(EIGHT).lists[0].counts.add == 1
    run.sync(EIGHT, MemoryConnector(platform))
    assert platform.members(TITLE) == digests(EIGHT)


def test_a_refused_removal_leaves_the_person_in_doubt_and_is_tried_again(run, platform):
    """In doubt: what this person shares a digest with may have been removed in the same plan."""
    run.sync(EIGHT, MemoryConnector(platform))
    fewer = {person: EIGHT[person] for person in EIGHT if person != "c2"}
    run.sync(fewer, MemoryConnector(platform, refuse={"c2": Refusal("c2", "locked")}))
    assert run.standing()["c2"] == ["unsure"]
    assert platform.members(TITLE) == digests(EIGHT)
    run.sync(fewer, MemoryConnector(platform))
    assert platform.members(TITLE) == digests(fewer)


def test_a_batch_refused_whole_is_searched_for_the_bad_member(run, platform):
    delivered = run.sync(EIGHT, MemoryConnector(platform, poison=["c4"]))
    assert tally(delivered) == (7, 1, 0, 0)
    good = {person: EIGHT[person] for person in EIGHT if person != "c4"}
    assert platform.members(TITLE) == digests(good)
    assert run.standing()["c4"] == ["refused"]


def test_a_batch_of_nothing_but_bad_members_does_not_cost_a_request_each(run, platform):
    many = {f"c{i:04}": [f"e{i}"] for i in range(1000)}
    connector = MemoryConnector(platform, poison=many)
    delivered = run.sync(many, connector, limits=ListLimits(batch_size=1000))
    assert tally(delivered) == (0, 1000, 0, 0)
    assert len(connector.requests) < 110
    assert run.plan(many).lists[0].counts.add > 900  # they were refused for the company they kept


def test_a_busy_list_is_waited_for(run, platform):
    faults = [None, Fault(ListBusy("processing")), Fault(Throttled("slow", retry_after=7))]
    delivered = run.sync(EIGHT, MemoryConnector(platform, faults=faults))
    assert tally(delivered) == (8, 0, 0, 0)
    assert run.waited == 5 + 7


def test_when_patience_ends_the_rest_waits_and_nothing_has_failed(run, platform):
    faults = [None, None, *[Fault(ListBusy("processing"))] * 9]
    delivered = run.sync(EIGHT, MemoryConnector(platform, faults=faults))
    assert tally(delivered) == (3, 0, 0, 5)
    assert not delivered.failed
    assert isinstance(delivered.stopped_by, ListBusy)
    assert set(map(tuple, run.standing().values())) == {("in",)}
    run.sync(EIGHT, MemoryConnector(platform))
    assert platform.members(TITLE) == digests(EIGHT)


@pytest.mark.parametrize(
    ("error", "failed"),
    [(QuotaGone("day"), False), (CredentialsRefused("expired"), True)],
)
def test_a_gone_quota_or_token_stops_and_the_rest_waits(run, platform, error, failed):
    delivered = run.sync(EIGHT, MemoryConnector(platform, faults=[None, None, Fault(error)]))
    assert tally(delivered) == (3, 0, 0, 5)
    assert delivered.failed is failed
    assert delivered.stopped_by is error
    assert set(run.standing()) == {"c0", "c1", "c2"}


@pytest.mark.parametrize("after_effect", [False, True])
def test_an_answer_that_never_came_leaves_the_batch_unsure_and_is_made_good(
    run, platform, after_effect
):
    faults = [None, None, Fault(Unsure("cut"), after_effect)]
    delivered = run.sync(EIGHT, MemoryConnector(platform, faults=faults))
    assert tally(delivered) == (3, 0, 3, 2)
    assert delivered.failed
    assert list(run.standing().values()).count(["unsure"]) == 3
    run.sync(EIGHT, MemoryConnector(platform))
    assert platform.members(TITLE) == digests(EIGHT)
    assert set(map(tuple, run.standing().values())) == {("in",)}


def test_what_is_settled_is_not_sent_again_when_a_plan_goes_on(run, platform):
    plan = run.plan(EIGHT)
    sending = run.ledger.begin(plan.fingerprint, plan.lists[0], run._lease(ref()))
    asked = []
    for _ in range(2):
        connector = MemoryConnector(platform)
        deliver(ref(), sending.rows, {"add"}, connector, sending, wait=run._wait, patience=0)
        asked.append(connector.requests.count("add"))
    assert asked == [3, 0]


def test_a_removal_whose_answer_never_came_leaves_the_person_in_doubt(run, platform):
    everybody = {f"c{i}": [f"e{i}"] for i in range(6)}
    rest = {person: everybody[person] for person in ("c3", "c4", "c5")}
    run.sync(everybody, MemoryConnector(platform))
    cut = [Fault(Unsure("cut"), after_effect=True)]
    run.sync(rest, MemoryConnector(platform, faults=cut))
    assert platform.members(TITLE) == digests(rest)
    assert run.standing()["c0"] == ["unsure"]
    run.sync(everybody, MemoryConnector(platform))
    assert platform.members(TITLE) == digests(everybody)


def test_people_who_are_unsure_and_no_longer_wanted_are_removed(run, platform):
    run.sync(EIGHT, MemoryConnector(platform, faults=[None, Fault(Unsure("cut"), True)]))
    two = {"c0": EIGHT["c0"], "c7": EIGHT["c7"]}
    run.sync(two, MemoryConnector(platform))
    assert platform.members(TITLE) == digests(two)


@pytest.mark.parametrize("is_born", [False, True])
def test_a_create_without_an_answer_is_looked_up_before_it_is_repeated(run, platform, is_born):
    limits = replace(MemoryConnector.limits, born_with_members=is_born)
    cut = MemoryConnector(platform, limits=limits, faults=[Fault(Unsure("cut"), True)])
    assert run.sync(EIGHT, cut).failed
    after = MemoryConnector(platform, limits=limits)
    run.sync(EIGHT, after)
    assert after.requests == ["find", "add", "add", "add"]
    assert len(platform.lists) == 1
    assert platform.members(TITLE) == digests(EIGHT)


def test_a_strangers_list_with_our_title_is_left_alone(run, platform):
    platform.titles[TITLE] = "L1"
    platform.lists["L1"] = {"stranger"}
    delivered = run.sync(EIGHT, MemoryConnector(platform))
    assert isinstance(delivered.stopped_by, NotOurs)
    assert tally(delivered) == (0, 0, 0, 8)
    assert platform.lists == {"L1": {"stranger"}}


def test_a_list_deleted_behind_our_back_needs_the_operator_and_can_be_made_anew(run, platform):
    run.sync(EIGHT, MemoryConnector(platform))
    platform.lists.clear()
    platform.titles.clear()
    more = {**EIGHT, "c9": ["e9"]}
    delivered = run.sync(more, MemoryConnector(platform))
    assert delivered.stopped_by is not None
    assert delivered.stopped_by.who == "operator"
    with pytest.raises(ListNotOurs, match="deleted"):
        run.sync(more, MemoryConnector(platform))
    lease = take_lease(run.catalog, "main", "operator", now=run.now)
    run.ledger.forget_list(ref(), lease)
    run.now = run.now.replace(hour=23)
    run.sync(more, MemoryConnector(platform))
    assert platform.members(TITLE) == digests(more)


def test_a_list_too_small_for_removals_keeps_them_for_later_and_takes_the_additions(run, platform):
    run.sync(EIGHT, MemoryConnector(platform))
    changed = {person: EIGHT[person] for person in EIGHT if person != "c0"} | {"c9": ["e9"]}
    delivered = run.sync(
        changed, MemoryConnector(platform, faults=[Fault(ListTooSmall("under 1,000"))])
    )
    assert delivered.removed.refused == 1
    assert delivered.added.accepted == 1
    run.sync(changed, MemoryConnector(platform))
    assert platform.members(TITLE) == digests(changed)


def test_a_receipt_that_loses_people_is_the_platforms_broken_contract(run, platform):
    class Forgetful(MemoryConnector):
        def add(self, list_id, batch):
            return Receipt(batch.key, len(batch) - 1)

    delivered = run.sync(EIGHT, Forgetful(platform))
    assert isinstance(delivered.stopped_by, ContractBroken)
    assert tally(delivered) == (0, 0, 3, 5)


def test_a_stranger_among_the_refused_is_the_platforms_broken_contract(run, platform):
    class Confused(MemoryConnector):
        def add(self, list_id, batch):
            return Receipt(batch.key, len(batch) - 1, (Refusal("nobody of ours", "invalid"),))

    delivered = run.sync(EIGHT, Confused(platform))
    assert isinstance(delivered.stopped_by, ContractBroken)
    assert "not in the batch" in str(delivered.stopped_by)


def test_a_person_who_shares_a_digest_with_one_who_leaves_stays_whole(run, platform):
    couple = {**EIGHT, "wife": ["e90", "p90"], "husband": ["e91", "p90"]}
    run.sync(couple, MemoryConnector(platform))
    del couple["husband"]
    delivered = run.sync(couple, MemoryConnector(platform))
    assert platform.members(TITLE) == digests(couple)
    assert delivered.added.accepted == 1
    assert run.plan(couple).is_empty


def test_a_restoration_that_was_not_sent_is_not_forgotten(run, platform):
    couple = {**EIGHT, "wife": ["e90", "p90"], "husband": ["e91", "p90"]}
    run.sync(couple, MemoryConnector(platform))
    del couple["husband"]
    run.sync(couple, MemoryConnector(platform, faults=[None, Fault(QuotaGone("day"))]))
    assert platform.members(TITLE) != digests(couple)
    run.sync(couple, MemoryConnector(platform))
    assert platform.members(TITLE) == digests(couple)


def test_no_digest_is_shown_by_a_batch():
    row = {"person_id": "c1", "email": ["secret"], "phone": [], "external_id": []}
    assert "secret" not in repr(Batch("key", Verb.ADD, pa.Table.from_pylist([row], MEMBERS)))


class Meeting(MemoryConnector):
    """Lets a request go on only when as many are under way as may be."""

    def __init__(self, platform, *, together, **more):
        limits = replace(MemoryConnector.limits, max_in_flight=together)
        super().__init__(platform, limits=limits, **more)
        self.barrier = threading.Barrier(together)
        self.under_way = self.most = 0
        self.verbs = set()

    def add(self, list_id, batch):
        return self._with_others(batch, super().add, list_id)

    def remove(self, list_id, batch):
        return self._with_others(batch, super().remove, list_id)

    def _with_others(self, batch, do, list_id):
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        self.verbs.add(batch.verb)
        self.barrier.wait(30)
        assert self.verbs == {batch.verb}
        receipt = do(list_id, batch)
        self.barrier.wait(30)
        self.under_way -= 1
        self.verbs.discard(batch.verb)
        return receipt


TWELVE = {f"c{i:02}": [f"e{i}", f"p{i}"] for i in range(12)}


def test_as_many_batches_are_under_way_as_the_platform_takes_and_no_more(run, platform):
    connector = Meeting(platform, together=4)
    assert tally(run.sync(TWELVE, connector)) == (12, 0, 0, 0)
    assert connector.most == 4
    assert platform.members(TITLE) == digests(TWELVE)


def test_no_addition_leaves_while_a_removal_is_under_way(run, platform):
    run.sync(TWELVE, MemoryConnector(platform))
    others = {person: [f"e{person}", f"p{person}"] for person in TWELVE}
    connector = Meeting(platform, together=4)
    run.sync(others, connector)
    assert connector.most == 4
    assert platform.members(TITLE) == digests(others)
    watched = Watched(platform)
    run.sync(TWELVE, watched)
    assert watched.mixed == [False] * len(watched.mixed) != []
    assert platform.members(TITLE) == digests(TWELVE)


class Watched(MemoryConnector):
    """Four requests at once; a removal takes its time and sees whether an addition comes along."""

    def __init__(self, platform):
        super().__init__(platform, limits=replace(MemoryConnector.limits, max_in_flight=4))
        self.adding, self.turn, self.mixed = threading.Event(), threading.Lock(), []

    def add(self, list_id, batch):
        self.adding.set()
        with self.turn:
            return super().add(list_id, batch)

    def remove(self, list_id, batch):
        self.mixed.append(self.adding.wait(0.2))
        with self.turn:
            return super().remove(list_id, batch)


class Crowded(MemoryConnector):
    """Two requests at once; asks how many batches are recorded while the first ones are out."""

    def __init__(self, platform, enough, **more):
        limits = replace(MemoryConnector.limits, max_in_flight=2)
        super().__init__(platform, limits=limits, **more)
        self.enough, self.turn = enough, threading.Lock()

    def add(self, list_id, batch):
        assert self.enough.wait(60)  # until as much is recorded as will be
        with self.turn:
            return super().add(list_id, batch)


def recording(run, monkeypatch, enough, most):
    """The numbers of recorded batches; `enough` is set once there are `most`."""
    numbers = []
    intend = Sending.intend

    def told(self, number, verb, people):
        key = intend(self, number, verb, people)
        numbers.append(number)
        if len(numbers) == most:
            enough.set()
        return key

    monkeypatch.setattr(Sending, "intend", told)
    return numbers


TWENTY_FOUR = {f"c{i:02}": [f"e{i}", f"p{i}"] for i in range(24)}


def test_the_next_batches_are_recorded_while_every_place_is_taken(run, platform, monkeypatch):
    """Twice as many as may be under way, and no more: memory stays bounded."""
    enough = threading.Event()
    numbers = recording(run, monkeypatch, enough, 4)
    connector = Crowded(platform, enough)
    assert tally(run.sync(TWENTY_FOUR, connector)) == (24, 0, 0, 0)
    assert platform.members(TITLE) == digests(TWENTY_FOUR)
    assert numbers == list(range(1, 9))


def test_what_is_recorded_and_not_begun_does_not_leave_after_a_stop(run, platform, monkeypatch):
    enough = threading.Event()
    recording(run, monkeypatch, enough, 4)
    faults = [None, Fault(QuotaGone("day")), Fault(QuotaGone("day"))]
    connector = Crowded(platform, enough, faults=faults)
    delivered = run.sync(TWENTY_FOUR, connector)
    assert tally(delivered) == (0, 0, 0, 24)
    assert connector.requests == ["find", "create", "add", "add"]
    assert run.standing() == {}
    run.sync(TWENTY_FOUR, MemoryConnector(platform))
    assert platform.members(TITLE) == digests(TWENTY_FOUR)


def test_one_answer_that_never_came_leaves_only_its_own_batch_unsure(run, platform):
    limits = replace(MemoryConnector.limits, max_in_flight=4)
    faults = [None, Fault(Unsure("cut"), after_effect=True)]
    delivered = run.sync(TWELVE, MemoryConnector(platform, limits=limits, faults=faults))
    added = delivered.added
    assert (added.unsure, added.people) == (3, 12)
    assert delivered.failed
    assert list(run.standing().values()).count(["unsure"]) == 3
    run.sync(TWELVE, MemoryConnector(platform, limits=limits))
    assert platform.members(TITLE) == digests(TWELVE)
    assert run.plan(TWELVE).is_empty
