"""Ad sets of Meta as the sandbox plays them: prices by strategy, and what corrects bids.

Value rules and bid multipliers exclude each other; budgets change so often in an hour only.
"""

import json

from connectors.sandbox.frame import View
from connectors.sandbox.meta_call import HOUR, NAME, Call, refuse
from connectors.sandbox.store import Document
from connectors.sandbox.world import World

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
