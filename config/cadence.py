"""What a cron expression means: the longest wait between two runs, and the next one."""

import re
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
"""Least and greatest number of minute, hour, day, month, weekday."""

PART = re.compile(r"(\*|(\d+)(?:-(\d+))?)(?:/([1-9]\d*))?")
_DAYS_AHEAD = 4 * 366 + 31
"""How far ahead is looked: a 29th of February comes in that time."""


def longest_gap(cron: str) -> timedelta:
    """The longest wait between two runs; a year where it runs hardly ever.

    Clocks that are set twice a year are not counted.
    """
    minutes = _minutes_of_day(cron)
    start = date(2024, 1, 1)
    days = [n for n in range(_DAYS_AHEAD) if _falls_on(cron, start + timedelta(days=n))]
    if len(days) < 2:
        return timedelta(days=366)
    within = max((b - a for a, b in pairwise(minutes)), default=0)
    nights = max(b - a for a, b in pairwise(days))
    return timedelta(minutes=max(within, nights * 1440 + minutes[0] - minutes[-1]))


def next_run(cron: str, after: datetime, zone: str) -> datetime | None:
    """The first run later than an aware moment; None if there is none in four years."""
    local = after.astimezone(ZoneInfo(zone))
    for days in range(_DAYS_AHEAD):
        day = local.date() + timedelta(days=days)
        if not _falls_on(cron, day):
            continue
        for minute in _minutes_of_day(cron):
            at = datetime.combine(day, time(minute // 60, minute % 60), ZoneInfo(zone))
            if at > after:
                return at
    return None


def _minutes_of_day(cron: str) -> list[int]:
    minutes, hours = _numbers(cron, 0), _numbers(cron, 1)
    return sorted(60 * hour + minute for hour in hours for minute in minutes)


def _falls_on(cron: str, day: date) -> bool:
    """Days of the month and of the week are "or" where both are given, as cron has it."""
    if day.month not in _numbers(cron, 3):
        return False
    fields = cron.split()
    by_month = day.day in _numbers(cron, 2)
    by_week = bool({day.isoweekday(), day.isoweekday() % 7} & _numbers(cron, 4))
    if fields[2].startswith("*") or fields[4].startswith("*"):
        return by_month and by_week
    return by_month or by_week


@lru_cache(maxsize=512)
def _numbers(cron: str, field: int) -> frozenset[int]:
    """The numbers that one field stands for."""
    least, most = RANGES[field]
    found: set[int] = set()
    for text in cron.split()[field].split(","):
        part = PART.fullmatch(text)
        if part is None:
            raise ValueError(f"not a cron field: {text!r}")
        first = least if part[2] is None else int(part[2])
        open_ended = part[2] is None or (part[3] is None and part[4] is not None)
        last = most if open_ended else int(part[3] or part[2])
        found |= set(range(first, last + 1, int(part[4] or 1)))
    return frozenset(found)
