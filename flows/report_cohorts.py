"""The report's tables of repeat purchases: cost share by segment and by month of first order."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import ibis

from bids.weeks import EVERYONE_ELSE
from flows.histories import segment_of_day
from flows.outlook import NOT_YET_BUYERS
from flows.report_people import segment_place
from flows.spending import Source, spent_by_month, window_rows
from flows.workshop import Workshop
from measurement.cohorts import Cohort, expected_revenue, follow, pooled
from measurement.cost_share import cost_share, per_unit
from measurement.money import Sums, sums_by
from measurement.tables import Column, Kind, Note, Table, columns

FOLLOW_DAYS = 180
"""Days a cohort is followed; younger ones are told by the rates of older ones."""

REPEAT_DAYS = 90
"""Days in which a segment's repeat purchases count, and in which its first orders are gathered."""

WINNING = (EVERYONE_ELSE, *NOT_YET_BUYERS)
"""Whose spend wins first buyers: people that no correction names, and who never bought."""


COST_SHARES = ("drr_first", "drr_second", "drr_third", "drr_all")


def repeat_table(
    workshop: Workshop, sources: Sequence[Source], as_of: date, margin: Decimal | None
) -> Table:
    """Cost share by segment on first orders alone, and with the purchases that follow.

    Orders of platforms carry no customer, so a segment's orders are taken to be followed as its
    people's were: first orders within REPEAT_DAYS of an earlier snapshot, followed REPEAT_DAYS.
    """
    cohorts = {one.name: one for one in _segment_cohorts(workshop, as_of)}
    sums = {key[0]: one for key, one in sums_by(window_rows(sources), "segment").items()}
    names = sorted({*cohorts, *sums}, key=lambda name: (segment_place(name), name))
    rows = [
        _repeat_row(name, cohorts.get(name), sums.get(name)) for name in names if name in cohorts
    ]
    days = (("days", REPEAT_DAYS, Kind.COUNT),)
    return Table(
        "repeat",
        (
            Column("segment", Kind.NAME),
            *columns(
                first_buyers=Kind.COUNT,
                crr_second=Kind.SHARE,
                crr_third=Kind.SHARE,
                multiple=Kind.RATIO,
                **dict.fromkeys(COST_SHARES, Kind.PERCENT),
                break_even=Kind.PERCENT,
            ),
        ),
        tuple((*row, None if margin is None else 100 * margin) for row in rows),
        (Note("repeat_days", days),) if rows else (Note("too_young", days),),
    )


def _segment_cohorts(workshop: Workshop, as_of: date) -> tuple[Cohort, ...]:
    tables = {kind: workshop.table(kind) for kind in ("occasions", "returns", "people")}
    occasions = tables["occasions"]
    day = as_of - timedelta(days=2 * REPEAT_DAYS)
    first = occasions.day.min().to_pyarrow().as_py()
    if first is None or day < first:
        return ()
    then = segment_of_day(workshop, tables, day).table
    until = as_of - timedelta(days=REPEAT_DAYS)
    later = occasions.filter(
        occasions.day > ibis.literal(day), occasions.day <= ibis.literal(until)
    )
    begun = later.group_by("person_id").aggregate(first_day=later.day.min())
    starts = begun.inner_join(then.select("person_id", cohort=then.segment), "person_id")
    return follow(occasions, starts, days=REPEAT_DAYS, newest=as_of)


def _repeat_row(name: str, cohort: Cohort | None, sums: Sums | None) -> tuple[Any, ...]:
    if cohort is None or not cohort.revenue:
        return (name, 0, None, None, None, *[None] * len(COST_SHARES))
    rates = [*cohort.return_rates, None, None]
    return (
        name,
        cohort.buyers[0],
        rates[0],
        rates[1],
        cohort.multiple,
        *_with_repeats(cohort, sums),
    )


def _with_repeats(cohort: Cohort, sums: Sums | None) -> list[Decimal | None]:
    """Cost share of the first orders, and as if each were followed as the cohort's were."""
    if sums is None or not sums.revenue or not cohort.revenue[0]:
        return [None] * len(COST_SHARES)
    grown = [one / cohort.revenue[0] for one in cohort.cumulated]
    grown = [*grown, *[grown[-1]] * 3]
    return [
        cost_share(sums.cost_of_revenue, sums.revenue * factor)
        for factor in (*grown[:3], grown[len(cohort.cumulated) - 1])
    ]


COHORT_COLUMNS = columns(
    cohort=Kind.TEXT,
    first_buyers=Kind.COUNT,
    observed=Kind.SHARE,
    winning_cost=Kind.MONEY,
    cac=Kind.MONEY,
    crr_second=Kind.SHARE,
    crr_third=Kind.SHARE,
    revenue_first=Kind.MONEY,
    revenue_all=Kind.MONEY,
    **dict.fromkeys(COST_SHARES, Kind.PERCENT),
    drr_expected=Kind.PERCENT,
)


def cohort_table(workshop: Workshop, sources: Sequence[Source], as_of: date) -> Table:
    """Months of first purchase: what winning them cost, and the cost share order by order."""
    occasions = workshop.table("occasions")
    known = occasions.filter(occasions.day <= ibis.literal(as_of))
    begun = known.group_by("person_id").aggregate(first_day=known.day.min())
    starts = begun.mutate(cohort=begun.first_day.cast("string").substr(0, 7))
    cohorts = follow(known, starts, days=FOLLOW_DAYS, newest=as_of)
    costs = spent_by_month(sources, WINNING)
    rates = pooled([one for one in cohorts if one.observed == 1])
    notes = [Note("follow_days", (("days", FOLLOW_DAYS, Kind.COUNT),))]
    if not any(costs.get(one.name) for one in cohorts):
        notes.append(Note("no_winning_cost"))
    return Table(
        "cohorts",
        COHORT_COLUMNS,
        tuple(_cohort_row(one, costs.get(one.name), rates) for one in cohorts),
        tuple(notes),
    )


def _cohort_row(one: Cohort, cost: Decimal | None, rates: Cohort) -> tuple[Any, ...]:
    """Ledger form where the whole cohort was followed to the end, rate form for each."""
    whole = one.observed == 1
    told = [*one.return_rates, None, None] if whole else [None, None]
    sums = one.cumulated if whole else ()
    shares: list[Decimal | None] = [None] * len(COST_SHARES)
    if whole and cost is not None:
        ledger = one.cost_shares(cost)
        shares = [*[*ledger, *[ledger[-1]] * 3][:3], ledger[-1]]
    return (
        one.name,
        one.people,
        one.observed,
        cost,
        None if cost is None else per_unit(cost, one.people),
        *told[:2],
        sums[0] if sums else None,
        sums[-1] if sums else None,
        *shares,
        _share(cost, expected_revenue(one.people, rates)),
    )


def _share(cost: Decimal | None, revenue: Decimal | None) -> Decimal | None:
    return None if cost is None or revenue is None else cost_share(cost, revenue)
