"""The features beyond the base segments, worked out once at every refresh: table SCORES."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType

import ibis
import ibis.expr.types as ir

from audiences.behaviour import behaviour
from audiences.engines import engine_under
from audiences.ranks import rf_grid
from audiences.segments import Segmentation
from audiences.staging import Staging, pack
from audiences.tables import BEHAVIOUR, EVENTS, SCORES

AT_ONCE = 4
"""Parts that are joined in one statement."""


def score_people(
    made: Segmentation,
    occasions: ir.Table,
    *,
    stories: ir.Table,
    predicted: ir.Table | None,
    events: ir.Table | None,
    moment: datetime,
    people: ir.Table | None = None,
    acquisition_costs: Mapping[str, float] = MappingProxyType({}),
    margin_rate: float | None = None,
) -> ir.Table:
    """One row per person of `made`, schema SCORES, kept packed.

    occasions: table OCCASIONS; stories: `history.carry_on`; predicted: `value.predict`, None where
    no model fits; events: table EVENTS, None without any; moment: when behaviour is looked at;
    people: table PEOPLE, for the first channel that acquisition_costs are by.
    """
    parts = [
        _recent(occasions, made.as_of),
        _shares(made.known),
        _ranks(made.table, "value", "value_rank"),
        _ranks(made.table, "revenue", "revenue_rank"),
        _ranks(made.table, "orders", "orders_rank"),
        rf_grid(made.table).select("person_id", "rf_label"),
        _entered(stories, made.as_of),
    ]
    if people is not None and acquisition_costs:
        parts.append(_acquired(made.known, people, acquisition_costs, margin_rate))
    if predicted is not None:
        parts += [_predictions(predicted), _ranks(predicted, "predicted_value", "predicted_rank")]
    if events is not None:
        parts.append(behaviour(events.select(*EVENTS.names), occasions, moment=moment))
    with Staging() as staging:
        wide = made.table.select("person_id", "segment")
        for first in range(0, len(parts), AT_ONCE):
            wide = _side_by_side(wide, parts[first : first + AT_ONCE], staging)
        return pack(_finished(wide))


def _side_by_side(wide: ir.Table, parts: Iterable[ir.Table], staging: Staging) -> ir.Table:
    """`wide` with the columns of every part, kept; each part is worked out by itself."""
    with Staging() as passing:
        for part in parts:
            wide = wide.left_join(passing.keep(part), "person_id").drop("person_id_right")
        return staging.keep(wide)


def _acquired(
    known: ir.Table, people: ir.Table, costs: Mapping[str, float], margin_rate: float | None
) -> ir.Table:
    """What a buyer brought less what it cost to win them; unknown where the cost is."""
    channel = people.channel_first.lower()
    cost = ibis.cases(
        *((channel == name.lower(), float(cost)) for name, cost in sorted(costs.items())),
        else_=ibis.null("float64"),
    )
    priced = people.select("person_id", acquisition_cost=cost)
    both = known.filter(known.orders > 0).inner_join(priced, "person_id")
    rate = ibis.coalesce(both.margin_share, 1.0 if margin_rate is None else margin_rate)
    net = (both.revenue - both.returned) * rate - both.acquisition_cost
    return both.select(
        "person_id",
        "acquisition_cost",
        net_margin=net,
        romi=net / both.acquisition_cost.nullif(0.0),
    )


def _recent(occasions: ir.Table, as_of: date) -> ir.Table:
    def since(days: int) -> ir.BooleanValue:
        return occasions.day > ibis.literal(as_of - timedelta(days=days))

    known = occasions.filter(occasions.day <= ibis.literal(as_of), since(90))
    cents = (known.revenue * 100).round().cast("int64")
    return known.group_by("person_id").aggregate(
        orders_30d=since(30).sum(),
        orders_90d=known.count(),
        revenue_30d=cents.sum(where=since(30)).fill_null(0) / 100.0,
    )


def _shares(known: ir.Table) -> ir.Table:
    return known.select(
        "person_id",
        "channel_last",
        "discount_share",
        "margin_share",
        "returned_share",
        category_last=known.category,
        items_per_order=known.items_per_occasion,
    )


def _ranks(table: ir.Table, column: str, name: str) -> ir.Table:
    """Share of people with more of `column`, in per cent; equals share a rank."""
    buyers = table.filter(table.orders > 0) if "orders" in table.columns else table
    placed = engine_under(buyers).placed(buyers, column, descending=True)
    return placed.select("person_id", **{name: placed.place * 100.0 / placed.all_rows})


def _predictions(predicted: ir.Table) -> ir.Table:
    return predicted.select(
        "person_id",
        "predicted_value",
        "alive",
        "churn_risk",
        predicted_orders=predicted.predicted_purchases,
    )


def _entered(stories: ir.Table, as_of: date) -> ir.Table:
    return stories.select(
        "person_id",
        "previous_segment",
        "entered_by",
        days_in_segment=ibis.literal(as_of).delta(stories.entered_on, unit="day"),
    )


def _finished(wide: ir.Table) -> ir.Table:
    counts = {"orders_30d": 0, "orders_90d": 0, "revenue_30d": 0.0}
    wide = wide.mutate(**{name: wide[name].fill_null(zero) for name, zero in counts.items()})
    missing = {
        name: ibis.null(kind(nullable=True))
        for name, kind in {**SCORES, **BEHAVIOUR}.items()
        if name not in wide.columns
    }
    wide = wide.mutate(**missing)
    return wide.select(
        **{name: wide[name].cast(kind(nullable=True)) for name, kind in SCORES.items()}
    )
