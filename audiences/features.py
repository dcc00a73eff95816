"""What is known of each person at a snapshot day, as one relational expression.

Every sum is a sum of whole numbers (cents, or log-gaps in units of 1e-8), so a figure is a
function of the rows and never of their order: parallel floating sums differ in the last digit.
"""

from datetime import date

import ibis
import ibis.expr.types as ir

LOG_UNIT = 1e-8
"""Unit in which natural logs are summed as whole numbers."""
OF_OCCASIONS = (
    "person_id", "day", "revenue", "discount", "margin", "items", "category", "channel",
)  # fmt: skip
OF_PEOPLE = ("person_id", "registered_on", "last_activity_on")
"""Columns of OCCASIONS and PEOPLE that are looked at."""


def up_to(occasions: ir.Table, as_of: date) -> ir.Table:
    """Rows that were known at the end of the snapshot day."""
    return occasions.filter(occasions.day <= ibis.literal(as_of))


def completed_gaps(occasions: ir.Table) -> ir.Table:
    """One row per completed gap between two occasions of a person.

    Columns: person_id, days, log_gap (ln of days in LOG_UNIT), gaps_before, log_gaps_before (number
    and sum of this person's earlier gaps), category (of the occasion that began the gap).
    """
    by_person = ibis.window(group_by=occasions.person_id, order_by=occasions.day)
    steps = occasions.select(
        "person_id",
        "day",
        days=occasions.day.delta(occasions.day.lag().over(by_person), unit="day"),
        category=occasions.category.lag().over(by_person),
    )
    # A first occasion has no gap: it must go before the logarithm, not be read as a gap of zero.
    gaps = steps.filter(steps.days.notnull())
    gaps = gaps.mutate(log_gap=_whole(gaps.days.cast("float64").ln(), LOG_UNIT))
    in_order = ibis.window(group_by=gaps.person_id, order_by=gaps.day)
    so_far = ibis.cumulative_window(group_by=gaps.person_id, order_by=gaps.day)
    return gaps.select(
        "person_id",
        "days",
        "log_gap",
        "category",
        gaps_before=ibis.row_number().over(in_order),
        log_gaps_before=gaps.log_gap.sum().over(so_far).cast("int64") - gaps.log_gap,
    )


def features(
    known: ir.Table,
    gaps: ir.Table,
    returns: ir.Table,
    people: ir.Table,
    *,
    as_of: date,
    value_window_days: int,
    margin_rate: float | None = None,
    net_returns: bool = False,
) -> ir.Table:
    """One row per person of `people`: what is known at the end of day `as_of`.

    known, returns, people: tables OCCASIONS, RETURNS, PEOPLE, or with numbers for names
    (audiences/numbers.py); `known` is `up_to` that day, best kept or by a name (Staging), for it is
    asked several times; gaps: its `completed_gaps`. Value is
    the margin (else revenue times `margin_rate`, else revenue) of the `value_window_days` days that
    end at the last purchase, so it does not fade with silence; `net_returns` takes off what was
    returned in the same days. People without an occasion have orders = 0 and nulls where a purchase
    is needed.
    """
    ends = known.group_by("person_id").aggregate(
        first_day=known.day.min(), last_day=known.day.max()
    )
    totals = _totals(known, ends, value_window_days, margin_rate)
    back = _returned(up_to(returns, as_of), ends, value_window_days)
    rhythm = gaps.group_by("person_id").aggregate(
        gaps=gaps.count(), log_gaps=gaps.log_gap.sum().cast("int64")
    )
    wide = people.select(*OF_PEOPLE)
    for part in (totals, back, rhythm):
        wide = wide.left_join(part, "person_id").drop("person_id_right")
    return _finished(wide, as_of, net_returns=net_returns, margin_rate=margin_rate)


def _whole(amount: ir.NumericValue, unit: float) -> ir.IntegerValue:
    return (amount / unit).round().cast("int64")


def _cents(amount: ir.NumericValue) -> ir.IntegerValue:
    return (amount * 100).round().cast("int64")


def _totals(
    known: ir.Table, ends: ir.Table, window_days: int, margin_rate: float | None
) -> ir.Table:
    """Sums by person. One row a day: the maximum over the first or last day is that day's own."""
    rows = known.inner_join(ends, "person_id")
    cents, margin = _cents(rows.revenue), _cents(rows.margin)
    worth = rows.revenue * (1.0 if margin_rate is None else margin_rate)
    at_last = rows.day == rows.last_day
    in_window = rows.last_day.delta(rows.day, unit="day") < window_days
    return rows.group_by("person_id").aggregate(
        orders=rows.count(),
        first_day=rows.first_day.max(),
        last_day=rows.last_day.max(),
        revenue_cents=_total(cents),
        first_cents=cents.max(where=rows.day == rows.first_day),
        items=_total(rows["items"]),
        discounted_cents=_total(cents, rows.discount > 0),
        margin_cents=_total(margin),
        margin_revenue_cents=_total(cents, rows.margin.notnull()),
        value_cents=_total(_cents(ibis.coalesce(rows.margin, worth)), in_window),
        category=rows.category.max(where=at_last),
        channel_last=rows.channel.max(where=at_last),
    )


def _total(whole: ir.IntegerValue, where: ir.BooleanValue | None = None) -> ir.IntegerScalar:
    return whole.sum(where=where).cast("int64")


def _returned(returns: ir.Table, ends: ir.Table, window_days: int) -> ir.Table:
    rows = returns.select("person_id", "day", cents=_cents(returns.amount))
    rows = rows.inner_join(ends.select("person_id", "last_day"), "person_id")
    recent = rows.last_day.delta(rows.day, unit="day") < window_days
    return rows.group_by("person_id").aggregate(
        returned_cents=rows.cents.sum().cast("int64"),
        returned_recent_cents=rows.cents.sum(where=recent).cast("int64"),
    )


def _finished(
    wide: ir.Table, as_of: date, *, net_returns: bool, margin_rate: float | None
) -> ir.Table:
    day = ibis.literal(as_of)
    revenue = wide.revenue_cents.fill_null(0) / 100.0
    returned = wide.returned_cents.fill_null(0) / 100.0
    value = wide.value_cents.fill_null(0) / 100.0
    if net_returns:
        rate = 1.0 if margin_rate is None else margin_rate
        value = ibis.greatest(value - wide.returned_recent_cents.fill_null(0) / 100.0 * rate, 0.0)
    return wide.select(
        "person_id",
        "registered_on",
        "last_activity_on",
        "first_day",
        "last_day",
        "category",
        "channel_last",
        orders=wide.orders.fill_null(0).cast("int64"),
        recency_days=day.delta(wide.last_day, unit="day"),
        age_days=day.delta(wide.first_day, unit="day"),
        gaps=wide.gaps.fill_null(0).cast("int64"),
        log_gaps=wide.log_gaps.fill_null(0).cast("int64"),
        value=value,
        revenue=revenue,
        first_revenue=wide.first_cents / 100.0,
        returned=returned,
        average_order=revenue / wide.orders,
        items=wide["items"].fill_null(0).cast("int64"),
        items_per_occasion=wide["items"] / wide.orders,
        discount_share=wide.discounted_cents.fill_null(0) / wide.revenue_cents.nullif(0),
        margin_share=wide.margin_cents / wide.margin_revenue_cents.nullif(0),
        returned_share=returned / revenue.nullif(0.0),
    )
