"""Documents as Prefect artifacts: what a marketer reads in the UI. Counts and names, no people."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.settings import PREFECT_UI_URL

LOG = logging.getLogger(__name__)

Document = Mapping[str, Any]


def publish_segments(document: Document, chart: str) -> None:
    """A table of segments, and the chart as a picture."""
    create_table_artifact(
        key="segments",
        description=f"Segments on {document['as_of']}, {document['people']:,} people",
        table=[
            {
                "segment": one["label"],
                "people": one["people"],
                "share, %": round(100 * one["share"], 1),
                "revenue": round(one["revenue"]),
                "of revenue, %": round(100 * one["revenue_share"], 1),
                "change": one["change"],
            }
            for one in document["segments"].values()
        ],
    )
    create_markdown_artifact(
        key="segments-chart", description="Who brings the money", markdown=picture(chart)
    )


def publish_history(document: Document, charts: Mapping[str, str]) -> None:
    """Tables of moves and retention, and every picture of the history."""
    label = document["labels"]
    create_table_artifact(
        key="segment-retention",
        description=f"Bought within {document['retention_days']} days, with 95 % interval",
        table=[
            {
                "day": one["day"],
                "segment": label[one["segment"]],
                "people": one["people"],
                "bought, %": round(100 * one["share"], 1),
                "from, %": round(100 * one["low"], 1),
                "to, %": round(100 * one["high"], 1),
                "target, %": None if one["target"] is None else round(100 * one["target"], 1),
                "verdict": one["verdict"],
            }
            for one in document["retention"]
        ],
    )
    create_table_artifact(
        key="segment-migration",
        description=f"Moves from {document['migration']['from']} to {document['migration']['to']}",
        table=[
            {
                "was": label.get(one["before"], "entered"),
                "is": label.get(one["after"], "left"),
                "people": one["people"],
                "of the row, %": None if one["share"] is None else round(100 * one["share"], 1),
            }
            for one in document["migration"]["moves"]
        ],
    )
    for name, svg in charts.items():
        create_markdown_artifact(
            key=f"{name}-chart", description=name.replace("-", " "), markdown=picture(svg)
        )


def publish_exports(document: Document) -> None:
    """What was read, and which rows were refused for what."""
    keys = ("file", "kind", "read", "accepted", "rejected")
    create_table_artifact(
        key="exports",
        description="Exports: read = accepted + rejected",
        table=[{key: one[key] for key in keys} for one in document["exports"]],
    )
    create_table_artifact(
        key="rejected-rows", description="Refused rows by reason", table=list(document["reasons"])
    )


def publish_plan(document: Document) -> None:
    """What would change: lists, then corrections."""
    mark = document["fingerprint"][:12]
    create_table_artifact(
        key="audience-plan",
        description=f"Audience plan {mark}",
        table=[
            {**one, "refused_by": "; ".join(refusal["text"] for refusal in one["refused_by"])}
            for one in document["audiences"]
        ],
    )
    create_table_artifact(
        key="bid-plan",
        description=f"Bid plan {mark}, per cent against neutral",
        table=[
            {**one, "refused_by": "; ".join(refusal["text"] for refusal in one["refused_by"])}
            for one in document["bids"]
        ],
    )


def publish_forecast(charts: list[str]) -> None:
    """What a bid plan is expected to do; nothing where nothing was spent yet."""
    if charts:
        create_markdown_artifact(
            key="bid-forecast",
            description="Spend and revenue, now and with the plan",
            markdown="\n\n".join(picture(chart) for chart in charts),
        )


def publish_receipts(document: Document) -> None:
    """What the platforms said."""
    create_table_artifact(
        key="audience-receipts",
        description="Receipts: people per list",
        table=list(document["receipts"]["audiences"]),
    )
    create_table_artifact(
        key="bid-receipts",
        description="Receipts: corrections",
        table=list(document["receipts"]["bids"]),
    )


def publish_money(document: Document) -> None:
    """Cost share per segment, account by account."""
    create_table_artifact(
        key="money",
        description=f"Spend and what came of it, {document['first']} to {document['last']}",
        table=[
            {"account": account["account"], "segment": name, **one}
            for account in document["accounts"]
            for name, one in [*account["segments"].items(), ("all", account["all"])]
        ],
    )


def publish_matches(document: Document) -> None:
    """Accepted against matched, list by list."""
    create_table_artifact(
        key="matches",
        description="People accepted into each list, and people the platform recognised",
        table=list(document["matches"]),
    )


def publish_experiments(document: Document) -> None:
    """What experiments found, where there are any."""
    if document["experiments"]:
        shown = ("name", "segment", "treated", "held", "days", "verdict", "text", "hypothesis")
        create_table_artifact(
            key="experiments",
            description="Lift of the treated over the held, at planned looks",
            table=[{name: one[name] for name in shown} for one in document["experiments"]],
        )


def publish_report(charts: Mapping[str, str], titles: Mapping[str, str]) -> None:
    """The report's pictures, under the titles they have on its page."""
    for name, svg in charts.items():
        create_markdown_artifact(
            key=f"report-{name}", description=titles[name], markdown=picture(svg)
        )


def money_lines(document: Document) -> list[str]:
    """What was spent and earned, account by account."""
    lines = [f"Spend and what came of it, {document['first']} to {document['last']}:"]
    for one in document["accounts"]:
        money, missing = one["all"], len(one["missing_days"])
        share = "" if money["drr"] is None else f", cost share {100 * money['drr']:.1f} %"
        late = f" {missing} days are not reported yet." if missing else ""
        lines.append(
            f"{one['account']}: cost {money['cost']:,.0f}, revenue {money['revenue']:,.0f}"
            f"{share}.{late}"
        )
    return lines if document["accounts"] else ["No account reports what was spent."]


def publish_question(question: Document) -> None:
    """The plan that waits, in lines a person can decide on, with the link to the form."""
    mark = question["fingerprint"][:12]
    lines = [f"## Plan {mark} waits for a decision", ""]
    lines += [f"- {line}" for line in question["summary"]]
    lines += ["", *question_lines(question)]
    create_markdown_artifact(
        key="waits-for-a-person",
        description=f"Plan {mark} waits for a decision",
        markdown="\n".join(lines),
    )


def question_lines(question: Document) -> list[str]:
    """What the summary says of a question."""
    mark, state = question["fingerprint"][:12], question["state"]
    if state != "waiting":
        return [f"Plan {mark} was {state} by {question['who']}: {question['why']}"]
    form = decision_form(question["fingerprint"])
    way = f"[approve or reject it]({form})" if form else f"`adsteer approve {mark}`"
    until = f"{datetime.fromisoformat(question['until']):%Y-%m-%d %H:%M %Z}"
    return [f"Plan {mark} waits for a person until {until}: {way}."]


def decision_form(fingerprint: str) -> str | None:
    """Address of the form in Prefect's UI, filled in as far as known; None without a server."""
    address = PREFECT_UI_URL.value()
    try:
        with get_client(sync_client=True) as client:
            found = client.read_deployment_by_name("decide/decide")
    except ObjectNotFound:
        return None  # nothing is deployed where this runs, as in the demo
    if not address:
        return None
    given = quote(json.dumps({"fingerprint": fingerprint}))
    return f"{address}/deployments/deployment/{found.id}/run?parameters={given}"


@contextmanager
def progress(what: str, *, steps: int, counted: str) -> Iterator[Callable[[str], None]]:
    """A progress bar in the UI; yields a checkpoint that counts the steps of one name.

    What a bar says is worth no delivery: if Prefect does not take it, that is logged, no more.
    """
    if not steps:
        yield lambda _step: None
        return
    bar, done = create_progress_artifact(progress=0.0, key="progress", description=what), [0]
    if not isinstance(bar, UUID):
        raise AssertionError("the progress bar was not made at once")

    def count(step: str) -> None:
        if step != counted:
            return
        done[0] += 1
        share = min(100.0, 100 * done[0] / steps)
        try:
            update_progress_artifact(bar, progress=share, description=f"{what}: {done[0]}")
        except (httpx.HTTPError, PrefectException) as error:
            LOG.warning("progress was not shown: %s", type(error).__name__)

    yield count


def publish_summary(lines: list[str]) -> None:
    """The few sentences on top of a run."""
    create_markdown_artifact(
        key="summary", description="Summary", markdown="\n".join(f"- {line}" for line in lines)
    )


def picture(svg: str) -> str:
    """SVG as Markdown: both UIs strip inline SVG but show it as a data URI."""
    import base64

    encoded = base64.b64encode(svg.encode()).decode()
    return f"![chart](data:image/svg+xml;base64,{encoded})"
