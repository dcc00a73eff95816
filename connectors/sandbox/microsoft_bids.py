"""Campaigns, ad groups and their audience criteria with bid multipliers, as Microsoft keeps them.

One stored criterion: {id, level, campaign, group, audience, kind, multiplier, negative, status}.
"""

from typing import Any

from connectors.sandbox.frame import View
from connectors.sandbox.microsoft_call import (
    ACCOUNT,
    NAME,
    Call,
    ItemError,
    by_type,
    flag,
    long,
    number,
    one_of,
    some_of,
    text,
)
from connectors.sandbox.microsoft_lists import FOREIGN_LIST, FOREIGN_VISITORS, TYPES
from connectors.sandbox.store import Document
from connectors.sandbox.world import World

PLAIN, AUTOMATIC, NARROW = 5, 6, 7
"""Campaigns: bids of one's own; automatic ones; one that only targets its audiences."""
PLAIN_GROUP, AUTOMATIC_GROUP, NARROW_GROUP = 51, 61, 71
FOREIGN_ON_CAMPAIGN, FOREIGN_ON_GROUP, FOREIGN_VISITORS_ON_CAMPAIGN = 9_001, 9_002, 9_003
FIRST_ID = 9_100
LOWEST, HIGHEST = -90, 900
MOST = {"campaign": 100, "group": 1_000}
"""Criteria per call."""
MAX_CAMPAIGNS = 100
MAX_GROUPS = 1_000

CAMPAIGN_TYPES = (
    *("Search", "Shopping", "DynamicSearchAds", "Audience", "Hotel", "PerformanceMax", "App"),
    "ObjectiveBased",
)
AUDIENCE_CRITERION = {"AudienceId!": long, "AudienceType": one_of(*TYPES)}
BID = by_type(BidMultiplier={"Multiplier": number})
STATUSES = one_of("Active", "Paused", "Deleted")


def item_forms(name: str) -> Any:
    """A criterion of a level, biddable or negative; `name` is Campaign or AdGroup."""
    common = {
        "Id": long,
        f"{name}Id!": long,
        "Criterion": by_type(AudienceCriterion=AUDIENCE_CRITERION),
        "Status": STATUSES,
    }
    forms = {
        f"Biddable{name}Criterion": {**common, "CriterionBid": BID},
        f"Negative{name}Criterion": common,
    }
    return by_type(**forms)


def forms_of(name: str) -> dict[str, Any]:
    """Bodies of one level's calls."""
    audience = {"CriterionType!": one_of("Audience")}
    return {
        "write": {**audience, f"{name}Criterions!": [item_forms(name)]},
        "delete": {**audience, f"{name}Id!": long, f"{name}CriterionIds!": [long]},
        "read": {
            "CriterionType!": one_of("Audience", "Targets", *TYPES),
            f"{name}Id!": long,
            f"{name}CriterionIds": [long],
        },
    }


LEVELS = {"campaign": "Campaign", "group": "AdGroup"}


def add(call: Call, level: str) -> Document:
    items = wished(call, level)
    ids = call.each(items, lambda wish: make(call, level, wish), "BatchErrorCollection")
    return {f"{LEVELS[level]}CriterionIds": ids, "NestedPartialErrors": call.errors}


def wished(call: Call, level: str) -> list[Document]:
    items: list[Document] = call.body[f"{LEVELS[level]}Criterions"]
    if not 0 < len(items) <= MOST[level]:
        raise call.refusal("CampaignServiceArrayExceedsLimit", f"1 to {MOST[level]} criteria.")
    return items


def make(call: Call, level: str, wish: Document) -> str:
    place = locate(call, level, wish[f"{LEVELS[level]}Id"])
    criterion = wish.get("Criterion") or {}
    audience = call.store.get("audience", int(criterion.get("AudienceId", 0)))
    if audience is None:
        raise ItemError("InvalidAudienceId", "There is no such audience.")
    if criterion.get("AudienceType") not in (None, audience["type"]):
        raise ItemError("AudienceTypeMismatch", "The audience is of another type.")
    if level == "campaign" and wish.get("Status") not in (None, "Active"):
        raise ItemError("InvalidCampaignCriterionStatus", "A campaign's criterion is Active.")
    negative = wish["Type"].startswith("Negative")
    multiplier = None if negative else percent(level, wish)
    mine = [one for one in call.store.all("criterion") if one["campaign"] == place["campaign"]]
    check_levels(level, place, audience["id"], negative, mine)
    made = call.store.next_id("criterion", first=FIRST_ID)
    stored: Document = {
        "id": made,
        "level": level,
        **place,
        "audience": audience["id"],
        "kind": audience["type"],
        "multiplier": multiplier,
        "negative": negative,
        "status": wish.get("Status") or "Active",
    }
    call.store.put("criterion", made, stored)
    return str(made)


def check_levels(
    level: str, place: Document, audience: int, negative: bool, mine: list[Document]
) -> None:
    """One criterion per audience and object; positive ones on one level of a campaign only."""
    if not negative and any(not one["negative"] and one["level"] != level for one in mine):
        raise ItemError(
            "CampaignAlreadyHasAdGroupAudienceCriterion", "The other level has audience criteria."
        )
    same = [one for one in mine if one["level"] == level and one["group"] == place["group"]]
    if any(one["audience"] == audience for one in same):
        raise ItemError("DuplicateCampaignCriterion", "There is a criterion for this audience.")


def locate(call: Call, level: str, asked: str) -> Document:
    """Campaign and group of an object; raises ItemError for one that is not there."""
    found = call.store.get(level, int(asked))
    if found is None:
        kind = LEVELS[level]
        raise ItemError(f"CampaignServiceInvalid{kind}Id", f"There is no such {level}.")
    if level == "campaign":
        return {"campaign": found["id"], "group": None}
    return {"campaign": found["campaign"], "group": found["id"]}


def percent(level: str, wish: Document) -> float:
    value = (wish.get("CriterionBid") or {}).get("Multiplier")
    if value is None:
        missing = "BidMultiplierRequired"
        raise ItemError(missing if level == "campaign" else f"AdGroup{missing}", "Multiplier.")
    if not LOWEST <= value <= HIGHEST:
        raise ItemError("InvalidBidMultiplier", f"Multiplier is {LOWEST} to {HIGHEST}.")
    return float(value)


def find(call: Call, level: str, asked: str, owner: str) -> Document:
    """A criterion of an object; raises ItemError 4526, 4151."""
    found = call.store.get("criterion", int(asked))
    mine = found is not None and found["level"] == level and found[level] == int(owner)
    if found is None or not mine:
        raise ItemError(f"{LEVELS[level]}CriterionDoesNotExist", "There is no such criterion.")
    return found


def update(call: Call, level: str) -> Document:
    def work(wish: Document) -> None:
        found = find(call, level, wish.get("Id") or "0", wish[f"{LEVELS[level]}Id"])
        found["multiplier"] = percent(level, wish)
        call.store.put("criterion", found["id"], found)

    call.each(wished(call, level), work, "BatchErrorCollection")
    return {"NestedPartialErrors": call.errors}


def delete(call: Call, level: str) -> Document:
    name = LEVELS[level]

    def work(asked: str) -> None:
        found = find(call, level, asked, call.body[f"{name}Id"])
        call.store.drop("criterion", found["id"])

    call.each(call.body[f"{name}CriterionIds"], work)
    return {"PartialErrors": call.errors}


def read(call: Call, level: str) -> Document:
    name, kind = LEVELS[level], call.body["CriterionType"]
    if kind in ("Audience", "Targets"):
        raise call.refusal("CriterionTypeNotSupported", "Name one kind of audience.")
    asked, owner = call.body.get(f"{name}CriterionIds"), call.body[f"{name}Id"]
    try:
        locate(call, level, owner)
    except ItemError as error:
        raise call.refusal(error.name, error.message) from None
    if asked is None:
        mine = [one for one in call.store.all("criterion") if one["level"] == level]
        mine = [one for one in mine if one[level] == int(owner) and one["kind"] == kind]
        asked = [str(one["id"]) for one in mine]
    found = call.each(asked, lambda one: view(find(call, level, one, owner)))
    errors = {"PartialErrors": call.errors} if level == "campaign" else {}  # groups have none
    return {f"{name}Criterions": found, **errors}


def view(one: Document) -> Document:
    name = LEVELS[one["level"]]
    audience = {"AudienceId": str(one["audience"]), "AudienceType": one["kind"]}
    shown: Document = {
        "Type": f"{'Negative' if one['negative'] else 'Biddable'}{name}Criterion",
        "Id": str(one["id"]),
        f"{name}Id": str(one[one["level"]]),
        "Status": one["status"],
        "Criterion": {"Type": "AudienceCriterion", **audience},
    }
    if not one["negative"]:
        shown["CriterionBid"] = {"Type": "BidMultiplier", "Multiplier": one["multiplier"]}
    return shown


# Campaigns and ad groups

SETTINGS = [
    by_type(
        TargetSetting={
            "Details": [{"CriterionTypeGroup!": text, "TargetAndBid!": flag}],
        }
    )
]
CAMPAIGN_FORMS = {
    "by_account": {"AccountId!": long, "CampaignType": some_of(CAMPAIGN_TYPES)},
    "by_ids": {
        "AccountId!": long,
        "CampaignIds!": [long],
        "CampaignType": some_of(CAMPAIGN_TYPES),
    },
    "update": {"AccountId!": long, "Campaigns!": [{"Id!": long, "Settings": SETTINGS}]},
}
GROUP_FORMS = {
    "by_campaign": {"CampaignId!": long},
    "by_ids": {"CampaignId!": long, "AdGroupIds!": [long]},
    "update": {"CampaignId!": long, "AdGroups!": [{"Id!": long, "Settings": SETTINGS}]},
}


def campaigns_by_account(call: Call) -> Document:
    asked = (call.body.get("CampaignType") or "Search").split(", ")
    mine = [one for one in call.store.all("campaign") if one["kind"] in asked]
    return {"Campaigns": [object_view(one) for one in mine]}


def campaigns_by_ids(call: Call) -> Document:
    asked = call.body["CampaignIds"]
    if not 0 < len(asked) <= MAX_CAMPAIGNS:
        raise call.refusal("CampaignServiceArrayExceedsLimit", "1 to 100 campaigns.")
    found = call.each(asked, lambda one: object_view(get(call, "campaign", one)))
    return {"Campaigns": found, "PartialErrors": call.errors}


def groups_by_campaign(call: Call) -> Document:
    owner = int(call.body["CampaignId"])
    mine = [one for one in call.store.all("group") if one["campaign"] == owner]
    return {"AdGroups": [object_view(one) for one in mine]}


def groups_by_ids(call: Call) -> Document:
    asked = call.body["AdGroupIds"]
    if not 0 < len(asked) <= MAX_GROUPS:
        raise call.refusal("CampaignServiceArrayExceedsLimit", "1 to 1000 ad groups.")
    owner = int(call.body["CampaignId"])
    found = call.each(asked, lambda one: object_view(get(call, "group", one, owner)))
    return {"AdGroups": found, "PartialErrors": call.errors}


def get(call: Call, level: str, asked: str, campaign: int | None = None) -> Document:
    found = call.store.get(level, int(asked))
    if found is None or (campaign is not None and found["campaign"] != campaign):
        raise ItemError(f"CampaignServiceInvalid{LEVELS[level]}Id", f"There is no such {level}.")
    return found


def object_view(one: Document) -> Document:
    """Of the target settings only those that target and bid are told."""
    details = [
        {"CriterionTypeGroup": group, "TargetAndBid": True} for group in one["target_and_bid"]
    ]
    shown: Document = {
        "Id": str(one["id"]),
        "Name": one["name"],
        "Status": "Active",
        "BiddingScheme": {"Type": one["scheme"]},
        "Settings": [{"Type": "TargetSetting", "Details": details}] if details else [],
    }
    return {**shown, "CampaignType": one["kind"]} if "kind" in one else shown


def change_objects(call: Call, level: str) -> Document:
    """Settings are replaced as a whole; what is null stays."""
    owner = int(call.body["CampaignId"]) if level == "group" else None

    def work(wish: Document) -> None:
        found = get(call, level, wish["Id"], owner)
        if wish.get("Settings") is not None:
            details = [d for s in wish["Settings"] for d in s.get("Details") or []]
            named = [d["CriterionTypeGroup"] for d in details if d["TargetAndBid"]]
            found["target_and_bid"] = named
            call.store.put(level, found["id"], found)

    call.each(call.body[f"{LEVELS[level]}s"], work)
    return {"PartialErrors": call.errors}


# What is there from the start, and the control door


def seed(world: World) -> None:
    """Three campaigns with a group each, and what somebody set by hand and nobody may touch."""
    store = world.store(NAME)
    for campaign, group, scheme, name in (
        (PLAIN, PLAIN_GROUP, "EnhancedCpc", "Search"),
        (AUTOMATIC, AUTOMATIC_GROUP, "TargetRoasBiddingScheme", "Search, automatic"),
        (NARROW, NARROW_GROUP, "EnhancedCpc", "Only for lists"),
    ):
        narrow = ["Audience"] if campaign == NARROW else []
        body = {"name": name, "scheme": scheme, "target_and_bid": narrow, "account": ACCOUNT}
        store.put("campaign", campaign, {**body, "id": campaign, "kind": "Search"})
        inner = {**body, "name": f"Group {group}", "scheme": "InheritFromParent"}
        store.put("group", group, {**inner, "id": group, "campaign": campaign})
    for number_, level, campaign, owner, audience, kind, value in (
        (FOREIGN_ON_CAMPAIGN, "campaign", PLAIN, None, FOREIGN_LIST, "CustomerList", 10.0),
        (
            FOREIGN_ON_GROUP,
            "group",
            AUTOMATIC,
            AUTOMATIC_GROUP,
            FOREIGN_LIST,
            "CustomerList",
            -20.0,
        ),
        (
            *(FOREIGN_VISITORS_ON_CAMPAIGN, "campaign", PLAIN, None),
            *(FOREIGN_VISITORS, "RemarketingList", 15.0),
        ),
    ):
        place = {"id": number_, "level": level, "campaign": campaign, "group": owner}
        what = {"audience": audience, "kind": kind, "multiplier": value}
        store.put("criterion", number_, {**place, **what, "negative": False, "status": "Active"})


def bids(world: World) -> list[View]:
    return world.store(NAME).all("criterion")


def operations() -> dict[tuple[str, str], tuple[Any, Any]]:
    found: dict[tuple[str, str], tuple[Any, Any]] = {
        ("POST", "Campaigns/QueryByAccountId"): (
            CAMPAIGN_FORMS["by_account"],
            campaigns_by_account,
        ),
        ("POST", "Campaigns/QueryByIds"): (CAMPAIGN_FORMS["by_ids"], campaigns_by_ids),
        ("PUT", "Campaigns"): (
            CAMPAIGN_FORMS["update"],
            lambda call: change_objects(call, "campaign"),
        ),
        ("POST", "AdGroups/QueryByCampaignId"): (GROUP_FORMS["by_campaign"], groups_by_campaign),
        ("POST", "AdGroups/QueryByIds"): (GROUP_FORMS["by_ids"], groups_by_ids),
        ("PUT", "AdGroups"): (GROUP_FORMS["update"], lambda call: change_objects(call, "group")),
    }
    for level, name in LEVELS.items():
        forms, path = forms_of(name), f"{name}Criterions"
        found |= {
            ("POST", path): (forms["write"], lambda call, level=level: add(call, level)),
            ("PUT", path): (forms["write"], lambda call, level=level: update(call, level)),
            ("DELETE", path): (forms["delete"], lambda call, level=level: delete(call, level)),
            ("POST", f"{path}/QueryByIds"): (
                forms["read"],
                lambda call, level=level: read(call, level),
            ),
        }
    return found


OPERATIONS = operations()
