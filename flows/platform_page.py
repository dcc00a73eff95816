"""docs/platforms.md out of the connectors' own declarations, and the calendar of their APIs."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import connectors
from connectors.base import (
    ApiVersion,
    Connector,
    CorrectsBids,
    GrowsLookalikes,
    NamesObjects,
    ReplacesWhole,
    ReportsSpend,
)
from connectors.facts import facts_of
from connectors.registry import PLATFORMS

WARN_DAYS = 90

ABILITIES: tuple[tuple[type, str], ...] = (
    (Connector, "lists"),
    (ReplacesWhole, "replacing"),
    (GrowsLookalikes, "look-alikes"),
    (CorrectsBids, "bid corrections"),
    (NamesObjects, "objects by name"),
    (ReportsSpend, "spend reports"),
)


@dataclass(frozen=True)
class Due:
    """One API version in use, and how long it will be served."""

    platform: str
    version: ApiVersion
    days_left: int | None

    @property
    def warns(self) -> bool:
        """True when somebody should plan an update."""
        return self.days_left is not None and self.days_left <= WARN_DAYS

    def __str__(self) -> str:
        """The calendar's line."""
        one = self.version
        if self.days_left is None:
            return f"{self.platform}: {one.api} {one.version}, no end announced ({one.source})"
        return (
            f"{self.platform}: {one.api} {one.version} is served until {one.ends}, "
            f"{self.days_left} days left ({one.source})"
        )


def calendar(
    platforms: Collection[str], today: date, *, pinned: Collection[tuple[str, str]] = ()
) -> list[Due]:
    """The API versions of these platforms, those that end first on top.

    `pinned` are platform and version of accounts that ask for another than the connector speaks.
    """
    named = sorted(set(platforms) & set(PLATFORMS))
    in_use = [(name, version) for name in named for version in PLATFORMS[name].versions]
    in_use += [
        (name, ApiVersion(one.api, one.version, one.ends, one.origin))
        for name, version in sorted(set(pinned))
        if name in named
        for one in facts_of(name).apis
        if one.version == version and not one.ours
    ]
    dues = [
        Due(name, version, (version.ends - today).days if version.ends else None)
        for name, version in in_use
    ]
    return sorted(dues, key=lambda due: (due.days_left is None, due.days_left or 0))


def table() -> str:
    """What every platform can do and takes, as Markdown."""
    head = (
        "| platform | abilities | contacts | people per request | least in a list | least change | "
        "membership, days | match feedback | corrections, % | API |"
    )
    return "\n".join([head, "|" + "---|" * 10, *_rows()])


def line_counts() -> str:
    """How long each platform's connector, facts and sandbox are, as Markdown."""
    folder = Path(connectors.__file__).parent
    rows = ["| platform | connector | facts | sandbox |", "|---|---|---|---|"]
    for family in sorted({name.partition("_")[0] for name in PLATFORMS}):
        parts = [
            sum(len(path.read_text(encoding="utf-8").splitlines()) for path in place.glob(pattern))
            for place, pattern in (
                (folder, f"{family}*.py"),
                (folder, f"{family}*.toml"),
                (folder / "sandbox", f"{family}*.py"),
            )
        ]
        rows.append(f"| {family} | {' | '.join(str(lines) for lines in parts)} |")
    return "\n".join(rows)


def _rows() -> Iterator[str]:
    for name, connector in sorted(PLATFORMS.items()):
        abilities = ", ".join(word for kind, word in ABILITIES if issubclass(connector, kind))
        limits = getattr(connector, "limits", None)
        bids = getattr(connector, "bid_limits", None)
        facts = facts_of(name)
        cells = [
            f"[{name}]({facts.documents})",
            abilities,
            ", ".join(sorted(kind.value for kind in limits.kinds)) if limits else "–",
            f"{limits.batch_size:,}" if limits else "–",
            f"{limits.min_members:,}" if limits else "–",
            (f"{limits.min_difference:,}" if limits.min_difference else "any") if limits else "–",
            (str(limits.membership_days or "for ever")) if limits else "–",
            facts.match,
            f"{bids.lowest} … {bids.highest:+d}" if bids else "–",
            ", ".join(f"{one.api} {one.version}" for one in connector.versions),
        ]
        yield f"| {' | '.join(cells)} |"
