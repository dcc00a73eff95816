"""Limits, versions and dates of the platforms: one TOML file each, beside the connector.

Every number stands with where it is written and when it was read there, so that a change of the
platform is a change of one line. UNVERIFIED in a source means that the documents leave it open.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field

from config.model import Written
from connectors.base import ApiVersion, BidLimits, Limits
from connectors.quota import Quota


class Sourced(Written):
    """What a line says of itself."""

    source: str = Field(min_length=1, description="Where it is written.")
    read: date = Field(description="When it was read there; the day is the month's first.")

    @property
    def origin(self) -> str:
        """Both, for people."""
        return f"{self.source} ({self.read:%Y-%m})"


class Fact(Sourced):
    """One number or date of a platform."""

    value: int | float | date = Field(description="The number or date.")

    @property
    def whole(self) -> int:
        """The value, where it is a whole number; else raises TypeError."""
        if not isinstance(self.value, int):
            raise TypeError(f"{self.value!r} ({self.source}) is not a whole number")
        return self.value


class Rate(Sourced):
    """At most so many requests of a group in so many seconds."""

    group: str = Field(min_length=1, description="Requests that are counted together.")
    amount: int = Field(gt=0, description="Requests.")
    seconds: float = Field(gt=0, description="Length of the window.")


class Served(Sourced):
    """One version of an API that is served."""

    api: str = Field(min_length=1, description="Name of the API.")
    version: str = Field(min_length=1, description="As it stands in an address.")
    ends: date | None = Field(default=None, description="Last day; left out if none is announced.")
    ours: bool = Field(default=False, description="The one that the connector speaks.")


class Facts(Written):
    """The file of one platform."""

    documents: str = Field(pattern="^https://", description="Where the platform documents it.")
    match: str = Field(min_length=1, description="What it tells of people it recognised.")
    lists: Mapping[str, Fact] = Field(default={}, description="Limits of lists.")
    corrections: Mapping[str, Fact] = Field(default={}, description="Limits of corrections.")
    requests: Mapping[str, Fact] = Field(default={}, description="Limits of single requests.")
    rates: tuple[Rate, ...] = Field(default=(), description="What may be asked how often.")
    apis: tuple[Served, ...] = Field(min_length=1, description="Versions that are served.")

    @property
    def versions(self) -> tuple[ApiVersion, ...]:
        """The versions that the connector speaks."""
        return tuple(
            ApiVersion(one.api, one.version, one.ends, one.origin) for one in self.apis if one.ours
        )

    @property
    def quotas(self) -> tuple[Quota, ...]:
        """For a meter."""
        return tuple(Quota(one.group, one.amount, one.seconds) for one in self.rates)

    def spoken(self, api: str = "") -> str:
        """The version that the connector speaks, of the API where there are several."""
        return next(one.version for one in self.versions if api in ("", one.api))

    def ends(self, version: str, api: str = "") -> date | None:
        """The last day of a version; None where none is known."""
        return next(
            (one.ends for one in self.apis if one.version == version and api in ("", one.api)),
            None,
        )

    def whole(self, name: str) -> int:
        """A whole number of [requests]."""
        return self.requests[name].whole

    def number(self, name: str) -> float:
        """A number of [requests]."""
        return float(self._of(name, (int, float)))

    def day(self, name: str) -> date:
        """A date of [requests]."""
        found: date = self._of(name, date)
        return found

    def limits(self, **declared: Any) -> Limits:
        """Limits of lists: the numbers are the file's, the rest the connector's."""
        return Limits(source=_origins(self.lists), **_values(self.lists), **declared)

    def bid_limits(self, **declared: Any) -> BidLimits:
        """Limits of corrections, in the same way."""
        return BidLimits(source=_origins(self.corrections), **_values(self.corrections), **declared)

    def _of(self, name: str, kind: type | tuple[type, ...]) -> Any:
        value = self.requests[name].value
        if not isinstance(value, kind):
            raise TypeError(f"[requests] {name} is {value!r}, another kind of value is needed")
        return value


@cache
def facts_of(platform: str) -> Facts:
    """The facts of a platform, read once."""
    path = Path(__file__).with_name(f"{platform}.toml")
    return Facts.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


def _values(facts: Mapping[str, Fact]) -> dict[str, Any]:
    return {name: one.value for name, one in facts.items()}


def _origins(facts: Mapping[str, Fact]) -> str:
    return "; ".join(dict.fromkeys(one.origin for one in facts.values()))
