"""What both played Google APIs share: who may ask for which account, and how a refusal reads.

Source: Google Ads API v26 and Data Manager API v1, authorisation and errors of their documents.
"""

from dataclasses import dataclass, field
from typing import Any

from fastapi import Request

from connectors.sandbox.frame import Refused
from connectors.sandbox.store import Document, Store
from connectors.sandbox.world import LOGIN, World

NAME = "google"
"""Store of all that is Google's: both APIs see the same lists."""
DIRECT, CHILD, MANAGER, TEST = 1_234_567_890, 2_222_222_222, 9_999_999_999, 3_333_333_333
"""Customers: one the login may use itself, one it reaches through its manager, the manager, and a
test account, where lists are closed at once."""
ADS_SCOPE = "https://www.googleapis.com/auth/adwords"
DATA_SCOPE = "https://www.googleapis.com/auth/datamanager"

STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
TYPE = "type.googleapis.com/"


@dataclass(frozen=True)
class Violation:
    """One thing wrong with a request to the Data Manager: `field` in snake_case with indices."""

    field: str
    reason: str
    description: str = ""


@dataclass(eq=False)
class Failure(Exception):
    """One error of the Google Ads API: `category` as errorCode names it, `code` of its enum."""

    category: str
    code: str
    message: str = ""
    path: tuple[str, ...] = ()
    """Field names inside the operation."""
    details: Document = field(default_factory=dict)

    def shown(self, operation: int | None) -> Document:
        elements: list[Document] = [{"fieldName": name} for name in self.path]
        if operation is not None:
            elements.insert(0, {"fieldName": "operations", "index": operation})
        shown: Document = {"errorCode": {self.category: self.code}, "message": self.message}
        if elements:
            shown["location"] = {"fieldPathElements": elements}
        return {**shown, **({"details": self.details} if self.details else {})}


def envelope(code: int, message: str, details: list[Document]) -> Document:
    status = STATUS.get(code, "UNKNOWN")
    return {"error": {"code": code, "status": status, "message": message, "details": details}}


def data_body(code: int, reason: str, violations: list[Violation], **metadata: str) -> Document:
    """An error of the Data Manager API; the whole request is refused."""
    details: list[Document] = [
        {
            "@type": f"{TYPE}google.rpc.ErrorInfo",
            "reason": reason,
            "domain": "datamanager.googleapis.com",
            "metadata": {"requestId": "t-0", **metadata},
        },
        {"@type": f"{TYPE}google.rpc.RequestInfo", "requestId": "t-0"},
    ]
    if violations:
        shown = [
            {"field": v.field, "description": v.description or v.reason, "reason": v.reason}
            for v in violations
        ]
        details.append({"@type": f"{TYPE}google.rpc.BadRequest", "fieldViolations": shown})
    return envelope(code, "There was a problem with the request.", details)


def data_refusal(code: int, reason: str, *violations: Violation, **metadata: str) -> Refused:
    return Refused(code, data_body(code, reason, list(violations), **metadata))


def failure_detail(version: str, failures: list[tuple[int | None, Failure]]) -> Document:
    return {
        "@type": f"{TYPE}google.ads.googleads.{version}.errors.GoogleAdsFailure",
        "errors": [failure.shown(operation) for operation, failure in failures],
        "requestId": "r-0",
    }


def ads_body(
    code: int, *failures: tuple[int | None, Failure], version: str = "v26", message: str = ""
) -> Document:
    """An error of the Google Ads API."""
    details = [failure_detail(version, list(failures))] if failures else []
    return envelope(code, message or "The request was refused.", details)


def ads_refusal(code: int, category: str, error: str, message: str = "") -> Refused:
    return Refused(code, ads_body(code, (None, Failure(category, error, message))))


# Accounts


def seed_customers(store: Store) -> None:
    for number, manager in ((DIRECT, None), (CHILD, MANAGER), (MANAGER, None), (TEST, None)):
        customer: Document = {"id": number, "manager": manager}
        customer |= {"is_manager": number == MANAGER, "is_test": number == TEST}
        zone = {"currency": "USD", "time_zone": "Etc/UTC", "login": LOGIN}
        store.put("customer", number, {**customer, **zone})


def bearer(world: World, request: Request, scope: str) -> tuple[str, bool]:
    """Login of the token, or '' if it is not let in; and whether it has the scope."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    token = world.token(text) if scheme == "Bearer" else None
    if token is None or token["state"] != "valid":
        return "", False
    scopes = str(token.get("scope") or "").split()
    return str(token["login"]), not scopes or scope in scopes


def reachable(store: Store, login: str, customer: str, through: str | None) -> bool:
    """Whether a login may act for a customer, given the account it signs in through."""
    found = store.get("customer", int(customer)) if customer.isdigit() else None
    if found is None or found["login"] != login:
        return False
    if through in (None, customer):
        return found["manager"] is None
    return through == str(found["manager"])


def resource(customer: object, collection: str, name: object) -> str:
    return f"customers/{customer}/{collection}/{name}"


def numbered(name: Any, customer: object, collection: str) -> int | None:
    """The id in a resource name of this customer, or None."""
    head, _, tail = str(name).rpartition("/")
    fits = head == f"customers/{customer}/{collection}" and tail.isdigit()
    return int(tail) if fits else None


@dataclass(frozen=True)
class Change:
    """One operation on a collection of a customer."""

    world: World
    customer: int
    collection: str
    body: Document

    @property
    def store(self) -> Store:
        return self.world.store(NAME)

    def made(self, tail: object) -> str:
        return resource(self.customer, self.collection, tail)
