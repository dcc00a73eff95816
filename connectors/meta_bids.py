"""What corrects bids at Meta: value rules by audience label, and bid multipliers by audience id.

An ad set follows at most one value rule set, shared or not, and cannot have multipliers beside it.
So a combination of rules is a set of its own, found by its content, and an ad set is moved from
one set to another; a set of ours is changed in place where all that follow it change alike. No set
that somebody made is ever changed: its rules are carried along in front of ours, because the first
rule that fits a person wins, and it is followed again when ours are gone.

Facts: Marketing API, Value Rules and Bid Multipliers; SDK 26.0.3; as of November 2026.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bids.model import CorrectionChange
from connectors.meta_rules import (
    FITTING,
    HIGHEST,
    LABELS,
    LOWEST,
    RULES_PER_SET,
    Rule,
    RuleSet,
    set_name,
    with_rule,
    with_rules,
)

WITH_RULES = frozenset({"LOWEST_COST_WITHOUT_CAP", "COST_CAP"})
"""Strategies of ad sets that can follow value rules."""
LOWEST_FACTOR = 0.09
"""A multiplier is 0.09 to 1.0: it only lowers."""

ACTS_ON = {
    "LOWEST_COST_WITHOUT_CAP": "bid",
    "LOWEST_COST_WITH_BID_CAP": "bid",
    "COST_CAP": "bid",
}
"""UNVERIFIED for minimum ROAS: whether multipliers act there is not stated."""


@dataclass(frozen=True)
class AdSet:
    """An ad set and what corrects its bids now."""

    id: str
    strategy: str
    """Its own, or its campaign's where the campaign holds the budget; empty if neither tells."""
    rule_set_id: str | None
    multipliers: Mapping[str, float]
    """By audience id; `default` is everybody else."""
    other_multipliers: bool = False
    """Whether it has multipliers of another kind, which ours cannot stand beside."""

    @property
    def takes_rules(self) -> bool:
        return self.strategy in WITH_RULES and not self.multipliers and not self.other_multipliers


def ad_set_of(row: Mapping[str, Any]) -> AdSet:
    """From an answer; `user_groups` comes back as JSON text."""
    groups = (row.get("bid_adjustments") or {}).get("user_groups") or {}
    if isinstance(groups, str):
        groups = json.loads(groups)
    by_audience = groups.get("custom_audience", {})
    plain = {str(k): float(v) for k, v in by_audience.items() if isinstance(v, int | float)}
    attached = row.get("value_rules_applied", True) is not False
    campaign = row.get("campaign") or {}
    rule_set = row.get("value_rule_set_id")
    return AdSet(
        str(row["id"]),
        str(row.get("bid_strategy") or campaign.get("bid_strategy") or ""),
        str(rule_set) if rule_set and attached else None,
        plain,
        other_multipliers=len(plain) < len(by_audience) or bool(set(groups) - {"custom_audience"}),
    )


def takes(ad_set: AdSet) -> tuple[tuple[int, int], str] | None:
    """Per cent that an ad set takes where it cannot follow value rules, and why; else None."""
    if ad_set.takes_rules:
        return None
    if not ad_set.strategy:
        return (0, 0), "Meta does not tell how this ad set bids, nor its campaign"
    if ad_set.other_multipliers:
        return (0, 0), "the ad set has bid multipliers of another kind, set by hand"
    lowest = percent_of(LOWEST_FACTOR)
    why = "has bid multipliers" if ad_set.strategy in WITH_RULES else f"bids {ad_set.strategy}"
    return (lowest, 0), f"the ad set {why}: there Meta only lowers, by {lowest} to 0 %"


def percent_of(factor: float) -> int:
    return round(100 * factor) - 100


def adjustments(multipliers: Mapping[str, float]) -> dict[str, Any]:
    """`bid_adjustments` as it is sent; empty where nothing is adjusted any more."""
    if all(factor == 1.0 for key, factor in multipliers.items() if key == "default") and not (
        set(multipliers) - {"default"}
    ):
        return {}
    return {"user_groups": {"custom_audience": {"default": 1.0, **multipliers}}}


@dataclass(frozen=True)
class Standing:
    """What an account has, as it was read at once."""

    ad_sets: Mapping[str, AdSet]
    rule_sets: Mapping[str, RuleSet]
    labels: Mapping[str, tuple[str, ...]]
    """By audience id: the labels it carries."""

    def carriers(self, rule_label: str) -> list[str]:
        """Ids of the audiences that a criterion with this label means."""
        return [
            audience
            for audience, labels in self.labels.items()
            if any(LABELS.get(label) == rule_label for label in labels)
        ]

    def label_of(self, audience_id: str) -> str | None:
        """The criterion that means this audience and no other one."""
        for label in self.labels.get(audience_id, ()):
            rule_label = LABELS.get(label)
            if rule_label is not None and self.carriers(rule_label) == [audience_id]:
                return rule_label
        return None

    def free_label(self, title: str) -> str | None:
        """A label that nothing uses: one that fits the title, else the first; None: all taken."""
        named = {
            label for one in self.rule_sets.values() for rule in one.rules for label in rule.labels
        }
        free = [
            label
            for label, rule_label in LABELS.items()
            if rule_label not in named and not self.carriers(rule_label)
        ]
        words = title.lower().replace(" ", "_")
        fitting = [label for word, label in FITTING.items() if word in words and label in free]
        return next(iter([*fitting, *free]), None)

    def rules_of(self, ad_set: AdSet) -> tuple[Rule, ...]:
        found = self.rule_sets.get(ad_set.rule_set_id or "")
        return found.rules if found else ()

    def corrections_of(self, ad_set: AdSet) -> dict[str, tuple[str, int]]:
        """By condition: id of the correction, and per cent.

        The condition is the audience's id, or the label where several audiences carry it or none.
        """
        found: dict[str, tuple[str, int]] = {}
        for rule in self.rules_of(ad_set):
            if (label := rule.label) is not None:
                carriers = self.carriers(label)
                condition = carriers[0] if len(carriers) == 1 else label
                found.setdefault(condition, (correction_id(ad_set, label), rule.percent))
        for audience, factor in ad_set.multipliers.items():
            if audience != "default":
                found[audience] = (correction_id(ad_set, audience), percent_of(factor))
        return found

    def has(self, decided: "Decided") -> bool:
        """Whether an ad set has already what was decided for it."""
        now = self.ad_sets[decided.ad_set.id]
        if decided.multipliers is not None:
            return dict(decided.multipliers) == dict(now.multipliers)
        return decided.rules == self.rules_of(now)

    def unused(self) -> list[RuleSet]:
        """Sets of ours that no ad set follows."""
        followed = {one.rule_set_id for one in self.ad_sets.values()}
        return [one for one in self.rule_sets.values() if one.is_ours and one.id not in followed]


def correction_id(ad_set: AdSet, named: str) -> str:
    """Meta has no lasting id of a correction: an ad set and what it names are one."""
    return f"{ad_set.id}/{named}"


@dataclass(frozen=True)
class Decided:
    """What the changes of one ad set come to: `rules` or `multipliers`, whichever it takes."""

    ad_set: AdSet
    rules: tuple[Rule, ...] | None
    multipliers: Mapping[str, float] | None
    refused: Mapping[CorrectionChange, str]
    names: Mapping[CorrectionChange, str]
    """What a change names there: the label, or the audience's id."""

    @property
    def changes(self) -> tuple[CorrectionChange, ...]:
        return (*self.refused, *self.names)


def in_place(standing: Standing, todo: Mapping[str, "Decided"]) -> dict[str, RuleSet]:
    """Sets of ours that are given new rules, because all that follow them shall have the same.

    One request then changes all of them at once, as a campaign with its own budget demands.
    """
    anew = {}
    for one in standing.rule_sets.values():
        following = [
            ad_set.id for ad_set in standing.ad_sets.values() if ad_set.rule_set_id == one.id
        ]
        wanted = {todo[number].rules if number in todo else None for number in following}
        rules = wanted.pop() if len(wanted) == 1 else None
        if one.is_ours and rules and with_rules(standing.rule_sets, rules) is None:
            anew[one.id] = RuleSet(one.id, set_name(rules), rules)
    return anew


def decide(standing: Standing, ad_set: AdSet, changes: Sequence[CorrectionChange]) -> Decided:
    """Apply changes in their order to what the ad set has; nothing is sent."""
    rules = standing.rules_of(ad_set)
    multipliers = dict(ad_set.multipliers)
    refused: dict[CorrectionChange, str] = {}
    names: dict[CorrectionChange, str] = {}
    for change in changes:
        if ad_set.takes_rules:
            label = standing.label_of(change.condition_id)
            why = _no_rule(label, change, rules)
            if not why and label is not None:
                rules = with_rule(rules, label, change.percent or None)
                names[change] = label
        else:
            why = _no_multiplier(standing, ad_set, change)
            if not why:
                multipliers.pop(change.condition_id, None)
                if change.percent is not None:
                    multipliers[change.condition_id] = (100 + change.percent) / 100
                names[change] = change.condition_id
        if why:
            refused[change] = why
    if ad_set.takes_rules:
        return Decided(ad_set, rules, None, refused, names)
    return Decided(ad_set, None, multipliers, refused, names)


def _no_rule(label: str | None, change: CorrectionChange, rules: Sequence[Rule]) -> str:
    """Why a value rule cannot be; empty if it can."""
    if label is None:
        return f"list {change.condition_id} carries no audience label of its own"
    percent = change.percent
    if percent is not None and not LOWEST <= percent <= HIGHEST:
        return f"Meta takes value rules of {LOWEST} to {HIGHEST} %"
    if percent and len(with_rule(rules, label, percent)) > RULES_PER_SET:
        return f"a value rule set holds {RULES_PER_SET} rules"
    return ""


def _no_multiplier(standing: Standing, ad_set: AdSet, change: CorrectionChange) -> str:
    """Why a bid multiplier cannot be; empty if it can."""
    if change.condition_id not in standing.labels:
        return f"list {change.condition_id} is not in the ad account"
    taken = takes(ad_set)
    if taken is None:
        return ""
    (lowest, highest), why = taken
    possible = lowest < highest and (change.percent is None or lowest <= change.percent <= highest)
    return "" if possible else why
