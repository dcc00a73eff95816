"""Ad plans and ad groups of the played VK Ads: prices, budgets, and what they target.

There is no bid modifier: a group has a price and budgets, absolute, and targets segments.
"""

from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.sandbox import vk_segments as segments
from connectors.sandbox.frame import Refused, View
from connectors.sandbox.store import Document
from connectors.sandbox.vk_call import NAME, Call, invalid, refusal, text_of
from connectors.sandbox.world import LOGIN, World

PLAN, GOALS_PLAN = 400_001, 400_002
GROUP, GOALS_GROUP, FOREIGN_GROUP = 500_101, 500_102, 500_100
MOST_PRICE = Decimal(21_474_836)
MOST_BUDGET = Decimal(21_474_836_000)  # UNVERIFIED
MOST_AT_ONCE = 200
STEPS = {"RUB": Decimal("1.00"), "USD": Decimal("0.01")}
"""budget_limit_step; the account's currency is the first. UNVERIFIED: shape and figures."""
CENT = Decimal("0.01")
STATUSES = ("active", "blocked", "deleted")
MONEY = ("max_price", "budget_limit", "budget_limit_day")
MASS_FIELDS = ("id", "status", "targetings", *MONEY, "date_start", "date_end")
FIELDS = (*MASS_FIELDS[1:], "name", "autobidding_mode", "price")
DEFAULT_FIELDS = ("id", "name", "package_id")


def seed(world: World) -> None:
    store = world.store(NAME)
    for number, name in ((PLAN, "Shop"), (GOALS_PLAN, "Goals")):
        store.put("plan", number, {"id": number, "owner": LOGIN, "name": name, "status": "active"})
    for number, name, mode, price, day, targets in (
        (FOREIGN_GROUP, "made by hand", "second_price", "90.00", "700.00",
         [segments.FOREIGN_SEGMENT]),
        (GROUP, "Bids by hand", "second_price", "150.00", "1000.00", []),
        (GOALS_GROUP, "Most goals for the budget", "max_goals", "0.00", "5000.00", []),
    ):  # fmt: skip
        store.put(
            "group",
            number,
            {
                "id": number,
                "owner": LOGIN,
                "name": name,
                "ad_plan_id": GOALS_PLAN if number == GOALS_GROUP else PLAN,
                "status": "active",
                "delivery": "delivering",
                "issues": [],
                "autobidding_mode": mode,
                "max_price": price,
                "price": "0.00",
                "budget_limit": None,
                "budget_limit_day": day,
                "segments": targets,
                "package_id": 3127,
                "objective": "site_conversions",
                "priced_goal": None,
                "neutral": price if mode == "second_price" else day,
                "last_updated": text_of(world.now()),
            },
        )


def push(group: Document) -> int:
    """The present price or budget against that of the start, in per cent."""
    lever = "max_price" if group["autobidding_mode"] == "second_price" else "budget_limit_day"
    return int(100 * Decimal(group[lever] or 0) / Decimal(group["neutral"]))


def shown(group: Document) -> View:
    inner = ("owner", "segments", "neutral")
    kept = {k: v for k, v in group.items() if k not in inner}
    return {**kept, "targetings": {"segments": group["segments"]}}


def find(call: Call) -> View:
    """Only `id`, `name` and `package_id` unless `fields` names more."""
    query = call.request.query_params
    wanted = call.ids("_id__in") if "_id__in" in query else call.ids("_id")
    inside = call.ids("_ad_plan_id__in")
    found = [
        shown(one)
        for one in call.mine("group")
        if (wanted is None or one["id"] in wanted)
        and (inside is None or one["ad_plan_id"] in inside)
        and query.get("_status", one["status"]) == one["status"]
        and one["last_updated"] > query.get("_last_updated__gt", "")
    ]
    if "fields" not in query:
        found = [{k: one[k] for k in DEFAULT_FIELDS} for one in found]
    return call.page(found)


def plans(call: Call) -> View:
    keep = ("id", "name", "status")
    return call.page({k: one[k] for k in keep} for one in call.mine("plan"))


def currencies() -> View:
    return {"items": [{"name": k, "budget_limit_step": str(v)} for k, v in STEPS.items()]}


def update(call: Call, number: int, body: Document) -> None:
    group = call.own("group", number, "AdGroup")
    if group["status"] == "deleted":
        raise refusal(400, "ad_group_deleted", "the ad group is deleted")
    call.store.put("group", number, changed(call, group, body, FIELDS))


def update_many(call: Call, items: Any) -> None:
    """All or nothing: a fault anywhere undoes the transaction."""
    if not isinstance(items, list) or not items:
        raise refusal(400, "validation_failed", "an array is expected")
    if len(items) > MOST_AT_ONCE:
        raise refusal(400, "limit_exceeded", f"at most {MOST_AT_ONCE} ad groups at once")
    mine = {one["id"]: one for one in call.mine("group")}
    unknown = [one.get("id") for one in items if one.get("id") not in mine]
    if unknown:
        raise refusal(400, "unknown_ad_groups", f"unknown ad groups: {unknown}")
    for item in items:
        group = mine[item["id"]]
        if group["status"] == "deleted":
            raise refusal(400, "ad_group_deleted", "an ad group is deleted")
        call.store.put("group", item["id"], changed(call, group, item, MASS_FIELDS))


def changed(call: Call, group: Document, body: Document, known: tuple[str, ...]) -> Document:
    """The group with these fields; raises Refused."""
    unknown = [name for name in body if name not in known]
    if unknown:
        raise invalid(**dict.fromkeys(unknown, "unknown_field"))
    new = {**group, **{k: v for k, v in body.items() if k not in ("targetings", *MONEY)}}
    if new["status"] not in STATUSES:
        raise invalid(status="unallowed_value")
    for name in MONEY:
        if name in body:
            new[name] = money(name, body[name])
    if "targetings" in body:
        new["segments"] = targets(call, body["targetings"])
        new["issues"], new["delivery"] = [], "delivering"
        if any(segments.has_failed(call.store, one) for one in new["segments"]):
            new["issues"], new["delivery"] = [segments.issue("LAL_FAILED")], "not_delivering"
    new["last_updated"] = text_of(call.now)
    return new


def money(name: str, value: Any) -> str | None:
    if value is None and name != "max_price":
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise invalid(**{name: "invalid_value"}) from None
    most = MOST_PRICE if name == "max_price" else MOST_BUDGET
    step = CENT if name == "max_price" else next(iter(STEPS.values()))
    if not amount.is_finite() or amount > most:
        raise over(name, most)
    if amount < 0:
        raise invalid(**{name: "min_value"})
    if amount % step:
        raise invalid(**{name: "step"})
    return str(amount.quantize(CENT))


def over(name: str, most: Decimal) -> Refused:
    fault = {"code": "max_value", "message": "too large", "max_value": int(most)}
    return refusal(400, "validation_failed", fields={name: fault})


def targets(call: Call, targetings: Any) -> list[int]:
    wanted = targetings.get("segments", []) if isinstance(targetings, dict) else None
    own = {one["id"] for one in call.mine("segment")}
    if not isinstance(wanted, list) or not set(wanted) <= own:
        raise invalid(targetings="unknown_source")
    return [int(one) for one in wanted]


def bids(world: World) -> list[View]:
    """Groups for the control door."""
    return [shown(one) for one in world.store(NAME).all("group")]
