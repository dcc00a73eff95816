"""What queries to the played Google Ads API find: rows of every resource, and figures by day.

Rows are flat records by field name; the answer nests them, int64 as text and zeroes left out.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors.sandbox.google_call import NAME, resource
from connectors.sandbox.google_gaql import INT64, METRICS, NUMBERS, Query, Row
from connectors.sandbox.google_processing import catch_up
from connectors.sandbox.google_processing import figures as list_figures
from connectors.sandbox.google_shapes import camel
from connectors.sandbox.google_uploads import jobs
from connectors.sandbox.store import Document, Store
from connectors.sandbox.world import World
from connectors.sandbox.yandex_figures import Figures, figures


def answer(world: World, customer: int, text: str) -> tuple[list[Document], str]:
    """Rows as the API nests them, and the field mask."""
    query = Query.parse(text)
    rows = list(SOURCES[query.source](world, customer))
    if query.days() is not None or set(query.fields) & set(METRICS):
        rows = timed(world, query, rows)
    fits = [row for row in rows if all(one.holds(row) for one in query.conditions)]
    for name, downwards in reversed(query.order):
        nothing: Any = 0 if name in NUMBERS else ""
        fits.sort(key=lambda row: row.get(name) or nothing, reverse=downwards)
    shown = [nested(query, row) for row in fits[: query.limit]]
    return shown, ",".join(camel(name) for name in query.fields)


def nested(query: Query, row: Row) -> Document:
    """Every resource that is asked for tells its resource name; zeroes are left out."""
    found: Document = {}
    resources = {query.source, *(name.partition(".")[0] for name in query.fields)}
    names = [f"{one}.resource_name" for one in resources if f"{one}.resource_name" in row]
    for name in (*names, *query.fields):
        value = row.get(name)
        if value in (None, 0, "", False, []):
            continue
        here = found
        *path, last = name.split(".")
        for part in path:
            here = here.setdefault(camel(part), {})
        here[camel(last)] = str(value) if name in INT64 else value
    return found


# Rows of every resource


def customer_row(store: Store, customer: int) -> Row:
    found = store.get("customer", customer) or {}
    return {
        "customer.id": customer,
        "customer.currency_code": found.get("currency"),
        "customer.time_zone": found.get("time_zone"),
        "customer.manager": found.get("is_manager"),
        "customer.test_account": found.get("is_test"),
        "customer.resource_name": f"customers/{customer}",
    }


def object_row(customer: int, kind: str, found: Document) -> Row:
    collection = "campaigns" if kind == "campaign" else "adGroups"
    names = ("id", "name", "status", "bidding_strategy_type", "advertising_channel_type")
    return {
        **{f"{kind}.{name}": found[name] for name in names if name in found},
        f"{kind}.resource_name": resource(customer, collection, found["id"]),
        f"{kind}.targeting_setting.target_restrictions": found["restrictions"],
        f"{kind}.labels": [resource(customer, "labels", one) for one in found["labels"]],
    }


def customers(world: World, customer: int) -> Iterator[Row]:
    yield customer_row(world.store(NAME), customer)


def labels(world: World, customer: int) -> Iterator[Row]:
    store = world.store(NAME)
    for one in store.all("label"):
        if one["customer"] == customer:
            name = resource(customer, "labels", one["id"])
            mine = {"label.id": one["id"], "label.name": one["name"], "label.resource_name": name}
            yield {**customer_row(store, customer), **mine}


def campaigns(world: World, customer: int) -> Iterator[Row]:
    store = world.store(NAME)
    for one in store.all("campaign"):
        if one["customer"] == customer:
            yield {**customer_row(store, customer), **object_row(customer, "campaign", one)}


def groups(world: World, customer: int) -> Iterator[Row]:
    store = world.store(NAME)
    parents = {row["campaign.id"]: row for row in campaigns(world, customer)}
    for one in store.all("ad_group"):
        if one["campaign"] in parents:
            yield {**parents[one["campaign"]], **object_row(customer, "ad_group", one)}


def criteria(kind: str, collection: str, parents: Callable[..., Iterator[Row]]) -> Any:
    def rows(world: World, customer: int) -> Iterator[Row]:
        objects = {row[f"{kind}.id"]: row for row in parents(world, customer)}
        for one in world.store(NAME).all(collection):
            if one["parent"] not in objects:
                continue
            name = f"{kind}_criterion"
            tail = f"{one['parent']}~{one['criterion']}"
            yield {
                **objects[one["parent"]],
                f"{name}.resource_name": resource(customer, collection, tail),
                f"{name}.criterion_id": one["criterion"],
                f"{name}.type": "USER_LIST",
                f"{name}.status": "ENABLED",
                f"{name}.negative": one["negative"],
                f"{name}.bid_modifier": one["bid_modifier"],
                f"{name}.user_list.user_list": resource(customer, "userLists", one["list"]),
                "list": one["list"],
            }

    return rows


def user_lists(world: World, customer: int) -> Iterator[Row]:
    store = world.store(NAME)
    for kept in store.all("list"):
        if kept["customer"] != customer:
            continue
        one = catch_up(world, kept)
        people, matched = list_figures(world, one) if one["counted"] else (0, 0)
        likeness = one.get("lookalike") or {}
        days = int(float(str(one["membershipDuration"]).removesuffix("s"))) // 86_400
        yield {
            **customer_row(store, customer),
            "user_list.id": int(one["id"]),
            "user_list.name": one["displayName"],
            "user_list.resource_name": resource(customer, "userLists", one["id"]),
            "user_list.description": one.get("description"),
            "user_list.integration_code": one.get("integrationCode"),
            "user_list.membership_status": one["membershipStatus"],
            "user_list.membership_life_span": days,
            "user_list.size_for_search": matched,
            "user_list.size_for_display": matched,
            "user_list.size_range_for_search": "LESS_THAN_FIVE_HUNDRED",
            "user_list.match_rate_percentage": 100 * matched // people if people else 0,
            "user_list.type": "LOOKALIKE" if likeness else "CRM_BASED",
            "user_list.access_reason": "OWNED",
            "user_list.lookalike_user_list.seed_user_list_ids": likeness.get("seedUserListIds"),
            "user_list.lookalike_user_list.expansion_level": likeness.get("expansionLevel"),
            "user_list.lookalike_user_list.country_codes": likeness.get("countryCodes"),
        }


campaign_criteria = criteria("campaign", "campaignCriteria", campaigns)
group_criteria = criteria("ad_group", "adGroupCriteria", groups)


def positive(name: str, rows: Callable[..., Iterator[Row]]) -> Any:
    """Audience views know what is bid on, not what is excluded."""
    return lambda world, customer: (
        row for row in rows(world, customer) if not row[f"{name}_criterion.negative"]
    )


SOURCES: dict[str, Callable[[World, int], Iterator[Row]]] = {
    "customer": customers,
    "label": labels,
    "user_list": user_lists,
    "offline_user_data_job": jobs,
    "campaign": campaigns,
    "ad_group": groups,
    "campaign_criterion": campaign_criteria,
    "ad_group_criterion": group_criteria,
    "campaign_audience_view": positive("campaign", campaign_criteria),
    "ad_group_audience_view": positive("ad_group", group_criteria),
}


# Figures


def timed(world: World, query: Query, rows: list[Row]) -> list[Row]:
    """One row per day with figures, up to today; days without impressions are left out."""
    today = datetime.fromtimestamp(world.now(), UTC).date()
    first, last = query.days() or (today - timedelta(days=29), today)
    last = min(last, today)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    found = []
    for row in rows:
        by_day = [(day, totals(world, query.source, row, day)) for day in days]
        if "segments.date" not in query.fields:
            whole = sum((one for _, one in by_day), Figures())
            found.append({**row, "segments.date": str(last), **measured(whole)})
            continue
        found += [
            {**row, "segments.date": str(day), **measured(one)}
            for day, one in by_day
            if one.impressions
        ]
    return found


def measured(one: Figures) -> Row:
    return {
        "metrics.impressions": one.impressions,
        "metrics.clicks": one.clicks,
        "metrics.cost_micros": one.cost,
        "metrics.conversions": float(one.conversions or 0),
        "metrics.conversions_value": (one.revenue or 0) / 1_000_000,
    }


def totals(world: World, source: str, row: Row, day: date) -> Figures:
    """Figures of a criterion; an object's are its criteria's and those of everybody else."""
    if source.endswith("audience_view"):
        kind = source.removesuffix("_audience_view")
        modifier = row[f"{kind}_criterion.bid_modifier"] or 1.0
        percent = round(100 * modifier)
        return figures(day, {"Id": row[f"{kind}.id"]}, row["list"], percent)
    customer = row["customer.id"]
    parts = [
        totals(world, view, part, day)
        for view in ("campaign_audience_view", "ad_group_audience_view")
        for part in SOURCES[view](world, customer)
        if within(source, row, part)
    ]
    others = [
        figures(day, {"Id": part["ad_group.id"]}, None, 100)
        for part in groups(world, customer)
        if within(source, row, part)
    ]
    return sum((*parts, *others), Figures())


def within(source: str, row: Row, part: Row) -> bool:
    return source == "customer" or part.get(f"{source}.id") == row[f"{source}.id"]
