"""Seeds of look-alikes: the best consented buyers, and proof that they are.

A seed takes people who are active or slipping, bought twice or began with an order in the top
tenth of first orders, and are neither wholesale nor returners nor discount hunters; of those, the
ones above the LTV floor, within the size window.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

import ibis
import ibis.expr.types as ir

from audiences.consents import agrees
from audiences.ranks import best
from audiences.rhythm import quantile
from audiences.segments import Segmentation
from audiences.staging import keep
from config.audiences import LtvFloor
from config.consents import ADS

FIRST_ORDER_QUANTILE = 0.90
"""First orders above it make a first buyer worth imitating."""
REACHABLE = ("active", "slipping")
GATES = ("buyers", "consented", "not_silent", "proven", "not_odd", "wanted", "above_floor", "taken")
"""What a buyer passes on the way into a seed: consent; active or slipping; two orders or a large
first one; no wholesale buyer, returner or discount hunter; the audience's own condition; the LTV
floor; the size window."""


@dataclass(frozen=True, eq=False)
class Seed:
    """Who is in a seed, or why there is none: nothing is sent when `refused_by` says something."""

    table: ir.Table
    """person_id, value: what the platform may be told each is worth. A temporary table."""
    people: int
    base: int
    """Everybody the shop knows."""
    floor: float
    """Least worth of a member, in the measure the floor is written in."""
    measured_by: str
    """Column the floor was put to: revenue (all of it), predicted_value or value."""
    first_order_from: float
    """A first buyer is proven by a first order above it: the top tenth of first orders."""
    left: tuple[tuple[str, int], ...]
    """Buyers left after each gate of GATES, in their order: who is kept out by what."""
    refused_by: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Of the base."""
        return self.people / self.base if self.base else 0.0


class Freshness(StrEnum):
    """Where a seed or what grew from it stands on its age clock."""

    FRESH = "fresh"
    DUE = "due"
    """A refresh is due soon: say so while there is time."""
    EXPIRED = "expired"


DUE_SHARE = 0.7
"""Share of the refresh time from which a refresh is due: day 21 of 30."""


@dataclass(frozen=True)
class Age:
    """How old a seed, or a look-alike grown from it, is."""

    days: int
    refresh_days: int

    @property
    def freshness(self) -> Freshness:
        if self.days > self.refresh_days:
            return Freshness.EXPIRED
        due = self.days >= DUE_SHARE * self.refresh_days
        return Freshness.DUE if due else Freshness.FRESH

    def __str__(self) -> str:
        said = {
            Freshness.FRESH: "fresh",
            Freshness.DUE: "a refresh is due",
            Freshness.EXPIRED: "expired",
        }
        return f"{self.days} days old, {said[self.freshness]} (refresh at {self.refresh_days})"


@dataclass(frozen=True)
class Window:
    """How many people a seed may hold."""

    least: int
    """The platform's minimum over the share it is expected to match."""
    most: int


def pick_seed(
    made: Segmentation,
    people: ir.Table,
    *,
    floor: LtvFloor,
    predicted: ir.Table | None = None,
    among: ir.Table | None = None,
    max_base_share: float = 0.20,
    platform_minimum: int = 0,
    match_rate: float = 1.0,
    asked: Collection[str] = (ADS,),
) -> Seed:
    """Pick the seed of a segmentation.

    people: table PEOPLE (for consent); predicted: `value.predict`, or None where no model fits;
    among: table with person_id that narrows the seed further; asked: consents that its people
    have given. An amount and a multiple of the average check are floors under all revenue so far;
    a top share is of all buyers, by predicted value (without a prediction by past value, and a note
    says so). A seed above its window keeps the best; a seed below is refused.
    """
    window = _window(made, max_base_share, platform_minimum, match_rate)
    large = quantile(made.known, "first_revenue", FIRST_ORDER_QUANTILE) or 0.0
    candidates, notes = _candidates(made, people, predicted, asked, large)
    measure = "worth" if floor.top_share is not None else "revenue"
    least_worth = _floor(candidates, floor)
    asked_for = _wanted(candidates, among)
    asked_for = asked_for.mutate(above_floor=asked_for[measure] >= least_worth)
    gates = [asked_for[name] for name in GATES[1:-1]]
    rows, trimmed = _trimmed(asked_for.filter(*gates), window)
    table = keep(rows.select("person_id", value=rows.worth))
    number = _count(table)
    refused = () if number >= max(window.least, 1) else (_too_small(number, window),)
    by_model = "value" if predicted is None else "predicted_value"
    return Seed(
        table=table,
        people=number,
        base=_count(made.table),
        floor=least_worth,
        measured_by=by_model if measure == "worth" else "revenue",
        first_order_from=large,
        left=(*_left(asked_for), (GATES[-1], number)),
        refused_by=refused,
        notes=(*(notes if measure == "worth" else ()), *trimmed),
    )


def overlap(seed: ir.Table, other: ir.Table) -> float | None:
    """Share of the people of `seed` who are in `other` too; None of an empty seed."""
    people = _count(seed)
    return _count(seed.semi_join(other, "person_id")) / people if people else None


def _window(
    made: Segmentation, max_base_share: float, platform_minimum: int, match_rate: float
) -> Window:
    if not 0 < match_rate <= 1:
        raise ValueError(f"match_rate is {match_rate}, expected above 0 and at most 1")
    least = -(-platform_minimum // match_rate)
    return Window(int(least), int(max_base_share * _count(made.table)))


def _candidates(
    made: Segmentation,
    people: ir.Table,
    predicted: ir.Table | None,
    asked: Collection[str],
    large: float,
) -> tuple[ir.Table, tuple[str, ...]]:
    """All buyers with their worth, and a boolean for each gate that does not need the floor."""
    buyers = made.table.filter(made.table.orders > 0)
    firsts = made.known.select("person_id", "first_revenue")
    table = buyers.inner_join(firsts, "person_id").inner_join(
        people.select("person_id", consented=agrees(people, asked)), "person_id"
    )
    notes: tuple[str, ...] = ()
    if predicted is None:
        notes = ("No value could be predicted: the top share is by past value.",)
        table = table.mutate(worth=table.value)
    else:
        worth = predicted.select("person_id", worth=predicted.predicted_value)
        table = table.inner_join(worth, "person_id")
    odd = table.is_wholesale | table.is_returner | table.is_discount_hunter
    gates = {
        "consented": table.consented,
        "not_silent": table.state.isin(REACHABLE),
        "proven": (table.orders >= 2) | (table.first_revenue > large),
        "not_odd": ~odd,
    }
    return table.mutate(**{name: gate.fill_null(False) for name, gate in gates.items()}), notes


def _wanted(rows: ir.Table, among: ir.Table | None) -> ir.Table:
    """`rows` with whether each is of the people the audience is about; all are, without such."""
    if among is None:
        return rows.mutate(wanted=ibis.literal(value=True))
    # A join, for not every engine takes IN (SELECT ...) outside a filter.
    named = among.select("person_id", wanted=ibis.literal(value=True))
    both = rows.left_join(named, "person_id").drop("person_id_right")
    return both.mutate(wanted=both.wanted.fill_null(False))


def _left(rows: ir.Table) -> tuple[tuple[str, int], ...]:
    """How many pass each gate and all before it, in one pass."""
    passed = {GATES[0]: rows.count()}
    so_far: ir.BooleanValue = ibis.literal(value=True)
    for name in GATES[1:-1]:
        so_far = so_far & rows[name]
        passed[name] = so_far.sum().fill_null(0)
    counted = rows.aggregate(**passed).to_pyarrow().to_pylist()[0]
    return tuple((name, int(counted[name])) for name in GATES[:-1])


def _floor(candidates: ir.Table, floor: LtvFloor) -> float:
    if floor.amount is not None:
        return float(floor.amount)
    if floor.average_checks is not None:
        # Of the shop, not the mean of people's means: revenue over days with an order.
        check = candidates.aggregate(check=candidates.revenue.sum() / candidates.orders.sum())
        return float(check.to_pyarrow()["check"][0].as_py() or 0.0) * floor.average_checks
    top_share = floor.top_share
    if top_share is None:
        raise ValueError("an LTV floor needs amount, average_checks or top_share")
    return quantile(candidates, "worth", 1 - top_share) or 0.0


def _trimmed(rows: ir.Table, window: Window) -> tuple[ir.Table, tuple[str, ...]]:
    """Keep the best of a seed above its window; people of equal worth stay or go together."""
    number = _count(rows)
    if number <= window.most:
        return rows, ()
    kept = best(rows, "worth", window.most)
    note = f"{number} people qualify; the best {_count(kept)} are taken ({window.most} at most)."
    return kept, (note,)


def _too_small(number: int, window: Window) -> str:
    return (
        f"{number} people qualify for the seed, {max(window.least, 1)} are needed "
        f"(at most {window.most}). Lower the floor or widen the people of this audience."
    )


def _count(table: ir.Table) -> int:
    return int(table.count().to_pyarrow().as_py())
