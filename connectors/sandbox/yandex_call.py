"""What every service of Yandex Direct shares: calls, errors, and reading of parameters."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.sandbox.store import Document, Store
from connectors.sandbox.world import World

NAME = "yandex_direct"
MAX_ITEMS = 1000
MAX_PAGE = 10_000
STRING = {
    52: "Authorization server is temporarily unavailable",
    53: "Authorization error",
    54: "No rights",
    55: "Method not supported",
    56: "Method call limit exceeded",
    58: "Access to the API is not granted",
    152: "Not enough points",
    506: "Connection limit exceeded",
    513: "Your login is not connected to Yandex Direct",
    1000: "Server is temporarily unavailable",
    3500: "Not supported",
    4000: "Invalid use of the SelectionCriteria field",
    4001: "Incorrect parameter in SelectionCriteria",
    5005: "Field set incorrectly",
    6000: "Inconsistent object state",
    7001: "Object limit exceeded",
    8000: "Invalid request",
    8301: "Unable to delete object",
    8800: "Object not found",
    9300: "Maximum number of objects per array exceeded",
    9801: "Object already exists",
}


class CallError(Exception):
    """The whole request is refused: HTTP 200 with `error`."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class ItemError(Exception):
    """One item is refused, for one reason or several."""

    def __init__(self, code: int, details: str, *more: "ItemError") -> None:
        super().__init__(details)
        self.errors: list[Document] = [notice(code, details)]
        for other in more:
            self.errors += other.errors


def notice(code: int, details: str) -> Document:
    return {"Code": code, "Message": STRING.get(code, "Notice"), "Details": details}


@dataclass
class Call:
    """One authorised call of one method."""

    world: World
    store: Store
    login: str
    version: str
    service: str
    method: str
    params: Document
    partial: bool = False
    """A fault: every second item fails."""
    good: int = 0
    bad: int = 0
    limited_by: int | None = field(default=None)

    # Reading parameters

    def allow(self, *names: str) -> None:
        known_only(self.params, names, "params")

    def items(self, name: str) -> list[Document]:
        """The list of objects to work on: there, not empty, at most a thousand."""
        found = objects(required(self.params, name, "params"), name)
        if not found:
            raise CallError(8000, f"{name} must not be empty")
        if len(found) > MAX_ITEMS:
            raise CallError(9300, f"At most {MAX_ITEMS} elements in {name}")
        return found

    def criteria(self, *names: str, needed: bool = True) -> Document:
        if not needed and "SelectionCriteria" not in self.params:
            return {}
        found = required(self.params, "SelectionCriteria", "params")
        if not isinstance(found, dict):
            raise CallError(8000, "SelectionCriteria must be an object")
        known_only(found, names, "SelectionCriteria")
        return found

    def ids_to_delete(self) -> list[int]:
        self.allow("SelectionCriteria")
        found = ids(required(self.criteria("Ids"), "Ids", "SelectionCriteria"), "Ids")
        if not found:
            raise CallError(4001, "Ids must not be empty")
        if len(found) > MAX_ITEMS:
            raise CallError(9300, f"At most {MAX_ITEMS} elements in Ids")
        return found

    def fields(self, known: Iterable[str], name: str = "FieldNames") -> list[str]:
        """Names of asked fields; FieldNames itself is required, the others are not."""
        if name != "FieldNames" and name not in self.params:
            return []
        return names_of(required(self.params, name, "params"), known, name)

    def page(self, found: list[Document]) -> list[Document]:
        """The part of the answer that Page asks for; remembers LimitedBy."""
        page = self.params.get("Page", {})
        if not isinstance(page, dict):
            raise CallError(8000, "Page must be an object")
        known_only(page, ("Limit", "Offset"), "Page")
        limit, offset = page.get("Limit", MAX_PAGE), page.get("Offset", 0)
        if not whole(limit) or not 1 <= limit <= MAX_PAGE:
            raise CallError(4002, f"Page.Limit is from 1 to {MAX_PAGE}")
        if not whole(offset) or offset < 0:
            raise CallError(4002, "Page.Offset is not negative")
        if offset + limit < len(found):
            self.limited_by = offset + limit
        part = found[offset : offset + limit]
        self.good += len(part)
        return part

    def got(self, name: str, found: list[Document], *, keep_empty: bool) -> Document:
        """The answer of a get: services differ in whether an empty one names its list."""
        answer: Document = {name: found} if found or keep_empty else {}
        if self.limited_by is not None:
            answer["LimitedBy"] = self.limited_by
        return answer

    # Working on items

    def each(self, items: Iterable[Any], work: Callable[[Any], Document]) -> list[Document]:
        """Work on every item by itself: an item that is refused stops no other."""
        results = []
        for place, item in enumerate(items):
            try:
                if self.partial and place % 2:
                    raise ItemError(1002, "The operation failed for this object")
                result = work(item)
                if self.world.settings.production_style:
                    result.setdefault("Errors", [])
                self.good += 1
            except ItemError as error:
                result = {"Errors": error.errors}
                self.bad += 1
            results.append(result)
        return results

    def find(self, kind: str, number: Any, label: str) -> Document:
        """An object of this account; raises ItemError 8800 if it is not there (yet)."""
        found = self.store.get(kind, number) if whole(number) else None
        if found is None or found.get("login", self.login) != self.login:
            raise ItemError(8800, f"{label} {number} not found")
        if self.world.settings.delayed_visibility and self.world.now() < found.get("made", 0) + 1:
            raise ItemError(8800, f"{label} {number} not found")
        return found


def whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def required(given: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in given:
        raise CallError(8000, f"Required field {name} is missing in {where}")
    return given[name]


def known_only(given: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for name in given:
        if name not in tuple(known):
            raise CallError(8000, f"{where} contains the unknown field {name}")


def objects(found: Any, name: str) -> list[Document]:
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise CallError(8000, f"{name} must be an array of objects")
    return found


def ids(found: Any, name: str) -> list[int]:
    if not isinstance(found, list) or not all(whole(item) for item in found):
        raise CallError(8000, f"{name} must be an array of integers")
    return found


def names_of(found: Any, known: Iterable[str], name: str) -> list[str]:
    known = tuple(known)
    if not isinstance(found, list) or not found:
        raise CallError(8000, f"{name} must be a non-empty array")
    for item in found:
        if item not in known:
            raise CallError(8000, f"{name} contains the unknown value {item}")
    return found


def integer(given: Mapping[str, Any], name: str, where: str) -> int:
    found = required(given, name, where)
    if not whole(found):
        raise CallError(8000, f"{where}.{name} must be an integer")
    return int(found)


def one_of(given: Mapping[str, Any], name: str, known: Iterable[str], where: str) -> str:
    found = required(given, name, where)
    if found not in tuple(known):
        raise CallError(8000, f"{where}.{name} has the unknown value {found}")
    return str(found)


def only(found: Mapping[str, Any], names: Iterable[str]) -> Document:
    return {name: found[name] for name in names if name in found}
