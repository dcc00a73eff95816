"""Yandex Direct keeps the contract, over HTTP against the sandbox."""

import pytest

from audiences.model import AudienceRef
from bids.model import BidObject, Level
from config.audiences import Purpose
from connectors.errors import OperatorError
from connectors.yandex_direct import YandexDirect
from tests.support.contract import BidContract, NamesContract, SpendContract, sandbox_server
from tests.support.members import batch
from tests.support.sandbox import ACCOUNT, Sandbox

__all__ = ["sandbox_server"]


OBJECTS = (
    BidObject(ACCOUNT, "yandex_direct", Level.CAMPAIGN, "710427315"),
    BidObject(ACCOUNT, "yandex_direct", Level.AD_GROUP, "500001"),
)


class TestYandexDirect(BidContract):
    platform = "yandex_direct"
    connector_class = YandexDirect
    objects = OBJECTS
    add_operation = "bidmodifiers.add"
    set_operation = "bidmodifiers.set"
    remove_operation = "bidmodifiers.delete"
    condition_operation = "retargetinglists.add"

    @pytest.fixture
    def list_id(self, box: Sandbox) -> str:
        """Direct has no lists of people: it uses those of Audience."""
        audience = AudienceRef(
            ACCOUNT, "yandex_audience", "vip", Purpose.RETARGETING, "adsteer: vip"
        )
        opened = box.connector("yandex_audience").find_or_create(audience, batch(1, 300))
        box.settle()
        return str(opened.list_id)

    def test_what_was_made_a_moment_ago_may_not_be_found_yet(
        self, box: Sandbox, connector: YandexDirect, list_id: str
    ) -> None:
        box.change(delayed_visibility=True, production_style=False)
        try:
            condition = connector.condition_for(list_id, "adsteer: vip")
            (receipt,) = connector.write_corrections([self.change(condition, -30)])
            assert receipt.refused == ""
            box.settle()
            assert self.present(connector) == {(OBJECTS[0], condition): -30}
        finally:
            box.change(delayed_visibility=False, production_style=True)

    def test_a_segment_that_is_not_ready_is_the_operators(
        self, box: Sandbox, connector: YandexDirect
    ) -> None:
        with pytest.raises(OperatorError):
            connector.condition_for("5999999", "adsteer: nobody")


class TestYandexDirectSpend(SpendContract):
    platform = "yandex_direct"
    objects = OBJECTS
    spend_operation = "reports"


class TestYandexDirectNames(NamesContract):
    platform = "yandex_direct"
    objects = OBJECTS
