"""What a bid plan will do: automatic corrections, overlaps, strategies, forecast."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import ibis

from audiences.choosing import choose
from audiences.model import Segment
from bids.automatic import AutomaticResult, automatic_corrections
from bids.corrections import BidPlan
from bids.estimates import DEFAULT_CV, SegmentWeek, Worth
from bids.forecast import Figures, Forecast, Outlook, Range, SegmentForecast, forecast
from bids.ledger import BidLedger
from bids.model import BidObject, Level, PresentCorrection
from bids.overlap import (
    COMBINATIONS,
    Cell,
    after_overlaps,
    met_after,
    possible_on,
    strategy_sentence,
)
from bids.weeks import in_force, since_change, weeks_of
from config.bid_rules import Rule
from connectors.base import BidLimits, Strategy
from flows.documents import Document
from flows.incremental import measured_shares
from flows.lists import described_now
from flows.measuring import WINDOW_DAYS, days_of_spend, segments_of, yesterday
from flows.workshop import Workshop
from measurement.incrementality import PRIOR, Measured
from measurement.spend import Money, by_segment

FORECAST_DAYS = 28
"""The days behind that a forecast is made from, and the days ahead that it is for."""

LEAST_ORDERS = 100
CUT = 0.99

NOT_YET_BUYERS = (Segment.REGISTERED.value, Segment.SLEEPING_REGISTERED.value)
"""Segments whose people have never bought."""


def automatic(
    workshop: Workshop, account: str, present: Iterable[PresentCorrection], limits: BidLimits
) -> AutomaticResult | None:
    """What the automatic rules of an account ask for; None without such rules or without spend."""
    rules = workshop.project.bid_rules
    if not any(rule.automatic for rule in rules.rule):
        return None
    last = yesterday(workshop)
    rows = days_of_spend(workshop, account, last - timedelta(days=WINDOW_DAYS - 1), last)
    if not rows:
        return None
    segments = segments_of(workshop, account)
    stood = in_force(BidLedger(workshop.catalog).history())
    weeks = _with_new_customers(weeks_of(rows, segments=segments, stood=stood, last=last))
    if not any(week.cost and week.revenue for week in weeks):
        return None
    standing = {
        segments[one.condition_id]: one.percent for one in present if one.condition_id in segments
    }
    return automatic_corrections(
        rules,
        weeks,
        account=account,
        present=standing,
        since=since_change(rows, segments=segments, stood=stood),
        worth=_worth(workshop),
        cv=order_spread(workshop),
        cautious=rules.limits.cautious,
        lowest=limits.lowest,
        highest=limits.highest,
    )


def order_spread(workshop: Workshop) -> float:
    """Standard deviation over mean of an order's value, of the year before the last refresh.

    Amounts over the quantile CUT are cut to it: one wholesale order says nothing about the others.
    Where there are fewer than LEAST_ORDERS the default of the method is taken.
    """
    found = workshop.find_snapshot("occasions")
    if found is None:
        return DEFAULT_CV
    orders = workshop.read(found)
    recent = orders.filter(orders.day > ibis.literal(found.as_of - timedelta(days=365)))
    cut = recent.revenue.quantile(CUT).to_pyarrow().as_py()
    if cut is None:
        return DEFAULT_CV
    amount = ibis.least(recent.revenue, cut)
    told = recent.aggregate(count=recent.count(), mean=amount.mean(), spread=amount.std())
    (row,) = told.to_pyarrow().to_pylist()
    enough = row["count"] >= LEAST_ORDERS and row["mean"] and row["spread"]
    return float(row["spread"] / row["mean"]) if enough else DEFAULT_CV


def _with_new_customers(weeks: Iterable[SegmentWeek]) -> list[SegmentWeek]:
    """Whoever never bought before and orders now is a new customer."""
    return [
        replace(week, new_orders=week.conversions) if week.segment in NOT_YET_BUYERS else week
        for week in weeks
    ]


def _worth(workshop: Workshop) -> dict[str, Worth]:
    """What each segment is worth: incrementality, margin, and what a first order leads to."""
    margin_rate = workshop.project.segments.base.margin_rate or 1.0
    comes_back_for = _value_of_a_first_buyer(workshop)
    measured = measured_shares(workshop)
    worth = {}
    for rule in workshop.project.bid_rules.rule:
        share, told = incrementality_of(rule, measured.get(rule.segment))
        worth[rule.segment] = Worth(
            incrementality=share,
            margin_rate=margin_rate,
            new_customer=comes_back_for if rule.segment in NOT_YET_BUYERS else 0.0,
            incrementality_from=told,
        )
    return worth


def incrementality_of(rule: Rule, measured: Measured | None) -> tuple[float, str]:
    """The share that counts, and where it comes from: the rule, a holdout, or nothing."""
    if rule.incrementality is not None:
        return rule.incrementality, "written in the rule"
    if measured is None:
        return PRIOR, "assumed: nothing is measured"
    if measured.share is None:
        return PRIOR, f"assumed: {measured.sentence}"
    return measured.share, measured.sentence


def _value_of_a_first_buyer(workshop: Workshop) -> float:
    """Predicted value of the year after a first order: CLV without that order's own margin.

    0 where no model fits the base: then a first order counts for itself alone.
    """
    if workshop.find_snapshot("scores") is None:
        return 0.0
    scores, segmented = workshop.table("scores"), workshop.table("segments")
    first = segmented.filter(segmented.segment == Segment.NEW.value)
    mean = scores.semi_join(first, "person_id").predicted_value.mean().to_pyarrow().as_py()
    return float(mean or 0.0)


def outlook(
    workshop: Workshop,
    plan: BidPlan,
    strategies: Sequence[Strategy],
    results: Mapping[str, AutomaticResult],
    cells: Sequence[Cell] | None = None,
) -> Document:
    """Beside the rows of a plan: effective corrections, strategies, forecast, what cannot be.

    `cells` are those of `cells_of` for these segments or more; counted anew where left out.
    """
    if cells is None:
        cells = cells_of(workshop, {row.segment for row in plan.corrections})
    accounts = sorted({row.object.account for row in plan.corrections})
    platforms = {workshop.project.account(name).platform for name in accounts}
    return {
        "effective": _effective(plan, cells),
        "strategies": [strategy_sentence(one) for one in strategies],
        "possible": [possible_on(platform) for platform in sorted(platforms)],
        "forecast": [_forecast(workshop, plan, name, results.get(name)) for name in accounts],
        "automatic": {
            name: {
                "budget": made.budget,
                "spend": made.spend,
                "refused": made.refused,
                "incrementality": [
                    {
                        "segment": segment,
                        "share": one.inputs["incrementality"],
                        "from": one.inputs["incrementality_from"],
                    }
                    for segment, one in made.corrections.items()
                ],
            }
            for name, made in sorted(results.items())
        },
    }


def _effective(plan: BidPlan, cells: Sequence[Cell]) -> list[Document]:
    """What is left of every correction where people are in several of the lists."""
    effective = []
    for campaign in _campaigns(plan):
        how = COMBINATIONS.get(campaign.platform)
        if how is None:
            continue
        for one in after_overlaps(met_after(plan, campaign), cells, how):
            effective.append(
                {
                    "account": campaign.account,
                    "level": campaign.level.value,
                    "object": campaign.object_id,
                    "segment": one.segment,
                    "asked": one.asked,
                    "effective": round(one.effective, 1),
                    "people": one.people,
                    "verdict": one.verdict.value,
                    "text": one.sentence,
                    "verified": how.verified,
                }
            )
    return effective


def _campaigns(plan: BidPlan) -> list[BidObject]:
    """Campaigns of the plan, and its ad groups for themselves."""
    objects = {row.object for row in plan.corrections}
    return sorted(objects, key=lambda one: (one.level is not Level.CAMPAIGN, one))


def cells_of(workshop: Workshop, segments: Iterable[str]) -> list[Cell]:
    """How many people are in which of the lists that corrections name. Counts only."""
    project = workshop.project
    if workshop.find_snapshot("segments") is None:
        return []
    described = described_now(workshop)
    members = [
        choose(described, project.audience_rules[name]).mutate(segment_list=ibis.literal(name))
        for name in sorted(set(segments) & set(project.audience_rules))
    ]
    if not members:
        return []
    everybody = members[0].union(*members[1:]) if len(members) > 1 else members[0]
    lists = everybody.group_by("person_id").agg(
        lists=everybody.segment_list.collect(order_by=everybody.segment_list)
    )
    counted = lists.group_by("lists").agg(people=lists.count()).to_pyarrow().to_pylist()
    return [Cell(frozenset(row["lists"]), row["people"]) for row in counted]


def _forecast(
    workshop: Workshop, plan: BidPlan, account: str, made: AutomaticResult | None
) -> Document:
    last = yesterday(workshop)
    first = last - timedelta(days=FORECAST_DAYS - 1)
    rows = days_of_spend(workshop, account, first, last)
    segments = segments_of(workshop, account)
    sums = by_segment(rows, segments, rest="everyone_else")
    spent = {name: one for name, one in sums.items() if one.cost > 0}
    if not spent:
        return {"account": account, "days": FORECAST_DAYS, "segments": [], "all": None}
    standing, wanted = _modifiers(plan, account)
    figures = [_figures(name, one, standing.get(name, 1.0)) for name, one in spent.items()]
    told = forecast(
        [one for one in figures if one.modifier > 0],
        wanted,
        elasticity=made.elasticity if made else None,
    )
    return _told(account, told)


def _modifiers(plan: BidPlan, account: str) -> tuple[dict[str, float], dict[str, float]]:
    """Present and wanted factor per segment; campaigns go before ad groups."""
    standing: dict[str, float] = {}
    wanted: dict[str, float] = {}
    for row in sorted(plan.corrections, key=lambda one: one.object.level is Level.CAMPAIGN):
        if row.object.account == account:
            standing[row.segment] = 1 + (row.present or 0) / 100
            wanted[row.segment] = 1 + (row.after(approved=True) or 0) / 100
    return standing, wanted


def _figures(name: str, one: Money, modifier: float) -> Figures:
    return Figures(name, float(one.cost), float(one.revenue), float(one.conversions), modifier)


def _told(account: str, told: Forecast) -> Document:
    return {
        "account": account,
        "days": FORECAST_DAYS,
        "elasticity": {"value": told.elasticity.value, "source": told.elasticity.source},
        "segments": [_segment(one) for one in told.segments],
        "all": _segment(told.total),
    }


def _segment(one: SegmentForecast) -> Document:
    return {
        "segment": one.segment,
        "present": _outlook(one.present),
        "wanted": _outlook(one.wanted),
    }


def _outlook(one: Outlook) -> Document:
    return {
        "spend": _range(one.spend),
        "revenue": _range(one.revenue),
        "drr": _range(one.cost_share, scale=100) if one.cost_share else None,
    }


def _range(one: Range, *, scale: float = 1) -> Document:
    return {name: round(scale * getattr(one, name), 2) for name in ("expected", "low", "high")}
