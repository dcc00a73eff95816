"""The bid method on one week of five segments, figure by figure: the example of docs/bids.md."""

from math import inf

from bids.estimates import SegmentWeek, estimate
from bids.neutral import Position, same_spend
from flows.documents import Document

WEEK = (
    SegmentWeek("vip", 0, 400, 20, 1800, 160),
    SegmentWeek("loyal", 0, 900, 27, 1500, 330),
    SegmentWeek("new", 0, 700, 14, 560, 250),
    SegmentWeek("at_risk", 0, 300, 6, 300, 110),
    SegmentWeek("rest", 0, 7700, 70, 2800, 2650),
)
"""Clicks, conversions, revenue and cost of a week without corrections."""

LOWEST, HIGHEST, STEP = 0.5, 2.0, 1.15


def worked_example() -> Document:
    """From a week's figures to corrections: one step, and where the steps lead."""
    made = estimate(WEEK)
    first = same_spend([_position(one.segment, one.cost, made[one.segment].target) for one in WEEK])
    end = same_spend(
        [
            Position(one.segment, one.cost, 1.0, made[one.segment].target, LOWEST, HIGHEST, inf)
            for one in WEEK
        ]
    )
    rows = []
    for one in WEEK:
        told = made[one.segment]
        rows.append(
            {
                "segment": one.segment,
                "clicks": one.clicks,
                "conversions": one.conversions,
                "revenue": one.revenue,
                "cost": one.cost,
                "revenue_per_cost": one.revenue / one.cost,
                "against_average": told.ratio,
                "trust_in_data": told.weight,
                "target": told.target,
                "this_week": round(100 * first.modifiers[one.segment] - 100, 1),
                "in_the_end": round(100 * end.modifiers[one.segment] - 100, 1),
            }
        )
    return {"budget": first.budget, "scale": first.scale, "rows": rows}


def _position(segment: str, cost: float, target: float) -> Position:
    return Position(segment, cost, 1.0, target, LOWEST, HIGHEST, STEP)


def as_markdown(document: Document) -> str:
    """The example as the table that stands in docs/bids.md."""
    lines = [
        "| segment | clicks | orders | revenue | cost | revenue per cost | against average | "
        "trust in data | aim | this week | in the end |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['segment']} | {row['clicks']:,} | {row['conversions']:g} | {row['revenue']:,} | "
        f"{row['cost']:,} | {row['revenue_per_cost']:.2f} | {row['against_average']:.2f} | "
        f"{row['trust_in_data']:.0%} | {row['target']:.2f} | {row['this_week']:+.1f} % | "
        f"{row['in_the_end']:+.1f} % |"
        for row in document["rows"]
    ]
    return "\n".join(lines)
