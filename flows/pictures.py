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


def chart_file(workshop: Workshop) -> Path:
    """Where the chart of segments is kept."""
    return workshop.state / "reports" / "segments.svg"
