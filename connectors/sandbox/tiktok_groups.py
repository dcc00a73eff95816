"""Ad groups of the played TikTok: who they are shown to and what they bid.

There is no correction for an audience here: a segment has an ad group of its own, with its own bid.
"""

from typing import Any

from connectors.sandbox.frame import View
from connectors.sandbox.store import Document
from connectors.sandbox.tiktok_audiences import FOREIGN_LIST, own
from connectors.sandbox.tiktok_call import (
    BAD_PARAMETER,
    NAME,
    NOT_FOUND,
    NOTHING_TO_UPDATE,
    PARTLY,
    Call,
    CallError,
    is_id,
    texts_in,
)
from connectors.sandbox.world import World

CLICKS, CONVERSIONS, TOGETHER = 178_000_001, 178_000_002, 178_000_003
CAMPAIGNS = {CLICKS: "Clicks", CONVERSIONS: "Conversions", TOGETHER: "One budget for all"}
"""Bids per click, target cost per conversion, a budget of the campaign."""
EVERYBODY, SEGMENT, FOREIGN = 179_000_001, 179_000_002, 179_000_003
TARGET_EVERYBODY, TARGET_SEGMENT = 179_000_004, 179_000_005
AUTOMATIC, SHARED_EVERYBODY, SHARED_SEGMENT = 179_000_006, 179_000_007, 179_000_008

MAX_GROUPS = 1000
MAX_IDS = 100
BILLED = ("CPC", "CPM", "CPV")
"""Billing events with `bid_price`; OCPM has `conversion_bid_price`."""
BID_TYPES = ("BID_TYPE_CUSTOM", "BID_TYPE_NO_BID")
BID_FIELDS = ("bid_price", "conversion_bid_price")
ROAS = (0.01, 1000.0)
LISTS = ("audience_ids", "excluded_audience_ids")
CHANGEABLE = ("adgroup_name", "bid_type", "budget", "roas_bid", *BID_FIELDS, *LISTS)
FILTERS = ("adgroup_ids", "campaign_ids")
REGION = "6252001"

# UNVERIFIED choices
MIN_BUDGET = 20.0
MAX_AUDIENCES = 50


def group_of(call: Call, text: str) -> Document:
    found = call.store.get("group", int(text)) if is_id(text) else None
    if found is None or found["advertiser_id"] != call.advertiser:
        raise CallError(NOT_FOUND, "There is no such ad group.")
    return found


def shown(found: Document) -> View:
    return {name: value for name, value in found.items() if name != "first_bid"}


def get(call: Call) -> Document:
    filtering = call.structure("filtering") or {}
    if not isinstance(filtering, dict) or not set(filtering) <= set(FILTERS):
        raise CallError(BAD_PARAMETER, "filtering: not a known filter")
    wanted = {
        name.removesuffix("s"): texts_in(value, name, 1, MAX_IDS)
        for name, value in filtering.items()
    }
    fields = call.texts("fields", 1, 200, needed=False)
    found = [
        {name: value for name, value in shown(one).items() if not fields or name in fields}
        for one in call.store.all("group")
        if one["advertiser_id"] == call.advertiser
        and all(one[name] in values for name, values in wanted.items())
    ]
    return call.page(found, MAX_GROUPS)


def update(call: Call) -> Document:
    found = group_of(call, call.text("adgroup_id"))
    given = {k: v for k, v in call.given.items() if k not in ("advertiser_id", "adgroup_id")}
    unknown = set(given) - set(CHANGEABLE)
    if unknown:
        raise CallError(BAD_PARAMETER, f"{min(unknown)}: cannot be changed")
    for name in LISTS:
        for one in texts_in(given.get(name, []), name, 0, MAX_AUDIENCES):
            own(call, one)
    if found["campaign_budget"]:
        given.pop("budget", None)
    wanted = {**found, **given}
    check_bid(wanted, given)
    check_budget(wanted)
    if wanted == found:
        raise CallError(NOTHING_TO_UPDATE, "There is nothing to update.")
    call.store.put("group", int(found["adgroup_id"]), wanted)
    return {"adgroup_id": found["adgroup_id"]}


def check_bid(wanted: Document, given: Document) -> None:
    """The bid that fits the billing event, and no other."""
    if wanted["bid_type"] not in BID_TYPES:
        raise CallError(BAD_PARAMETER, "bid_type: not a known value")
    fitting = bid_field(wanted)
    for name in BID_FIELDS:
        if name in given and name != fitting:
            raise CallError(BAD_PARAMETER, f"{name} does not fit {wanted['billing_event']}")
        if name in given and not positive(given[name]):
            raise CallError(BAD_PARAMETER, f"{name}: a positive number is needed")
    if wanted["bid_type"] == "BID_TYPE_NO_BID":
        if fitting in given:
            raise CallError(BAD_PARAMETER, "BID_TYPE_NO_BID takes no bid")
        wanted[fitting] = 0.0
    elif not wanted[fitting]:
        raise CallError(BAD_PARAMETER, f"BID_TYPE_CUSTOM needs {fitting}")
    roas = given.get("roas_bid", ROAS[0])
    if not positive(roas) or not ROAS[0] <= roas <= ROAS[1]:
        raise CallError(BAD_PARAMETER, f"roas_bid: {ROAS[0]} to {ROAS[1]:g}")


def check_budget(wanted: Document) -> None:
    """A bid is below the budget, unless the campaign holds it."""
    if wanted["campaign_budget"]:
        return
    if not positive(wanted["budget"]) or wanted["budget"] < MIN_BUDGET:
        raise CallError(BAD_PARAMETER, f"budget: at least {MIN_BUDGET:g}")
    if max(wanted[name] for name in BID_FIELDS) >= wanted["budget"]:
        raise CallError(BAD_PARAMETER, "The bid must be below the budget.")


def bid_field(found: Document) -> str:
    return BID_FIELDS[0] if found["billing_event"] in BILLED else BID_FIELDS[1]


def positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def update_budgets(call: Call) -> tuple[int, Document]:
    """Many budgets at once; what cannot be changed is named, the rest is done."""
    items = call.structure("budget")
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_IDS:
        raise CallError(BAD_PARAMETER, f"budget: 1 to {MAX_IDS} items")
    failed = []
    for item in items:
        if not isinstance(item, dict) or set(item) != {"adgroup_id", "budget"}:
            raise CallError(BAD_PARAMETER, "budget: items of adgroup_id and budget")
        try:
            found = group_of(call, str(item["adgroup_id"]))
            wanted = {**found, "budget": item["budget"]}
            check_budget(wanted)
            call.store.put("group", int(found["adgroup_id"]), wanted)
        except CallError as fault:
            failed.append({"adgroup_id": item["adgroup_id"], "error_message": str(fault)})
    return PARTLY if failed else 0, {"failed": failed}


def apply(call: Call) -> Document:
    """Put an audience into ad groups, or take it out."""
    groups = [group_of(call, one) for one in call.texts("adgroup_ids", 1, MAX_IDS)]
    audience = own(call, call.text("custom_audience_id"))["audience_id"]
    mode = call.choice("action_mode", ("Apply", "Disconnect"))
    usage = call.choice("usage_mode", ("Include", "Exclude"))
    name = "audience_ids" if usage == "Include" else "excluded_audience_ids"
    for found in groups:
        left = [one for one in found[name] if one != audience]
        found[name] = [*left, audience] if mode == "Apply" else left
        call.store.put("group", int(found["adgroup_id"]), found)
    return {}


def seed(world: World, advertiser: str) -> None:
    """Campaigns with an ad group for everybody, one for a segment, and what others set by hand."""
    store = world.store(NAME)
    if store.get("group", EVERYBODY) is not None:
        return

    def put(number: int, campaign: int, name: str, bid: float, **more: Any) -> None:
        body = {
            "adgroup_id": str(number),
            "adgroup_name": name,
            "campaign_id": str(campaign),
            "campaign_name": CAMPAIGNS[campaign],
            "advertiser_id": advertiser,
            "billing_event": "CPC",
            "optimization_goal": "CLICK",
            "bid_type": "BID_TYPE_CUSTOM",
            "bid_price": bid,
            "conversion_bid_price": 0.0,
            "roas_bid": 0.0,
            "budget": 200.0,
            "budget_mode": "BUDGET_MODE_DAY",
            "campaign_budget": False,
            "audience_ids": [],
            "excluded_audience_ids": [],
            "location_ids": [REGION],
            "first_bid": bid,
            **more,
        }
        store.put("group", number, body)

    foreign = [str(FOREIGN_LIST)]
    put(EVERYBODY, CLICKS, "everybody else", 1.0, excluded_audience_ids=foreign)
    put(SEGMENT, CLICKS, "for a segment", 1.0)
    put(FOREIGN, CLICKS, "made by hand", 1.5, audience_ids=foreign)
    target = {"billing_event": "OCPM", "optimization_goal": "CONVERT", "bid_price": 0.0}
    for number, name in ((TARGET_EVERYBODY, "everybody else"), (TARGET_SEGMENT, "for a segment")):
        put(number, CONVERSIONS, name, 20.0, **target, conversion_bid_price=20.0)
    free = {"bid_type": "BID_TYPE_NO_BID", "bid_price": 0.0}
    put(AUTOMATIC, CONVERSIONS, "no bid", 1.0, **{**target, **free})
    for number, name in ((SHARED_EVERYBODY, "everybody else"), (SHARED_SEGMENT, "for a segment")):
        shared = {"campaign_budget": True, "budget": 0.0, "budget_mode": "BUDGET_MODE_INFINITE"}
        put(number, TOGETHER, name, 0.3, **shared)


def bids(world: World) -> list[View]:
    names = ("adgroup_id", "campaign_id", "adgroup_name", "bid_type", *BID_FIELDS, "audience_ids")
    return [{name: one[name] for name in names} for one in world.store(NAME).all("group")]
