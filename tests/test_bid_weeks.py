"""From daily spend and the history of corrections to the weeks that estimates read."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isclose

from bids.automatic import Since
from bids.ledger_rows import HistoryEntry
from bids.model import BidObject
from bids.weeks import EVERYONE_ELSE, in_force, since_change, weeks_of
from tests.support.bid_platform import CAMPAIGN, GROUP

LAST = date(2026, 3, 15)
SEGMENTS = {"c1": "vip"}


@dataclass(frozen=True)
class Day:
    day: date
    condition_id: str | None
    clicks: int = 10
    cost: Decimal = Decimal("4.00")
    conversions: Decimal | None = Decimal(1)
    revenue: Decimal | None = Decimal(30)
    object: BidObject = CAMPAIGN


def change(day: int, percent: int | None, outcome: str = "settled") -> HistoryEntry:
    at = datetime(2026, 3, day, 9, tzinfo=UTC)
    return HistoryEntry(
        CAMPAIGN, "vip", "c1", "7", "p", "", None, percent, outcome, "", {}, None, at, at
    )


def test_days_become_weeks_back_from_the_last():
    rows = [Day(date(2026, 3, 15), "c1"), Day(date(2026, 3, 9), "c1"), Day(date(2026, 3, 8), "c1")]
    weeks = weeks_of(rows, segments=SEGMENTS, stood=in_force([]), last=LAST)
    assert [(w.segment, w.age, w.clicks, w.cost, w.revenue) for w in weeks] == [
        ("vip", 0, 20, 8.0, 60.0),
        ("vip", 1, 10, 4.0, 30.0),
    ]


def test_days_after_the_last_are_left_out():
    rows = [Day(date(2026, 3, 16), "c1")]
    assert weeks_of(rows, segments=SEGMENTS, stood=in_force([]), last=LAST) == ()


def test_rows_of_no_list_and_of_foreign_lists_are_everyone_else():
    rows = [Day(LAST, None), Day(LAST, "theirs")]
    (week,) = weeks_of(rows, segments=SEGMENTS, stood=in_force([]), last=LAST)
    assert (week.segment, week.clicks, week.modifier) == (EVERYONE_ELSE, 20, 1.0)


def test_the_modifier_is_the_mean_of_those_in_force_by_clicks():
    stood = in_force([change(10, -30), change(12, 50), change(13, 900, "refused")])
    rows = [
        Day(date(2026, 3, 10), "c1", clicks=10),
        Day(date(2026, 3, 11), "c1", clicks=20),
        Day(date(2026, 3, 14), "c1", clicks=10),
        Day(date(2026, 3, 14), "c1", clicks=10, object=GROUP),
    ]
    (week,) = weeks_of(rows, segments=SEGMENTS, stood=stood, last=LAST)
    assert isclose(week.modifier, (10 * 1 + 20 * 0.7 + 10 * 1.5 + 10 * 1) / 50)


def test_a_removed_correction_is_neutral_again_and_an_exclusion_tells_nothing():
    stood = in_force([change(9, -100), change(12, None)])
    rows = [Day(date(2026, 3, 11), "c1"), Day(date(2026, 3, 13), "c1")]
    (week,) = weeks_of(rows, segments=SEGMENTS, stood=stood, last=LAST)
    assert (week.clicks, week.modifier) == (10, 1.0)


def test_figures_since_the_last_change_start_the_day_after():
    stood = in_force([change(10, -30), change(12, -40)])
    rows = [Day(date(2026, 3, day), "c1") for day in range(9, 15)] + [Day(LAST, None)]
    found = since_change(rows, segments=SEGMENTS, stood=stood)
    assert found == {"vip": Since(20, 2.0), EVERYONE_ELSE: Since(10, 1.0)}
