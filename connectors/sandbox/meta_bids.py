"""Value rule sets and ad sets of Meta as the sandbox plays them."""

import json
from typing import Any

from connectors.sandbox.frame import View
from connectors.sandbox.meta_call import HOUR, NAME, Call, refuse
from connectors.sandbox.store import Document
from connectors.sandbox.world import World

FIRST_RULE_SET = 84_000_000_000_000_101
FIRST_RULE = 85_000_000_000_000_101
MAX_SETS, MAX_RULES, MAX_CRITERIA = 6, 10, 4
"""Sets per account: 6 on one page, 20 on another; the smaller figure is played."""
SIGNS = {"INCREASE": 1000, "DECREASE": 90}
CRITERIA = [
    "AGE",
    "GENDER",
    "OS_TYPE",
    "DEVICE_PLATFORM",
    "LOCATION",
    "PLACEMENT",
    "OMNI_CHANNEL",
    "AUDIENCE_LABEL",
]
RULE_LABELS = [
    "HIGH_VALUE",
    "LOW_VALUE",
    "OTHER_CUSTOMERS",
    "NEW_USERS",
    "QUALIFIED_LEADS",
    "DISQUALIFIED_LEADS",
    "AT_RISK",
    "DISENGAGED",
    "APP_INSTALLERS",
    "TRIAL_USERS",
    "ENGAGED_USERS",
    "OTHER_1",
    "OTHER_2",
    "OTHER_3",
]
VALUE_TYPES = {
    "LOCATION": (
        "LOCATION_COUNTRY",
        "LOCATION_REGION",
        "LOCATION_CITY",
        "LOCATION_COMSCORE_MARKET",
    ),
    "AUDIENCE_LABEL": ("NONE",),
}
SET_FIELDS = ("id", "name", "status", "product_type", "rules")
STRATEGIES = (
    "LOWEST_COST_WITHOUT_CAP",
    "LOWEST_COST_WITH_BID_CAP",
    "COST_CAP",
    "LOWEST_COST_WITH_MIN_ROAS",
)
WITH_VALUE_RULES = ("LOWEST_COST_WITHOUT_CAP", "COST_CAP")
WITH_AMOUNT = ("LOWEST_COST_WITH_BID_CAP", "COST_CAP")
FACTORS = (0.09, 1.0)
ROAS_FLOOR = (100, 10_000_000)
BUDGET_CHANGES = 4
BUDGET_BLOCK = 1487632
BUDGETS = ("daily_budget", "lifetime_budget")
SET_BY_ID = [
    "name",
    "status",
    "bid_strategy",
    "bid_amount",
    "bid_constraints",
    "daily_budget",
    "lifetime_budget",
    "targeting",
]
AD_SET_FIELDS = (
    *SET_BY_ID,
    "id",
    "account_id",
    "campaign_id",
    "bid_adjustments",
    "value_rule_set_id",
    "value_rules_applied",
    "campaign",
)

# UNVERIFIED choices
SET_IN_USE = 100
"""Code when a rule set is deleted that an ad set follows."""


# Value rule sets


def create_set(call: Call, number: str) -> Document:
    account = call.account(number)
    if len(call.all("rule_set", account)) >= MAX_SETS:
        refuse(100, f"An ad account has at most {MAX_SETS} value rule sets")
    body = {
        "name": call.required("name", str, "a text"),
        "product_type": call.one_of(
            "product_type", ("AUDIENCE", "LEADGEN_ADS", "OMNI_CHANNEL"), "AUDIENCE"
        ),
        "status": "ACTIVE",
        "rules": rules_of(call, {}),
    }
    made = call.store.next_id("rule_set", first=FIRST_RULE_SET)
    call.store.put("rule_set", made, {"id": made, "account": account["id"], **body})
    return {"id": str(made)}


def update_set(call: Call, number: str) -> Document:
    """The whole set is given anew; rules whose ids are named keep them."""
    found = call.find("rule_set", number)
    old = {rule["id"]: rule for rule in found["rules"]}
    found["name"] = call.required("name", str, "a text")
    found["rules"] = rules_of(call, old)
    call.store.put("rule_set", found["id"], found)
    return {"success": True}


def delete_set(call: Call, number: str) -> Document:
    found = call.find("rule_set", number)
    if any(one.get("value_rule_set_id") == str(found["id"]) for one in call.store.all("adset")):
        refuse(SET_IN_USE, "The value rule set is in use")
    call.store.drop("rule_set", found["id"])
    return {"success": True}


def sets(call: Call, number: str) -> Document:
    account = call.account(number)
    answer = call.page([wire_set(one) for one in call.all("rule_set", account)])
    answer["data"] = [call.shown(one, SET_FIELDS) for one in answer["data"]]
    return answer


def wire_set(found: Document) -> Document:
    rules = [{**rule, "criterias": {"data": rule["criterias"]}} for rule in found["rules"]]
    return {**found, "id": str(found["id"]), "rules": {"data": rules}}


def rules_of(call: Call, old: dict[str, Document]) -> list[Document]:
    rules = call.value("rules", list, "a list")
    if not rules or len(rules) > MAX_RULES:
        refuse(100, f"A value rule set has 1 to {MAX_RULES} rules")
    return [rule_of(call, rule, old) for rule in rules]


def rule_of(call: Call, rule: Any, old: dict[str, Document]) -> Document:
    if not isinstance(rule, dict) or not rule.get("name"):
        refuse(100, "A rule is an object with a name")
    sign, value = rule.get("adjust_sign"), rule.get("adjust_value")
    if sign not in SIGNS:
        refuse(100, "adjust_sign is INCREASE or DECREASE")
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not 1 <= int(str(value)) <= SIGNS[sign]:
        refuse(100, f"adjust_value of {sign} is 1 to {SIGNS[sign]}")
    criteria = rule.get("criterias")
    if not isinstance(criteria, list) or not 1 <= len(criteria) <= MAX_CRITERIA:
        refuse(100, f"A rule has 1 to {MAX_CRITERIA} criterias")
    kinds = [one.get("criteria_type") for one in criteria]
    if len(set(kinds)) < len(kinds):
        refuse(100, "A rule has every criteria_type once")
    if rule.get("id") is not None and rule["id"] not in old:
        refuse(100, "The rule set has no rule with this id")
    return {
        "id": rule.get("id") or next_rule_id(call),
        "name": rule["name"],
        "adjust_sign": sign,
        "adjust_value": value,
        "status": "ACTIVE",
        "criterias": [criterion(call, one) for one in criteria],
    }


def next_rule_id(call: Call) -> str:
    return str(call.store.next_id("rule", first=FIRST_RULE))


def criterion(call: Call, given: Document) -> Document:
    kind, values = given.get("criteria_type"), given.get("criteria_values")
    types = given.get("criteria_value_types")
    if kind not in CRITERIA:
        refuse(100, f"criteria_type is one of {', '.join(CRITERIA)}")
    if given.get("operator") != "CONTAINS":
        refuse(100, "operator is CONTAINS")
    if not isinstance(values, list) or not values or not all(isinstance(v, str) for v in values):
        refuse(100, "criteria_values is a list of texts")
    if kind == "AUDIENCE_LABEL" and set(values) - set(RULE_LABELS):
        refuse(100, f"AUDIENCE_LABEL is one of {', '.join(RULE_LABELS)}")
    if kind in VALUE_TYPES and (not types or set(types) - set(VALUE_TYPES[str(kind)])):
        refuse(100, f"criteria_value_types of {kind} are {', '.join(VALUE_TYPES[str(kind)])}")
    return {
        "id": given.get("id") or next_rule_id(call),
        "criteria_type": kind,
        "operator": "CONTAINS",
        "criteria_values": values,
        "criteria_value_types": types or ["NONE"],
    }


# Ad sets


def read_ad_set(call: Call, number: str) -> Document:
    return call.shown(wire_ad_set(call, call.find("adset", number)), AD_SET_FIELDS)


def ad_sets(call: Call, number: str) -> Document:
    account = call.account(number)
    answer = call.page([wire_ad_set(call, one) for one in call.all("adset", account)])
    answer["data"] = [call.shown(one, AD_SET_FIELDS) for one in answer["data"]]
    return answer


def wire_ad_set(call: Call, found: Document) -> Document:
    campaign = campaign_of(call, found)
    shown = {
        **found,
        "id": str(found["id"]),
        "account_id": found["account"],
        "campaign": {"id": found["campaign_id"], **only_strategy(campaign)},
    }
    if found.get("bid_adjustments"):
        groups = found["bid_adjustments"]["user_groups"]
        shown["bid_adjustments"] = {"user_groups": json.dumps(groups)}
    for money in (*BUDGETS, "bid_amount"):
        if found.get(money) is not None:
            shown[money] = found[money] if money == "bid_amount" else str(found[money])
    return shown


def campaign_of(call: Call, found: Document) -> Document:
    return call.store.get("campaign", int(found["campaign_id"])) or {}


def only_strategy(campaign: Document) -> Document:
    """UNVERIFIED: with a campaign budget the strategy is told by the campaign alone."""
    return {k: v for k, v in campaign.items() if k == "bid_strategy" and v is not None}


def strategy_of(call: Call, found: Document) -> str:
    return str(found.get("bid_strategy") or campaign_of(call, found).get("bid_strategy"))


def update_ad_set(call: Call, number: str) -> Document:
    found = call.find("adset", number)
    changed = {**found, **{name: call.params[name] for name in SET_BY_ID if name in call.params}}
    check_price(call, changed)
    check_audiences(call, changed)
    follow_rules(call, changed)
    adjust(call, changed)
    if any(changed.get(name) for name in BUDGETS) and campaign_of(call, changed).get(
        "daily_budget"
    ):
        refuse(100, "The campaign holds the budget")
    moved = [name for name in BUDGETS if changed.get(name) != found.get(name)]
    if moved:
        count_budget_change(call, found, changed)
    if "validate_only" not in call.value("execution_options", list, "a list", []):
        call.store.put("adset", found["id"], changed)
        if moved:
            call.store.mark(f"budget of {number}", at=call.now, keep=2 * HOUR)
    return {"success": True}


def check_price(call: Call, changed: Document) -> None:
    strategy, amount = strategy_of(call, changed), changed.get("bid_amount")
    if strategy not in STRATEGIES:
        refuse(100, f"bid_strategy is one of {', '.join(STRATEGIES)}")
    if amount is not None and (
        isinstance(amount, bool) or not isinstance(amount, int) or amount < 1
    ):
        refuse(100, "bid_amount must be a positive whole number")
    if strategy in WITH_AMOUNT and amount is None:
        refuse(100, f"bid_amount is required with {strategy}")
    if strategy == "LOWEST_COST_WITH_MIN_ROAS":
        floor = (changed.get("bid_constraints") or {}).get("roas_average_floor")
        if amount is not None:
            refuse(100, f"bid_amount is not allowed with {strategy}")
        if not isinstance(floor, int) or not ROAS_FLOOR[0] <= floor <= ROAS_FLOOR[1]:
            refuse(100, "bid_constraints.roas_average_floor is 100 to 10000000")


def check_audiences(call: Call, changed: Document) -> None:
    targeting = changed.get("targeting") or {}
    if not isinstance(targeting, dict):
        refuse(100, "targeting must be an object")
    for key in ("custom_audiences", "excluded_custom_audiences"):
        for one in targeting.get(key, []):
            call.find("audience", one.get("id"))


def follow_rules(call: Call, changed: Document) -> None:
    """An id attaches, whatever `value_rules_applied` says; only False alone detaches."""
    wanted = call.value("value_rule_set_id", (str, int), "an id")
    applied = call.value("value_rules_applied", bool, "a boolean")
    if wanted is not None:
        rules = call.find("rule_set", wanted)
        changed |= {"value_rule_set_id": str(rules["id"]), "value_rules_applied": True}
    elif applied is False:
        changed |= {"value_rule_set_id": None, "value_rules_applied": False}
    followed = changed.get("value_rule_set_id")
    if followed and strategy_of(call, changed) not in WITH_VALUE_RULES:
        refuse(100, f"Value rules do not work with {strategy_of(call, changed)}")
    if followed and campaign_of(call, changed).get("daily_budget"):
        check_siblings(call, changed)


def check_siblings(call: Call, changed: Document) -> None:
    """With a campaign budget all ad sets that follow rules follow the same (UNVERIFIED: how)."""
    for one in call.store.all("adset"):
        other = one.get("value_rule_set_id")
        together = one["campaign_id"] == changed["campaign_id"] and one["id"] != changed["id"]
        if together and other not in (None, changed["value_rule_set_id"]):
            refuse(100, "All ad sets of a campaign with a budget need the same value rule set")


def adjust(call: Call, changed: Document) -> None:
    given = call.value("bid_adjustments", dict, "an object")
    if given is not None:
        check_adjustments(call, given)
        changed["bid_adjustments"] = given or None
    if changed.get("bid_adjustments") and changed.get("value_rule_set_id"):
        refuse(100, "Bid multipliers and value rules exclude each other")


def check_adjustments(call: Call, given: Document) -> None:
    if not given:
        return
    groups = given.get("user_groups")
    if set(given) != {"user_groups"} or not isinstance(groups, dict) or len(groups) != 1:
        refuse(100, "bid_adjustments has user_groups with one root category")
    for category, factors in groups.items():
        if not isinstance(factors, dict) or not factors:
            refuse(100, f"user_groups.{category} is an object of factors")
        for key, factor in factors.items():
            number = isinstance(factor, int | float) and not isinstance(factor, bool)
            if not number or not FACTORS[0] <= factor <= FACTORS[1]:
                refuse(100, "A bid multiplier is from 0.09 to 1.0")
            if category == "custom_audience" and key != "default":
                call.find("audience", key)


def count_budget_change(call: Call, found: Document, changed: Document) -> None:
    for name in BUDGETS:
        amount = changed.get(name)
        if amount is not None and (not isinstance(amount, int) or amount < 1):
            refuse(100, f"{name} must be a positive whole number")
    if changed.get("daily_budget") and changed.get("lifetime_budget"):
        refuse(100, "An ad set has a daily or a lifetime budget")
    name = f"budget of {found['id']}"
    if call.store.marked(name, since=call.now - HOUR) >= BUDGET_CHANGES:
        refuse(613, "The budget was changed too often", BUDGET_BLOCK)


# For the control door


def bids(world: World) -> list[View]:
    """Ad sets with what corrects their bids."""
    store = world.store(NAME)
    shown = []
    for one in store.all("adset"):
        rules = store.get("rule_set", int(one["value_rule_set_id"] or 0))
        shown.append(
            {
                "ad_set": str(one["id"]),
                "strategy": one.get("bid_strategy"),
                "bid_amount": one.get("bid_amount"),
                "value_rule_set": rules["name"] if rules else None,
                "rules": [
                    f"{rule['name']}: {rule['adjust_sign']} {rule['adjust_value']}"
                    for rule in (rules["rules"] if rules else [])
                ],
                "bid_adjustments": one.get("bid_adjustments"),
            }
        )
    return shown
