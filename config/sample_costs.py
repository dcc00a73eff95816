"""The starter's cost file: what invented advertising for the real orders would have cost.

Campaigns, costs and what came of them are made up, the same every time; segments differ in what
their orders cost, so that a report has something to find. Nobody's account looks like this.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from hashlib import blake2b

from config.labels import SEGMENT_LABELS

FIRST, LAST = date(2010, 12, 1), date(2011, 12, 9)
"""The days of the orders."""

HEADER = (
    "Дата",
    "Площадка",
    "ID кампании",
    "Группа объявлений",
    "Сегмент",
    "Расход",
    "Показы",
    "Клики",
    "Конверсии",
    "Доход",
)

SEARCH = ("", 210.0, 24.0, 290.0)
"""Segment (nobody's), cost of a day, cost share in per cent, average order."""

RETARGETING = (
    ("vip", 26.0, 5.5, 760.0),
    ("vip_at_risk", 9.0, 8.5, 690.0),
    ("loyal", 38.0, 8.0, 330.0),
    ("at_risk", 22.0, 11.0, 290.0),
    ("promising", 42.0, 13.0, 280.0),
    ("new", 48.0, 16.5, 270.0),
    ("drifting", 30.0, 24.0, 250.0),
    ("sleeping", 34.0, 47.0, 240.0),
)

PLATFORMS = (("yandex_direct", "710427315", 1.0), ("vk_ads", "880100", 0.62))
"""Platform, number of its first campaign, size against the larger one."""

COST_OF_CLICK = 0.55
CLICKS_PER_IMPRESSION = 0.024


def cost_rows() -> Iterator[list[str]]:
    """A row per day, platform, campaign and segment, in the order of a platform's export."""
    day = FIRST
    while day <= LAST:
        for platform, campaign, size in PLATFORMS:
            yield _row(day, platform, campaign, "search", SEARCH, size)
            for one in RETARGETING:
                yield _row(day, platform, f"{campaign}9", f"crm-{one[0]}", one, size)
        day += timedelta(days=1)


def _row(
    day: date,
    platform: str,
    campaign: str,
    group: str,
    shape: tuple[str, float, float, float],
    size: float,
) -> list[str]:
    segment, budget, drr, average = shape
    key = f"{day}:{platform}:{group}"
    autumn = 1.45 if day.month in (10, 11) else 1.0
    cost = budget * size * autumn * _swing("cost", key, 0.25)
    due = cost / (drr / 100) / average
    orders = int(due + 0.5 * _swing("orders", key, 1.0))  # a rest of an order comes now and then
    revenue = orders * average * _swing("revenue", key, 0.2)
    clicks = max(int(cost / COST_OF_CLICK * _swing("clicks", key, 0.15)), orders)
    label = SEGMENT_LABELS[segment].ru if segment else ""
    shown = int(clicks / CLICKS_PER_IMPRESSION * _swing("shown", key, 0.2))
    return [
        f"{day:%d.%m.%Y}",
        platform,
        campaign,
        group,
        label,
        _money(cost),
        str(shown),
        str(clicks),
        str(orders),
        _money(revenue),
    ]


def _swing(about: str, key: str, most: float) -> float:
    """A factor between 1 - most and 1 + most, the same for the same key."""
    digest = blake2b(f"{about}:{key}".encode(), digest_size=8).digest()
    return 1 + most * (2 * int.from_bytes(digest, "big") / 2**64 - 1)


def _money(amount: float) -> str:
    return f"{amount:.2f}".replace(".", ",")
