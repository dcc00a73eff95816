"""Changes of the played Google Ads API: criteria, targeting settings, lists, value rules.

Every function checks one operation before it writes anything, so a refused one leaves no trace.
Source: google-ads 34.0.0 (v26), its error enums; UNVERIFIED marks codes nobody has printed.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connectors.sandbox.google_call import (
    DIRECT,
    NAME,
    Failure,
    numbered,
    resource,
)
from connectors.sandbox.google_lists import FIRST_ID, FOREIGN_LIST, LONGEST, contact_info, drop, put
from connectors.sandbox.google_lists import names_taken as taken
from connectors.sandbox.google_shapes import camel
from connectors.sandbox.store import Document, Store
from connectors.sandbox.world import World

SEARCH, SMART, TARGETED, DISPLAY = 2001, 2002, 2003, 2004
GROUP, DISPLAY_GROUP = 3001, 3004
LABEL = 501
LOWEST, HIGHEST = 0.1, 10.0
RULE_LOWEST, RULE_HIGHEST = 0.5, 10.0
BIDDABLE = ("SEARCH", "SHOPPING")
"""Campaigns that take a biddable list at campaign level."""

# UNVERIFIED codes
OUTSIDE_SEARCH = ("criterionError", "CANNOT_ADD_CRITERIA_TYPE")
SECOND_IN_GROUP = ("mutateError", "RESOURCE_ALREADY_EXISTS")
BOTH_LEVELS = ("criterionError", "CANNOT_ATTACH_CRITERIA_AT_CAMPAIGN_AND_ADGROUP")
SETTING_ON_BOTH_LEVELS = ("settingError", "SETTING_TYPE_IS_NOT_COMPATIBLE_WITH_CAMPAIGN")


@dataclass(frozen=True)
class Change:
    """One operation on a collection of a customer."""

    world: World
    customer: int
    collection: str
    body: Document

    @property
    def store(self) -> Store:
        return self.world.store(NAME)

    def made(self, tail: object) -> str:
        return resource(self.customer, self.collection, tail)


def seed(world: World) -> None:
    """Four campaigns, two groups, and what somebody set by hand and nobody may touch."""
    store = world.store(NAME)
    if store.get("campaign", SEARCH) is not None:
        return
    store.put("label", LABEL, {"id": LABEL, "name": "steered", "customer": DIRECT})
    observation = [{"targetingDimension": "AUDIENCE", "bidOnly": True}]
    for number, name, strategy, channel, restrictions in (
        (SEARCH, "Search, manual bids", "MANUAL_CPC", "SEARCH", observation),
        (SMART, "Search, target CPA", "TARGET_CPA", "SEARCH", []),
        (TARGETED, "Search, reaches its lists only", "MANUAL_CPC", "SEARCH", []),
        (DISPLAY, "Display", "TARGET_SPEND", "DISPLAY", []),
    ):
        body = {"id": number, "name": name, "status": "ENABLED", "customer": DIRECT}
        more: Document = {"bidding_strategy_type": strategy, "advertising_channel_type": channel}
        more |= {"restrictions": restrictions, "labels": [LABEL] if number == SEARCH else []}
        store.put("campaign", number, {**body, **more})
    for number, campaign in ((GROUP, SMART), (DISPLAY_GROUP, DISPLAY)):
        body = {"id": number, "campaign": campaign, "name": f"Group {number}"}
        more = {"status": "ENABLED", "restrictions": [], "labels": []}
        store.put("ad_group", number, {**body, **more})
    keep(store, "campaignCriteria", SEARCH, FOREIGN_LIST, 1.1)
    keep(store, "campaignCriteria", TARGETED, FOREIGN_LIST, None)
    keep(store, "campaignCriteria", SMART, FOREIGN_LIST, None, negative=True)


def keep(
    store: Store,
    collection: str,
    parent: int,
    number: int,
    modifier: float | None,
    *,
    negative: bool = False,
) -> int:
    criterion = store.next_id("criterion", first=60_000_001)
    body = {"criterion": criterion, "parent": parent, "list": number}
    store.put(collection, criterion, {**body, "bid_modifier": modifier, "negative": negative})
    return criterion


# Criteria

PARENT = {
    "campaignCriteria": ("campaign", "campaigns"),
    "adGroupCriteria": ("ad_group", "adGroups"),
}


def create_criterion(change: Change) -> str:
    kind, collection = PARENT[change.collection]
    named = change.body.get(camel(kind), "")
    parent = numbered(named, change.customer, collection)
    found = None if parent is None else change.store.get(kind, parent)
    if parent is None or found is None:
        raise Failure("mutateError", "RESOURCE_NOT_FOUND", path=("create", kind))
    number = list_of(change)
    negative = bool(change.body.get("negative"))
    modifier = change.body.get("bidModifier")
    if negative and modifier is not None:
        raise Failure("criterionError", "CANNOT_BID_MODIFY_NEGATIVE_CRITERION", path=("create",))
    check_modifier(modifier, "create")
    check_twins(change, parent, number, negative)
    if not negative:
        check_level(change, found)
    made = keep(change.store, change.collection, parent, number, modifier, negative=negative)
    return change.made(f"{parent}~{made}")


def list_of(change: Change) -> int:
    named = (change.body.get("userList") or {}).get("userList")
    if named is None:
        category = f"{change.collection.removesuffix('ia')}ionError"
        raise Failure(category, "CONCRETE_TYPE_REQUIRED", path=("create",))
    number = numbered(named, change.customer, "userLists")
    found = None if number is None else change.store.get("list", number)
    path = ("create", "user_list", "user_list")
    if number is None or found is None or found["customer"] != change.customer:
        raise Failure("criterionError", "INVALID_USER_LIST", path=path)
    if found["membershipStatus"] == "CLOSED":
        raise Failure("criterionError", "CANNOT_ADD_CLOSED_USER_LIST", path=path)
    return number


def check_modifier(modifier: float | None, verb: str) -> None:
    if modifier is not None and not LOWEST <= modifier <= HIGHEST:
        code = "TOO_LOW" if modifier < LOWEST else "TOO_HIGH"
        raise Failure("rangeError", code, path=(verb, "bid_modifier"))


def check_twins(change: Change, parent: int, number: int, negative: bool) -> None:
    for one in change.store.all(change.collection):
        if (one["parent"], one["list"]) != (parent, number):
            continue
        of_campaign = change.collection == "campaignCriteria"
        if one["negative"] != negative:
            category = "campaignCriterionError" if of_campaign else "adGroupCriterionError"
            raise Failure(category, "CANNOT_TARGET_AND_EXCLUDE", path=("create",))
        if of_campaign:
            raise Failure("campaignCriterionError", "CANNOT_ADD_EXISTING_FIELD", path=("create",))
        raise Failure(*SECOND_IN_GROUP, path=("create",))


def check_level(change: Change, parent: Document) -> None:
    """Biddable lists sit at one level of a campaign only, at its own in search only."""
    store = change.store
    if change.collection == "campaignCriteria":
        if parent["advertising_channel_type"] not in BIDDABLE:
            raise Failure(*OUTSIDE_SEARCH, path=("create",))
        inner = {one["id"] for one in store.all("ad_group") if one["campaign"] == parent["id"]}
        others = store.all("adGroupCriteria")
        clash = any(one["parent"] in inner and not one["negative"] for one in others)
    else:
        others = store.all("campaignCriteria")
        clash = any(one["parent"] == parent["campaign"] and not one["negative"] for one in others)
    if clash:
        raise Failure(*BOTH_LEVELS, path=("create",))


def criterion_at(change: Change, name: object, verb: str) -> Document:
    tail = str(name).removeprefix(change.made(""))
    parent, _, criterion = tail.partition("~")
    found = change.store.get(change.collection, int(criterion)) if criterion.isdigit() else None
    if found is None or str(found["parent"]) != parent:
        raise Failure("mutateError", "RESOURCE_NOT_FOUND", path=(verb,))
    return found


def update_criterion(change: Change, mask: list[str]) -> str:
    found = criterion_at(change, change.body.get("resourceName"), "update")
    if mask != ["bidModifier"]:
        raise Failure("requestError", "IMMUTABLE_FIELD", path=("update",))
    if found["negative"]:
        code = ("campaignCriterionError", "CANNOT_UPDATE_NEGATIVE_CRITERION")
        if change.collection == "adGroupCriteria":
            code = ("adGroupCriterionError", "CANT_UPDATE_NEGATIVE")
        raise Failure(*code, path=("update",))
    modifier = change.body.get("bidModifier")
    check_modifier(modifier, "update")
    new = {**found, "bid_modifier": modifier}
    change.store.put(change.collection, found["criterion"], new)
    return change.made(f"{found['parent']}~{found['criterion']}")


def remove_criterion(change: Change, name: str) -> str:
    found = criterion_at(change, name, "remove")
    change.store.drop(change.collection, found["criterion"])
    return name


# Observation or targeting


def update_setting(change: Change, mask: list[str]) -> str:
    kind = "campaign" if change.collection == "campaigns" else "ad_group"
    number = numbered(change.body.get("resourceName"), change.customer, change.collection)
    found = None if number is None else change.store.get(kind, number)
    if number is None or found is None:
        raise Failure("mutateError", "RESOURCE_NOT_FOUND", path=("update",))
    setting = change.body.get("targetingSetting") or {}
    if mask == ["targetingSetting.targetRestrictions"]:
        new = setting.get("targetRestrictions", [])
    elif mask == ["targetingSetting.targetRestrictionOperations"]:
        new = merged(found["restrictions"], setting.get("targetRestrictionOperations", []))
    else:
        raise Failure("requestError", "IMMUTABLE_FIELD", path=("update",))
    check_setting(change.store, kind, found, new)
    change.store.put(kind, number, {**found, "restrictions": new})
    return change.made(number)


def merged(present: list[Document], operations: list[Document]) -> list[Document]:
    kept = {one["targetingDimension"]: one for one in present}
    for operation in operations:
        dimension = operation["value"]["targetingDimension"]
        if operation["operator"] == "ADD":
            kept[dimension] = operation["value"]
        else:
            kept.pop(dimension, None)
    return list(kept.values())


def observing(restrictions: list[Document]) -> bool | None:
    """True: observation, False: targeting, None: nothing is said about audiences."""
    said = [one for one in restrictions if one["targetingDimension"] == "AUDIENCE"]
    return bool(said[0].get("bidOnly")) if said else None


def check_setting(store: Store, kind: str, found: Document, new: list[Document]) -> None:
    if observing(new) is None:
        return
    if kind == "campaign":
        others = [one for one in store.all("ad_group") if one["campaign"] == found["id"]]
    else:
        others = [one for one in store.all("campaign") if one["id"] == found["campaign"]]
    if any(observing(one["restrictions"]) is not None for one in others):
        raise Failure(*SETTING_ON_BOTH_LEVELS, path=("update", "targeting_setting"))
    collection = "campaignCriteria" if kind == "campaign" else "adGroupCriteria"
    lists = [one for one in store.all(collection) if one["parent"] == found["id"]]
    if observing(found["restrictions"]) and not observing(new) and lists:
        code = "BID_ONLY_IS_NOT_ALLOWED_TO_BE_MODIFIED_WITH_CUSTOMER_MATCH_TARGETING"
        raise Failure("settingError", code, path=("update", "targeting_setting"))


# Lists


def create_list(change: Change) -> str:
    body, store = change.body, change.store
    check_list(change, None)
    if not body.get("name"):
        raise Failure("userListError", "INVALID_NAME", path=("create", "name"))
    made: Document = {"displayName": body["name"], "description": body.get("description", "")}
    if "membershipLifeSpan" in body:
        made["membershipDuration"] = f"{int(body['membershipLifeSpan']) * 86_400}s"
    if likeness := body.get("lookalikeUserList"):
        check_likeness(change, likeness)
        made["lookalike"] = likeness
    elif crm := body.get("crmBasedUserList"):
        made["ingestedUserListInfo"] = ingested(crm)
    else:
        raise Failure("userListError", "CONCRETE_TYPE_REQUIRED", path=("create",))
    number = store.next_id("list", first=FIRST_ID)
    put(store, change.customer, number, made)
    return change.made(number)


def check_list(change: Change, but: int | None) -> None:
    verb = "create" if but is None else "update"
    if change.body.get("name") in taken(change.store, change.customer, but):
        raise Failure("userListError", "NAME_ALREADY_USED", path=(verb, "name"))
    if int(change.body.get("membershipLifeSpan", 0)) * 86_400 > LONGEST:
        raise Failure("rangeError", "TOO_HIGH", path=(verb, "membership_life_span"))


def ingested(crm: Document) -> Document:
    kind = crm.get("uploadKeyType", "CONTACT_INFO")
    if kind == "MOBILE_ADVERTISING_ID" and not crm.get("appId"):
        raise Failure("userListError", "APP_ID_NOT_SET", path=("create",))
    if kind != "MOBILE_ADVERTISING_ID" and crm.get("appId"):
        raise Failure("userListError", "APP_ID_NOT_ALLOWED", path=("create",))
    if kind == "CONTACT_INFO":
        return contact_info()
    return {"uploadKeyTypes": ["USER_ID" if kind == "CRM_ID" else "MOBILE_ID"]}


def check_likeness(change: Change, likeness: Document) -> None:
    seeds = [str(one) for one in likeness.get("seedUserListIds", [])]
    path = ("create", "lookalike_user_list")
    for seed_list in seeds or ["0"]:
        found = change.store.get("list", int(seed_list))
        if found is None or found["customer"] != change.customer:
            raise Failure("userListError", "SEED_LIST_DOES_NOT_EXIST", path=path)
        if found.get("lookalike"):
            raise Failure("userListError", "INVALID_SEED_LIST_TYPE", path=path)
    countries = likeness.get("countryCodes", [])
    if not countries or not all(re.fullmatch("[A-Z]{2}", one) for one in countries):
        raise Failure("userListError", "INVALID_COUNTRY_CODES", path=path)
    asked = (set(seeds), likeness.get("expansionLevel"), set(countries))
    for one in change.store.all("list"):
        if other := one.get("lookalike"):
            ids = {str(seed) for seed in other["seedUserListIds"]}
            if (ids, other.get("expansionLevel"), set(other["countryCodes"])) == asked:
                raise Failure("userListError", "DUPLICATE_LOOKALIKE", path=path)


def own_list(change: Change, name: object, verb: str) -> Document:
    number = numbered(name, change.customer, "userLists")
    found = None if number is None else change.store.get("list", number)
    if found is None or found["customer"] != change.customer:
        raise Failure("mutateError", "RESOURCE_NOT_FOUND", path=(verb,))
    return found


def update_list(change: Change, mask: list[str]) -> str:
    found = own_list(change, change.body.get("resourceName"), "update")
    check_list(change, int(found["id"]))
    new = dict(found)
    for path in mask:
        if path == "membershipLifeSpan":
            new["membershipDuration"] = f"{int(change.body.get(path, 0)) * 86_400}s"
        elif path in ("name", "description", "membershipStatus", "integrationCode"):
            new["displayName" if path == "name" else path] = change.body.get(path, "")
        else:
            raise Failure("requestError", "IMMUTABLE_FIELD", path=("update",))
    change.store.put("list", int(found["id"]), new)
    return change.made(found["id"])


def remove_list(change: Change, name: str) -> str:
    drop(change.store, int(own_list(change, name, "remove")["id"]))
    return name


# Value rules: what smart bidding takes in place of bid modifiers


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


Verbs = tuple[
    Callable[[Change], str] | None,
    Callable[[Change, list[str]], str] | None,
    Callable[[Change, str], str] | None,
]
VERBS: dict[str, Verbs] = {
    "userLists": (create_list, update_list, remove_list),
    "campaignCriteria": (create_criterion, update_criterion, remove_criterion),
    "adGroupCriteria": (create_criterion, update_criterion, remove_criterion),
    "campaigns": (None, update_setting, None),
    "adGroups": (None, update_setting, None),
    "conversionValueRules": (create_rule, None, remove_rule),
    "conversionValueRuleSets": (create_rule_set, None, remove_rule),
}
"""Create, update, remove of every collection that is played."""


def perform(world: World, customer: int, collection: str, operation: Document) -> str:
    """Do one operation; the resource name it concerns. Raises Failure."""
    create, update, remove = VERBS[collection]
    body: Any = operation.get("create") or operation.get("update") or {}
    change = Change(world, customer, collection, body)
    if "create" in operation and create is not None:
        return create(change)
    if "update" in operation and update is not None:
        mask = [camel(path) for path in operation.get("updateMask", "").split(",") if path]
        if not mask:
            raise Failure("fieldMaskError", "FIELD_MASK_MISSING", path=("update_mask",))
        return update(change, mask)
    if "remove" in operation and remove is not None:
        return remove(change, str(operation["remove"]))
    raise Failure("requestError", "OPERATION_REQUIRED")
