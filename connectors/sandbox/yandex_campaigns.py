"""What the played Direct account holds from the start, and the services that look it up."""

from typing import Any

from connectors.sandbox import yandex_segments
from connectors.sandbox.store import Document
from connectors.sandbox.world import LOGIN, World
from connectors.sandbox.yandex_call import NAME, Call, CallError, ids, names_of, only, required
from connectors.sandbox.yandex_targets import BID_INCREMENT, MAXIMUM_BID, MINIMUM_BID

TEXT, UNIFIED = 710_427_315, 710_427_316
TEXT_GROUP, UNIFIED_GROUP = 500_001, 500_002
FOREIGN_LIST = 40_000_001
FOREIGN_DEMOGRAPHIC, FOREIGN_RETARGETING = 10_000_001, 10_000_002
GOAL = 123_456
MAX_CAMPAIGN_IDS = 10
"""Of adgroups.get (UNVERIFIED)."""
TYPES = (
    "TEXT_CAMPAIGN",
    "MOBILE_APP_CAMPAIGN",
    "DYNAMIC_TEXT_CAMPAIGN",
    "CPM_BANNER_CAMPAIGN",
    "SMART_CAMPAIGN",
    "UNIFIED_CAMPAIGN",
)
CAMPAIGN_FIELDS = ("Id", "Name", "Type", "State", "Status", "Currency")
GROUP_FIELDS = ("Id", "CampaignId", "Name", "Status", "Type", "ServingStatus")
STRATEGY_MEMBER = {"TEXT_CAMPAIGN": "TextCampaign", "UNIFIED_CAMPAIGN": "UnifiedCampaign"}


def seed(world: World) -> None:
    """Two campaigns, a group in each, and what somebody set by hand and nobody may touch."""
    store = world.store(NAME)
    if store.get("campaign", TEXT) is not None:
        return
    common = {"State": "ON", "Status": "ACCEPTED", "Currency": "RUB", "login": LOGIN}
    # The inner form of BiddingStrategy is UNVERIFIED beyond the strategies' names.
    text: Document = {
        "Id": TEXT,
        "Name": "Search, manual bids",
        "Type": "TEXT_CAMPAIGN",
        "manual": True,
        "strategy": "HIGHEST_POSITION",
        "BiddingStrategy": {
            "Search": {"BiddingStrategyType": "HIGHEST_POSITION"},
            "Network": {"BiddingStrategyType": "SERVING_OFF"},
        },
    }
    unified: Document = {
        "Id": UNIFIED,
        "Name": "Unified, conversions",
        "Type": "UNIFIED_CAMPAIGN",
        "manual": False,
        "strategy": "AVERAGE_CPA",
        "BiddingStrategy": {
            "Search": {
                "BiddingStrategyType": "AVERAGE_CPA",
                "AverageCpa": {"AverageCpa": 500_000_000, "GoalId": GOAL},
            },
            "Network": {
                "BiddingStrategyType": "WB_MAXIMUM_CONVERSION_RATE",
                "WbMaximumConversionRate": {
                    "WeeklySpendLimit": 30_000_000_000,
                    "GoalId": GOAL,
                },
            },
        },
    }
    store.put("campaign", TEXT, {**common, **text})
    store.put("campaign", UNIFIED, {**common, **unified})
    for number, campaign, kind in (
        (TEXT_GROUP, TEXT, "TEXT_AD_GROUP"),
        (UNIFIED_GROUP, UNIFIED, "UNIFIED_AD_GROUP"),
    ):
        group = {"Id": number, "CampaignId": campaign, "Name": f"Group {number}", "Type": kind}
        state = {"Status": "ACCEPTED", "ServingStatus": "ELIGIBLE", "login": LOGIN}
        store.put("group", number, {**group, **state})
    seed_foreign(world)


def seed_foreign(world: World) -> None:
    store = world.store(NAME)
    argument = {"ExternalId": yandex_segments.FOREIGN_SEGMENT}
    store.put(
        "list",
        FOREIGN_LIST,
        {
            "Id": FOREIGN_LIST,
            "Type": "RETARGETING",
            "Name": "made by hand",
            "Description": "",
            "Rules": [{"Operator": "ALL", "Arguments": [argument]}],
            "login": LOGIN,
        },
    )
    for number, kind, adjustment in (
        (
            FOREIGN_DEMOGRAPHIC,
            "DEMOGRAPHICS_ADJUSTMENT",
            {"Gender": "GENDER_FEMALE", "Age": "AGE_25_34", "BidModifier": 120},
        ),
        (
            FOREIGN_RETARGETING,
            "RETARGETING_ADJUSTMENT",
            {"RetargetingConditionId": FOREIGN_LIST, "BidModifier": 110},
        ),
    ):
        place = {"Id": number, "CampaignId": TEXT, "Level": "CAMPAIGN", "Type": kind}
        store.put("modifier", number, {**place, "adjustment": adjustment, "login": LOGIN})


def get_campaigns(call: Call) -> Document:
    members = [f"{name}FieldNames" for name in STRATEGY_MEMBER.values()]
    call.allow("SelectionCriteria", "FieldNames", "Page", *members)
    lists = ("Types", "States", "Statuses", "StatusesPayment")
    criteria = call.criteria("Ids", *lists)
    fields = call.fields(CAMPAIGN_FIELDS)
    inner = {
        kind: call.fields(("BiddingStrategy",), f"{name}FieldNames")
        for kind, name in STRATEGY_MEMBER.items()
    }
    types = names_of(criteria.get("Types", list(TYPES)), TYPES, "Types")
    found = [
        campaign
        for campaign in call.store.all("campaign")
        if campaign["Type"] in types
        and ("Ids" not in criteria or campaign["Id"] in ids(criteria["Ids"], "Ids"))
        and ("States" not in criteria or campaign["State"] in criteria["States"])
        and ("Statuses" not in criteria or campaign["Status"] in criteria["Statuses"])
    ]
    shown = [campaign_view(call, one, fields, inner) for one in call.page(found)]
    return call.got("Campaigns", shown, keep_empty=True)


def campaign_view(
    call: Call, campaign: Document, fields: list[str], inner: dict[str, list[str]]
) -> Document:
    """Over v5 a unified campaign is of UNKNOWN type and shows no strategy."""
    kind = campaign["Type"]
    if kind == "UNIFIED_CAMPAIGN" and call.version == "v5":
        return only({**campaign, "Type": "UNKNOWN"}, fields)
    shown = only(campaign, fields)
    if inner[kind]:
        shown[STRATEGY_MEMBER[kind]] = only(campaign, inner[kind])
    return shown


def get_groups(call: Call) -> Document:
    call.allow("SelectionCriteria", "FieldNames", "Page")
    criteria = call.criteria("CampaignIds", "Ids")
    wanted = {name: ids(values, name) for name, values in criteria.items()}
    if not any(wanted.values()):
        raise CallError(4001, "One of CampaignIds, Ids is needed")
    if len(wanted.get("CampaignIds", [])) > MAX_CAMPAIGN_IDS:
        raise CallError(4001, f"At most {MAX_CAMPAIGN_IDS} elements in CampaignIds")
    fields = call.fields(GROUP_FIELDS)
    found = [
        group
        for group in call.store.all("group")
        if all(group[name.removesuffix("s")] in values for name, values in wanted.items())
    ]
    shown = [only(group, fields) for group in call.page(found)]
    return call.got("AdGroups", shown, keep_empty=True)


def get_dictionaries(call: Call) -> Document:
    call.allow("DictionaryNames")
    asked = names_of(
        required(call.params, "DictionaryNames", "params"),
        ("Currencies", "GeoRegions"),
        "DictionaryNames",
    )
    properties = {
        "MinimumBid": MINIMUM_BID,
        "MaximumBid": MAXIMUM_BID,
        "BidIncrement": BID_INCREMENT,
    }
    known: Document = {
        "Currencies": [
            {
                "Currency": "RUB",
                "Properties": [{"Name": k, "Value": str(v)} for k, v in properties.items()],
            }
        ],
        "GeoRegions": [
            {"GeoRegionId": 225, "GeoRegionName": "Russia", "GeoRegionType": "Country"},
            {"GeoRegionId": 213, "GeoRegionName": "Moscow", "GeoRegionType": "City"},
        ],
    }
    return only(known, asked)


CAMPAIGN_METHODS: dict[str, Any] = {"get": get_campaigns}
GROUP_METHODS: dict[str, Any] = {"get": get_groups}
DICTIONARY_METHODS: dict[str, Any] = {"get": get_dictionaries}
