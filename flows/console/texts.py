"""Everything the console says, in three languages, from one catalogue: texts.toml."""

import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = {"en": "English", "ru": "Русский", "uk": "Українська"}
CATALOGUE = Path(__file__).with_name("texts.toml")
SPACE = "\u00a0"
"""Between the groups of a number and before a unit: it does not break."""


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """Texts by key, each by language: `nav.rules` is the table [nav], its key rules."""
    raw = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    return {f"{part}.{key}": texts for part, keys in raw.items() for key, texts in keys.items()}


def text(language: str, key: str, **figures: Any) -> str:
    """A text with its figures. Raises KeyError for a key that the catalogue does not have."""
    return catalogue()[key][language].format(**figures)


def has(key: str) -> bool:
    """Whether the catalogue has a text of this key."""
    return key in catalogue()


def number(language: str, value: float | None, digits: int = 0) -> str:
    """4,972 in English, 4 972 elsewhere; a dash for nothing known."""
    if value is None:
        return "–"
    shown = f"{value:,.{digits}f}".replace("-", "−")
    if language == "en":
        return shown
    return shown.replace(",", SPACE).replace(".", ",")


def signed(language: str, value: float | None, digits: int = 0) -> str:
    """+12, −3, 0; a dash for nothing known."""
    sign = "+" if value is not None and value > 0 else ""
    return sign + number(language, value, digits)


def percent(language: str, share: float | None, digits: int = 1) -> str:
    """A share between 0 and 1 in per cent."""
    return "–" if share is None else number(language, 100 * share, digits) + SPACE + "%"


def correction(language: str, value: int | None) -> str:
    """A bid correction: +50 %, 0 %; a dash where there is none."""
    return "–" if value is None else signed(language, value) + SPACE + "%"


def age(language: str, since: datetime | None, now: datetime) -> str:
    """How long ago, in one unit."""
    if since is None:
        return "–"
    passed = max(now - since, timedelta())
    minutes = int(passed.total_seconds() // 60)
    if minutes < 1:
        return text(language, "age.now")
    if minutes < 120:
        return text(language, "age.minutes", n=minutes)
    if minutes < 48 * 60:
        return text(language, "age.hours", n=minutes // 60)
    return text(language, "age.days", n=minutes // 1440)
