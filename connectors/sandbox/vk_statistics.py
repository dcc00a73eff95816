"""Statistics of the played VK Ads, v2 and v3: money as texts in the account's currency."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.sandbox import vk_groups as groups
from connectors.sandbox.frame import Refused, View
from connectors.sandbox.store import Document
from connectors.sandbox.vk_call import Call
from connectors.sandbox.yandex_figures import Figures, figures

MOST_OBJECTS, MOST_DAYS, MOST_PER_PAGE = 200, 366, 250
KINDS = {
    "banners": "ERR_WRONG_BANNERS",
    "ad_groups": "ERR_WRONG_ADGROUPS",
    "ad_plans": "ERR_WRONG_ADPLANS",
    "users": "ERR_WRONG_USERS",
}
METRICS = (
    "base", "events", "uniques", "uniques_video", "video", "carousel", "tps", "playable", "romi",
    "ad_offers", "social_network", "custom_event", "all",
)  # fmt: skip
MICROS = 1_000_000
CENT = Decimal("0.01")
ATTRIBUTIONS = ("conversion", "impression")


def wrong(code: str, status: int = 400) -> Refused:
    return Refused(status, {"error": {"code": code, "message": code}})


def v2(call: Call, kind: str, period: str) -> View:
    query = call.request.query_params
    if kind not in KINDS or period not in ("day", "summary"):
        raise wrong("ERR_WRONG_RESOURCE", 404)
    metrics = query.get("metrics", "base").split(",")
    if (
        not set(metrics) <= set(METRICS)
        or query.get("attribution", "conversion") not in ATTRIBUTIONS
    ):
        raise wrong("ERR_WRONG_PARAMETER")
    ids = numbers(query.get("id"), kind)
    days = days_of(query.get("date_from"), query.get("date_to")) if period == "day" else month(call)
    items = [item(one, groups_of(call, kind, one), days, metrics, period) for one in ids]
    return {"items": items, "total": totals([one["total"] for one in items], metrics)}


def v3(call: Call, kind: str) -> View:
    query = call.request.query_params
    if kind not in KINDS:
        raise wrong("ERR_WRONG_RESOURCE", 404)
    if "date_from" not in query:
        raise wrong("ERR_WRONG_DATE")
    limit, offset = query.get("limit", "20"), query.get("offset", "0")
    if not (limit.isdigit() and offset.isdigit() and 1 <= int(limit) <= MOST_PER_PAGE):
        raise wrong("ERR_LIMIT_EXCEEDED")
    today = text_day(call)
    days = days_of(query["date_from"], query.get("date_to", today))
    metrics = query.get("fields", "base").split(",")
    if "id" in query:
        ids = numbers(query["id"], kind)
    else:
        ids = [
            one["id"]
            for one in call.mine({"ad_groups": "group", "ad_plans": "plan"}.get(kind, kind))
        ]
    page = ids[int(offset) : int(offset) + int(limit)]
    items = [
        {**item(one, groups_of(call, kind, one), days, metrics, "day"), "user_id": 1}
        for one in page
    ]
    return {"items": items, "count": len(ids), "limit": int(limit), "offset": int(offset)}


def numbers(text: str | None, kind: str) -> list[int]:
    parts = (text or "").split(",")
    if not all(part.isdigit() for part in parts):
        raise wrong(KINDS[kind])
    if len(parts) > MOST_OBJECTS:
        raise wrong("ERR_LIMIT_EXCEEDED")
    return [int(part) for part in parts]


def days_of(first: str | None, last: str | None) -> list[date]:
    try:
        start, end = date.fromisoformat(first or ""), date.fromisoformat(last or "")
    except ValueError:
        raise wrong("ERR_WRONG_DATE") from None
    if end < start:
        raise wrong("ERR_WRONG_DATE")
    if (end - start).days >= MOST_DAYS:
        raise wrong("ERR_LIMIT_EXCEEDED")
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


def text_day(call: Call) -> str:
    return datetime.fromtimestamp(call.now, UTC).date().isoformat()


def month(call: Call) -> list[date]:
    """A summary ignores dates; thirty days stand for all time."""
    today = date.fromisoformat(text_day(call))
    return [today - timedelta(days=n) for n in range(30)]


def groups_of(call: Call, kind: str, number: int) -> list[Document]:
    mine = call.mine("group")
    if kind == "ad_groups":
        found = [one for one in mine if one["id"] == number]
    elif kind == "ad_plans":
        found = [one for one in mine if one["ad_plan_id"] == number]
    else:
        found = []
    if not found:
        raise wrong(KINDS[kind])
    return found


def item(
    number: int, of: list[Document], days: Iterable[date], metrics: list[str], period: str
) -> View:
    rows: list[View] = []
    for day in days:
        sums = Figures()
        for group in of:
            sums += figures(day, {"Id": group["id"]}, None, groups.push(group))
        rows.append({"date": day.isoformat(), **measures(sums, metrics)})
    total = totals(rows, metrics)
    return {"id": number, **({"rows": rows} if period == "day" else {}), "total": total}


def measures(sums: Figures, metrics: list[str]) -> View:
    spent = (Decimal(sums.cost) / MICROS).quantize(CENT)
    worth = (Decimal(sums.revenue or 0) / MICROS).quantize(CENT)
    return wanted(
        {
            "base": base(sums.impressions, sums.clicks, sums.conversions or 0, spent),
            "romi": romi(spent, worth),
        },
        metrics,
    )


def base(shows: int, clicks: int, goals: int, spent: Decimal) -> View:
    each = {"cpm": (1000, shows), "cpc": (1, clicks), "cpa": (1, goals)}
    prices = {k: str((spent * f / n).quantize(CENT)) if n else "0" for k, (f, n) in each.items()}
    rate = round(100 * goals / clicks, 2) if clicks else 0
    return {
        "shows": shows,
        "clicks": clicks,
        "goals": 0,  # the older count: nothing is counted there for VK Ads
        "spent": str(spent),
        **prices,
        "ctr": round(100 * clicks / shows, 2) if shows else 0,
        "cr": 0,
        "vk": {"goals": goals, "cpa": prices["cpa"], "cr": rate},
    }


def romi(spent: Decimal, worth: Decimal) -> View:
    share = float(round(100 * spent / worth, 2)) if worth else 0
    gain = float(round(100 * (worth - spent) / spent, 2)) if spent else 0
    return {"value": str(worth), "romi": gain, "adv_cost_share": share}


def totals(rows: list[View], metrics: list[str]) -> View:
    def summed(*keys: str) -> Any:
        found = [row.get(keys[0], {}) for row in rows]
        for key in keys[1:]:
            found = [one.get(key, 0) for one in found]
        return sum(Decimal(str(one)) for one in found)

    worth = summed("romi", "value") if rows and "romi" in rows[0] else Decimal(0)
    spent = summed("base", "spent") if rows and "base" in rows[0] else Decimal(0)
    whole = {"romi": romi(spent, worth)}
    if rows and "base" in rows[0]:
        shows, clicks = int(summed("base", "shows")), int(summed("base", "clicks"))
        whole["base"] = base(shows, clicks, int(summed("base", "vk", "goals")), spent)
    return wanted(whole, metrics)


def wanted(measured: View, metrics: list[str]) -> View:
    return {k: v for k, v in measured.items() if k in metrics or "all" in metrics}
