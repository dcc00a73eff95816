"""Google over the wire, to the byte: credentials, what check tries, and lists."""

import pytest
from responses import matchers

from audiences.model import AudienceRef, Verb
from config.audiences import Purpose
from config.faults import ConfigError
from config.platforms import Account
from connectors.errors import (
    CredentialsRefused,
    ListGone,
    ListTooSmall,
    OperatorError,
    RuleRefused,
    TermsNotAccepted,
)
from connectors.registry import connect
from tests.support.google_types import DATA, assert_wire
from tests.support.members import batch
from tests.support.surroundings import surroundings
from tests.support.wire_google import (
    AUTH,
    CHECK,
    CREATE,
    CUSTOMER,
    DESTINATION,
    LISTS,
    OURS,
    TRIAL,
    VIP,
    change,
    check,
    connector,
    create,
    environment,
    ingest_body,
    known,
    lists,
    member,
    read_lists,
    remove_body,
    search,
    token,
    trial,
    wrong,
)

__all__ = ["connector", "known"]


# Credentials


def test_check_asks_both_apis(net, known):
    check(net)
    known.check()


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        (400, "ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA", OperatorError),
        (400, "ADVERTISER_TOS_NOT_ACCEPTED", TermsNotAccepted),
        (403, "PERMISSION_DENIED", CredentialsRefused),
        (403, "SERVICE_DISABLED", OperatorError),
    ],
)
def test_check_finds_what_reading_would_not(net, known, status, reason, error):
    """A list is tried to be made, and is not."""
    read_lists(net)
    search(net, CHECK, {"customer": {"id": "1234567890"}})
    trial(net, **wrong(status, reason))
    with pytest.raises(error) as caught:
        known.check()
    assert caught.value.act
    assert_wire(DATA, "UserList", TRIAL)


@pytest.mark.parametrize("kind", ["manager", "testAccount"])
def test_some_customers_cannot_be_worked_with(net, known, kind):
    customer = {"resourceName": "customers/1234567890", kind: True}
    check(net, json={"results": [{"customer": customer}]})
    with pytest.raises(OperatorError) as caught:
        known.check()
    assert caught.value.act


def test_check_says_that_terms_are_to_be_accepted(net, monkeypatch):
    environment(monkeypatch, CUSTOMER_MATCH_TERMS="")
    account = Account(name="g", platform="google", secrets="SHOP_", login="1234567890")
    connector = connect(account, surroundings())
    token(net)
    check(net)
    with pytest.raises(TermsNotAccepted, match="CUSTOMER_MATCH_TERMS"):
        connector.check()
    with pytest.raises(TermsNotAccepted):
        connector.add("555", batch(1, 1))


def test_who_left_can_be_removed_without_terms(net, monkeypatch):
    environment(monkeypatch, CUSTOMER_MATCH_TERMS="")
    account = Account(name="g", platform="google", secrets="SHOP_", login="1234567890")
    token(net)
    change(net, "remove", remove_body(member(1)))
    receipt = connect(account, surroundings()).remove("555", batch(1, 1, Verb.REMOVE))
    assert receipt.accepted == 1


def test_a_manager_account_is_named_in_the_way_of_each_api(net, monkeypatch):
    environment(monkeypatch, MANAGER_ID="9999999999")
    account = Account(name="g", platform="google", secrets="SHOP_", login="1234567890")
    connector = connect(account, surroundings())
    token(net)
    login = {"login-account": "accountTypes/GOOGLE_ADS/accounts/9999999999"}
    net.add("GET", LISTS, json={}, match=[matchers.header_matcher(login)])
    header = matchers.header_matcher({"login-customer-id": "9999999999"})
    rows = {"results": [{"customer": {"id": "1"}}]}
    net.add("POST", CUSTOMER + "googleAds:search", json=rows, match=[header])
    net.add("POST", LISTS, json={}, match=[matchers.header_matcher(login)])
    connector.check()
    through = {"accountType": "GOOGLE_ADS", "accountId": "9999999999"}
    place = {**DESTINATION, "loginAccount": through}
    change(net, "ingest", ingest_body(member(1), destination=place))
    assert connector.add("555", batch(1, 1)).accepted == 1
    assert "developer-token" not in net.calls[-1].request.headers


@pytest.mark.parametrize("login", [None, "12345", "123-456-789x", "12345678901"])
def test_a_customer_id_has_ten_digits(monkeypatch, login):
    environment(monkeypatch)
    account = Account(name="g", platform="google", secrets="SHOP_", login=login)
    with pytest.raises(RuleRefused, match="ten digits"):
        connect(account, surroundings())


def test_a_missing_secret_is_named(monkeypatch, tmp_path):
    account = Account(name="g", platform="google", secrets="NOBODY_", login="1234567890")
    with pytest.raises(ConfigError, match="NOBODY_REFRESH_TOKEN"):
        connect(account, surroundings(folder=tmp_path))


def test_a_token_is_renewed_before_it_is_old(net, known, clock):
    check(net)
    check(net)
    known.check()
    known.check()
    clock.sleep(3299)
    token(net, access="fresh-token")
    check(net)
    known.check()


def test_a_token_that_is_not_taken_is_renewed_once(net, connector):
    token(net, access="old-token")
    old = matchers.header_matcher({"Authorization": "Bearer old-token"})
    net.add("GET", LISTS, match=[old], **wrong(401, "ACCESS_TOKEN_EXPIRED"))
    token(net)
    check(net)
    connector.check()


def test_a_grant_that_was_withdrawn_is_the_operators(net, connector):
    token(net, status=400, json={"error": "invalid_grant", "error_description": "Bad Request"})
    with pytest.raises(CredentialsRefused, match="invalid_grant"):
        connector.check()


def test_accounts_with_the_same_secrets_share_a_token(net, monkeypatch):
    environment(monkeypatch)
    around = surroundings()
    accounts = [
        Account(name=name, platform="google", secrets="SHOP_", login="1234567890")
        for name in ("first", "second")
    ]
    token(net)
    for account in accounts:
        check(net)
        connect(account, around).check()


# Lists


def test_a_list_is_made_with_its_title_and_days(net, known):
    lists(net)
    create(net)
    opened = known.find_or_create(VIP, batch(1, 100))
    assert (opened.list_id, opened.receipt) == ("555", None)
    assert_wire(DATA, "UserList", CREATE)


def test_a_list_that_is_there_is_not_made_again(net, known):
    phones = {**OURS, "id": "1", "ingestedUserListInfo": {"uploadKeyTypes": ["MOBILE_ID"]}}
    grown = {"id": "2", "displayName": VIP.title}
    near = {**OURS, "id": "3", "displayName": "Adsteer"}
    shared = {**OURS, "id": "4", "accessReason": "SHARED"}
    lists(net, phones, grown, near, shared, OURS)
    assert known.find_or_create(VIP, batch(1, 1)).list_id == "555"


def test_lists_come_in_pages(net, known):
    query = {"pageSize": "1000", "filter": 'display_name = "adsteer: \\"vip\\""'}
    first = matchers.query_param_matcher(query)
    net.add("GET", LISTS, json={"nextPageToken": "p2"}, match=[AUTH, first])
    lists(net, OURS, pageToken="p2")
    assert known.find(VIP) == "555"


def test_too_few_people_make_no_list(net, known):
    lists(net)
    with pytest.raises(ListTooSmall, match="99 people"):
        known.find_or_create(VIP, batch(1, 99))


def test_members_stay_540_days_at_most(net, known):
    lists(net)
    long = AudienceRef("g", "google", "vip", Purpose.RETARGETING, VIP.title, 541)
    with pytest.raises(RuleRefused, match="540"):
        known.find_or_create(long, batch(1, 100))


def test_a_list_whose_answer_was_lost_is_found(net, known):
    lists(net)
    create(net, **wrong(504, "DEADLINE_EXCEEDED"))
    lists(net, OURS)
    assert known.find_or_create(VIP, batch(1, 100)).list_id == "555"


def test_a_list_that_was_not_made_is_made_after_looking(net, known):
    lists(net)
    create(net, **wrong(503, "UNAVAILABLE"))
    lists(net)
    create(net)
    assert known.find_or_create(VIP, batch(1, 100)).list_id == "555"


def test_a_title_that_is_taken_is_the_editors(net, known):
    lists(net)
    field = ("user_list.display_name", "DISPLAY_NAME_ALREADY_USED")
    create(net, **wrong(400, "INVALID_ARGUMENT", field))
    with pytest.raises(RuleRefused, match="another title"):
        known.find_or_create(VIP, batch(1, 100))


@pytest.mark.parametrize(
    ("more", "ready", "matched", "said"),
    [
        ({}, True, None, "OPEN"),
        ({"sizeInfo": {}}, True, 0, "OPEN"),
        (
            {"sizeInfo": {"displayNetworkMembersCount": "70", "searchNetworkMembersCount": "90"}},
            True,
            90,
            "OPEN",
        ),
        (
            {
                "ingestedUserListInfo": {
                    "uploadKeyTypes": ["CONTACT_ID"],
                    "contactIdInfo": {"matchRatePercentage": 62},
                }
            },
            True,
            None,
            "OPEN, 62 % matched",
        ),
        ({"membershipStatus": "CLOSED", "closingReason": "UNUSED"}, False, None, "UNUSED"),
        ({"readOnly": True}, False, None, "OPEN"),
        ({"accountAccessStatus": "DISABLED"}, False, None, "OPEN"),
    ],
)
def test_what_a_list_tells(net, known, more, ready, matched, said):
    net.add("GET", f"{LISTS}/555", json=OURS | more, match=[AUTH])
    state = known.state("555")
    assert (state.ready, state.settled, state.size) == (ready, True, None)
    assert (state.matched, state.said) == (matched, said)


def test_a_list_that_is_gone(net, known):
    for _ in range(2):
        net.add("GET", f"{LISTS}/555", match=[AUTH], **wrong(404, "NOT_FOUND"))
    net.add("DELETE", f"{LISTS}/555", match=[AUTH], **wrong(404, "NOT_FOUND"))
    for _ in range(2):
        with pytest.raises(ListGone):
            known.state("555")
    known.delete("555")


def test_renaming_changes_the_name_only(net, known):
    net.add(
        "PATCH",
        f"{LISTS}/555",
        json={**OURS, "displayName": "adsteer: best"},
        match=[
            AUTH,
            matchers.query_param_matcher({"updateMask": "displayName"}),
            matchers.json_params_matcher({"displayName": "adsteer: best"}),
        ],
    )
    assert known.rename("555", "adsteer: best")


def test_a_list_is_deleted(net, known):
    net.add("DELETE", f"{LISTS}/555", json={}, match=[AUTH])
    known.delete("555")
