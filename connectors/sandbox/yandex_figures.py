"""Where the figures of Direct's reports come from: one function, `figures`.

They are invented, but fixed: a function of day, ad group and condition. A bid correction shows in
them, so that a rehearsal has something to see. Where a market is
set (`connectors.sandbox.market`) it takes this function's place.
"""

import hashlib
from dataclasses import dataclass
from datetime import date

from connectors.sandbox.store import Document

IMPRESSIONS = (400, 1200)
"""Least and most per day, group and condition at a neutral bid."""
CLICK_RATE = (0.01, 0.06)
CLICK_COST = (8_000_000, 30_000_000)
"""Micros, without VAT, at a neutral bid."""
CONVERSION_RATE = (0.0, 0.05)
ORDER_VALUE = (1_500_000_000, 6_000_000_000)


@dataclass(frozen=True)
class Figures:
    """Sums; money in micros without VAT. Conversions None: there is no goal data."""

    impressions: int = 0
    clicks: int = 0
    cost: int = 0
    conversions: int | None = None
    revenue: int | None = None

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.impressions + other.impressions,
            self.clicks + other.clicks,
            self.cost + other.cost,
            total(self.conversions, other.conversions),
            total(self.revenue, other.revenue),
        )


def total(here: int | None, there: int | None) -> int | None:
    """A sum in which None is no data, not zero."""
    return here if there is None else there if here is None else here + there


def lot(*names: object) -> float:
    """A number from 0 to 1, always the same for the same names."""
    text = "/".join(str(name) for name in names)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def between(limits: tuple[float, float], place: float) -> float:
    return limits[0] + (limits[1] - limits[0]) * place


def figures(day: date, group: Document, condition: int | None, percent: int) -> Figures:
    """What one ad group did on one day for one retargeting list's correction.

    `condition` None: people without a correction; `percent` is the BidModifier in force.
    """
    name = (day, group["Id"], condition)
    push = percent / 100
    impressions = int(between(IMPRESSIONS, lot("impressions", *name)) * min(push, 3.0))
    clicks = int(impressions * between(CLICK_RATE, lot("clicks", *name)))
    cost = clicks * int(between(CLICK_COST, lot("cost", *name)) * push)
    conversions = int(clicks * between(CONVERSION_RATE, lot("conversions", *name)) + 0.5)
    if not conversions:
        return Figures(impressions, clicks, cost)
    revenue = conversions * int(between(ORDER_VALUE, lot("revenue", *name)))
    return Figures(impressions, clicks, cost, conversions, revenue)
