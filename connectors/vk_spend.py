"""Spend in VK Ads: figures of ad groups and ad plans by day.

There is no break-down by audience: a group that targets one segment stands for that segment, one
with several cannot be split. Money is text in the account's currency.

Facts: VK Ads API documentation, Statistics v2 (2026-06).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from bids.model import BidObject, Level
from connectors.base import ReportsSpend, SpendRow
from connectors.errors import ContractBroken
from connectors.http import Ask
from connectors.vk_wire import VkDoor, chunks, items_of

STATISTICS = "api/v2/statistics/{kind}/day.json"
KINDS = {Level.AD_GROUP: "ad_groups", Level.CAMPAIGN: "ad_plans"}
OBJECTS_PER_GET, DAYS_PER_GET = 200, 366
GROUPS = "api/v2/ad_groups.json"
GROUPS_PER_GET = 50


class VkSpend(VkDoor, ReportsSpend):
    """Daily figures; conversions are those VK Ads counts (`base.vk.goals`)."""

    def spend(self, objects: Sequence[BidObject], first: date, last: date) -> tuple[SpendRow, ...]:
        return tuple(
            row
            for level in KINDS
            for some in chunks([one for one in objects if one.level is level], OBJECTS_PER_GET)
            for row in self._spend(level, some, first, last)
        )

    def _spend(
        self, level: Level, objects: Sequence[BidObject], first: date, last: date
    ) -> Iterator[SpendRow]:
        by_id = {one.object_id: one for one in objects}
        conditions = self._single_segments(list(by_id)) if level is Level.AD_GROUP else {}
        for start, end in _spans(first, last):
            query = {
                "id": ",".join(by_id),
                "date_from": start.isoformat(),
                "date_to": end.isoformat(),
                "metrics": "base,romi",
                "attribution": "conversion",
            }
            ask = Ask("GET", STATISTICS, gaps={"kind": KINDS[level]}, query=query)
            for item in items_of(ask, self._door.send(ask)):
                number = str(item.get("id"))
                if number not in by_id or not isinstance(item.get("rows"), list):
                    raise ContractBroken(f"{ask}: an item is not what was asked for.")
                for row in item["rows"]:
                    yield _row(row, by_id[number], conditions.get(number))

    def _single_segments(self, groups: Sequence[str]) -> dict[str, str]:
        """By group: the segment it targets, where it is one."""
        found = {}
        for some in chunks(groups, GROUPS_PER_GET):
            query = {"fields": "id,targetings", "_id__in": ",".join(some)}
            for group in self._all(GROUPS, query):
                segments = list((group.get("targetings") or {}).get("segments") or [])
                if len(segments) == 1:
                    found[str(group["id"])] = str(segments[0])
        return found


def _spans(first: date, last: date) -> Iterator[tuple[date, date]]:
    while first <= last:
        end = min(last, first + timedelta(days=DAYS_PER_GET - 1))
        yield first, end
        first = end + timedelta(days=1)


def _row(row: Mapping[str, Any], where: BidObject, condition: str | None) -> SpendRow:
    try:
        base, worth = row["base"], row.get("romi") or {}
        return SpendRow(
            day=date.fromisoformat(row["date"]),
            object=where,
            condition_id=condition,
            impressions=int(base["shows"]),
            clicks=int(base["clicks"]),
            cost=Decimal(str(base["spent"])),
            conversions=_maybe((base.get("vk") or {}).get("goals")),
            revenue=_maybe(worth.get("value")),
        )
    except (KeyError, TypeError, ValueError, InvalidOperation):
        raise ContractBroken("statistics: a row is not of the documented form.") from None


def _maybe(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))
