"""The query language of the played Google Ads API, as far as lists, criteria and reports need it.

SELECT fields FROM resource WHERE field operator value AND ... ORDER BY ... LIMIT n. What it
finds is google_rows.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from connectors.sandbox.google_call import Failure

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
UPLOADS = tuple(
    f"offline_user_data_job.{name}"
    for name in (
        "resource_name",
        "id",
        "external_id",
        "type",
        "status",
        "failure_reason",
        "operation_metadata.match_rate_range",
    )
)
FIELDS: dict[str, tuple[str, ...]] = {
    "customer": (*CUSTOMER, *TIMED),
    "label": (*LABEL, *CUSTOMER),
    "user_list": (*USER_LIST, *CUSTOMER),
    "offline_user_data_job": (*UPLOADS, *CUSTOMER),
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
        "offline_user_data_job.id",
        "offline_user_data_job.external_id",
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
