"""Insights of Meta as the sandbox plays them: figures as texts, at once or by a report run."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.sandbox.meta_call import Call, refuse
from connectors.sandbox.store import Document
from connectors.sandbox.yandex_figures import Figures, figures

FIRST_RUN = 6_070_000_000_101
LEVELS = ("account", "campaign", "adset")
FIELDS = [
    "account_currency",
    "adset_id",
    "adset_name",
    "campaign_id",
    "campaign_name",
    "spend",
    "impressions",
    "clicks",
    "inline_link_clicks",
    "actions",
    "action_values",
    "conversions",
    "conversion_values",
    "purchase_roas",
    "date_start",
    "date_stop",
]
OPERATORS = ("IN", "EQUAL")
TOO_MUCH = 1487534
RUN_LIFE = 30 * 86_400.0
PURCHASE_WORDS = ("omni_purchase", "purchase", "offsite_conversion.fb_pixel_purchase")

# UNVERIFIED choices
MOST_ROWS_AT_ONCE = 1000
"""Daily rows that are asked at once before it is too much."""
RUN_SECONDS = 30.0
UNFINISHED = 2601
MICROS = 1_000_000


def insights(call: Call, number: str) -> Document:
    """The rows of an account, a campaign or an ad set."""
    found = list(rows(call, number, call.params))
    if len(found) > MOST_ROWS_AT_ONCE:
        refuse(100, "Please reduce the amount of data you're asking for", TOO_MUCH)
    return call.page(found)


def order(call: Call, number: str) -> Document:
    """A report run: checked at once, ready later."""
    next(rows(call, number, call.params), None)
    made = call.store.next_id("run", first=FIRST_RUN)
    account = account_of(call, number)["id"]
    kept = {k: v for k, v in call.params.items() if k not in ("access_token", "appsecret_proof")}
    run = {"id": made, "account": account, "of": number, "params": kept, "at": call.now}
    call.store.put("run", made, run)
    return {"report_run_id": str(made)}


def run_status(call: Call, number: str) -> Document:
    run = own_run(call, number)
    age = call.now - run["at"]
    word, share = "Job Completed", 100
    if age < RUN_SECONDS:
        word, share = ("Job Not Started", 0) if age < 1 else ("Job Running", 50)
    if call.fault == "processing_failed" or run.get("failed"):
        call.store.put("run", run["id"], {**run, "failed": True})
        word, share = "Job Failed", 0
    return {"id": str(run["id"]), "async_status": word, "async_percent_completion": share}


def run_rows(call: Call, number: str) -> Document:
    run = own_run(call, number)
    if call.now < run["at"] + RUN_SECONDS or run.get("failed"):
        refuse(UNFINISHED, "The report run is not complete")
    return call.page(list(rows(call, run["of"], run["params"])))


def own_run(call: Call, number: str) -> Document:
    run = call.find("run", number)
    if call.now >= run["at"] + RUN_LIFE:
        refuse(100, "The report run has expired", 33)
    return run


def account_of(call: Call, number: str) -> Document:
    if number.startswith("act_"):
        return call.account(number)
    return call.account(call.find("adset", number)["account"])


def rows(call: Call, number: str, params: Document) -> Iterator[Document]:
    account = account_of(call, number)
    level = params.get("level", "account")
    if level not in LEVELS:
        refuse(100, f"level is one of {', '.join(LEVELS)}")
    fields = params.get("fields") or "impressions,spend"
    names = [n.strip() for n in fields.split(",")] if isinstance(fields, str) else list(fields)
    if unknown := [name for name in names if name not in FIELDS]:
        refuse(100, f"Tried accessing nonexisting field ({unknown[0]})")
    spans = days_of(call, params)
    groups: dict[str, list[Document]] = {}
    for one in call.all("adset", account):
        asked = number.startswith("act_") or number == str(one["id"])
        if asked and matches(one, params.get("filtering") or []):
            key = {"adset": one["id"], "campaign": one["campaign_id"]}.get(level, account["id"])
            groups.setdefault(str(key), []).append(one)
    for _, members in sorted(groups.items()):
        for first, last in spans:
            if row := summed(account, level, members, first, last):
                yield {
                    name: row[name] for name in (*names, "date_start", "date_stop") if name in row
                }


def days_of(call: Call, params: Document) -> list[tuple[date, date]]:
    span = params.get("time_range")
    try:
        first = date.fromisoformat(span["since"])  # type: ignore[index]
        last = date.fromisoformat(span["until"])  # type: ignore[index]
    except (TypeError, KeyError, ValueError):
        refuse(100, "time_range needs since and until")
    if first > last:
        refuse(100, "time_range.since must not be after until")
    step = params.get("time_increment")
    if step is None:
        return [(first, last)]
    if str(step) != "1":
        refuse(100, "time_increment 1 is what the sandbox plays")
    today = datetime.fromtimestamp(call.now, UTC).date()
    last = min(last, today)
    return [(first + timedelta(days=n),) * 2 for n in range((last - first).days + 1)]


def matches(one: Document, filtering: Any) -> bool:
    fits = True
    for condition in filtering:
        field, operator = condition.get("field"), condition.get("operator")
        if field not in ("adset.id", "campaign.id") or operator not in OPERATORS:
            refuse(100, "filtering field or operator is not supported")
        value = condition.get("value")
        wanted = {str(v) for v in (value if isinstance(value, list) else [value])}
        fits &= str(one["id"] if field == "adset.id" else one["campaign_id"]) in wanted
    return fits


def summed(
    account: Document, level: str, members: list[Document], first: date, last: date
) -> Document | None:
    """One row; actions are left out where there are none."""
    total = Figures()
    for one in members:
        for n in range((last - first).days + 1):
            total += figures(first + timedelta(days=n), {"Id": one["id"]}, None, 100)
    if not total.impressions:
        return None
    row: Document = {
        "account_currency": account["currency"],
        "spend": text(total.cost),
        "impressions": str(total.impressions),
        "clicks": str(total.clicks),
        "inline_link_clicks": str(total.clicks),
        "date_start": first.isoformat(),
        "date_stop": last.isoformat(),
    }
    if level != "account":
        row["campaign_id"] = members[0]["campaign_id"]
    if level == "adset":
        row |= {"adset_id": str(members[0]["id"]), "adset_name": members[0]["name"]}
    actions = [{"action_type": "link_click", "value": str(total.clicks)}]
    if total.conversions:
        actions += [{"action_type": w, "value": str(total.conversions)} for w in PURCHASE_WORDS]
        value = text(total.revenue or 0)
        row["action_values"] = [{"action_type": w, "value": value} for w in PURCHASE_WORDS]
    row["actions"] = actions
    return row


def text(micros: int) -> str:
    return f"{Decimal(micros) / MICROS:.2f}"
