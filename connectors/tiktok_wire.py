"""TikTok's business API on the wire: the envelope, its codes, pages, lists as JSON text.

HTTP 200 is not success: every answer is `{code, message, request_id, data}`, and only `code` 0 is.

Facts: TikTok's published OpenAPI files, the code list of its SDK 1.1.3. The reading of the codes as
classes is ours, after their names (UNVERIFIED).
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from connectors.errors import (
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    ListBusy,
    ListGone,
    OperatorError,
    RuleRefused,
    Throttled,
    VersionGone,
)
from connectors.http import (
    ACTS as ACTS_OF,
)
from connectors.http import (
    Ask,
    Body,
    Door,
    Effect,
    Reply,
    Surroundings,
    TokenExpired,
    error_for_status,
    interrupted,
    redact,
)

ANY = ("any",)
PATH = "open_api/{version}/"
APPS = "business-api.tiktok.com, My Apps"
"""Where developers see their apps and what these may do. UNVERIFIED: names of its pages."""


class BadParameter(ContractBroken):
    """TikTok refuses a value; which one, it tells in words only."""


class NothingToUpdate(RuleRefused):
    """Everything is already as asked."""


class AskedTwice(RuleRefused):
    """The identical request came a moment ago."""


DONE_BEFORE = (NothingToUpdate, AskedTwice)
"""Refusals of an absolute change that mean it is done."""

DUPLICATE = 40050
SERVICES, STORAGE = range(51000, 51100), range(52000, 53000)
"""Of what stands behind the API: whole blocks, of which the SDK names many."""
NOT_ALLOWED = (*range(40101, 40132), *range(40300, 40310))
"""Blocks about an app, a token or a user; some codes in them are something else."""
INTERRUPTED = frozenset(
    # 20001 is a partial success: of one thing that is none, and twice is as once.
    {20001, 40200, 40201, 50000, 50002, *SERVICES, *STORAGE, 60001}
)
"""The effect is not known; tried again where that is harmless."""

ERRORS: dict[int, type[ConnectorError]] = {
    **dict.fromkeys((40001, 40003, *NOT_ALLOWED), CredentialsRefused),
    **dict.fromkeys((40016, 40100, 40132, 61000), Throttled),
    40202: ListBusy,
    **dict.fromkeys((40102, 40104, 40105), TokenExpired),
    **dict.fromkeys((40009, 41000), OperatorError),
    **dict.fromkeys((40006, 40051, 40400, 41001), VersionGone),
    40007: ListGone,
    40012: NothingToUpdate,
    DUPLICATE: AskedTwice,
    40502: RuleRefused,
    **dict.fromkeys((40000, 40002, 40700), BadParameter),
}
"""Code to error; every other code means that our request is wrong (ContractBroken)."""

ACTS: dict[int, str] = {
    40001: "Open the app's authorisation link as a user of this advertiser and tick Ad account, "
    "Audience, Ads management and Reporting, or set `login` of the account to the right id.",
    40113: f"Have the developer app approved: {APPS}.",
    40118: f"Ask TikTok to allow this function for the developer app: {APPS}.",
    40130: f"Tick the missing permission of the developer app ({APPS}), then open its "
    "authorisation link again and put the new token into the account's secrets.",
    40300: "Set `login` of the account to the id of an advertiser that the token may use.",
    41000: "Somebody must lift TikTok's block of this advertiser.",
}


def judge(ask: Ask, reply: Reply) -> None:
    """Raises the error of an envelope, or of a gateway that answers without one."""
    code = reply.body.get("code") if isinstance(reply.body, dict) else None
    if isinstance(code, int) and code != 0:
        raise _error(ask, reply, code)
    if 200 <= reply.status < 300:
        if code is None and reply.body is not None:
            raise ContractBroken(f"{ask}: the answer has no code.")
        return
    if reply.status in (404, 410):
        raise VersionGone(f"{ask}: HTTP {reply.status} without a code.", act=ACTS_OF[VersionGone])
    raise error_for_status(ask, reply)


def _error(ask: Ask, reply: Reply, code: int) -> ConnectorError:
    said = f"code {code}: {redact(str(reply.body.get('message', '')))}"
    if (request := request_id(reply)) != "":
        said += f" (request {request})"
    lost = code == DUPLICATE and ask.effect is Effect.TWICE
    if lost or code in INTERRUPTED:
        return interrupted(ask, f"answered {said}", after=reply.retry_after)
    if code not in ERRORS and not 200 <= reply.status < 300:
        return error_for_status(ask, reply, said)
    kind = ERRORS.get(code, ContractBroken)
    act = ACTS.get(code) or ACTS_OF.get(kind, "")
    return kind(f"{ask}: {said}.", act=act, retry_after=reply.retry_after)


def request_id(reply: Reply) -> str:
    """TikTok's own id of the request, for its support."""
    found = str(reply.body.get("request_id", "")) if isinstance(reply.body, dict) else ""
    return found if found.isalnum() and len(found) <= 64 else ""


@dataclass(frozen=True)
class Wire:
    """Requests of one advertiser."""

    door: Door
    version: str
    advertiser: str

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """`data` of an answer; lists and objects go as JSON text."""
        given = {"advertiser_id": self.advertiser, **query}
        texts = {
            name: value if isinstance(value, str | int) else json.dumps(value)
            for name, value in given.items()
        }
        return self._data(self._ask("GET", path, query=texts))[0]

    def post(
        self, path: str, body: Mapping[str, object], effect: Effect
    ) -> tuple[dict[str, Any], str]:
        """`data` and the request's id."""
        given = {"advertiser_id": self.advertiser, **body}
        return self._data(self._ask("POST", path, json=given, effect=effect))

    def upload(self, path: str, body: Body) -> dict[str, Any]:
        """Twice is as once: a file that nobody names does nothing."""
        return self._data(self._ask("POST", path, body=body, effect=Effect.SAME))[0]

    def pages(self, path: str, size: int, **query: object) -> Iterator[dict[str, Any]]:
        """The items of every page."""
        page = 1
        while True:
            data = self.get(path, **query, page=page, page_size=size)
            items, info = data.get("list"), data.get("page_info")
            if not isinstance(items, list) or not isinstance(info, dict):
                raise ContractBroken(f"GET {path}: the answer has no list and page_info.")
            yield from items
            with understood(path):
                last = int(info["total_page"])
            if page >= last:
                return
            page += 1

    def _ask(self, method: str, path: str, **more: Any) -> Ask:
        return Ask(method, PATH + path, gaps={"version": self.version}, counts=ANY, **more)

    def _data(self, ask: Ask) -> tuple[dict[str, Any], str]:
        reply = self.door.send(ask)
        data = reply.body.get("data")
        if data is not None and not isinstance(data, dict):
            raise ContractBroken(f"{ask}: data of the answer is no object.")
        return data or {}, request_id(reply)


class TikTokDoor:
    """One advertiser behind its door; `account` is its name in the project."""

    platform: ClassVar[str] = "tiktok"

    def __init__(self, account: str, wire: Wire, around: Surroundings) -> None:
        self._account = account
        self._wire = wire
        self._now = around.now
        self._replaced: dict[str, datetime] = {}
        """When we replaced a list as a whole, by its id."""


def text_of(data: Mapping[str, Any], name: str, path: str) -> str:
    """An id or a handle in an answer; raises ContractBroken if it is not there."""
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise ContractBroken(f"{path}: the answer has no {name}.")
    return value


@contextmanager
def understood(path: str) -> Iterator[None]:
    """An answer that is not as documented is ContractBroken, not a fault of Python."""
    try:
        yield
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError):
        raise ContractBroken(f"{path}: the answer is not as documented.") from None
