"""Conversion value rules of the played Google Ads API: what smart bidding takes in place of
bid modifiers.

Source: google-ads 34.0.0 (v26), ConversionValueRuleErrorEnum, ConversionValueRuleSetErrorEnum.
"""

from connectors.sandbox.google_call import Change, Failure, numbered

RULE_LOWEST, RULE_HIGHEST = 0.5, 10.0


def create_rule(change: Change) -> str:
    action = change.body.get("action") or {}
    value = action.get("value", 0)
    path: tuple[str, ...] = ("create", "action", "value")
    if action.get("operation") == "MULTIPLY" and not RULE_LOWEST <= value <= RULE_HIGHEST:
        raise Failure("rangeError", "TOO_LOW" if value < RULE_LOWEST else "TOO_HIGH", path=path)
    if action.get("operation") != "MULTIPLY" and value <= 0:
        raise Failure("rangeError", "TOO_LOW", path=path)
    for name in (change.body.get("audienceCondition") or {}).get("userLists", []):
        number = numbered(name, change.customer, "userLists")
        if number is None or change.store.get("list", number) is None:
            path = ("create", "audience_condition")
            raise Failure("conversionValueRuleError", "INVALID_AUDIENCE_USER_LIST", path=path)
    number = change.store.next_id("rule", first=1)
    change.store.put("conversionValueRules", number, {"id": number, **change.body})
    return change.made(number)


def create_rule_set(change: Change) -> str:
    for name in change.body.get("conversionValueRules", []):
        number = numbered(name, change.customer, "conversionValueRules")
        if number is None or change.store.get("conversionValueRules", number) is None:
            raise Failure("mutateError", "RESOURCE_NOT_FOUND", path=("create",))
    number = change.store.next_id("rule set", first=1)
    change.store.put("conversionValueRuleSets", number, {"id": number, **change.body})
    return change.made(number)


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
