"""Value rule sets of Meta as the sandbox plays them: so many per account, rules and criteria."""

from typing import Any

from connectors.sandbox.meta_call import Call, refuse
from connectors.sandbox.store import Document

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

# UNVERIFIED choices
SET_IN_USE = 100
"""Code when a rule set is deleted that an ad set follows."""


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
