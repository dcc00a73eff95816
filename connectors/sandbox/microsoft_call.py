"""What every service of Microsoft Advertising shares: calls, errors, the form of JSON bodies.

Source: Microsoft Advertising REST API v13, as of autumn 2026. Names are in PascalCase, 64-bit
integers are texts of digits, polymorphic objects name their `Type`. What does not fit is refused
whole; how the real service treats unknown members is UNVERIFIED, here they are refused.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from connectors.sandbox.frame import Refused
from connectors.sandbox.store import Document, Store
from connectors.sandbox.world import World

NAME = "microsoft"
VERSION = "v13"
CUSTOMER, ACCOUNT = 251_000_001, 123_456_789
"""The manager and the ad account that the default token may work with."""
DEVELOPER_TOKEN = "sandbox-developer-token"  # noqa: S105 - the well-known one of a rehearsal

CODES = {
    "InternalError": 0,
    "NullRequest": 100,
    "InvalidCredentials": 105,
    "UserIsNotAuthorized": 106,
    "AuthenticationTokenExpired": 109,
    "RequestMissingHeaders": 116,
    "CallRateExceeded": 117,
    "ServiceTimeOut": 833,
    "BulkServiceNoMoreCallsPermittedForTheTimePeriod": 4204,
    "CampaignAlreadyHasAdGroupAudienceCriterion": 4522,
    "DuplicateCampaignCriterion": 4521,
    "InvalidAudienceId": 4835,
    "InvalidAudienceName": 4838,
    "InvalidAudienceDescription": 4841,
    "InvalidAudienceMembershipDuration": 4842,
    "AudienceParentIdDoesNotMatchScope": 4843,
    "AudiencesArrayShouldNotBeNullOrEmpty": 4844,
    "AudienceIdIsNotNull": 4847,
    "InvalidAudienceParentId": 4848,
    "InvalidAudienceScope": 4849,
    "AudiencesArrayExceedsLimit": 4850,
    "AudienceIdsArrayExceedsLimit": 4852,
    "DuplicateAudienceName": 4853,
    "AudienceCannotBeDeletedDueToExistingAdGroupCriterion": 4854,
    "AudienceLimitOfAccountReached": 4865,  # the name is UNVERIFIED
    "InvalidBidMultiplier": 5803,
    "InvalidCustomerListId": 8000,
    "InvalidCustomerListActionType": 8001,
    "CustomerListItemSubTypeNotSupported": 8002,
    "CustomerListTermsAndConditionsNotAccepted": 8003,
    "EmailMustBeHashed": 8004,
    # The numbers are documented, the names are UNVERIFIED.
    "BidMultiplierRequired": 4519,
    "AdGroupBidMultiplierRequired": 4156,
    "InvalidCampaignCriterionStatus": 4520,
    "CampaignCriterionDoesNotExist": 4526,
    "AdGroupCriterionDoesNotExist": 4151,
    "AudienceScopeCannotBeUpdated": 4855,
    "AudienceTypeMismatch": 4861,
    "ReportTimeInvalid": 2008,
    "ReportColumnsEmpty": 2014,
    "ReportColumnsMissing": 2015,
    "ReportTimePeriodWithSummary": 2034,
    "ReportRequestIdInvalid": 2100,
    # Name and number are UNVERIFIED.
    "InvalidRequest": 1,
    "CampaignServiceInvalidCampaignId": 1100,
    "CampaignServiceInvalidAdGroupId": 1201,
    "CampaignServiceArrayExceedsLimit": 1,
    "CriterionTypeNotSupported": 1,
}
STATUS = {  # beside 401 for an expired token and 500, UNVERIFIED
    "AuthenticationTokenExpired": 401,
    "InvalidCredentials": 401,
    "UserIsNotAuthorized": 403,
    "CallRateExceeded": 429,
    "InternalError": 500,
    "ServiceTimeOut": 500,
}
GATEWAY = ("Errors", "AdApiFaultDetail", "Detail")
SERVICE = ("OperationErrors", "ApiFaultDetail", "Details")


def fault_body(name: str, message: str, tracking: str, form: tuple[str, str, str]) -> Document:
    key, kind, detail = form
    error = {"Code": CODES[name], "ErrorCode": name, "Message": message, detail: None}
    body: Document = {"TrackingId": tracking, "Type": kind, key: [error]}
    return {**body, "BatchErrors": []} if form is SERVICE else body


def refusal(name: str, message: str, *, tracking: str = "", gateway: bool = False) -> Refused:
    """The whole call is refused."""
    form = GATEWAY if gateway else SERVICE
    headers = {"TrackingId": tracking} if tracking else {}
    return Refused(STATUS.get(name, 400), fault_body(name, message, tracking, form), headers)


class ItemError(Exception):
    """One item is refused; the others are not."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


def partial_error(error: ItemError, index: int, kind: str = "BatchError") -> Document:
    found: Document = {
        "Type": kind,
        "Code": CODES[error.name],
        "ErrorCode": error.name,
        "Message": error.message,
        "Details": None,
        "FieldPath": None,
        "Index": index,
    }
    return {**found, "BatchErrors": []} if kind == "BatchErrorCollection" else found


@dataclass
class Call:
    """One authorised call; `body` has the form that its operation asks for."""

    world: World
    store: Store
    customer: int
    account: int
    body: Document
    tracking: str
    base: str
    """Where this platform answers: addresses of reports begin with it."""
    fault: str = ""
    """A fault that the platform itself plays: 'partial', 'processing_failed'."""
    errors: list[Document] = field(default_factory=list)

    def each(
        self, items: Iterable[Any], work: Callable[[Any], Any], kind: str = "BatchError"
    ) -> list[Any]:
        """Work on every item by itself; None stands for a refused one, `errors` say why."""
        results = []
        for place, item in enumerate(items):
            try:
                if self.fault == "partial" and place % 2:
                    raise ItemError("InternalError", "The item failed.")
                results.append(work(item))
            except ItemError as error:
                self.errors.append(partial_error(error, place, kind))
                results.append(None)
        return results

    def refusal(self, name: str, message: str) -> Refused:
        return refusal(name, message, tracking=self.tracking)


# The form of bodies

Form = Any
"""A checking function, a list of one form, or a dict of forms; 'Name!' must be there."""


class BadForm(Exception):
    """A body that does not deserialise."""


def fits(value: Any, form: Form, where: str = "the request") -> None:
    """Raise BadForm unless the value has the form."""
    if callable(form):
        form(value, where)
    elif isinstance(form, list):
        if not isinstance(value, list):
            raise BadForm(f"{where} must be an array")
        for place, item in enumerate(value):
            fits(item, form[0], f"{where}[{place}]")
    else:
        fits_object(value, form, where)


def fits_object(value: Any, form: dict[str, Form], where: str) -> None:
    if not isinstance(value, dict):
        raise BadForm(f"{where} must be an object")
    plain = {name.rstrip("!"): name.endswith("!") for name in form}
    for name in value:
        if name not in plain:
            raise BadForm(f"{where} has no member {name}")
    for name, needed in plain.items():
        if value.get(name) is not None:
            inner = form[f"{name}!" if needed else name]
            fits(value[name], inner, f"{where}.{name}")
        elif needed:
            raise BadForm(f"{where}.{name} is needed")


def long(value: Any, where: str) -> None:
    if not isinstance(value, str) or not value.lstrip("-").isdigit():
        raise BadForm(f"{where} must be a text of digits")


def whole(value: Any, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadForm(f"{where} must be an integer")


def number(value: Any, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadForm(f"{where} must be a number")


def text(value: Any, where: str) -> None:
    if not isinstance(value, str):
        raise BadForm(f"{where} must be a text")


def flag(value: Any, where: str) -> None:
    if not isinstance(value, bool):
        raise BadForm(f"{where} must be true or false")


def read_only(_value: Any, _where: str) -> None:
    """What the platform tells and a client may send back: taken, and not looked at."""


def one_of(*known: str) -> Callable[[Any, str], None]:
    def check(value: Any, where: str) -> None:
        if value not in known:
            raise BadForm(f"{where} has an unknown value")

    return check


def some_of(known: Collection[str]) -> Callable[[Any, str], None]:
    """A flag enum: one value or several, with comma and blank."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, str) or not set(value.split(", ")) <= set(known):
            raise BadForm(f"{where} has an unknown value")

    return check


def by_type(**forms: Form) -> Callable[[Any, str], None]:
    """An object whose `Type` tells its form."""

    def check(value: Any, where: str) -> None:
        kind = value.get("Type") if isinstance(value, dict) else None
        if kind not in forms:
            raise BadForm(f"{where}.Type is missing or unknown")
        fits({k: v for k, v in value.items() if k != "Type"}, forms[kind], where)

    return check
