"""Points of Yandex Direct: what a call costs, what is left; source: Direct units page and
measured exchanges.
"""

from dataclasses import dataclass

from connectors.sandbox.world import World

DAILY_POINTS = 64_000
"""Granted evenly through the day; unspent points live a day. Real amounts differ by account."""
DAY = 86400.0
FAILED_ITEM = 20
FAILED_REQUEST = 50
FREE_ERRORS = {1000, 1001, 1002, 52, 53, 152, 506}
"""Request-level errors that cost nothing (measured: 1000; the others UNVERIFIED)."""
MARK = "points of {login}"

COST: dict[tuple[str, str], tuple[int, int]] = {
    ("bidmodifiers", "get"): (1, 1),
    ("bidmodifiers", "add"): (15, 1),
    ("bidmodifiers", "delete"): (15, 0),
    ("bidmodifiers", "set"): (2, 2),  # UNVERIFIED: only a failing call was measured
    ("retargetinglists", "get"): (1, 1),
    ("audiencetargets", "get"): (1, 1),
    ("campaigns", "get"): (10, 1),
    ("adgroups", "get"): (15, 1),  # UNVERIFIED: only an empty answer was measured
    ("dictionaries", "get"): (1, 0),
    ("changes", "check"): (10, 0),
}
OTHERWISE = (10, 2)
"""retargetinglists and audiencetargets: add, update, delete, suspend, resume, setBids."""


@dataclass(frozen=True)
class Bill:
    """What one call costs: `good` items at the price of the method, `bad` ones at 20."""

    service: str
    method: str
    good: int
    bad: int

    @property
    def points(self) -> int:
        call, each = COST.get((self.service, self.method), OTHERWISE)
        return call + each * self.good + FAILED_ITEM * self.bad


def rest(world: World, name: str, login: str) -> int:
    """Points left of the last day's grant; the whole grant where quotas are switched off."""
    if not world.settings.quotas:
        return DAILY_POINTS
    spent = world.store(name).marked(MARK.format(login=login), since=world.now() - DAY)
    return max(0, DAILY_POINTS - spent)


def charge(world: World, name: str, login: str, points: int) -> str:
    """Spend points; the text of the Units header: spent/rest/daily."""
    if world.settings.quotas and points:
        world.store(name).mark(MARK.format(login=login), at=world.now(), weight=points)
    return f"{points}/{rest(world, name, login)}/{DAILY_POINTS}"


def price(service: str, method: str) -> int:
    """What a call costs before its first item."""
    return COST.get((service, method), OTHERWISE)[0]
