"""A market with a known truth behind the played Direct account, for rehearsals that measure.

People of a list click, cost and buy as the truth about them says; a correction moves clicks by the
power EPS and the price of a click by the power KAP of its factor (method.md 4.4). Every figure is
drawn by a generator that is seeded with the market's seed, the day and the list: the same market
tells the same story. The control door sets it; without one the figures of a report are invented.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import numpy as np
from pydantic import ConfigDict, TypeAdapter, with_config

from connectors.sandbox.store import Document, Store
from connectors.sandbox.yandex_figures import Figures

EPS, KAP = 0.6, 1.0
ORDER_CV = 0.8
"""Standard deviation over mean of an order's value."""
CLICKS_PER_IMPRESSION = 0.04
MICROS = 1_000_000
MOSCOW = timedelta(hours=3)
MARKET, LOG = "market", "modifier_log"


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class Truth:
    """The truth about the people of one list, at a neutral bid."""

    clicks: float
    """Of all of them together, a week."""
    price: float
    """Of a click, without VAT, in the account's currency."""
    conversion: float
    """Orders that the platform claims, per click."""
    order: float
    """Mean value of an order."""
    incrementality: float
    """Share of those orders that would not be there without the ad."""

    def clicks_at(self, factor: float) -> float:
        """Expected clicks a week at a correction's factor."""
        return float(self.clicks * factor**EPS)

    def cost_at(self, factor: float) -> float:
        """Expected cost a week."""
        return float(self.clicks_at(factor) * self.price * factor**KAP)

    def value_at(self, factor: float) -> float:
        """Expected value of the orders a week that the ads really bring."""
        return self.clicks_at(factor) * self.conversion * self.order * self.incrementality


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class Market:
    """Truths by title of the list; `rest` is everybody in none of them."""

    starts: date
    group: int
    rest: Truth
    lists: Mapping[str, Truth] = field(default_factory=dict)
    seed: int = 2026

    def figures(self, day: date, group: int, title: str | None, percent: int) -> Figures:
        """What the people of a list did on one day; `percent` is the BidModifier in force."""
        truth = self.rest if title is None else self.lists.get(title)
        if truth is None or group != self.group or day < self.starts:
            return Figures()
        factor = percent / 100
        chance = self._chance(day, title or "")
        clicks = int(chance.poisson(truth.clicks_at(factor) / 7))
        cost = round(clicks * truth.price * factor**KAP * MICROS)
        impressions = max(clicks, round(clicks / CLICKS_PER_IMPRESSION))
        orders = int(chance.binomial(clicks, truth.conversion))
        if not orders:
            return Figures(impressions, clicks, cost)
        return Figures(impressions, clicks, cost, orders, round(_sum(chance, truth, orders)))

    def _chance(self, day: date, title: str) -> np.random.Generator:
        name = int.from_bytes(sha256(title.encode()).digest()[:8], "big")
        return np.random.default_rng([self.seed, day.toordinal(), name])


def _sum(chance: np.random.Generator, truth: Truth, orders: int) -> float:
    """Value of so many orders in micros."""
    shape = 1 / ORDER_CV**2
    return float(chance.gamma(shape * orders, truth.order / shape)) * MICROS


ADAPTER: TypeAdapter[Market] = TypeAdapter(Market)


def put_market(store: Store, market: Market) -> None:
    store.put(MARKET, 1, ADAPTER.dump_python(market, mode="json"))


def market_of(store: Store) -> Market | None:
    """The market that was set, or None."""
    found = store.get(MARKET, 1)
    return None if found is None else ADAPTER.validate_python(found)


def remember_modifier(store: Store, modifier: Document, now: float) -> None:
    """Write down what a correction was set to, and when: reports of earlier days need it."""
    percent = modifier["adjustment"]["BidModifier"]
    entry = {"modifier": modifier["Id"], "at": now, "percent": percent}
    store.put(LOG, store.next_id(LOG, first=1), entry)


def modifiers_on(
    store: Store, modifiers: list[Document], days: list[date]
) -> dict[date, list[Document]]:
    """The corrections as they stood when each day began in Moscow; 100 before they were made."""
    log = [(_day(entry["at"]), entry) for entry in store.all(LOG)]
    found = {}
    for day in days:
        stood = {entry["modifier"]: entry["percent"] for at, entry in log if at < day}
        found[day] = [
            {**one, "adjustment": {**one["adjustment"], "BidModifier": stood.get(one["Id"], 100)}}
            for one in modifiers
        ]
    return found


def _day(at: float) -> date:
    return (datetime.fromtimestamp(at, UTC) + MOSCOW).date()
