"""Modifiers inside caps and steps that together spend the same (method.md 4.3).

One factor K moves all targets; spend grows with K, so bisection always ends. Everything a person
meets without a list stays at 1 unless the base bid is moved too (`Neutral.against`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum, inf, log, sqrt

import numpy as np

from bids.estimates import SegmentWeek

DEFAULT_ETA = 1.6
"""How spend moves with the modifier: clicks (0.6) and price (1) together."""
MOST_UNSURE_ETA = 0.2
"""Standard error above which the account's own elasticity is not used."""
LEAST_MOVES = 12
"""Changes of a modifier from week to week without which none is estimated."""


@dataclass(frozen=True)
class Position:
    """Where one segment stands and wants to go. `modifier` is in force, `target` comes from data.

    lowest, highest: caps as factors; step: largest factor per run. fixed: stays where it is.
    """

    segment: str
    cost: float
    modifier: float
    target: float
    lowest: float = 0.5
    highest: float = 2.0
    step: float = 1.15
    ceiling: float = inf
    fixed: bool = False

    def at(self, scale: float) -> float:
        """The modifier at factor K: within a step of the present one, then within the caps.

        A modifier outside the caps comes back inside even where that is more than a step.
        """
        if self.fixed:
            return self.modifier
        wanted = scale * self.target
        near = min(max(wanted, self.modifier / self.step), self.modifier * self.step)
        return min(max(near, self.lowest), max(min(self.highest, self.ceiling), self.lowest))


@dataclass(frozen=True)
class Neutral:
    """Modifiers by segment and what they are predicted to spend."""

    scale: float
    modifiers: Mapping[str, float]
    budget: float
    spend: float
    note: str = ""
    """Why the budget cannot be met inside caps and steps; empty when it is."""

    def against(self, rest: str) -> dict[str, float]:
        """Modifiers relative to one segment; the base bid is to be multiplied by that one's."""
        base = self.modifiers[rest]
        return {name: one / base for name, one in self.modifiers.items() if name != rest}


def same_spend(
    positions: Sequence[Position], *, budget: float | None = None, eta: float = DEFAULT_ETA
) -> Neutral:
    """Choose K so that predicted spend, sum of cost (new / present)^eta, equals the budget.

    budget: in the unit of the costs; what is spent now if left out.
    """
    ordered = sorted(positions, key=lambda one: one.segment)
    wanted = fsum(one.cost for one in ordered) if budget is None else budget
    free = [one for one in ordered if not one.fixed]
    if not free:
        return _at(ordered, 1.0, wanted, eta, "every segment is fixed")
    low = min(max(one.lowest, one.modifier / one.step) / one.target for one in free) / 2
    high = max(min(one.highest, one.modifier * one.step) / one.target for one in free) * 2
    if _spend(ordered, low, eta) >= wanted:
        return _at(ordered, low, wanted, eta, _unless_met(ordered, low, wanted, eta, "more"))
    if _spend(ordered, high, eta) <= wanted:
        return _at(ordered, high, wanted, eta, _unless_met(ordered, high, wanted, eta, "less"))
    while high / low > 1 + 1e-13:
        middle = sqrt(low * high)
        if _spend(ordered, middle, eta) < wanted:
            low = middle
        else:
            high = middle
    return _at(ordered, sqrt(low * high), wanted, eta, "")


def spend_at(positions: Iterable[Position], modifiers: Mapping[str, float], eta: float) -> float:
    """Predicted spend at given modifiers, whole per cents for instance."""
    return fsum(one.cost * (modifiers[one.segment] / one.modifier) ** eta for one in positions)


def _spend(positions: Sequence[Position], scale: float, eta: float) -> float:
    return spend_at(positions, {one.segment: one.at(scale) for one in positions}, eta)


def _unless_met(
    positions: Sequence[Position], scale: float, budget: float, eta: float, how: str
) -> str:
    spend = _spend(positions, scale, eta)
    if abs(spend - budget) <= 1e-9 * budget:
        return ""
    return (
        f"inside caps and steps it spends {how} than the budget: {spend:.2f} against {budget:.2f}"
    )


def _at(
    positions: Sequence[Position], scale: float, budget: float, eta: float, note: str
) -> Neutral:
    modifiers = {one.segment: one.at(scale) for one in positions}
    return Neutral(scale, modifiers, budget, spend_at(positions, modifiers, eta), note)


@dataclass(frozen=True)
class Elasticity:
    """eta, and where it comes from."""

    value: float
    source: str
    """'estimated' or 'default'."""
    moves: int
    """Changes of a modifier seen in the history."""
    error: float | None = None
    """Standard error of the estimate, where one could be made."""


def elasticity(weeks: Sequence[SegmentWeek]) -> Elasticity:
    """eta from the account's own weeks, where its modifiers moved enough; else the default.

    Weighted least squares of ln cost on ln modifier with an effect per segment and per week, so
    neither a season nor a segment's size is taken for elasticity. Weights are clicks. Held within
    1..3: 1 means clicks do not react to the bid.
    """
    rows = sorted(
        (one for one in weeks if one.cost > 0 and one.clicks > 0 and one.modifier > 0),
        key=lambda one: (one.segment, one.age),
    )
    moves = sum(
        1
        for one, other in pairwise(rows)
        if one.segment == other.segment and abs(log(one.modifier / other.modifier)) > 0.02
    )
    if moves < LEAST_MOVES:
        return Elasticity(DEFAULT_ETA, "default", moves)
    slope, error = _slope(rows)
    if not error <= MOST_UNSURE_ETA:
        return Elasticity(DEFAULT_ETA, "default", moves, error)
    return Elasticity(min(max(slope, 1.0), 3.0), "estimated", moves, error)


def _slope(rows: Sequence[SegmentWeek]) -> tuple[float, float]:
    """Slope and its standard error; infinite where the history cannot tell it from the effects."""
    segments = sorted({one.segment for one in rows})
    ages = sorted({one.age for one in rows})
    root = np.sqrt([one.clicks for one in rows])
    columns = [[log(one.modifier) for one in rows]]
    columns += [[float(one.segment == name) for one in rows] for name in segments]
    columns += [[float(one.age == age) for one in rows] for age in ages[1:]]
    design = np.array(columns).T * root[:, None]
    cost = np.array([log(one.cost) for one in rows]) * root
    rank = int(np.linalg.matrix_rank(design))
    freedom = len(rows) - rank
    if freedom < 1 or rank < design.shape[1]:
        return DEFAULT_ETA, inf
    solved = np.linalg.lstsq(design, cost, rcond=None)[0]
    noise = float(np.sum((cost - design @ solved) ** 2)) / freedom
    spread = np.linalg.inv(design.T @ design)[0, 0] * noise
    return float(solved[0]), float(np.sqrt(spread))
