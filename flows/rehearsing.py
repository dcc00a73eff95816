"""A rehearsal against a market whose truth is known: hold out, measure, correct, compare.

Real orders are the past; from there on the sandbox plays the market and this module the shop: it
moves the calendar, and writes what people bought into the next export. In the first weeks bids are
as good as neutral and some people are held out of every list. Then everybody comes back, and the
corrections are automatic, with the shares that the holdout measured.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import fsum
from pathlib import Path

import numpy as np

from connectors.sandbox.market import ORDER_CV, Market, Truth, put_market
from connectors.sandbox.server import Running, run_in_thread
from connectors.sandbox.world import Settings
from connectors.sandbox.yandex_audience import PLATFORM
from connectors.sandbox.yandex_call import NAME as DIRECT
from flows import bidding, loop, measuring
from flows.documents import Document
from flows.incremental import measured_shares
from flows.rehearsal_project import (
    GROUP,
    HOLDOUT_WEEKS,
    STARTS,
    TITLE,
    card_numbers,
    make_project,
    write_as_of,
    write_orders,
    write_rules,
)
from flows.workshop import Workshop, open_workshop

SPEED = 120.0
PROCESSING_SECONDS = 60.0


@dataclass(frozen=True)
class People:
    """The truth about the people of a segment; clicks are of one person a week."""

    buys: float
    """Orders a week without any ad."""
    clicks: float
    price: float
    conversion: float
    order: float
    incrementality: float


MARKET: Mapping[str, People] = {
    "vip": People(0.40, 2.0, 3.0, 0.20, 90.0, 0.15),
    "loyal": People(0.18, 1.5, 3.0, 0.15, 60.0, 0.35),
    "promising": People(0.06, 1.5, 3.0, 0.15, 70.0, 0.80),
    "new": People(0.05, 1.5, 3.0, 0.15, 60.0, 0.90),
    "drifting": People(0.06, 1.2, 3.0, 0.12, 50.0, 0.70),
}
"""Invented, with more ads and effect than a real shop has, so that a few hundred people tell."""

REST = Truth(2500.0, 3.0, 0.06, 45.0, 0.95)
"""Everybody in none of the lists."""


def rehearse(folder: Path, *, weeks: int = 12, seed: int = 2026) -> Document:
    """Rehearse so many weeks in a new project in `folder`, which must not exist or be a rehearsal.

    The first eight hold out. Returns the truth, what was found of it, and what the corrections made
    of it. Raises ValueError for fewer than nine weeks.
    """
    if weeks <= HOLDOUT_WEEKS:
        raise ValueError(f"{HOLDOUT_WEEKS} weeks hold out: rehearse {HOLDOUT_WEEKS + 1} or more")
    make_project(folder, tuple(MARKET))
    settings = Settings(processing_seconds=PROCESSING_SECONDS, speed=SPEED, quotas=False)
    with run_in_thread(settings=settings) as running, _pointed_at(running.url):
        played = _Played(folder, running, np.random.default_rng(seed), seed)
        played.begin()
        for week in range(1, HOLDOUT_WEEKS + 1):
            played.live_through(week)
        found = played.read_the_result()
        played.correct_by_it()
        for week in range(HOLDOUT_WEEKS + 1, weeks + 1):
            played.live_through(week)
            played.adjust()
        return {"weeks": weeks, "seed": seed, **found, "corrections": played.outcome()}


class _Played:
    """The shop and the market on the way through the weeks."""

    def __init__(
        self, folder: Path, running: Running, chance: np.random.Generator, seed: int
    ) -> None:
        self._folder = folder
        self._running = running
        self._chance = chance
        self._seed = seed
        self._day = STARTS
        self._numbers: dict[str, str] = {}
        self._segments: dict[str, str] = {}
        self._market: Market | None = None
        self._factors: dict[str, float] = {}
        self._exposed: dict[str, set[str]] = {}

    @contextmanager
    def _workshop(self) -> Iterator[Workshop]:
        """The project at six in the morning of the day in Moscow, the sandbox's clock with it."""
        moment = datetime.combine(self._day, datetime.min.time(), UTC) + timedelta(hours=3)
        world = self._running.world
        world.move_clock(moment.timestamp() - world.now())
        write_as_of(self._folder, self._day)
        with open_workshop(self._folder, now=lambda: moment) as workshop:
            yield workshop

    def begin(self) -> None:
        """Refresh, fill the lists without the held, set the corrections, open the market."""
        with self._workshop() as workshop:
            loop.refresh(workshop)
            rows = workshop.table("segments").select("person_id", "segment").to_pyarrow()
            self._segments = dict(
                zip(*(rows[name].to_pylist() for name in ("person_id", "segment")), strict=True)
            )
        self._numbers = card_numbers(self._folder)
        self._deliver()
        self._market = self._market_of()
        world = self._running.world
        with world.transaction():
            put_market(world.store(DIRECT), self._market)
        self._set_bids()

    def _market_of(self) -> Market:
        """The market whose lists are as large as they are now."""
        lists = {
            TITLE.format(name): Truth(
                one.clicks * len(self._exposed[name]),
                one.price,
                one.conversion,
                one.order,
                one.incrementality,
            )
            for name, one in MARKET.items()
        }
        return Market(STARTS + timedelta(days=1), GROUP, REST, lists, self._seed)

    def _deliver(self) -> None:
        """Bring the lists in step, and look on the platform who is in them."""
        with self._workshop() as workshop:
            loop.apply(workshop, loop.plan(workshop, bids=False)["fingerprint"])
            recipe = workshop.lists_of("yandex_lists").recipe.name
            rows = workshop.table("digests", recipe).to_pyarrow().to_pylist()
        world = self._running.world
        with world.transaction():
            held = {one["name"]: set(PLATFORM.members(world, one)) for one in PLATFORM.lists(world)}
        self._exposed = {
            name: {
                row["person_id"]
                for row in rows
                if not held[TITLE.format(name)].isdisjoint((*row["email"], *row["phone"]))
            }
            for name in MARKET
        }

    def _set_bids(self) -> None:
        with self._workshop() as workshop:
            bidding.wait_for_lists(workshop)
            document = loop.plan(workshop, lists=False)
            done = loop.apply(workshop, document["fingerprint"])
        for one in done["receipts"]["bids"]:
            if one["percent"] is not None and one["accepted"]:
                self._factors[one["segment"]] = 1 + one["percent"] / 100

    def live_through(self, week: int) -> None:
        """Seven days on: people buy, by themselves and because of ads; the export has it."""
        first = self._day + timedelta(days=1)
        # A day more than whole weeks: the last day of a look must have been reported.
        self._day = STARTS + timedelta(days=7 * week + 1)
        days = (self._day - first).days + 1
        rows = []
        for person, segment in sorted(self._segments.items()):
            if segment in MARKET and person in self._numbers:
                rate = MARKET[segment].buys + self._brought(person)
                for _ in range(int(self._chance.poisson(rate * days / 7))):
                    bought = self._bought(MARKET[segment], first, days)
                    rows.append((self._numbers[person], bought))
        write_orders(self._folder, self._day, rows)

    def _brought(self, person: str) -> float:
        """Orders a week that ads bring to somebody, beyond what is bought anyway."""
        return fsum(
            truth.clicks_at(self._factors.get(name, 1.0))
            * truth.conversion
            * truth.incrementality
            / len(self._exposed[name])
            for name, truth in self._truths.items()
            if person in self._exposed[name]
        )

    @property
    def _truths(self) -> Mapping[str, Truth]:
        """By segment: the truth about its list, as the market has it."""
        if self._market is None:
            raise AssertionError("the market was opened at the beginning")
        return {name: self._market.lists[TITLE.format(name)] for name in MARKET}

    def _bought(self, one: People, first: date, days: int) -> tuple[date, float]:
        shape = 1 / ORDER_CV**2
        day = first + timedelta(days=int(self._chance.integers(days)))
        return day, max(0.01, round(float(self._chance.gamma(shape, one.order / shape)), 2))

    def read_the_result(self) -> Document:
        """Read the export and the spend, and say what was found beside what is true."""
        with self._workshop() as workshop:
            loop.refresh(workshop)
            experiments = measuring.measure(workshop)["experiments"]
            shares = measured_shares(workshop)
            rows = []
            for name, one in MARKET.items():
                found = shares[name]
                rows.append(
                    {
                        "segment": name,
                        "truth": one.incrementality,
                        "measured": found.raw,
                        "standard_error": found.standard_error,
                        "used": found.share,
                        "said": found.sentence,
                    }
                )
        return {"shares": rows, "experiments": experiments}

    def correct_by_it(self) -> None:
        """Let the held back into the lists, and the rules be automatic."""
        write_rules(self._folder, tuple(MARKET), automatic=True)
        self._deliver()
        self._set_bids()

    def adjust(self) -> None:
        """A week's spend in, corrections out."""
        with self._workshop() as workshop:
            measuring.measure(workshop)
        self._set_bids()

    def outcome(self) -> Document:
        """What the corrections that stand now bring in a week, against none at the same spend.

        Out of the truth, not of one week's chance. `even` is one factor for all lists that spends
        what the corrections spend: what the same money would have brought without telling people
        apart.
        """
        truths = self._truths
        factors = {name: self._factors.get(name, 1.0) for name in truths}
        spend = _spend(truths, factors)
        even = _even(truths, spend)
        value, plain = _value(truths, factors), _value(truths, dict.fromkeys(truths, even))
        neutral = _spend(truths, dict.fromkeys(truths, 1.0))
        return {
            "percents": {name: round(100 * factor - 100) for name, factor in factors.items()},
            "spend": round(spend, 2),
            "spend_without": round(neutral, 2),
            "value": round(value, 2),
            "value_without": round(plain, 2),
            "gain": value / plain - 1,
            "profit": round(value - spend, 2),
            "profit_without": round(plain - spend, 2),
        }


def _spend(truths: Mapping[str, Truth], factors: Mapping[str, float]) -> float:
    return fsum([REST.cost_at(1.0), *(one.cost_at(factors[name]) for name, one in truths.items())])


def _value(truths: Mapping[str, Truth], factors: Mapping[str, float]) -> float:
    return fsum(
        [REST.value_at(1.0), *(one.value_at(factors[name]) for name, one in truths.items())]
    )


def _even(truths: Mapping[str, Truth], spend: float) -> float:
    """The one factor of all lists that spends so much, by bisection."""
    low, high = 0.01, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        over = _spend(truths, dict.fromkeys(truths, middle)) > spend
        low, high = (low, middle) if over else (middle, high)
    return (low + high) / 2


@contextmanager
def _pointed_at(url: str) -> Iterator[None]:
    """The environment that leads a project here and to its own memory; restored afterwards."""
    wanted = {
        "ADSTEER_SANDBOX_URL": url,
        "ADSTEER_SANDBOX_SPEED": str(SPEED),
        "ADSTEER_CATALOG": None,
    }
    before = {name: os.environ.get(name) for name in wanted}
    _set(wanted)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
