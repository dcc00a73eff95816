"""One person's explanation on a terminal; no contact is in the document, so none is printed."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import RenderableType

from flows.explaining import shown
from flows.show import percent, table

Document = Mapping[str, Any]


def explained(document: Document) -> Iterable[RenderableType]:
    """Segment and rules first, then features, audiences and bids."""
    own = document["segment"]
    came = f", before that {own['previous']}" if own["previous"] else ""
    by = {"first_seen": "first seen", "purchase": "by a purchase", "silence": "by silence"}
    since = f"for {own['days']} days ({by.get(own['entered_by'], 'unknown')}{came})"
    held = "; held out on purpose" if document["held_out"] else ""
    yield (
        f"[bold]Person {document['person']}[/bold] on {document['as_of']}: "
        f"[bold]{own['label']}[/bold] ({own['name']}) {since}. "
        f"Consent to ads: {document['consent']}{_other_consents(document)}{held}."
    )
    yield from _next(document["limits"], document["features"])
    yield _rules(document)
    yield _terms(document)
    yield _features(document)
    if document["overlays"]:
        yield _overlays(document)
    yield _audiences(document)
    yield from _bids(document)


def _other_consents(document: Document) -> str:
    return "".join(f"; to {name}: {said}" for name, said in document["consents"].items())


def _next(limits: Document, features: Document) -> Iterable[str]:
    """Where this person's own rhythm ends each state."""
    silent = features["recency_days"]["value"]
    for state, days in limits["silence_days"].items():
        if silent is not None and days > silent:
            yield (
                f"Silent for {silent} days; {state} after {days:,.0f} days of silence "
                "unless a purchase comes first."
            )
            return


def _rules(document: Document) -> RenderableType:
    rows = [
        [one["label"], one["segment"], "decides" if one["decided"] else "no", _parts(one["parts"])]
        for one in document["rules"]
    ]
    return table(
        "Why this segment: the rules in their order, the first that holds decides",
        ["segment", "name", "holds", "what it asked, and what it saw"],
        rows,
        left=4,
    )


def _terms(document: Document) -> RenderableType:
    rows = [
        [one["term"], "yes" if one["holds"] else "no", _parts(one["parts"])]
        for one in document["terms"]
    ]
    return table(
        "What is behind it", ["term", "holds", "what it asks, and what it saw"], rows, left=3
    )


def _parts(parts: Iterable[Document]) -> str:
    return "\n".join(
        f"{'yes' if part['holds'] else 'no '}  {part['text']}  [dim]({_saw(part['saw'])})[/dim]"
        for part in parts
    )


def _saw(saw: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {shown(value)}" for name, value in saw.items())


def _features(document: Document) -> RenderableType:
    rows = [
        [name, shown(one["value"]), one["unit"], one["description"]]
        for name, one in document["features"].items()
        if one["value"] is not None
    ]
    made = table("Features that are known", ["feature", "value", "unit", "meaning"], rows, left=4)
    made.columns[1].justify = "right"
    return made


def _overlays(document: Document) -> RenderableType:
    rows = [
        [one["overlay"], "in" if one["in"] else "not in", _parts(one["parts"])]
        for one in document["overlays"]
    ]
    return table(
        "Overlays", ["overlay", "person is", "what it asked, and what it saw"], rows, left=3
    )


def _audiences(document: Document) -> RenderableType:
    rows = [
        [
            one["account"],
            one["audience"],
            "in" if one["in"] else "not in",
            one["standing"] or "–",
            "; ".join(one["why_not"]) or one["because"] or one["rule"],
        ]
        for one in document["audiences"]
    ]
    return table("Audiences", ["account", "audience", "person is", "sent", "why"], rows, left=5)


def _bids(document: Document) -> Iterable[RenderableType]:
    rows = [
        [
            one["account"],
            one["segment"],
            percent(one["correction"])
            if isinstance(one["correction"], int)
            else str(one["correction"]),
            ", ".join(f"{where} {percent(value)}" for where, value in one["set"].items()) or "–",
        ]
        for one in document["bids"]
    ]
    if not rows:
        yield "No bid correction acts on this person."
        return
    yield table("Bids that follow", ["account", "list", "rule", "set on"], rows, left=4)
