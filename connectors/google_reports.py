"""What was spent at Google, and what came of it: by day, object and list.

Facts: as in google_wire. UNVERIFIED: that campaign_audience_view knows the fields of its criterion
is by analogy with the view of ad groups.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from bids.model import BidObject
from connectors.base import ReportsSpend, SpendRow
from connectors.google_ads import AdsAccount
from connectors.google_objects import PLACES, Place, rows_of, tail_of

METRICS = (
    "metrics.impressions, metrics.clicks, metrics.cost_micros, metrics.conversions, "
    "metrics.conversions_value"
)


class GoogleSpend(AdsAccount, ReportsSpend):
    """Figures of one customer."""

    def spend(self, objects: Sequence[BidObject], first: date, last: date) -> tuple[SpendRow, ...]:
        """A row per list, and one for the rest of the object: its total less its lists.

        Days are the account's. Where lists overlap, the rest is never less than nothing.
        """
        rows: list[SpendRow] = []
        for level, place in PLACES.items():
            these = [one for one in objects if one.level is level]
            by_list = list(self._figures(place, these, first, last, by_list=True))
            totals = list(self._figures(place, these, first, last, by_list=False))
            rows += by_list
            rows += [_rest(total, by_list) for total in totals]
        return tuple(sorted(rows, key=lambda row: (row.object, row.day, row.condition_id or "")))

    # What follows knows the wire.

    def _figures(
        self,
        place: Place,
        objects: Sequence[BidObject],
        first: date,
        last: date,
        *,
        by_list: bool,
    ) -> Iterator[SpendRow]:
        source, key = place.name, f"{place.json}Criterion"
        fields = f"segments.date, {place.name}.id, {METRICS}"
        if by_list:
            source = f"{place.name}_audience_view"
            fields += f", {place.criterion}.user_list.user_list"
        where = f"segments.date BETWEEN '{first}' AND '{last}'"
        for one, row in rows_of(self._ads, place, objects, f"SELECT {fields} FROM {source}", where):
            condition = None
            if by_list:
                named = ((row.get(key) or {}).get("userList") or {}).get("userList")
                if named is None:
                    continue  # an audience of another kind
                condition = tail_of(named)
            yield _spend_row(one, condition, row)


def _spend_row(one: BidObject, condition: str | None, row: Mapping[str, Any]) -> SpendRow:
    """Metrics that are zero are not told."""
    metrics = row.get("metrics") or {}
    return SpendRow(
        date.fromisoformat(row["segments"]["date"]),
        one,
        condition,
        int(metrics.get("impressions", 0)),
        int(metrics.get("clicks", 0)),
        Decimal(str(metrics.get("costMicros", 0))) / 1_000_000,
        Decimal(str(metrics.get("conversions", 0))),
        Decimal(str(metrics.get("conversionsValue", 0))),
    )


def _rest(total: SpendRow, by_list: Sequence[SpendRow]) -> SpendRow:
    """What an object did on a day without its lists."""
    lists = [one for one in by_list if (one.day, one.object) == (total.day, total.object)]

    def less(name: str, nothing: Any) -> Any:
        return max(
            getattr(total, name) - sum((getattr(one, name) for one in lists), nothing), nothing
        )

    zero = Decimal(0)
    return SpendRow(
        total.day,
        total.object,
        None,
        less("impressions", 0),
        less("clicks", 0),
        less("cost", zero),
        less("conversions", zero),
        less("revenue", zero),
    )
