"""What was sent, answered and taken back, on a terminal."""

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.table import Table

from flows.show import Document, count, percent, share, table
from flows.show_plan import audience_plan, bid_plan, exclusions, held, lookalikes


def applied(document: Document) -> Iterable[RenderableType]:
    receipts_of = document["receipts"]
    if any(one["accepted"] or one["said"] for one in receipts_of["audiences"]):
        yield receipts(document)
    if receipts_of["lookalikes"]:
        yield lookalikes(document)
    if receipts_of.get("exclusions"):
        yield exclusions(document)
    if receipts_of["bids"]:
        yield bid_receipts(document)
    yield from held(document)


def receipts(document: Document) -> Table:
    figures = ("accepted", "refused", "unsure", "waiting")
    rows = [
        [
            one["account"],
            one["audience"],
            one["list_id"] or "–",
            one["outcome"],
            *(count(one[figure]) for figure in figures),
            one["said"],
        ]
        for one in document["receipts"]["audiences"]
    ]
    made = table(
        "Receipts, people per list",
        ["account", "audience", "list", "outcome", *figures, "said"],
        rows,
        left=4,
    )
    made.columns[-1].justify = "left"
    return made


def bid_receipts(document: Document) -> Table:
    figures = ("accepted", "refused", "unsure")
    rows = [
        [
            one["account"],
            f"{one['level']} {one['object']}",
            one["segment"],
            *(count(one[figure]) for figure in figures),
            one["reason"] or one["warning"],
        ]
        for one in document["receipts"]["bids"]
    ]
    made = table(
        "Receipts, corrections",
        ["account", "where", "segment", *figures, "said"],
        rows,
        left=3,
    )
    made.columns[-1].justify = "left"
    return made


def matches(looks: Sequence[Document]) -> Table:
    """Accepted against matched, list by list."""
    rows = [
        [
            one["account"],
            one["audience"],
            *(count(one[figure]) for figure in ("members", "size", "matched")),
            "–" if one["share"] is None else share(one["share"]),
            one["said"],
        ]
        for one in looks
    ]
    head = ["account", "list", "accepted", "platform counts", "recognised", "share", "state"]
    return table("Accepted and recognised", head, rows, left=2)


def told(document: Document) -> Iterable[RenderableType]:
    """The stories of lists."""
    for one in document["lists"]:
        name = f"{one['account']}/{one['audience']}"
        yield f"[bold]{name}[/bold] list {one['list_id'] or '–'}: {one['state']}."
        if one["old_list"]:
            yield f"  The list it replaced, {one['old_list']}, is still on the platform."
        for event in one["events"]:
            plan = f" (plan {event['plan']})" if event["plan"] else ""
            yield f"  {event['at']}  {event['text']}{plan}"


def adopted(document: Document) -> Iterable[RenderableType]:
    """A list that was taken over."""
    name = f"{document['account']}/{document['audience']}"
    size = f" with {count(document['size'])} members" if document["size"] is not None else ""
    yield f"{name} is list {document['list_id']}{size}; removals are {document['removals']}."
    yield "Members that were not sent by adsteer stay in it, whatever happens."


def rebuilt(document: Document) -> Iterable[RenderableType]:
    """How far a rebuild came."""
    if "audiences" in document:
        yield audience_plan(document)
        yield from held(document)
    made = document.get("rebuilt")
    if made is None:
        yield "The new list could not be filled; the old one serves on."
        return
    name = f"{made['account']}/{made['audience']}"
    yield f"{name} is list {made['list_id'] or '–'}: {made['said']}."
    if made["kept"] and made["swapped"]:
        yield f"List {made['kept']} is kept. When nothing uses it: adsteer rebuild --delete-old"


def deleted(document: Document) -> Iterable[RenderableType]:
    """A list that is gone from its platform."""
    name = f"{document['account']}/{document['audience']}"
    yield f"{name}: list {', '.join(document['deleted'])} ({document['title']}) is deleted."


def undone(document: Document) -> Iterable[RenderableType]:
    yield bid_plan(document)
    if document["receipts"]["bids"]:
        yield bid_receipts(document)
    else:
        yield "Nothing to take back: the platforms already stand there."


def bid_history(document: Document) -> Iterable[RenderableType]:
    rows = [
        [
            one["at"][:16].replace("T", " "),
            one["account"],
            f"{one['level']} {one['object']}",
            one["segment"],
            f"{percent(one['from'])} -> {percent(one['to'])}",
            one["outcome"],
            one["run"] or one["plan"][:12],
            one["approved_by"] or "",
        ]
        for one in document["bids"]
    ]
    columns = ["when", "account", "where", "segment", "change", "outcome", "run", "let pass by"]
    yield table("Bid corrections, oldest first", columns, rows, left=8)
