"""Meta's Graph on the wire: requests, pages, errors, and how much of the account's quota is used.

Errors come as `{"error": {...}}` with almost any HTTP status; code, subcode and `is_transient`
say what they mean. There is no Retry-After: usage headers tell when to come back.

Facts: Marketing API documentation and the official SDK 26.0.3, as of November 2026.
"""

import hashlib
import hmac
import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from connectors.errors import (
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    ListBusy,
    ListGone,
    OperatorError,
    QuotaGone,
    RuleRefused,
    SeedRefused,
    TermsNotAccepted,
    Throttled,
    Transient,
    VersionGone,
)
from connectors.http import (
    ACTS,
    Ask,
    Body,
    Door,
    Effect,
    Reply,
    TokenExpired,
    error_for_status,
    interrupted,
    redact,
)

log = logging.getLogger(__name__)

PAGE = 100
SLOW_FROM = 80.0
"""Per cent of a quota from which requests are spread out (our choice)."""
LONGEST_PAUSE = 60.0


class TooMuch(RuleRefused):
    """More rows were asked for at once than Meta gives."""


class WrongParameter(ContractBroken):
    """Code 100 and no more: our request is wrong, or Meta does not do this with this object."""


BY_CODE: dict[int, type[ConnectorError]] = {  # Marketing API, errors and rate limiting
    1: Transient,
    2: Transient,
    4: Throttled,
    17: Throttled,
    100: WrongParameter,
    32: Throttled,  # UNVERIFIED
    341: Throttled,
    613: Throttled,
    5000: Transient,  # this and the next UNVERIFIED: another client asks again
    21009: Transient,
    368: QuotaGone,  # a temporary block; how long is not said
    80000: QuotaGone,
    80003: QuotaGone,
    80004: QuotaGone,
    80014: QuotaGone,
    10: CredentialsRefused,  # UNVERIFIED
    102: TokenExpired,  # UNVERIFIED
    190: TokenExpired,
    200: CredentialsRefused,
    270: CredentialsRefused,
    294: CredentialsRefused,
    2635: VersionGone,
    2655: RuleRefused,
    2656: RuleRefused,
    1487301: CredentialsRefused,
    1487366: RuleRefused,
}
BY_SUBCODE: dict[tuple[int, int], type[ConnectorError]] = {
    (100, 33): ListGone,
    (100, 1487534): TooMuch,
    (100, 1713228): SeedRefused,
    (100, 1713230): RuleRefused,
    (100, 1713231): SeedRefused,
    (100, 1713232): SeedRefused,
    (200, 1870050): OperatorError,
    (200, 1870090): TermsNotAccepted,
    (613, 1487632): QuotaGone,  # the ad set's budget was changed too often: blocked for an hour
    (2650, 1870144): RuleRefused,  # too large to be replaced
    (2650, 1870145): ListBusy,
    (2650, 1870148): RuleRefused,  # not replaced, for a reason that is not told
}
"""What neither table knows means that our request is wrong (ContractBroken)."""

ACTS_OF: dict[tuple[int, int], str] = {
    (190, 463): "The token has expired: make a new system-user token and put it into the secrets.",
    (190, 460): "The token was revoked: make a new system-user token for the secrets.",
    (200, 1870050): "Link the ad account to the business in Meta Business settings.",
    (200, 1870090): "Accept the custom audience terms for this ad account in Ads Manager "
    "(Audiences, Create audience, Customer list), for value-based lists theirs as well.",
    (100, 1713230): "Meta flagged the list for integrity: see Ads Manager, rename or rebuild it.",
}
ACTS_OF_CODE: dict[int, str] = {
    200: "Give the token ads_management for this ad account.",
    270: "The app is in the development tier: ask for Marketing API access.",
    294: "Give the token ads_management.",
    2656: "Delete the look-alikes that grew from the list first.",
}


class _HidesProof(logging.Filter):
    """The proof travels in addresses, and urllib3 logs addresses on its lowest level."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                _PROOF.sub("appsecret_proof=…", one) if isinstance(one, str) else one
                for one in record.args
            )
        return True


_PROOF = re.compile("appsecret_proof=[0-9a-f]+")
logging.getLogger("urllib3.connectionpool").addFilter(_HidesProof())


@dataclass(frozen=True)
class LastingToken:
    """Meta's tokens are not renewed: a system user's lasts, another one is made by hand."""

    token: SecretStr

    def current(self) -> str:
        return self.token.get_secret_value()

    def renew(self, stale: str) -> bool:
        return False


class Graph:
    """Requests about one ad account."""

    def __init__(self, door: Door, proof: str = "") -> None:
        self._door = door
        self._proof = {"appsecret_proof": proof} if proof else {}
        self.once = door.once
        self.sleep = door.sleep
        self.usage = 0.0
        """Largest share of any quota in use, in per cent, as the last answer told."""

    def get(self, path: str, *, gaps: Mapping[str, str], query: Mapping[str, str | int]) -> Any:
        return self._send(Ask("GET", path, gaps=gaps, query={**query, **self._proof}))

    def pages(
        self, path: str, *, gaps: Mapping[str, str], query: Mapping[str, str | int]
    ) -> Iterator[dict[str, Any]]:
        """The rows of an edge, over all its pages."""
        asked = {"limit": PAGE, **query}
        while True:
            answer = self.get(path, gaps=gaps, query=asked)
            rows = answer.get("data")
            if not isinstance(rows, list):
                raise ContractBroken(f"GET {path}: the answer has no data.")
            yield from rows
            paging = answer.get("paging") or {}
            if not rows or "next" not in paging:
                return
            after = (paging.get("cursors") or {}).get("after")
            if not after:
                raise ContractBroken(f"GET {path}: a page does not tell where the next begins.")
            asked["after"] = str(after)

    def post(
        self, path: str, *, gaps: Mapping[str, str], json: object, effect: Effect = Effect.SAME
    ) -> Any:
        ask = Ask("POST", path, gaps=gaps, query=self._proof, json=json, effect=effect)
        return self._send(ask)

    def carry(
        self,
        method: str,
        path: str,
        *,
        gaps: Mapping[str, str],
        body: Body,
        effect: Effect = Effect.SAME,
    ) -> Any:
        """Send people; adding or removing the same rows twice is as once."""
        ask = Ask(method, path, gaps=gaps, query=self._proof, body=body, effect=effect)
        return self._send(ask)

    def change(self, gaps: Mapping[str, str], json: object, path: str = "{id}") -> None:
        """Change an object to what is given; twice is as once."""
        _succeeded(f"POST {path}", self.post(path, gaps=gaps, json=json))

    def delete(self, gaps: Mapping[str, str]) -> None:
        ask = Ask("DELETE", "{id}", gaps=gaps, query=self._proof, effect=Effect.SAME)
        _succeeded(str(ask), self._send(ask))

    def _send(self, ask: Ask) -> dict[str, Any]:
        if self.usage > SLOW_FROM:
            share = (self.usage - SLOW_FROM) / (100 - SLOW_FROM)
            self._door.sleep(min(share, 1.0) * LONGEST_PAUSE)
        reply = self._door.send(ask)
        self.usage = usage_of(reply.headers)
        if not isinstance(reply.body, dict):
            raise ContractBroken(f"{ask}: the answer is not an object.")
        return reply.body


def _succeeded(asked: str, answer: Mapping[str, Any]) -> None:
    """A change is answered with `success`, or with the id of what was changed."""
    if answer.get("success") is not True and "id" not in answer:
        raise ContractBroken(f"{asked}: the answer is not success.")


def proof_of(secret: str, token: str) -> str:
    """appsecret_proof: lower-case hex of HMAC-SHA256 of the token, keyed with the app secret."""
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def judge(ask: Ask, reply: Reply) -> None:
    """An answer with `error` is an error, whatever its status."""
    if warning := reply.headers.get("X-Ad-Api-Version-Warning"):
        log.warning("%s: Meta warns of the API version: %s", ask, redact(warning))
    error = reply.body.get("error") if isinstance(reply.body, dict) else None
    if isinstance(error, dict):
        raise error_of(ask, reply, error)
    if reply.status == 404:
        raise VersionGone(f"{ask}: HTTP 404 that is not Graph's own.", act=ACTS[VersionGone])
    if not 200 <= reply.status < 300:
        raise error_for_status(ask, reply)


def error_of(ask: Ask, reply: Reply, error: Mapping[str, Any]) -> ConnectorError:
    """The class of an error by code and subcode; our words, Meta's redacted."""
    code, subcode = number(error.get("code")), number(error.get("error_subcode"))
    kind = BY_SUBCODE.get((code, subcode)) or BY_CODE.get(code, ContractBroken)
    words = redact(str(error.get("error_user_msg") or error.get("message") or ""))
    said = f"error {code}/{subcode}: {words}" if subcode else f"error {code}: {words}"
    wait = longest_wait(reply)
    passing = error.get("is_transient") is True or reply.status >= 500
    if kind is Transient or (passing and issubclass(kind, ContractBroken)):
        return interrupted(ask, said, after=wait)
    words_for = ContractBroken if issubclass(kind, ContractBroken) else kind
    act = ACTS_OF.get((code, subcode)) or ACTS_OF_CODE.get(code) or ACTS.get(words_for, "")
    return kind(f"{ask}: {said}.", act=act, retry_after=wait)


def number(value: object) -> int:
    """A code; 0 for what is none."""
    return int(value) if isinstance(value, int | str) and str(value).isdigit() else 0


# Usage headers


def usage_of(headers: Mapping[str, str]) -> float:
    """The fullest of the quotas that an answer tells of, in per cent."""
    shares = [
        use.get(name)
        for use in uses(headers)
        for name in (
            "call_count",
            "total_cputime",
            "total_time",
            "acc_id_util_pct",
            "app_id_util_pct",
        )
    ]
    return max((float(one) for one in shares if isinstance(one, int | float)), default=0.0)


def longest_wait(reply: Reply) -> float | None:
    """Seconds until the account may ask again; None where no header tells."""
    waits = [reply.retry_after or 0.0]
    for use in uses(reply.headers):
        minutes, seconds = (
            use.get("estimated_time_to_regain_access"),
            use.get("reset_time_duration"),
        )
        if isinstance(minutes, int | float):
            waits.append(60.0 * minutes)
        if isinstance(seconds, int | float) and float(use.get("acc_id_util_pct") or 0) >= 100:
            waits.append(float(seconds))
    return max(waits) or None


def uses(headers: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Every object of figures in the usage headers; what cannot be read is left out."""
    for name in ("X-Ad-Account-Usage", "X-FB-Ads-Insights-Throttle", "X-App-Usage"):
        yield from (one for one in [_parsed(headers.get(name))] if isinstance(one, dict))
    by_account = _parsed(headers.get("X-Business-Use-Case-Usage"))
    for uses_of_one in by_account.values() if isinstance(by_account, dict) else ():
        if isinstance(uses_of_one, list):
            yield from (one for one in uses_of_one if isinstance(one, dict))


def _parsed(text: str | None) -> object:
    try:
        return json.loads(text or "")
    except ValueError:
        return None
