"""The query language of the played Google Ads API, as far as lists, criteria and reports need it.

SELECT fields FROM resource WHERE field operator value AND ... ORDER BY ... LIMIT n. Rows are flat
records by field name; the answer nests them, int64 as text and zeroes left out.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors.sandbox.google_call import NAME, Failure, resource
from connectors.sandbox.google_lists import catch_up
from connectors.sandbox.google_lists import figures as list_figures
from connectors.sandbox.google_shapes import camel
from connectors.sandbox.store import Document, Store
from connectors.sandbox.world import World
from connectors.sandbox.yandex_figures import Figures, figures

Row = dict[str, Any]
PAGE = 10_000

METRICS = (
    "metrics.impressions",
    "metrics.clicks",
    "metrics.cost_micros",
    "metrics.conversions",
    "metrics.conversions_value",
)
TIMED = ("segments.date", *METRICS)
CUSTOMER = (
    "customer.id",
    "customer.currency_code",
    "customer.time_zone",
    "customer.manager",
    "customer.test_account",
    "customer.resource_name",
)
CAMPAIGN = (
    "campaign.id",
    "campaign.name",
    "campaign.status",
    "campaign.resource_name",
    "campaign.bidding_strategy_type",
    "campaign.advertising_channel_type",
    "campaign.targeting_setting.target_restrictions",
    "campaign.labels",
)
GROUP = (
    "ad_group.id",
    "ad_group.name",
    "ad_group.status",
    "ad_group.resource_name",
    "ad_group.targeting_setting.target_restrictions",
    "ad_group.labels",
)
LABEL = ("label.id", "label.name", "label.resource_name")
CRITERION = (
    "resource_name",
    "criterion_id",
    "type",
    "status",
    "negative",
    "bid_modifier",
    "user_list.user_list",
)
CAMPAIGN_CRITERION = tuple(f"campaign_criterion.{name}" for name in CRITERION)
GROUP_CRITERION = tuple(f"ad_group_criterion.{name}" for name in CRITERION)
USER_LIST = tuple(
    f"user_list.{name}"
    for name in (
        "id",
        "name",
        "resource_name",
        "description",
        "integration_code",
        "membership_status",
        "membership_life_span",
        "size_for_search",
        "size_for_display",
        "size_range_for_search",
        "match_rate_percentage",
        "type",
        "access_reason",
        "lookalike_user_list.seed_user_list_ids",
        "lookalike_user_list.expansion_level",
        "lookalike_user_list.country_codes",
    )
)
FIELDS: dict[str, tuple[str, ...]] = {
    "customer": (*CUSTOMER, *TIMED),
    "label": (*LABEL, *CUSTOMER),
    "user_list": (*USER_LIST, *CUSTOMER),
    "campaign": (*CAMPAIGN, *CUSTOMER, *TIMED),
    "ad_group": (*GROUP, *CAMPAIGN, *CUSTOMER, *TIMED),
    "campaign_criterion": (*CAMPAIGN_CRITERION, *CAMPAIGN, *CUSTOMER),
    "ad_group_criterion": (*GROUP_CRITERION, *GROUP, *CAMPAIGN, *CUSTOMER),
    "campaign_audience_view": (*CAMPAIGN_CRITERION, *CAMPAIGN, *CUSTOMER, *TIMED),
    "ad_group_audience_view": (*GROUP_CRITERION, *GROUP, *CAMPAIGN, *CUSTOMER, *TIMED),
}
INT64 = frozenset(
    {
        "customer.id",
        "campaign.id",
        "ad_group.id",
        "label.id",
        "user_list.id",
        "user_list.membership_life_span",
        "user_list.size_for_search",
        "user_list.size_for_display",
        "campaign_criterion.criterion_id",
        "ad_group_criterion.criterion_id",
        "metrics.impressions",
        "metrics.clicks",
        "metrics.cost_micros",
    }
)
NUMBERS = INT64 | {
    "campaign_criterion.bid_modifier",
    "ad_group_criterion.bid_modifier",
    "user_list.match_rate_percentage",
    "metrics.conversions",
    "metrics.conversions_value",
}
UNFILTERED = re.compile(r"target_restrictions$|labels$|seed_user_list_ids$|country_codes$")

SHAPE = re.compile(
    r"\s*SELECT\s+(?P<select>.+?)\s+FROM\s+(?P<source>\w+)"
    r"(?:\s+WHERE\s+(?P<where>.+?))?(?:\s+ORDER\s+BY\s+(?P<order>.+?))?"
    r"(?:\s+LIMIT\s+(?P<limit>\d+))?\s*",
    re.IGNORECASE | re.DOTALL,
)
STRING = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
VALUE = rf"(?:{STRING}|[\w.\-]+)"
TERM = re.compile(
    rf"\s*(?P<field>[\w.]+)\s*(?:"
    rf"(?P<operator>=|!=|>=|<=|>|<)\s*(?P<value>{VALUE})"
    rf"|BETWEEN\s+(?P<low>{VALUE})\s+AND\s+(?P<high>{VALUE})"
    rf"|(?P<not>NOT\s+)?IN\s*\(\s*(?P<many>{VALUE}(?:\s*,\s*{VALUE})*)\s*\))\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Condition:
    """A comparison; `values` of BETWEEN are its two ends."""

    field: str
    operator: str
    values: tuple[str, ...]

    def holds(self, row: Row) -> bool:
        here = row.get(self.field)
        if self.field in NUMBERS:
            here = here or 0
            there: list[Any] = [float(value) for value in self.values]
        else:
            here, there = str("" if here is None else here), list(self.values)
            if isinstance(row.get(self.field), bool):
                here = here.lower()
        return bool(COMPARE[self.operator](here, there))


COMPARE: dict[str, Callable[[Any, list[Any]], bool]] = {
    "=": lambda here, there: here == there[0],
    "!=": lambda here, there: here != there[0],
    ">": lambda here, there: here > there[0],
    ">=": lambda here, there: here >= there[0],
    "<": lambda here, there: here < there[0],
    "<=": lambda here, there: here <= there[0],
    "BETWEEN": lambda here, there: there[0] <= here <= there[1],
    "IN": lambda here, there: here in there,
    "NOT IN": lambda here, there: here not in there,
}


@dataclass(frozen=True)
class Query:
    """A parsed query; raises Failure when it is made from a bad one."""

    fields: tuple[str, ...]
    source: str
    conditions: tuple[Condition, ...]
    order: tuple[tuple[str, bool], ...]
    """Fields to sort by, and whether downwards."""
    limit: int | None

    @classmethod
    def parse(cls, text: str) -> "Query":
        shape = SHAPE.fullmatch(text)
        if shape is None:
            raise Failure("queryError", "UNEXPECTED_INPUT", "the query cannot be read")
        source = shape["source"]
        if source not in FIELDS:
            raise Failure("queryError", "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE", source)
        fields = tuple(name.strip() for name in shape["select"].split(","))
        conditions = tuple(conditions_in(shape["where"] or ""))
        for name in fields:
            known(name, source, "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE")
        for one in conditions:
            known(one.field, source, "PROHIBITED_RESOURCE_TYPE_IN_WHERE_CLAUSE")
            if UNFILTERED.search(one.field):
                raise Failure("queryError", "PROHIBITED_FIELD_IN_WHERE_CLAUSE", one.field)
        order = tuple(sorting(shape["order"] or ""))
        for name, _ in order:
            known(name, source, "PROHIBITED_FIELD_IN_ORDER_BY_CLAUSE")
        limit = int(shape["limit"]) if shape["limit"] else None
        query = cls(fields, source, conditions, order, limit)
        query.days()
        return query

    def days(self) -> tuple[date, date] | None:
        """First and last day, where the query asks for figures by day."""
        bounds = [one for one in self.conditions if one.field == "segments.date"]
        if not bounds:
            if "segments.date" in self.fields:
                raise Failure("queryError", "EXPECTED_FILTERS_ON_DATE_RANGE", "segments.date")
            return None
        try:
            days = [date.fromisoformat(value) for one in bounds for value in one.values]
        except ValueError:
            raise Failure("queryError", "INVALID_DATE_FORMAT", "segments.date") from None
        return min(days), max(days)


def known(name: str, source: str, prohibited: str) -> None:
    if name in FIELDS[source]:
        return
    everywhere = any(name in fields for fields in FIELDS.values())
    raise Failure("queryError", prohibited if everywhere else "UNRECOGNIZED_FIELD", name)


def sorting(text: str) -> Iterator[tuple[str, bool]]:
    for one in text.split(",") if text else ():
        name, _, way = one.strip().partition(" ")
        if way.strip().upper() not in ("", "ASC", "DESC"):
            raise Failure("queryError", "UNEXPECTED_INPUT", "the ORDER BY clause cannot be read")
        yield name, way.strip().upper() == "DESC"


def conditions_in(text: str) -> Iterator[Condition]:
    place = 0
    while place < len(text):
        term = TERM.match(text, place)
        if term is None:
            raise Failure("queryError", "UNEXPECTED_INPUT", "the WHERE clause cannot be read")
        if term["operator"]:
            yield Condition(term["field"], term["operator"], (bare(term["value"]),))
        elif term["low"]:
            ends = (bare(term["low"]), bare(term["high"]))
            yield Condition(term["field"], "BETWEEN", ends)
        else:
            values = tuple(bare(one) for one in re.findall(VALUE, term["many"]))
            yield Condition(term["field"], "NOT IN" if term["not"] else "IN", values)
        place = term.end()
        if place < len(text):
            if text[place : place + 4].upper() != "AND ":
                raise Failure("queryError", "EXPECTED_AND", "the WHERE clause cannot be read")
            place += 4


def bare(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] in "'\"" else text


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
        "customer.test_account": False,
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
