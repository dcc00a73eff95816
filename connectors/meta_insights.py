"""Meta's insights as spend reports: daily rows of ad sets and campaigns, at once or by a run.

All figures are texts; spend is in the account's currency. The purchase figures of one action type
are taken, because the types overlap. What is not there is zero.

Facts: Marketing API, Insights; as of November 2026.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from json import dumps, loads
from typing import Any

from bids.model import BidObject, Level
from connectors.base import SpendRow
from connectors.errors import ContractBroken, Transient
from connectors.meta_wire import Graph, TooMuch

PATH = "act_{account}/insights"
ID_OF = {Level.AD_GROUP: "adset", Level.CAMPAIGN: "campaign"}
FIGURES = "spend,impressions,clicks,actions,action_values"
PURCHASES = ("omni_purchase", "purchase", "offsite_conversion.fb_pixel_purchase")
"""In this order: the first that a row has (our choice)."""
OBJECTS_PER_REPORT = 50
IN_A_BODY: dict[str, Callable[[Any], Any]] = {"time_range": loads, "filtering": loads}
"""What is JSON text in a query and JSON itself in a body."""
ROWS_PER_PAGE = 500
DONE, FAILED = "Job Completed", ("Job Failed", "Job Skipped")
WAIT_SECONDS = 10.0
LONGEST_WAIT = 1800.0


def spend(
    graph: Graph,
    account: Mapping[str, str],
    objects: Sequence[BidObject],
    first: date,
    last: date,
) -> Iterator[SpendRow]:
    """Daily rows; days and objects without impressions have none."""
    for level, name in ID_OF.items():
        wanted = {one.object_id: one for one in objects if one.level is level}
        ids = sorted(wanted)
        for start in range(0, len(ids), OBJECTS_PER_REPORT):
            query = parameters(name, ids[start : start + OBJECTS_PER_REPORT], first, last)
            for row in rows(graph, account, query):
                yield spend_row(row, wanted, f"{name}_id")


def parameters(name: str, ids: Sequence[str], first: date, last: date) -> dict[str, str | int]:
    return {
        "level": name,
        "fields": f"{name}_id,{FIGURES}",
        "time_range": dumps({"since": first.isoformat(), "until": last.isoformat()}),
        "time_increment": 1,
        "filtering": dumps([{"field": f"{name}.id", "operator": "IN", "value": list(ids)}]),
        "limit": ROWS_PER_PAGE,
    }


def rows(
    graph: Graph, account: Mapping[str, str], query: Mapping[str, str | int]
) -> list[dict[str, Any]]:
    """At once, or by a report run where that is too much."""
    try:
        return list(graph.pages(PATH, gaps=account, query=query))
    except TooMuch:
        pass
    wish = {key: IN_A_BODY.get(key, str)(value) for key, value in query.items() if key != "limit"}
    run = graph.post(PATH, gaps=account, json=wish).get("report_run_id")
    if not str(run).isdigit():
        raise ContractBroken(f"POST {PATH}: the answer has no report_run_id.")
    gaps = {"id": str(run)}
    wait_for(graph, gaps)
    return list(graph.pages("{id}/insights", gaps=gaps, query={"limit": ROWS_PER_PAGE}))


def wait_for(graph: Graph, run: Mapping[str, str]) -> None:
    """Until a report run is complete. Raises Transient if it fails or takes too long."""
    waited = 0.0
    while waited <= LONGEST_WAIT:
        answer = graph.get("{id}", gaps=run, query={"fields": "id,async_status"})
        status = answer.get("async_status")
        if status == DONE:
            return
        if status in FAILED:
            raise Transient("an insights report run failed.")
        graph.sleep(WAIT_SECONDS)
        waited += WAIT_SECONDS
    raise Transient(f"an insights report run was not complete after {LONGEST_WAIT:g} s.")


def spend_row(row: Mapping[str, Any], wanted: Mapping[str, BidObject], key: str) -> SpendRow:
    """Raises ContractBroken for a row that was not asked for."""
    try:
        return SpendRow(
            day=date.fromisoformat(row["date_start"]),
            object=wanted[str(row[key])],
            condition_id=None,
            impressions=int(row.get("impressions", 0)),
            clicks=int(row.get("clicks", 0)),
            cost=Decimal(row.get("spend", "0")),
            conversions=purchases(row.get("actions")),
            revenue=purchases(row.get("action_values")),
        )
    except (KeyError, ValueError, ArithmeticError, TypeError):
        raise ContractBroken("insights: a row is not what was asked for.") from None


def purchases(actions: Sequence[Mapping[str, str]] | None) -> Decimal:
    """The purchases in a row's actions or action values."""
    by_type = {one["action_type"]: Decimal(one["value"]) for one in actions or ()}
    return next((by_type[name] for name in PURCHASES if name in by_type), Decimal(0))
