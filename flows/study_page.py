"""The study as a page of Markdown: docs/segments.md."""

from collections.abc import Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]


def report(document: Document) -> str:
    """The whole page."""
    lines = [
        "# Segments on real shops",
        "",
        "Made by `adsteer study tests/data --out docs/segments.md`; do not edit. The bases and "
        "their licences are in `tests/data/README.md`.",
        "",
        f"Each snapshot sees only what was known that day. *Bought* is the share of a segment that "
        f"bought in the {document['horizon_days']} days after it, with its 95 % Wilson interval; "
        "*revenue* is what one of its people then spent on average. Segments come with the default "
        "settings. A rate should fall along each of these lines: "
        + "; ".join(" > ".join(line) for line in document["wanted_order"])
        + ".",
    ]
    for base in document["bases"]:
        lines += _base_lines(base, document)
    return "\n".join(lines) + "\n"


def _base_lines(base: Mapping[str, Any], document: Document) -> list[str]:
    lines = [
        "",
        f"## {base['file']}",
        "",
        f"{base['buyers']:,} buyers, {base['occasions']:,} order days, {base['first']} to "
        f"{base['last']}.",
    ]
    for one in base["snapshots"]:
        lines += ["", f"### {one['day']}: {one['people']:,} buyers", "", *_calibration(one), ""]
        lines += ["| segment | people | share | bought | 95 % interval | revenue |"]
        lines += ["|---|---:|---:|---:|---:|---:|"]
        lines += [
            f"| {each['segment']} | {each['people']:,} | {each['share']:.1%} | "
            f"{each['bought']:.1%} | {each['low']:.1%} to {each['high']:.1%} | "
            f"{each['revenue_per_person']:,.1f} |"
            for each in one["segments"]
        ]
        lines += ["", *_order_lines(one["out_of_order"]), *_test_lines(one, document)]
        lines += [f"- Note: {note}" for note in one["notes"]]
    return lines


def _calibration(one: Mapping[str, Any]) -> list[str]:
    limits = ", ".join(str(days) for days in one["limits_days"])
    return [
        f"A first buyer is slipping, asleep and lost after {limits} days of silence; loyal from "
        f"{one['n_loyal']} order days."
    ]


def _order_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return ["- Rates fall along every line on which they should."]
    return [
        f"- Out of order: {row['expected_higher']} {row['shares'][0]:.1%}, "
        f"{row['expected_lower']} {row['shares'][1]:.1%}"
        + (" (the intervals overlap)." if row["intervals_overlap"] else ".")
        for row in rows
    ]


def _test_lines(one: Mapping[str, Any], document: Document) -> list[str]:
    lines = []
    if one["model_faults"]:
        lines.append(f"- No value is predicted: {'; '.join(one['model_faults'])}.")
    value, churn, seed = one["value"], one["churn"], one["seed"]
    if value is not None:
        lines.append(
            f"- Value of the next {value['weeks']} weeks: predicted "
            f"{value['predicted_value']:,.0f}, actual {value['actual_value']:,.0f} (scale "
            f"{value['scale']:.2f}); purchases {value['predicted_purchases']:,.0f} against "
            f"{value['actual_purchases']:,.0f}. The top tenth by prediction held "
            f"{value['top_held']:.1%} of the value, {value['top_lift']:.1f} times a random tenth."
        )
    if churn is not None and churn["auc"] is not None:
        lines.append(
            f"- No purchase in {churn['days']} days: AUC {churn['auc']:.3f} (days of silence "
            f"alone: {churn['auc_of_silence']:.3f}); predicted "
            f"{churn['predicted_quiet']:,.0f} quiet people, actual {churn['quiet']:,}."
        )
    lines.append(
        f"- Seed of the top {document['seed_share']:.0%} by {seed['by'].replace('_', ' ')}: "
        f"{seed['people']:,} people held {seed['value_held']:.1%} of the value of the next "
        f"{document['horizon_days']} days, {seed['lift']:.1f} times a random seed of its size."
    )
    return lines
