"""The base segments: eleven, total and exclusive, the first rule that matches wins."""

from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir

from audiences.features import OF_OCCASIONS, OF_PEOPLE, completed_gaps, features, up_to
from audiences.model import Segment
from audiences.numbers import by_name, by_number, numbered
from audiences.rhythm import Calibration, calibrate, quantile
from audiences.staging import Staging, keep
from audiences.states import States, judge_states
from audiences.tables import SEGMENTED
from config.segments import Base

LOYAL_FROM = 3
"""Least occasions of a loyal buyer; the base may ask for more."""
DISCOUNT_HUNTER_SHARE = 0.8
"""Share of revenue bought with a discount from which a repeat buyer hunts discounts."""
REGISTERED_DAYS = 30
"""How long a registration stays new where fewer than REGISTERED_CASES tell it."""
REGISTERED_CASES = 200
REGISTERED_QUANTILE = 0.8
REGISTERED_LOOK_BACK_DAYS = 365


@dataclass(frozen=True)
class Cuts:
    """Where the base itself draws its lines, beside the rhythm. None: nobody is beyond it."""

    n_loyal: int
    """Occasions from which a buyer is loyal."""
    vip_from: float | None
    """Least value of a VIP."""
    wholesale_value: float | None
    """Value above which a buyer is wholesale."""
    wholesale_items: float | None
    """Items per occasion above which a buyer is wholesale."""
    margin_median: float | None
    """Median margin share of buyers; None where orders carry no margin."""
    registered_days: float
    """Days for which a registration stays new."""
    returner_share: float | None
    """Returned share of revenue from which a buyer is a returner."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Everybody at a snapshot day, and what the base said about itself.

    Both tables are temporary tables of the engine the input came from, gone with its session.
    """

    as_of: date
    table: ir.Table
    """Schema SEGMENTED: one row per person."""
    known: ir.Table
    """`features` of the same people."""
    calibration: Calibration | None
    """None where too few people bought again to measure a rhythm."""
    cuts: Cuts
    states_by: str
    """rhythm, model, days or lifecycle: which may be a fall-back from what was asked for."""
    limits: tuple[float, ...]
    """Days of silence that end a first buyer's active, slipping and asleep."""
    lost_on: bool
    notes: tuple[str, ...]
    """What the run report must say."""


def segment(
    occasions: ir.Table,
    returns: ir.Table,
    people: ir.Table,
    *,
    as_of: date,
    base: Base,
) -> Segmentation:
    """Give each person of `people` exactly one base segment at the end of day `as_of`.

    occasions, returns, people: tables OCCASIONS, RETURNS, PEOPLE of one engine. Rows after
    `as_of` are not seen. The answer is a function of the rows, never of their order.
    """
    with Staging() as staging:
        numbers = staging.keep(numbered(people, occasions))
        till_now = up_to(occasions, as_of).select(*OF_OCCASIONS)
        till_now = staging.pack(by_number(till_now, numbers))
        gaps = staging.keep(completed_gaps(till_now))
        summed = features(
            till_now,
            gaps,
            by_number(returns, numbers),
            by_number(people.select(*OF_PEOPLE), numbers),
            as_of=as_of,
            value_window_days=base.value_window_days,
            margin_rate=base.margin_rate,
            net_returns=base.net_returns,
        )
        known = keep(by_name(summed, numbers))
        calibration = calibrate(known, gaps, quantiles=base.quantiles)
    cuts = _cuts(known, calibration, base)
    states = judge_states(known, calibration, as_of=as_of, base=base)
    flagged = _flagged(states.table, cuts)
    decided = flagged.mutate(segment=_decide(flagged, states, cuts, as_of))
    table = keep(decided.select(**{name: decided[name].cast(kind) for name, kind in _columns()}))
    return Segmentation(
        as_of=as_of,
        table=table,
        known=known,
        calibration=calibration,
        cuts=cuts,
        states_by=states.by,
        limits=states.limits,
        lost_on=states.lost_on,
        notes=(*states.notes, *_margin_notes(known, base)),
    )


@dataclass(frozen=True)
class Size:
    """How large a segment is. Revenue is all of its people's, to the snapshot day."""

    people: int
    share: float
    revenue: float


def sizes(table: ir.Table) -> dict[Segment, Size]:
    """Count every segment of a SEGMENTED table, empty ones too, in the order of the rules."""
    rows = table.group_by("segment").aggregate(people=table.count(), revenue=table.revenue.sum())
    found = {row["segment"]: row for row in rows.to_pyarrow().to_pylist()}
    total = sum(row["people"] for row in found.values())
    nobody = {"people": 0, "revenue": 0.0}
    return {
        name: Size(row["people"], row["people"] / total if total else 0.0, round(row["revenue"], 2))
        for name, row in ((name, found.get(name, nobody)) for name in Segment)
    }


def _columns() -> list[tuple[str, ibis.DataType]]:
    return [(name, kind(nullable=True)) for name, kind in SEGMENTED.items()]


def _cuts(known: ir.Table, calibration: Calibration | None, base: Base) -> Cuts:
    buyers = known.filter(known.orders > 0)
    share = base.wholesale_quantile
    if share == 1:
        share = None
    return Cuts(
        n_loyal=LOYAL_FROM if calibration is None else calibration.n_loyal,
        vip_from=quantile(buyers, "value", 1 - base.vip_share),
        wholesale_value=None if share is None else quantile(buyers, "value", share),
        wholesale_items=None if share is None else quantile(buyers, "items_per_occasion", share),
        margin_median=quantile(buyers, "margin_share", 0.5),
        registered_days=base.registered_days or _registered_days(known),
        returner_share=base.returner_share if base.returner_share < 1 else None,
    )


def _margin_notes(known: ir.Table, base: Base) -> tuple[str, ...]:
    """Margin of some and revenue of others are not one measure: that must be said."""
    if base.margin_rate is not None:
        return ()
    buyers = known.filter(known.orders > 0)
    row = buyers.aggregate(all=buyers.count(), with_margin=buyers.margin_share.count())
    counted = row.to_pyarrow().to_pylist()[0]
    if counted["with_margin"] in (0, counted["all"]):
        return ()
    return (
        f"{counted['with_margin']} of {counted['all']} buyers have a margin, the others count with "
        "their revenue: set margin_rate in segments.toml to compare them.",
    )


def _registered_days(known: ir.Table) -> float:
    """Days from registration to first purchase that most people keep to, over the last year."""
    took = known.first_day.delta(known.registered_on, unit="day")
    cases = known.select("age_days", took=took)
    cases = cases.filter(cases.took >= 0, cases.age_days < REGISTERED_LOOK_BACK_DAYS)
    if cases.count().to_pyarrow().as_py() < REGISTERED_CASES:
        return REGISTERED_DAYS
    return quantile(cases, "took", REGISTERED_QUANTILE) or 0.0


def _flagged(table: ir.Table, cuts: Cuts) -> ir.Table:
    bought = table.orders > 0
    repeats = table.orders >= 2
    wholesale = _above(table.value, cuts.wholesale_value) | _above(
        table.items_per_occasion, cuts.wholesale_items
    )
    returner = ibis.literal(value=False)
    if cuts.returner_share is not None:
        returner = table.returned_share >= cuts.returner_share
    cheap = ibis.literal(value=True)
    if cuts.margin_median is not None:
        cheap = table.margin_share < cuts.margin_median
    hunter = repeats & (table.discount_share >= DISCOUNT_HUNTER_SHARE) & cheap
    flagged = table.mutate(
        is_wholesale=(bought & wholesale).fill_null(False),
        is_returner=(bought & returner).fill_null(False),
        is_discount_hunter=hunter.fill_null(False),
        count_class=ibis.cases(
            (table.orders == 0, ibis.null("string")),
            (table.orders == 1, "first"),
            (table.orders < cuts.n_loyal, "developing"),
            else_="loyal",
        ),
    )
    top = ibis.literal(value=False) if cuts.vip_from is None else table.value >= cuts.vip_from
    vip = repeats & top & ~flagged.is_wholesale & ~flagged.is_returner
    return flagged.mutate(is_vip=vip.fill_null(False))


def _above(amount: ir.NumericValue, limit: float | None) -> ir.BooleanValue:
    return ibis.literal(value=False) if limit is None else (amount > limit).fill_null(False)


def _decide(table: ir.Table, states: States, cuts: Cuts, as_of: date) -> ir.StringValue:
    active = table.state == "active"
    loyal = table.count_class == "loyal"
    first = table.count_class == "first"
    if states.by == "lifecycle":
        buyers = [
            (active & first, Segment.NEW),
            (active, Segment.LOYAL),
            (table.orders > 0, Segment.AT_RISK),
        ]
    else:
        buyers = [
            (table.state == "lost", Segment.LOST),
            (table.is_vip & active, Segment.VIP),
            (table.is_vip, Segment.VIP_AT_RISK),
            (loyal & active, Segment.LOYAL),
            (loyal, Segment.AT_RISK),
            (table.state == "asleep", Segment.SLEEPING),
            (table.state == "slipping", Segment.DRIFTING),
            (first, Segment.NEW),
            (table.orders > 0, Segment.PROMISING),
        ]
    last_seen = _later(table.registered_on, table.last_activity_on)
    still_new = ibis.literal(as_of).delta(last_seen, unit="day") <= cuts.registered_days
    rules = [(rule, str(name)) for rule, name in buyers]
    rules.append(((table.orders == 0) & still_new, str(Segment.REGISTERED)))
    return ibis.cases(*rules, else_=str(Segment.SLEEPING_REGISTERED))


def _later(one: ir.DateValue, other: ir.DateValue) -> ir.DateValue:
    return ibis.greatest(ibis.coalesce(one, other), ibis.coalesce(other, one))
