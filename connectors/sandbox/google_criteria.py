"""Lists attached in the played Google Ads API: criteria with their modifiers, targeting settings.

Source: google-ads 34.0.0 (v26), its error enums; UNVERIFIED marks codes nobody has printed.
"""

from connectors.sandbox.google_call import (
    DIRECT,
    NAME,
    Change,
    Failure,
    numbered,
)
from connectors.sandbox.google_lists import FOREIGN_LIST
from connectors.sandbox.google_shapes import camel
from connectors.sandbox.store import Document, Store
from connectors.sandbox.world import World

SEARCH, SMART, TARGETED, DISPLAY = 2001, 2002, 2003, 2004
GROUP, DISPLAY_GROUP = 3001, 3004
LABEL = 501
LOWEST, HIGHEST = 0.1, 10.0
BIDDABLE = ("SEARCH", "SHOPPING")
"""Campaigns that take a biddable list at campaign level."""

# UNVERIFIED codes
OUTSIDE_SEARCH = ("criterionError", "CANNOT_ADD_CRITERIA_TYPE")
SECOND_IN_GROUP = ("mutateError", "RESOURCE_ALREADY_EXISTS")
BOTH_LEVELS = ("criterionError", "CANNOT_ATTACH_CRITERIA_AT_CAMPAIGN_AND_ADGROUP")
SETTING_ON_BOTH_LEVELS = ("settingError", "SETTING_TYPE_IS_NOT_COMPATIBLE_WITH_CAMPAIGN")


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
    """UNVERIFIED: which code of RangeError it is."""
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
