"""What may be asked of the Reports service of Yandex Direct, and what is refused.

Source: Reports documentation. Fields are those the contract names, not the whole matrix.
"""

from datetime import date

from connectors.sandbox.store import Document
from connectors.sandbox.yandex_call import (
    CallError,
    known_only,
    names_of,
    objects,
    one_of,
    required,
    whole,
)

MAX_VALUES, MAX_GOALS = 10_000, 10

TYPES = (
    "ACCOUNT_PERFORMANCE_REPORT",
    "CAMPAIGN_PERFORMANCE_REPORT",
    "ADGROUP_PERFORMANCE_REPORT",
    "AD_PERFORMANCE_REPORT",
    "CRITERIA_PERFORMANCE_REPORT",
    "SEARCH_QUERY_PERFORMANCE_REPORT",
    "REACH_AND_FREQUENCY_PERFORMANCE_REPORT",
    "CUSTOM_REPORT",
)
BY_CONDITION = ("CRITERIA_PERFORMANCE_REPORT", "CUSTOM_REPORT")
PERIODS = ("Date", "Week", "Month", "Quarter", "Year")
OBJECTS = ("CampaignId", "CampaignName", "CampaignType", "AdGroupId", "AdGroupName")
GOAL_MONEY = ("Revenue", "Profit", "PurchaseRevenue", "PurchaseProfit")
GOAL_FIELDS = ("Conversions", *GOAL_MONEY, "GoalsRoi", "PurchaseGoalsRoi", "CostPerConversion")
METRICS = ("Impressions", "Clicks", "Cost", "Ctr", "AvgCpc", *GOAL_FIELDS)
MONEY = (*GOAL_MONEY, "Cost", "AvgCpc", "CostPerConversion")
FIELDS = (*PERIODS, *OBJECTS, "RlAdjustmentId", *METRICS)
FILTER_ONLY = ("AudienceTargetId",)
MODELS = ("FCCD", "LC", "LSCCD", "AUTO")
RETIRED_MODELS = {"LSC": "LSCCD", "FC": "FCCD", "LYDC": "LC", "LYDCCD": "LSCCD"}
OPERATORS = (
    "EQUALS",
    "NOT_EQUALS",
    "IN",
    "NOT_IN",
    "LESS_THAN",
    "GREATER_THAN",
    "STARTS_WITH_IGNORE_CASE",
)
LAST_DAYS = {f"LAST_{n}_DAYS": n for n in (3, 5, 7, 14, 30, 90, 365)}
RANGES = (
    *("TODAY", "YESTERDAY", *LAST_DAYS, "THIS_WEEK_MON_TODAY", "THIS_WEEK_SUN_TODAY"),
    *("LAST_WEEK", "LAST_BUSINESS_WEEK", "LAST_WEEK_SUN_SAT", "THIS_MONTH", "LAST_MONTH"),
    *("ALL_TIME", "CUSTOM_DATE", "AUTO"),
)
PARAMS = (
    *("SelectionCriteria", "Goals", "AttributionModels", "FieldNames", "Page", "OrderBy"),
    *("ReportName", "ReportType", "DateRangeType", "Format", "IncludeVAT", "IncludeDiscount"),
)
NEEDED = (
    *("SelectionCriteria", "FieldNames", "ReportName", "ReportType"),
    *("DateRangeType", "Format", "IncludeVAT"),
)


def check(params: Document) -> None:
    known_only(params, PARAMS, "params")
    for name in NEEDED:
        required(params, name, "params")
    kind = one_of(params, "ReportType", TYPES, "params")
    one_of(params, "Format", ("TSV",), "params")
    one_of(params, "IncludeVAT", ("YES", "NO"), "params")
    if not isinstance(params["ReportName"], str) or not 0 < len(params["ReportName"]) <= 255:
        raise CallError(8000, "ReportName is a text of 1 to 255 characters")
    names = names_of(params["FieldNames"], (*FIELDS, *FILTER_ONLY), "FieldNames")
    check_fields(names, kind)
    check_dates(params)
    check_filter(params["SelectionCriteria"], kind)
    check_goals(params)
    check_page(params)


def check_fields(names: list[str], kind: str) -> None:
    for name in names:
        if name in FILTER_ONLY:
            raise CallError(4000, f"{name} is for filters only")
        if name == "RlAdjustmentId" and kind not in BY_CONDITION:
            raise CallError(4000, f"{name} is not in {kind}")
    if len(set(names)) != len(names):
        raise CallError(4000, "FieldNames holds a field twice")
    if len(set(names) & set(PERIODS)) > 1:
        raise CallError(4000, "Only one of " + ", ".join(PERIODS))


def check_dates(params: Document) -> None:
    kind = one_of(params, "DateRangeType", RANGES, "params")
    criteria = params["SelectionCriteria"]
    if not isinstance(criteria, dict):
        raise CallError(8000, "SelectionCriteria must be an object")
    known_only(criteria, ("DateFrom", "DateTo", "Filter"), "SelectionCriteria")
    given = [name for name in ("DateFrom", "DateTo") if name in criteria]
    if kind == "CUSTOM_DATE" and len(given) < 2:
        raise CallError(4001, "CUSTOM_DATE needs DateFrom and DateTo")
    if kind != "CUSTOM_DATE" and given:
        raise CallError(4001, "DateFrom and DateTo go with CUSTOM_DATE only")
    try:
        days = [date.fromisoformat(criteria[name]) for name in given]
    except (TypeError, ValueError):
        raise CallError(4001, "DateFrom and DateTo are YYYY-MM-DD") from None
    if days and days[0] > days[1]:
        raise CallError(4001, "DateFrom is after DateTo")


def check_filter(criteria: Document, kind: str) -> None:
    seen = set()
    for condition in objects(criteria.get("Filter", []), "Filter"):
        known_only(condition, ("Field", "Operator", "Values"), "Filter")
        name = one_of(condition, "Field", (*FIELDS, *FILTER_ONLY), "Filter")
        one_of(condition, "Operator", OPERATORS, "Filter")
        values = required(condition, "Values", "Filter")
        if not isinstance(values, list) or not 1 <= len(values) <= MAX_VALUES:
            raise CallError(4001, f"Values takes 1 to {MAX_VALUES} elements")
        if not all(isinstance(value, str) for value in values):
            raise CallError(8000, "Values are texts")
        if name in seen:
            raise CallError(4001, f"Filter names {name} twice")
        if name in ("RlAdjustmentId", "AudienceTargetId") and kind not in BY_CONDITION:
            raise CallError(4001, f"{name} is not in {kind}")
        seen.add(name)


def check_goals(params: Document) -> None:
    goals, models = params.get("Goals", []), params.get("AttributionModels", [])
    if not isinstance(goals, list) or len(goals) > MAX_GOALS:
        raise CallError(8000, f"Goals takes at most {MAX_GOALS} elements")
    if models:
        names_of(models, (*MODELS, *RETIRED_MODELS), "AttributionModels")


def check_page(params: Document) -> None:
    page = params.get("Page", {})
    known_only(page, ("Limit", "Offset"), "Page")
    if not all(whole(value) and value >= 0 for value in page.values()):
        raise CallError(4002, "Page takes whole numbers")
    for order in objects(params.get("OrderBy", []), "OrderBy"):
        known_only(order, ("Field", "SortOrder"), "OrderBy")
        one_of(order, "Field", params["FieldNames"], "OrderBy")
