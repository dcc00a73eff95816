"""Charts of a run, drawn from its documents and kept in the state folder."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from audiences.snapshots import private_folder
from flows.documents import Document
from flows.workshop import Workshop

if TYPE_CHECKING:
    from measurement.history_charts import RetentionBar

ORDER = (
    "vip",
    "vip_at_risk",
    "loyal",
    "at_risk",
    "promising",
    "new",
    "drifting",
    "sleeping",
    "lost",
    "registered",
    "sleeping_registered",
)
"""From those who bring most to those who bring nothing yet."""


def segments_chart(workshop: Workshop, document: Document) -> str:
    """Who the people are, who brings the money, where bids go, as SVG; also kept as a file."""
    # Matplotlib takes half a second to import and most commands draw nothing.
    from measurement.charts import SegmentBar, segment_chart

    fixed = {
        rule.segment: rule.correction
        for rule in workshop.project.bid_rules.rule
        if isinstance(rule.correction, int)
    }
    bars = [
        SegmentBar(
            label=document["segments"][name]["label"],
            people_share=document["segments"][name]["share"],
            revenue_share=document["segments"][name]["revenue_share"],
            correction=fixed.get(name),
        )
        for name in ORDER
    ]
    shop = workshop.project.adsteer.shop.name
    svg = segment_chart(
        bars, title=f"{shop} on {document['as_of']}: people, money, and where bids go"
    )
    return _kept(workshop, "segments", svg)


def history_charts(workshop: Workshop, document: Document) -> dict[str, str]:
    """The pictures of a history document as SVG, by name; also kept as files."""
    from measurement.history_charts import (
        concentration_chart,
        migration_chart,
        retention_chart,
        sizes_chart,
    )

    label = {name: workshop.project.label(name) for name in ORDER}
    sizes, moves = document["sizes"], document["migration"]
    charts = {
        "segment-sizes": sizes_chart(
            [date.fromisoformat(one["day"]) for one in sizes],
            {label[name]: [one["people"][name] for one in sizes] for name in ORDER},
            title=f"People of each segment, {sizes[0]['day']} to {sizes[-1]['day']}",
        ),
        "segment-migration": migration_chart(
            [label[name] for name in ORDER],
            _shares(moves["moves"]),
            title=f"Who moved where, {moves['from']} to {moves['to']}",
        ),
        "value-concentration": concentration_chart(
            document["concentration"], title=_few_bring_most(document["concentration"])
        ),
    }
    rates = _latest_rates(document, label)
    if rates:
        day = document["retention"][-1]["day"]
        charts["segment-retention"] = retention_chart(
            rates, title=f"Bought within {document['retention_days']} days after {day}"
        )
    return {name: _kept(workshop, name, svg) for name, svg in charts.items()}


def _few_bring_most(points: Sequence[tuple[float, float]]) -> str:
    held = dict(points).get(0.2)
    return (
        "How revenue is spread over buyers"
        if held is None
        else f"The best fifth of the buyers brings {held:.0%} of the revenue"
    )


def _latest_rates(document: Document, label: Mapping[str, str]) -> "list[RetentionBar]":
    from measurement.history_charts import RetentionBar

    rows = document["retention"]
    latest = {one["segment"]: one for one in rows if one["day"] == rows[-1]["day"]}
    return [
        RetentionBar(
            label[name], one["people"], one["share"], one["low"], one["high"], one["target"]
        )
        for name in ORDER
        if (one := latest.get(name)) is not None
    ]


def _shares(moves: Sequence[Document]) -> list[list[float | None]]:
    """Rows and columns in ORDER; None where nobody was in the row's segment."""
    shares = {(one["before"], one["after"]): one["share"] for one in moves}
    rows = {before for before, _ in shares}
    return [
        [shares.get((before, after), 0.0) if before in rows else None for after in ORDER]
        for before in ORDER
    ]


def _kept(workshop: Workshop, name: str, svg: str) -> str:
    path = chart_file(workshop, name)
    private_folder(path.parent)
    path.touch(mode=0o600)
    path.write_text(svg, encoding="utf-8")
    return svg


def forecast_charts(workshop: Workshop, document: Document) -> list[str]:
    """A chart of each account's forecast, as SVG; none where nothing was spent yet."""
    from measurement.charts import ForecastBar, forecast_chart

    told = document.get("outlook", {}).get("forecast", ())
    return [
        forecast_chart(
            [
                ForecastBar(
                    label=workshop.project.label(one["segment"]).replace("_", " "),
                    spend_now=one["present"]["spend"]["expected"],
                    spend_then=one["wanted"]["spend"]["expected"],
                    revenue_now=one["present"]["revenue"]["expected"],
                    revenue_then=one["wanted"]["revenue"]["expected"],
                    revenue_low=one["wanted"]["revenue"]["low"],
                    revenue_high=one["wanted"]["revenue"]["high"],
                )
                for one in account["segments"]
            ],
            title=f"Forecast for {account['account']}, {account['days']} days",
            note="The black line holds 80 % of what revenue may be.",
        )
        for account in told
        if account["segments"]
    ]


def chart_file(workshop: Workshop, name: str = "segments") -> Path:
    """Where a chart is kept."""
    return workshop.state / "reports" / f"{name}.svg"
