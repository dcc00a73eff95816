"""docs/platforms.md out of the connectors' own declarations, and the calendar of their APIs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from connectors.base import (
    ApiVersion,
    Connector,
    CorrectsBids,
    GrowsLookalikes,
    NamesObjects,
    ReportsSpend,
)
from connectors.registry import PLATFORMS

WARN_DAYS = 90

ABILITIES: tuple[tuple[type, str], ...] = (
    (Connector, "lists"),
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


def calendar(platforms: set[str], today: date) -> list[Due]:
    """The API versions of these platforms, those that end first on top."""
    dues = [
        Due(name, version, (version.ends - today).days if version.ends else None)
        for name in sorted(platforms & set(PLATFORMS))
        for version in PLATFORMS[name].versions
    ]
    return sorted(dues, key=lambda due: (due.days_left is None, due.days_left or 0))


def table() -> str:
    """What every platform can do and takes, as Markdown."""
    head = (
        "| platform | abilities | contacts | people per request | least in a list | least change | "
        "membership, days | corrections, % | API |"
    )
    return "\n".join([head, "|---|---|---|---|---|---|---|---|---|", *_rows()])


def _rows() -> Iterator[str]:
    for name, connector in sorted(PLATFORMS.items()):
        abilities = ", ".join(word for kind, word in ABILITIES if issubclass(connector, kind))
        limits = getattr(connector, "limits", None)
        bids = getattr(connector, "bid_limits", None)
        cells = [
            name,
            abilities,
            ", ".join(sorted(kind.value for kind in limits.kinds)) if limits else "–",
            f"{limits.batch_size:,}" if limits else "–",
            f"{limits.min_members:,}" if limits else "–",
            (f"{limits.min_difference:,}" if limits.min_difference else "any") if limits else "–",
            (str(limits.membership_days or "for ever")) if limits else "–",
            f"{bids.lowest} … {bids.highest:+d}" if bids else "–",
            ", ".join(f"{one.api} {one.version}" for one in connector.versions),
        ]
        yield f"| {' | '.join(cells)} |"
