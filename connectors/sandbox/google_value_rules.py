"""Conversion value rules of the played Google Ads API: what smart bidding takes in place of
bid modifiers.

Source: google-ads 34.0.0 (v26), ConversionValueRuleErrorEnum, ConversionValueRuleSetErrorEnum.
"""

from connectors.sandbox.google_call import Change, Failure, numbered
from connectors.sandbox.store import Document

RULE_LOWEST, RULE_HIGHEST = 0.5, 10.0
OUTSIDE_DIMENSIONS = "CONDITION_TYPE_NOT_ALLOWED"  # UNVERIFIED: which code it is


def create_rule(change: Change) -> str:
    action = change.body.get("action") or {}
    value = action.get("value", 0)
    path: tuple[str, ...] = ("create", "action", "value")
    if action.get("operation") == "MULTIPLY" and not RULE_LOWEST <= value <= RULE_HIGHEST:
        raise Failure("rangeError", "TOO_LOW" if value < RULE_LOWEST else "TOO_HIGH", path=path)
    if action.get("operation") != "MULTIPLY" and value <= 0:
        raise Failure("rangeError", "TOO_LOW", path=path)
    for name in lists_of(change.body):
        number = numbered(name, change.customer, "userLists")
        if number is None or change.store.get("list", number) is None:
            path = ("create", "audience_condition")
            raise Failure("conversionValueRuleError", "INVALID_AUDIENCE_USER_LIST", path=path)
    number = change.store.next_id("rule", first=1)
    change.store.put("conversionValueRules", number, {"id": number, **change.body})
    return change.made(number)


def create_rule_set(change: Change) -> str:
    rules = [rule_named(change, name) for name in change.body.get("conversionValueRules", [])]
    check_conditions(change, rules)
    check_place(change)
    number = change.store.next_id("rule set", first=1)
    change.store.put("conversionValueRuleSets", number, {"id": number, **change.body})
    return change.made(number)


def rule_named(change: Change, name: str) -> Document:
    number = numbered(name, change.customer, "conversionValueRules")
    found = None if number is None else change.store.get("conversionValueRules", number)
    if found is None:
        raise Failure("mutateError", "RESOURCE_NOT_FOUND", path=("create",))
    return found


def check_conditions(change: Change, rules: list[Document]) -> None:
    """All conditions are among the dimensions of the set, and no list is in two of its rules."""
    lists = [name for one in rules for name in lists_of(one)]
    if lists and "AUDIENCE" not in change.body.get("dimensions", []):
        raise Failure("conversionValueRuleSetError", OUTSIDE_DIMENSIONS, path=("create",))
    if len(set(lists)) < len(lists):
        code = "CONFLICTING_VALUE_RULE_CONDITIONS"
        raise Failure("conversionValueRuleSetError", code, path=("create",))


def lists_of(rule: Document) -> list[str]:
    return list((rule.get("audienceCondition") or {}).get("userLists", []))


def check_place(change: Change) -> None:
    """A set of a campaign names one of search or display."""
    if change.body.get("attachmentType") != "CAMPAIGN":
        return
    number = numbered(change.body.get("campaign"), change.customer, "campaigns")
    found = None if number is None else change.store.get("campaign", number)
    if found is None:
        raise Failure("conversionValueRuleSetError", "INVALID_CAMPAIGN_ID", path=("create",))
    if found["advertising_channel_type"] not in ("SEARCH", "DISPLAY"):
        code = "VALUE_RULES_NOT_SUPPORTED_FOR_CAMPAIGN_TYPE"
        raise Failure("conversionValueRuleSetError", code, path=("create", "campaign"))


def remove_rule(change: Change, name: str) -> str:
    number = numbered(name, change.customer, change.collection)
    if number is None or change.store.get(change.collection, number) is None:
        raise Failure("mutateError", "RESOURCE_NOT_FOUND", path=("remove",))
    for one in change.store.all("conversionValueRuleSets"):
        if name in one.get("conversionValueRules", []):
            code = "CANNOT_REMOVE_IF_INCLUDED_IN_VALUE_RULE_SET"
            raise Failure("conversionValueRuleError", code, path=("remove",))
    change.store.drop(change.collection, number)
    return name
