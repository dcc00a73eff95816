"""What every connector must do, over HTTP, against the sandbox's memory.

A platform's test file derives a class per ability and says which of the sandbox's operations
carry its changes. A test that does not fit a platform is overridden there, with the reason.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

import pytest

from audiences.model import AudienceRef, Batch, Verb
from bids.model import BidObject, CorrectionChange
from config.audiences import Lookalike, Purpose
from connectors.base import Connector, CorrectsBids, NamesObjects, ReportsSpend
from connectors.errors import (
    ConnectorError,
    CredentialsRefused,
    ListBusy,
    ListGone,
    ListTooSmall,
    QuotaGone,
    RuleRefused,
    SeedRefused,
    Transient,
    Unsure,
    VersionGone,
)
from tests.support.members import batch, batch_of, digests_of, people
from tests.support.sandbox import ACCOUNT, Sandbox, sandbox

FAULTS: dict[str, dict[str, Any]] = {
    "throttle": {"kind": "throttle"},
    "throttle_seconds": {"kind": "throttle", "retry_after": 7},
    "throttle_date": {"kind": "throttle", "retry_after": 7, "retry_after_form": "date"},
    "error_500_before": {"kind": "server_error", "status": 500},
    "error_502_before": {"kind": "server_error", "status": 502},
    "error_503_before": {"kind": "server_error", "status": 503},
    "error_500_after": {"kind": "server_error", "status": 500, "after_effect": True},
    "error_502_after": {"kind": "server_error", "status": 502, "after_effect": True},
    "error_503_after": {"kind": "server_error", "status": 503, "after_effect": True},
    "cut_before": {"kind": "cut"},
    "cut_after": {"kind": "cut", "after_effect": True},
    "malformed_before": {"kind": "malformed"},
    "malformed_after": {"kind": "malformed", "after_effect": True},
    "no_answer_in_time": {"kind": "slow", "seconds": 1.0},
}
"""Faults after which a connector ends as if nothing had happened."""

VERBS = (Verb.ADD, Verb.REMOVE)
"""What every list takes; replacing has a contract of its own."""


@pytest.fixture(scope="module")
def sandbox_server() -> Iterator[Sandbox]:
    """To be imported by the test file of a platform."""
    with sandbox() as running:
        yield running


OLD_VERSIONS = {
    "google": "v10",
    "meta": "v9.0",
    "microsoft": "v12",
    "tiktok": "v1.1",
    "vk": "v2",
    "yandex_audience": "v0",
    "yandex_direct": "v3",
}
"""By platform: a version of its API that is not served any more."""


class PlatformContract(ABC):
    """A platform, a sandbox, and nothing else: one server per module, emptied for each test."""

    platform: ClassVar[str]

    @pytest.fixture
    def box(self, sandbox_server: Sandbox) -> Sandbox:
        sandbox_server.reset()
        return sandbox_server

    @pytest.fixture
    def connector(self, box: Sandbox) -> Any:
        return box.connector(self.platform)

    def fault(self, box: Sandbox, operation: str | None, name: str) -> None:
        box.fault(platform=self.platform, operation=operation, **FAULTS[name])

    def test_check(self, connector: Any) -> None:
        connector.check()

    @pytest.mark.parametrize("kind", ["expired_token", "revoked_token", "no_rights"])
    def test_refused_credentials_are_the_operators(
        self, connector: Any, box: Sandbox, kind: str
    ) -> None:
        box.fault(kind, self.platform, None, times=2)
        with pytest.raises(CredentialsRefused) as caught:
            connector.check()
        assert caught.value.who == "operator"
        assert caught.value.act

    def test_a_quota_of_the_day(self, connector: Any, box: Sandbox) -> None:
        box.fault("quota_gone", self.platform, None)
        with pytest.raises(QuotaGone):
            connector.check()
        assert box.faults_left() == []

    def test_a_version_that_is_not_served_any_more(self, box: Sandbox) -> None:
        old = box.connector(self.platform, api_version=OLD_VERSIONS[self.platform])
        with pytest.raises(VersionGone) as caught:
            old.check()
        assert caught.value.who == "operator"
        assert caught.value.act

    @pytest.mark.parametrize("name", FAULTS)
    def test_reading_survives(self, connector: Any, box: Sandbox, name: str) -> None:
        self.fault(box, None, name)
        connector.check()
        assert box.faults_left() == []

    def test_reading_gives_up(self, connector: Any, box: Sandbox) -> None:
        box.fault("server_error", self.platform, None, times=50)
        with pytest.raises(Transient) as caught:
            connector.check()
        assert not isinstance(caught.value, Unsure)


class ConnectorContract(PlatformContract):
    """Lists of people."""

    connector_class: ClassVar[type[Connector]]
    create_operations: ClassVar[tuple[str, ...]]
    """Requests that make a list, in their order."""
    add_operation: ClassVar[str]
    remove_operation: ClassVar[str]
    rename_operation: ClassVar[str]
    titles_are_unique: ClassVar[bool] = False
    """Whether the platform refuses a title that another list of the account has."""
    newcomers: ClassVar[int] = 500
    """The first of people who are in no list; more than `enough`."""

    @property
    def audience(self) -> AudienceRef:
        return AudienceRef(ACCOUNT, self.platform, "vip", Purpose.RETARGETING, "adsteer: vip")

    def digests_of(self, some: Batch) -> set[str]:
        """What of a batch this platform takes."""
        return digests_of(some, self.connector_class.limits.kinds)

    @property
    def enough(self) -> int:
        return max(self.connector_class.limits.min_members, 3)

    @pytest.fixture
    def list_id(self, connector: Connector, box: Sandbox) -> str:
        """A settled list that holds people 1 to `enough`."""
        first = batch(1, self.enough)
        opened = connector.find_or_create(self.audience, first)
        if opened.receipt is None:
            connector.add(opened.list_id, first)
        box.settle()
        return opened.list_id

    def ours(self, box: Sandbox) -> list[dict[str, Any]]:
        title = self.audience.title
        return [one for one in box.lists(self.platform) if one.get("name") == title]

    # Lists

    def test_there_is_nothing_to_find(self, connector: Connector) -> None:
        assert connector.find(self.audience) is None

    def test_a_list_is_found_by_its_title(self, connector: Connector, list_id: str) -> None:
        assert connector.find(self.audience) == list_id

    def test_a_new_list_holds_its_first_batch(self, box: Sandbox, list_id: str) -> None:
        assert box.members(self.platform, list_id) == self.digests_of(batch(1, self.enough))

    def test_a_list_is_made_once(self, connector: Connector, box: Sandbox, list_id: str) -> None:
        again = connector.find_or_create(self.audience, batch(1, self.enough))
        assert (again.list_id, again.receipt) == (list_id, None)
        assert len(self.ours(box)) == 1

    @pytest.mark.parametrize("name", FAULTS)
    @pytest.mark.parametrize("step", [0, 1])
    def test_a_list_is_made_once_whatever_happens(
        self, connector: Connector, box: Sandbox, step: int, name: str
    ) -> None:
        if step >= len(self.create_operations):
            pytest.skip("this platform makes a list in one request")
        self.fault(box, self.create_operations[step], name)
        first = batch(1, self.enough)
        opened = connector.find_or_create(self.audience, first)
        assert box.faults_left() == []
        if opened.receipt is None:
            connector.add(opened.list_id, first)
        box.settle()
        assert [str(one["id"]) for one in self.ours(box)] == [opened.list_id]
        assert box.members(self.platform, opened.list_id) == self.digests_of(first)

    def test_a_list_that_is_too_small(self, connector: Connector, box: Sandbox) -> None:
        if self.connector_class.limits.min_members < 2:
            pytest.skip("this platform takes lists of any size")
        few = batch(1, self.connector_class.limits.min_members - 1)
        with pytest.raises(ListTooSmall) as caught:
            connector.find_or_create(self.audience, few)
        assert caught.value.who == "editor"
        assert self.ours(box) == []

    def test_lists_of_others_stay_as_they_are(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        def others() -> list[dict[str, Any]]:
            return [one for one in box.lists(self.platform) if str(one["id"]) != list_id]

        before = others()
        assert before
        connector.add(list_id, batch(self.newcomers, 3))
        box.settle()
        connector.delete(list_id)
        assert others() == before

    # A new title

    def test_a_renamed_list_is_the_same_list(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        held = box.members(self.platform, list_id)
        for _ in range(2):
            assert connector.rename(list_id, "adsteer: very important")
        box.settle()
        new = replace(self.audience, title="adsteer: very important")
        assert (connector.find(new), connector.find(self.audience)) == (list_id, None)
        assert box.members(self.platform, list_id) == held
        assert connector.add(list_id, batch(self.newcomers, 30)).accepted == 30

    @pytest.mark.parametrize("name", FAULTS)
    def test_a_list_is_renamed_whatever_happens(
        self, connector: Connector, box: Sandbox, list_id: str, name: str
    ) -> None:
        self.fault(box, self.rename_operation, name)
        assert connector.rename(list_id, "adsteer: very important")
        assert box.faults_left() == []
        new = replace(self.audience, title="adsteer: very important")
        assert connector.find(new) == list_id

    def test_a_list_that_is_gone_has_no_name(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        box.forget(self.platform, list_id)
        with pytest.raises(ListGone):
            connector.rename(list_id, "adsteer: very important")

    def test_a_title_that_another_list_has(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        """Where titles are unique it is the editor's; elsewhere lists are told apart by id."""
        other = replace(self.audience, audience="best", title="adsteer: best")
        first = batch(self.newcomers, self.enough)
        opened = connector.find_or_create(other, first)
        if opened.receipt is None:
            connector.add(opened.list_id, first)
        box.settle()
        if self.titles_are_unique:
            with pytest.raises(RuleRefused) as caught:
                connector.rename(opened.list_id, self.audience.title)
            assert caught.value.who == "editor"
            assert len(self.ours(box)) == 1
        else:
            assert connector.rename(opened.list_id, self.audience.title)
            assert connector.find(self.audience) == list_id, "the older one"

    def test_delete_twice(self, connector: Connector, box: Sandbox, list_id: str) -> None:
        connector.delete(list_id)
        connector.delete(list_id)
        assert self.ours(box) == []
        assert connector.find(self.audience) is None

    # Members

    def test_added_people_are_there_once(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        for _ in range(2):
            receipt = connector.add(list_id, batch(self.enough - 1, 12))
            assert (receipt.accepted, receipt.refused) == (12, ())
            box.settle()
        assert box.members(self.platform, list_id) == self.digests_of(batch(1, self.enough + 10))

    def test_removed_people_are_gone(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        for _ in range(2):
            receipt = connector.remove(list_id, batch(1, 2, Verb.REMOVE))
            assert (receipt.accepted, receipt.refused) == (2, ())
            box.settle()
        assert box.members(self.platform, list_id) == self.digests_of(batch(3, self.enough - 2))

    def test_people_can_go_as_soon_as_they_came(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        for _ in range(2):
            connector.add(list_id, batch(self.newcomers, 3))
            box.settle()
            connector.remove(list_id, batch(self.newcomers, 3, Verb.REMOVE))
            box.settle()
            assert box.members(self.platform, list_id) == self.digests_of(batch(1, self.enough))

    @pytest.mark.parametrize("name", FAULTS)
    @pytest.mark.parametrize("verb", VERBS)
    def test_a_change_happens_once_whatever_happens(
        self, connector: Connector, box: Sandbox, list_id: str, verb: Verb, name: str
    ) -> None:
        self.fault(box, self._operation(verb), name)
        change = batch(3, self.enough, verb)
        receipt = self._act(connector, verb)(list_id, change)
        assert box.faults_left() == []
        assert receipt.accepted == len(change)
        box.settle()
        left = batch(1, self.enough + 2) if verb is Verb.ADD else batch(1, 2)
        assert box.members(self.platform, list_id) == self.digests_of(left)

    @pytest.mark.parametrize("verb", VERBS)
    def test_a_change_that_never_gets_an_answer_is_unsure(
        self, connector: Connector, box: Sandbox, list_id: str, verb: Verb
    ) -> None:
        box.fault("server_error", self.platform, self._operation(verb), times=50)
        with pytest.raises(Unsure):
            self._act(connector, verb)(list_id, batch(1, 3, verb))

    @pytest.mark.parametrize("verb", VERBS)
    def test_an_error_inside_a_success_is_none(
        self, connector: Connector, box: Sandbox, list_id: str, verb: Verb
    ) -> None:
        """HTTP 200 that says no: it is asked again or told as an error, never taken for done."""
        box.fault("error_inside", self.platform, self._operation(verb))
        change = batch(3, self.enough, verb)
        try:
            done = self._act(connector, verb)(list_id, change).accepted == len(change)
        except ConnectorError:
            done = False
        assert box.faults_left() == []
        box.settle()
        after = batch(1, self.enough + 2) if verb is Verb.ADD else batch(1, 2)
        expected = after if done else batch(1, self.enough)
        assert box.members(self.platform, list_id) == self.digests_of(expected)

    def test_part_of_a_batch_fails(self, connector: Connector, box: Sandbox, list_id: str) -> None:
        """Everybody is accounted for, and nobody who is refused by name is in the list."""
        box.fault("partial", self.platform, self.add_operation)
        some = people(self.newcomers, 60)
        try:
            receipt = connector.add(list_id, batch_of(some))
        except ConnectorError:
            return  # the whole batch is refused or unsure: delivery counts it so
        assert receipt.accepted + len(receipt.refused) == len(some)
        refused = {one.person_id for one in receipt.refused}
        box.settle()
        out = batch_of([one for one in some if one["person_id"] in refused])
        assert not self.digests_of(out) & box.members(self.platform, list_id)

    def test_who_cannot_be_sent_is_refused_by_name(
        self, connector: Connector, list_id: str
    ) -> None:
        nobody = {"person_id": "nobody", "email": [], "phone": [], "external_id": []}
        change = batch_of([*people(self.newcomers + 400, 3), nobody])
        receipt = connector.add(list_id, change)
        assert receipt.accepted + len(receipt.refused) == len(change)
        assert [one.person_id for one in receipt.refused] == ["nobody"]

    def test_a_list_deleted_behind_our_back(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        box.forget(self.platform, list_id)
        for ask in (
            lambda: connector.add(list_id, batch(self.newcomers, 3)),
            lambda: connector.remove(list_id, batch(1, 1, Verb.REMOVE)),
            lambda: connector.state(list_id),
        ):
            with pytest.raises(ListGone):
                ask()

    # State

    def test_a_settled_list_tells_its_size_and_match(
        self, connector: Connector, list_id: str
    ) -> None:
        state = connector.state(list_id)
        assert state.settled
        assert state.size == self.enough
        assert state.matched is not None
        assert 0 < state.matched <= state.size

    def test_a_list_under_processing_takes_no_change(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        connector.add(list_id, batch(self.newcomers, 3))
        assert not connector.state(list_id).settled
        with pytest.raises(ListBusy):
            connector.add(list_id, batch(self.newcomers + 100, 3))
        box.settle()
        assert connector.add(list_id, batch(self.newcomers + 100, 3)).accepted == 3

    # Silence

    @pytest.mark.parametrize("kind", ["server_error", "malformed", "error_inside", "no_rights"])
    def test_nothing_tells_a_digest(
        self,
        connector: Connector,
        box: Sandbox,
        list_id: str,
        kind: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        box.fault(kind, self.platform, self.add_operation, times=50)
        some = batch(1, 3)
        said = ""
        try:
            connector.add(list_id, some)
        except Exception as fault:  # noqa: BLE001  # whatever it is, it must be silent
            said = f"{fault} {fault!r}"
        shown = f"{caplog.text} {said} {some!r} {connector!r}"
        assert caplog.records
        assert not [one for one in self.digests_of(some) if one[:12] in shown]
        assert "sandbox-token" not in shown

    def _operation(self, verb: Verb) -> str:
        return self.add_operation if verb is Verb.ADD else self.remove_operation

    def _act(self, connector: Connector, verb: Verb) -> Callable[..., Any]:
        return connector.add if verb is Verb.ADD else connector.remove


class ReplaceContract(PlatformContract):
    """Lists that one request replaces whole, for a connector that keeps lists as well."""

    connector_class: ClassVar[type[Connector]]
    replace_operation: ClassVar[str]
    people: ClassVar[int] = 300
    """So many that any platform takes a list of them."""

    @pytest.fixture
    def list_id(self, connector: Any, box: Sandbox) -> str:
        """A settled list that holds people 1 to `people`."""
        audience = AudienceRef(ACCOUNT, self.platform, "vip", Purpose.RETARGETING, "adsteer: vip")
        first = batch(1, self.people)
        opened = connector.find_or_create(audience, first)
        if opened.receipt is None:
            connector.add(opened.list_id, first)
        box.settle()
        return str(opened.list_id)

    @property
    def wanted(self) -> Batch:
        """Half of them stay, as many come."""
        return batch(self.people // 2, self.people, Verb.REPLACE)

    def digests_of(self, some: Batch) -> set[str]:
        return digests_of(some, self.connector_class.limits.kinds)

    def test_the_list_holds_these_people_and_nobody_else(
        self, connector: Any, box: Sandbox, list_id: str
    ) -> None:
        others = {str(one["id"]): one for one in box.lists(self.platform)}
        receipt = connector.replace(list_id, self.wanted)
        assert (receipt.accepted, receipt.refused) == (self.people, ())
        box.settle()
        assert box.members(self.platform, list_id) == self.digests_of(self.wanted)
        lists = {str(one["id"]): one for one in box.lists(self.platform)}
        assert lists.keys() == others.keys()
        assert lists[list_id]["name"] == others[list_id]["name"]
        assert all(lists[one] == others[one] for one in lists if one != list_id)

    def test_twice_is_as_once(self, connector: Any, box: Sandbox, list_id: str) -> None:
        for _ in range(2):
            assert connector.replace(list_id, self.wanted).accepted == self.people
            box.settle()
        assert box.members(self.platform, list_id) == self.digests_of(self.wanted)

    def test_the_first_people_come_back(self, connector: Any, box: Sandbox, list_id: str) -> None:
        """The very people the list was made of: a platform that compares files minds no file."""
        connector.add(list_id, batch(5000, 3))
        box.settle()
        first = batch(1, self.people, Verb.REPLACE)
        assert connector.replace(list_id, first).accepted == self.people
        box.settle()
        assert box.members(self.platform, list_id) == self.digests_of(first)

    def test_people_come_and_go_as_before_afterwards(
        self, connector: Any, box: Sandbox, list_id: str
    ) -> None:
        connector.replace(list_id, self.wanted)
        box.settle()
        connector.add(list_id, batch(5000, 3))
        box.settle()
        connector.remove(list_id, batch(self.people // 2, 2, Verb.REMOVE))
        box.settle()
        left = batch(self.people // 2 + 2, self.people - 2)
        held = self.digests_of(left) | self.digests_of(batch(5000, 3))
        assert box.members(self.platform, list_id) == held

    @pytest.mark.parametrize("name", FAULTS)
    def test_a_list_is_replaced_whatever_happens(
        self, connector: Any, box: Sandbox, list_id: str, name: str
    ) -> None:
        self.fault(box, self.replace_operation, name)
        assert connector.replace(list_id, self.wanted).accepted == self.people
        assert box.faults_left() == []
        box.settle()
        assert box.members(self.platform, list_id) == self.digests_of(self.wanted)

    def test_without_an_answer_it_is_unsure(
        self, connector: Any, box: Sandbox, list_id: str
    ) -> None:
        """Then the list holds the old people or the new ones, and never nobody."""
        box.fault("server_error", self.platform, self.replace_operation, times=50)
        with pytest.raises(Unsure):
            connector.replace(list_id, self.wanted)
        box.no_more_faults()
        box.settle()
        held = box.members(self.platform, list_id)
        assert held in (self.digests_of(batch(1, self.people)), self.digests_of(self.wanted))

    def test_an_error_inside_a_success_is_none(
        self, connector: Any, box: Sandbox, list_id: str
    ) -> None:
        box.fault("error_inside", self.platform, self.replace_operation)
        try:
            done = connector.replace(list_id, self.wanted).accepted == self.people
        except ConnectorError:
            done = False
        assert box.faults_left() == []
        box.settle()
        expected = self.wanted if done else batch(1, self.people)
        assert box.members(self.platform, list_id) == self.digests_of(expected)

    def test_nobody_replaces_a_list_by_nobody(
        self, connector: Any, box: Sandbox, list_id: str
    ) -> None:
        with pytest.raises(RuleRefused):
            connector.replace(list_id, batch(1, 0, Verb.REPLACE))
        box.settle()
        assert box.members(self.platform, list_id) == self.digests_of(batch(1, self.people))

    def test_a_list_that_is_gone(self, connector: Any, box: Sandbox, list_id: str) -> None:
        box.forget(self.platform, list_id)
        with pytest.raises(ListGone):
            connector.replace(list_id, self.wanted)

    def test_a_list_under_processing_is_busy(
        self, connector: Any, box: Sandbox, list_id: str
    ) -> None:
        connector.replace(list_id, self.wanted)
        with pytest.raises(ListBusy):
            connector.add(list_id, batch(5000, 3))


class LookalikeContract(PlatformContract):
    """Look-alikes, for a connector that keeps lists as well."""

    grow_operation: ClassVar[str]
    refresh_operation: ClassVar[str]
    seed_people: ClassVar[int] = 300
    wish: ClassVar[Lookalike] = Lookalike()

    @pytest.fixture
    def young_seed(self, connector: Any) -> str:
        """A list that is still being processed."""
        audience = AudienceRef(ACCOUNT, self.platform, "best", Purpose.SEED, "adsteer: best")
        first = batch(1, self.seed_people)
        opened = connector.find_or_create(audience, first)
        if opened.receipt is None:
            connector.add(opened.list_id, first)
        return str(opened.list_id)

    @pytest.fixture
    def seed(self, box: Sandbox, young_seed: str) -> str:
        box.settle()
        return young_seed

    def grown(self, box: Sandbox) -> list[str]:
        lists = box.lists(self.platform)
        return [str(one["id"]) for one in lists if one.get("name") == "like the best"]

    def test_it_grows_and_is_found_again(self, connector: Any, box: Sandbox, seed: str) -> None:
        made = connector.grow(seed, "like the best", 1, self.wish)
        assert connector.grow(seed, "like the best", 1, self.wish) == made
        assert self.grown(box) == [made]

    @pytest.mark.parametrize("name", FAULTS)
    def test_it_grows_once_whatever_happens(
        self, connector: Any, box: Sandbox, seed: str, name: str
    ) -> None:
        self.fault(box, self.grow_operation, name)
        made = connector.grow(seed, "like the best", 1, self.wish)
        assert box.faults_left() == []
        assert self.grown(box) == [made]

    def test_a_seed_under_processing(self, connector: Any, young_seed: str) -> None:
        with pytest.raises(ListBusy):
            connector.grow(young_seed, "like the best", 1, self.wish)

    def test_a_seed_nobody_of_which_is_known(
        self, connector: Any, box: Sandbox, request: pytest.FixtureRequest
    ) -> None:
        box.change(matched_share=0.0)
        try:
            seed = request.getfixturevalue("seed")
            with pytest.raises(SeedRefused) as caught:
                connector.grow(seed, "like the best", 1, self.wish)
        finally:
            box.change(matched_share=0.7)
        assert caught.value.who == "editor"

    def test_a_lookalike_is_refreshed_and_stays_the_same(
        self, connector: Any, box: Sandbox, seed: str
    ) -> None:
        made = connector.grow(seed, "like the best", 1, self.wish)
        box.settle()
        connector.refresh(made)
        box.settle()
        assert connector.grow(seed, "like the best", 1, self.wish) == made
        assert self.grown(box) == [made]

    @pytest.mark.parametrize("name", FAULTS)
    def test_a_lookalike_is_refreshed_whatever_happens(
        self, connector: Any, box: Sandbox, seed: str, name: str
    ) -> None:
        made = connector.grow(seed, "like the best", 1, self.wish)
        box.settle()
        self.fault(box, self.refresh_operation, name)
        connector.refresh(made)
        assert box.faults_left() == []
        assert self.grown(box) == [made]

    def test_a_lookalike_that_is_gone(self, connector: Any, box: Sandbox, seed: str) -> None:
        made = connector.grow(seed, "like the best", 1, self.wish)
        box.settle()
        box.forget(self.platform, made)
        with pytest.raises(ListGone):
            connector.refresh(made)

    def test_a_seed_that_is_gone(self, connector: Any, box: Sandbox, seed: str) -> None:
        box.forget(self.platform, seed)
        with pytest.raises(ListGone):
            connector.grow(seed, "like the best", 1, self.wish)


class ExclusionContract(PlatformContract):
    """Lists that ad groups leave out, for a connector that keeps lists as well."""

    ad_group: ClassVar[str]
    """An ad group of the sandbox that leaves out none of our lists."""
    exclude_operation: ClassVar[str]
    nowhere: ClassVar[str] = "404"
    """An id of the kind, that nothing has."""

    @pytest.fixture
    def lists(self, connector: Any, box: Sandbox) -> tuple[str, str]:
        made = []
        for name in ("buyers", "regulars"):
            title = f"adsteer: {name}"
            audience = AudienceRef(ACCOUNT, self.platform, name, Purpose.RETARGETING, title)
            made.append(str(connector.find_or_create(audience, batch(1, 1200)).list_id))
        box.settle()
        return made[0], made[1]

    def test_a_list_is_left_out_beside_those_that_were(
        self, connector: Any, lists: tuple[str, str]
    ) -> None:
        before = connector.excluded(self.ad_group)
        for number, list_id in enumerate(lists, 1):
            assert list_id not in connector.excluded(self.ad_group)
            connector.exclude(list_id, self.ad_group)
            connector.exclude(list_id, self.ad_group)
            assert connector.excluded(self.ad_group) == before | set(lists[:number])

    @pytest.mark.parametrize("name", FAULTS)
    def test_a_list_is_left_out_whatever_happens(
        self, connector: Any, box: Sandbox, lists: tuple[str, str], name: str
    ) -> None:
        before = connector.excluded(self.ad_group)
        self.fault(box, self.exclude_operation, name)
        connector.exclude(lists[0], self.ad_group)
        assert box.faults_left() == []
        assert connector.excluded(self.ad_group) == before | {lists[0]}

    def test_an_ad_group_that_is_not_there(self, connector: Any, lists: tuple[str, str]) -> None:
        for ask in (
            lambda: connector.excluded(self.nowhere),
            lambda: connector.exclude(lists[0], self.nowhere),
        ):
            with pytest.raises(RuleRefused, match=f"{self.nowhere} is not in the account"):
                ask()


class BidContract(PlatformContract):
    """Corrections of bids for the people in a list."""

    connector_class: ClassVar[type[CorrectsBids]]
    objects: ClassVar[tuple[BidObject, ...]]
    """Objects the sandbox has, one per level."""
    add_operation: ClassVar[str]
    set_operation: ClassVar[str]
    remove_operation: ClassVar[str]
    condition_operation: ClassVar[str]

    @pytest.fixture
    @abstractmethod
    def list_id(self, box: Sandbox) -> str:
        """A list that corrections can name; a platform with lists of its own makes one."""

    @pytest.fixture
    def condition(self, connector: CorrectsBids, list_id: str) -> str:
        return connector.condition_for(list_id, "adsteer: vip")

    def change(
        self, condition: str, percent: int | None, correction: str | None = None, place: int = 0
    ) -> CorrectionChange:
        return CorrectionChange(self.objects[place], "vip", condition, correction, percent)

    @pytest.fixture(autouse=True)
    def others(self, connector: CorrectsBids, box: Sandbox) -> Iterator[None]:
        """Corrections of others are there before, and the same afterwards."""
        self.foreign = frozenset(connector.read_corrections(self.objects))
        assert self.foreign
        yield
        box.no_more_faults()
        assert self.foreign <= set(connector.read_corrections(self.objects))

    def present(self, connector: CorrectsBids) -> dict[tuple[BidObject, str], int]:
        found = set(connector.read_corrections(self.objects)) - self.foreign
        assert len({(one.object, one.condition_id) for one in found}) == len(found)
        return {(one.object, one.condition_id): one.percent for one in found}

    def test_a_condition_is_made_once(self, connector: CorrectsBids, list_id: str) -> None:
        assert connector.find_condition(list_id, "adsteer: vip") is None
        made = connector.condition_for(list_id, "adsteer: vip")
        assert connector.condition_for(list_id, "adsteer: vip") == made
        assert connector.find_condition(list_id, "adsteer: vip") == made

    @pytest.mark.parametrize("name", FAULTS)
    def test_a_condition_is_made_once_whatever_happens(
        self, connector: CorrectsBids, box: Sandbox, list_id: str, name: str
    ) -> None:
        self.fault(box, self.condition_operation, name)
        made = connector.condition_for(list_id, "adsteer: vip")
        assert box.faults_left() == []
        lists = box.lists(self.platform)
        ours = [one for one in lists if "adsteer: vip" in (one.get("Name"), one.get("name"))]
        assert len(ours) == 1
        assert connector.find_condition(list_id, "adsteer: vip") == made

    def test_corrections_are_written_changed_and_removed(
        self, connector: CorrectsBids, condition: str
    ) -> None:
        places = range(len(self.objects))
        added = connector.write_corrections(
            [self.change(condition, -30, place=place) for place in places]
        )
        assert {one.refused for one in added} == {""}
        assert self.present(connector) == {(one, condition): -30 for one in self.objects}

        ids = [one.correction_id for one in added]
        changed = connector.write_corrections([self.change(condition, 45, ids[0])])
        assert changed[0].correction_id == ids[0]
        assert self.present(connector)[(self.objects[0], condition)] == 45

        removed = connector.write_corrections([self.change(condition, None, ids[0])])
        assert (removed[0].refused, removed[0].correction_id) == ("", None)
        assert (self.objects[0], condition) not in self.present(connector)

    def test_both_ends_of_the_range(self, connector: CorrectsBids, condition: str) -> None:
        limits = self.connector_class.bid_limits
        (receipt,) = connector.write_corrections([self.change(condition, limits.lowest)])
        assert self.present(connector)[(self.objects[0], condition)] == limits.lowest
        again = self.change(condition, limits.highest, receipt.correction_id)
        connector.write_corrections([again])
        assert self.present(connector)[(self.objects[0], condition)] == limits.highest
        beyond = self.change(condition, limits.highest + 1, receipt.correction_id)
        assert connector.write_corrections([beyond])[0].refused
        assert self.present(connector)[(self.objects[0], condition)] == limits.highest

    def test_writing_the_same_twice_is_as_once(
        self, connector: CorrectsBids, condition: str
    ) -> None:
        (receipt,) = connector.write_corrections([self.change(condition, -30)])
        for _ in range(2):
            connector.write_corrections([self.change(condition, 20, receipt.correction_id)])
        assert self.present(connector) == {(self.objects[0], condition): 20}

    def test_removing_twice_is_as_once(self, connector: CorrectsBids, condition: str) -> None:
        (receipt,) = connector.write_corrections([self.change(condition, -30)])
        for _ in range(2):
            gone = connector.write_corrections(
                [self.change(condition, None, receipt.correction_id)]
            )
            assert gone[0].refused == ""
        assert self.present(connector) == {}

    def test_a_refused_change_does_not_stop_the_others(
        self, connector: CorrectsBids, condition: str
    ) -> None:
        bad, good = connector.write_corrections(
            [self.change("999999", -30), self.change(condition, -30)]
        )
        assert bad.refused
        assert good.refused == ""
        assert self.present(connector) == {(self.objects[0], condition): -30}

    @pytest.mark.parametrize("name", FAULTS)
    @pytest.mark.parametrize("kind", ["add", "set", "remove"])
    def test_a_change_happens_once_whatever_happens(
        self, connector: CorrectsBids, box: Sandbox, condition: str, kind: str, name: str
    ) -> None:
        correction = None
        if kind != "add":
            (added,) = connector.write_corrections([self.change(condition, -30)])
            correction = added.correction_id
        percent = None if kind == "remove" else 60
        operations = {
            "add": self.add_operation,
            "set": self.set_operation,
            "remove": self.remove_operation,
        }
        self.fault(box, operations[kind], name)
        (receipt,) = connector.write_corrections([self.change(condition, percent, correction)])
        assert box.faults_left() == []
        assert receipt.refused == ""
        wanted = {} if percent is None else {(self.objects[0], condition): percent}
        assert self.present(connector) == wanted

    def test_a_change_that_never_gets_an_answer_is_unsure(
        self, connector: CorrectsBids, box: Sandbox, condition: str
    ) -> None:
        box.fault("server_error", self.platform, self.add_operation, times=50)
        with pytest.raises(Unsure):
            connector.write_corrections([self.change(condition, -30)])

    def test_an_object_that_is_not_there_has_no_strategy(self, connector: CorrectsBids) -> None:
        strategies = connector.strategies(self.objects)
        assert [one.object for one in strategies] == list(self.objects)
        assert all(one.name for one in strategies)
        nowhere = BidObject(ACCOUNT, self.platform, self.objects[0].level, "404")
        assert connector.strategies([nowhere])[0].acts_on == "unknown"


class SpendContract(PlatformContract):
    """What was spent, and what came of it."""

    objects: ClassVar[tuple[BidObject, ...]]
    """Objects of which the sandbox has figures."""
    spend_operation: ClassVar[str]

    @property
    def days(self) -> tuple[date, date]:
        last = datetime.now(UTC).date() - timedelta(days=2)
        return last - timedelta(days=6), last

    def test_every_day_of_every_object(self, connector: ReportsSpend) -> None:
        first, last = self.days
        rows = connector.spend(self.objects, first, last)
        assert {one.object for one in rows} == set(self.objects)
        assert {one.day for one in rows} == {first + timedelta(days=n) for n in range(7)}
        assert len({(one.day, one.object, one.condition_id) for one in rows}) == len(rows)
        assert all(one.cost >= 0 and one.clicks <= one.impressions for one in rows)
        assert sum(one.cost for one in rows) > 0

    def test_a_day_alone_is_as_within_a_week(self, connector: ReportsSpend) -> None:
        first, last = self.days
        week = connector.spend(self.objects, first, last)
        alone = connector.spend(self.objects, last, last)
        assert set(alone) == {one for one in week if one.day == last}

    def test_nothing_asked_is_nothing_sent(self, connector: ReportsSpend) -> None:
        assert connector.spend([], *self.days) == ()

    @pytest.mark.parametrize("name", FAULTS)
    def test_a_report_survives(self, connector: ReportsSpend, box: Sandbox, name: str) -> None:
        wanted = connector.spend(self.objects, *self.days)
        self.fault(box, self.spend_operation, name)
        assert connector.spend(self.objects, *self.days) == wanted
        assert box.faults_left() == []


class OutcomeContract(PlatformContract):
    """What became of requests that a platform took first and worked on later."""

    outcome_operation: ClassVar[str]

    @pytest.fixture
    def reference(self, connector: Any) -> str:
        """Of a request under way."""
        audience = AudienceRef(ACCOUNT, self.platform, "vip", Purpose.RETARGETING, "adsteer: vip")
        first = batch(1, 300)
        opened = connector.find_or_create(audience, first)
        receipt = opened.receipt or connector.add(opened.list_id, first)
        assert receipt.reference
        return str(receipt.reference)

    def test_an_outcome_comes_later(self, connector: Any, box: Sandbox, reference: str) -> None:
        young = connector.outcome(reference)
        assert (young.reference, young.done, young.dropped, young.matched) == (
            reference,
            False,
            (),
            "",
        )
        box.settle()
        done = connector.outcome(reference)
        assert (done.done, done.dropped) == (True, ())
        assert done.matched

    @pytest.mark.parametrize("name", FAULTS)
    def test_looking_survives(
        self, connector: Any, box: Sandbox, reference: str, name: str
    ) -> None:
        box.settle()
        self.fault(box, self.outcome_operation, name)
        assert connector.outcome(reference).done
        assert box.faults_left() == []


class NamesContract(PlatformContract):
    """Objects by name, for rules that name patterns."""

    objects: ClassVar[tuple[BidObject, ...]]
    """Objects the sandbox has, at least one per level."""

    def test_every_object_is_listed_once_with_its_name(self, connector: NamesObjects) -> None:
        for level in {one.level for one in self.objects}:
            found = connector.objects(level)
            listed = [one.object for one in found]
            assert len(set(listed)) == len(listed)
            assert {one for one in self.objects if one.level is level} <= set(listed)
            assert {one.object.level for one in found} == {level}
            assert all(one.name for one in found)

    def test_listing_changes_nothing(self, connector: NamesObjects) -> None:
        level = self.objects[0].level
        assert connector.objects(level) == connector.objects(level)
