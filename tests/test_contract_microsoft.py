"""Microsoft Advertising keeps the contract, over HTTP against the sandbox."""

from typing import Any

import pytest
from pydantic import SecretStr

from audiences.model import AudienceRef
from bids.model import BidObject, Level
from config.audiences import Purpose
from connectors.base import Connector, CorrectsBids, ReportsSpend
from connectors.errors import ListGone
from connectors.http import Door
from connectors.microsoft import Microsoft
from connectors.microsoft_wire import SCOPE, MicrosoftTokens
from connectors.oauth import Grant, TokenStore, judge_token_answer
from tests.support.contract import (
    BidContract,
    ConnectorContract,
    NamesContract,
    SpendContract,
    sandbox_server,
)
from tests.support.members import batch
from tests.support.sandbox import ACCOUNT, DAY, Sandbox
from tests.support.surroundings import surroundings

__all__ = ["sandbox_server"]

OBJECTS = (
    BidObject(ACCOUNT, "microsoft", Level.CAMPAIGN, "5"),
    BidObject(ACCOUNT, "microsoft", Level.AD_GROUP, "61"),
)


class TestMicrosoft(ConnectorContract):
    platform = "microsoft"
    connector_class = Microsoft
    create_operations = ("Audiences",)
    add_operation = "CustomerListUserData.Apply"
    remove_operation = "CustomerListUserData.Apply"
    rename_operation = "Audiences.PUT"
    titles_are_unique = True

    def test_a_list_that_is_too_small(self, connector: Connector, box: Sandbox) -> None:
        """Microsoft makes a list of any size and serves it from 300 people on."""
        opened = connector.find_or_create(self.audience, batch(1, 299))
        assert connector.add(opened.list_id, batch(1, 299)).accepted == 299
        box.move_clock(2 * DAY)
        assert not connector.state(opened.list_id).ready

    def test_a_settled_list_tells_its_size_and_match(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        """Microsoft tells nothing for two days, and then only whom it recognised."""
        connector.add(list_id, batch(1, 700))
        young = connector.state(list_id)
        assert (young.settled, young.ready, young.size, young.matched) == (True, False, None, None)
        box.move_clock(2 * DAY)
        old = connector.state(list_id)
        assert (old.settled, old.ready, old.size) == (True, True, None)
        assert old.matched is not None
        assert 300 <= old.matched < 700

    def test_refresh_tokens_that_are_good_for_one_use(self, box: Sandbox) -> None:
        """The sandbox's own OAuth server, the real one's rules."""
        around = surroundings()
        tokens = MicrosoftTokens(
            TokenStore(Grant(SecretStr(""), SecretStr("first-refresh"))),
            Door(f"{box.url}/microsoft_oauth/", surroundings=around, judge=judge_token_answer),
            "common/oauth2/v2.0/token",
            "sandbox-client",
            SecretStr("sandbox-secret"),
            scope=SCOPE,
        )
        box.token("consented", login="shop", refresh_token="first-refresh")
        seen = []
        for _ in range(3):
            seen.append(tokens.current())
            box.move_clock(3601)
            assert tokens.renew(seen[-1])
        assert len(set(seen)) == 3
        for one in seen:
            box.token(one, state="revoked")

    def test_a_list_under_processing_takes_no_change(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        """A list of Microsoft's takes changes at any time."""
        for first in (500, 600):
            assert connector.state(list_id).settled
            assert connector.add(list_id, batch(first, 3)).accepted == 3
        assert self.digests_of(batch(500, 3)) < box.members(self.platform, list_id)


class TestMicrosoftBids(BidContract):
    platform = "microsoft"
    connector_class = Microsoft
    objects = OBJECTS
    add_operation = "CampaignCriterions"
    set_operation = "CampaignCriterions.PUT"
    remove_operation = "CampaignCriterions.DELETE"
    condition_operation = "Audiences.QueryByIds"

    @pytest.fixture
    def list_id(self, box: Sandbox) -> str:
        audience = AudienceRef(ACCOUNT, "microsoft", "vip", Purpose.RETARGETING, "adsteer: vip")
        opened = box.connector("microsoft").find_or_create(audience, batch(1, 300))
        return str(opened.list_id)

    def test_a_condition_is_made_once(
        self, connector: CorrectsBids, box: Sandbox, list_id: str
    ) -> None:
        """Corrections name the list itself, so there is nothing to make."""
        assert connector.find_condition(list_id, "adsteer: vip") == list_id
        assert connector.condition_for(list_id, "adsteer: vip") == list_id
        box.forget(self.platform, list_id)
        assert connector.find_condition(list_id, "adsteer: vip") is None
        with pytest.raises(ListGone):
            connector.condition_for(list_id, "adsteer: vip")


class TestMicrosoftNames(NamesContract):
    platform = "microsoft"
    objects = OBJECTS


class TestMicrosoftSpend(SpendContract):
    platform = "microsoft"
    objects = OBJECTS
    spend_operation = "GenerateReport.Submit"

    @pytest.mark.parametrize("operation", ["GenerateReport.Poll", "download"])
    @pytest.mark.parametrize(
        "name", ["throttle", "error_503_before", "cut_after", "malformed_after"]
    )
    def test_every_step_of_a_report_survives(
        self, connector: ReportsSpend, box: Sandbox, operation: str, name: str
    ) -> None:
        wanted = connector.spend(self.objects, *self.days)
        self.fault(box, operation, name)
        assert connector.spend(self.objects, *self.days) == wanted
        assert box.faults_left() == []

    def test_figures_are_those_of_the_platform(self, connector: Any) -> None:
        rows = connector.spend(self.objects, *self.days)
        assert {one.condition_id for one in rows} == {"800000001", "800000002", None}
        assert all(one.conversions is not None and one.revenue is not None for one in rows)
        assert any(one.conversions for one in rows)
