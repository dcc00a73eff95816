"""The Prefect flows. Each body is a table of contents; the work is in `loop`.

Only names, dates and counts pass between tasks: Prefect stores parameters and results in clear. A
task is a stage, never a person or a batch; what makes a send happen once is the ledger, so no task
is cached, and a stage is tried again for one reason alone: another run has the account.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task
from pydantic import Field

from audiences.decisions import LEAST_REASON, MOST_NAME, MOST_REASON
from audiences.leases import AccountBusy
from flows import (
    approving,
    artifacts,
    bidding,
    freshness,
    journal,
    loop,
    measuring,
    punctuality,
    reporting,
    run_names,
    summaries,
)
from flows.histories import history
from flows.pictures import forecast_charts, history_charts, segments_chart
from flows.report_charts import charts
from flows.report_page import words_for
from flows.workshop import open_workshop

Document = dict[str, Any]

BUSY_TRIES, BUSY_SECONDS = 30, 60
"""A run waits half an hour for another one that has the account."""


def _is_busy(_task: "Task[..., Any]", _run: TaskRun, state: "State[Any]") -> bool:
    return isinstance(state.result(raise_on_failure=False), AccountBusy)


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


@task(
    name="plan",
    cache_policy=NO_CACHE,
    retries=BUSY_TRIES,
    retry_delay_seconds=BUSY_SECONDS,
    retry_condition_fn=_is_busy,
)
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


@task(
    name="apply the plan",
    cache_policy=NO_CACHE,
    retries=BUSY_TRIES,
    retry_delay_seconds=BUSY_SECONDS,
    retry_condition_fn=_is_busy,
)
def apply_plan(project: str, fingerprint: str, *, lists: int = 0) -> Document:
    """Send a plan of so many lists; progress is shown list by list."""
    with (
        artifacts.progress("Lists delivered", steps=lists, counted="plan closed") as checkpoint,
        open_workshop(Path(project), checkpoint=checkpoint) as workshop,
    ):
        document = loop.apply(workshop, fingerprint)
        artifacts.publish_receipts(document)
    return document


@task(
    name="ask a person",
    cache_policy=NO_CACHE,
    retries=BUSY_TRIES,
    retry_delay_seconds=BUSY_SECONDS,
    retry_condition_fn=_is_busy,
)
def ask_person(project: str, document: Document, *, sent: bool) -> list[str]:
    """Have what is held back, or planned alone, wait for a decision; lines of the summary."""
    with open_workshop(Path(project)) as workshop:
        asked = approving.ask(workshop, document, sent=sent)
        if asked is None:
            return []
        question = approving.shown(asked)
    if question["state"] == "waiting":
        artifacts.publish_question(question)
    return artifacts.question_lines(question)


@flow(name="refresh", flow_run_name=run_names.refresh, log_prints=True)
def refresh(project: str = ".") -> Document:
    """Read the exports, rebuild people and segments."""
    if skipped := punctuality.overtaken():
        return skipped
    with _recorded(project, "refresh") as notes:
        notes.document = rebuild_segments(project)
    artifacts.publish_summary([*notes.lines, *summaries.sentences(notes.document)])
    return notes.document


@flow(name="follow", flow_run_name=run_names.follow, log_prints=True)
def follow(project: str = ".") -> Document:
    """Sizes, moves and retention of the segments, out of the orders of the last refresh."""
    if skipped := punctuality.overtaken():
        return skipped
    with _recorded(project, "follow") as notes:
        document = follow_segments(project)
    artifacts.publish_summary([*notes.lines, "Segments over time: see the tables and pictures."])
    return document


@flow(name="sync", flow_run_name=run_names.sync, log_prints=True)
def sync(project: str = ".", apply: bool = False, only: list[str] | None = None) -> Document:
    """Bring lists, or those in `only`, in step with the segments; a plan alone unless applied."""
    if skipped := punctuality.overtaken():
        return skipped
    with _recorded(project, "sync") as notes:
        document = make_plan(project, lists=True, bids=False, only=only or ())
        notes.document, asked = _carried_out(project, document, apply=apply)
    artifacts.publish_summary([*notes.lines, *summaries.sentences(notes.document), *asked])
    return notes.document


@flow(name="adjust", flow_run_name=run_names.adjust, log_prints=True)
def adjust(project: str = ".", apply: bool = False) -> Document:
    """Bring bid corrections in step with the rules; a plan alone unless applied."""
    if skipped := punctuality.overtaken():
        return skipped
    with _recorded(project, "adjust") as notes:
        if apply:
            wait_for_lists(project)
        document = make_plan(project, lists=False, bids=True)
        notes.document, asked = _carried_out(project, document, apply=apply)
    artifacts.publish_summary([*notes.lines, *summaries.sentences(notes.document), *asked])
    return notes.document


@task(name="read what was spent", cache_policy=NO_CACHE)
def read_spend(project: str) -> Document:
    with open_workshop(Path(project)) as workshop:
        document = measuring.measure(workshop)
        artifacts.publish_money(document)
        artifacts.publish_matches(document)
        artifacts.publish_experiments(document)
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


@flow(name="measure", flow_run_name=run_names.measure, log_prints=True)
def measure(project: str = ".") -> Document:
    """Read what was spent and what came of it, by segment; draw the report's pictures."""
    if skipped := punctuality.overtaken():
        return skipped
    with _recorded(project, "measure") as notes:
        document = read_spend(project)
        draw_report(project)
    artifacts.publish_summary([*notes.lines, *artifacts.money_lines(document)])
    return document


@flow(name="steer", flow_run_name=run_names.steer, log_prints=True)
def steer(project: str = ".", apply: bool = False) -> Document:
    """The whole loop: refresh, then lists, then what was spent, then bids on it."""
    if skipped := punctuality.overtaken():
        return skipped
    refreshed = refresh(project)
    lists = sync(project, apply)
    spent = measure(project)
    bids = adjust(project, apply)
    artifacts.publish_summary(
        [*summaries.sentences(refreshed), *summaries.sentences(lists), *summaries.sentences(bids)]
    )
    return {"refresh": refreshed, "sync": lists, "measure": spent, "adjust": bids}


@flow(name="watch", flow_run_name=run_names.watch, log_prints=True)
def watch(project: str = ".") -> list[str]:
    """Look for what gets old and for runs that died, and alert; changes nothing else."""
    with open_workshop(Path(project)) as workshop:
        said = [*journal.bury(workshop), *freshness.watch(workshop)]
    artifacts.publish_summary(said or ["Everything is within its limits."])
    return said


@task(name="record the decision", cache_policy=NO_CACHE)
def record_decision(
    project: str, fingerprint: str, *, approved: bool, who: str, why: str
) -> Document:
    with open_workshop(Path(project)) as workshop:
        answer = approving.accept if approved else approving.reject
        return answer(workshop, fingerprint, who=who, why=why)


@flow(name="decide", flow_run_name=run_names.decide, log_prints=True)
def decide(
    fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{12,64}$")],
    decision: Literal["approve", "reject"],
    who: Annotated[str, Field(min_length=1, max_length=MOST_NAME)],
    reason: Annotated[str, Field(min_length=LEAST_REASON, max_length=MOST_REASON)],
    project: str = ".",
) -> Document:
    """Approve or reject a plan that waits for a person.

    Read the plan first: the artifact of the run that asked, or `adsteer status`. An approval sends
    exactly the plan that was shown; if lists or bids have changed since, nothing is sent.

    Args:
        fingerprint: The plan, as the summary of the run that asked names it.
        decision: approve sends exactly this plan; reject leaves everything as it is.
        who: Your name, for the record.
        reason: Why, in a few words; kept with the decision.
        project: The project's folder on the machine of the worker. Leave it as it is.
    """
    approved = decision == "approve"
    with _recorded(project, "decide") as notes:
        document = record_decision(project, fingerprint, approved=approved, who=who, why=reason)
        if approved:
            lists = len(document["audiences"])
            notes.document = apply_plan(project, document["fingerprint"], lists=lists)
    lines = summaries.sentences(notes.document) if approved else ["Rejected: nothing was changed."]
    artifacts.publish_summary([*notes.lines, *lines])
    return notes.document or document


def _recorded(project: str, name: str) -> AbstractContextManager[journal.Notes]:
    """The run in the journal; its summary begins with how late it is."""
    run = punctuality.this_run()
    punctuality.too_often(run)
    return journal.recorded(project, name, lines=punctuality.lateness(run, datetime.now(UTC)))


def _carried_out(project: str, document: Document, *, apply: bool) -> tuple[Document, list[str]]:
    """Apply the plan if that is wanted, and ask a person about the rest."""
    if apply:
        lists = len(document["audiences"])
        document = {**document, **apply_plan(project, document["fingerprint"], lists=lists)}
    return document, ask_person(project, document, sent=apply)
