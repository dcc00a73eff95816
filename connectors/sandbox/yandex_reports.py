"""The Reports service of Yandex Direct: the 201/202/200 ladder, figures, TSV.

Source: Reports documentation. Fields are those the contract names, not the whole matrix.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors.sandbox.market import market_of, modifiers_on
from connectors.sandbox.store import Document
from connectors.sandbox.world import World
from connectors.sandbox.yandex_call import (
    NAME,
    CallError,
    known_only,
    required,
)
from connectors.sandbox.yandex_figures import Figures, figures
from connectors.sandbox.yandex_report_wishes import (
    GOAL_FIELDS,
    LAST_DAYS,
    METRICS,
    MONEY,
    RETIRED_MODELS,
    check,
)

QUEUE = 5
MOSCOW = timedelta(hours=3)
MAX_ROWS = 1_000_000
QUEUE_FULL = 9000

# UNVERIFIED choices
BUILDING_SECONDS = 10.0
"""How long an offline report is built, sandbox clock; never longer than lists are processed."""
KEPT_SECONDS = 3600.0
"""How long a built report is found again under its name."""
AUTO_IS_OFFLINE = True
"""In mode auto the real service decides; here it always queues."""
VAT_PERCENT = 20
AUTO_DAYS = 3
ALL_TIME_DAYS = 400


@dataclass(frozen=True)
class Made:
    """An answer of the service."""

    status: int
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def report(world: World, login: str, body: Document, headers: Mapping[str, str]) -> Made:
    """Queue, tell of, or give the report; raises CallError, which means HTTP 400."""
    known_only(body, ("params",), "The request")
    params = required(body, "params", "the request")
    if not isinstance(params, dict):
        raise CallError(8000, "params must be an object")
    check(params)
    mode = headers.get("processingmode", "auto")
    if mode not in ("auto", "online", "offline"):
        raise CallError(8000, "processingMode is auto, online or offline")
    if mode == "online" or (mode == "auto" and not AUTO_IS_OFFLINE):
        return Made(200, text_of(world, login, params, headers))
    return climb(world, login, params, headers)


def climb(world: World, login: str, params: Document, headers: Mapping[str, str]) -> Made:
    """The ladder of an offline report: 201 when queued, 202 while built, 200 when there."""
    store, now = world.store(NAME), world.now()
    kept = [r for r in store.all("report") if r["login"] == login]
    for old in [r for r in kept if now > r["ready_at"] + KEPT_SECONDS]:
        store.drop("report", old["Id"])
        kept.remove(old)
    same = next((r for r in kept if r["name"] == params["ReportName"]), None)
    print_ = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()
    queue = [r for r in kept if now < r["ready_at"]]
    if same is None:
        if len(queue) >= QUEUE:
            raise CallError(QUEUE_FULL, f"At most {QUEUE} reports in the queue")
        building = min(BUILDING_SECONDS, world.settings.processing_seconds)
        number = store.next_id("report", first=1)
        name, ready_at = params["ReportName"], now + building
        body = {"Id": number, "login": login, "name": name, "params": print_, "ready_at": ready_at}
        store.put("report", number, body)
        return Made(201, headers=waiting(world, building, len(queue) + 1))
    if same["params"] != print_:
        raise CallError(4000, "There is a report of this name with other parameters")
    if now < same["ready_at"]:
        return Made(202, headers=waiting(world, same["ready_at"] - now, len(queue)))
    return Made(200, text_of(world, login, params, headers))


def waiting(world: World, seconds: float, queue: int) -> dict[str, str]:
    """retryIn in real seconds: the client waits by its own clock."""
    real = seconds / world.settings.speed if world.settings.speed else seconds
    return {"retryIn": str(max(1, math.ceil(real))), "reportsInQueue": str(queue)}


# Figures


def period(params: Document, today: date) -> tuple[date, date]:
    """First and last day of the range; never past today."""
    kind, day = params["DateRangeType"], timedelta(days=1)
    if kind == "CUSTOM_DATE":
        criteria = params["SelectionCriteria"]
        first, last = (date.fromisoformat(criteria[key]) for key in ("DateFrom", "DateTo"))
        return first, min(last, today)
    monday, sunday = today - day * today.weekday(), today - day * ((today.weekday() + 1) % 7)
    month = today.replace(day=1)
    yesterday = today - day
    ranges = {
        "TODAY": (today, today),
        "YESTERDAY": (yesterday, yesterday),
        "THIS_WEEK_MON_TODAY": (monday, today),
        "THIS_WEEK_SUN_TODAY": (sunday, today),
        "LAST_WEEK": (monday - 7 * day, monday - day),
        "LAST_BUSINESS_WEEK": (monday - 7 * day, monday - 3 * day),
        "LAST_WEEK_SUN_SAT": (sunday - 7 * day, sunday - day),
        "THIS_MONTH": (month, today),
        "LAST_MONTH": ((month - day).replace(day=1), month - day),
        "ALL_TIME": (today - ALL_TIME_DAYS * day, today),
        "AUTO": (today - AUTO_DAYS * day, today),
    }
    if kind in LAST_DAYS:
        return today - LAST_DAYS[kind] * day, yesterday
    return ranges[kind]


def facts(world: World, login: str, first: date, last: date) -> list[tuple[Document, Figures]]:
    """Dimensions and figures per day, ad group and applied correction."""
    store = world.store(NAME)
    campaigns = {c["Id"]: c for c in store.all("campaign") if c["login"] == login}
    modifiers = [m for m in store.all("modifier") if m["Type"] == "RETARGETING_ADJUSTMENT"]
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    market = market_of(store)
    titles = {one["Id"]: one["Name"] for one in store.all("list")}
    stood = dict.fromkeys(days, modifiers)
    if market is not None:
        stood = modifiers_on(store, modifiers, days)
    found = []
    for group in store.all("group"):
        campaign = campaigns.get(group["CampaignId"])
        if campaign is None:
            continue
        place = {
            "CampaignId": campaign["Id"],
            "CampaignName": campaign["Name"],
            "CampaignType": campaign["Type"],
            "AdGroupId": group["Id"],
            "AdGroupName": group["Name"],
        }
        for day in days:
            for condition, percent in in_force(group, stood[day]).items():
                if market is None:
                    told = figures(day, group, condition, percent)
                else:
                    title = None if condition is None else titles.get(condition, "")
                    told = market.figures(day, group["Id"], title, percent)
                found.append(({**place, **calendar(day), "RlAdjustmentId": condition}, told))
    return found


def in_force(group: Document, modifiers: list[Document]) -> dict[int | None, int]:
    """Corrections by list for a group: its own replace those of the campaign."""
    own = [m for m in modifiers if m.get("AdGroupId") == group["Id"]]
    inherited = [
        m for m in modifiers if m["Level"] == "CAMPAIGN" and m["CampaignId"] == group["CampaignId"]
    ]
    adjustments = [m["adjustment"] for m in own or inherited]
    return {None: 100} | {a["RetargetingConditionId"]: a["BidModifier"] for a in adjustments}


def calendar(day: date) -> Document:
    quarter = day.replace(month=3 * ((day.month - 1) // 3) + 1, day=1)
    return {
        "Date": day.isoformat(),
        "Week": (day - timedelta(days=day.weekday())).isoformat(),
        "Month": day.replace(day=1).isoformat(),
        "Quarter": quarter.isoformat(),
        "Year": day.replace(month=1, day=1).isoformat(),
    }


def value(name: str, sums: Figures, vat: int) -> int | float | None:
    """One metric; None is shown as `--`. Money in micros."""
    cost = sums.cost * (100 + vat) // 100
    revenue, conversions = sums.revenue, sums.conversions
    roi = None if revenue is None or not cost else round((revenue - cost) / cost, 2)
    profit = None if revenue is None else revenue - cost
    return {
        "Impressions": sums.impressions,
        "Clicks": sums.clicks,
        "Cost": cost,
        "Ctr": round(100 * sums.clicks / sums.impressions, 2) if sums.impressions else None,
        "AvgCpc": cost // sums.clicks if sums.clicks else None,
        "Conversions": conversions,
        "CostPerConversion": cost // conversions if conversions else None,
        "Revenue": revenue,
        "PurchaseRevenue": revenue,
        "Profit": profit,
        "PurchaseProfit": profit,
        "GoalsRoi": roi,
        "PurchaseGoalsRoi": roi,
    }[name]


def passes(given: Any, condition: Document) -> bool:
    """One condition of Filter against one value; money is compared in micros."""
    operator, wanted = condition["Operator"], condition["Values"]
    text = "--" if given is None else str(given)
    if operator in ("LESS_THAN", "GREATER_THAN"):
        if given is None:
            return False
        less = float(text) < float(wanted[0])
        return less if operator == "LESS_THAN" else float(text) > float(wanted[0])
    if operator == "STARTS_WITH_IGNORE_CASE":
        return any(text.lower().startswith(one.lower()) for one in wanted)
    return (text in wanted) == (operator in ("EQUALS", "IN"))


# The text


def text_of(world: World, login: str, params: Document, headers: Mapping[str, str]) -> str:
    """The report as tab-separated lines."""
    today = (datetime.fromtimestamp(world.now(), UTC) + MOSCOW).date()
    first, last = period(params, today)
    columns = column_names(params)
    rows = rows_of(world, login, params, first, last)
    page = params.get("Page", {})
    offset = page.get("Offset", 0)
    rows = rows[offset : offset + min(page.get("Limit", MAX_ROWS), MAX_ROWS)]
    micros = headers.get("returnmoneyinmicros", "true").lower() != "false"
    lines = [
        "\t".join(cell(name, v, micros) for name, v in zip(columns, row, strict=True))
        for row in rows
    ]
    if headers.get("skipcolumnheader", "false").lower() != "true":
        lines.insert(0, "\t".join(columns))
    if headers.get("skipreportheader", "false").lower() != "true":
        lines.insert(0, f'"{params["ReportName"]} ({first} - {last})"')
    if headers.get("skipreportsummary", "false").lower() != "true":
        lines.append(f"Total rows: {len(rows)}")
    return "".join(f"{line}\n" for line in lines)


def column_names(params: Document) -> list[str]:
    """With Goals, goal fields appear once per goal and attribution model."""
    goals = params.get("Goals", [])
    models = [RETIRED_MODELS.get(m, m) for m in params.get("AttributionModels", [])] or ["LC"]
    names: list[str] = []
    for name in params["FieldNames"]:
        if goals and name in GOAL_FIELDS:
            names += [f"{name}_{goal}_{model}" for goal in goals for model in models]
        else:
            names.append(name)
    return names


def rows_of(world: World, login: str, params: Document, first: date, last: date) -> list[list[Any]]:
    names = column_names(params)
    dimensions = [
        name for name in names if name not in METRICS and name.partition("_")[0] not in METRICS
    ]
    filters = params["SelectionCriteria"].get("Filter", [])
    by_place = [f for f in filters if f["Field"] not in METRICS]
    by_sum = [f for f in filters if f["Field"] in METRICS]
    vat = VAT_PERCENT if params["IncludeVAT"] == "YES" else 0
    sums: dict[tuple[Any, ...], Figures] = {}
    for place, found in facts(world, login, first, last):
        if all(passes(place.get(f["Field"]), f) for f in by_place) and found.impressions:
            key = tuple(place[name] for name in dimensions)
            sums[key] = sums.get(key, Figures()) + found
    rows = []
    for key in sorted(sums, key=lambda key: [str(part) for part in key]):
        if all(passes(value(f["Field"], sums[key], vat), f) for f in by_sum):
            places = dict(zip(dimensions, key, strict=True))
            rows.append(
                [
                    places[n] if n in places else value(n.partition("_")[0], sums[key], vat)
                    for n in names
                ]
            )
    return rows


def cell(name: str, given: Any, micros: bool) -> str:
    if given is None:
        return "--"
    if name.partition("_")[0] in MONEY and not micros:
        return f"{given / 1_000_000:.2f}"
    return str(given)
