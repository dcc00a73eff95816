"""Google keeps the contract, over HTTP against the sandbox."""

from typing import Any

import pytest

from audiences.model import AudienceRef, Verb
from bids.model import BidObject, CorrectionChange, Level
from config.audiences import Lookalike, Purpose
from connectors.base import Connector, CorrectsBids
from connectors.errors import ListGone, OperatorError
from connectors.google import Google
from tests.support.contract import (
    FAULTS,
    BidContract,
    ConnectorContract,
    ExclusionContract,
    LookalikeContract,
    NamesContract,
    OutcomeContract,
    SpendContract,
    sandbox_server,
)
from tests.support.members import batch, digests_of
from tests.support.sandbox import ACCOUNT, Sandbox

__all__ = ["sandbox_server"]

OBJECTS = (
    BidObject(ACCOUNT, "google", Level.CAMPAIGN, "2001"),
    BidObject(ACCOUNT, "google", Level.AD_GROUP, "3001"),
)


class TestGoogle(ConnectorContract):
    platform = "google"
    connector_class = Google
    create_operations = ("userLists.create",)
    add_operation = "audienceMembers:ingest"
    remove_operation = "audienceMembers:remove"
    rename_operation = "userLists.update"
    titles_are_unique = True

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

    def test_a_refused_request_is_sent_again_without_the_refused(
        self, connector: Any, box: Sandbox, list_id: str
    ) -> None:
        box.fault("partial", "google", self.add_operation)
        receipt = connector.add(list_id, batch(500, 4))
        assert receipt.accepted == 2
        assert [one.person_id for one in receipt.refused] == ["p501", "p503"]
        box.settle()
        taken = digests_of(batch(500, 1)) | digests_of(batch(502, 1))
        assert box.members("google", list_id) == digests_of(batch(1, self.enough)) | taken


class TestGoogleOutcomes(OutcomeContract):
    platform = "google"
    outcome_operation = "requestStatus:retrieve"

    def test_a_request_that_came_to_nothing(self, connector: Any, box: Sandbox) -> None:
        audience = AudienceRef(ACCOUNT, "google", "vip", Purpose.RETARGETING, "adsteer: vip")
        list_id = connector.find_or_create(audience, batch(1, 100)).list_id
        box.fault("processing_failed", "google", "audienceMembers:ingest")
        reference = connector.add(list_id, batch(1, 100)).reference
        box.settle()
        outcome = connector.outcome(reference)
        assert (outcome.done, sum(people for _, people in outcome.dropped)) == (True, 100)
        assert box.members("google", list_id) == set()


class BothApis(Sandbox):
    """Where the connector uses the Google Ads API, faults strike that one."""

    def fault(self, kind: str, platform: str, operation: str | None, **more: Any) -> None:
        name = platform if operation is None else "google_ads"
        super().fault(kind, name, operation, **more)


class ThroughAds:
    @pytest.fixture
    def box(self, sandbox_server: Sandbox) -> Sandbox:
        sandbox_server.reset()
        return BothApis(sandbox_server.url)


class TestGoogleLookalikes(ThroughAds, LookalikeContract):
    platform = "google"
    connector_class = Google
    grow_operation = "userLists.create"
    refresh_operation = "googleAds:search.user_list"
    wish = Lookalike(countries=("UA",))


class TestGoogleExclusions(ThroughAds, ExclusionContract):
    platform = "google"
    ad_group = OBJECTS[-1].object_id
    exclude_operation = "adGroupCriteria.create"


class TestGoogleSpend(ThroughAds, SpendContract):
    platform = "google"
    objects = OBJECTS
    spend_operation = "googleAds:search.campaign_audience_view"


class TestGoogleNames(NamesContract):
    platform = "google"
    objects = OBJECTS

    def test_labels_come_by_name_and_display_campaigns_not_at_all(self, connector: Any) -> None:
        found = {one.object.object_id: one.labels for one in connector.objects(Level.CAMPAIGN)}
        assert found == {"2001": ("steered",), "2002": (), "2003": ()}


class TestGoogleBids(ThroughAds, BidContract):
    platform = "google"
    connector_class = Google
    objects = OBJECTS
    add_operation = "campaignCriteria.create"
    set_operation = "campaignCriteria.update"
    remove_operation = "campaignCriteria.remove"
    condition_operation = "googleAds:search.user_list"

    @pytest.fixture
    def list_id(self, connector: Any) -> str:
        audience = AudienceRef(ACCOUNT, "google", "vip", Purpose.RETARGETING, "adsteer: vip")
        return str(connector.find_or_create(audience, batch(1, 300)).list_id)

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

    def test_where_somebody_targets_audiences_nothing_changes(
        self, connector: CorrectsBids, box: Sandbox, condition: str
    ) -> None:
        targeted = BidObject(ACCOUNT, "google", Level.CAMPAIGN, "2003")
        before = box.bids("google_ads")
        change = CorrectionChange(targeted, "vip", condition, None, 30)
        (receipt,) = connector.write_corrections([change])
        assert "Observation" in receipt.refused
        assert box.bids("google_ads") == before

    def test_one_level_of_a_campaign_at_a_time(
        self, connector: CorrectsBids, condition: str
    ) -> None:
        campaign = BidObject(ACCOUNT, "google", Level.CAMPAIGN, "2002")
        changes = [
            CorrectionChange(one, "vip", condition, None, 30) for one in (campaign, OBJECTS[1])
        ]
        first, second = connector.write_corrections(changes)
        assert first.refused == ""
        assert "CANNOT_ATTACH_CRITERIA_AT_CAMPAIGN_AND_ADGROUP" in second.refused


def test_an_account_that_google_closes_the_lists_of(sandbox_server: Sandbox) -> None:
    """Nobody can work with a test account, and the check says so before a list is lost."""
    connector = sandbox_server.connector("google", login="333-333-3333")
    with pytest.raises(OperatorError, match="test account") as caught:
        connector.check()
    assert caught.value.act
