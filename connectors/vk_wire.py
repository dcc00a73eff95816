"""How VK Ads answers: errors to classes, pages, numbers; and its address.

Facts: VK Ads API documentation, Overview and Authorization (2026), and error bodies that clients
of its forerunner recorded. An error body may repeat a line of an upload, so nothing but codes is
ever taken out of one.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeVar

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
from connectors.http import Ask, Door, Effect, Reply, TokenExpired, error_for_status, interrupted
from connectors.kept import KeptFile

T = TypeVar("T")

ORIGIN = "https://ads.vk.com/"
"""UNVERIFIED: some clients use ads.vk.ru."""
SETTINGS = "ads.vk.com/hq/settings/access"
"""Where a person sees client id, secret and consents."""
PAGE = facts_of("vk").whole("page")
MOSCOW_SECONDS = 3 * 3600
"""Windows of the calendar are Moscow's, as all times of the API are."""
RENEWABLE = frozenset({"expired_token", "invalid_token"})

ERRORS: dict[str, type[ConnectorError]] = {
    "access_denied": CredentialsRefused,
    "not_found": ListGone,
    "internal_error": Transient,
    "ERR_INTERNAL": Transient,
    "segment_limit_exceeded": RuleRefused,
    "ad_group_deleted": RuleRefused,
    "unknown_ad_groups": RuleRefused,
    "WRONG_ADGROUPS": RuleRefused,
    "WRONG_ADPLANS": RuleRefused,
    "WRONG_IDS": RuleRefused,
    "ACCESS_DENIED": CredentialsRefused,
    "INTERNAL": Transient,
}
"""Code to error; statistics' own are matched without their ERR_, which older answers lack."""
ACTS: dict[type[ConnectorError], str] = {
    CredentialsRefused: "Give the token's user the rights in VK Ads, or use another user's token.",
    ListGone: "Somebody deleted it, or VK did: lists unused for 60 days go.",
    RuleRefused: "Take what is not in the account any more out of bid_rules.toml.",
}
ACTS_OF_CODES = {
    "segment_limit_exceeded": "Delete segments that no ad group uses, in VK Ads under Audiences.",
}
"""What to do, where the class of the error does not say it."""
ACTS_401 = {
    "invalid_client": f"Put the client id and secret of {SETTINGS} into the account's secrets.",
    "invalid_user": "VK has blocked this user: ask its support.",
    "revoked_token": f"Give consent again at {SETTINGS} and put the new tokens into the account's "
    "secrets.",
}
OTHERWISE_401 = (
    f"Authorise the account again at {SETTINGS} and put the new tokens into its secrets."
)
CODE = re.compile(r"[A-Za-z]{1,20}\d{0,2}(_[A-Za-z]{1,20}\d{0,2})*\Z")
"""Words with an underscore between them, as in invalid_md5: no digest and no number is one."""


@dataclass(frozen=True)
class Fault:
    """One fault of a field; `line` counts from 1 where it is about a line of a file."""

    field: str
    code: str
    line: int | None = None


class Invalid(ContractBroken):
    """HTTP 400: fields and codes, never a value. Who asked may know a better class."""

    def __init__(self, text: str, faults: Sequence[Fault]) -> None:
        super().__init__(text, act="This is a fault of adsteer: please report it with this text.")
        self.faults = tuple(faults)

    def has(self, code: str) -> bool:
        return any(one.code == code for one in self.faults)


class InUse(OperatorError):
    """HTTP 409: something else on the platform uses it."""


def judge(ask: Ask, reply: Reply) -> None:
    """Raises the error an answer stands for; an error may come with HTTP 200."""
    error = reply.body.get("error") if isinstance(reply.body, dict) else None
    inside = isinstance(error, dict)
    if 200 <= reply.status < 300 and not inside:
        if not ask.is_json and reply.text.strip() and reply.body is None:
            raise interrupted(ask, "answered something that is not JSON")
        return
    if reply.status == 401:
        raise _unauthorized(ask, reply)
    if reply.status == 429:
        raise _too_fast(ask, reply)
    if reply.status >= 500 or (reply.status in (404, 405, 410) and not inside):
        raise _no_answer(ask, reply)
    raise _refused(ask, reply, error if isinstance(error, dict) else {})


def code_of(value: object) -> str:
    """A code as it may be shown: anything else could be somebody's contact."""
    return value if isinstance(value, str) and CODE.match(value) else "unnamed"


def _unauthorized(ask: Ask, reply: Reply) -> ConnectorError:
    code = code_of(reply.body.get("code")) if isinstance(reply.body, dict) else "unnamed"
    kind = TokenExpired if code in RENEWABLE else CredentialsRefused
    return kind(f"{ask}: {code}.", act=ACTS_401.get(code, OTHERWISE_401))


def _too_fast(ask: Ask, reply: Reply) -> ConnectorError:
    """Windows are of the calendar: second, hour, day. A long one is not waited for."""
    for window in ("Daily", "Hourly"):
        if reply.headers.get(f"X-RateLimit-{window}-Remaining") == "0":
            return QuotaGone(
                f"{ask}: the {window.lower()} limit is used up.",
                act="What is left waits for a later run.",
                retry_after=reply.retry_after,
            )
    return Throttled(f"{ask}: too many requests.", retry_after=reply.retry_after)


def _no_answer(ask: Ask, reply: Reply) -> ConnectorError:
    if reply.status in (404, 405, 410):
        return VersionGone(
            f"{ask}: HTTP {reply.status} that is not VK's own.",
            act="Update adsteer, or set api_version of the account to one that is served.",
        )
    if reply.status in (500, 502, 503, 504):
        return interrupted(ask, f"answered HTTP {reply.status}", after=reply.retry_after)
    return error_for_status(ask, reply)


def _refused(ask: Ask, reply: Reply, error: Mapping[str, Any]) -> ConnectorError:
    code = code_of(error.get("code"))
    needed = error.get("required_permission")
    faults = tuple(_faults(error.get("fields")))
    named = sorted({f"{one.field}: {one.code}" for one in faults})
    text = f"{ask}: {', '.join([code, *named])}."
    if reply.status == 409:
        return InUse(text, act="Take it out of the ad groups and segments that use it.")
    if needed is not None:
        act = f"Ask VK's support for the permission {code_of(needed)}."
        return CredentialsRefused(f"{ask}: not enabled for this account.", act=act)
    kind = ERRORS.get(code) or ERRORS.get(code.removeprefix("ERR_"))
    if kind is Transient:
        return interrupted(ask, f"said {code}", after=reply.retry_after)
    if kind is None and reply.status in (401, 403):
        kind = CredentialsRefused
    if kind is None:
        return Invalid(text, faults or [Fault("", code)])
    return kind(text, act=ACTS_OF_CODES.get(code) or ACTS.get(kind, ""))


def _faults(fields: object) -> Iterator[Fault]:
    if not isinstance(fields, dict):
        return
    for name, said in fields.items():
        for one in said if isinstance(said, list) else [said]:
            if isinstance(one, dict):
                code = one.get("code", one.get("error_code"))
                yield Fault(code_of(name), code_of(code), whole(one.get("line_number")))


def whole(value: object) -> int | None:
    """Numbers come as numbers or as texts."""
    try:
        return int(str(value))
    except ValueError:
        return None


def seconds_left(window: int, now: datetime) -> float:
    """Until a window of the calendar, of so many seconds, begins anew."""
    return window - (now.timestamp() + MOSCOW_SECONDS) % window


def items_of(ask: Ask, reply: Reply) -> list[dict[str, Any]]:
    items = reply.body.get("items") if isinstance(reply.body, dict) else None
    if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
        raise ContractBroken(f"{ask}: the answer has no items.")
    return items


class VkDoor:
    """One VK Ads account behind its door.

    `account` is its name in the project, `kept` remembers the base prices, `version` is that of
    users lists.
    """

    platform: ClassVar[str] = "vk"

    def __init__(
        self,
        account: str,
        door: Door,
        *,
        now: Callable[[], datetime],
        kept: KeptFile | None,
        version: str,
    ) -> None:
        self._account = account
        self._door = door
        self._now = now
        self._kept = kept
        self._version = version

    def _all(
        self, path: str, query: Mapping[str, str | int], *, page: int = PAGE, **gaps: str | int
    ) -> Iterator[dict[str, Any]]:
        """Items of every page."""
        offset = 0
        while True:
            ask = Ask("GET", path, gaps=gaps, query={**query, "limit": page, "offset": offset})
            items = items_of(ask, self._door.send(ask))
            yield from items
            if len(items) < page:
                return
            offset += page

    def _delete(self, path: str, number: str | int) -> None:
        """What is gone already is as wanted; raises InUse."""
        gaps = {"version": self._version, "id": number}
        try:
            self._door.send(Ask("DELETE", path, gaps=gaps, effect=Effect.SAME, is_json=False))
        except ListGone:
            return
