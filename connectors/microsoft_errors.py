"""What Microsoft Advertising means by its errors, of calls and of their items, and who must act.

Numbers mean different things in different services, so an error is known by the text `ErrorCode`;
the number helps where the documents give no text.

Facts: guides/operation-error-codes, guides/handle-service-errors-exceptions, as of autumn 2026.
UNVERIFIED marks what the documents leave open.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.errors import (
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    ListGone,
    OperatorError,
    QuotaGone,
    RuleRefused,
    TermsNotAccepted,
    Throttled,
    Transient,
    VersionGone,
)
from connectors.http import ACTS as ACTS_OF
from connectors.http import Ask, Reply, TokenExpired, error_for_status, interrupted, redact
from connectors.microsoft_wire import CONSENT_AGAIN, FACTS

CALL_RATE_SECONDS = FACTS.number("call_rate_seconds")
BULK_SECONDS = FACTS.number("bulk_seconds")

NAME = re.compile("[A-Za-z]{1,100}")
"""What a text `ErrorCode` looks like; anything else is not repeated."""


@dataclass(frozen=True)
class Said:
    """One error as the platform tells it; `index` is the place of the item, if it has one."""

    code: int
    name: str
    message: str
    index: int | None = None

    def __str__(self) -> str:
        return f"{self.name or 'error'} ({self.code}) {redact(self.message)}".rstrip()


class NameTaken(RuleRefused):
    """There is an audience with this name."""


ERRORS: dict[str, type[ConnectorError]] = {  # guides/operation-error-codes
    "InternalError": Transient,
    "ServiceTimeOut": Transient,
    "CallRateExceeded": Throttled,
    "ConcurrentRequestOverLimit": Throttled,
    "BulkServiceNoMoreCallsPermittedForTheTimePeriod": QuotaGone,
    "AuthenticationTokenExpired": TokenExpired,
    "InvalidCredentials": TokenExpired,  # renew once; it also means another environment
    "UserIsNotAuthorized": CredentialsRefused,
    "UserLoginAccessDenied": CredentialsRefused,
    "CustomerListTermsAndConditionsNotAccepted": TermsNotAccepted,
    "InvalidAudienceId": ListGone,
    "InvalidCustomerListId": ListGone,
    "DuplicateAudienceName": NameTaken,
    "InvalidAudienceName": RuleRefused,
    "InvalidAudienceDescription": RuleRefused,
    "InvalidAudienceMembershipDuration": RuleRefused,
    "AudienceCannotBeDeletedDueToExistingAdGroupCriterion": RuleRefused,
    "InvalidCustomerListActionType": ContractBroken,
    "CustomerListItemSubTypeNotSupported": ContractBroken,
}
"""Every other code means that our request is wrong (ContractBroken)."""

BY_NUMBER: dict[int, type[ConnectorError]] = {  # where no text is documented
    833: Transient,
    105: TokenExpired,
    109: TokenExpired,
    106: CredentialsRefused,
    120: CredentialsRefused,
    117: Throttled,
    4204: QuotaGone,
    1100: RuleRefused,  # UNVERIFIED: no such campaign
    1201: RuleRefused,  # UNVERIFIED: no such ad group
    4524: OperatorError,
    4525: OperatorError,
    4835: ListGone,
    4853: NameTaken,
    4854: RuleRefused,
    4862: OperatorError,
    4865: OperatorError,
    4866: OperatorError,
    8000: ListGone,
    8003: TermsNotAccepted,
    8110: RuleRefused,
}
BAD_ITEM = frozenset(
    {
        "EmailMustBeHashed",
        "CRMIdLengthExceedLimitation",
        "EitherEmailOrCRMIDShouldBeProvided",
    }
)
"""What is wrong with one contact for good."""

NOT_ON_CAMPAIGNS = "Ask Microsoft to enable audiences of campaigns, or correct ad groups."
TOO_MANY_LISTS = "Delete audiences or associations that nobody uses any more."
ACTS: dict[int, str] = {
    105: "Check DEVELOPER_TOKEN, and that consent was given for production by a user of the "
    "account; give it again and put the new REFRESH_TOKEN among the account's secrets.",
    109: CONSENT_AGAIN,
    8003: "Accept the Customer Match terms once in the web interface (Tools, Audiences, customer "
    "match list), or set ACCEPTS_TERMS=true among the account's secrets.",
    106: "Give the token's user access to the ad account, and check the account's login (ad "
    "account) and CUSTOMER_ID (manager account).",
    4204: "What is left waits for a later run.",
    4524: NOT_ON_CAMPAIGNS,
    4525: NOT_ON_CAMPAIGNS,
    4835: "Somebody deleted it, or the account is another one.",
    4854: "Remove its corrections first.",
    4862: TOO_MANY_LISTS,
    4865: TOO_MANY_LISTS,
    4866: TOO_MANY_LISTS,
    8000: "Somebody deleted it, or the account is another one.",
    8110: "Take it out of the combined list first.",
}


def judge(ask: Ask, reply: Reply) -> None:
    """The body first, the status second: HTTP 200 may hold an error, a proxy's page no JSON."""
    if (said := _whole_error(reply.body)) is not None:
        raise error_of(ask, said, after=reply.retry_after)
    if reply.status in (404, 410):
        raise VersionGone(
            f"{ask}: HTTP {reply.status}; this version is not served here.",
            act="Update adsteer, or set api_version of the account to one that is served.",
        )
    if not 200 <= reply.status < 300:
        raise error_for_status(ask, reply)
    if reply.body is not None and not isinstance(reply.body, dict):
        raise ContractBroken(f"{ask}: the answer is not an object.")


def error_of(ask: Ask, said: Said, *, after: float | None = None) -> ConnectorError:
    """The class of an error, with what the platform said and who must act."""
    kind = kind_of(said)
    if kind is Transient:
        return interrupted(ask, f"answered {said}", after=after)
    act = ACTS.get(said.code) or ACTS_OF.get(kind, "")
    if after is None and kind in (Throttled, QuotaGone):
        after = CALL_RATE_SECONDS if kind is Throttled else BULK_SECONDS
    return kind(f"{ask}: {said}.", act=act, retry_after=after)


def kind_of(said: Said) -> type[ConnectorError]:
    return _known_kind(said) or ContractBroken


def is_of_whole_call(said: Said) -> bool:
    """Whether an error told of one item means that no item of the call was taken.

    What we do not know is taken as said: of that item only.
    """
    kind = _known_kind(said)
    return kind is not None and kind not in (Transient, Throttled, QuotaGone)


def _known_kind(said: Said) -> type[ConnectorError] | None:
    return ERRORS.get(said.name) or BY_NUMBER.get(said.code)


def _whole_error(body: Any) -> Said | None:
    """The first error of a fault, in whichever of its shapes."""
    if not isinstance(body, dict):
        return None
    for key in ("Errors", "OperationErrors", "BatchErrors"):
        if found := _errors_in(body, key):
            return found[0]
    return None


def item_errors(body: Mapping[str, Any]) -> list[Said]:
    """Errors of single items, from PartialErrors or NestedPartialErrors; sparse, by Index."""
    return _errors_in(body, "PartialErrors") + _errors_in(body, "NestedPartialErrors")


def _errors_in(body: Mapping[str, Any], key: str) -> list[Said]:
    found = body.get(key)
    if not isinstance(found, list):
        return []
    return [_said(one) for one in found if isinstance(one, dict)]


def _said(error: Mapping[str, Any]) -> Said:
    """A collection may leave the telling to the errors in it."""
    inner = error.get("BatchErrors")
    if not error.get("ErrorCode") and isinstance(inner, list) and inner:
        return _said({**inner[0], "Index": error.get("Index")})
    code, index = error.get("Code"), error.get("Index")
    name = str(error.get("ErrorCode") or "")
    return Said(
        code if isinstance(code, int) else -1,
        name if NAME.fullmatch(name) else "",
        str(error.get("Message") or ""),
        index if isinstance(index, int) else None,
    )


def by_index(ask: Ask, errors: list[Said], count: int) -> dict[int, Said]:
    """Errors by the place of their item. Raises ContractBroken for one that has no place."""
    for said in errors:
        if said.index is None or not 0 <= said.index < count:
            raise ContractBroken(f"{ask}: {said} is told of an item that was not sent.")
    return {said.index: said for said in errors if said.index is not None}


def list_in(ask: Ask, answer: Mapping[str, Any], key: str) -> list[Any]:
    """A list of an answer; null is an empty one. Raises ContractBroken where there is none."""
    found = answer.get(key, False)
    if found is None:
        return []
    if not isinstance(found, list):
        raise ContractBroken(f"{ask}: the answer has no {key}.")
    return found
