"""Documents as Prefect artifacts: what a marketer reads in the UI. Counts and names, no people."""

from collections.abc import Mapping
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

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


def publish_report(charts: Mapping[str, str], titles: Mapping[str, str]) -> None:
    """The report's pictures, under the titles they have on its page."""
    for name, svg in charts.items():
        create_markdown_artifact(
            key=f"report-{name}", description=titles[name], markdown=picture(svg)
        )


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
