"""The played Data Manager API against its documented contract, rule by rule, over plain HTTP."""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from connectors.sandbox import google
from connectors.sandbox.server import Running
from tests.support.sandbox_google import (
    CHILD,
    CUSTOMER,
    MANAGER,
    Ads,
    Data,
    contact,
    digest,
    failures,
    people,
    reason,
    violations,
)

FOREIGN_LIST = "7000000001"
PROCESSING = 7200


@pytest.fixture
def data(sandbox: Running) -> Data:
    return Data(sandbox)


def members_of(sandbox: Running, number: str) -> set[str]:
    state = requests.get(f"{sandbox.url}/_sandbox/state", timeout=20).json()
    lists = state["platforms"]["google"]["lists"]
    return next(set(one["members"]) for one in lists if one["id"] == number)


def hashes(numbers: range) -> set[str]:
    return {digest(f"email {n}") for n in numbers}


def rfc3339(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")


# Rule 1: tokens and scopes


@pytest.mark.parametrize(
    "header", ["", "OAuth sandbox-token", "Bearer expired-token", "Bearer nobody"]
)
def test_rule_1_only_bearer_with_a_living_token_is_let_in(data: Data, header: str) -> None:
    data.headers = {"Authorization": header}
    answer = data.ask("GET", data.collection)
    assert answer.status_code == 401
    assert answer.json()["error"]["status"] == "UNAUTHENTICATED"


def test_rule_1_every_api_has_its_scope(sandbox: Running, data: Data) -> None:
    ads = Ads(sandbox)
    scopes = "https://www.googleapis.com/auth/"
    for scope, allowed in (("datamanager", "data"), ("adwords", "ads")):
        sandbox.world.put_token("narrow", scope=scopes + scope)
        data.headers = ads.headers = {"Authorization": "Bearer narrow"}
        lists = data.ask("GET", data.collection).status_code
        query = {"query": "SELECT customer.id FROM customer"}
        rows = ads.post("/googleAds:search", query).status_code
        assert (lists, rows) == ((200, 403) if allowed == "data" else (403, 200))


def test_rule_1_an_access_token_lives_an_hour(sandbox: Running, data: Data) -> None:
    form = {
        "grant_type": "refresh_token",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "refresh_token": "sandbox-refresh-token",
    }
    door = f"{sandbox.url}/google_oauth/token"
    first, second = (requests.post(door, data=form, timeout=20).json() for _ in range(2))
    assert first["access_token"] != second["access_token"]
    assert (first["expires_in"], first["token_type"]) == (3599, "Bearer")
    for token in (first["access_token"], second["access_token"]):
        data.headers = {"Authorization": f"Bearer {token}"}
        assert data.ask("GET", data.collection).status_code == 200
    sandbox.world.move_clock(3600)
    assert data.ask("GET", data.collection).status_code == 401
    assert requests.post(door, data=form, timeout=20).status_code == 200


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("refresh_token", "nobody", "invalid_grant"),
        ("client_secret", "wrong", "invalid_client"),
        ("grant_type", "password", "unsupported_grant_type"),
        ("refresh_token", "", "invalid_request"),
    ],
)
def test_rule_1_a_refused_refresh(sandbox: Running, name: str, value: str, error: str) -> None:
    form = {
        "grant_type": "refresh_token",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "refresh_token": "sandbox-refresh-token",
    } | {name: value}
    answer = requests.post(f"{sandbox.url}/google_oauth/token", data=form, timeout=20)
    assert answer.status_code in (400, 401)
    assert answer.json()["error"] == error


# Rule 2: accounts


def test_rule_2_ten_digits_and_the_way_through_the_manager(sandbox: Running) -> None:
    for number in ("123", "12345678901", "123-456-7890"):
        strange = Data(sandbox, number)
        assert strange.ask("GET", strange.collection).status_code == 400
    child = Data(sandbox, CHILD)
    assert reason(child.ask("GET", child.collection)) == (403, "PERMISSION_DENIED")
    child.headers["login-account"] = f"accountTypes/GOOGLE_ADS/accounts/{MANAGER}"
    assert child.ask("GET", child.collection).status_code == 200
    number = child.made()
    refused = child.ingest(number, people(range(2)))
    assert violations(refused) == [
        ("destinations[0].operating_account.account_id", "PERMISSION_DENIED")
    ]
    login = {"accountType": "GOOGLE_ADS", "accountId": MANAGER}
    through = [child.destination(number, loginAccount=login)]
    assert child.ingest(number, people(range(2)), destinations=through).status_code == 200


@pytest.mark.parametrize("name", ["login-customer-id", "developer-token"])
def test_rule_2_headers_of_the_other_api(data: Data, name: str) -> None:
    data.headers[name] = MANAGER
    assert data.ask("GET", data.collection).status_code == 400


# Rule 3: names and enums


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"member": []}, "member"),
        ({"consent": {"adUserData": "GRANTED"}}, "consent.ad_user_data"),
        ({"encoding": "hex"}, "encoding"),
        ({"validateOnly": "yes"}, "validate_only"),
        ({"audienceMembers": {}}, "audience_members"),
        (
            {"audienceMembers": [{"compositeData": {}, "userData": {}}]},
            "audience_members[0]",
        ),
    ],
)
def test_rule_3_unknown_names_and_values_are_refused(
    data: Data, more: dict[str, Any], field: str
) -> None:
    answer = data.ingest(data.made(), people(range(1)), **more)
    assert answer.status_code == 400
    assert violations(answer) == [(field, "INVALID_ARGUMENT")]


def test_rule_3_removing_takes_no_consent_and_no_terms(data: Data) -> None:
    body = {"destinations": [data.destination(data.made())], "audienceMembers": people(range(1))}
    body["encoding"] = "HEX"
    for name in ("consent", "termsOfService"):
        answer = data.post("remove", {**body, name: {}})
        assert violations(answer) == [(name.replace("OfS", "_of_s"), "INVALID_ARGUMENT")]
    assert data.post("remove", body).status_code == 200


# Rule 4: what a request may hold


def test_rule_4_at_most_10000_members(data: Data) -> None:
    number = data.made()
    assert data.ingest(number, people(range(10_000))).status_code == 200
    answer = data.ingest(number, people(range(10_001)))
    assert violations(answer) == [("audience_members", "TOO_MANY_AUDIENCE_MEMBERS")]


def test_rule_4_at_most_ten_identifiers(data: Data) -> None:
    some = [{"emailAddress": digest(str(n))} for n in range(11)]
    number = data.made()
    assert data.ingest(number, [contact(*some[:10])]).status_code == 200
    where = "audience_members[1].composite_data.user_data.user_identifiers"
    answer = data.ingest(number, [contact(some[0]), contact(*some)])
    assert violations(answer) == [(where, "TOO_MANY_USER_IDENTIFIERS")]


def test_rule_4_at_most_ten_destinations_with_names_of_their_own(data: Data) -> None:
    number = data.made()
    one = data.destination(number)
    answer = data.ingest(number, people(range(1)), destinations=[one] * 11)
    assert violations(answer) == [("destinations", "TOO_MANY_DESTINATIONS")]
    named = [{**one, "reference": "d1"}] * 2
    answer = data.ingest(number, people(range(1)), destinations=named)
    assert violations(answer) == [("destinations", "DUPLICATE_DESTINATION_REFERENCE")]
    answer = data.ingest(number, people(range(1), destinationReferences=["d2"]))
    assert violations(answer) == [
        ("audience_members[0].destination_references", "INVALID_DESTINATION")
    ]


def test_rule_4_one_kind_of_data(data: Data) -> None:
    mixed = [*people(range(1)), {"userData": {"userIdentifiers": [{"phoneNumber": digest("1")}]}}]
    answer = data.ingest(data.made(), mixed)
    assert violations(answer) == [("audience_members", "MULTIPLE_DATA_TYPES_NOT_ALLOWED")]


def test_rule_4_addresses_in_the_network_beside_contacts_or_alone(data: Data) -> None:
    number = data.made()
    ip = {"ipAddress": "198.51.100.7", "observeStartTime": "2026-11-22T04:00:00Z"}
    alone = [{"compositeData": {"ipData": [ip]}}]
    assert data.ingest(number, alone, encoding=None, termsOfService=None).status_code == 200
    answer = data.ingest(number, [{"compositeData": {}}, {"compositeData": {"ipData": [{}]}}])
    place = "audience_members[{}].composite_data{}"
    assert violations(answer) == [
        (place.format(0, ""), "REQUIRED_FIELD_MISSING"),
        (place.format(1, ".ip_data[0].ip_address"), "REQUIRED_FIELD_MISSING"),
    ]


def test_rule_5_identifiers_are_counted_by_their_kind(sandbox: Running, data: Data) -> None:
    address = {
        "givenName": digest("jane"),
        "familyName": digest("doe"),
        "regionCode": "US",
        "postalCode": "94045",
    }
    whole = contact(
        {"emailAddress": digest("1")}, {"phoneNumber": digest("2")}, {"address": address}
    )
    whole["compositeData"]["ipData"] = [{"ipAddress": "198.51.100.7"}]
    request_id = data.ingest(data.made(), [whole]).json()["requestId"]
    sandbox.world.move_clock(7200)
    (one,) = data.status(request_id).json()["requestStatusPerDestination"]
    told = one["audienceMembersIngestionStatus"]["compositeDataIngestionStatus"]
    kinds = ("EMAIL", "PHONE_NUMBER", "ADDRESS", "IP_ADDRESS")
    assert told["dataTypeCounts"] == [{"type": kind, "count": "1"} for kind in kinds]


def test_a_test_accounts_lists_are_closed_at_once(sandbox: Running) -> None:
    data = Data(sandbox, "3333333333")
    number = data.made()
    assert data.get(number).json()["membershipStatus"] == "CLOSED"
    answer = data.ingest(number, people(range(1)))
    assert violations(answer) == [("destinations[0].product_destination_id", "INVALID_DESTINATION")]
    (row,) = Ads(sandbox, "3333333333").search("SELECT customer.test_account FROM customer")
    assert row["customer"]["testAccount"] is True


def test_rule_4_encoding_and_terms_are_needed(data: Data) -> None:
    number = data.made()
    answer = data.ingest(number, people(range(1)), encoding=None)
    assert violations(answer) == [("encoding", "REQUIRED_FIELD_MISSING")]
    for terms in (None, {}, {"customerMatchTermsOfServiceStatus": "REJECTED"}):
        answer = data.ingest(number, people(range(1)), termsOfService=terms)
        assert violations(answer) == [("terms_of_service", "TERMS_AND_CONDITIONS_NOT_SIGNED")]


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        (digest("x")[:-1] + "g", "HEX", "INVALID_HEX_ENCODING"),
        (digest("x")[:-2], "HEX", "INVALID_SHA256_FORMAT"),
        (hashlib.md5(b"x").hexdigest(), "HEX", "INVALID_SHA256_FORMAT"),
        ("8lrTZNM5cjeaek9N8z2xQiBfXEDrGc/bL8Wq8RfhAQE", "BASE64", "INVALID_BASE64_ENCODING"),
        ("8lrTZA==", "BASE64", "INVALID_SHA256_FORMAT"),
    ],
)
def test_rule_4_digests_are_checked(data: Data, text: str, encoding: str, expected: str) -> None:
    member = contact({"emailAddress": text})
    answer = data.ingest(data.made(), [member], encoding=encoding)
    where = "audience_members[0].composite_data.user_data.user_identifiers[0]"
    assert violations(answer) == [(where, expected)]


def test_rule_4_hex_and_base64_are_the_same_person(sandbox: Running, data: Data) -> None:
    number, hexed = data.made(), digest("test@contoso.com")
    coded = base64.b64encode(bytes.fromhex(hexed)).decode()
    assert coded == "8lrTZNM5cjeaek9N8z2xQiBfXEDrGc/bL8Wq8RfhAQE="
    data.ingest(number, [contact({"emailAddress": coded})], encoding="BASE64")
    data.ingest(number, [contact({"emailAddress": hexed})])
    sandbox.world.move_clock(PROCESSING)
    assert members_of(sandbox, number) == {hexed}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"familyName": ""}, [("family_name", "REQUIRED_FIELD_MISSING")]),
        ({"postalCode": ""}, [("postal_code", "REQUIRED_FIELD_MISSING")]),
        ({"regionCode": "USA"}, [("region_code", "INVALID_COUNTRY_CODE")]),
        ({"givenName": "jane"}, [("given_name", "INVALID_HEX_ENCODING")]),
        ({}, []),
    ],
)
def test_rule_4_an_address_is_all_or_nothing(
    data: Data, change: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    names = {"givenName": digest("jane"), "familyName": digest("doe")}
    address = {**names, "regionCode": "US", "postalCode": "94045"} | change
    answer = data.ingest(data.made(), [contact({"address": address})])
    where = "audience_members[0].composite_data.user_data.user_identifiers[0].address."
    wanted = [(where + name, why) for name, why in expected]
    assert (violations(answer) if wanted else answer.status_code) == (wanted or 200)


def test_rule_4_numbers_are_digits_and_the_account_is_of_google_ads(data: Data) -> None:
    number = data.made()
    account = {"accountType": "GOOGLE_ADS", "accountId": "123-456-7890"}
    for change, where, why in (
        ({"operatingAccount": account}, "operating_account.account_id", "INVALID_NUMBER_FORMAT"),
        (
            {"productDestinationId": "userLists/5"},
            "product_destination_id",
            "INVALID_NUMBER_FORMAT",
        ),
        (
            {"operatingAccount": {"accountType": "DATA_PARTNER", "accountId": CUSTOMER}},
            "operating_account",
            "DESTINATION_ACCOUNT_TYPE_MISMATCH",
        ),
        ({"productDestinationId": "404"}, "product_destination_id", "INVALID_USER_LIST_ID"),
    ):
        place = [{**data.destination(number), **change}]
        answer = data.ingest(number, people(range(1)), destinations=place)
        assert violations(answer) == [(f"destinations[0].{where}", why)]


def test_rule_4_the_list_is_open_and_of_this_kind(sandbox: Running, data: Data) -> None:
    apps = {"uploadKeyTypes": ["MOBILE_ID"], "mobileIdInfo": {"keySpace": "IOS", "appId": "1"}}
    number = data.made("apps", ingestedUserListInfo=apps)
    where = "destinations[0].product_destination_id"
    answer = data.ingest(number, people(range(1)))
    assert violations(answer) == [(where, "INVALID_USER_LIST_TYPE")]
    phones = [{"mobileData": {"mobileIds": ["12345678-1234-1234-1234-123456789012"]}}]
    assert data.ingest(number, phones, encoding=None).status_code == 200
    phones[0]["mobileData"]["mobileIds"] *= 11
    answer = data.ingest(number, [*phones, {"mobileData": {"mobileIds": ["x"]}}])
    assert [why for _, why in violations(answer)] == [
        "TOO_MANY_ELEMENTS",
        "INVALID_MOBILE_ID_FORMAT",
    ]
    closed = data.made("closed", membershipStatus="CLOSED")
    assert violations(data.ingest(closed, people(range(1)))) == [(where, "INVALID_DESTINATION")]


def test_rule_4_every_violation_is_listed_and_nothing_is_stored(
    sandbox: Running, data: Data
) -> None:
    number = data.made()
    bad = contact({"emailAddress": "nothing"})
    answer = data.ingest(number, [*people(range(2)), bad, *people(range(2, 4)), bad, contact()])
    assert [where.split(".")[0] for where, _ in violations(answer)] == [
        "audience_members[2]",
        "audience_members[5]",
        "audience_members[6]",
    ]
    sandbox.world.move_clock(PROCESSING)
    assert members_of(sandbox, number) == set()


# Rule 5: received is not processed


def test_rule_5_the_state_moves_by_the_clock(sandbox: Running, data: Data) -> None:
    number = data.made()
    answer = data.ingest(number, people(range(100)))
    assert list(answer.json()) == ["requestId"]
    request_id = answer.json()["requestId"]
    young = data.status(request_id).json()["requestStatusPerDestination"]
    assert young == [{"destination": data.destination(number), "requestStatus": "PROCESSING"}]
    assert members_of(sandbox, number) == set()
    assert "sizeInfo" not in data.get(number).json()
    sandbox.world.move_clock(PROCESSING)
    (done,) = data.status(request_id).json()["requestStatusPerDestination"]
    assert done["requestStatus"] == "SUCCESS"
    told = done["audienceMembersIngestionStatus"]["compositeDataIngestionStatus"]
    assert told["recordCount"] == "100"
    assert told["dataTypeCounts"] == [{"type": "EMAIL", "count": "100"}]
    assert told["uploadMatchRateRange"] in (
        "MATCH_RATE_RANGE_61_TO_70",
        "MATCH_RATE_RANGE_71_TO_80",
    )
    assert members_of(sandbox, number) == hashes(range(100))
    size = int(data.get(number).json()["sizeInfo"]["searchNetworkMembersCount"])
    assert 55 <= size <= 85


def test_rule_5_removed_people_are_gone_after_processing(sandbox: Running, data: Data) -> None:
    number = data.made()
    data.ingest(number, people(range(5)))
    request_id = data.remove(number, people(range(3, 9))).json()["requestId"]
    sandbox.world.move_clock(PROCESSING)
    assert members_of(sandbox, number) == hashes(range(3))
    (done,) = data.status(request_id).json()["requestStatusPerDestination"]
    told = done["audienceMembersRemovalStatus"]["compositeDataRemovalStatus"]
    assert told["recordCount"] == "6"


def test_rule_5_people_without_consent_are_counted_and_left_out(
    sandbox: Running, data: Data
) -> None:
    denied = {"adUserData": "CONSENT_DENIED", "adPersonalization": "CONSENT_GRANTED"}
    unknown = {"adUserData": "CONSENT_GRANTED"}
    members = [
        *people(range(3)),
        *people(range(3, 5), consent=denied),
        *people(range(5, 6), consent=unknown),
    ]
    number = data.made()
    request_id = data.ingest(number, members).json()["requestId"]
    sandbox.world.move_clock(PROCESSING)
    (done,) = data.status(request_id).json()["requestStatusPerDestination"]
    assert done["requestStatus"] == "PARTIAL_SUCCESS"
    assert done["errorInfo"]["errorCounts"] == [
        {"recordCount": "2", "reason": "PROCESSING_ERROR_REASON_DENIED_CONSENT"},
        {"recordCount": "1", "reason": "PROCESSING_ERROR_REASON_UNKNOWN_CONSENT"},
    ]
    assert members_of(sandbox, number) == hashes(range(3))
    request_id = data.ingest(number, people(range(9)), consent=None).json()["requestId"]
    sandbox.world.move_clock(PROCESSING)
    (done,) = data.status(request_id).json()["requestStatusPerDestination"]
    assert done["requestStatus"] == "FAILED"


def test_rule_5_validate_only_changes_nothing(sandbox: Running, data: Data) -> None:
    number = data.made()
    answer = data.ingest(number, people(range(2)), validateOnly=True)
    assert answer.status_code == 200
    wrong = violations(data.status(answer.json()["requestId"]))
    assert wrong == [("request_id", "INVALID_REQUEST_ID")]
    sandbox.world.move_clock(PROCESSING)
    assert members_of(sandbox, number) == set()


def test_rule_5_a_status_is_kept_for_50_days(sandbox: Running, data: Data) -> None:
    request_id = data.ingest(data.made(), people(range(2))).json()["requestId"]
    sandbox.world.move_clock(50 * 86_400 + 60)
    assert violations(data.status(request_id)) == [("request_id", "REQUEST_TOO_OLD")]


def test_rule_5_one_status_per_destination(data: Data) -> None:
    first, second = data.made("first"), data.made("second")
    places = [data.destination(first), data.destination(second)]
    answer = data.ingest(first, people(range(2)), destinations=places)
    shown = data.status(answer.json()["requestId"]).json()["requestStatusPerDestination"]
    assert [one["destination"]["productDestinationId"] for one in shown] == [first, second]


# Rule 6: removing all


def test_rule_6_who_was_sent_again_stays(sandbox: Running, data: Data) -> None:
    number = data.made()
    data.ingest(number, people(range(6)))
    sandbox.world.move_clock(PROCESSING)
    moment = sandbox.world.now()
    sandbox.world.move_clock(60)
    data.ingest(number, people(range(2, 4)))
    place = {"destinations": [data.destination(number)]}
    answer = data.post("removeAll", {**place, "removeAsOfTime": rfc3339(moment)})
    assert answer.status_code == 200
    sandbox.world.move_clock(PROCESSING)
    assert members_of(sandbox, number) == hashes(range(2, 4))
    (done,) = data.status(answer.json()["requestId"]).json()["requestStatusPerDestination"]
    assert done["removeAllAudienceMembersStatus"] == {}
    data.post("removeAll", place)
    sandbox.world.move_clock(PROCESSING)
    assert members_of(sandbox, number) == set()


def test_rule_6_not_in_the_future(sandbox: Running, data: Data) -> None:
    moment = rfc3339(sandbox.world.now() + 3600)
    body = {"destinations": [data.destination(data.made())], "removeAsOfTime": moment}
    wrong = violations(data.post("removeAll", body))
    assert wrong == [("remove_as_of_time", "INVALID_REMOVE_AS_OF_TIME")]


def test_members_drop_out_when_their_time_is_over(sandbox: Running, data: Data) -> None:
    number = data.made(membershipDuration="864000s")
    data.ingest(number, people(range(4)))
    sandbox.world.move_clock(5 * 86_400)
    data.ingest(number, people(range(2)))
    sandbox.world.move_clock(5 * 86_400 - 60)
    assert members_of(sandbox, number) == hashes(range(4))
    sandbox.world.move_clock(120)
    assert members_of(sandbox, number) == hashes(range(2))
    sandbox.world.move_clock(5 * 86_400)
    assert members_of(sandbox, number) == set()
    data.ingest(number, people(range(1)))
    sandbox.world.move_clock(PROCESSING)
    assert members_of(sandbox, number) == hashes(range(1))


# Rule 7: lists


def test_rule_7_a_list_as_it_is_made_and_read(data: Data) -> None:
    number = data.made(integrationCode="seg-42", membershipDuration="2592000s")
    found = data.get(number).json()
    assert found == {
        "name": f"{data.collection}/{number}",
        "id": number,
        "displayName": "VIP",
        "integrationCode": "seg-42",
        "membershipStatus": "OPEN",
        "membershipDuration": "2592000s",
        "accessReason": "OWNED",
        "accountAccessStatus": "ENABLED",
        "ingestedUserListInfo": {"uploadKeyTypes": ["CONTACT_ID"]},
    }
    assert data.get(data.made("other")).json()["membershipDuration"] == "46656000s"


@pytest.mark.parametrize(
    ("more", "field", "why"),
    [
        ({"displayName": "made by hand"}, "display_name", "DISPLAY_NAME_ALREADY_USED"),
        ({"displayName": ""}, "display_name", "REQUIRED_FIELD_MISSING"),
        ({"membershipDuration": "86401s"}, "membership_duration", "INVALID_ARGUMENT"),
        (
            {"membershipDuration": "46742400s"},
            "membership_duration",
            "MEMBERSHIP_DURATION_TOO_LONG",
        ),
        (
            {"ingestedUserListInfo": {"uploadKeyTypes": ["CONTACT_ID", "USER_ID"]}},
            "ingested_user_list_info.upload_key_types",
            "UNSUPPORTED_USER_LIST_UPLOAD_KEY_TYPES",
        ),
    ],
)
def test_rule_7_what_a_new_list_must_be(
    data: Data, more: dict[str, Any], field: str, why: str
) -> None:
    body = {"displayName": "VIP", "ingestedUserListInfo": {"uploadKeyTypes": ["CONTACT_ID"]}}
    answer = data.ask("POST", data.collection, json=body | more)
    assert violations(answer) == [(f"user_list.{field}", why)]


def test_rule_7_validate_only_makes_no_list(data: Data) -> None:
    body = {"displayName": "VIP", "ingestedUserListInfo": {"uploadKeyTypes": ["CONTACT_ID"]}}
    answer = data.ask("POST", data.collection, json=body, params={"validateOnly": "true"})
    assert answer.status_code == 200
    assert "id" not in answer.json()
    assert data.lists(filter='display_name = "VIP"') == {}


def test_rule_7_what_may_change(data: Data) -> None:
    number = data.made()
    path = f"{data.collection}/{number}"
    answer = data.ask(
        "PATCH", path, json={"displayName": "new"}, params={"updateMask": "displayName"}
    )
    assert answer.json()["displayName"] == "new"
    for mask, body, why in (
        ("ingestedUserListInfo", {"ingestedUserListInfo": {}}, "IMMUTABLE_FIELD_FOR_UPDATE"),
        ("colour", {}, "INVALID_UPDATE_MASK"),
        ("displayName", {"displayName": "made by hand"}, "DISPLAY_NAME_ALREADY_USED"),
    ):
        answer = data.ask("PATCH", path, json=body, params={"updateMask": mask})
        assert [reason for _, reason in violations(answer)] == [why]


def test_rule_7_pages(data: Data) -> None:
    for n in range(54):
        data.made(f"list {n:02d}")
    first = data.lists()
    assert len(first["userLists"]) == 50
    rest = data.lists(pageToken=first["nextPageToken"])
    assert (len(rest["userLists"]), rest.get("nextPageToken")) == (5, None)
    assert len(data.lists(pageSize=5000)["userLists"]) == 55
    answer = data.ask("GET", data.collection, params={"pageToken": "x"})
    assert violations(answer) == [("page_token", "INVALID_PAGE_TOKEN")]


FOREIGN, GOLD = "made by hand", 'VIP "gold"'


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ('display_name = "VIP \\"gold\\""', {GOLD}),
        ('displayName = "b"', {"b"}),
        ('integration_code = "seg-42"', {"b"}),
        ('IN(display_name, "b", "made by hand")', {"b", FOREIGN}),
        ('membership_status = CLOSED AND display_name : "o"', {"closed"}),
        ('display_name != "b" AND membership_status != "CLOSED"', {GOLD, FOREIGN}),
        ('ingested_user_list_info.upload_key_types : "contact"', {GOLD, "b", "closed", FOREIGN}),
    ],
)
def test_rule_7_filters(data: Data, condition: str, found: set[str]) -> None:
    data.made(GOLD)
    data.made("b", integrationCode="seg-42")
    data.made("closed", membershipStatus="CLOSED")
    shown = data.lists(filter=condition)["userLists"]
    assert {one["displayName"] for one in shown} == found


@pytest.mark.parametrize(
    "condition",
    [
        'display_name != "b" AND membershipStatus = "OPEN"',
        "colour = 1",
        "display_name",
        'display_name = "b" OR display_name = "c"',
    ],
)
def test_rule_7_filters_that_cannot_be_read(data: Data, condition: str) -> None:
    answer = data.ask("GET", data.collection, params={"filter": condition})
    assert violations(answer) == [("filter", "INVALID_FILTER")]


def test_rule_7_deleted_is_gone(data: Data) -> None:
    number = data.made()
    answer = data.ask("DELETE", f"{data.collection}/{number}")
    assert (answer.status_code, answer.json()) == (200, {})
    assert reason(data.get(number)) == (404, "NOT_FOUND")
    assert data.ask("DELETE", f"{data.collection}/{number}").status_code == 404


def test_the_other_api_sees_the_same_list(sandbox: Running, data: Data) -> None:
    number, ads = data.made(), Ads(sandbox)
    query = "SELECT user_list.id, user_list.type FROM user_list WHERE user_list.name = 'VIP'"
    (row,) = ads.search(query)
    assert row["userList"] == {
        "resourceName": f"customers/{CUSTOMER}/userLists/{number}",
        "id": number,
        "type": "CRM_BASED",
    }


# Rule 9: uploads of the older API


@pytest.mark.parametrize("path", [":uploadUserData", "/offlineUserDataJobs:create"])
def test_rule_9_new_adopters_cannot_upload_there(sandbox: Running, path: str) -> None:
    answer = Ads(sandbox).post(path, {})
    code = "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"
    assert failures(answer) == [(None, "notAllowlistedError", code)]


# Rule 10: quotas


def test_rule_10_300_requests_a_minute(
    sandbox: Running, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google, "PER_MINUTE", 3)
    sandbox.world.change(quotas=True)
    answers = [data.ask("GET", data.collection) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    error = answers[3].json()["error"]
    assert error["status"] == "RESOURCE_EXHAUSTED"
    limit = error["details"][0]["metadata"]["quota_limit"]
    assert limit == "ManagementReadRequestsPerMinutePerProject"
    assert data.create().status_code == 200  # writes are counted apart
    sandbox.world.move_clock(61)
    assert data.ask("GET", data.collection).status_code == 200


def test_rule_10_requests_a_day(
    sandbox: Running, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google, "PER_DAY", {"Ingestion": 1, "Management": 9})
    sandbox.world.change(quotas=True)
    number = data.made()
    assert data.ingest(number, people(range(1))).status_code == 200
    error = data.ingest(number, people(range(1))).json()["error"]
    limit = error["details"][0]["metadata"]["quota_limit"]
    assert limit == "IngestionMutateRequestsPerDayPerProject"
