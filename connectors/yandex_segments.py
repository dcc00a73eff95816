"""Audience's segments on the wire: the list of all, their states, and what errors mean.

Facts: the Audience API reference, quotas and errors at yandex.ru/dev/audience, as of September
2026. UNVERIFIED marks what the documents leave open.
"""

from collections.abc import Callable, Iterator
from typing import Any

from audiences.model import ListState
from connectors.errors import (
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    ListBusy,
    ListGone,
    QuotaGone,
    RuleRefused,
    Throttled,
    VersionGone,
)
from connectors.http import (
    ACTS,
    Ask,
    Door,
    Reply,
    TokenExpired,
    error_for_status,
    interrupted,
    redact,
)

READ = ("any", "read")
CHANGE = ("any", "write", "change")
"""What a request counts against."""

PAGE = 1000

NEW, READY, CHANGING = "uploaded", "processed", "is_updated"
BUSY = frozenset({NEW, "is_processed", CHANGING})
FEW, FAILED = "few_data", "processing_failed"
SETTLED = frozenset({READY, FEW, FAILED})

LONG_QUOTA_WORDS = ("day", "daily", "hour", "сут", "час", "дн")
"""Words by which a 429 names a quota that does not return soon. UNVERIFIED: no list of texts."""


class YandexSegments:
    """The segments of one login. There is no request for one of them."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def state(self, list_id: str) -> ListState:
        segment = self._segment(list_id)
        said = str(segment.get("status", ""))
        if said not in BUSY | SETTLED:
            raise ContractBroken(f"segment {list_id}: unknown status {redact(said)!r}.")
        return ListState(
            list_id,
            ready=said == READY,
            settled=said in SETTLED,
            size=count_of(segment.get("item_quantity")),
            matched=count_of(segment.get("matched_quantity")),
            said=said,
        )

    def _segments(self) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            query = {"limit": PAGE, "offset": offset}
            ask = Ask("GET", "segments", query=query, counts=READ)
            answer = self._door.send(ask).body
            page = answer.get("segments") if isinstance(answer, dict) else None
            if not isinstance(page, list):
                raise ContractBroken(f"{ask}: the answer has no segments.")
            yield from page
            if len(page) < PAGE:
                return
            offset += PAGE

    def _segment(self, list_id: str) -> dict[str, Any]:
        for segment in self._segments():
            if str(segment.get("id")) == list_id:
                return segment
        raise ListGone(
            f"segment {list_id} is not in the account any more.",
            act="Somebody deleted it, or the token belongs to another login.",
        )

    def _settled(self, list_id: str) -> dict[str, Any]:
        segment = self._segment(list_id)
        if segment.get("status") not in SETTLED:
            said = redact(str(segment.get("status")))
            raise ListBusy(f"segment {list_id} is {said}; it takes no change now.")
        return segment

    def _if(
        self, list_id: str, happened: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any] | None:
        segment = self._segment(list_id)
        return segment if happened(segment) else None


def segment_of(ask: Ask, reply: Reply) -> dict[str, Any]:
    segment = reply.body.get("segment") if isinstance(reply.body, dict) else None
    if not isinstance(segment, dict) or not isinstance(segment.get("id"), int):
        raise ContractBroken(f"{ask}: the answer has no segment with an id.")
    return segment


def count_of(value: object) -> int | None:
    """Numbers come as numbers or as strings."""
    try:
        return int(float(str(value)))
    except (ValueError, OverflowError):
        return None


class NoChanges(RuleRefused):
    """The same file again: counted as done."""


ERRORS: dict[str, type[ConnectorError]] = {  # yandex.com/dev/audience/en/concept/errors
    "no_changes": NoChanges,
    "invalid_parameter": RuleRefused,
    "targeted_quota": RuleRefused,
    "reprocess_wrong_status": ListBusy,
    "unauthorized": TokenExpired,
    "access_denied": CredentialsRefused,
    "invalid_token": CredentialsRefused,
    "not_found": ListGone,
    "conflict": RuleRefused,
}


def judge(ask: Ask, reply: Reply) -> None:
    """Audience errors come with their HTTP status and a list of typed errors."""
    if 200 <= reply.status < 300:
        return
    kind, said = _first_error(reply)
    if reply.status == 429:
        raise _over_quota(ask, reply, said)
    if reply.status == 404 and (not kind or "{id}" not in ask.path):
        raise VersionGone(
            f"{ask}: HTTP 404 that is not Audience's own.",
            act="Update adsteer, or set api_version of the account to one that is served.",
        )
    if reply.status >= 500:
        raise interrupted(ask, f"answered HTTP {reply.status}", after=reply.retry_after)
    if kind in ERRORS:
        fault = ERRORS[kind]
        said = f"{ask}: {kind}: {redact(said)}."
        raise fault(said, act=ACTS.get(fault, ""), retry_after=reply.retry_after)
    raise error_for_status(ask, reply, f"{kind} {said}")


def _first_error(reply: Reply) -> tuple[str, str]:
    try:
        first = reply.body["errors"][0]
        return str(first["error_type"]), str(first.get("message", ""))
    except (TypeError, KeyError, IndexError, AttributeError):
        return "", ""


def _over_quota(ask: Ask, reply: Reply, said: str) -> ConnectorError:
    """A quota of hours is not waited for: failed requests count against it too."""
    long = any(word in said.lower() for word in LONG_QUOTA_WORDS)
    kind = QuotaGone if long else Throttled
    return kind(f"{ask}: over quota: {redact(said)}.", retry_after=reply.retry_after)
