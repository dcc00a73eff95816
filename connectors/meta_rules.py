"""Value rules of Meta: audience labels, rules that ask for one, sets of rules.

The first rule of a set that fits a person wins, so a rule that somebody made stays where it is and
ours come after it.

Facts: Marketing API, Value Rules; SDK 26.0.3; as of November 2026.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.facts import facts_of

OURS = "adsteer"
"""With this word the names of our rules and rule sets begin."""
NAME_LENGTH = 100  # UNVERIFIED: no limit is stated

LABELS = {
    "OTHER_1": "OTHER_1",
    "OTHER_2": "OTHER_2",
    "OTHER_3": "OTHER_3",
    "AT_RISK": "AT_RISK",
    "DISENGAGED": "DISENGAGED",
    "ENGAGED_USERS": "ENGAGED_USERS",
    "TRIAL_USERS": "TRIAL_USERS",
    "QUALIFIED_LEADS": "QUALIFIED_LEADS",
    "DISQUALIFIED_LEADS": "DISQUALIFIED_LEADS",
    # The pairs below are a guess: UNVERIFIED. They are taken last.
    "HIGH_VALUE_CUSTOMERS": "HIGH_VALUE",
    "LOW_VALUE_CUSTOMERS": "LOW_VALUE",
    "GENERAL_CUSTOMERS": "OTHER_CUSTOMERS",  # the SDK's word; the guide says CUSTOMERS
    "APP_USERS": "APP_INSTALLERS",
    "RECENT_PURCHASERS": "NEW_USERS",
}
"""A label as an audience carries it, and the same as a rule's criterion calls it."""
FITTING = {
    "at_risk": "AT_RISK",
    "sleeping": "DISENGAGED",
    "drifting": "DISENGAGED",
    "lost": "DISENGAGED",
    "vip": "ENGAGED_USERS",
    "loyal": "ENGAGED_USERS",
    "promising": "ENGAGED_USERS",
    "registered": "TRIAL_USERS",
}
"""The label that fits a word of a list's title; only people read labels (our choice)."""
CRITERION = ("criteria_type", "operator", "criteria_values", "criteria_value_types")
"""What of a criterion is compared and carried along."""
RULE_LABEL = "AUDIENCE_LABEL"
FACTS = facts_of("meta")
LOWEST, HIGHEST = (FACTS.corrections[end].whole for end in ("lowest", "highest"))
"""Per cent of DECREASE and INCREASE."""
RULES_PER_SET = FACTS.corrections["per_object"].whole
SETS_PER_ACCOUNT = FACTS.whole("rule_sets")


@dataclass(frozen=True)
class Rule:
    """One rule of a value rule set; `criterias` is a JSON text without ids."""

    name: str
    percent: int
    criterias: str

    @property
    def label(self) -> str | None:
        """The audience label, if the rule asks for one label and for nothing else."""
        criterias = json.loads(self.criterias)
        if len(criterias) != 1 or criterias[0]["criteria_type"] != RULE_LABEL:
            return None
        values = criterias[0]["criteria_values"]
        return str(values[0]) if len(values) == 1 else None

    @property
    def labels(self) -> list[str]:
        """Every label it asks for, alone or with other things."""
        return [
            str(value)
            for one in json.loads(self.criterias)
            if one["criteria_type"] == RULE_LABEL
            for value in one["criteria_values"]
        ]

    @property
    def is_ours(self) -> bool:
        return self.name.startswith(OURS)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "adjust_sign": "INCREASE" if self.percent > 0 else "DECREASE",
            "adjust_value": abs(self.percent),
            "criterias": json.loads(self.criterias),
        }


def rule_for(label: str, percent: int) -> Rule:
    """Our rule for everybody in an audience with this label."""
    criterion = {
        "criteria_type": RULE_LABEL,
        "operator": "CONTAINS",
        "criteria_values": [label],
        "criteria_value_types": ["NONE"],
    }
    return Rule(f"{OURS} {label} {percent:+d} %", percent, json.dumps([criterion], sort_keys=True))


@dataclass(frozen=True)
class RuleSet:
    """A value rule set as the account has it."""

    id: str
    name: str
    rules: tuple[Rule, ...]

    @property
    def is_ours(self) -> bool:
        return self.name.startswith(OURS)

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "rules": [one.as_json() for one in self.rules]}


def rule_set_of(row: Mapping[str, Any]) -> RuleSet:
    """From an answer; raises KeyError for what is not a rule set."""
    rules = []
    for rule in row.get("rules", {}).get("data", []):
        sign = 1 if rule["adjust_sign"] == "INCREASE" else -1
        criterias = [
            {key: value for key, value in one.items() if key in CRITERION}
            for one in rule.get("criterias", {}).get("data", [])
        ]
        written = json.dumps(criterias, sort_keys=True)
        rules.append(Rule(str(rule["name"]), sign * int(rule["adjust_value"]), written))
    return RuleSet(str(row["id"]), str(row.get("name", "")), tuple(rules))


def set_name(rules: Iterable[Rule]) -> str:
    """A name that says what is in the set, for whoever sees it in Ads Manager."""
    words = [f"{one.label or one.name} {one.percent:+d} %" for one in rules]
    return f"{OURS}: {', '.join(words)}"[:NAME_LENGTH]


def with_rule(rules: Sequence[Rule], label: str, percent: int | None) -> tuple[Rule, ...]:
    """The rules with this label's correction set, or taken out (None).

    A rule of others stays where it is; ours come after them, the strongest first: the first rule
    that fits decides about somebody who is in two audiences.
    """
    there = next((one for one in rules if one.label == label), None)
    if there is not None and not there.is_ours and percent is not None:
        return tuple(replace(one, percent=percent) if one is there else one for one in rules)
    kept = [one for one in rules if one.label != label]
    theirs = [one for one in kept if not one.is_ours]
    ours = [one for one in kept if one.is_ours]
    if percent is not None:
        ours.append(rule_for(label, percent))
    return (*theirs, *sorted(ours, key=lambda one: (-abs(one.percent), one.name)))


def with_rules(found: Mapping[str, RuleSet], rules: Sequence[Rule]) -> str | None:
    """Id of a set with exactly these rules."""
    return next((one.id for one in found.values() if one.rules == tuple(rules)), None)
