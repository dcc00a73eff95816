"""Plain HTTP calls at the played Google. Knows none of our connectors.

Where Google's own types are installed, answers are held against them on the way.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import requests

from connectors.sandbox.server import Running
from tests.support.google_types import ADS, ADS_ERRORS, DATA, assert_answer

TIMEOUT = 20
CUSTOMER, CHILD, MANAGER = "1234567890", "2222222222", "9999999999"
CONTACTS = {"uploadKeyTypes": ["CONTACT_ID"]}
CONSENT = {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
TERMS = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def people(numbers: Iterable[int], **more: Any) -> list[dict[str, Any]]:
    """Members with one address each."""
    return [contact({"emailAddress": digest(f"email {n}")}, **more) for n in numbers]


def contact(*identifiers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"compositeData": {"userData": {"userIdentifiers": list(identifiers)}}, **more}


class Data:
    """The Data Manager API; answers are raw responses."""

    def __init__(self, sandbox: Running, customer: str = CUSTOMER) -> None:
        self._base = f"{sandbox.url}/google/v1/"
        self.customer = customer
        self.headers = {"Authorization": "Bearer sandbox-token"}

    def ask(self, method: str, path: str, **given: Any) -> requests.Response:
        return requests.request(
            method, self._base + path, headers=self.headers, timeout=TIMEOUT, **given
        )

    @property
    def collection(self) -> str:
        return f"accountTypes/GOOGLE_ADS/accounts/{self.customer}/userLists"

    def create(self, name: str = "VIP", **more: Any) -> requests.Response:
        body = {"displayName": name, "ingestedUserListInfo": CONTACTS, **more}
        return self.ask("POST", self.collection, json=body)

    def made(self, name: str = "VIP", **more: Any) -> str:
        answer = self.create(name, **more)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def get(self, number: str) -> requests.Response:
        answer = self.ask("GET", f"{self.collection}/{number}")
        if answer.status_code == 200:
            assert_answer(DATA, "UserList", answer.json())
        return answer

    def lists(self, **query: Any) -> dict[str, Any]:
        found = dict(self.ask("GET", self.collection, params=query).json())
        assert_answer(DATA, "ListUserListsResponse", found)
        return found

    def destination(self, number: str, **more: Any) -> dict[str, Any]:
        account = {"accountType": "GOOGLE_ADS", "accountId": self.customer}
        return {"operatingAccount": account, "productDestinationId": number, **more}

    def ingest(self, number: str, members: Any, **more: Any) -> requests.Response:
        body = {
            "destinations": [self.destination(number)],
            "audienceMembers": members,
            "consent": CONSENT,
            "encoding": "HEX",
            "termsOfService": TERMS,
        }
        return self.post("ingest", body | more)

    def remove(self, number: str, members: Any) -> requests.Response:
        place = {"destinations": [self.destination(number)]}
        return self.post("remove", {**place, "audienceMembers": members, "encoding": "HEX"})

    def post(self, verb: str, body: dict[str, Any]) -> requests.Response:
        """Names with the value None are left out."""
        kept = {name: value for name, value in body.items() if value is not None}
        return self.ask("POST", f"audienceMembers:{verb}", json=kept)

    def status(self, request_id: str) -> requests.Response:
        answer = self.ask("GET", "requestStatus:retrieve", params={"requestId": request_id})
        if answer.status_code == 200:
            assert_answer(DATA, "RetrieveRequestStatusResponse", answer.json())
        return answer


def violations(answer: requests.Response) -> list[tuple[str, str]]:
    """Field and reason of everything wrong; the envelope is checked on the way."""
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    found = [one for one in error["details"] if "fieldViolations" in one]
    wrong = [(v["field"], v["reason"]) for one in found for v in one["fieldViolations"]]
    for _, reason in wrong:
        assert_reason(reason)
    return wrong


def assert_reason(reason: str) -> None:
    """A name of the enum of reasons, in a message that has one."""
    try:
        from google.ads.datamanager_v1.types import ErrorReason
    except ImportError:
        return
    assert reason in ErrorReason.__members__, reason


def reason(answer: requests.Response) -> tuple[int, str]:
    """Status and reason of ErrorInfo."""
    details = answer.json()["error"]["details"]
    return answer.status_code, str(details[0]["reason"])


class Ads:
    """The Google Ads API; answers are raw responses."""

    def __init__(self, sandbox: Running, customer: str = CUSTOMER, version: str = "v26") -> None:
        self._base = f"{sandbox.url}/google_ads/{version}/customers/{customer}"
        self.customer = customer
        self.headers = {"Authorization": "Bearer sandbox-token"}

    def post(self, path: str, body: Any) -> requests.Response:
        return requests.post(self._base + path, json=body, headers=self.headers, timeout=TIMEOUT)

    def mutate(self, collection: str, *operations: Any, **more: Any) -> requests.Response:
        return self.post(f"/{collection}:mutate", {"operations": list(operations), **more})

    def made(self, collection: str, body: dict[str, Any]) -> str:
        answer = self.mutate(collection, {"create": body})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["results"][0]["resourceName"])

    def search(self, query: str) -> list[dict[str, Any]]:
        answer = self.post("/googleAds:search", {"query": query})
        assert answer.status_code == 200, answer.text
        assert_answer(f"{ADS}.google_ads_service", "SearchGoogleAdsResponse", answer.json())
        return list(answer.json().get("results", []))

    def named(self, collection: str, tail: object) -> str:
        return f"customers/{self.customer}/{collection}/{tail}"

    def criterion(self, number: str, modifier: float | None = 1.25, **more: Any) -> Any:
        """A criterion of a list on the first campaign."""
        body = {
            "campaign": self.named("campaigns", 2001),
            "userList": {"userList": self.named("userLists", number)},
            **({} if modifier is None else {"bidModifier": modifier}),
        }
        return body | more

    def group_criterion(self, number: str, modifier: float = 1.25, group: int = 3001) -> Any:
        body = self.criterion(number, modifier)
        del body["campaign"]
        return {"adGroup": self.named("adGroups", group), **body}


def failures(answer: requests.Response) -> list[tuple[int | None, str, str]]:
    """Operation, category and code of every error of a refusal or a partial failure."""
    body = answer.json()
    status = body["error"] if "error" in body else body.get("partialFailureError", {})
    found = []
    for detail in status.get("details", []):
        plain = {name: value for name, value in detail.items() if name != "@type"}
        if "GoogleAdsFailure" in detail["@type"]:
            assert_answer(ADS_ERRORS, "GoogleAdsFailure", plain)
        for one in detail.get("errors", []):
            ((category, code),) = one["errorCode"].items()
            elements = one.get("location", {}).get("fieldPathElements", [])
            place = next((e["index"] for e in elements if "index" in e), None)
            found.append((place, category, code))
    return found
