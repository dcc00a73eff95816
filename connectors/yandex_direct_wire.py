"""Yandex Direct on the wire: services and methods, pages, points, and what errors mean.

The answer's HTTP status says little: errors come with status 200, for a whole request under
`error`, for one item under `Errors`; production sends an empty `Errors` with success.

Facts: Direct API documents at yandex.ru/dev/direct/doc, its WSDL, and recorded exchanges, as of
September 2026. UNVERIFIED marks what they leave open.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bids.model import Level
from config.platforms import Account
from connectors import yandex_reports as reports
from connectors.errors import (
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    ListGone,
    OperatorError,
    QuotaGone,
    RuleRefused,
    Throttled,
    Transient,
    VersionGone,
)
from connectors.facts import facts_of
from connectors.http import ACTS as ACTS_OF
from connectors.http import (
    Ask,
    Door,
    Effect,
    Reply,
    Surroundings,
    TokenExpired,
    error_for_status,
    interrupted,
    redact,
)
from connectors.origins import origin_for
from connectors.yandex_account import yandex_tokens

PLATFORM = "yandex_direct"
ORIGIN = "https://api.direct.yandex.com/"
FACTS = facts_of(PLATFORM)
VERSION = FACTS.spoken()
"""Unified campaigns exist in v501 only; the shapes are those of v5."""

PATH = "json/{version}/{service}"
REPORTS = "reports"

CAMPAIGNS_PER_GET = FACTS.whole("campaigns_per_get")
GROUPS_PER_GET = FACTS.whole("ad_groups_per_get")
OBJECTS_PER_GET = FACTS.whole("objects_per_get")
PAGE = 1000

NOT_FOUND = 8800
ERRORS: dict[int, type[ConnectorError]] = {  # dev/direct/doc/concepts/errors-list
    52: Transient,
    55: VersionGone,  # our methods are documented: a version without them is not ours
    500: Transient,
    1000: Transient,
    1001: Transient,
    1002: Transient,
    56: Throttled,
    506: Throttled,
    9000: Throttled,
    152: QuotaGone,
    53: TokenExpired,
    54: CredentialsRefused,
    58: CredentialsRefused,
    513: CredentialsRefused,
    3000: CredentialsRefused,
    3001: CredentialsRefused,
    1003: OperatorError,
    1004: OperatorError,
    1020: OperatorError,
    3500: RuleRefused,
    3600: RuleRefused,
    5003: RuleRefused,
    5004: RuleRefused,
    5005: RuleRefused,
    6000: RuleRefused,
    7001: RuleRefused,
    8300: RuleRefused,
    8301: RuleRefused,
    8303: RuleRefused,
    NOT_FOUND: ListGone,
}
"""Code to error; every other code means that our request is wrong (ContractBroken)."""

ACTS: dict[int, str] = {
    54: "Give the token's user access to the campaigns, or set the account's login.",
    58: "Ask for API access of the application in Direct's settings and wait for approval.",
    152: "Points return through the day; what is left waits for a later run.",
    513: "The token's user has no Direct account: use another user's token.",
}


@dataclass(frozen=True)
class Points:
    """Direct's quota, from the header `Units: spent/rest/daily`."""

    spent: int
    rest: int
    daily: int


@dataclass(frozen=True)
class Wire:
    """How a level is written."""

    level: str
    id: str
    ids: str
    per_get: int


WIRE = {
    Level.CAMPAIGN: Wire("CAMPAIGN", "CampaignId", "CampaignIds", CAMPAIGNS_PER_GET),
    Level.AD_GROUP: Wire("AD_GROUP", "AdGroupId", "AdGroupIds", GROUPS_PER_GET),
}


class TookTooLong(Transient):
    """A report that Direct could not make in its time: less is to be asked for."""


class YandexDirectAccount:
    """One Direct account, or one client of an agency (`login`)."""

    def __init__(self, account: Account, around: Surroundings) -> None:
        self._account = account.name
        self._now = around.now
        self._version = account.api_version or VERSION
        headers = {"Accept-Language": "en"}
        if account.login:
            headers["Client-Login"] = account.login
        self._door = Door(
            origin_for(account, around, PLATFORM, ORIGIN),
            surroundings=around,
            tokens=yandex_tokens(account, around),
            judge=self._judge,
            headers=headers,
        )
        self.points: Points | None = None
        """As the last answer told."""
        self.points_spent = 0
        """By this connector since it was made."""

    def check(self) -> None:
        params = {"SelectionCriteria": {}, "FieldNames": ["Id"], "Page": {"Limit": 1, "Offset": 0}}
        self._call("campaigns", "get", params)

    def _pages(self, service: str, params: Mapping[str, object], key: str) -> Iterator[Any]:
        """Items of every page; an empty answer may lack the key."""
        offset = 0
        while True:
            page = {"Limit": PAGE, "Offset": offset}
            result = self._call(service, "get", {**params, "Page": page})
            yield from result.get(key) or []
            if "LimitedBy" not in result:
                return
            offset = int(result["LimitedBy"])

    def _call(
        self, service: str, method: str, params: object, effect: Effect = Effect.NONE
    ) -> dict[str, Any]:
        ask = Ask(
            "POST",
            PATH,
            gaps={"version": self._version, "service": service},
            json={"method": method, "params": params},
            effect=effect,
        )
        answer = self._door.send(ask).body
        result = answer.get("result") if isinstance(answer, dict) else None
        if not isinstance(result, dict):
            raise ContractBroken(f"{service}.{method}: the answer has no result.")
        return result

    def _judge(self, ask: Ask, reply: Reply) -> None:
        self._count_points(reply.headers.get("Units", ""))
        error = reply.body.get("error") if isinstance(reply.body, dict) else None
        if isinstance(error, dict):
            raise request_error(ask, reply, error)
        if reply.status in (404, 410):
            raise VersionGone(
                f"{ask}: HTTP {reply.status}; {self._version} is not served here.",
                act="Update adsteer, or set api_version of the account to one that is served.",
            )
        if ask.gaps["service"] == REPORTS and reply.status == 502:
            raise TookTooLong(f"{ask}: HTTP 502.", retry_after=reply.retry_after)
        if not 200 <= reply.status < 300:
            raise error_for_status(ask, reply)
        finished = ask.gaps["service"] == REPORTS and reply.status not in reports.BUILDING
        if finished and not reports.is_whole(reply.text):
            raise interrupted(ask, "a report arrived in part")

    def _count_points(self, header: str) -> None:
        parts = header.split("/")
        if len(parts) == 3 and all(part.strip().isdigit() for part in parts):
            self.points = Points(*(int(part) for part in parts))
            self.points_spent += self.points.spent


def texts_of(result: Mapping[str, Any], key: str) -> str:
    """The platform's codes and words; an empty list is the same as none."""
    return "; ".join(
        f"{one.get('Code')} {redact(str(one.get('Message', '')))}" for one in result.get(key) or []
    )


def codes_of(result: Mapping[str, Any]) -> set[int]:
    return {int(one.get("Code", 0)) for one in result.get("Errors") or []}


def request_error(ask: Ask, reply: Reply, error: Mapping[str, Any]) -> ConnectorError:
    code = int(error.get("error_code", 0))
    words = f"{error.get('error_string', '')}: {error.get('error_detail', '')}"
    said = f"{ask.gaps['service']}: error {code}: {redact(words)}"
    kind = ERRORS.get(code, ContractBroken)
    if kind is Transient:
        return interrupted(ask, said, after=reply.retry_after)
    act = ACTS.get(code) or ACTS_OF.get(kind, "")
    return kind(f"{said}.", act=act, retry_after=reply.retry_after)
