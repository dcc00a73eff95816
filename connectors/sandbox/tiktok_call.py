"""What every request to the played TikTok shares: the envelope, its codes, and checked fields.

Source: TikTok's published OpenAPI files and the code list of its SDK (business API v1.3).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.sandbox.store import Document, Rows, Store
from connectors.sandbox.world import World

NAME = "tiktok"

OK, PARTLY = 0, 20001
NO_RIGHTS = 40001
BAD_PARAMETER = 40002
WRONG_VERSION = 40006
NOT_FOUND = 40007
TOO_MANY_IDS = 40011
NOTHING_TO_UPDATE = 40012
TOO_OFTEN = 40016
NOT_HASHED = 40062
THROTTLED = 40100
EXPIRED, NO_TOKEN, BAD_TOKEN, BAD_AUTH_CODE = 40102, 40104, 40105, 40110
NO_ROUTE = 40400
BAD_SIGNATURE, EMPTY_FILE, TOO_LARGE, WRONG_SUFFIX = 40900, 40906, 40907, 40908
OTHER_TYPE, BAD_UPLOAD = 40909, 40915
SYSTEM, TIMED_OUT = 50000, 51010

DEFAULT_PAGE = 10


class CallError(Exception):
    """The request is refused whole, with a code of the platform."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def envelope(code: int, message: str, request_id: str = "", data: Any = None) -> Document:
    """Every answer's form; `code` 0 is success."""
    return {
        "code": code,
        "message": message,
        "request_id": request_id,
        "data": {} if data is None else data,
    }


def is_id(value: Any) -> bool:
    """Ids are texts of digits, here of fewer than 19."""
    return isinstance(value, str) and value.isdecimal() and len(value) < 19


def stamp(moment: float) -> str:
    """A time as the API writes it, in GMT."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True, eq=False)
class Upload:
    """A file that was read before anything else waits for it: its users, or why not."""

    users: Rows | None = None
    refused: CallError | None = None


@dataclass(frozen=True)
class Call:
    """One request: what was given, by name. Values of a query are texts."""

    world: World
    store: Store
    login: str
    advertiser: str
    given: Mapping[str, Any]
    from_query: bool
    upload: Upload | None = field(default=None, repr=False)

    def text(self, name: str, *, most: int | None = None, needed: bool = True) -> str:
        value = self.given.get(name, None if needed else "")
        if not isinstance(value, str) or (needed and not value):
            raise CallError(BAD_PARAMETER, f"{name}: a text is needed")
        if most is not None and len(value) > most:
            raise CallError(BAD_PARAMETER, f"{name}: at most {most} characters")
        return value

    def number(self, name: str, default: int, lowest: int, highest: int) -> int:
        value = self.given.get(name, default)
        if self.from_query and isinstance(value, str) and value.isdigit():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise CallError(BAD_PARAMETER, f"{name}: a whole number is needed")
        if not lowest <= value <= highest:
            raise CallError(BAD_PARAMETER, f"{name}: {lowest} to {highest}")
        return value

    def choice(self, name: str, known: Collection[str], default: str | None = None) -> str:
        value = self.given.get(name, default)
        if not isinstance(value, str) or value not in known:
            raise CallError(BAD_PARAMETER, f"{name}: not a known value")
        return value

    def structure(self, name: str) -> Any:
        """A list or object; in a query it is JSON text. None if it is not given."""
        value = self.given.get(name)
        if not self.from_query or value is None:
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise CallError(BAD_PARAMETER, f"{name}: JSON text is needed") from None

    def texts(self, name: str, lowest: int, highest: int, *, needed: bool = True) -> list[str]:
        value = self.structure(name)
        if value is None and not needed:
            return []
        return texts_in(value, name, lowest, highest)

    def page(self, found: Sequence[Any], most: int) -> Document:
        """One page of what was found, with `page_info`."""
        page = self.number("page", 1, 1, 10**9)
        size = self.number("page_size", DEFAULT_PAGE, 1, most)
        return {
            "list": list(found[(page - 1) * size : page * size]),
            "page_info": {
                "page": page,
                "page_size": size,
                "total_number": len(found),
                "total_page": -(-len(found) // size),
            },
        }


def texts_in(value: Any, name: str, lowest: int, highest: int) -> list[str]:
    """A list of texts of this length; raises CallError."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise CallError(BAD_PARAMETER, f"{name}: a list of texts is needed")
    if len(value) > highest:
        raise CallError(TOO_MANY_IDS, f"{name}: at most {highest}")
    if len(value) < lowest:
        raise CallError(BAD_PARAMETER, f"{name}: at least {lowest}")
    return value
