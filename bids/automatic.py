"""From an account's weeks to the corrections that `auto` rules ask for: the method in one piece.

Estimates, ceiling, caps, steps, equal spend, whole per cents. Segments without an automatic rule
keep their modifier and still count in the spend that is held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum, log

from bids.corrections import AutomaticCorrection
from bids.estimates import DEFAULT_CV, Estimate, Estimates, SegmentWeek, Worth, estimate
from bids.neutral import Elasticity, Neutral, Position, elasticity, same_spend, spend_at
from config.bid_rules import BidRulesFile, Rule

LEAST_FACTOR = 0.01
"""Stands for a correction of -100 %, whose logarithm does not exist."""


@dataclass(frozen=True)
class Since:
    """Clicks and conversions of a segment since its correction last changed."""

    clicks: int
    conversions: float


_NOTHING = Since(0, 0.0)


@dataclass(frozen=True)
class AutomaticResult:
    """Corrections by segment, and what a reader needs to trust them.

    `spend` is predicted after rounding, per week like `budget`. `refused` says with numbers why
    it is not the same, empty when it is within the tolerance.
    """

    corrections: Mapping[str, AutomaticCorrection]
    estimates: Estimates
    neutral: Neutral
    elasticity: Elasticity
    budget: float
    spend: float
    refused: str = ""


def automatic_corrections(
    rules: BidRulesFile,
    weeks: Sequence[SegmentWeek],
    *,
    account: str,
    present: Mapping[str, int],
    since: Mapping[str, Since],
    worth: Mapping[str, Worth] | None = None,
    cv: float = DEFAULT_CV,
    cautious: float | None = None,
    lowest: int = -100,
    highest: int = 1200,
) -> AutomaticResult:
    """What the automatic rules of one account ask for now.

    weeks: every segment of the account, everyone else among them under a name no rule uses, age 0
    the newest. present: correction in force by segment, in per cent; 0 where missing. lowest,
    highest: the platform's range in per cent. Raises ValueError where no segment has cost and
    value.
    """
    limits = rules.limits
    mine = {
        rule.segment: rule
        for rule in rules.rule
        if rule.automatic and (not rule.accounts or account in rule.accounts)
    }
    made = estimate(
        weeks,
        worth=worth,
        priors={name: _factor(rule.prior) for name, rule in mine.items()},
        cv=cv,
        cautious=cautious,
        cost_share=None if limits.drr_ceiling is None else limits.drr_ceiling / 100,
    )
    eta = elasticity(weeks)
    costs = _newest_costs(weeks)
    positions = [
        _position(one, mine.get(one.segment), rules, present, costs, (lowest, highest))
        for one in made.segments
    ]
    neutral = _modifiers(positions, eta, neutral=limits.budget_neutral)
    percents = {
        name: round(100 * modifier - 100)
        for name, modifier in neutral.modifiers.items()
        if name in mine
    }
    rounded = {**neutral.modifiers, **{name: _factor(at) for name, at in percents.items()}}
    spend = spend_at(positions, rounded, eta.value)
    refused = _off_budget(rules, neutral.budget, spend)
    return AutomaticResult(
        corrections={
            name: AutomaticCorrection(
                percent,
                since.get(name, _NOTHING).clicks,
                since.get(name, _NOTHING).conversions,
                _inputs(made[name], neutral, eta, (worth or {}).get(name, Worth())),
                refused,
            )
            for name, percent in sorted(percents.items())
        },
        estimates=made,
        neutral=neutral,
        elasticity=eta,
        budget=neutral.budget,
        spend=spend,
        refused=refused,
    )


def _factor(percent: int) -> float:
    return max(1 + percent / 100, LEAST_FACTOR)


def _newest_costs(weeks: Sequence[SegmentWeek]) -> Mapping[str, float]:
    """Cost of the newest week by segment: what the corrections in force spend now."""
    newest = min((week.age for week in weeks), default=0)
    names = {week.segment for week in weeks}
    return {
        name: fsum(week.cost for week in weeks if (week.segment, week.age) == (name, newest))
        for name in names
    }


def _position(
    one: Estimate,
    rule: Rule | None,
    rules: BidRulesFile,
    present: Mapping[str, int],
    costs: Mapping[str, float],
    taken: tuple[int, int],
) -> Position:
    modifier = _factor(present.get(one.segment, 0))
    if rule is None:
        return Position(one.segment, costs[one.segment], modifier, one.target, fixed=True)
    lowest, highest = rule.caps(rules.limits)
    return Position(
        one.segment,
        costs[one.segment],
        modifier,
        one.target,
        _factor(max(lowest, taken[0])),
        _factor(min(highest, taken[1])),
        rule.step or rules.limits.step,
        one.ceiling,
    )


def _modifiers(positions: Sequence[Position], eta: Elasticity, *, neutral: bool) -> Neutral:
    if neutral:
        return same_spend(positions, eta=eta.value)
    modifiers = {one.segment: one.at(1.0) for one in positions}
    budget = fsum(one.cost for one in positions)
    return Neutral(1.0, modifiers, budget, spend_at(positions, modifiers, eta.value))


def _inputs(
    one: Estimate, neutral: Neutral, eta: Elasticity, worth: Worth
) -> dict[str, float | str]:
    """Every figure the correction was made of, for the audit."""
    return {
        **one.inputs,
        "incrementality": worth.incrementality,
        "incrementality_from": worth.incrementality_from,
        "scale": neutral.scale,
        "eta": eta.value,
        "eta_source": eta.source,
        "modifier": neutral.modifiers[one.segment],
        "centred_log": one.log_shrunk + log(neutral.scale),
    }


def _off_budget(rules: BidRulesFile, budget: float, spend: float) -> str:
    limits = rules.limits
    if not limits.budget_neutral or abs(spend - budget) <= limits.spend_tolerance * budget:
        return ""
    return (
        f"predicted spend {spend:.2f} is {spend / budget - 1:+.1%} off {budget:.2f}, "
        f"tolerance {limits.spend_tolerance:.1%}"
    )
