"""Charts of a run, drawn from its documents and kept in the state folder."""

from pathlib import Path

from audiences.snapshots import private_folder
from flows.documents import Document
from flows.workshop import Workshop

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
    path = chart_file(workshop)
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


def chart_file(workshop: Workshop) -> Path:
    """Where the chart of segments is kept."""
    return workshop.state / "reports" / "segments.svg"
