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
    ("PUT", "Audiences"): "UpdateAudiences",
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


HEADERS = {
    "Authorization": "Bearer sandbox-token",
    "DeveloperToken": "sandbox-developer-token",
    "CustomerId": "251000001",
    "CustomerAccountId": "123456789",
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
    assert connector.rename(list_id, "adsteer: very important")
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


DOCUMENTED: list[tuple[str, str, str, Any]] = [
    (
        *("POST", "Audiences/QueryByIds", "GetAudiencesByIds"),
        {"Type": "CustomerList", "AudienceIds": None},
    ),
    (
        *("PUT", "Audiences", "UpdateAudiences"),
        {"Audiences": [{"Type": "CustomerList", "Id": "{list}", "Name": "New"}]},
    ),
    (
        *("POST", "CustomerListUserData/Apply", "ApplyCustomerListUserData"),
        {
            "CustomerListUserData": {
                "AudienceId": "{list}",
                "ActionType": "Add",
                "CustomerListItemSubType": "Email",
                "CustomerListItems": [sha256(b"test@contoso.com").hexdigest()],
                "AcceptCustomerMatchTerm": True,
            }
        },
    ),
    (
        *("POST", "CampaignCriterions", "AddCampaignCriterions"),
        {
            "CriterionType": "Audience",
            "CampaignCriterions": [
                {
                    "Type": "BiddableCampaignCriterion",
                    "CampaignId": "5",
                    "Criterion": {
                        "Type": "AudienceCriterion",
                        "AudienceId": "{list}",
                        "AudienceType": "CustomerList",
                    },
                    "CriterionBid": {"Type": "BidMultiplier", "Multiplier": 25},
                }
            ],
        },
    ),
    (
        *("PUT", "CampaignCriterions", "UpdateCampaignCriterions"),
        {
            "CriterionType": "Audience",
            "CampaignCriterions": [
                {
                    "Type": "BiddableCampaignCriterion",
                    "Id": "{criterion}",
                    "CampaignId": "5",
                    "CriterionBid": {"Type": "BidMultiplier", "Multiplier": -40},
                }
            ],
        },
    ),
    (
        *("POST", "CampaignCriterions/QueryByIds", "GetCampaignCriterionsByIds"),
        {"CampaignId": "5", "CriterionType": "CustomerList", "CampaignCriterionIds": None},
    ),
    (
        *("DELETE", "CampaignCriterions", "DeleteCampaignCriterions"),
        {"CampaignId": "5", "CriterionType": "Audience", "CampaignCriterionIds": ["{criterion}"]},
    ),
    (
        *("PUT", "Campaigns", "UpdateCampaigns"),
        {"AccountId": "123456789", "Campaigns": [{"Id": "5", "Settings": "{settings}"}]},
    ),
    (
        *("PUT", "AdGroups", "UpdateAdGroups"),
        {"CampaignId": "5", "AdGroups": [{"Id": "51", "Settings": "{settings}"}]},
    ),
    (*("DELETE", "Audiences", "DeleteAudiences"), {"AudienceIds": ["{list}"]}),
]
"""Bodies as the documents print them, in an order in which they can be sent."""
SETTINGS = [
    {
        "Type": "TargetSetting",
        "Details": [{"CriterionTypeGroup": "Audience", "TargetAndBid": False}],
    }
]


def test_what_the_documents_print_is_official_and_taken_by_the_sandbox(box: Sandbox) -> None:
    official("models.campaign")
    wish = {"Type": "CustomerList", "Name": "VIP buyers", "Description": ""}
    place = {"MembershipDuration": 30, "ParentId": "123456789", "Scope": "Account"}
    made = asked(box, "POST", "Audiences", "AddAudiences", {"Audiences": [wish | place]})
    known: dict[str, Any] = {"{list}": made["AudienceIds"][0], "{settings}": SETTINGS}
    for verb, path, name, body in DOCUMENTED:
        answer = asked(box, verb, path, name, filled(body, known))
        if "CampaignCriterionIds" in answer:
            known["{criterion}"] = answer["CampaignCriterionIds"][0]


def asked(box: Sandbox, verb: str, path: str, name: str, body: Any) -> dict[str, Any]:
    """The answer, once request and answer are official and nothing is refused."""
    address = f"/CampaignManagement/v13/{path}"
    assert (verb, address) in resources()
    assert_official("campaign", f"{name}Request", body)
    answer = requests.request(
        verb, f"{box.url}/microsoft{address}", json=body, headers=HEADERS, timeout=60
    )
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert not told.get("PartialErrors")
    assert not told.get("NestedPartialErrors")
    assert_official("campaign", f"{name}Response", told)
    return told


def filled(body: Any, known: dict[str, Any]) -> Any:
    if isinstance(body, dict):
        return {key: filled(inner, known) for key, inner in body.items()}
    if isinstance(body, list):
        return [filled(inner, known) for inner in body]
    return known.get(body, body) if isinstance(body, str) else body


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
    for name, value in HEADERS.items():
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
