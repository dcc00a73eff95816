"""`report/integrated/get` of the played TikTok: spans, pages, and metrics written as texts."""

import json
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

from connectors.sandbox.store import Document
from connectors.sandbox.tiktok_call import BAD_PARAMETER, Call, CallError
from connectors.sandbox.tiktok_groups import bid_field
from connectors.sandbox.yandex_figures import Figures, figures

DAYS_BY_DAY, DAYS_IN_ALL, DAYS_BY_HOUR = 30, 365, 1
PAGE = 1000
TIMES = ("stat_time_day", "stat_time_hour")
DIMENSIONS = ("adgroup_id", *TIMES)
FILTER_TYPES = (
    *("IN", "MATCH", "GREATER_EQUAL", "GREATER_THAN"),
    *("LOWER_EQUAL", "LOWER_THAN", "BETWEEN"),
)
DEFAULT_METRICS = ["spend", "impressions"]
METRICS = (
    *("spend", "clicks", "impressions", "conversion", "cost_per_conversion"),
    *("complete_payment", "value_per_complete_payment", "total_complete_payment_rate"),
    *("complete_payment_roas", "total_purchase", "total_purchase_value", "total_active_pay_roas"),
)
LIFETIME_DAYS = 400


def report(call: Call) -> Document:
    call.choice("report_type", ("BASIC",))
    call.choice("service_type", ("AUCTION",), "AUCTION")
    call.choice("data_level", ("AUCTION_ADGROUP",))
    dimensions = known_texts(call, "dimensions", DIMENSIONS, None)
    metrics = known_texts(call, "metrics", METRICS, DEFAULT_METRICS)
    if "adgroup_id" not in dimensions or len(set(dimensions) & set(TIMES)) > 1:
        raise CallError(BAD_PARAMETER, "dimensions: adgroup_id and one time at most")
    days = days_of(call, dimensions)
    groups = filtered(call)
    rows = [row(group, some, dimensions, metrics) for group, some in lines(groups, days, call)]
    return call.page(rows, PAGE)


def known_texts(
    call: Call, name: str, known: tuple[str, ...], default: list[str] | None
) -> list[str]:
    found = call.texts(name, 1, len(known), needed=default is None) or default or []
    if len(set(found)) != len(found) or not set(found) <= set(known):
        raise CallError(BAD_PARAMETER, f"{name}: known values, each once")
    return found


def days_of(call: Call, dimensions: list[str]) -> list[date]:
    """The days that are asked for, not after today."""
    today = datetime.fromtimestamp(call.world.now(), UTC).date()
    if call.given.get("query_lifetime") == "true":
        if set(dimensions) & set(TIMES):
            raise CallError(BAD_PARAMETER, "query_lifetime goes without a time dimension")
        return [today - timedelta(days=n) for n in range(LIFETIME_DAYS)]
    try:
        first, last = (date.fromisoformat(call.text(name)) for name in ("start_date", "end_date"))
    except ValueError:
        raise CallError(BAD_PARAMETER, "start_date and end_date are YYYY-MM-DD") from None
    span = (last - first).days + 1
    most = DAYS_IN_ALL
    if "stat_time_day" in dimensions:
        most = DAYS_BY_DAY
    elif "stat_time_hour" in dimensions:
        most = DAYS_BY_HOUR
    if not 1 <= span <= most:
        raise CallError(BAD_PARAMETER, f"start_date to end_date: at most {most} days")
    return [day for n in range(span) if (day := first + timedelta(days=n)) <= today]


def filtered(call: Call) -> list[Document]:
    """The ad groups that every filter lets pass."""
    groups = [one for one in call.store.all("group") if one["advertiser_id"] == call.advertiser]
    filters = call.structure("filtering") or []
    if not isinstance(filters, list):
        raise CallError(BAD_PARAMETER, "filtering: a list is needed")
    for one in filters:
        if (
            not isinstance(one, dict)
            or set(one) != {"field_name", "filter_type", "filter_value"}
            or one["filter_type"] not in FILTER_TYPES
            or not isinstance(one["filter_value"], str)
        ):
            raise CallError(BAD_PARAMETER, "filtering: field_name, filter_type, filter_value")
        wanted = values_of(one["filter_value"])
        if (one["field_name"], one["filter_type"]) != ("adgroup_ids", "IN"):
            raise CallError(BAD_PARAMETER, "filtering: only adgroup_ids IN is played here")
        groups = [group for group in groups if group["adgroup_id"] in wanted]
    return groups


def values_of(text: str) -> list[str]:
    try:
        found = json.loads(text)
    except ValueError:
        raise CallError(BAD_PARAMETER, "filter_value is JSON text") from None
    if not isinstance(found, list):
        raise CallError(BAD_PARAMETER, "filter_value of IN is a list")
    return [str(one) for one in found]


def lines(
    groups: list[Document], days: list[date], call: Call
) -> list[tuple[Document, list[date]]]:
    """One line per group and day, or per group where no day is asked for."""
    if set(call.texts("dimensions", 1, len(DIMENSIONS))) & set(TIMES):
        return [(group, [day]) for group, day in product(groups, days)]
    return [(group, days) for group in groups]


def row(group: Document, days: list[date], dimensions: list[str], metrics: list[str]) -> Document:
    """Values are texts, the money too."""
    bid = group[bid_field(group)] or group["first_bid"]
    push = round(100 * bid / group["first_bid"])
    numbered = {"Id": int(group["adgroup_id"])}
    total = sum((figures(day, numbered, None, push) for day in days), Figures())
    shown = {"adgroup_id": group["adgroup_id"], **dict.fromkeys(TIMES, f"{days[0]} 00:00:00")}
    values = metric_values(total)
    return {
        "dimensions": {name: shown[name] for name in dimensions},
        "metrics": {name: values[name] for name in metrics},
    }


def metric_values(total: Figures) -> dict[str, str]:
    count, value = total.conversions or 0, (total.revenue or 0) / 1e6
    spend = total.cost / 1e6

    def money(amount: Any) -> str:
        return f"{amount:.2f}"

    return {
        "spend": money(spend),
        "clicks": str(total.clicks),
        "impressions": str(total.impressions),
        "conversion": str(count),
        "cost_per_conversion": money(spend / count if count else 0),
        "complete_payment": str(count),
        "value_per_complete_payment": money(value / count if count else 0),
        # The total VALUE of purchases, whatever its name says.
        "total_complete_payment_rate": money(value),
        "complete_payment_roas": money(value / spend if spend else 0),
        "total_purchase": "0",
        "total_purchase_value": money(0),
        "total_active_pay_roas": money(0),
    }
