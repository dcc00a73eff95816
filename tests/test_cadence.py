"""Cron expressions as waits: compared with Prefect's own reading of them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from config.cadence import longest_gap, next_run

NOVEMBER = datetime(2026, 11, 22, 14, 7, tzinfo=UTC)

CRONS = [
    "0 4 * * *",
    "0 5 * * 1",
    "0 8-20/4 * * *",
    "30 8-20/4 * * *",
    "0 6 1,15 * *",
    "*/15 * * * *",
    "15,45 3 * 2,7 *",
    "0 0 13 * 5",
    "10 23 * * 0,6",
    "0 12 * * 7",
    "5 5 30 * *",
]


@pytest.mark.parametrize("cron", CRONS)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Moscow", "Asia/Almaty"])
def test_the_next_run_is_the_one_that_prefect_schedules(cron, zone):
    from prefect._vendor.croniter import croniter

    moment = NOVEMBER
    for _ in range(20):
        local = moment.astimezone(ZoneInfo(zone))
        expected = croniter(cron, local, day_or=True).get_next(datetime)
        found = next_run(cron, moment, zone)
        assert found == expected
        moment = found


@pytest.mark.parametrize(
    ("cron", "hours"),
    [
        ("0 4 * * *", 24),
        ("0 5 * * 1", 168),
        ("0 8-20/4 * * *", 12),
        ("30 8-20/4 * * *", 12),
        ("0 6 1,15 * *", 17 * 24),
        ("*/15 * * * *", 0.25),
        ("0 0 1 1 *", 366 * 24),
        ("0 0 30 2 *", 366 * 24),
        ("0 9 * * 1-5", 72),
    ],
)
def test_the_longest_wait_between_two_runs(cron, hours):
    assert longest_gap(cron) == timedelta(hours=hours)


def test_a_day_that_never_comes_has_no_next_run():
    assert next_run("0 0 30 2 *", NOVEMBER, "UTC") is None


def test_noon_stays_noon_when_clocks_are_set():
    moment = datetime(2026, 3, 6, tzinfo=UTC)
    for _ in range(4):  # across the 8th of March 2026
        moment = next_run("0 12 * * *", moment, "America/New_York")
        assert moment.hour == 12
