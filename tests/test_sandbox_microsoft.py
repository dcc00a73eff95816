"""The played Microsoft Advertising against its documented contract, rule by rule, over HTTP."""

import csv
import io
import zipfile
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
import requests

from connectors.sandbox import microsoft as played
from connectors.sandbox import microsoft_lists as played_lists
from connectors.sandbox import microsoft_oauth
from connectors.sandbox.server import Running

DAY = 86_400.0
TIMEOUT = 20
HEADERS = {
    "Authorization": "Bearer sandbox-token",
    "DeveloperToken": "sandbox-developer-token",
    "CustomerId": "251000001",
    "CustomerAccountId": "123456789",
}
FOREIGN, VISITORS = "800000001", "800000002"
ITEM = sha256(b"test@contoso.com").hexdigest()


class Api:
    """The services, without our connectors; answers are raw responses."""

    def __init__(self, sandbox: Running) -> None:
        self.base = f"{sandbox.url}/microsoft"
        self.headers = dict(HEADERS)

    def ask(self, path: str, body: Any, method: str = "POST", **headers: str) -> requests.Response:
        service = "Reporting" if path.startswith("GenerateReport") else "CampaignManagement"
        return requests.request(
            method,
            f"{self.base}/{service}/v13/{path}",
            json=body,
            headers=self.headers | headers,
            timeout=TIMEOUT,
        )

    def done(self, path: str, body: Any, method: str = "POST") -> dict[str, Any]:
        answer = self.ask(path, body, method)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def make(self, *names: str, **more: Any) -> dict[str, Any]:
        return self.done("Audiences", {"Audiences": [wish(name, **more) for name in names]})

    def made(self, name: str = "VIP buyers") -> str:
        return self.make(name)["AudienceIds"][0]

    def audiences(self, *ids: str, kind: str = "CustomerList") -> dict[str, Any]:
        return self.done("Audiences/QueryByIds", {"Type": kind, "AudienceIds": list(ids) or None})

    def apply(self, number: str, *items: str, action: str = "Add", **more: Any) -> dict[str, Any]:
        return self.done(
            "CustomerListUserData/Apply", change(number, *items, action=action, **more)
        )


@pytest.fixture
def api(sandbox: Running) -> Api:
    return Api(sandbox)


def wish(name: str = "VIP buyers", **more: Any) -> dict[str, Any]:
    given = {
        "Type": "CustomerList",
        "Name": name,
        "Description": "",
        "MembershipDuration": 30,
        "ParentId": "123456789",
        "Scope": "Account",
    } | more
    return {key: value for key, value in given.items() if value is not None}


def change(number: str, *items: str, action: str = "Add", **more: Any) -> dict[str, Any]:
    given = {
        "AudienceId": number,
        "ActionType": action,
        "CustomerListItemSubType": "Email",
        "CustomerListItems": list(items),
        "AcceptCustomerMatchTerm": True,
    } | more
    return {"CustomerListUserData": {k: v for k, v in given.items() if v is not None}}


def digest(number: int) -> str:
    return sha256(f"person {number}".encode()).hexdigest()


def fault(answer: requests.Response) -> tuple[int, str, int]:
    """Status, ErrorCode and Code of a whole-call fault; its tracking id is in the header too."""
    body = answer.json()
    assert body["TrackingId"] == answer.headers["TrackingId"]
    (error,) = body.get("Errors") or body["OperationErrors"]
    return answer.status_code, error["ErrorCode"], error["Code"]


def codes(answer: dict[str, Any], key: str = "PartialErrors") -> list[tuple[int, int]]:
    """Index and Code of every partial error."""
    return [(error["Index"], error["Code"]) for error in answer[key]]


def members(sandbox: Running, number: str) -> set[str]:
    state = requests.get(f"{sandbox.url}/_sandbox/state", timeout=TIMEOUT).json()
    (one,) = [one for one in state["platforms"]["microsoft"]["lists"] if str(one["id"]) == number]
    return set(one["members"])


# Rule 1: headers, tokens, accounts


@pytest.mark.parametrize("name", HEADERS)
def test_rule_1_every_header_is_needed(api: Api, name: str) -> None:
    del api.headers[name]
    answer = api.ask("Audiences/QueryByIds", {"Type": "CustomerList"})
    assert fault(answer) == (400, "RequestMissingHeaders", 116)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("Authorization", "Bearer expired-token", (401, "AuthenticationTokenExpired", 109)),
        ("Authorization", "Bearer revoked-token", (401, "InvalidCredentials", 105)),
        ("Authorization", "Bearer nobody", (401, "InvalidCredentials", 105)),
        ("Authorization", "OAuth sandbox-token", (401, "InvalidCredentials", 105)),
        ("DeveloperToken", "another", (401, "InvalidCredentials", 105)),
        ("CustomerId", "1", (403, "UserIsNotAuthorized", 106)),
        ("CustomerAccountId", "1", (403, "UserIsNotAuthorized", 106)),
    ],
)
def test_rule_1_who_may_ask(api: Api, name: str, value: str, said: object) -> None:
    body = {"Type": "CustomerList"}
    assert fault(api.ask("Audiences/QueryByIds", body, **{name: value})) == said


def test_rule_1_a_user_of_another_account(sandbox: Running, api: Api) -> None:
    sandbox.world.put_token("theirs", login="other")
    answer = api.ask(
        "Audiences/QueryByIds", {"Type": "CustomerList"}, Authorization="Bearer theirs"
    )
    assert fault(answer)[1] == "UserIsNotAuthorized"


def token(sandbox: Running, **form: str) -> requests.Response:
    given = {
        "grant_type": "refresh_token",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "refresh_token": "sandbox-refresh-token",
        "scope": "https://ads.microsoft.com/msads.manage offline_access",
    } | form
    url = f"{sandbox.url}/microsoft_oauth/common/oauth2/v2.0/token"
    return requests.post(url, data=given, timeout=TIMEOUT)


def test_rule_1_a_refresh_token_is_good_for_one_use(sandbox: Running, api: Api) -> None:
    first = token(sandbox)
    assert first.status_code == 200
    grant = first.json()
    assert grant["refresh_token"] != "sandbox-refresh-token"
    assert grant["expires_in"] == 3600
    again = token(sandbox)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert token(sandbox, refresh_token=grant["refresh_token"]).status_code == 200
    # The old access token lives on; the new one dies after an hour.
    assert api.audiences()["Audiences"]
    api.headers["Authorization"] = f"Bearer {grant['access_token']}"
    assert api.audiences()["Audiences"]
    sandbox.world.move_clock(3601)
    answer = api.ask("Audiences/QueryByIds", {"Type": "CustomerList"})
    assert fault(answer)[1] == "AuthenticationTokenExpired"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client")),
        ({"grant_type": "client_credentials"}, (400, "unsupported_grant_type")),
        ({"scope": "openid"}, (400, "invalid_scope")),
        ({"refresh_token": microsoft_oauth.USED}, (400, "invalid_grant")),
        ({"refresh_token": ""}, (400, "invalid_request")),
    ],
)
def test_rule_1_what_the_token_endpoint_refuses(
    sandbox: Running, form: dict[str, str], said: tuple[int, str]
) -> None:
    answer = token(sandbox, **form)
    assert (answer.status_code, answer.json()["error"]) == said


def test_the_smallest_call(api: Api) -> None:
    url = f"{api.base}/CustomerManagement/v13/User/Query"
    answer = requests.post(url, json={"UserId": None}, headers=HEADERS, timeout=TIMEOUT)
    assert answer.json()["User"]["CustomerId"] == "251000001"


def test_another_version_is_not_served(api: Api) -> None:
    url = f"{api.base}/CampaignManagement/v12/Audiences/QueryByIds"
    body = {"Type": "CustomerList"}
    assert requests.post(url, json=body, headers=HEADERS, timeout=TIMEOUT).status_code == 404


# Rule 2: the form of bodies


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("Audiences", {"audiences": [wish()]}),
        ("Audiences", {"Audiences": [wish(name="x") | {"name": "x"}]}),
        ("Audiences", {"Audiences": [wish(Type=None)]}),
        ("Audiences", {"Audiences": [wish(Type="RemarketingList")]}),
        ("Audiences", {"Audiences": [wish(ParentId=123456789)]}),
        ("Audiences", {"Audiences": [wish(MembershipDuration="30")]}),
        ("Audiences", {"Audiences": [wish(Scope="Everybody")]}),
        ("Audiences/QueryByIds", {"AudienceIds": None}),
        ("Audiences/QueryByIds", {"Type": "CustomerList", "AudienceIds": [804000001]}),
        ("CustomerListUserData/Apply", change("1", ITEM, action="Delete")),
        ("CustomerListUserData/Apply", change("1", ITEM, CustomerListItemSubType="Mail")),
        ("CustomerListUserData/Apply", change("1", ITEM, AcceptCustomerMatchTerm="true")),
        ("CustomerListUserData/Apply", {}),
        ("Audiences", None),
        ("Audiences", [wish()]),
    ],
)
def test_rule_2_a_body_of_another_form(api: Api, path: str, body: Any) -> None:
    assert fault(api.ask(path, body))[:2] == (400, "InvalidRequest")


# Rule 3: making lists


def test_rule_3_a_list_is_made_and_shown(api: Api) -> None:
    answer = api.make("VIP buyers")
    assert answer == {"AudienceIds": ["804000001"], "PartialErrors": []}
    (shown,) = api.audiences("804000001")["Audiences"]
    assert shown == wish() | {
        "Id": "804000001",
        "SearchSize": None,
        "AudienceNetworkSize": None,
        "SupportedCampaignTypes": ["Audience", "DynamicSearchAds", "Search", "Shopping"],
        "CustomerShare": None,
    }


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"Id": "5"}, 4847),
        ({"Name": None}, 4838),
        ({"Name": "n" * 129}, 4838),
        ({"Name": "made by hand"}, 4853),
        ({"Name": "Site Visitors"}, 4853),
        ({"Description": "d" * 1025}, 4841),
        ({"MembershipDuration": 0}, 4842),
        ({"MembershipDuration": 391}, 4842),
        ({"Scope": None}, 4849),
        ({"ParentId": None}, 4848),
        ({"Scope": "Customer"}, 4843),
        ({"ParentId": "251000001"}, 4843),
    ],
)
def test_rule_3_a_bad_list_stops_no_other(api: Api, bad: dict[str, Any], code: int) -> None:
    body = {"Audiences": [wish("first"), wish(**{"name": "bad"} | bad), wish("third")]}
    answer = api.done("Audiences", body)
    assert [one is None for one in answer["AudienceIds"]] == [False, True, False]
    assert codes(answer) == [(1, code)]


def test_rule_3_edges_that_are_good(api: Api) -> None:
    body = {
        "Audiences": [
            wish("n" * 128, MembershipDuration=-1),
            wish("a", MembershipDuration=1, Description="d" * 1024),
            wish("b", MembershipDuration=390, Scope="Customer", ParentId="251000001"),
        ]
    }
    assert codes(api.done("Audiences", body)) == []


def test_rule_3_how_many(api: Api) -> None:
    assert fault(api.ask("Audiences", {"Audiences": []}))[2] == 4844
    many = {"Audiences": [wish(f"list {n}") for n in range(101)]}
    assert fault(api.ask("Audiences", many))[2] == 4850
    assert codes(api.done("Audiences", {"Audiences": many["Audiences"][:100]})) == []
    ids = {"Type": "CustomerList", "AudienceIds": [str(n) for n in range(101)]}
    assert fault(api.ask("Audiences/QueryByIds", ids))[2] == 4852


def test_an_account_can_have_a_thousand_audiences(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(played_lists, "LISTS_OF_ACCOUNT", 3)  # two are there from the start
    answer = api.make("first", "second")
    assert codes(answer) == [(1, 4865)]
    assert answer["AudienceIds"][1] is None


def test_a_list_is_renamed_but_stays_in_its_scope(api: Api) -> None:
    number = api.made()

    def put(**more: Any) -> list[tuple[int, int]]:
        one = {"Type": "CustomerList", "Id": number, **more}
        return codes(api.done("Audiences", {"Audiences": [one]}, "PUT"))

    assert put(Name="New", MembershipDuration=-1) == []
    (shown,) = api.audiences(number)["Audiences"]
    assert (shown["Name"], shown["MembershipDuration"]) == ("New", -1)
    assert put(Scope="Customer") == [(0, 4855)]
    assert put(Name="made by hand") == [(0, 4853)]
    assert put(Id="1") == [(0, 4835)]


# Rule 4: finding lists, and sizes


def test_rule_4_all_lists_of_a_type(api: Api) -> None:
    number = api.made()
    assert [one["Id"] for one in api.audiences()["Audiences"]] == [FOREIGN, number]
    visitors = api.audiences(kind="RemarketingList")["Audiences"]
    assert [one["Id"] for one in visitors] == [VISITORS]


def test_rule_4_a_list_that_is_not_there(api: Api) -> None:
    answer = api.audiences("1", FOREIGN, VISITORS)
    assert [one and one["Id"] for one in answer["Audiences"]] == [None, FOREIGN, None]
    assert codes(answer) == [(0, 4835), (2, 4835)]


def test_rule_4_sizes_come_after_two_days(sandbox: Running, api: Api) -> None:
    number = api.made()
    api.apply(number, *(digest(n) for n in range(500)), digest(0))
    sandbox.world.move_clock(2 * DAY - 60)
    (young,) = api.audiences(number)["Audiences"]
    assert (young["SearchSize"], young["AudienceNetworkSize"]) == (None, None)
    sandbox.world.move_clock(120)
    (old,) = api.audiences(number)["Audiences"]
    assert 300 < int(old["SearchSize"]) < 400  # 500 people, of whom 0.7 are known
    sandbox.world.change(generous=True)
    (known,) = api.audiences(number)["Audiences"]
    assert known["SearchSize"] == "500"


# Rule 5: members


def test_rule_5_members_are_added_removed_and_replaced(sandbox: Running, api: Api) -> None:
    number = api.made()
    first, second, third = digest(1), digest(2), digest(3)
    assert api.apply(number, first, second, first) == {"PartialErrors": []}
    assert api.apply(number, second, third) == {"PartialErrors": []}
    assert members(sandbox, number) == {first, second, third}
    assert api.apply(number, first, digest(9), action="Remove") == {"PartialErrors": []}
    assert members(sandbox, number) == {second, third}
    api.apply(number, first, action="Replace")
    assert members(sandbox, number) == {first}
    api.apply(number, second, action="Replace")  # so replacing in parts leaves the last part only
    assert members(sandbox, number) == {second}


@pytest.mark.parametrize("bad", ["test@contoso.com", ITEM.upper(), ITEM[:-1], f"{ITEM} ", ""])
def test_rule_5_a_bad_item_stops_no_other(sandbox: Running, api: Api, bad: str) -> None:
    number = api.made()
    answer = api.apply(number, ITEM, digest(1), digest(2), bad)
    assert codes(answer) == [(3, 8004)]
    error = answer["PartialErrors"][0]
    assert (error["Type"], error["ErrorCode"]) == ("BatchError", "EmailMustBeHashed")
    assert members(sandbox, number) == {ITEM, digest(1), digest(2)}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"AcceptCustomerMatchTerm": False}, 8003),
        ({"AcceptCustomerMatchTerm": None}, 8003),
        ({"CustomerListItemSubType": "Phone"}, 8002),
        ({"CustomerListItemSubType": "CRM"}, 8002),
        ({"action": "None"}, 8001),
        ({"AudienceId": "1"}, 8000),
        ({"AudienceId": VISITORS}, 8000),
    ],
)
def test_rule_5_what_is_wrong_with_a_whole_call(
    sandbox: Running, api: Api, more: dict[str, Any], code: int
) -> None:
    number = api.made()
    assert codes(api.apply(number, ITEM, **more)) == [(0, code)]
    assert members(sandbox, number) == set()


def test_rule_5_terms_accepted_once_in_the_web_interface(sandbox: Running, api: Api) -> None:
    number = api.made()
    with sandbox.world.transaction():
        sandbox.world.store("microsoft").put("terms", 1, {"accepted": True})
    assert codes(api.apply(number, ITEM, AcceptCustomerMatchTerm=None)) == []
    assert codes(api.apply(number, ITEM, AcceptCustomerMatchTerm=False)) == [(0, 8003)]


def test_rule_5_a_thousand_items(sandbox: Running, api: Api) -> None:
    number = api.made()
    items = [digest(n) for n in range(1001)]
    assert api.ask("CustomerListUserData/Apply", change(number, *items)).status_code == 400
    assert members(sandbox, number) == set()
    assert codes(api.apply(number, *items[:1000])) == []
    assert len(members(sandbox, number)) == 1000


# Rule 6: deleting


def delete(api: Api, *ids: str) -> dict[str, Any]:
    return api.done("Audiences", {"AudienceIds": list(ids)}, "DELETE")


def test_rule_6_deleting_needs_a_body_and_a_free_list(api: Api) -> None:
    number = api.made()
    assert api.ask("Audiences", None, "DELETE").status_code == 400
    assert codes(delete(api, number, FOREIGN, "1")) == [(1, 4854), (2, 4835)]
    assert [one["Id"] for one in api.audiences()["Audiences"]] == [FOREIGN]


# Rule 7: criteria

PLACES = [("Campaign", "5"), ("AdGroup", "51")]
BOTH = pytest.mark.parametrize(("level", "where"), PLACES)


def criterion(level: str, where: str, audience: str, percent: Any = 25, **more: Any) -> Any:
    given = {
        "Type": f"Biddable{level}Criterion",
        f"{level}Id": where,
        "Criterion": {
            "Type": "AudienceCriterion",
            "AudienceId": audience,
            "AudienceType": "CustomerList",
        },
        "CriterionBid": {"Type": "BidMultiplier", "Multiplier": percent},
    } | more
    return {key: value for key, value in given.items() if value is not None}


def write(api: Api, level: str, *items: Any, method: str = "POST") -> dict[str, Any]:
    body = {"CriterionType": "Audience", f"{level}Criterions": list(items)}
    return api.done(f"{level}Criterions", body, method)


def read(api: Api, level: str, where: str, kind: str = "CustomerList") -> list[dict[str, Any]]:
    body = {f"{level}Id": where, "CriterionType": kind, f"{level}CriterionIds": None}
    return api.done(f"{level}Criterions/QueryByIds", body)[f"{level}Criterions"]


def free_campaign(api: Api) -> None:
    """Takes what somebody set by hand off campaign 5, so that its ad group takes criteria."""
    for number in ("9001", "9003"):
        body = {"CampaignId": "5", "CriterionType": "Audience", "CampaignCriterionIds": [number]}
        assert api.done("CampaignCriterions", body, "DELETE") == {"PartialErrors": []}


@BOTH
def test_rule_7_the_life_of_a_criterion(api: Api, level: str, where: str) -> None:
    if level == "AdGroup":
        free_campaign(api)
    audience = api.made()
    answer = write(api, level, criterion(level, where, audience))
    assert answer["NestedPartialErrors"] == []
    (number,) = answer[f"{level}CriterionIds"]
    shown = next(one for one in read(api, level, where) if one["Id"] == number)
    assert shown == criterion(level, where, audience, 25.0) | {"Id": number, "Status": "Active"}
    bid = {"Id": number, "Criterion": None}
    changed = criterion(level, where, audience, -90, **bid)
    assert write(api, level, changed, method="PUT") == {"NestedPartialErrors": []}
    shown = next(one for one in read(api, level, where) if one["Id"] == number)
    assert shown["CriterionBid"]["Multiplier"] == -90
    body = {f"{level}Id": where, "CriterionType": "Audience", f"{level}CriterionIds": [number]}
    assert api.done(f"{level}Criterions", body, "DELETE") == {"PartialErrors": []}
    gone = {"Campaign": 4526, "AdGroup": 4151}[level]
    assert codes(api.done(f"{level}Criterions", body, "DELETE")) == [(0, gone)]
    answer = write(api, level, changed, method="PUT")
    assert codes(answer, "NestedPartialErrors") == [(0, gone)]


@BOTH
@pytest.mark.parametrize(
    ("percent", "good"), [(-91, False), (-90, True), (900, True), (901, False)]
)
def test_rule_7_the_range(api: Api, level: str, where: str, percent: int, good: bool) -> None:
    if level == "AdGroup":
        free_campaign(api)
    answer = write(api, level, criterion(level, where, api.made(), percent))
    assert codes(answer, "NestedPartialErrors") == ([] if good else [(0, 5803)])
    assert (answer[f"{level}CriterionIds"][0] is not None) == good


def test_rule_7_a_bad_criterion_stops_no_other(api: Api) -> None:
    audience = api.made()
    wrong = {"Type": "AudienceCriterion", "AudienceId": audience, "AudienceType": "InMarket"}
    answer = write(
        api,
        "Campaign",
        criterion("Campaign", "404", audience),
        criterion("Campaign", "5", "1"),
        criterion("Campaign", "5", audience, Criterion=wrong),
        criterion("Campaign", "5", audience, CriterionBid=None),
        criterion("Campaign", "5", audience, Status="Paused"),
        criterion("Campaign", "5", FOREIGN),
        criterion("Campaign", "5", audience),
        criterion("Campaign", "5", audience),
    )
    errors = [(0, 1100), (1, 4835), (2, 4861), (3, 4519), (4, 4520), (5, 4521), (7, 4521)]
    assert codes(answer, "NestedPartialErrors") == errors
    assert [one is not None for one in answer["CampaignCriterionIds"]] == [False] * 6 + [
        True,
        False,
    ]
    assert {one["Type"] for one in answer["NestedPartialErrors"]} == {"BatchErrorCollection"}


def test_rule_7_positive_criteria_on_one_level_only(api: Api) -> None:
    audience = api.made()
    answer = write(api, "AdGroup", criterion("AdGroup", "51", audience))
    assert codes(answer, "NestedPartialErrors") == [(0, 4522)]
    answer = write(api, "Campaign", criterion("Campaign", "6", audience))
    assert codes(answer, "NestedPartialErrors") == [(0, 4522)]
    exclusion = {"Type": "NegativeAdGroupCriterion", "CriterionBid": None}
    answer = write(api, "AdGroup", criterion("AdGroup", "51", audience, **exclusion))
    assert codes(answer, "NestedPartialErrors") == []
    (shown,) = read(api, "AdGroup", "51")
    assert shown["Type"] == "NegativeAdGroupCriterion"
    assert "CriterionBid" not in shown


def test_rule_7_reading_names_one_kind(api: Api) -> None:
    for kind in ("Audience", "Targets"):
        body = {"CampaignId": "5", "CriterionType": kind, "CampaignCriterionIds": None}
        assert api.ask("CampaignCriterions/QueryByIds", body).status_code == 400
    assert [one["Id"] for one in read(api, "Campaign", "5")] == ["9001"]
    assert [one["Id"] for one in read(api, "Campaign", "5", "RemarketingList")] == ["9003"]
    body = {"CampaignId": "404", "CriterionType": "CustomerList"}
    assert fault(api.ask("CampaignCriterions/QueryByIds", body))[2] == 1100


@pytest.mark.parametrize(("level", "most"), [("Campaign", 100), ("AdGroup", 1000)])
def test_rule_7_how_many(api: Api, level: str, most: int) -> None:
    items = [criterion(level, "5", "1")] * (most + 1)
    body = {"CriterionType": "Audience", f"{level}Criterions": items}
    assert api.ask(f"{level}Criterions", body).status_code == 400
    assert api.ask(f"{level}Criterions", body | {f"{level}Criterions": []}).status_code == 400
    body[f"{level}Criterions"] = items[:most]
    assert len(api.done(f"{level}Criterions", body)[f"{level}CriterionIds"]) == most


# Rule 8: settings


def settings(*groups: tuple[str, bool]) -> list[dict[str, Any]]:
    details = [{"CriterionTypeGroup": name, "TargetAndBid": flag} for name, flag in groups]
    return [{"Type": "TargetSetting", "Details": details}]


def campaign(api: Api, number: str) -> dict[str, Any]:
    body = {"AccountId": "123456789", "CampaignIds": [number], "CampaignType": "Search"}
    return api.done("Campaigns/QueryByIds", body)["Campaigns"][0]


def test_rule_8_settings_are_replaced_as_a_whole(api: Api) -> None:
    assert campaign(api, "5")["Settings"] == []

    def put(*groups: tuple[str, bool]) -> None:
        one = {"Id": "5", "Settings": settings(*groups)}
        api.done("Campaigns", {"AccountId": "123456789", "Campaigns": [one]}, "PUT")

    put(("Audience", True), ("Age", True), ("Gender", False))
    assert campaign(api, "5")["Settings"] == settings(("Audience", True), ("Age", True))
    put(("Age", True))
    assert campaign(api, "5")["Settings"] == settings(("Age", True))
    put(("Audience", False))
    assert campaign(api, "5")["Settings"] == []


def test_rule_8_of_ad_groups_as_well(api: Api) -> None:
    one = {"Id": "51", "Settings": settings(("Audience", True))}
    api.done("AdGroups", {"CampaignId": "5", "AdGroups": [one]}, "PUT")
    answer = api.done("AdGroups/QueryByIds", {"CampaignId": "5", "AdGroupIds": ["51", "61"]})
    assert answer["AdGroups"][0]["Settings"] == settings(("Audience", True))
    assert (answer["AdGroups"][1], codes(answer)) == (None, [(1, 1201)])


def test_campaigns_and_groups_are_found(api: Api) -> None:
    found = api.done("Campaigns/QueryByAccountId", {"AccountId": "123456789"})["Campaigns"]
    assert [(one["Id"], one["BiddingScheme"]["Type"]) for one in found] == [
        ("5", "EnhancedCpc"),
        ("6", "TargetRoasBiddingScheme"),
        ("7", "EnhancedCpc"),
    ]
    assert campaign(api, "7")["Settings"] == settings(("Audience", True))
    (group,) = api.done("AdGroups/QueryByCampaignId", {"CampaignId": "6"})["AdGroups"]
    assert (group["Id"], group["BiddingScheme"]["Type"]) == ("61", "InheritFromParent")


# Rule 9: reports


def report(**more: Any) -> dict[str, Any]:
    last = datetime.now(UTC).date() - timedelta(days=1)
    first = last - timedelta(days=2)
    dates = [{"Year": d.year, "Month": d.month, "Day": d.day} for d in (first, last)]
    given = {
        "Type": "AudiencePerformanceReportRequest",
        "ReportName": "segments",
        "Format": "Csv",
        "FormatVersion": "2.0",
        "ExcludeReportHeader": True,
        "ExcludeReportFooter": True,
        "ExcludeColumnHeaders": False,
        "Aggregation": "Daily",
        "Columns": ["TimePeriod", "CampaignId", "AudienceId", "Spend", "Conversions"],
        "Scope": {"AccountIds": ["123456789"]},
        "Time": {"CustomDateRangeStart": dates[0], "CustomDateRangeEnd": dates[1]},
    } | more
    return {"ReportRequest": {key: value for key, value in given.items() if value is not None}}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"Columns": []}, 2014),
        ({"Columns": None}, 2014),
        ({"Columns": ["TimePeriod", "Spend"]}, 2015),
        ({"Columns": ["AudienceId", "Spend"]}, 2015),
        ({"Columns": ["TimePeriod", "AudienceId"]}, 2015),
        ({"Aggregation": "Summary"}, 2034),
        ({"Time": None}, 2008),
        ({"Time": {"PredefinedTime": "LastWeek"} | report()["ReportRequest"]["Time"]}, 2008),
        ({"Scope": {"AccountIds": ["1"]}}, 106),
        ({"Columns": ["TimePeriod", "AudienceId", "Costs"]}, 1),
    ],
)
def test_rule_9_what_a_report_is_refused_for(api: Api, more: dict[str, Any], code: int) -> None:
    assert fault(api.ask("GenerateReport/Submit", report(**more)))[2] == code


def submitted(api: Api, **more: Any) -> str:
    return api.done("GenerateReport/Submit", report(**more))["ReportRequestId"]


def poll(api: Api, number: str) -> dict[str, Any]:
    return api.done("GenerateReport/Poll", {"ReportRequestId": number})["ReportRequestStatus"]


def address(api: Api, number: str) -> str:
    said = [poll(api, number)["Status"] for _ in range(2)]
    assert said == ["Pending", "Pending"]
    done = poll(api, number)
    assert done["Status"] == "Success"
    return done["ReportDownloadUrl"]


def rows(packed: bytes) -> list[dict[str, str]]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        (name,) = archive.namelist()
        return list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"))))


def test_rule_9_a_report_is_built_and_fetched_without_a_token(sandbox: Running, api: Api) -> None:
    number = submitted(api)
    url = address(api, number)
    answer = requests.get(url, timeout=TIMEOUT)
    assert answer.status_code == 200
    found = rows(answer.content)
    assert len(found) == 3 * 3  # three days of three associations
    assert {one["Conversions"] for one in found} == {"0"}
    assert all(float(one["Spend"]) >= 0 for one in found)
    assert requests.get(url.replace("%2B", "%20"), timeout=TIMEOUT).status_code == 403
    sandbox.world.move_clock(301)
    assert requests.get(url, timeout=TIMEOUT).status_code == 403
    again = poll(api, number)["ReportDownloadUrl"]
    assert again != url
    assert rows(requests.get(again, timeout=TIMEOUT).content) == found


def test_rule_9_a_scope_and_a_summary(api: Api) -> None:
    scope = {
        "AdGroups": [{"AccountId": "123456789", "CampaignId": "6", "AdGroupId": "61"}],
    }
    columns = ["AdGroupId", "AudienceId", "BidAdjustment", "Impressions", "ConversionsQualified"]
    number = submitted(api, Scope=scope, Columns=columns, Aggregation="Summary")
    (row,) = rows(requests.get(address(api, number), timeout=TIMEOUT).content)
    assert (row["AdGroupId"], row["AudienceId"], row["BidAdjustment"]) == ("61", FOREIGN, "-20%")
    assert int(row["Impressions"]) > 0


WHOLES = [
    ("CampaignPerformanceReportRequest", "CampaignId", ["5", "6", "7"]),
    ("AdGroupPerformanceReportRequest", "AdGroupId", ["51", "61", "71"]),
]


@pytest.mark.parametrize(("kind", "name", "all_"), WHOLES)
def test_a_report_of_the_whole_holds_that_of_the_lists(
    api: Api, kind: str, name: str, all_: list[str]
) -> None:
    def spend(columns: list[str], **more: Any) -> list[dict[str, str]]:
        number = submitted(api, Aggregation="Summary", Columns=[*columns, "Spend"], **more)
        return rows(requests.get(address(api, number), timeout=TIMEOUT).content)

    found = {row[name]: float(row["Spend"]) for row in spend([name], Type=kind)}
    assert list(found) == all_
    listed = [row for row in spend([name, "AudienceId"]) if row[name] in ("5", "51")]
    assert 0 < sum(float(row["Spend"]) for row in listed) < found[all_[0]]
    for columns in (["AudienceId", name, "Spend"], ["AccountId", "Spend"]):
        refused = report(Type=kind, Aggregation="Summary", Columns=columns)
        assert api.ask("GenerateReport/Submit", refused).status_code == 400


def test_rule_9_nothing_to_tell_is_no_address(api: Api) -> None:
    scope = {"Campaigns": [{"AccountId": "123456789", "CampaignId": "7"}]}
    number = submitted(api, Scope=scope)
    for _ in range(2):
        poll(api, number)
    assert poll(api, number) == {"Status": "Success", "ReportDownloadUrl": None}


def test_rule_9_a_report_that_fails_and_one_that_is_not_there(sandbox: Running, api: Api) -> None:
    wanted = {"kind": "processing_failed", "platform": "microsoft"}
    requests.post(f"{sandbox.url}/_sandbox/faults", json=wanted, timeout=TIMEOUT)
    number = submitted(api)
    for _ in range(2):
        poll(api, number)
    assert poll(api, number)["Status"] == "Error"
    for unknown in ("1", "nonsense"):
        answer = api.ask("GenerateReport/Poll", {"ReportRequestId": unknown})
        assert fault(answer)[2] == 2100
    sandbox.world.move_clock(DAY + 1)
    assert fault(api.ask("GenerateReport/Poll", {"ReportRequestId": number}))[2] == 2100


# Rule 10: faults


@pytest.mark.parametrize(
    ("wanted", "status", "text"),
    [
        ({"kind": "throttle"}, 429, '"ErrorCode": "CallRateExceeded"'),
        ({"kind": "server_error", "status": 500}, 500, "<html>"),
        ({"kind": "server_error", "status": 504}, 500, '"Code": 833'),
        ({"kind": "expired_token"}, 401, '"Code": 109'),
        ({"kind": "revoked_token"}, 401, '"Code": 105'),
        ({"kind": "no_rights"}, 403, '"Code": 106'),
        ({"kind": "error_inside"}, 200, '"ErrorCode": "InternalError"'),
    ],
)
def test_rule_10_faults_in_the_platforms_words(
    sandbox: Running, api: Api, wanted: dict[str, Any], status: int, text: str
) -> None:
    fault_ = {"platform": "microsoft", "operation": "Audiences.QueryByIds", **wanted}
    requests.post(f"{sandbox.url}/_sandbox/faults", json=fault_, timeout=TIMEOUT)
    answer = api.ask("Audiences/QueryByIds", {"Type": "CustomerList"})
    assert answer.status_code == status
    assert text in answer.text
    assert api.audiences()["Audiences"]


def test_rule_10_a_failure_after_the_effect(sandbox: Running, api: Api) -> None:
    wanted = {"kind": "server_error", "platform": "microsoft", "after_effect": True}
    requests.post(f"{sandbox.url}/_sandbox/faults", json=wanted, timeout=TIMEOUT)
    assert api.ask("Audiences", {"Audiences": [wish("kept")]}).status_code == 503
    assert "kept" in {one["Name"] for one in api.audiences()["Audiences"]}


def test_rule_10_every_second_item_fails(sandbox: Running, api: Api) -> None:
    number = api.made()
    wanted = {"kind": "partial", "platform": "microsoft"}
    requests.post(f"{sandbox.url}/_sandbox/faults", json=wanted, timeout=TIMEOUT)
    assert codes(api.apply(number, *(digest(n) for n in range(4)))) == [(1, 0), (3, 0)]
    assert members(sandbox, number) == {digest(0), digest(2)}


def test_the_window_of_calls(sandbox: Running, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(played, "RATE", 2)
    sandbox.world.change(quotas=True)
    body = {"Type": "CustomerList"}
    said = [api.ask("Audiences/QueryByIds", body).status_code for _ in range(3)]
    assert said == [200, 200, 429]
    sandbox.world.move_clock(61)
    assert api.ask("Audiences/QueryByIds", body).status_code == 200
