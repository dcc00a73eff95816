"""TikTok's reports: what is asked, and what a row says.

The metric called `total_complete_payment_rate` is the total VALUE of web purchases, whatever its
name says. Facts: OpenAPI file report_integrated_get (2026-02); metrics from a public Go client.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from bids.model import BidObject
from connectors.base import ReportsSpend, SpendRow
from connectors.chunks import chunks
from connectors.facts import facts_of
from connectors.tiktok_groups import IDS_PER_GET, AdGroup, TikTokGroups, of_object
from connectors.tiktok_wire import understood

PATH = "report/integrated/get/"
LONGEST_DAYS = facts_of("tiktok").whole("report_days")
"""Longest span of a report by day."""
ROWS_PER_PAGE = facts_of("tiktok").whole("report_rows")
VALUES = ("total_complete_payment_rate", "total_purchase_value")
"""Of web purchases and of those in apps."""
METRICS = ("spend", "impressions", "clicks", "conversion", *VALUES)


class TikTokSpend(TikTokGroups, ReportsSpend):
    """Figures of ad groups by day."""

    def spend(self, objects: Sequence[BidObject], first: date, last: date) -> tuple[SpendRow, ...]:
        """By the list that an ad group is shown to now; None: to more or to everybody.

        Revenue is that of web and app purchases. Deleted ad groups are left out.
        """
        campaigns = self._campaigns(objects)
        meant: dict[str, list[tuple[BidObject, AdGroup]]] = {}
        for one in objects:
            for group in of_object(one, campaigns[one]):
                meant.setdefault(group.id, []).append((one, group))
        totals: dict[tuple[date, BidObject, str | None], SpendRow] = {}
        for row in self._report(sorted(meant), first, last):
            with understood(PATH):
                for one, group in meant[group_of(row)]:
                    line = spend_row(one, group.segment, row)
                    key = (line.day, one, group.segment)
                    totals[key] = together(totals[key], line) if key in totals else line
        return tuple(totals.values())

    def _report(self, groups: Sequence[str], first: date, last: date) -> Iterator[dict[str, Any]]:
        """Rows by ad group and day."""
        for some in chunks(groups, IDS_PER_GET):
            for start, end in spans(first, last):
                asked = query(some, start, end)
                yield from self._wire.pages(PATH, ROWS_PER_PAGE, **asked)


def query(groups: Sequence[str], first: date, last: date) -> dict[str, object]:
    """The parameters of a report by ad group and day, in the account's own time zone."""
    wanted = {
        "field_name": "adgroup_ids",
        "filter_type": "IN",
        "filter_value": json.dumps(list(groups)),
    }
    return {
        "service_type": "AUCTION",
        "report_type": "BASIC",
        "data_level": "AUCTION_ADGROUP",
        "dimensions": ["adgroup_id", "stat_time_day"],
        "metrics": list(METRICS),
        "start_date": first.isoformat(),
        "end_date": last.isoformat(),
        "filtering": [wanted],
    }


def trial(day: date) -> dict[str, object]:
    """The parameters of the smallest report there is, to see whether one may be asked for."""
    return {
        "service_type": "AUCTION",
        "report_type": "BASIC",
        "data_level": "AUCTION_ADGROUP",
        "dimensions": ["adgroup_id"],
        "metrics": ["spend"],
        "start_date": day.isoformat(),
        "end_date": day.isoformat(),
    }


def spans(first: date, last: date) -> Iterator[tuple[date, date]]:
    """The days in pieces that one report takes."""
    for start in range(0, (last - first).days + 1, LONGEST_DAYS):
        begin = first + timedelta(days=start)
        yield begin, min(begin + timedelta(days=LONGEST_DAYS - 1), last)


def group_of(row: Mapping[str, Any]) -> str:
    """The ad group that a row tells of."""
    return str(row["dimensions"]["adgroup_id"])


def spend_row(one: BidObject, condition: str | None, row: Mapping[str, Any]) -> SpendRow:
    """Metrics are texts; `-` and nothing are no figure."""
    metrics = row["metrics"]
    web, app = (_amount(metrics.get(name)) for name in VALUES)
    return SpendRow(
        day=date.fromisoformat(str(row["dimensions"]["stat_time_day"])[:10]),
        object=one,
        condition_id=condition,
        impressions=int(_amount(metrics.get("impressions")) or 0),
        clicks=int(_amount(metrics.get("clicks")) or 0),
        cost=_amount(metrics.get("spend")) or Decimal(0),
        conversions=_amount(metrics.get("conversion")),
        revenue=_sum(web, app),
    )


def together(one: SpendRow, other: SpendRow) -> SpendRow:
    """The figures of two ad groups; no figure and a figure are the figure."""
    return replace(
        one,
        impressions=one.impressions + other.impressions,
        clicks=one.clicks + other.clicks,
        cost=one.cost + other.cost,
        conversions=_sum(one.conversions, other.conversions),
        revenue=_sum(one.revenue, other.revenue),
    )


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if one is None else one if other is None else one + other


def _amount(value: object) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None
