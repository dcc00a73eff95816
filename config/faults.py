"""What is wrong with what a person wrote, as a list of things to do."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Self

_SECRET_KEY = re.compile(
    r"token|secret|passw|credential|authorization|contact|(^|[._])(key|catalog|database)s?\b", re.I
)
_URL_PASSWORD = re.compile(r"(?<=://)[^/\s@]*@")
_LONGEST_SHOWN = 80


@dataclass(frozen=True)
class Fault:
    """One thing to put right.

    `key` is the path in the file, tables of a list counted from 1: `audience[2].people`;
    `read` is what stands there, ready to be shown: it never holds a secret or a contact.
    """

    file: str
    key: str
    read: str
    expected: str
    known: tuple[str, ...] = ()
    nearest: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        parts = [f"{place}: read {self.read}; expected {self.expected}."]
        if self.nearest:
            parts.append(f"Did you mean {self.nearest!r}?")
        if self.known:
            parts.append(f"Known: {', '.join(self.known)}.")
        return " ".join(parts)


class ConfigError(Exception):
    """Every fault of every file at once; the text is a to-do list."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        count = len(self.faults)
        head = "1 thing to put right:" if count == 1 else f"{count} things to put right:"
        super().__init__("\n".join([head, *(f"- {fault}" for fault in self.faults)]))

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[Fault, ...]]]:
        return type(self), (self.faults,)  # an error may cross to another process


def nearest(name: object, known: Collection[str]) -> str | None:
    """The known name that looks most like this one, or the only one that begins like it."""
    if not isinstance(name, str) or not name:
        return None
    lower = {each.lower(): each for each in known}
    close = get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
    begun = [each for each in lower if each.startswith(name.lower())]
    if not close and len(begun) == 1:
        close = begun
    return lower[close[0]] if close else None


def unknown_name(file: str, key: str, name: object, what: str, known: Iterable[str]) -> Fault:
    """A name that leads nowhere."""
    names = tuple(sorted(known))
    return Fault(file, key, shown(name, key), what, names, nearest(name, names))


def shown(value: Any, key: str = "") -> str:
    """A value as a fault may show it: short, in TOML's words, never a secret or a contact."""
    if _SECRET_KEY.search(key):
        return "a value that is not shown here"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        if any(isinstance(item, dict | list) for item in value):
            return f"a list of {len(value)}"
        return "[" + ", ".join(shown(item) for item in value[:10]) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = _URL_PASSWORD.sub("...@", value)
        cut = text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."
        return repr(cut)
    return str(value)
