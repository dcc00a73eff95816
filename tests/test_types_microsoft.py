"""Microsoft Advertising against Microsoft's own types: our requests, the sandbox's answers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from audiences.model import AudienceRef, Verb
from bids.model import BidObject, CorrectionChange, Level
from config.audiences import Purpose
from connectors.http import TimedSession
from tests.support.members import batch
from tests.support.microsoft_types import assert_official, official, resources
from tests.support.sandbox import ACCOUNT, Sandbox, sandbox

# Microsoft's models are written for an older pydantic.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

OBJECTS = (
    BidObject(ACCOUNT, "microsoft", Level.CAMPAIGN, "5"),
    BidObject(ACCOUNT, "microsoft", Level.AD_GROUP, "61"),
)
CLASSES = {
    ("POST", "Audiences"): "AddAudiences",
    ("POST", "Audiences/QueryByIds"): "GetAudiencesByIds",
    ("DELETE", "Audiences"): "DeleteAudiences",
    ("POST", "CustomerListUserData/Apply"): "ApplyCustomerListUserData",
    ("POST", "Campaigns/QueryByAccountId"): "GetCampaignsByAccountId",
    ("POST", "Campaigns/QueryByIds"): "GetCampaignsByIds",
    ("POST", "AdGroups/QueryByCampaignId"): "GetAdGroupsByCampaignId",
    ("POST", "AdGroups/QueryByIds"): "GetAdGroupsByIds",
    ("POST", "CampaignCriterions"): "AddCampaignCriterions",
    ("PUT", "CampaignCriterions"): "UpdateCampaignCriterions",
    ("DELETE", "CampaignCriterions"): "DeleteCampaignCriterions",
    ("POST", "CampaignCriterions/QueryByIds"): "GetCampaignCriterionsByIds",
    ("POST", "AdGroupCriterions"): "AddAdGroupCriterions",
    ("PUT", "AdGroupCriterions"): "UpdateAdGroupCriterions",
    ("DELETE", "AdGroupCriterions"): "DeleteAdGroupCriterions",
    ("POST", "AdGroupCriterions/QueryByIds"): "GetAdGroupCriterionsByIds",
    ("POST", "GenerateReport/Submit"): "SubmitGenerateReport",
    ("POST", "GenerateReport/Poll"): "PollGenerateReport",
}


@dataclass(frozen=True)
class Exchange:
    """A request and its answer."""

    verb: str
    path: str
    asked: Any
    answered: Any

    @property
    def operation(self) -> tuple[str, str]:
        """The verb, and the path below the version."""
        return self.verb, self.path.split("/", 3)[3]

    @property
    def service(self) -> str:
        """Where the SDK keeps the classes."""
        return {"CampaignManagement": "campaign", "Reporting": "reporting"}[self.path.split("/")[1]]


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def exchanges(box: Sandbox) -> list[Exchange]:
    """Everything that a whole life of a list and its corrections sends."""
    official("models.campaign")
    seen: list[Exchange] = []
    send = TimedSession.send

    def recorded(
        self: TimedSession, request: requests.PreparedRequest, **more: Any
    ) -> requests.Response:
        answer = send(self, request, **more)
        path = urlsplit(str(request.url)).path.removeprefix("/microsoft")
        if not path.startswith("/download/"):
            asked = json.loads(request.body or b"null")
            seen.append(Exchange(str(request.method), path, asked, answer.json()))
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TimedSession, "send", recorded)
        live(box)
    return seen


def live(box: Sandbox) -> None:
    connector = box.connector("microsoft")
    title = "adsteer: vip"
    audience = AudienceRef(ACCOUNT, "microsoft", "vip", Purpose.RETARGETING, title, 90)
    connector.check()
    list_id = connector.find_or_create(audience, batch(1, 3)).list_id
    connector.add(list_id, batch(1, 3))
    connector.remove(list_id, batch(1, 1, Verb.REMOVE))
    box.move_clock(200_000)
    assert connector.state(list_id).ready is False
    condition = connector.condition_for(list_id, title)
    connector.strategies(OBJECTS)
    changes = [CorrectionChange(one, "vip", condition, None, -30) for one in OBJECTS]
    for percent in (45, None):
        done = connector.write_corrections(changes)
        assert not [one.refused for one in done if one.refused]
        changes = [
            CorrectionChange(one.change.object, "vip", condition, one.correction_id, percent)
            for one in done
        ]
    connector.write_corrections(changes)
    connector.read_corrections(OBJECTS)
    last = datetime.now(UTC).date() - timedelta(days=1)
    assert connector.spend(OBJECTS, last, last)
    connector.delete(list_id)


def test_every_operation_is_among_them(exchanges: list[Exchange]) -> None:
    assert {one.operation for one in exchanges} == set(CLASSES)


def test_verbs_and_paths_are_official(exchanges: list[Exchange]) -> None:
    assert {(one.verb, one.path) for one in exchanges} <= resources()


def test_our_requests_are_official(exchanges: list[Exchange]) -> None:
    for one in exchanges:
        for body in one_by_one(one.asked):
            assert_official(one.service, f"{CLASSES[one.operation]}Request", body)


def one_by_one(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The same with each campaign type alone: the classes stumble over several in one text."""
    if "CampaignType" not in body:
        return [body]
    return [body | {"CampaignType": kind} for kind in body["CampaignType"].split(", ")]


def test_the_sandboxs_answers_are_official(exchanges: list[Exchange]) -> None:
    for one in exchanges:
        assert_official(one.service, f"{CLASSES[one.operation]}Response", one.answered)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("ApplyCustomerListUserDataRequest", {"CustomerListUserData": {"AudienceId": 1}}),
        ("ApplyCustomerListUserDataRequest", {"CustomerListUserData": {"AudienceID": "1"}}),
        ("ApplyCustomerListUserDataRequest", {"CustomerListUserData": {"ActionType": "Delete"}}),
    ],
)
def test_the_comparison_finds_what_is_wrong(name: str, body: dict[str, Any]) -> None:
    official("models.campaign")
    with pytest.raises((AssertionError, ValueError, KeyError)):
        assert_official("campaign", name, body)


def test_microsofts_own_client_works_with_the_sandbox(box: Sandbox) -> None:
    """It makes a list, uploads to it, finds it and deletes it."""
    models = official("models.campaign")
    api = official("api.campaign_management_service_api", "CampaignManagementServiceApi")
    configuration = official("configuration", "Configuration")(host=f"{box.url}/microsoft")
    client = official("api_client", "ApiClient")(configuration=configuration)
    for name, value in {
        "Authorization": "Bearer sandbox-token",
        "DeveloperToken": "sandbox-developer-token",
        "CustomerId": "251000001",
        "CustomerAccountId": "123456789",
    }.items():
        client.set_default_header(name, value)
    service = api(client)

    def ask(operation: str, name: str, body: dict[str, Any]) -> Any:
        return getattr(service, operation)(getattr(models, f"{name}Request").from_dict(body))

    wish = {"Type": "CustomerList", "Name": "by the official client", "MembershipDuration": 30}
    place = {"Scope": "Account", "ParentId": "123456789"}
    made = ask("add_audiences", "AddAudiences", {"Audiences": [wish | place]})
    (list_id,) = made.audience_ids
    item = sha256(b"test@contoso.com").hexdigest()
    change = {
        "AudienceId": list_id,
        "ActionType": "Add",
        "CustomerListItemSubType": "Email",
        "CustomerListItems": [item],
        "AcceptCustomerMatchTerm": True,
    }
    body = {"CustomerListUserData": change}
    told = ask("apply_customer_list_user_data", "ApplyCustomerListUserData", body)
    assert told.partial_errors == []
    assert box.members("microsoft", list_id) == {item}
    body = {"Type": "CustomerList", "AudienceIds": [list_id]}
    (found,) = ask("get_audiences_by_ids", "GetAudiencesByIds", body).audiences
    assert found.name == "by the official client"
    ask("delete_audiences", "DeleteAudiences", {"AudienceIds": [list_id]})
