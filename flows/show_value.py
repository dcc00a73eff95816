"""The value document on a terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import RenderableType

from flows.show import count, share, table

Document = Mapping[str, Any]


def valued(document: Document) -> Iterable[RenderableType]:
    """Predicted against actual, churn, seeds."""
    yield (
        f"[bold]Predicted on {document['from']}, held against what happened to "
        f"{document['to']}[/bold]"
    )
    if document["faults"]:
        yield f"No value is predicted: {'; '.join(document['faults'])}."
    else:
        yield _calibration(document)
        yield from _sentences(document)
    if document["seeds"]:
        yield _seeds(document)


def _calibration(document: Document) -> RenderableType:
    one = document["value"]
    rows = [
        [what, count(round(one[f"predicted_{key}"])), count(round(one[f"actual_{key}"]))]
        for what, key in (
            ("purchases", "purchases"),
            (f"value, {document['currency']}", "value"),
        )
    ]
    return table(f"{document['weeks']} weeks", ["", "predicted", "actual"], rows, left=1)


def _sentences(document: Document) -> Iterable[str]:
    one, churn = document["value"], document["churn"]
    yield (
        f"Actual over predicted value: {one['scale']:.2f}. The top {share(one['top_share'])} by "
        f"prediction held {share(one['top_held'])} of the value, {one['lift']:.1f} times a random "
        "set of that size."
    )
    if churn["auc"] is not None:
        yield (
            f"No purchase in {churn['days']} days: AUC {churn['auc']:.3f}, by days of silence "
            f"alone {churn['auc_of_silence']:.3f}; {count(round(churn['predicted_quiet']))} quiet "
            f"people predicted, {count(churn['quiet'])} were."
        )


def _seeds(document: Document) -> RenderableType:
    rows = [
        [
            one["audience"],
            one["measured_by"],
            count(one["people"]),
            share(one["value_held"]),
            f"{one['lift']:.1f}",
            "–" if one["age_days"] is None else f"{one['age_days']} d, {one['freshness']}",
        ]
        for one in document["seeds"]
    ]
    return table(
        f"Seeds as they would have been picked on {document['from']}",
        ["seed", "by", "people", "held of the value", "times random", "age now"],
        rows,
        left=2,
    )
