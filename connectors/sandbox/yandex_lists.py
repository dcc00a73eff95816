"""RetargetingLists and AudienceTargets of Yandex Direct: who is meant, and showing ads to them."""

from typing import Any

from connectors.sandbox import yandex_segments
from connectors.sandbox.store import Document
from connectors.sandbox.world import World
from connectors.sandbox.yandex_call import (
    Call,
    CallError,
    ItemError,
    ids,
    integer,
    known_only,
    names_of,
    notice,
    objects,
    one_of,
    only,
    required,
    whole,
)

FIRST_LIST = 40_000_101
FIRST_TARGET = 60_000_101
MAX_LISTS = 2000
MAX_RULES, MAX_ARGUMENTS = 50, 250
MAX_NAME, MAX_DESCRIPTION = 250, 4096
LIFE_SPAN = (1, 540)
MAX_TARGETS = 50
MAX_IDS = 10_000
MAX_CAMPAIGN_IDS = 100

# UNVERIFIED choices
LIST_IN_USE = 8301
TARGET_TWICE = 9801
TARGET_ON_ADJUSTMENT_LIST = 6000
MINIMUM_BID = 300_000
"""RUB in micros; maximum and increment are recorded, the minimum is not."""

MAXIMUM_BID = 25_000_000_000
BID_INCREMENT = 100_000
TYPES = ("RETARGETING", "AUDIENCE")
OPERATORS = ("ALL", "ANY", "NONE")
PRIORITIES = ("LOW", "NORMAL", "HIGH")
STATES = ("ON", "SUSPENDED")
LIST_FIELDS = (
    "Type",
    "Id",
    "Name",
    "Description",
    "Rules",
    "IsAvailable",
    "Scope",
    "AvailableForTargetsInAdGroupTypes",
)
TARGET_FIELDS = (
    "Id",
    "AdGroupId",
    "CampaignId",
    "RetargetingListId",
    "InterestId",
    "ContextBid",
    "StrategyPriority",
    "State",
)
GROUP_TYPES = {
    "RETARGETING": ["TEXT_AD_GROUP", "MOBILE_APP_AD_GROUP", "UNIFIED_AD_GROUP"],
    "AUDIENCE": ["CPM_BANNER_AD_GROUP", "CPM_VIDEO_AD_GROUP"],
}
BID_WILL_NOT_APPLY = 10160
PARAMETER_WILL_NOT_APPLY = 10165


# Retargeting lists


def available(world: World, found: Document) -> bool:
    """Whether every segment the list names is there, ours, and ready."""
    named = [argument["ExternalId"] for rule in found["Rules"] for argument in rule["Arguments"]]
    return all(yandex_segments.usable(world, number, found["login"]) for number in named)


def for_adjustments_only(found: Document) -> bool:
    return all(rule["Operator"] == "NONE" for rule in found["Rules"])


def check_form(item: Document, known: tuple[str, ...]) -> None:
    """The form of an item; a wrong form refuses the whole request."""
    known_only(item, known, "RetargetingLists")
    if "Type" in item:
        one_of(item, "Type", TYPES, "RetargetingLists")
    for rule in objects(item.get("Rules", []), "Rules"):
        known_only(rule, ("Operator", "Arguments"), "Rules")
        one_of(rule, "Operator", OPERATORS, "Rules")
        for argument in objects(required(rule, "Arguments", "Rules"), "Arguments"):
            known_only(argument, ("ExternalId", "MembershipLifeSpan"), "Arguments")
            integer(argument, "ExternalId", "Arguments")


def check_values(item: Document) -> None:
    if "Name" in item and not (isinstance(item["Name"], str) and 0 < len(item["Name"]) <= MAX_NAME):
        raise ItemError(5005, f"Name has 1 to {MAX_NAME} characters")
    if len(str(item.get("Description", ""))) > MAX_DESCRIPTION:
        raise ItemError(5005, f"Description has at most {MAX_DESCRIPTION} characters")
    if "Rules" not in item:
        return
    arguments = [argument for rule in item["Rules"] for argument in rule["Arguments"]]
    if not 1 <= len(item["Rules"]) <= MAX_RULES or not 1 <= len(arguments) <= MAX_ARGUMENTS:
        raise ItemError(5005, f"At most {MAX_RULES} rules and {MAX_ARGUMENTS} arguments")
    for argument in arguments:
        span = argument.get("MembershipLifeSpan", LIFE_SPAN[0])
        if not whole(span) or not LIFE_SPAN[0] <= span <= LIFE_SPAN[1]:
            raise ItemError(5005, "MembershipLifeSpan is 1 to 540 days")


def kept_rules(call: Call, rules: list[Document]) -> list[Document]:
    """Rules as stored: an Audience segment keeps no MembershipLifeSpan."""
    audience = call.world.store(yandex_segments.NAME)
    kept = []
    for rule in rules:
        arguments = [
            only(a, ("ExternalId",)) if audience.get("segment", a["ExternalId"]) else dict(a)
            for a in rule["Arguments"]
        ]
        kept.append({"Operator": rule["Operator"], "Arguments": arguments})
    return kept


def add_lists(call: Call) -> Document:
    call.allow("RetargetingLists")
    items = call.items("RetargetingLists")
    for item in items:
        check_form(item, ("Type", "Name", "Description", "Rules"))
        required(item, "Name", "RetargetingLists")
        required(item, "Rules", "RetargetingLists")

    def work(item: Document) -> Document:
        check_values(item)
        if len(call.store.all("list")) >= MAX_LISTS:
            raise ItemError(7001, f"At most {MAX_LISTS} retargeting lists")
        number = call.store.next_id("list", first=FIRST_LIST)
        body = {
            "Id": number,
            "Type": item.get("Type", "RETARGETING"),
            "Name": item["Name"],
            "Description": item.get("Description", ""),
            "Rules": kept_rules(call, item["Rules"]),
            "login": call.login,
            "made": call.world.now(),
        }
        call.store.put("list", number, body)
        return {"Id": number}

    return {"AddResults": call.each(items, work)}


def get_lists(call: Call) -> Document:
    call.allow("SelectionCriteria", "FieldNames", "Page")
    criteria = call.criteria("Types", "Ids", needed=False)
    types = names_of(criteria.get("Types", list(TYPES)), TYPES, "Types")
    wanted = ids(criteria["Ids"], "Ids") if "Ids" in criteria else None
    if wanted is not None and not 1 <= len(wanted) <= MAX_IDS:
        raise CallError(4001, f"Ids takes 1 to {MAX_IDS} elements")
    fields = call.fields(LIST_FIELDS)
    found = [
        one
        for one in call.store.all("list")
        if one["Type"] in types and (wanted is None or one["Id"] in wanted)
    ]
    shown = [only(list_view(call.world, one), fields) for one in call.page(found)]
    return call.got("RetargetingLists", shown, keep_empty=False)


def list_view(world: World, found: Document) -> Document:
    adjusts = for_adjustments_only(found)
    return {
        **found,
        "IsAvailable": "YES" if available(world, found) else "NO",
        "Scope": "FOR_ADJUSTMENTS_ONLY" if adjusts else "FOR_TARGETS_AND_ADJUSTMENTS",
        "AvailableForTargetsInAdGroupTypes": {
            "Items": [] if adjusts else GROUP_TYPES[found["Type"]]
        },
    }


def update_lists(call: Call) -> Document:
    call.allow("RetargetingLists")
    items = call.items("RetargetingLists")
    for item in items:
        check_form(item, ("Id", "Name", "Description", "Rules"))  # Type cannot be changed
        integer(item, "Id", "RetargetingLists")

    def work(item: Document) -> Document:
        found = call.find("list", item["Id"], "Retargeting list")
        check_values(item)
        found |= only(item, ("Name", "Description"))
        if "Rules" in item:
            found["Rules"] = kept_rules(call, item["Rules"])
        call.store.put("list", found["Id"], found)
        return {"Id": found["Id"]}

    return {"UpdateResults": call.each(items, work)}


def delete_lists(call: Call) -> Document:
    def work(number: int) -> Document:
        found = call.find("list", number, "Retargeting list")
        adjusted = any(
            m["adjustment"].get("RetargetingConditionId") == number
            for m in call.store.all("modifier")
        )
        targeted = any(t.get("RetargetingListId") == number for t in call.store.all("target"))
        if adjusted or targeted:
            raise ItemError(LIST_IN_USE, "The list is in use")
        call.store.drop("list", found["Id"])
        return {"Id": found["Id"]}

    return {"DeleteResults": call.each(call.ids_to_delete(), work)}


# Audience targets


def add_targets(call: Call) -> Document:
    call.allow("AudienceTargets")
    items = call.items("AudienceTargets")
    for item in items:
        known_only(
            item,
            ("AdGroupId", "RetargetingListId", "InterestId", "ContextBid", "StrategyPriority"),
            "AudienceTargets",
        )
        integer(item, "AdGroupId", "AudienceTargets")
        if ("RetargetingListId" in item) == ("InterestId" in item):
            raise CallError(8000, "One of RetargetingListId, InterestId is needed")
        check_price_form(item)
    return {"AddResults": call.each(items, lambda item: add_target(call, item))}


def check_price_form(item: Document) -> None:
    if "ContextBid" in item:
        integer(item, "ContextBid", "AudienceTargets")
    if "StrategyPriority" in item:
        one_of(item, "StrategyPriority", PRIORITIES, "AudienceTargets")


def add_target(call: Call, item: Document) -> Document:
    missing = []
    for kind, key, label in (
        ("group", "AdGroupId", "Ad group"),
        ("list", "RetargetingListId", "Retargeting list"),
        ("interest", "InterestId", "Interest"),
    ):
        if key in item:
            try:
                call.find(kind, item[key], label)
            except ItemError as error:
                missing.append(error)
    if missing:
        missing[0].errors += [notice for other in missing[1:] for notice in other.errors]
        raise missing[0]
    group = call.find("group", item["AdGroupId"], "Ad group")
    if "RetargetingListId" in item:
        aimed = call.find("list", item["RetargetingListId"], "Retargeting list")
        if for_adjustments_only(aimed):
            raise ItemError(TARGET_ON_ADJUSTMENT_LIST, "The list is for adjustments only")
    here = [t for t in call.store.all("target") if t["AdGroupId"] == group["Id"]]
    if len(here) >= MAX_TARGETS:
        raise ItemError(7001, f"At most {MAX_TARGETS} audience targets in an ad group")
    if any(t.get("RetargetingListId") == item.get("RetargetingListId") for t in here):
        raise ItemError(TARGET_TWICE, "The ad group has this audience target already")
    warnings = check_price(call, group["CampaignId"], item)
    number = call.store.next_id("target", first=FIRST_TARGET)
    body = {"Id": number, "CampaignId": group["CampaignId"], **item, "State": "ON"}
    call.store.put("target", number, {"StrategyPriority": "NORMAL", **body})
    return {"Id": number, **warnings}


def check_price(call: Call, campaign: int, item: Document) -> Document:
    """Bounds and step of ContextBid; a value the strategy ignores is stored with a warning."""
    bid = item.get("ContextBid")
    if bid is not None and (not MINIMUM_BID <= bid <= MAXIMUM_BID or bid % BID_INCREMENT):
        raise ItemError(
            5005, f"ContextBid is {MINIMUM_BID} to {MAXIMUM_BID} in steps of {BID_INCREMENT}"
        )
    manual = call.find("campaign", campaign, "Campaign")["manual"]
    found = []
    if bid is not None and not manual:
        found.append(notice(BID_WILL_NOT_APPLY, "The bid will not be applied"))
    if "StrategyPriority" in item and manual:
        found.append(notice(PARAMETER_WILL_NOT_APPLY, "The priority will not be applied"))
    return {"Warnings": found} if found else {}


def get_targets(call: Call) -> Document:
    call.allow("SelectionCriteria", "FieldNames", "Page")
    names = ("Ids", "AdGroupIds", "CampaignIds", "RetargetingListIds", "InterestIds")
    criteria = call.criteria(*names, "States")
    states = names_of(criteria.get("States", list(STATES)), STATES, "States")
    wanted = {name: ids(criteria[name], name) for name in names if name in criteria}
    if not any(wanted.values()):
        raise CallError(4001, "One of " + ", ".join(names) + " is needed")
    for name, values in wanted.items():
        most = MAX_CAMPAIGN_IDS if name == "CampaignIds" else MAX_IDS
        if len(values) > most:
            raise CallError(4001, f"At most {most} elements in {name}")
    fields = call.fields(TARGET_FIELDS)
    found = [
        target
        for target in call.store.all("target")
        if target["State"] in states
        and all(target.get(name.removesuffix("s")) in v for name, v in wanted.items())
    ]
    shown = [only(target, fields) for target in call.page(found)]
    return call.got("AudienceTargets", shown, keep_empty=False)


def change_targets(call: Call, change: dict[str, str] | None, answer: str) -> Document:
    def work(number: int) -> Document:
        target = call.find("target", number, "Audience target")
        if change is None:
            call.store.drop("target", number)
        else:
            call.store.put("target", number, {**target, **change})
        return {"Id": number}

    return {answer: call.each(call.ids_to_delete(), work)}


def set_target_bids(call: Call) -> Document:
    call.allow("Bids")
    items = call.items("Bids")
    places = ("Id", "AdGroupId", "CampaignId")
    for item in items:
        known_only(item, (*places, "ContextBid", "StrategyPriority"), "Bids")
        if len(item.keys() & set(places)) != 1:
            raise CallError(8000, "Each of Bids takes one of Id, AdGroupId, CampaignId")
        if not item.keys() & {"ContextBid", "StrategyPriority"}:
            raise CallError(8000, "Each of Bids takes ContextBid or StrategyPriority")
        check_price_form(item)

    def work(item: Document) -> Document:
        place = next(key for key in places if key in item)
        label = {"Id": "target", "AdGroupId": "group", "CampaignId": "campaign"}[place]
        call.find(label, item[place], place)
        warnings: Document = {}
        for target in call.store.all("target"):
            if target[place] == item[place]:
                warnings = check_price(call, target["CampaignId"], item)
                change = only(item, ("ContextBid", "StrategyPriority"))
                call.store.put("target", target["Id"], {**target, **change})
        return {place: item[place], **warnings}

    return {"SetBidsResults": call.each(items, work)}


LIST_METHODS: dict[str, Any] = {
    "add": add_lists,
    "get": get_lists,
    "update": update_lists,
    "delete": delete_lists,
}
TARGET_METHODS: dict[str, Any] = {
    "add": add_targets,
    "get": get_targets,
    "delete": lambda call: change_targets(call, None, "DeleteResults"),
    "suspend": lambda call: change_targets(call, {"State": "SUSPENDED"}, "SuspendResults"),
    "resume": lambda call: change_targets(call, {"State": "ON"}, "ResumeResults"),
    "setBids": set_target_bids,
}
