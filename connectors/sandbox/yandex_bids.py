"""BidModifiers of Yandex Direct: add, get, set, delete; `toggle` is gone since 2025-11-13.

One stored document is one adjustment, as the API gives it: {Id, CampaignId, AdGroupId, Level,
Type, adjustment}, whatever array it came in.
"""

from dataclasses import dataclass
from typing import Any

from connectors.sandbox.market import remember_modifier
from connectors.sandbox.store import Document
from connectors.sandbox.yandex_adjustments import (
    BY_WRITTEN,
    KINDS,
    LEVELS,
    check_fit,
    check_form,
    check_range,
)
from connectors.sandbox.yandex_call import (
    Call,
    CallError,
    ItemError,
    ids,
    integer,
    known_only,
    names_of,
    objects,
    only,
    required,
)
from connectors.sandbox.yandex_lists import available

FIRST_ID = 11_000_001
MAX_CAMPAIGN_IDS = 10
MAX_OTHER_IDS = 10_000

# UNVERIFIED choices
WRONG_LEVEL = 6000
TOO_MANY = 7001
UNIFIED_OVER_V5 = 3500
"""Unified campaigns and their groups are written over v501 only."""
WILL_NOT_APPLY = 10160

IGNORES_CORRECTIONS = ("SERVING_OFF",)
"""Strategies under which an adjustment is stored with a warning."""
FIELDS = ("Id", "CampaignId", "AdGroupId", "Level", "Type")


@dataclass(frozen=True)
class Wish:
    """One item of an add, its form already checked."""

    object_key: str
    object_id: int
    type: str
    adjustments: tuple[Document, ...]


def add(call: Call) -> Document:
    call.allow("BidModifiers")
    wishes = [read_wish(item) for item in call.items("BidModifiers")]
    results = call.each(wishes, lambda wish: add_one(call, wish))
    # An add costs per adjustment, not per item.
    call.good = sum(len(result["Ids"]) for result in results if "Ids" in result)
    return {"AddResults": results}


def read_wish(item: Document) -> Wish:
    """The form of an item; a wrong form refuses the whole request."""
    known_only(item, ("CampaignId", "AdGroupId", *BY_WRITTEN), "BidModifiers")
    places = [key for key in ("CampaignId", "AdGroupId") if key in item]
    members = [key for key in item if key in BY_WRITTEN]
    if len(places) != 1 or len(members) != 1:
        raise CallError(
            8000, "Each of BidModifiers takes one of CampaignId, AdGroupId and one adjustment"
        )
    name = BY_WRITTEN[members[0]]
    given = item[members[0]]
    found = objects(given if KINDS[name].many else [given], members[0])
    if not found:
        raise CallError(8000, f"{members[0]} must not be empty")
    for adjustment in found:
        check_form(KINDS[name], adjustment)
    return Wish(places[0], integer(item, places[0], "BidModifiers"), name, tuple(found))


def add_one(call: Call, wish: Wish) -> Document:
    kind = KINDS[wish.type]
    level = "CAMPAIGN" if wish.object_key == "CampaignId" else "AD_GROUP"
    place = locate(call, wish, level)
    if level not in kind.levels:
        raise ItemError(WRONG_LEVEL, f"{kind.member} is not possible on this level")
    campaign = call.find("campaign", place["CampaignId"], "Campaign")
    unified = campaign["Type"] == "UNIFIED_CAMPAIGN"
    if unified and call.version == "v5":
        raise ItemError(UNIFIED_OVER_V5, "Unified campaigns are changed over v501")
    if kind.member == "AdGroupAdjustment" and not unified:
        raise ItemError(WRONG_LEVEL, "AdGroupAdjustment is for unified ad groups only")
    present = [
        m for m in call.store.all("modifier") if m["Level"] == level and only(m, place) == place
    ]
    fresh: list[Document] = []
    for adjustment in wish.adjustments:
        check_range(kind, adjustment["BidModifier"])
        check_fit(wish.type, adjustment, [*present, *fresh])
        if wish.type == "RETARGETING_ADJUSTMENT":
            call.find("list", adjustment["RetargetingConditionId"], "Retargeting list")
        fresh.append({"Type": wish.type, "Level": level, **place, "adjustment": adjustment})
    same = [m for m in present if m["Type"] == wish.type]
    if len(same) + len(fresh) > max(kind.many, 1):
        raise ItemError(TOO_MANY, f"At most {max(kind.many, 1)} of {kind.member} per object")
    for modifier in fresh:
        modifier["Id"] = call.store.next_id("modifier", first=FIRST_ID)
        modifier["made"] = call.world.now()
        call.store.put("modifier", modifier["Id"], modifier)
        remember_modifier(call.store, modifier, call.world.now())
    result: Document = {"Ids": [modifier["Id"] for modifier in fresh]}
    if campaign["strategy"] in IGNORES_CORRECTIONS:
        result["Warnings"] = [warning(WILL_NOT_APPLY, "The bid will not be applied")]
    return result


def warning(code: int, text: str) -> Document:
    return {"Code": code, "Message": text, "Details": text}


def locate(call: Call, wish: Wish, level: str) -> Document:
    """CampaignId, and AdGroupId for a group."""
    if level == "CAMPAIGN":
        return {"CampaignId": call.find("campaign", wish.object_id, "Campaign")["Id"]}
    group = call.find("group", wish.object_id, "Ad group")
    return {"CampaignId": group["CampaignId"], "AdGroupId": group["Id"]}


def get(call: Call) -> Document:
    call.allow(
        "SelectionCriteria",
        "FieldNames",
        "Page",
        *(f"{k.member}FieldNames" for k in KINDS.values()),
    )
    criteria = call.criteria("CampaignIds", "AdGroupIds", "Ids", "Types", "Levels")
    levels = names_of(required(criteria, "Levels", "SelectionCriteria"), LEVELS, "Levels")
    types = names_of(criteria.get("Types", list(KINDS)), KINDS, "Types")
    wanted = {
        key: ids(criteria[key], key)
        for key in ("CampaignIds", "AdGroupIds", "Ids")
        if key in criteria
    }
    if not any(wanted.values()):
        raise CallError(4001, "One of CampaignIds, AdGroupIds, Ids is needed")
    for key, values in wanted.items():
        most = MAX_CAMPAIGN_IDS if key == "CampaignIds" else MAX_OTHER_IDS
        if len(values) > most:
            raise CallError(4001, f"At most {most} elements in {key}")
    fields = call.fields(FIELDS)
    inner = {
        name: call.fields(kind.fields, f"{kind.member}FieldNames") for name, kind in KINDS.items()
    }
    found = [
        modifier
        for modifier in call.store.all("modifier")
        if modifier["Level"] in levels
        and modifier["Type"] in types
        and all(modifier.get(key.removesuffix("s")) in v for key, v in wanted.items())
    ]
    page = call.page(found)
    return call.got(
        "BidModifiers", [view(call, m, fields, inner[m["Type"]]) for m in page], keep_empty=True
    )


def view(call: Call, modifier: Document, fields: list[str], inner: list[str]) -> Document:
    """Only what was asked for; the adjustment in its singular member."""
    shown = only(modifier, fields)
    if inner:
        full = {**modifier["adjustment"], "Enabled": "YES", "Accessible": "YES"}
        if modifier["Type"] == "RETARGETING_ADJUSTMENT":
            condition = call.store.get("list", full["RetargetingConditionId"])
            seen = condition is not None and available(call.world, condition)
            full["Accessible"] = "YES" if seen else "NO"
        shown[KINDS[modifier["Type"]].member] = only(full, inner)
    return shown


def set_(call: Call) -> Document:
    call.allow("BidModifiers")
    items = call.items("BidModifiers")
    for item in items:
        known_only(item, ("Id", "BidModifier"), "BidModifiers")
        integer(item, "Id", "BidModifiers")
        integer(item, "BidModifier", "BidModifiers")

    def work(item: Document) -> Document:
        modifier = call.find("modifier", item["Id"], "Bid modifier")
        check_version(call, modifier)
        check_range(KINDS[modifier["Type"]], item["BidModifier"])
        modifier["adjustment"]["BidModifier"] = item["BidModifier"]
        call.store.put("modifier", modifier["Id"], modifier)
        remember_modifier(call.store, modifier, call.world.now())
        return {"Id": modifier["Id"]}

    return {"SetResults": call.each(items, work)}


def delete(call: Call) -> Document:
    def work(number: int) -> Document:
        modifier = call.find("modifier", number, "Bid modifier")
        check_version(call, modifier)
        call.store.drop("modifier", modifier["Id"])
        return {"Id": modifier["Id"]}

    return {"DeleteResults": call.each(call.ids_to_delete(), work)}


def check_version(call: Call, modifier: Document) -> None:
    campaign = call.find("campaign", modifier["CampaignId"], "Campaign")
    if campaign["Type"] == "UNIFIED_CAMPAIGN" and call.version == "v5":
        raise ItemError(UNIFIED_OVER_V5, "Unified campaigns are changed over v501")


def toggle(call: Call) -> Document:
    raise CallError(55, "toggle is not supported since 2025-11-13")


METHODS: dict[str, Any] = {
    "add": add,
    "get": get,
    "set": set_,
    "delete": delete,
    "toggle": toggle,
}
