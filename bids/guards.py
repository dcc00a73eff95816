"""Guards of bid plans: each holds a row back with numbers, or says why it is too early."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bids.corrections import (
    AutomaticCorrection,
    BidsBy,
    PlannedCorrection,
    RecordedCorrection,
    Refused,
    TakesCorrections,
)
from bids.model import Action, BidObject, PresentCorrection
from config.bid_rules import BidRulesFile, Rule


@dataclass(frozen=True)
class Facts:
    """Everything one plan is made from, indexed."""

    rules: BidRulesFile
    limits: Mapping[str, TakesCorrections]
    present: Mapping[tuple[BidObject, str], PresentCorrection]
    conditions: Mapping[tuple[str, str], str | None]
    recorded: Mapping[tuple[BidObject, str], RecordedCorrection]
    automatic: Mapping[tuple[str, str], AutomaticCorrection]
    strategies: Mapping[BidObject, BidsBy]
    caps: Mapping[BidObject, tuple[int, int]]
    switched_off: Collection[str]
    now: datetime

    def is_off(self, account: str) -> bool:
        """Whether bids stay as they are in this account, by the rules or by the kill switch."""
        return not self.rules.enabled or account in self.switched_off


def too_early(facts: Facts, rule: Rule, record: RecordedCorrection | None) -> str:
    """Why it is too early for another change; empty when it is not."""
    if record is None:
        return ""
    limits = facts.rules.limits
    days = limits.cooldown_days if rule.cooldown_days is None else rule.cooldown_days
    age = facts.now - record.set_at
    # a change recorded ahead of now comes from a clock that was set back: it holds nothing up
    if record.percent is not None and timedelta() <= age < timedelta(days=days):
        return f"changed {age.days} days ago, cooldown is {days} days"
    asked = facts.automatic.get((record.object.account, record.segment))
    if rule.automatic and record.percent is not None:
        clicks, conversions = (asked.clicks, asked.conversions) if asked else (0, 0.0)
        if clicks < limits.min_clicks and conversions < limits.min_conversions:
            return (
                f"{conversions:g} conversions and {clicks} clicks since the last change; "
                f"needs {limits.min_conversions} or {limits.min_clicks}"
            )
    return ""


def guards(facts: Facts, row: PlannedCorrection) -> tuple[Refused, ...]:
    taken = facts.limits[row.object.account]
    guards = []
    if row.object.level not in taken.levels:
        levels = ", ".join(sorted(taken.levels))
        guards.append(
            Refused("level", f"{row.object.platform} takes it on {levels} only", approvable=False)
        )
    if row.wanted is not None and not taken.lowest <= row.wanted <= taken.highest:
        guards.append(
            Refused(
                "range",
                f"{row.wanted:+d} % is outside {taken.lowest:+d}..{taken.highest:+d} % "
                f"of {row.object.platform}",
                approvable=False,
            )
        )
    strategy = facts.strategies.get(row.object)
    if strategy is not None and strategy.takes is not None and row.wanted is not None:
        lowest, highest = strategy.takes
        if not lowest <= row.wanted <= highest:
            guards.append(
                Refused(
                    "strategy_range",
                    f"{row.wanted:+d} % is not possible here: {strategy.because}",
                    approvable=False,
                )
            )
    if strategy is not None and strategy.acts_on == "ignored":
        guards.append(Refused("strategy", f"strategy {strategy.name} ignores corrections"))
    return tuple(guards)


def hold_back_too_many(facts: Facts, rows: Sequence[PlannedCorrection]) -> list[PlannedCorrection]:
    """Refuse additions past what one object can hold, in the order of the rules."""
    held = Counter(one.object for one in facts.present.values())
    held.subtract(row.object for row in rows if row.action is Action.REMOVE)
    checked = []
    for row in rows:
        if row.action is Action.ADD:
            most = facts.limits[row.object.account].per_object
            held[row.object] += 1
            if held[row.object] > most:
                guard = Refused(
                    "per_object",
                    f"would be correction {held[row.object]} of {most} that the object can hold",
                    approvable=False,
                )
                row = replace(row, refused_by=(*row.refused_by, guard))
        checked.append(row)
    return checked


def hold_back_twice_named(rows: Sequence[PlannedCorrection]) -> list[PlannedCorrection]:
    """Refuse two rules that would set one correction, because their segments share a list."""
    named = Counter((row.object, row.condition_id or "") for row in rows)
    text = "another rule corrects for the same list on this object"
    guard = Refused("twice", text, approvable=False)
    return [
        replace(row, refused_by=(*row.refused_by, guard))
        if row.condition_id and named[row.object, row.condition_id] > 1
        else row
        for row in rows
    ]
