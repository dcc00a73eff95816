"""AudienceTargets of Yandex Direct: showing ads of a group to a retargeting list or an interest.

A price that the strategy ignores is stored with a warning.
"""

from typing import Any

from connectors.sandbox.store import Document
from connectors.sandbox.yandex_call import (
    Call,
    CallError,
    ItemError,
    ids,
    integer,
    known_only,
    names_of,
    notice,
    one_of,
    only,
)
from connectors.sandbox.yandex_lists import MAX_IDS, for_adjustments_only

FIRST_TARGET = 60_000_101
MAX_TARGETS = 50
MAX_CAMPAIGN_IDS = 100

# UNVERIFIED choices
TARGET_TWICE = 9801
TARGET_ON_ADJUSTMENT_LIST = 6000
MINIMUM_BID = 300_000
"""RUB in micros; maximum and increment are recorded, the minimum is not."""

MAXIMUM_BID = 25_000_000_000
BID_INCREMENT = 100_000
PRIORITIES = ("LOW", "NORMAL", "HIGH")
STATES = ("ON", "SUSPENDED")
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
BID_WILL_NOT_APPLY = 10160
PARAMETER_WILL_NOT_APPLY = 10165


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


TARGET_METHODS: dict[str, Any] = {
    "add": add_targets,
    "get": get_targets,
    "delete": lambda call: change_targets(call, None, "DeleteResults"),
    "suspend": lambda call: change_targets(call, {"State": "SUSPENDED"}, "SuspendResults"),
    "resume": lambda call: change_targets(call, {"State": "ON"}, "ResumeResults"),
    "setBids": set_target_bids,
}
