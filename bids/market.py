"""A synthetic market with known truth, on which rules for corrections are tried (method.md 4.4).

Clicks answer to a modifier f as f^0.6, price per click as f^1. Attributed value is what reports
show; only a segment's incremental part of it is worth anything, and gains are counted in that.
Every rule spends what the account spends without corrections. The figures belong to this toy
market alone; the order of the rules is what it shows. The two shrunk rules lie closer together than
chance moves them (which is ahead changes with the seed): caps and incrementality decide, not which
of the two is taken. method.md does not print its segments; those below were chosen by hand and by
search until a market with the published order was found: the table illustrates, it proves nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, inf

import numpy as np

from bids.estimates import DECAY, DEFAULT_CV, SegmentWeek, Worth, estimate
from bids.neutral import Position, same_spend, spend_at

EPS = 0.6
KAP = 1.0
WEEKS = 26
CLICKS_A_WEEK = 6000
RUNS = 25

PACK: Mapping[str, float] = {
    "vip": 0.7,
    "loyal": 0.7,
    "new": 1.5,
    "promising": 1.5,
    "at_risk": 1.2,
    "vip_at_risk": 1.2,
    "sleeping": 1.2,
    "drifting": 1.2,
}
"""Factors of the founding pack; 1 for every other segment."""


@dataclass(frozen=True)
class TrueSegment:
    """The truth about one segment at modifier 1."""

    name: str
    share: float
    """Of the account's clicks."""
    price: float
    conversion: float
    """Orders per click."""
    order: float
    """Average order value."""
    incrementality: float

    @property
    def clicks(self) -> float:
        return CLICKS_A_WEEK * self.share

    @property
    def worth(self) -> float:
        """Incremental value per click."""
        return self.incrementality * self.conversion * self.order


MARKET = (
    TrueSegment("vip", 0.03, 0.38, 0.0341, 90, 0.15),
    TrueSegment("loyal", 0.02, 0.38, 0.0372, 60, 0.50),
    TrueSegment("vip_at_risk", 0.014, 0.38, 0.01984, 80, 0.70),
    TrueSegment("at_risk", 0.03, 0.38, 0.0062, 50, 0.65),
    TrueSegment("sleeping", 0.04, 0.37, 0.0031, 45, 0.75),
    TrueSegment("drifting", 0.04, 0.37, 0.00744, 46, 0.70),
    TrueSegment("new", 0.14, 0.36, 0.0155, 42, 0.90),
    TrueSegment("promising", 0.04, 0.36, 0.00868, 45, 0.80),
    TrueSegment("registered", 0.05, 0.35, 0.00744, 40, 0.90),
    TrueSegment("rest", 0.596, 0.34, 0.0062, 36, 0.95),
)


@dataclass(frozen=True)
class Tried:
    """One rule's outcome: gain in incremental value against no corrections, mean over the runs."""

    rule: str
    sees: str
    """'incremental' or 'attributed' value; 'truth' for the best possible."""
    gain: float
    spend: float
    """Spend against no corrections, 1 = the same."""
    spread: float
    """Standard deviation over runs of the final modifier of VIP at risk."""
    vip: float
    """Mean final modifier of VIP."""


@dataclass(frozen=True)
class _Caps:
    lowest: float
    highest: float
    step: float


_WIDE = _Caps(0.1, 10.0, inf)
_NARROW = _Caps(0.5, 2.0, 1.15)
_INSIDE = _Caps(0.5, 2.0, inf)

_Targets = Callable[[Sequence[SegmentWeek], Mapping[str, Worth]], Mapping[str, float]]


def _pack(_weeks: Sequence[SegmentWeek], _worth: Mapping[str, Worth]) -> Mapping[str, float]:
    return {one.name: PACK.get(one.name, 1.0) for one in MARKET}


def _raw(weeks: Sequence[SegmentWeek], worth: Mapping[str, Worth]) -> Mapping[str, float]:
    made = estimate(weeks, worth=worth)
    return {one.segment: max(one.ratio or 0.0, 0.02) for one in made.segments}


def _shrunk(weeks: Sequence[SegmentWeek], worth: Mapping[str, Worth]) -> Mapping[str, float]:
    return {one.segment: one.target for one in estimate(weeks, worth=worth).segments}


def _to_pack(weeks: Sequence[SegmentWeek], worth: Mapping[str, Worth]) -> Mapping[str, float]:
    made = estimate(weeks, worth=worth, priors=PACK)
    return {one.segment: one.target for one in made.segments}


RULES: tuple[tuple[str, _Targets, _Caps], ...] = (
    ("hypothesis pack only", _pack, _INSIDE),
    ("raw ratio, wide caps", _raw, _WIDE),
    ("shrunk, no prior, narrow caps", _shrunk, _NARROW),
    ("shrunk to the pack, narrow caps", _to_pack, _NARROW),
)


def simulate(*, seed: int = 2026, runs: int = RUNS) -> tuple[Tried, ...]:
    """The table of method.md 4.4: no rule, every rule on both values, the best inside the caps."""
    table = [Tried("none", sees, 0.0, 1.0, 0.0, 1.0) for sees in ("incremental", "attributed")]
    for sees in ("incremental", "attributed"):
        worth = {
            one.name: Worth(incrementality=one.incrementality if sees == "incremental" else 1.0)
            for one in MARKET
        }
        for rule, targets, caps in RULES:
            # The same seed for every rule: they meet the same chance.
            paths = [
                _run(np.random.default_rng([seed, run]), targets, caps, worth)
                for run in range(runs)
            ]
            table.append(_summary(rule, sees, paths))
    return (*table, _best())


def _summary(rule: str, sees: str, paths: Sequence[Sequence[Mapping[str, float]]]) -> Tried:
    gains = [fsum(_gain(week) for week in path) / len(path) for path in paths]
    spends = [fsum(_spend(week) for week in path) / len(path) for path in paths]
    final = [path[-1] for path in paths]
    return Tried(
        rule,
        sees,
        gain=fsum(gains) / len(gains),
        spend=fsum(spends) / len(spends),
        spread=float(np.std([week["vip_at_risk"] for week in final])),
        vip=fsum(week["vip"] for week in final) / len(final),
    )


def _best() -> Tried:
    """The true optimum inside the caps, from the first week on."""
    modifiers = _same_spend(
        {one.name: one.worth / one.price for one in MARKET},
        {one.name: 1.0 for one in MARKET},
        _INSIDE,
    )
    return Tried(
        "best possible inside caps",
        "truth",
        _gain(modifiers),
        _spend(modifiers),
        0.0,
        modifiers["vip"],
    )


def _run(
    chance: np.random.Generator, targets: _Targets, caps: _Caps, worth: Mapping[str, Worth]
) -> list[Mapping[str, float]]:
    """Modifiers in force week by week; the first week has none."""
    modifiers: Mapping[str, float] = {one.name: 1.0 for one in MARKET}
    seen: dict[str, SegmentWeek] = {}
    path = []
    for _ in range(WEEKS):
        for one in MARKET:
            week = _week(chance, one, modifiers[one.name])
            before = seen.get(one.name)
            seen[one.name] = _add(before, week) if before else week
        modifiers = _same_spend(targets(list(seen.values()), worth), modifiers, caps)
        path.append(modifiers)
    return path


def _week(chance: np.random.Generator, one: TrueSegment, modifier: float) -> SegmentWeek:
    clicks = int(chance.poisson(one.clicks * modifier**EPS))
    orders = int(chance.binomial(clicks, one.conversion))
    shape = 1 / DEFAULT_CV**2
    revenue = float(chance.gamma(shape * orders, one.order / shape)) if orders else 0.0
    return SegmentWeek(
        one.name, 0, clicks, orders, revenue, clicks * one.price * modifier**KAP, modifier
    )


def _add(before: SegmentWeek, week: SegmentWeek) -> SegmentWeek:
    """The decayed sum as one row: its modifier is the clicks' mean, so the price stays exact."""
    clicks = DECAY * before.clicks + week.clicks
    at_price = DECAY * before.clicks * before.modifier + week.clicks * week.modifier
    return SegmentWeek(
        week.segment,
        0,
        clicks,
        DECAY * before.conversions + week.conversions,
        DECAY * before.revenue + week.revenue,
        DECAY * before.cost + week.cost,
        at_price / clicks if clicks else 1.0,
    )


def _same_spend(
    targets: Mapping[str, float], modifiers: Mapping[str, float], caps: _Caps
) -> Mapping[str, float]:
    """Spend is held by the true market here, as a weekly budget on the platform holds it."""
    positions = [
        Position(
            one.name,
            one.clicks * one.price * modifiers[one.name] ** (EPS + KAP),
            modifiers[one.name],
            targets[one.name],
            caps.lowest,
            caps.highest,
            caps.step,
        )
        for one in MARKET
    ]
    return same_spend(positions, budget=_SPEND, eta=EPS + KAP).modifiers


_SPEND = fsum(one.clicks * one.price for one in MARKET)
_VALUE = fsum(one.clicks * one.worth for one in MARKET)


def _gain(modifiers: Mapping[str, float]) -> float:
    value = fsum(one.clicks * one.worth * modifiers[one.name] ** EPS for one in MARKET)
    return value / _VALUE - 1


def _spend(modifiers: Mapping[str, float]) -> float:
    neutral = [Position(one.name, one.clicks * one.price, 1.0, 1.0) for one in MARKET]
    return spend_at(neutral, modifiers, EPS + KAP) / _SPEND
