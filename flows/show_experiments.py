"""Experiments and hypotheses on a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from flows.show import count, table

Document = Mapping[str, Any]
NOTHING = "Nothing is tried: see experiments.toml, and [holdout] of audiences.toml."


def _lift(number: float | None) -> str:
    return "–" if number is None else f"{100 * number:+.1f} %"


def _plain_share(number: float | None) -> str:
    return "–" if number is None else f"{100 * number:.1f} %"


def written(document: Document) -> Iterable[RenderableType]:
    """What is tried, and what is believed."""
    if not document["experiments"]:
        yield NOTHING
    else:
        rows = [
            [
                one["name"],
                ", ".join(one["segments"]) or "everybody",
                one["metric"],
                one["starts"],
                one["ends"],
                _plain_share(one["share"]),
            ]
            for one in document["experiments"]
        ]
        yield table(
            "Experiments", ["name", "segments", "metric", "starts", "ends", "held"], rows, left=5
        )
    yield from _hypotheses(document)


def powers(document: Document) -> Iterable[RenderableType]:
    """What every experiment can show."""
    if not document["powers"]:
        yield NOTHING
        return
    rows = [
        [
            one["name"],
            one["segment"],
            count(one["treated"]),
            count(one["held"]),
            _lift(one["expected_lift"]),
            _lift(one["visible_lift"]),
            count(one["needed_held"]),
            "yes" if one["enough"] else "no",
        ]
        for one in document["powers"]
    ]
    yield table(
        "What experiments can show, as these people bought before",
        ["name", "segment", "treated", "held", "expected", "visible", "held needed", "enough"],
        rows,
        left=2,
    )


def found(document: Document) -> Iterable[RenderableType]:
    """What every experiment found."""
    if not document["results"]:
        yield NOTHING
        return
    yield compared(document["results"])
    yield from _hypotheses(document)


def compared(results: Sequence[Document]) -> Table:
    """The treated against the held, a line per experiment and segment."""
    rows = [
        [
            one["name"],
            one["segment"],
            count(one["treated"]),
            count(one["held"]),
            f"{one['days']} of {one['planned_days']}",
            one["verdict"],
            one["text"],
        ]
        for one in results
    ]
    made = table(
        "Lift of the treated over the held",
        ["name", "segment", "treated", "held", "days", "verdict", "what it says"],
        rows,
        left=2,
    )
    for column in made.columns[-2:]:
        column.justify = "left"
    return made


def _hypotheses(document: Document) -> Iterable[RenderableType]:
    if document["hypotheses"]:
        rows = [
            [one["name"], one["sentence"], one["experiment"] or "–", one["verdict"]]
            for one in document["hypotheses"]
        ]
        yield table(
            "Hypotheses", ["name", "what is believed", "decided by", "verdict"], rows, left=4
        )


def rehearsed(document: Document) -> Iterable[RenderableType]:
    """What was found of a market's truth, and what the corrections made of it."""
    made = document["corrections"]
    rows = [
        [
            one["segment"],
            _plain_share(one["truth"]),
            _between(one),
            _plain_share(one["used"]),
            f"{made['percents'][one['segment']]:+d} %",
        ]
        for one in document["shares"]
    ]
    yield table(
        f"{document['weeks']} weeks of a made-up market: revenue that ads really bring",
        ["segment", "truth", "measured, 95 %", "used", "correction then"],
        rows,
        left=1,
    )
    before = " (rehearsed in an earlier run)" if document.get("earlier") else ""
    yield (
        f"At the same spend, {made['spend']:,.0f} a week, the corrections bring "
        f"{made['value']:,.0f} of revenue that would not be there without ads, against "
        f"{made['value_without']:,.0f} if every list had the same bid: {made['gain']:+.1%}. "
        f"What is left after the ads: {made['profit']:,.0f} against "
        f"{made['profit_without']:,.0f}{before}."
    )


def _between(one: Document) -> str:
    if one["measured"] is None:
        return "not told"
    reach = 1.96 * one["standard_error"]
    low, high = max(one["measured"] - reach, 0.0), one["measured"] + reach
    return f"{100 * one['measured']:.0f} % ({100 * low:.0f} … {100 * high:.0f})"
