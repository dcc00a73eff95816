"""The report's words and number formats, by language."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from config.model import Labels
from measurement.tables import Cell, Kind, Note

FOLDER = Path(__file__).parent / "words"
LANGUAGES = ("en", "ru", "uk")

HARD = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"

DIGITS: Mapping[str, int] = {
    Kind.COUNT: 0,
    Kind.NUMBER: 1,
    Kind.RATIO: 2,
    Kind.PERCENT: 2,
    Kind.SHARE: 1,
    Kind.LIFT: 1,
    "percent1": 1,
    "share0": 0,
}
SMALL_MONEY = 100
"""Amounts below it are written with two digits."""


@dataclass(frozen=True)
class Language:
    """Everything a report needs to speak one language."""

    code: str
    words: Mapping[str, Any]
    labels: Mapping[str, Labels]
    currency: str

    def text(self, group: str, name: str) -> str:
        """A word or sentence; KeyError where the language has none."""
        return str(self.words[group][name])

    def named(self, name: str) -> str:
        """A name of ours as the reader knows it: a word, a segment's label, or the name itself."""
        if name in self.words["name"]:
            return self.text("name", name)
        label = self.labels.get(name)
        return str(getattr(label, self.code)) if label else name

    def said(self, note: Note) -> str:
        """A note as a sentence."""
        figures = {name: _Figure(value, kind, self) for name, value, kind in note.figures}
        return self.text("note", note.key).format(**figures)

    def filled(self, group: str, name: str, **figures: tuple[Cell, Kind]) -> str:
        """A text with figures in it."""
        made = {key: _Figure(value, kind, self) for key, (value, kind) in figures.items()}
        return self.text(group, name).format(**made)

    def cell(self, value: Cell, kind: str) -> str:
        """A cell as it is shown."""
        if value is None or value == "":
            return "" if value == "" else self.text("format", "unknown")
        if kind == Kind.TEXT:
            return str(value)
        if kind == Kind.NAME:
            return self.named(str(value))
        if isinstance(value, date):
            return value.strftime(self.text("format", "day"))
        return self._amount(Decimal(str(value)), kind)

    def money(self, value: Cell) -> str:
        """An amount with its currency, for sentences."""
        shown = self.cell(value, Kind.MONEY)
        return shown if value is None else f"{shown}{HARD}{self.currency}"

    def _amount(self, value: Decimal, kind: str) -> str:
        if kind == Kind.CHANCE:
            least = Decimal("0.001")
            return f"<{HARD}{self._digits(least, 3)}" if value < least else self._digits(value, 3)
        if kind == Kind.MONEY:
            return self._digits(value, 2 if 0 < abs(value) < SMALL_MONEY else 0)
        if kind == Kind.LIFT:
            plus = "+" if value > 0 else ""
            return f"{plus}{self._digits(100 * value, DIGITS[kind])}{HARD}%"
        if kind in (Kind.SHARE, "share0"):
            return f"{self._digits(100 * value, DIGITS[kind])}{HARD}%"
        if kind in (Kind.PERCENT, "percent1"):
            return f"{self._digits(value, DIGITS[kind])}{HARD}%"
        return self._digits(value, DIGITS[kind])

    def _digits(self, value: Decimal, digits: int) -> str:
        written = f"{abs(value):,.{digits}f}"
        sign = MINUS if value < 0 and written.strip("0.,") else ""
        marks = {",": self.text("format", "thousands"), ".": self.text("format", "decimal")}
        return sign + "".join(marks.get(letter, letter) for letter in written)


@dataclass(frozen=True)
class _Figure:
    """A value that a sentence formats: {cost:money}."""

    value: Cell
    kind: Kind
    language: Language

    def __format__(self, wanted: str) -> str:
        kind = wanted or self.kind
        if kind == Kind.MONEY:
            return self.language.money(self.value)
        return self.language.cell(self.value, kind)


def language(code: str, *, labels: Mapping[str, Labels], currency: str) -> Language:
    """One of LANGUAGES."""
    return Language(code, words_of(code), labels, currency)


@cache
def words_of(code: str) -> Mapping[str, Any]:
    """The words of a language; ValueError for one that is not there."""
    if code not in LANGUAGES:
        raise ValueError(f"language {code}: expected one of {', '.join(LANGUAGES)}")
    return tomllib.loads((FOLDER / f"{code}.toml").read_text(encoding="utf-8"))
