"""RetargetingLists of Yandex Direct: rules over segments, for targets or for adjustments only."""

from typing import Any

from connectors.sandbox import yandex_states as states
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
    objects,
    one_of,
    only,
    required,
    whole,
)

FIRST_LIST = 40_000_101
MAX_LISTS = 2000
MAX_RULES, MAX_ARGUMENTS = 50, 250
MAX_NAME, MAX_DESCRIPTION = 250, 4096
LIFE_SPAN = (1, 540)
MAX_IDS = 10_000

# UNVERIFIED choices
LIST_IN_USE = 8301

TYPES = ("RETARGETING", "AUDIENCE")
OPERATORS = ("ALL", "ANY", "NONE")
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
GROUP_TYPES = {
    "RETARGETING": ["TEXT_AD_GROUP", "MOBILE_APP_AD_GROUP", "UNIFIED_AD_GROUP"],
    "AUDIENCE": ["CPM_BANNER_AD_GROUP", "CPM_VIDEO_AD_GROUP"],
}


def available(world: World, found: Document) -> bool:
    """Whether every segment the list names is there, ours, and ready."""
    named = [argument["ExternalId"] for rule in found["Rules"] for argument in rule["Arguments"]]
    return all(states.usable(world, number, found["login"]) for number in named)


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
    audience = call.world.store(states.NAME)
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


LIST_METHODS: dict[str, Any] = {
    "add": add_lists,
    "get": get_lists,
    "update": update_lists,
    "delete": delete_lists,
}
