"""TikTok keeps the contract, over HTTP against the sandbox."""

from typing import Any

import pytest
import requests

from audiences.model import AudienceRef, Verb
from bids.model import BidObject, Level
from config.audiences import Purpose
from connectors.base import Connector, CorrectsBids
from connectors.errors import ListTooSmall, QuotaGone
from connectors.tiktok import SANDBOX_ADVERTISER, TikTok
from tests.support.contract import (
    FAULTS,
    VERBS,
    BidContract,
    ConnectorContract,
    ExclusionContract,
    LookalikeContract,
    NamesContract,
    PlatformContract,
    ReplaceContract,
    SpendContract,
    sandbox_server,
)
from tests.support.members import batch, digests_of
from tests.support.sandbox import ACCOUNT, Sandbox

__all__ = ["sandbox_server"]

UPDATE = "dmp.custom_audience.update"


SEGMENT, SHARED = "179000002", "179000008"
OBJECTS = (
    BidObject(ACCOUNT, "tiktok", Level.CAMPAIGN, "178000001"),
    BidObject(ACCOUNT, "tiktok", Level.AD_GROUP, SHARED),
)


def show_to(box: Sandbox, ad_group: str, list_id: str) -> None:
    """What a marketer does once by hand: the ad group of a segment is shown to its list only."""
    answer = requests.post(
        f"{box.url}/tiktok/open_api/v1.3/adgroup/update/",
        json={
            "advertiser_id": SANDBOX_ADVERTISER,
            "adgroup_id": ad_group,
            "audience_ids": [list_id],
        },
        headers={"Access-Token": "sandbox-token"},
        timeout=10,
    ).json()
    assert answer["code"] == 0, answer


class _TikTok(PlatformContract):
    platform = "tiktok"
    connector_class = TikTok

    def test_a_quota_of_the_day(self, connector: Any, box: Sandbox) -> None:
        """TikTok tells no quota of the day: whatever is too frequent is waited for."""
        box.fault("quota_gone", self.platform, None)
        connector.check()
        assert box.faults_left() == []


class TestTikTokReplacing(_TikTok, ReplaceContract):
    connector_class = TikTok
    replace_operation = UPDATE
    people = 1500
    """So many that 1,000 are matched."""

    def test_twice_is_as_once(self, connector: Connector, box: Sandbox, list_id: str) -> None:
        """A second replacement within 24 hours is refused and changes nothing."""
        connector.replace(list_id, self.wanted)
        box.settle()
        with pytest.raises(QuotaGone):
            connector.replace(list_id, batch(1, self.people, Verb.REPLACE))
        assert box.members(self.platform, list_id) == self.digests_of(self.wanted)

    def test_a_list_under_processing_is_busy(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        """TikTok takes changes while a list is calculated."""
        connector.replace(list_id, self.wanted)
        assert connector.add(list_id, batch(5000, 3)).accepted == 3


class TestTikTok(_TikTok, ConnectorContract):
    create_operations = ("dmp.custom_audience.file.upload", "dmp.custom_audience.create")
    add_operation = UPDATE
    remove_operation = UPDATE
    rename_operation = UPDATE
    newcomers = 2000

    @property
    def enough(self) -> int:
        """So many that 1,000 are matched: changes that leave fewer are refused."""
        return 1200

    @pytest.mark.parametrize("name", FAULTS)
    @pytest.mark.parametrize("verb", VERBS)
    def test_a_change_happens_once_whatever_happens(
        self, connector: Connector, box: Sandbox, list_id: str, verb: Verb, name: str
    ) -> None:
        """A few people only: TikTok refuses a removal that leaves fewer than 1,000 users."""
        self.fault(box, UPDATE, name)
        change = batch(3, self.enough, verb) if verb is Verb.ADD else batch(3, 20, verb)
        receipt = self._act(connector, verb)(list_id, change)
        assert box.faults_left() == []
        assert receipt.accepted == len(change)
        box.settle()
        everybody = digests_of(batch(1, self.enough))
        left = (
            everybody | digests_of(change) if verb is Verb.ADD else everybody - digests_of(change)
        )
        assert box.members(self.platform, list_id) == left

    @pytest.mark.parametrize("name", ["error_503_after", "cut_after", "no_answer_in_time"])
    def test_an_upload_is_repeated(
        self, connector: Connector, box: Sandbox, list_id: str, name: str
    ) -> None:
        self.fault(box, "dmp.custom_audience.file.upload", name)
        assert connector.add(list_id, batch(3000, 5)).accepted == 5
        assert box.faults_left() == []

    @pytest.mark.parametrize("verb", VERBS)
    def test_a_partial_success_is_none(
        self, connector: Connector, box: Sandbox, list_id: str, verb: Verb
    ) -> None:
        box.fault("partial", self.platform, UPDATE)
        assert self._act(connector, verb)(list_id, batch(3, 20, verb)).accepted == 20
        assert box.faults_left() == []

    def test_a_removal_that_leaves_too_few(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        with pytest.raises(ListTooSmall) as caught:
            connector.remove(list_id, batch(1, 600, Verb.REMOVE))
        assert caught.value.who == "editor"
        box.settle()
        assert box.members(self.platform, list_id) == digests_of(batch(1, self.enough))

    def test_a_list_is_replaced_once_in_a_day(
        self, connector: TikTok, box: Sandbox, list_id: str
    ) -> None:
        wanted = batch(2000, 1200)
        assert connector.replace(list_id, wanted).accepted == 1200
        assert box.members(self.platform, list_id) == digests_of(wanted)
        for one in (connector, box.connector(self.platform)):  # another process asks TikTok
            with pytest.raises(QuotaGone):
                one.replace(list_id, batch(1, 1200))
        assert box.members(self.platform, list_id) == digests_of(wanted)

    def test_a_settled_list_tells_its_size_and_match(
        self, connector: Connector, list_id: str
    ) -> None:
        """TikTok tells the matched users only, never how many were sent."""
        state = connector.state(list_id)
        assert (state.settled, state.ready, state.size) == (True, True, None)
        assert state.matched is not None
        assert 1000 <= state.matched < self.enough

    def test_a_list_under_processing_takes_no_change(
        self, connector: Connector, box: Sandbox
    ) -> None:
        """TikTok takes changes while a list is calculated; it only shows no users yet."""
        opened = connector.find_or_create(self.audience, batch(1, self.enough))
        state = connector.state(opened.list_id)
        assert (state.settled, state.ready, state.matched) == (False, False, 0)
        assert connector.add(opened.list_id, batch(5000, 3)).accepted == 3
        box.settle()
        assert connector.state(opened.list_id).ready


class TestTikTokLookalikes(_TikTok, LookalikeContract):
    grow_operation = "dmp.custom_audience.lookalike.create"
    refresh_operation = "dmp.custom_audience.lookalike.update"
    seed_people = 1500


class TestTikTokExclusions(_TikTok, ExclusionContract):
    ad_group = SEGMENT
    exclude_operation = "dmp.custom_audience.apply"


class TestTikTokBids(_TikTok, BidContract):
    objects = OBJECTS
    add_operation = "adgroup.update"
    set_operation = "adgroup.update"
    remove_operation = "adgroup.update"
    condition_operation = "dmp.custom_audience.get"

    @pytest.fixture
    def list_id(self, box: Sandbox, connector: TikTok) -> str:
        audience = AudienceRef(ACCOUNT, "tiktok", "vip", Purpose.RETARGETING, "adsteer: vip")
        opened = connector.find_or_create(audience, batch(1, 1200))
        for ad_group in (SEGMENT, SHARED):
            show_to(box, ad_group, opened.list_id)
        return opened.list_id

    def test_a_condition_is_made_once(self, connector: CorrectsBids, list_id: str) -> None:
        """An ad group names the list itself: nothing is made."""
        assert connector.find_condition(list_id, "adsteer: vip") == list_id
        assert connector.condition_for(list_id, "adsteer: vip") == list_id
        assert connector.find_condition("404", "adsteer: vip") is None


class TestTikTokSpend(_TikTok, SpendContract):
    objects = OBJECTS
    spend_operation = "report.integrated.get"

    def test_a_campaign_is_the_sum_of_its_ad_groups(self, connector: TikTok) -> None:
        campaign, numbers = self.objects[0], ("179000001", "179000002", "179000003")
        groups = [BidObject(ACCOUNT, "tiktok", Level.AD_GROUP, number) for number in numbers]
        rows = connector.spend([campaign], *self.days)
        assert {one.condition_id for one in rows} == {None, "180000001"}
        alone = connector.spend(groups, *self.days)
        assert len(alone) == 3 * 7
        assert len(rows) == 2 * 7
        assert sum(one.cost for one in rows) == sum(one.cost for one in alone)


class TestTikTokNames(_TikTok, NamesContract):
    objects = OBJECTS
