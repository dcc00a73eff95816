"""Google keeps the contract, over HTTP against the sandbox."""

from typing import Any

import pytest

from audiences.model import Verb
from bids.model import BidObject, Level
from config.audiences import Lookalike
from connectors.base import Connector, CorrectsBids
from connectors.errors import ListGone
from connectors.google import Google
from tests.support.contract import FAULTS, BidContract, ConnectorContract, LookalikeContract
from tests.support.members import batch
from tests.support.sandbox import ACCOUNT, Sandbox

SEARCH = BidObject(ACCOUNT, "google", Level.CAMPAIGN, "2001")
GROUP = BidObject(ACCOUNT, "google", Level.AD_GROUP, "3001")
FOREIGN = "7000000001"


class TestGoogle(ConnectorContract):
    platform = "google"
    connector_class = Google
    create_operations = ("userLists.create",)
    add_operation = "audienceMembers:ingest"
    remove_operation = "audienceMembers:remove"

    def test_a_settled_list_tells_its_size_and_match(
        self, connector: Connector, list_id: str
    ) -> None:
        """Google tells whom it knows per network, and never how many were sent."""
        state = connector.state(list_id)
        assert state.settled
        assert state.size is None
        assert state.matched is not None
        assert 0 < state.matched <= self.enough

    def test_a_list_under_processing_takes_no_change(
        self, connector: Any, box: Sandbox, list_id: str
    ) -> None:
        """Google takes changes at any time; what is under way is the request."""
        receipt = connector.add(list_id, batch(500, 3))
        assert connector.state(list_id).settled
        assert not connector.outcome(receipt.reference).done
        assert connector.remove(list_id, batch(1, 3, Verb.REMOVE)).accepted == 3
        box.settle()
        assert connector.outcome(receipt.reference).done


class TestGoogleLookalikes(LookalikeContract):
    platform = "google"
    connector_class = Google
    grow_operation = "userLists.create"
    wish = Lookalike(countries=("UA",))

    def fault(self, box: Sandbox, operation: str | None, name: str) -> None:
        """Look-alikes are made by the Google Ads API."""
        if operation != self.grow_operation:
            super().fault(box, operation, name)
        else:
            box.fault(platform="google_ads", operation=operation, **FAULTS[name])


class TestGoogleBids(BidContract):
    """The half that bids has a platform of its own in the sandbox."""

    platform = "google_ads"
    connector_class = Google
    objects = (SEARCH, GROUP)
    add_operation = "campaignCriteria.create"
    set_operation = "campaignCriteria.update"
    remove_operation = "campaignCriteria.remove"
    condition_operation = "googleAds:search.user_list"

    @pytest.fixture
    def connector(self, box: Sandbox) -> Any:
        return box.connector("google")

    @pytest.fixture
    def list_id(self, box: Sandbox) -> str:
        return FOREIGN

    def test_a_condition_is_made_once(self, connector: CorrectsBids, list_id: str) -> None:
        """A list is its own condition: there is nothing to make."""
        assert connector.find_condition(list_id, "adsteer: vip") == list_id
        assert connector.condition_for(list_id, "adsteer: vip") == list_id
        assert connector.find_condition("404", "adsteer: vip") is None
        with pytest.raises(ListGone):
            connector.condition_for("404", "adsteer: vip")

    @pytest.mark.parametrize("name", FAULTS)
    def test_a_condition_is_made_once_whatever_happens(
        self, connector: CorrectsBids, box: Sandbox, list_id: str, name: str
    ) -> None:
        """A list is its own condition: it is only looked up."""
        self.fault(box, self.condition_operation, name)
        assert connector.condition_for(list_id, "adsteer: vip") == list_id
        assert box.faults_left() == []
