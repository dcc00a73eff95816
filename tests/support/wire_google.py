"""Google's two APIs as `responses` plays them: each question exactly, and what is answered."""

import json
from typing import Any

import pytest
from responses import matchers

from audiences.model import AudienceRef
from bids.model import BidObject, CorrectionChange, Level
from config.audiences import Purpose
from config.platforms import Account
from connectors.registry import connect
from tests.support.members import digest
from tests.support.surroundings import surroundings

LISTS = (
    "https://datamanager.googleapis.com/v1/accountTypes/GOOGLE_ADS/accounts/1234567890/userLists"
)
MEMBERS = "https://datamanager.googleapis.com/v1/audienceMembers:"
STATUS = "https://datamanager.googleapis.com/v1/requestStatus:retrieve"
CUSTOMER = "https://googleads.googleapis.com/v26/customers/1234567890/"
TOKEN = "https://oauth2.googleapis.com/token"
AUTH = matchers.header_matcher({"Authorization": "Bearer fresh-token"})
VIP = AudienceRef("g", "google", "vip", Purpose.RETARGETING, 'adsteer: "vip"', 30)
CONTACTS = {
    "uploadKeyTypes": ["CONTACT_ID"],
    "contactIdInfo": {"dataSourceType": "DATA_SOURCE_TYPE_FIRST_PARTY"},
}
OURS = {
    "name": "accountTypes/GOOGLE_ADS/accounts/1234567890/userLists/555",
    "id": "555",
    "displayName": VIP.title,
    "membershipStatus": "OPEN",
    "ingestedUserListInfo": CONTACTS,
}
CAMPAIGN = BidObject("g", "google", Level.CAMPAIGN, "2")
GROUP = BidObject("g", "google", Level.AD_GROUP, "3")


def environment(monkeypatch, **more):
    secrets = {
        "CLIENT_ID": "client",
        "CLIENT_SECRET": "client-secret",
        "REFRESH_TOKEN": "refresh-token",
        "CUSTOMER_MATCH_TERMS": "accepted",
    }
    for name, value in (secrets | more).items():
        monkeypatch.setenv(f"SHOP_{name}", value)


@pytest.fixture
def connector(monkeypatch, clock):
    environment(monkeypatch)
    account = Account(name="g", platform="google", secrets="SHOP_", login="123-456-7890")
    return connect(account, surroundings(clock))


@pytest.fixture
def known(net, connector):
    """The connector, once it has a token."""
    token(net)
    return connector


def token(net, access="fresh-token", **answer):
    form = {
        "grant_type": "refresh_token",
        "client_id": "client",
        "client_secret": "client-secret",
        "refresh_token": "refresh-token",
    }
    body = {"access_token": access, "expires_in": 3599, "token_type": "Bearer", "scope": "both"}
    given = answer or {"json": body}
    net.add("POST", TOKEN, match=[matchers.urlencoded_params_matcher(form)], **given)


def lists(net, *found, title=VIP.title, **more):
    escaped = title.replace('"', '\\"')
    query = {"pageSize": "1000", "filter": f'display_name = "{escaped}"'} | more
    answer = {"userLists": list(found)} if found else {}
    net.add("GET", LISTS, json=answer, match=[AUTH, matchers.query_param_matcher(query)])


CREATE = {
    "displayName": VIP.title,
    "description": "Kept by adsteer.",
    "membershipStatus": "OPEN",
    "membershipDuration": "2592000s",
    "ingestedUserListInfo": CONTACTS,
}


def create(net, **answer):
    answer = answer or {"json": OURS}
    net.add("POST", LISTS, match=[AUTH, matchers.json_params_matcher(CREATE)], **answer)


def member(number):
    identifiers = [
        {"emailAddress": digest(f"person{number}@example.test")},
        {"phoneNumber": digest(f"7000{number:07d}")},
    ]
    return {"compositeData": {"userData": {"userIdentifiers": identifiers}}}


DESTINATION = {
    "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": "1234567890"},
    "productDestinationId": "555",
}
CONSENT = {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}


def ingest_body(*members, destination=DESTINATION):
    return {
        "destinations": [destination],
        "consent": CONSENT,
        "encoding": "HEX",
        "termsOfService": {"customerMatchTermsOfServiceStatus": "ACCEPTED"},
        "audienceMembers": list(members),
    }


def remove_body(*members):
    return {"destinations": [DESTINATION], "encoding": "HEX", "audienceMembers": list(members)}


def body_is(expected):
    """Exactly this JSON, as JSON, of stated length."""

    def match(request):
        text = b"".join(request.body)
        fits = (
            json.loads(text) == expected
            and request.headers["Content-Type"] == "application/json"
            and request.headers["Content-Length"] == str(len(text))
        )
        return fits, f"{text[:300]!r}"

    return match


def change(net, verb, body, **answer):
    answer = answer or {"json": {"requestId": "r-1"}}
    net.add("POST", MEMBERS + verb, match=[AUTH, body_is(body)], **answer)


def wrong(status, reason="INVALID_ARGUMENT", *violations, **metadata):
    """An error of the Data Manager, as its documents print it."""
    names = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}
    details: list[dict[str, Any]] = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": "datamanager.googleapis.com",
            "metadata": {"requestId": "t-1", **metadata},
        },
        {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": "t-1"},
    ]
    if violations:
        shown = [{"field": f, "description": "d", "reason": r} for f, r in violations]
        details.append(
            {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": shown}
        )
    error = {"code": status, "status": names.get(status, "X"), "message": "m", "details": details}
    return {"status": status, "json": {"error": error}}


def failure(category, code, place=None, **more):
    elements = [] if place is None else [{"fieldName": "operations", "index": place}]
    error = {"errorCode": {category: code}, "message": "said", **more}
    return {**error, **({"location": {"fieldPathElements": elements}} if elements else {})}


def ads_wrong(status, *failures):
    """An error of the Google Ads API, as its documents print it."""
    detail = {
        "@type": "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure",
        "errors": list(failures),
        "requestId": "r",
    }
    error = {"code": status, "status": "X", "message": "m", "details": [detail]}
    return {"status": status, "json": {"error": error}}


def ads(net, path, body, **answer):
    answer = answer or {"json": {}}
    match = [AUTH, matchers.json_params_matcher(body)]
    net.add("POST", CUSTOMER + path, match=match, **answer)


def search(net, query, *rows, **answer):
    answer = answer or {"json": {"results": list(rows)} if rows else {"fieldMask": "x"}}
    ads(net, "googleAds:search", {"query": query}, **answer)


CHECK = "SELECT customer.manager, customer.test_account FROM customer LIMIT 1"

TRIAL = {
    "displayName": "adsteer: may lists be made?",
    "description": "Kept by adsteer.",
    "membershipStatus": "OPEN",
    "membershipDuration": "46656000s",
    "ingestedUserListInfo": CONTACTS,
}


def trial(net, **answer):
    dry = matchers.query_param_matcher({"validateOnly": "true"})
    body = matchers.json_params_matcher(TRIAL)
    net.add("POST", LISTS, match=[AUTH, dry, body], **(answer or {"json": {}}))


def read_lists(net):
    first = matchers.query_param_matcher({"pageSize": "1"})
    net.add("GET", LISTS, json={}, match=[AUTH, first])


def check(net, **answer):
    read_lists(net)
    search(net, CHECK, {"customer": {"id": "1234567890"}}, **answer)
    if not answer:
        trial(net)


# What became of a request


PLACE = {"destination": DESTINATION}


# Look-alikes


def grown(number, **other):
    likeness = {
        "seedUserListIds": ["555"],
        "expansionLevel": "NARROW",
        "countryCodes": ["PL", "UA"],
        **other,
    }
    return {"userList": {"id": number, "lookalikeUserList": likeness}}


# Writing corrections


def changed(percent, correction=None, condition="555", where=CAMPAIGN):
    return CorrectionChange(where, "vip", condition, correction, percent)


def mutate(net, collection, operations, *results, failures=()):
    body = {"operations": operations, "partialFailure": True}
    names = [f"customers/1234567890/{collection}/{one}" if one else "" for one in results]
    answer: dict[str, Any] = {"results": [{"resourceName": n} if n else {} for n in names]}
    if failures:
        answer["partialFailureError"] = ads_wrong(3, *failures)["json"]["error"]
    ads(net, f"{collection}:mutate", body, json=answer)


def update(percent, tail, collection="campaignCriteria"):
    name = f"customers/1234567890/{collection}/{tail}"
    return {
        "updateMask": "bidModifier",
        "update": {"resourceName": name, "bidModifier": round(1 + percent / 100, 2)},
    }
