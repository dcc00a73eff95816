"""VK Ads keeps the contract, over HTTP against the sandbox."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from audiences.model import AudienceRef, Verb
from bids.model import BidObject, Level
from config.audiences import Purpose
from config.platforms import Account
from connectors.base import Connector, CorrectsBids
from connectors.errors import ListGone
from connectors.registry import connect
from connectors.vk import Vk
from connectors.vk_files import NOBODY
from tests.support.contract import (
    BidContract,
    ConnectorContract,
    NamesContract,
    SpendContract,
    sandbox_server,
)
from tests.support.members import batch, digests_of
from tests.support.sandbox import ACCOUNT, Moving, Sandbox
from tests.support.surroundings import surroundings

__all__ = ["md5_digests", "sandbox_server"]

PRICED = BidObject(ACCOUNT, "vk", Level.AD_GROUP, "500101")
BUDGETED = BidObject(ACCOUNT, "vk", Level.AD_GROUP, "500102")
PLAN = BidObject(ACCOUNT, "vk", Level.CAMPAIGN, "400001")
FOREIGN = "500100"


@pytest.fixture(autouse=True)
def md5_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The invented people in VK's recipe, which is MD5."""
    monkeypatch.setattr("tests.support.members.sha256", hashlib.md5)


class TestVk(ConnectorContract):
    platform = "vk"
    connector_class = Vk
    create_operations = ("users_lists.create", "segments.create")
    add_operation = "users_lists.create"
    remove_operation = "users_lists.create"
    rename_operation = "segments.update"

    def test_added_people_are_there_once(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        """A difference of fewer than 25 lines is filled up with digests of nobody."""
        for count in (12, 30):
            for _ in range(2):
                receipt = connector.add(list_id, batch(self.enough - 1, count))
                assert (receipt.accepted, receipt.refused) == (count, ())
                box.settle()
        there = box.members("vk", list_id)
        assert there - set(NOBODY) == digests_of(batch(1, self.enough + 28))
        assert there & set(NOBODY) == set(NOBODY[:13])

    def test_people_can_go_as_soon_as_they_came(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        """With 2,000 people in the list from the start, those who come and go are others."""
        for _ in range(2):
            connector.add(list_id, batch(5000, 3))
            box.settle()
            connector.remove(list_id, batch(5000, 3, Verb.REMOVE))
            box.settle()
            assert box.members("vk", list_id) == digests_of(batch(1, self.enough))

    def test_an_audience_vk_deleted_for_want_of_use_is_made_anew(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        box.move_clock(61 * 86_400)
        with pytest.raises(ListGone, match="60 days"):
            connector.add(list_id, batch(5000, 30))
        assert connector.find(self.audience) is None
        again = connector.find_or_create(self.audience, batch(1, self.enough))
        assert again.list_id != list_id
        assert connector.find(self.audience) == again.list_id

    def test_lists_of_others_stay_as_they_are(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        """A list of ours is a segment and its users lists: all of them are ours."""

        def others() -> list[dict[str, Any]]:
            return [
                one
                for one in box.lists("vk")
                if not str(one["name"]).startswith(self.audience.title)
            ]

        before = others()
        assert len(before) == 3
        connector.add(list_id, batch(5000, 30))
        box.settle()
        connector.delete(list_id)
        assert others() == before
        assert len(box.lists("vk")) == 3


class WithState:
    """Prices need a place for their base."""

    @pytest.fixture
    def connector(self, box: Sandbox, tmp_path: Path) -> Any:
        around = surroundings(
            Moving(box=box), sandbox_url=box.url, timeout=(5, 0.5), state=tmp_path / "state"
        )
        return connect(Account(name=ACCOUNT, platform="vk", sandbox=True), around)


class TestVkPrices(WithState, BidContract):
    platform = "vk"
    connector_class = Vk
    objects = (PLAN, BUDGETED)
    add_operation = "ad_groups.update"
    set_operation = "ad_groups.update"
    remove_operation = "ad_groups.update"
    condition_operation = "segments.find"

    @pytest.fixture
    def list_id(self, connector: Vk, box: Sandbox) -> str:
        """A segment that two ad groups target, as a marketer sets them up."""
        audience = AudienceRef(ACCOUNT, "vk", "vip", Purpose.RETARGETING, "adsteer: vip")
        found = connector.find_or_create(audience, batch(1, 2000)).list_id
        for one in (PRICED, BUDGETED):
            requests.post(
                f"{box.url}/vk/api/v2/ad_groups/{one.object_id}.json",
                json={"targetings": {"segments": [int(found)]}},
                headers={"Authorization": "Bearer sandbox-token"},
                timeout=10,
            ).raise_for_status()
        return found

    @pytest.fixture(autouse=True)
    def others(self, connector: CorrectsBids, box: Sandbox) -> Iterator[None]:
        """VK has no corrections of others; the price of another's group stays as it is."""

        def foreign() -> list[dict[str, Any]]:
            return [one for one in box.bids("vk") if str(one["id"]) == FOREIGN]

        self.foreign = frozenset()
        before = foreign()
        assert before
        yield
        assert foreign() == before

    def test_a_condition_is_made_once(self, connector: CorrectsBids, list_id: str) -> None:
        """The segment is the condition: it is there before it is asked for."""
        assert connector.find_condition("404", "adsteer: vip") is None
        assert connector.find_condition(list_id, "adsteer: vip") == list_id
        assert connector.condition_for(list_id, "adsteer: vip") == list_id


class TestVkNames(NamesContract):
    platform = "vk"
    objects = (PLAN, PRICED, BUDGETED)


class TestVkSpend(SpendContract):
    platform = "vk"
    objects = (PRICED, BUDGETED, PLAN)
    spend_operation = "statistics.ad_groups.day.find"
