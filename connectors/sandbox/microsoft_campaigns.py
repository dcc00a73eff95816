"""Campaigns and ad groups of the played Microsoft: found by id or owner, their target settings.

A level is named campaign or group; `LEVELS` holds what the service calls it.
"""

from connectors.sandbox.microsoft_call import Call, ItemError, by_type, flag, long, some_of, text
from connectors.sandbox.store import Document

MAX_CAMPAIGNS = 100
MAX_GROUPS = 1_000

CAMPAIGN_TYPES = (
    *("Search", "Shopping", "DynamicSearchAds", "Audience", "Hotel", "PerformanceMax", "App"),
    "ObjectiveBased",
)

LEVELS = {"campaign": "Campaign", "group": "AdGroup"}


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
