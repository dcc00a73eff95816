"""What Google's two APIs mean by their errors, and who must act.

Facts: as in google_wire; names of reasons and codes are those of Google's own types.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.errors import (
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    ListGone,
    NotOurs,
    OperatorError,
    QuotaGone,
    RuleRefused,
    SeedRefused,
    TermsNotAccepted,
    Throttled,
    Transient,
    VersionGone,
)
from connectors.google_wire import SCOPES
from connectors.http import ACTS as HTTP_ACTS
from connectors.http import Ask, Reply, TokenExpired, error_for_status, interrupted, redact


class MembersRefused(RuleRefused):
    """The request was refused whole because of these members, by their place in it."""

    def __init__(self, message: str, reasons: Mapping[int, str]) -> None:
        super().__init__(message)
        self.reasons = reasons


# Errors of the Data Manager API

REASONS: dict[str, type[ConnectorError]] = {  # google.ads.datamanager_v1 ErrorReason
    "TERMS_AND_CONDITIONS_NOT_SIGNED": TermsNotAccepted,
    "ADVERTISER_TOS_NOT_ACCEPTED": TermsNotAccepted,
    "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED": OperatorError,
    "ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA": OperatorError,
    "SERVICE_DISABLED": OperatorError,
    "INVALID_USER_LIST_ID": ListGone,
    "INVALID_DESTINATION": OperatorError,  # UNVERIFIED: also what a closed list is
    "DISPLAY_NAME_ALREADY_USED": RuleRefused,
    "INVALID_DISPLAY_NAME": RuleRefused,
    "USER_LIST_NAME_RESERVED": RuleRefused,
    "MEMBERSHIP_DURATION_TOO_LONG": RuleRefused,
    "OWNERSHIP_REQUIRED_FOR_UPDATE": NotOurs,
    "USER_LIST_MUTATION_NOT_SUPPORTED": NotOurs,
    "INVALID_USER_LIST_TYPE": NotOurs,
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": CredentialsRefused,
    "REQUEST_TOO_OLD": RuleRefused,
}
"""What else is wrong with a request is ours (ContractBroken), unless it names members."""

PROJECT_LEVEL = (
    "Apply for access of the Cloud project to the Google Ads API: until then it may call test "
    "accounts only."
)
ACTS = {
    "ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA": "Customer Match is open to accounts with a "
    "good history of policy and payment: ask Google's support.",
    "TERMS_AND_CONDITIONS_NOT_SIGNED": "Accept the Customer Match terms in Google Ads: Tools, "
    "Shared library, Audience manager, Your data sources.",
    "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED": "Declare in Google Ads whether the campaigns "
    "carry political advertising in the EU.",
    "INVALID_DESTINATION": "Open the list in Google Ads (Tools, Shared library, Audience manager, "
    "Your data segments), and check that login is the customer it belongs to.",
    "SERVICE_DISABLED": "Enable the API in the Cloud project of the OAuth client: APIs & Services, "
    "Library, 'Data Manager API' and 'Google Ads API'.",
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": f"Authorise again with the scopes {' and '.join(SCOPES)}.",
    "DISPLAY_NAME_ALREADY_USED": "Rename the other list in Google Ads, or give the audience "
    "another title.",
    "NAME_ALREADY_USED": "Rename the other list in Google Ads, or give the audience another title.",
    "USER_PERMISSION_DENIED": "Give the token's user access to the customer, or set the manager "
    "account's id (MANAGER_ID) if access comes from one.",
    "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION": PROJECT_LEVEL,
    "ACTION_NOT_PERMITTED": PROJECT_LEVEL,
    "PROJECT_DISABLED": "Ask Google Ads API support why the Cloud project is disabled.",
    "TWO_STEP_VERIFICATION_NOT_ENROLLED": "Turn on 2-Step Verification for the user who "
    "authorised the account (myaccount.google.com, Security), then authorise again.",
    "NOT_ADS_USER": "The user who authorised the account has none in Google Ads: invite them "
    "(Admin, Access and security), or authorise as another user.",
    "REQUEST_TOO_OLD": "Google keeps what became of a request for some 50 days.",
    "RESOURCE_EXHAUSTED": "What is left waits for a later run. A higher access level of the Cloud "
    "project has more operations a day: apply for it, then set ACCESS_LEVEL.",
    "CUSTOMER_NOT_ENABLED": "Reactivate the account in Google Ads.",
    "UNSUPPORTED_VERSION": "Update adsteer, or set api_version of the account to one that is "
    "served.",
}

ACTS_OF: dict[type[ConnectorError], str] = {
    TermsNotAccepted: ACTS["TERMS_AND_CONDITIONS_NOT_SIGNED"],
    TokenExpired: "Authorise the account again and put the new refresh token into its secrets.",
    CredentialsRefused: "Authorise the account again, as a user who may use this customer; set "
    "MANAGER_ID if access comes from a manager account.",
    OperatorError: "Sign in to Google Ads and to the Cloud project: Google says there what to do.",
    QuotaGone: "What is left waits for a later run; quotas belong to the Cloud project.",
    ListGone: "Somebody deleted it, or the customer id is another's.",
    NotOurs: "Rename it in Google Ads, or give the audience another title.",
}
"""What to do where a reason has no better advice of its own."""


def advice(reason: str, kind: type[ConnectorError]) -> str:
    """What to do about a reason."""
    return ACTS.get(reason) or ACTS_OF.get(kind, "")


PLACE = re.compile(r"audience_members\[(\d+)\]")
"""Also where the name of the list is doubled, as a documented sample has it."""


def trace_in_body(reply: Reply) -> str:
    """The Data Manager tells the id of a request in its errors; a receipt has that of a change."""
    details = _details(_error_in(reply.body) or {})
    return str(next((one["requestId"] for one in details if one.get("requestId")), ""))


def judge_data(ask: Ask, reply: Reply) -> None:
    """Errors of the Data Manager API; a body with an error is one under any status."""
    error = _error_in(reply.body)
    if error is not None:
        raise _data_error(ask, reply, error)
    _judge_foreign(ask, reply)


def _data_error(ask: Ask, reply: Reply, error: Mapping[str, Any]) -> ConnectorError:
    details = _details(error)
    info = next((one for one in details if "reason" in one), {})
    wrong = [one for detail in details for one in detail.get("fieldViolations") or []]
    reasons = [_name(one.get("reason", "")) for one in [*wrong, info]]
    for reason in reasons:
        if reason in REASONS:
            kind = REASONS[reason]
            return kind(f"{ask}: {reason}.", act=advice(reason, kind))
    code = int(error.get("code") or reply.status)
    if code == 429:
        limit = str((info.get("metadata") or {}).get("quota_limit", ""))
        said = f"{ask}: over quota {limit if limit.isalpha() else ''}".rstrip()
        if "PerDay" in limit:
            return QuotaGone(f"{said}.", act=ACTS_OF[QuotaGone], retry_after=reply.retry_after)
        return Throttled(f"{said}.", retry_after=reply.retry_after)
    places = {
        int(found[1]): _name(one.get("reason", "refused"))
        for one in wrong
        if (found := PLACE.search(str(one.get("field", ""))))
    }
    if code == 400 and places and len(places) == len({_place(one) for one in wrong}):
        return MembersRefused(f"{ask}: {len(places)} members are refused.", places)
    said = ", ".join(dict.fromkeys(reason for reason in reasons if reason))
    return _by_code(ask, reply, code, said)


def _place(violation: Mapping[str, Any]) -> str:
    found = PLACE.search(str(violation.get("field", "")))
    return found[1] if found else "elsewhere"


def warned_of(answer: Any) -> Mapping[str, int]:
    """What was taken only in part, by reason: fields that need not be there may be wrong."""
    found = answer.get("fieldWarnings") if isinstance(answer, dict) else None
    some = [one for one in found or [] if isinstance(one, dict)]
    return Counter(_name(one.get("reason", "")) for one in some)


# Errors of the Google Ads API

ADS_ERRORS: dict[str, type[ConnectorError]] = {  # google.ads.googleads.v26.errors
    "OAUTH_TOKEN_EXPIRED": TokenExpired,
    "OAUTH_TOKEN_INVALID": TokenExpired,
    "OAUTH_TOKEN_REVOKED": CredentialsRefused,
    "OAUTH_TOKEN_DISABLED": CredentialsRefused,
    "NOT_ADS_USER": CredentialsRefused,
    "CUSTOMER_NOT_FOUND": CredentialsRefused,
    "USER_PERMISSION_DENIED": CredentialsRefused,
    "INVALID_LOGIN_CUSTOMER_ID": CredentialsRefused,
    "CUSTOMER_NOT_ENABLED": OperatorError,
    "PROJECT_DISABLED": OperatorError,
    "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION": OperatorError,
    "ACTION_NOT_PERMITTED": OperatorError,
    "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED": OperatorError,
    "TWO_STEP_VERIFICATION_NOT_ENROLLED": OperatorError,
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": CredentialsRefused,
    "SERVICE_DISABLED": OperatorError,
    "MISSING_TOS": TermsNotAccepted,
    "ADVERTISER_TOS_NOT_ACCEPTED": TermsNotAccepted,
    "UNSUPPORTED_VERSION": VersionGone,
    "RESOURCE_EXHAUSTED": QuotaGone,
    "EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION": QuotaGone,
    "RESOURCE_TEMPORARILY_EXHAUSTED": Throttled,
    "EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION": Throttled,
    "CONCURRENT_MODIFICATION": Transient,
    "TRANSIENT_ERROR": Transient,
    "INTERNAL_ERROR": Transient,
    "DEADLINE_EXCEEDED": Transient,
    "SEED_LIST_DOES_NOT_EXIST": ListGone,
    "INVALID_SEED_LIST_ACCESS_REASON": SeedRefused,
    "INVALID_SEED_LIST_TYPE": SeedRefused,
    "INVALID_COUNTRY_CODES": RuleRefused,
    "DUPLICATE_LOOKALIKE": RuleRefused,
    "NAME_ALREADY_USED": RuleRefused,
    "INVALID_NAME": RuleRefused,
}


@dataclass(frozen=True)
class AdsError:
    """One error of the Google Ads API; `place` is the operation it concerns."""

    code: str
    text: str
    place: int | None
    delay: float | None


def judge_ads(ask: Ask, reply: Reply) -> None:
    """Errors of the Google Ads API. UNVERIFIED: searchStream wraps them in an array."""
    body = reply.body[0] if isinstance(reply.body, list) and reply.body else reply.body
    error = _error_in(body)
    if error is None:
        _judge_foreign(ask, reply)
        return
    errors = list(ads_errors(error))
    reasons = [_name(one["reason"]) for one in _details(error) if one.get("reason")]
    for one in [*errors, *(AdsError(reason, reason, None, None) for reason in reasons)]:
        kind = ADS_ERRORS.get(one.code)
        if kind is Transient:
            raise interrupted(ask, one.code, after=one.delay or reply.retry_after)
        if kind is not None:
            # UNVERIFIED: that there is ever a Retry-After; it is honoured before their own delay.
            after = one.delay if reply.retry_after is None else reply.retry_after
            raise kind(f"{ask}: {one.code}.", act=advice(one.code, kind), retry_after=after)
    said = ", ".join(dict.fromkeys(one.code for one in errors))
    raise _by_code(ask, reply, int(error.get("code") or reply.status), said)


def ads_errors(status: Mapping[str, Any]) -> Iterator[AdsError]:
    """The errors in a refusal or in partialFailureError."""
    for detail in _details(status):
        for one in detail.get("errors") or []:
            code = _name(next(iter((one.get("errorCode") or {}).values()), "UNKNOWN"))
            elements = (one.get("location") or {}).get("fieldPathElements") or []
            place = next((int(e["index"]) for e in elements if "index" in e), None)
            if place is None and elements and elements[0].get("fieldName") == "operations":
                place = 0  # protobuf JSON may leave out a zero
            quota = (one.get("details") or {}).get("quotaErrorDetails") or {}
            text = f"{code} {redact(str(one.get('message', '')))}".strip()
            yield AdsError(code, text, place, _seconds(quota.get("retryDelay")))


def _seconds(duration: object) -> float | None:
    try:
        return float(str(duration).removesuffix("s"))
    except ValueError:
        return None


# Both


def _name(text: object) -> str:
    """A name of an enum as it is; anything else may hold what nobody should read."""
    return str(text) if re.fullmatch(r"[A-Z][A-Z0-9_]{1,80}", str(text)) else redact(str(text))


def _error_in(body: Any) -> Mapping[str, Any] | None:
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else None


def _details(error: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [one for one in error.get("details") or [] if isinstance(one, dict)]


def _judge_foreign(ask: Ask, reply: Reply) -> None:
    """An answer without an error of Google's own shape."""
    if 200 <= reply.status < 300:
        return
    if reply.status == 404:
        raise VersionGone(
            f"{ask}: HTTP 404 that is not the API's own.", act=ACTS["UNSUPPORTED_VERSION"]
        )
    raise error_for_status(ask, reply)


def _by_code(ask: Ask, reply: Reply, code: int, said: str) -> ConnectorError:
    """The error of a canonical code, which an HTTP 200 may hide."""
    text = f"{code} {said}".rstrip()
    if code >= 500 or code == 499:
        return interrupted(ask, text, after=reply.retry_after)
    kind = KINDS.get(code)
    if kind is None:
        return ContractBroken(f"{ask}: {text}.", act=HTTP_ACTS[ContractBroken])
    return kind(f"{ask}: {text}.", act=ACTS_OF.get(kind, ""), retry_after=reply.retry_after)


KINDS: dict[int, type[ConnectorError]] = {
    401: TokenExpired,
    403: CredentialsRefused,
    404: ListGone,
    409: Transient,
    429: Throttled,
}
