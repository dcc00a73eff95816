"""One person's explanation on a terminal; no contact is in the document, so none is printed."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import RenderableType

from flows.show import percent, table
from flows.why_not import shown

Document = Mapping[str, Any]

LONG_FIGURE = re.compile(r"\b\d+\.\d{3,}\b")


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
    yield from _silence(document["limits"], document["features"])
    yield _rules(document)
    yield _terms(document)
    yield _features(document)
    if document["overlays"]:
        yield _overlays(document)
    yield _audiences(document)
    yield from _bids(document)


def _other_consents(document: Document) -> str:
    return "".join(f"; to {name}: {said}" for name, said in document["consents"].items())


def _silence(limits: Document, features: Document) -> Iterable[str]:
    """This person's own rhythm, where it ends each state, and where the present silence stands."""
    silent, state = features["recency_days"]["value"], features["state"]["value"]
    if silent is None:
        return
    days = limits["silence_days"]
    if limits["states_by"] == "model":
        alive = features["alive"]["value"]
        chance = "" if alive is None else f": a chance of {alive:.0%} to be a customer still"
        yield f"Silent for {silent} days, so {state}{chance}."
        return
    rhythm = features["rhythm_days"]["value"]
    who = "Usually lets" if features["orders"]["value"] > 1 else "Buyers here usually let"
    own = "" if rhythm is None else f"{who} {rhythm:,.0f} days pass between orders. "
    begins = ", ".join(f"{name} after {number:,.0f}" for name, number in days.items())
    known = f" ({begins} days of silence)" if begins else ""
    coming = [f"{name} after {number:,.0f}" for name, number in days.items() if number > silent]
    then = f"; {coming[0]} days unless a purchase comes first" if coming else ""
    yield f"{own}Silent for {silent} days, so {state}{then}{known}."


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
        f"{'yes' if part['holds'] else 'no '}  {_neat(part['text'])}  "
        f"[dim]({_saw(part['saw'])})[/dim]"
        for part in parts
    )


def _neat(text: str) -> str:
    """A rule with its long figures rounded to cents; the document has them whole."""
    return LONG_FIGURE.sub(lambda found: f"{float(found[0]):.2f}", text)


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
        [one["overlay"], "in" if one["in"] else "not in", _parts(one["parts"]) + _guarded(one)]
        for one in document["overlays"]
    ]
    return table(
        "Overlays", ["overlay", "person is", "what it asked, and what it saw"], rows, left=3
    )


def _guarded(overlay: Document) -> str:
    """The audiences that keep a person out for whom the rule holds."""
    others = overlay["kept_out_by"]
    return f"\nbut left out: is in {', '.join(others)}, which not_in names" if others else ""


def _audiences(document: Document) -> RenderableType:
    rows = [
        [
            one["account"],
            one["audience"],
            "in" if one["in"] else "not in",
            one["standing"] or "–",
            "; ".join(one["why_not"]) or one["because"] or one["rule"],
        ]
        for one in sorted(document["audiences"], key=lambda one: not one["in"])
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
