"""Microsoft Advertising: what goes over the wire, and what each answer becomes."""

import io
import json
import logging
import zipfile
from dataclasses import replace
from datetime import date
from decimal import Decimal
from urllib.parse import parse_qs

import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st
from responses import matchers

from audiences.model import AudienceRef, ListState, Opened, Refusal, Verb
from bids.model import BidObject, CorrectionChange, Level, PresentCorrection
from config.audiences import Identifier, Purpose
from config.faults import ConfigError
from config.platforms import Account
from connectors.base import SpendRow, Strategy
from connectors.errors import (
    ContractBroken,
    CredentialsRefused,
    ListGone,
    OperatorError,
    QuotaGone,
    RuleRefused,
    TermsNotAccepted,
    Throttled,
    Transient,
    Unsure,
    VersionGone,
)
from connectors.microsoft import Microsoft
from connectors.registry import connect
from tests.support.members import batch, batch_of, digest
from tests.support.surroundings import surroundings

BASE = "https://campaign.api.bingads.microsoft.com/CampaignManagement/v13/"
REPORTS = "https://reporting.api.bingads.microsoft.com/Reporting/v13/GenerateReport/"
TOKENS = "https://login.microsoftonline.com/common/oauth2/v2.0/token"
HEADERS = {
    "Authorization": "Bearer secret-token",
    "DeveloperToken": "developer-secret",
    "CustomerId": "251000001",
    "CustomerAccountId": "123456789",
    "Content-Type": "application/json",
}
SECRETS = {
    "DEVELOPER_TOKEN": "developer-secret",
    "CUSTOMER_ID": "251000001",
    "CLIENT_ID": "application",
    "REFRESH_TOKEN": "refresh-one",
}
LIST = "804000001"
AUDIENCE = AudienceRef("ms", "microsoft", "vip", Purpose.RETARGETING, "VIP buyers", 30)
CAMPAIGN = BidObject("ms", "microsoft", Level.CAMPAIGN, "5")
GROUP = BidObject("ms", "microsoft", Level.AD_GROUP, "61")


@pytest.fixture
def secrets(monkeypatch):
    """Puts secrets into the environment; what is None is not there."""

    def put(**more):
        for name, value in (SECRETS | more).items():
            if value is not None:
                monkeypatch.setenv(f"MS_{name}", value)

    return put


@pytest.fixture
def connector(secrets, clock):
    secrets(TOKEN="secret-token")
    return made(surroundings(clock))


def made(around, **more):
    given = {"name": "ms", "platform": "microsoft", "login": "123456789", **more}
    return connect(Account(**given), around)


def call(net, path, body, answer=None, method="POST", **more):
    """Expect exactly this body under exactly these headers; answer with this."""
    url = path if path.startswith("https:") else BASE + path
    match = [
        matchers.header_matcher(HEADERS | more.pop("sent", {})),
        matchers.json_params_matcher(body),
    ]
    said = {"body": answer} if isinstance(answer, Exception) else {"json": answer}
    net.add(method, url, match=match, **said, **more)


def error(code, name, index=None, kind="BatchError"):
    told = {"Type": kind, "Code": code, "ErrorCode": name, "Message": "said", "Details": None}
    return {**told, "FieldPath": None, "Index": index}


def fault(code, name):
    told = {"Code": code, "ErrorCode": name, "Message": "said", "Detail": None}
    return {"Errors": [told], "TrackingId": "t-1", "Type": "AdApiFaultDetail"}


ALL = {"Type": "CustomerList", "AudienceIds": None}


def listed(net, *audiences):
    call(net, "Audiences/QueryByIds", ALL, {"Audiences": list(audiences), "PartialErrors": []})


def shown(number=LIST, name="VIP buyers", **more):
    return {"Type": "CustomerList", "Id": number, "Name": name, **more}


# Lists


def test_check_reads_the_customer_lists(net, connector):
    listed(net)
    connector.check()


def test_a_list_is_found_whatever_its_case(net, connector):
    names = [shown("3", "vip BUYERS"), shown("2", "Vip Buyers"), shown("1", "others"), None]
    listed(net, *names)
    assert connector.find(AUDIENCE) == "2"


def create(days=30, name="VIP buyers"):
    wish = {
        "Type": "CustomerList",
        "Name": name,
        "Description": "",
        "MembershipDuration": days,
        "ParentId": "123456789",
        "Scope": "Account",
    }
    return {"Audiences": [wish]}


@pytest.mark.parametrize(("days", "sent"), [(30, 30), (None, -1), (390, 390), (1, 1)])
def test_a_list_is_made(net, connector, days, sent):
    listed(net)
    call(net, "Audiences", create(sent), {"AudienceIds": [LIST], "PartialErrors": []})
    audience = replace(AUDIENCE, membership_days=days)
    assert connector.find_or_create(audience, batch(1, 3)) == Opened(LIST)


def test_days_that_there_are_not(net, connector):
    listed(net)
    audience = replace(AUDIENCE, membership_days=391)
    with pytest.raises(RuleRefused, match="390"):
        connector.find_or_create(audience, batch(1, 3))


TAKEN = {"AudienceIds": [None], "PartialErrors": [error(4853, "DuplicateAudienceName", 0)]}


def test_a_name_that_was_taken_meanwhile_is_found(net, connector):
    listed(net)
    call(net, "Audiences", create(), TAKEN)
    listed(net, shown())
    assert connector.find_or_create(AUDIENCE, batch(1, 3)) == Opened(LIST)


def test_a_name_that_an_audience_of_another_type_has(net, connector):
    listed(net)
    call(net, "Audiences", create(), TAKEN)
    listed(net)
    with pytest.raises(RuleRefused, match="DuplicateAudienceName"):
        connector.find_or_create(AUDIENCE, batch(1, 3))


def test_a_lost_answer_is_looked_for_before_it_is_asked_again(net, connector):
    listed(net)
    call(net, "Audiences", create(), fault(0, "InternalError"), status=500)
    listed(net)
    call(net, "Audiences", create(), responses.ConnectionError("cut"))
    listed(net, shown())
    assert connector.find_or_create(AUDIENCE, batch(1, 3)) == Opened(LIST)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"AudienceIds": [None], "PartialErrors": [error(4842, "x", 0)]}, ContractBroken),
        ({"AudienceIds": [None], "PartialErrors": [error(4865, "", 0)]}, OperatorError),
        ({"AudienceIds": [None], "PartialErrors": []}, ContractBroken),
        ({"PartialErrors": []}, ContractBroken),
    ],
)
def test_http_200_is_not_success(net, connector, answer, kind):
    listed(net)
    call(net, "Audiences", create(), answer)
    with pytest.raises(kind):
        connector.find_or_create(AUDIENCE, batch(1, 3))


ONE = {"Type": "CustomerList", "AudienceIds": [LIST]}
SMALL = "too small to use: 299 people in search, 12 people in the audience network"
USED = "in use: 12 people in search, 1,300 people in the audience network"


@pytest.mark.parametrize(
    ("search", "network", "state"),
    [
        (None, None, (False, None, "not measured yet, which takes up to two days")),
        ("299", "12", (False, 299, SMALL)),
        ("12", "1300", (True, 1300, USED)),
        ("300", None, (True, 300, "in use: 300 people in search")),
    ],
)
def test_a_state_tells_whom_was_recognised(net, connector, search, network, state):
    found = shown(SearchSize=search, AudienceNetworkSize=network)
    call(net, "Audiences/QueryByIds", ONE, {"Audiences": [found], "PartialErrors": []})
    ready, matched, said = state
    assert connector.state(LIST) == ListState(
        LIST, ready=ready, settled=True, size=None, matched=matched, said=said
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"Audiences": [None], "PartialErrors": [error(4835, "InvalidAudienceId", 0)]},
        {"Audiences": [None], "PartialErrors": []},
        {"Audiences": [], "PartialErrors": None},
    ],
)
def test_a_list_that_is_gone(net, connector, answer):
    call(net, "Audiences/QueryByIds", ONE, answer)
    with pytest.raises(ListGone):
        connector.state(LIST)


@pytest.mark.parametrize("errors", [[], [error(4835, "InvalidAudienceId", 0)]])
def test_deleting_has_a_body(net, connector, errors):
    call(net, "Audiences", {"AudienceIds": [LIST]}, {"PartialErrors": errors}, "DELETE")
    connector.delete(LIST)


def test_a_list_in_use_is_not_deleted(net, connector):
    told = error(4854, "AudienceCannotBeDeletedDueToExistingAdGroupCriterion", 0)
    call(net, "Audiences", {"AudienceIds": [LIST]}, {"PartialErrors": [told]}, "DELETE")
    with pytest.raises(RuleRefused, match="corrections first"):
        connector.delete(LIST)


RENAME = {"Audiences": [{"Type": "CustomerList", "Id": LIST, "Name": "adsteer: best"}]}


def test_renaming_changes_the_name_only(net, connector):
    call(net, "Audiences", RENAME, {"PartialErrors": []}, "PUT")
    assert connector.rename(LIST, "adsteer: best")


def test_a_list_that_microsoft_does_not_rename_keeps_its_name(net, connector):
    told = error(4835, "InvalidAudienceId", 0)
    call(net, "Audiences", RENAME, {"PartialErrors": [told]}, "PUT")
    body = {"Type": "CustomerList", "AudienceIds": [LIST]}
    one = {"Id": LIST, "Name": "adsteer: vip", "Type": "CustomerList"}
    call(net, "Audiences/QueryByIds", body, {"Audiences": [one], "PartialErrors": []})
    assert not connector.rename(LIST, "adsteer: best")


def test_a_name_that_another_list_has_is_told(net, connector):
    told = error(4853, "DuplicateAudienceName", 0)
    call(net, "Audiences", RENAME, {"PartialErrors": [told]}, "PUT")
    with pytest.raises(RuleRefused, match="DuplicateAudienceName"):
        connector.rename(LIST, "adsteer: best")


# Members

APPLY = "CustomerListUserData/Apply"


def change(items, action="Add", **more):
    data = {
        "AudienceId": LIST,
        "ActionType": action,
        "CustomerListItemSubType": "Email",
        "CustomerListItems": items,
        **more,
    }
    return {"CustomerListUserData": data}


def person(name, *addresses):
    email = sorted(digest(one) for one in addresses)
    return {"person_id": name, "email": email, "phone": [digest("7000")], "external_id": []}


def test_people_go_by_address_only(net, connector):
    some = batch_of([person("anna", "a@x"), person("boris"), person("clara", "c@x", "d@x")])
    items = [*person("anna", "a@x")["email"], *person("clara", "c@x", "d@x")["email"]]
    call(net, APPLY, change(items), {"PartialErrors": []})
    receipt = connector.add(LIST, some)
    assert (receipt.accepted, receipt.refused) == (2, (Refusal("boris", "has no email"),))
    call(net, APPLY, change(items, "Remove"), {"PartialErrors": []})
    gone = batch_of(some.members.to_pylist(), Verb.REMOVE)
    assert connector.remove(LIST, gone).accepted == 2


def test_nobody_with_an_address_is_nothing_to_send(net, connector):
    assert connector.add(LIST, batch_of([person("boris")])).accepted == 0


def test_terms_are_accepted_only_where_the_operator_said_so(net, secrets):
    secrets(TOKEN="secret-token", ACCEPTS_TERMS="true")
    some = batch(1, 1)
    items = some.members.to_pydict()["email"][0]
    call(net, APPLY, change(items, AcceptCustomerMatchTerm=True), {"PartialErrors": []})
    assert made(surroundings()).add(LIST, some).accepted == 1


def test_terms_that_nobody_accepted(net, connector):
    told = error(8003, "CustomerListTermsAndConditionsNotAccepted", 0)
    items = batch(1, 1).members.to_pydict()["email"][0]
    call(net, APPLY, change(items), {"PartialErrors": [told]})
    with pytest.raises(TermsNotAccepted, match="ACCEPTS_TERMS=true") as caught:
        connector.add(LIST, batch(1, 1))
    assert caught.value.who == "operator"


def test_verdicts_on_addresses_become_verdicts_on_people(net, connector):
    rows = [
        person("anna", "a@x", "b@x"),
        person("boris", "c@x", "d@x"),
        person("clara", "e@x"),
        person("dora", "f@x"),
    ]
    items = [one for row in rows for one in row["email"]]
    told = [
        error(8004, "EmailMustBeHashed", 1),
        error(8004, "EmailMustBeHashed", 2),
        error(8004, "EmailMustBeHashed", 3),
        error(0, "InternalError", 4),
    ]
    call(net, APPLY, change(items), {"PartialErrors": told})
    receipt = connector.add(LIST, batch_of(rows))
    assert receipt.accepted == 2
    assert receipt.refused == (
        Refusal("boris", "EmailMustBeHashed (8004) said", temporary=False),
        Refusal("clara", "InternalError (0) said", temporary=True),
    )
    # Who is to go is out only with all addresses.
    call(net, APPLY, change(items, "Remove"), {"PartialErrors": told})
    gone = connector.remove(LIST, batch_of(rows, Verb.REMOVE))
    assert [one.person_id for one in gone.refused] == ["anna", "boris", "clara"]


def items_of(some):
    return [one for row in some.members.to_pydict()["email"] for one in row]


def test_more_than_a_thousand_addresses_take_two_calls(net, connector):
    some = batch(1, 1002)
    items = items_of(some)
    call(net, APPLY, change(items[:1000]), {"PartialErrors": []})
    told = [error(8004, "EmailMustBeHashed", 1)]
    call(net, APPLY, change(items[1000:]), {"PartialErrors": told})
    receipt = connector.add(LIST, some)
    assert receipt.accepted == 1001
    assert [one.person_id for one in receipt.refused] == ["p1002"]


def test_a_batch_that_ends_half_way_is_unsure(net, connector):
    items = items_of(batch(1, 1001))
    call(net, APPLY, change(items[:1000]), {"PartialErrors": []})
    told = {"PartialErrors": [error(8000, "InvalidCustomerListId", 0)]}
    call(net, APPLY, change(items[1000:]), told)
    with pytest.raises(Unsure, match="in part"):
        connector.add(LIST, batch(1, 1001))


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (error(8000, "InvalidCustomerListId", 0), ListGone),
        (error(8000, "", 0), ListGone),
        (error(8002, "CustomerListItemSubTypeNotSupported", 0), ContractBroken),
        (error(8004, "EmailMustBeHashed", 7), ContractBroken),
        (error(8004, "EmailMustBeHashed", None), ContractBroken),
    ],
)
def test_what_is_wrong_with_a_whole_call(net, connector, told, kind):
    call(net, APPLY, change(items_of(batch(1, 2))), {"PartialErrors": [told]})
    with pytest.raises(kind):
        connector.add(LIST, batch(1, 2))


PEOPLE = st.lists(st.lists(st.integers(0, 60), max_size=3, unique=True), max_size=25)


@given(
    addresses=PEOPLE, bad=st.sets(st.integers(0, 60)), verb=st.sampled_from([Verb.ADD, Verb.REMOVE])
)
@settings(max_examples=40, deadline=None)
def test_everybody_is_accepted_or_refused_for_a_reason(addresses, bad, verb):
    """Whatever the number of addresses, calls and refusals."""
    rows = [person(f"p{n}", *map(str, some)) for n, some in enumerate(addresses)]
    bad_items = {digest(str(one)) for one in bad}
    taken = []

    def answer(request):
        items = json.loads(request.body)["CustomerListUserData"]["CustomerListItems"]
        assert 0 < len(items) <= 7
        taken.extend(items)
        places = [n for n, one in enumerate(items) if one in bad_items]
        told = [error(8004, "EmailMustBeHashed", place) for place in places]
        return 200, {}, json.dumps({"PartialErrors": told})

    with (
        responses.RequestsMock(assert_all_requests_are_fired=False) as net,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in (SECRETS | {"TOKEN": "secret-token"}).items():
            patch.setenv(f"MS_{name}", value)
        patch.setattr("connectors.microsoft_lists.ITEMS_PER_CALL", 7)
        net.add_callback("POST", BASE + APPLY, callback=answer)
        connector = made(surroundings())
        act = connector.add if verb is Verb.ADD else connector.remove
        receipt = act(LIST, batch_of(rows, verb))
    assert taken == [one for row in rows for one in row["email"]]
    refused = {one.person_id for one in receipt.refused}
    assert receipt.accepted + len(refused) == len(rows)
    enough = all if verb is Verb.ADD else any
    assert refused == {
        row["person_id"]
        for row in rows
        if not row["email"] or enough(one in bad_items for one in row["email"])
    }


# Errors of calls


def service_fault(code, name):
    told = {"Code": code, "ErrorCode": name, "Message": "said", "Details": None}
    body = {"TrackingId": "t", "Type": "ApiFaultDetail", "BatchErrors": []}
    return {**body, "OperationErrors": [told]}


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (400, fault(106, "UserIsNotAuthorized"), CredentialsRefused),
        (403, fault(120, "UserLoginAccessDenied"), CredentialsRefused),
        (400, fault(116, "RequestMissingHeaders"), ContractBroken),
        (500, service_fault(8003, "CustomerListTermsAndConditionsNotAccepted"), TermsNotAccepted),
        (500, service_fault(4204, "BulkServiceNoMoreCallsPermittedForTheTimePeriod"), QuotaGone),
        (500, service_fault(4850, "AudiencesArrayExceedsLimit"), ContractBroken),
        (200, service_fault(4835, "InvalidAudienceId"), ListGone),
        (500, service_fault(207, "SomethingOfAnotherService"), ContractBroken),
        (404, {"Message": "no resource"}, VersionGone),
        (410, None, VersionGone),
        (400, {}, ContractBroken),
        (200, [], ContractBroken),
    ],
)
def test_errors_by_who_must_act(net, connector, status, answer, kind):
    call(net, "Audiences/QueryByIds", ALL, answer, status=status)
    with pytest.raises(kind) as caught:
        connector.check()
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("status", "answer", "waited"),
    [
        (429, fault(117, "CallRateExceeded"), 60),
        (400, fault(117, "CallRateExceeded"), 60),
        (400, fault(207, "ConcurrentRequestOverLimit"), 60),
        (500, fault(833, "ServiceTimeOut"), 0),
        (200, fault(0, "InternalError"), 0),
        (502, "<html>", 0),
    ],
)
def test_what_passes_is_waited_for(net, connector, clock, status, answer, waited):
    call(net, "Audiences/QueryByIds", ALL, answer, status=status)
    listed(net)
    connector.check()
    assert waited <= sum(clock.slept) < waited + 3


def test_a_rate_that_never_ends_is_throttled(net, connector):
    for _ in range(5):
        call(net, "Audiences/QueryByIds", ALL, fault(117, "CallRateExceeded"), status=429)
    with pytest.raises(Throttled):
        connector.check()


def test_what_is_no_code_is_not_repeated(net, connector):
    answer = fault(1, digest("a@x")) | {"Errors": [{"Code": 1, "ErrorCode": digest("a@x")}]}
    call(net, "Audiences/QueryByIds", ALL, answer, status=400)
    with pytest.raises(ContractBroken) as caught:
        connector.check()
    assert digest("a@x")[:12] not in str(caught.value)


def test_another_version_is_asked_where_the_account_says_so(net, secrets):
    secrets(TOKEN="secret-token", API_REVISION="2026-10-12")
    url = BASE.replace("v13", "v14") + "Audiences/QueryByIds"
    sent = {"Api-Revision": "2026-10-12"}
    call(net, url, ALL, {"Audiences": [], "PartialErrors": []}, sent=sent)
    made(surroundings(), api_version="v14").check()


# Tokens


def granted(net, refresh, access, fresh):
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh,
        "client_id": "application",
        "scope": "https://ads.microsoft.com/msads.manage offline_access",
    }
    answer = {"access_token": access, "expires_in": 3600, "refresh_token": fresh}
    net.add("POST", TOKENS, json=answer, match=[matchers.urlencoded_params_matcher(form)])


def checked(net, token, answer=None, **more):
    good = {"Audiences": [], "PartialErrors": []}
    sent = {"Authorization": f"Bearer {token}"}
    call(net, "Audiences/QueryByIds", ALL, answer or good, sent=sent, **more)


EXPIRED = fault(109, "AuthenticationTokenExpired")


def test_the_first_token_is_fetched_and_the_next_refresh_uses_the_new_one(net, secrets):
    secrets()
    around = surroundings()
    first, second = made(around), made(around, name="other", secrets="MS_")
    granted(net, "refresh-one", "token-one", "refresh-two")
    checked(net, "token-one")
    checked(net, "token-one")
    checked(net, "token-one", EXPIRED, status=401)
    granted(net, "refresh-two", "token-two", "refresh-three")
    checked(net, "token-two")
    checked(net, "token-two")
    first.check()
    second.check()  # another account with the same secrets
    second.check()
    first.check()


def test_the_next_run_goes_on_with_the_refresh_token_of_this_one(net, secrets, tmp_path):
    secrets()
    granted(net, "refresh-one", "token-one", "refresh-two")
    checked(net, "token-one")
    made(surroundings(state=tmp_path / "state")).check()
    (kept,) = (tmp_path / "state").glob("*.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    checked(net, "token-one", EXPIRED, status=401)
    granted(net, "refresh-two", "token-two", "refresh-three")
    checked(net, "token-two")
    made(surroundings(state=tmp_path / "state")).check()


def test_a_consent_that_was_given_anew_counts(net, secrets, monkeypatch, tmp_path):
    secrets()
    granted(net, "refresh-one", "token-one", "refresh-two")
    checked(net, "token-one")
    made(surroundings(state=tmp_path)).check()
    monkeypatch.setenv("MS_REFRESH_TOKEN", "consented-again")
    granted(net, "consented-again", "token-two", "refresh-three")
    checked(net, "token-two")
    made(surroundings(state=tmp_path)).check()


def test_a_consent_that_is_gone_is_the_operators(net, secrets):
    secrets()
    net.add("POST", TOKENS, json={"error": "invalid_grant"}, status=400)
    with pytest.raises(CredentialsRefused, match="invalid_grant") as caught:
        made(surroundings()).check()
    assert "second factor" in caught.value.act
    assert "REFRESH_TOKEN" in caught.value.act
    assert "refresh-one" not in str(caught.value)


def test_a_token_without_a_refresh_token_ends(net, secrets):
    secrets(TOKEN="secret-token", REFRESH_TOKEN=None)
    checked(net, "secret-token", fault(105, "InvalidCredentials"), status=401)
    with pytest.raises(CredentialsRefused):
        made(surroundings()).check()


def test_a_confidential_application_sends_its_secret_and_its_tenant(net, secrets):
    secrets(CLIENT_SECRET="hush", TENANT="contoso.example")
    net.add("POST", TOKENS.replace("common", "contoso.example"), json={"access_token": "t"})
    checked(net, "t")
    made(surroundings()).check()
    assert parse_qs(net.calls[0].request.body)["client_secret"] == ["hush"]


def test_a_user_who_signs_in_with_google(net, secrets):
    """Google's token endpoint, and a header that says so; the refresh token stays."""
    secrets(IDENTITY_PROVIDER="google", CLIENT_SECRET="hush")
    form = {
        "grant_type": "refresh_token",
        "refresh_token": "refresh-one",
        "client_id": "application",
        "client_secret": "hush",
    }
    for token in ("first", "second"):
        net.add(
            "POST",
            "https://oauth2.googleapis.com/token",
            json={"access_token": token, "expires_in": 3599},
            match=[matchers.urlencoded_params_matcher(form)],
        )
        expected = {"Authorization": f"Bearer {token}", "IdentityProvider": "Google"}
        expired = fault(109, "AuthenticationTokenExpired")
        answer = expired if token == "first" else {"Audiences": []}
        net.add(
            "POST",
            BASE + "Audiences/QueryByIds",
            json=answer,
            status=401 if token == "first" else 200,
            match=[matchers.header_matcher(expected)],
        )
    made(surroundings()).check()


def test_what_an_account_must_have(secrets, monkeypatch, tmp_path):
    around = surroundings(folder=tmp_path)
    with pytest.raises(ConfigError, match="MS_DEVELOPER_TOKEN"):
        made(around)
    secrets(REFRESH_TOKEN=None)
    with pytest.raises(CredentialsRefused, match="MS_REFRESH_TOKEN"):
        made(around)
    secrets(CLIENT_ID="")
    with pytest.raises(CredentialsRefused, match="MS_CLIENT_ID") as caught:
        made(around)
    assert "Entra" in caught.value.act
    secrets()
    with pytest.raises(RuleRefused, match="login"):
        made(around, login=None)
    monkeypatch.setenv("MS_CUSTOMER_ID", "none")
    with pytest.raises(ConfigError, match="MS_CUSTOMER_ID"):
        made(around)


def test_nothing_shows_a_secret(connector):
    shown_ = f"{connector!r} {vars(connector)!r}"
    assert not [one for one in ("developer-secret", "secret-token", "refresh-one") if one in shown_]


# Corrections


def read(where):
    name, number = ("Campaign", "5") if where is CAMPAIGN else ("AdGroup", "61")
    body = {f"{name}Id": number, "CriterionType": "CustomerList", f"{name}CriterionIds": None}
    return f"{name}Criterions/QueryByIds", body


def criterion(name, where, number, audience, percent, **more):
    given = {
        "Type": f"Biddable{name}Criterion",
        "Id": number,
        f"{name}Id": where,
        "Status": "Active",
        "Criterion": {
            "Type": "AudienceCriterion",
            "AudienceId": audience,
            "AudienceType": "CustomerList",
        },
        "CriterionBid": {"Type": "BidMultiplier", "Multiplier": percent},
    }
    return given | more


def present(net, *found):
    call(net, *read(CAMPAIGN), {"CampaignCriterions": list(found), "PartialErrors": []})


def test_corrections_are_read_of_each_object(net, connector):
    negative = criterion("Campaign", "5", "9003", "7", None, Type="NegativeCampaignCriterion")
    unset = criterion("Campaign", "5", "9004", "8", None, CriterionBid=None)
    present(net, criterion("Campaign", "5", "9001", LIST, 25.0), negative, unset)
    mine = {"AdGroupCriterions": [criterion("AdGroup", "61", "9002", LIST, -90.0)]}
    call(net, *read(GROUP), mine)
    assert connector.read_corrections([CAMPAIGN, GROUP]) == (
        PresentCorrection(CAMPAIGN, LIST, "9001", 25),
        PresentCorrection(CAMPAIGN, "8", "9004", 0),
        PresentCorrection(GROUP, LIST, "9002", -90),
    )


def wanted(percent, correction=None, where=CAMPAIGN, condition=LIST):
    return CorrectionChange(where, "vip", condition, correction, percent)


def standing(net, *campaigns, ids=("5",)):
    types = "Search, Shopping, DynamicSearchAds, Audience, Hotel, PerformanceMax, App"
    body = {"AccountId": "123456789", "CampaignType": types, "CampaignIds": list(ids)}
    found = campaigns or [{"Id": "5", "BiddingScheme": {"Type": "EnhancedCpc"}, "Settings": []}]
    call(net, "Campaigns/QueryByIds", body, {"Campaigns": list(found), "PartialErrors": []})


def add_body(*percents, condition=LIST, name="Campaign", where="5"):
    items = [criterion(name, where, "", condition, percent) for percent in percents]
    for one in items:
        del one["Id"], one["Status"]
    return {"CriterionType": "Audience", f"{name}Criterions": items}


def answered(*ids, errors=(), name="Campaign"):
    return {f"{name}CriterionIds": list(ids), "NestedPartialErrors": list(errors)}


def test_a_correction_is_added(net, connector):
    standing(net)
    call(net, "CampaignCriterions", add_body(-30), answered("9001"))
    (receipt,) = connector.write_corrections([wanted(-30)])
    assert (receipt.correction_id, receipt.refused) == ("9001", "")


def test_a_correction_of_an_ad_group_looks_for_its_campaign_once(net, connector):
    types = "Search, Shopping, DynamicSearchAds, Audience, Hotel, PerformanceMax, App"
    account = {"AccountId": "123456789", "CampaignType": types}
    call(net, "Campaigns/QueryByAccountId", account, {"Campaigns": [{"Id": "5"}, {"Id": "6"}]})
    groups = "AdGroups/QueryByCampaignId"
    call(net, groups, {"CampaignId": "5"}, {"AdGroups": [{"Id": "51"}]})
    call(net, groups, {"CampaignId": "6"}, {"AdGroups": [{"Id": "61"}, {"Id": "62"}]})
    for number in ("9001", "9002"):
        standing(net, {"Id": "6"}, ids=["6"])
        body = {"CampaignId": "6", "AdGroupIds": ["61"]}
        call(net, "AdGroups/QueryByIds", body, {"AdGroups": [{"Id": "61"}]})
        body = add_body(45, name="AdGroup", where="61")
        call(net, "AdGroupCriterions", body, answered(number, name="AdGroup"))
        (receipt,) = connector.write_corrections([wanted(45, where=GROUP)])
        assert receipt.correction_id == number


def test_objects_are_listed_by_name_and_ended_ones_are_not(net, connector):
    types = "Search, Shopping, DynamicSearchAds, Audience, Hotel, PerformanceMax, App"
    account = {"AccountId": "123456789", "CampaignType": types}
    campaigns = [
        {"Id": "5", "Name": "Brand", "Status": "BudgetPaused"},
        {"Id": "6", "Name": "Old", "Status": "Deleted"},
        {"Id": "7", "Name": "Shoes", "Status": "Active"},
    ]
    for _ in Level:
        call(net, "Campaigns/QueryByAccountId", account, {"Campaigns": campaigns})
    groups = [{"Id": "61", "Name": "Red", "Status": "Paused"}, {"Id": "62", "Status": "Expired"}]
    for number, found in (("5", groups), ("7", [])):
        call(net, "AdGroups/QueryByCampaignId", {"CampaignId": number}, {"AdGroups": found})
    named = [(one.object.object_id, one.name) for one in connector.objects(Level.CAMPAIGN)]
    assert named == [("5", "Brand"), ("7", "Shoes")]
    (group,) = connector.objects(Level.AD_GROUP)
    assert (group.object, group.name, group.labels) == (GROUP, "Red", ())


def test_corrections_are_set_and_removed(net, connector):
    body = {
        "CampaignId": "5",
        "CriterionType": "Audience",
        "CampaignCriterionIds": ["9001", "9002"],
    }
    told = error(4526, "CampaignCriterionDoesNotExist", 1)
    call(net, "CampaignCriterions", body, {"PartialErrors": [told]}, "DELETE")
    changed = add_body(900)
    changed["CampaignCriterions"][0]["Id"] = "9003"
    del changed["CampaignCriterions"][0]["Criterion"]
    call(net, "CampaignCriterions", changed, {"NestedPartialErrors": []}, "PUT")
    receipts = connector.write_corrections(
        [wanted(900, "9003"), wanted(None, "9001"), wanted(None, "9002"), wanted(None)]
    )
    assert [one.refused for one in receipts] == [""] * 4
    assert [one.correction_id for one in receipts] == ["9003", None, None, None]
    assert "4526" in receipts[2].warning


def test_what_is_out_of_range_is_not_sent(net, connector):
    receipts = connector.write_corrections([wanted(-91), wanted(901, "9001")])
    assert all("-90 to 900" in one.refused for one in receipts)


def nested(code, name, index):
    """Where the collection leaves the telling to the errors in it."""
    empty = error(None, None, index, "BatchErrorCollection")
    return empty | {"BatchErrors": [error(code, name, 0)]}


def test_refused_items_stop_no_other(net, connector):
    standing(net)
    changes = [wanted(10, condition="1"), wanted(20), wanted(30, condition="2")]
    items = [add_body(10, condition="1"), add_body(20), add_body(30, condition="2")]
    body = {**items[0], "CampaignCriterions": [one["CampaignCriterions"][0] for one in items]}
    errors = [
        nested(4522, "CampaignAlreadyHasAdGroupAudienceCriterion", 2),
        error(4835, "InvalidAudienceId", 0, "BatchErrorCollection"),
    ]
    call(net, "CampaignCriterions", body, answered(None, "9001", None, errors=errors))
    first, second, third = connector.write_corrections(changes)
    assert "InvalidAudienceId (4835)" in first.refused
    assert (second.correction_id, second.refused) == ("9001", "")
    assert "not on both" in third.refused


def test_a_refused_item_says_who_must_act(net, connector):
    standing(net)
    errors = [error(4524, "NotEnabledForAccount", 0, "BatchErrorCollection")]
    call(net, "CampaignCriterions", add_body(20), answered(None, errors=errors))
    (receipt,) = connector.write_corrections([wanted(20)])
    assert "Ask Microsoft to enable audiences of campaigns" in receipt.refused


def test_the_id_of_a_call_is_told_for_microsofts_support(net, connector, caplog):
    caplog.set_level(logging.DEBUG)
    tracking = {"TrackingId": "8b1f0e9a-71d3-4a9f-9f0f-5a3a3a4b7c11"}
    for status in (200, 400):
        answer = {"Audiences": []} if status == 200 else fault(100, "NullRequest")
        net.add("POST", BASE + "Audiences/QueryByIds", json=answer, status=status, headers=tracking)
    connector.check()
    assert tracking["TrackingId"] in caplog.text
    with pytest.raises(ContractBroken, match=f"request {tracking['TrackingId']}"):
        connector.check()


DUPLICATE = error(4521, "DuplicateCampaignCriterion", 0, "BatchErrorCollection")


@pytest.mark.parametrize(("there", "refused"), [(-30.0, ""), (15.0, "plan again")])
def test_a_duplicate_is_read_before_it_is_judged(net, connector, there, refused):
    standing(net)
    call(net, "CampaignCriterions", add_body(-30), answered(None, errors=[DUPLICATE]))
    present(net, criterion("Campaign", "5", "9001", LIST, there))
    (receipt,) = connector.write_corrections([wanted(-30)])
    assert refused in receipt.refused
    assert bool(receipt.refused) == bool(refused)
    assert receipt.correction_id == (None if refused else "9001")


def test_a_lost_answer_to_an_addition_is_looked_for(net, connector):
    standing(net)
    call(net, "CampaignCriterions", add_body(-30), responses.ConnectionError("cut"))
    present(net)
    call(net, "CampaignCriterions", add_body(-30), fault(833, "ServiceTimeOut"), status=500)
    present(net, criterion("Campaign", "5", "9001", LIST, -30.0))
    (receipt,) = connector.write_corrections([wanted(-30)])
    assert receipt.correction_id == "9001"


def test_an_object_that_reaches_its_lists_only_gets_no_other_list(net, connector):
    detail = {"CriterionTypeGroup": "Audience", "TargetAndBid": True}
    narrow = {"Id": "5", "Settings": [{"Type": "TargetSetting", "Details": [detail]}]}
    standing(net, narrow)
    (receipt,) = connector.write_corrections([wanted(-30)])
    assert "target and bid" in receipt.refused


def test_a_failure_before_anything_was_sent_is_raised_later_it_is_told(net, connector):
    body = {"CampaignId": "5", "CriterionType": "Audience", "CampaignCriterionIds": ["9001"]}
    call(net, "CampaignCriterions", body, fault(106, "UserIsNotAuthorized"), "DELETE", status=403)
    with pytest.raises(CredentialsRefused):
        connector.write_corrections([wanted(None, "9001"), wanted(20, "9002")])
    call(net, "CampaignCriterions", body, {"PartialErrors": []}, "DELETE")
    changed = add_body(20)
    changed["CampaignCriterions"][0]["Id"] = "9002"
    del changed["CampaignCriterions"][0]["Criterion"]
    refusal = fault(106, "UserIsNotAuthorized")
    call(net, "CampaignCriterions", changed, refusal, "PUT", status=403)
    gone, failed = connector.write_corrections([wanted(None, "9001"), wanted(20, "9002")])
    assert gone.refused == ""
    assert failed.refused.startswith("failed:")


@pytest.mark.parametrize(
    ("scheme", "acts_on"),
    [
        ("EnhancedCpc", "bid"),
        ("ManualCpc", "bid"),
        ("TargetRoas", "ignored"),
        ("TargetRoasBiddingScheme", "ignored"),
        ("MaxConversionValueBiddingScheme", "ignored"),
        ("MaxClicks", "ignored"),
        ("Commission", "unknown"),
    ],
)
def test_what_a_correction_acts_on(net, connector, scheme, acts_on):
    standing(net, {"Id": "5", "BiddingScheme": {"Type": scheme}, "Settings": None})
    assert connector.strategies([CAMPAIGN]) == (
        Strategy(CAMPAIGN, scheme.removesuffix("BiddingScheme"), acts_on),
    )


# Spend

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 7)
COLUMNS = [
    "TimePeriod",
    "CampaignId",
    "AudienceId",
    *("Impressions", "Clicks", "Spend", "ConversionsQualified", "Conversions", "Revenue"),
]
SUBMIT = {
    "ReportRequest": {
        "Type": "AudiencePerformanceReportRequest",
        "ReportName": "adsteer",
        "Format": "Csv",
        "FormatVersion": "2.0",
        "ReturnOnlyCompleteData": False,
        "ExcludeReportHeader": True,
        "ExcludeReportFooter": True,
        "ExcludeColumnHeaders": False,
        "Aggregation": "Daily",
        "Columns": COLUMNS,
        "Scope": {"Campaigns": [{"AccountId": "123456789", "CampaignId": "5"}]},
        "Time": {
            "CustomDateRangeStart": {"Year": 2026, "Month": 11, "Day": 1},
            "CustomDateRangeEnd": {"Year": 2026, "Month": 11, "Day": 7},
            "ReportTimeZone": "GreenwichMeanTimeDublinEdinburghLisbonLondon",
        },
    }
}
WHOLE = {
    "ReportRequest": SUBMIT["ReportRequest"]
    | {
        "Type": "CampaignPerformanceReportRequest",
        "Columns": [one for one in COLUMNS if one != "AudienceId"],
    }
}
FILE = "https://storage.example/reports/one%20file.zip?sv=2026&sig=a%2Bb%3D%3D"


def submitted(net, body=SUBMIT):
    call(net, f"{REPORTS}Submit", body, {"ReportRequestId": "30000000001"})


def whole(net, *lines):
    """The second report, of everybody."""
    submitted(net, WHOLE)
    polled(net, "Success", FILE if lines else None)
    if lines:
        columns = WHOLE["ReportRequest"]["Columns"]
        downloaded(net, packed(*lines, columns=columns))


def polled(net, status, address=None):
    answer = {"ReportRequestStatus": {"Status": status, "ReportDownloadUrl": address}}
    call(net, f"{REPORTS}Poll", {"ReportRequestId": "30000000001"}, answer)


def packed(*lines, columns=COLUMNS):
    text = "\r\n".join(",".join(f'"{cell}"' for cell in line) for line in (columns, *lines))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.csv", "\ufeff" + text)
    return out.getvalue()


def downloaded(net, body=b"", status=200):
    query = {"sv": "2026", "sig": "a+b=="}
    match = [matchers.query_param_matcher(query)]
    url = "https://storage.example/reports/one%20file.zip"
    net.add("GET", url, body=body, status=status, match=match)


ROW = ("2026-11-01", "5", LIST, "120", "7", "12.34", "1.50", "0", "99.90")


def test_a_report_is_submitted_polled_and_fetched_without_our_tokens(net, connector, clock):
    submitted(net)
    polled(net, "Pending")
    polled(net, "Pending")
    polled(net, "Success", FILE)
    older = ("2026-11-02", "5", LIST, "0", "0", "0.00", "", "2", "")
    downloaded(net, packed(ROW, older))
    whole(net)
    assert connector.spend([CAMPAIGN], FIRST, LAST) == (
        SpendRow(
            FIRST, CAMPAIGN, LIST, 120, 7, Decimal("12.34"), Decimal("1.50"), Decimal("99.90")
        ),
        SpendRow(date(2026, 11, 2), CAMPAIGN, LIST, 0, 0, Decimal(0), Decimal(2), None),
    )
    assert clock.slept == [2, 4]
    (sent,) = [one.request.headers for one in net.calls if one.request.method == "GET"]
    assert not {"Authorization", "DeveloperToken", "CustomerId"} & set(sent)


def test_days_are_those_of_the_time_zone_that_the_operator_names(net, secrets):
    secrets(REPORT_TIME_ZONE="HelsinkiKyivRigaSofiaTallinnVilnius", TOKEN="secret-token")
    connector = made(surroundings())
    for kind in ("AudiencePerformance", "CampaignPerformance"):
        net.add("POST", REPORTS + "Submit", json={"ReportRequestId": kind})
        told = {"ReportRequestStatus": {"Status": "Success", "ReportDownloadUrl": None}}
        net.add("POST", REPORTS + "Poll", json=told)
    connector.spend([CAMPAIGN], date(2026, 11, 1), date(2026, 11, 7))
    asked = json.loads(net.calls[0].request.body)["ReportRequest"]
    assert asked["Time"] == {
        "CustomDateRangeStart": {"Year": 2026, "Month": 11, "Day": 1},
        "CustomDateRangeEnd": {"Year": 2026, "Month": 11, "Day": 7},
        "ReportTimeZone": "HelsinkiKyivRigaSofiaTallinnVilnius",
    }


def test_no_address_is_no_data(net, connector):
    submitted(net)
    polled(net, "Success")
    whole(net)
    assert connector.spend([CAMPAIGN], FIRST, LAST) == ()


def test_people_in_no_list_are_what_is_left_of_the_whole(net, connector):
    submitted(net)
    polled(net, "Success", FILE)
    other = ("2026-11-01", "5", "800000001", "30", "2", "2.00", "0.50", "0", "")
    downloaded(net, packed(ROW, other))
    whole(
        net,
        ("2026-11-01", "5", "1000", "40", "100.00", "5.00", "0", "300.00"),
        ("2026-11-02", "5", "10", "1", "1.00", "", "", ""),
    )
    rows = connector.spend([CAMPAIGN], FIRST, LAST)
    assert [one for one in rows if one.condition_id is None] == [
        SpendRow(
            *(FIRST, CAMPAIGN, None, 850, 31),
            *(Decimal("85.66"), Decimal("3.00"), Decimal("200.10")),
        ),
        SpendRow(date(2026, 11, 2), CAMPAIGN, None, 10, 1, Decimal("1.00"), None, None),
    ]


def test_people_in_two_lists_leave_nothing_below_zero(net, connector):
    submitted(net)
    polled(net, "Success", FILE)
    twice = (ROW[0], "5", "800000001", *ROW[3:])
    downloaded(net, packed(ROW, twice))
    whole(net, (ROW[0], "5", *ROW[3:]))
    left = connector.spend([CAMPAIGN], FIRST, LAST)[-1]
    assert (left.impressions, left.clicks) == (0, 0)
    assert {left.cost, left.conversions, left.revenue} == {Decimal(0)}


def test_an_address_that_died_is_asked_for_again(net, connector):
    submitted(net)
    polled(net, "Success", FILE)
    downloaded(net, status=403)
    polled(net, "Success", FILE)
    downloaded(net, packed(ROW))
    whole(net)
    assert len(connector.spend([CAMPAIGN], FIRST, LAST)) == 1


def test_addresses_that_always_die(net, connector):
    submitted(net)
    for _ in range(3):
        polled(net, "Success", FILE)
        downloaded(net, status=403)
    with pytest.raises(Transient) as caught:
        connector.spend([CAMPAIGN], FIRST, LAST)
    assert "storage.example" not in str(caught.value)


def test_a_file_that_came_in_part_is_fetched_again(net, connector):
    submitted(net)
    polled(net, "Success", FILE)
    downloaded(net, packed(ROW)[:-30])
    downloaded(net, packed(ROW))
    whole(net)
    assert len(connector.spend([CAMPAIGN], FIRST, LAST)) == 1


@pytest.mark.parametrize(("said", "kind"), [("Error", Transient), ("Lost", ContractBroken)])
def test_a_report_that_fails(net, connector, said, kind):
    submitted(net)
    polled(net, said)
    with pytest.raises(kind):
        connector.spend([CAMPAIGN], FIRST, LAST)


def test_a_report_that_is_never_built(net, connector, clock):
    submitted(net)
    for _ in range(65):
        polled(net, "Pending")
    with pytest.raises(Transient, match="not built"):
        connector.spend([CAMPAIGN], FIRST, LAST)
    assert 3500 < sum(clock.slept) <= 3600


@pytest.mark.parametrize(
    "row",
    [
        ("2026-11-01", "5", LIST, "1,200", "7", "12.34", "1", "0", "1"),
        ("2026-11-01", "5", LIST, "120", "7", "12,34", "1", "0", "1"),
        ("01/11/2026", "5", LIST, "120", "7", "12.34", "1", "0", "1"),
        ("2026-11-01", "6", LIST, "120", "7", "12.34", "1", "0", "1"),
        ("2026-11-01", "5", LIST, "120"),
        (*ROW, "more"),
        ('2026-11-01" ', *ROW[1:]),
    ],
)
def test_a_row_that_is_not_what_was_asked_for(net, connector, row):
    submitted(net)
    polled(net, "Success", FILE)
    downloaded(net, packed(row))
    with pytest.raises(ContractBroken):
        connector.spend([CAMPAIGN], FIRST, LAST)


# What a platform's page declares


def test_limits_are_those_of_the_page():
    assert Microsoft.limits.kinds == {Identifier.EMAIL}
    assert (Microsoft.bid_limits.lowest, Microsoft.bid_limits.highest) == (-90, 900)
    assert Microsoft.limits.min_members == 300
    assert Microsoft.limits.batch_size <= 1000
