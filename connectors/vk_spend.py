"""Spend in VK Ads: figures of ad groups and ad plans by day.

There is no break-down by audience: a group that targets one segment stands for that segment, one
with several cannot be split. So an ad plan is told apart by its groups of one segment each; the
rest of its figures is everybody else's. Money is text in the account's currency.

Facts: VK Ads API documentation, Statistics v2 (2026-06).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from bids.model import BidObject, Level
from connectors.base import ReportsSpend, SpendRow
from connectors.chunks import chunks
from connectors.errors import ContractBroken
from connectors.facts import facts_of
from connectors.http import Ask
from connectors.vk_wire import PAGE, VkDoor, items_of

STATISTICS = "api/v2/statistics/{kind}/day.json"
FACTS = facts_of("vk")
OBJECTS_PER_GET = FACTS.whole("statistics_objects")
DAYS_PER_GET = FACTS.whole("statistics_days")
GROUPS = "api/v2/ad_groups.json"


@dataclass(frozen=True)
class Figures:
    """Sums of a day; conversions or revenue None where VK tells none."""

    impressions: int = 0
    clicks: int = 0
    cost: Decimal = Decimal(0)
    conversions: Decimal | None = None
    revenue: Decimal | None = None

    def plus(self, other: "Figures") -> "Figures":
        """Both together."""
        return Figures(
            self.impressions + other.impressions,
            self.clicks + other.clicks,
            self.cost + other.cost,
            _sum(self.conversions, other.conversions),
            _sum(self.revenue, other.revenue),
        )

    def without(self, part: "Figures") -> "Figures":
        """What is left; never less than nothing, though the two were read one after the other."""
        return Figures(
            max(0, self.impressions - part.impressions),
            max(0, self.clicks - part.clicks),
            max(Decimal(0), self.cost - part.cost),
            _rest(self.conversions, part.conversions),
            _rest(self.revenue, part.revenue),
        )

    def row(self, day: date, where: BidObject, condition: str | None) -> SpendRow:
        return SpendRow(
            day,
            where,
            condition,
            self.impressions,
            self.clicks,
            self.cost,
            self.conversions,
            self.revenue,
        )


class VkSpend(VkDoor, ReportsSpend):
    """Daily figures; conversions are those VK Ads counts (`base.vk.goals`)."""

    def spend(self, objects: Sequence[BidObject], first: date, last: date) -> tuple[SpendRow, ...]:
        groups = {one.object_id: one for one in objects if one.level is Level.AD_GROUP}
        plans = {one.object_id: one for one in objects if one.level is Level.CAMPAIGN}
        return (
            *self._of_groups(groups, first, last),
            *self._of_plans(plans, first, last),
        )

    def _of_groups(
        self, objects: Mapping[str, BidObject], first: date, last: date
    ) -> Iterator[SpendRow]:
        segments = {number: one for number, _, one in self._aimed("_id__in", list(objects))}
        for number, day, figures in self._figures("ad_groups", list(objects), first, last):
            yield figures.row(day, objects[number], segments.get(number))

    def _of_plans(
        self, objects: Mapping[str, BidObject], first: date, last: date
    ) -> Iterator[SpendRow]:
        aimed = {
            group: (plan, segment)
            for group, plan, segment in self._aimed("_ad_plan_id__in", list(objects))
            if plan in objects
        }
        parts: dict[tuple[date, str, str], Figures] = defaultdict(Figures)
        known: dict[tuple[date, str], Figures] = defaultdict(Figures)
        for number, day, figures in self._figures("ad_groups", list(aimed), first, last):
            plan, segment = aimed[number]
            parts[day, plan, segment] = parts[day, plan, segment].plus(figures)
            known[day, plan] = known[day, plan].plus(figures)
        for (day, plan, segment), figures in parts.items():
            yield figures.row(day, objects[plan], segment)
        for plan, day, figures in self._figures("ad_plans", list(objects), first, last):
            yield figures.without(known[day, plan]).row(day, objects[plan], None)

    def _figures(
        self, kind: str, numbers: Sequence[str], first: date, last: date
    ) -> Iterator[tuple[str, date, Figures]]:
        for some in chunks(sorted(numbers), OBJECTS_PER_GET):
            for start, end in _spans(first, last):
                query = {
                    "id": ",".join(some),
                    "date_from": start.isoformat(),
                    "date_to": end.isoformat(),
                    "metrics": "base,romi",
                    "attribution": "conversion",
                }
                ask = Ask("GET", STATISTICS, gaps={"kind": kind}, query=query)
                for item in items_of(ask, self._door.send(ask)):
                    number = str(item.get("id"))
                    if number not in some or not isinstance(item.get("rows"), list):
                        raise ContractBroken(f"{ask}: an item is not what was asked for.")
                    yield from ((number, *_read(row)) for row in item["rows"])

    def _aimed(self, by: str, numbers: Sequence[str]) -> Iterator[tuple[str, str, str]]:
        """Ad group, ad plan and segment of every group that targets one segment."""
        for some in chunks(sorted(numbers), PAGE):
            query = {"fields": "id,ad_plan_id,targetings", by: ",".join(some)}
            for group in self._all(GROUPS, query):
                segments = list((group.get("targetings") or {}).get("segments") or [])
                if len(segments) == 1:
                    yield str(group["id"]), str(group.get("ad_plan_id")), str(segments[0])


def _spans(first: date, last: date) -> Iterator[tuple[date, date]]:
    while first <= last:
        end = min(last, first + timedelta(days=DAYS_PER_GET - 1))
        yield first, end
        first = end + timedelta(days=1)


def _read(row: Mapping[str, Any]) -> tuple[date, Figures]:
    try:
        base, worth = row["base"], row.get("romi") or {}
        return date.fromisoformat(row["date"]), Figures(
            int(base["shows"]),
            int(base["clicks"]),
            Decimal(str(base["spent"])),
            _maybe((base.get("vk") or {}).get("goals")),
            _maybe(worth.get("value")),
        )
    except (KeyError, TypeError, ValueError, InvalidOperation):
        raise ContractBroken("statistics: a row is not of the documented form.") from None


def _maybe(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _sum(here: Decimal | None, there: Decimal | None) -> Decimal | None:
    """None is no data, not nothing."""
    return here if there is None else there if here is None else here + there


def _rest(whole: Decimal | None, part: Decimal | None) -> Decimal | None:
    return whole if whole is None or part is None else max(Decimal(0), whole - part)
