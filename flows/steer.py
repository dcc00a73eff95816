"""The Prefect flows. Each body is a table of contents; the work is in `loop`.

Only names, dates and counts pass between tasks: Prefect stores parameters and results in clear. A
task is a stage, never a person or a batch; what makes a send happen once is the ledger, so no task
is cached or retried here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows import artifacts, bidding, loop, measuring, reporting
from flows.histories import history
from flows.pictures import forecast_charts, history_charts, segments_chart
from flows.report_charts import charts
from flows.report_page import words_for
from flows.workshop import open_workshop

Document = dict[str, Any]


@task(name="read exports, rebuild segments", cache_policy=NO_CACHE)
def rebuild_segments(project: str) -> Document:
    with open_workshop(Path(project)) as workshop:
        document = loop.refresh(workshop)
        artifacts.publish_exports(document)
        artifacts.publish_segments(document, segments_chart(workshop, document))
    return document


@task(name="follow segments over time", cache_policy=NO_CACHE)
def follow_segments(project: str) -> Document:
    with open_workshop(Path(project)) as workshop:
        document = history(workshop, workshop.snapshot("segments").as_of)
        artifacts.publish_history(document, history_charts(workshop, document))
    return document


@task(name="plan", cache_policy=NO_CACHE)
def make_plan(project: str, *, lists: bool, bids: bool, only: Sequence[str] = ()) -> Document:
    with open_workshop(Path(project)) as workshop:
        document = loop.plan(workshop, lists=lists, bids=bids, only=only)
        artifacts.publish_plan(document)
        artifacts.publish_forecast(forecast_charts(workshop, document))
    return document


@task(name="wait for lists", cache_policy=NO_CACHE)
def wait_for_lists(project: str) -> None:
    with open_workshop(Path(project)) as workshop:
        bidding.wait_for_lists(workshop)


@task(name="apply the plan", cache_policy=NO_CACHE)
def apply_plan(project: str, fingerprint: str) -> Document:
    with open_workshop(Path(project)) as workshop:
        document = loop.apply(workshop, fingerprint)
        artifacts.publish_receipts(document)
    return document


@flow(name="refresh", flow_run_name="refresh: exports to segments", log_prints=True)
def refresh(project: str = ".") -> Document:
    """Read the exports, rebuild people and segments."""
    document = rebuild_segments(project)
    artifacts.publish_summary(loop.summary(document))
    return document


@flow(name="follow", flow_run_name="follow: segments over time", log_prints=True)
def follow(project: str = ".") -> Document:
    """Sizes, moves and retention of the segments, out of the orders of the last refresh."""
    return follow_segments(project)


@flow(name="sync", flow_run_name="sync: audiences", log_prints=True)
def sync(project: str = ".", apply: bool = False, only: list[str] | None = None) -> Document:
    """Bring lists, or those in `only`, in step with the segments; a plan alone unless applied."""
    document = make_plan(project, lists=True, bids=False, only=only or ())
    if apply:
        document = {**document, **apply_plan(project, document["fingerprint"])}
    artifacts.publish_summary(loop.summary(document))
    return document


@flow(name="adjust", flow_run_name="adjust: bids", log_prints=True)
def adjust(project: str = ".", apply: bool = False) -> Document:
    """Bring bid corrections in step with the rules; a plan alone unless applied."""
    if apply:
        wait_for_lists(project)
    document = make_plan(project, lists=False, bids=True)
    if apply:
        document = {**document, **apply_plan(project, document["fingerprint"])}
    artifacts.publish_summary(loop.summary(document))
    return document


@task(name="read what was spent", cache_policy=NO_CACHE)
def read_spend(project: str) -> Document:
    with open_workshop(Path(project)) as workshop:
        document = measuring.measure(workshop)
        artifacts.publish_money(document)
        artifacts.publish_matches(document)
    return document


@task(name="draw the report", cache_policy=NO_CACHE)
def draw_report(project: str) -> None:
    with open_workshop(Path(project)) as workshop:
        if workshop.find_snapshot("segments") is None:
            print("No segments yet: the report begins with the first refresh.")
            return
        made = reporting.report(workshop)
        words = words_for(made, workshop.project.adsteer.shop.language)
        drawn = charts(made, words)
        titles = {name: words.text("chart", f"title_{name}") for name in drawn}
        artifacts.publish_report(drawn, titles)


@flow(name="measure", flow_run_name="measure: spend in, results out", log_prints=True)
def measure(project: str = ".") -> Document:
    """Read what was spent and what came of it, by segment; draw the report's pictures."""
    document = read_spend(project)
    draw_report(project)
    return document


@flow(name="steer", flow_run_name="steer: exports to bids", log_prints=True)
def steer(project: str = ".", apply: bool = False) -> Document:
    """The whole loop: refresh, then lists, then what was spent, then bids on it."""
    refreshed = refresh(project)
    lists = sync(project, apply)
    spent = measure(project)
    bids = adjust(project, apply)
    artifacts.publish_summary([*loop.summary(refreshed), *loop.summary(lists), *loop.summary(bids)])
    return {"refresh": refreshed, "sync": lists, "measure": spent, "adjust": bids}
