"""People, segments and what was read, on a terminal."""

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.table import Table

from flows.show import Document, count, notes, share, signed, table
from flows.show_seeds import seeds
from flows.show_work import work


def begun(document: Document) -> Iterable[RenderableType]:
    """What `init` made, and what to do next."""
    rows = [
        [
            one["path"],
            one["kind"] or "not known",
            one["preset"] or "–",
            str(len(one["columns"])),
            one["said"],
        ]
        for one in document["recognised"]
    ]
    if rows:
        yield table("Files", ["file", "rows are", "preset", "columns", "said"], rows, left=3)
        yield "Set currency and time_zone in adsteer.toml: they are the demo's."
    yield f"A project is in {document['project']}. Look at exports.toml there first, then:"
    yield f"  adsteer check -p {document['project']}\n  adsteer refresh -p {document['project']}"


def checked(document: Document) -> Iterable[RenderableType]:
    yield exports(document)
    yield rejects(document)
    yield people(document)
    yield from audit(document["audit"])
    yield uses(document["uses"])
    rows = [[one["account"], one["platform"], one["said"]] for one in document["accounts"]]
    yield table("Accounts", ["account", "platform", "answer"], rows, left=3)
    yield from (f"API in use: {line}" for line in document["calendar"])
    yield from (f"Soon: {line}" for line in document["warnings"])
    for fault in document["faults"]:
        yield f"To mend: {fault}"
    if not document["faults"]:
        yield "All is well."


def audit(found: Document) -> Iterable[RenderableType]:
    """The base at a glance."""
    rows = [["filled", name, share(part)] for name, part in found["filled"].items()]
    rows += [["people with", kind, share(part)] for kind, part in found["reachable"].items()]
    rows += [["consent", word, share(part)] for word, part in found["consent"].items()]
    for name, said in found["consents"].items():
        rows += [[f"consent {name}", word, share(part)] for word, part in said.items()]
    rows += [["phones", region, count(number)] for region, number in found["phone_regions"].items()]
    rows.append(["stale", f"nothing for {found['stale_days']} days", share(found["stale_share"])])
    rows += [["orders", state, count(number)] for state, number in found["order_states"].items()]
    rows.append(["double", "rows of somebody known", count(found["duplicate_rows"])])
    yield table("The base", ["about", "what", "share or number"], rows, left=2)


def uses(found: Sequence[Document]) -> RenderableType:
    """Whose contacts may go where."""
    rows = [
        [
            one["purpose"],
            one["platform"],
            ", ".join(one["asked"]),
            count(one["people"]),
            share(one["share"]),
        ]
        for one in found
    ]
    headers = ["lists for", "on", "ask for a yes to", "people", "share"]
    return table("Whose contacts may go where", headers, rows, left=3)


def segmented(document: Document) -> Iterable[RenderableType]:
    return [segments(document), *notes(document)]


def refreshed(document: Document) -> Iterable[RenderableType]:
    return [
        exports(document),
        rejects(document),
        people(document),
        "",
        segments(document),
        *notes(document),
        *seeds(document),
        *work(document.get("work")),
    ]


def segments(document: Document) -> Table:
    rows = [
        [
            str(one["label"]),
            name,
            count(one["people"]),
            share(one["share"]),
            count(round(one["revenue"])),
            share(one["revenue_share"]),
            signed(one["change"]),
        ]
        for name, one in document["segments"].items()
    ]
    return table(
        f"Segments on {document['as_of']}: {count(document['people'])} people",
        ["segment", "name", "people", "share", "revenue", "of revenue", "change"],
        rows,
        left=2,
    )


def people(document: Document) -> str:
    found = document["identity"]
    junk = sum(found["junk_keys"].values())
    told = (
        f"{count(found['rows'])} rows are {count(found['people'])} people "
        f"({count(junk)} contacts join nobody: shared, fake or the shop's own; "
        f"{count(found['orders_unattributed'])} orders lead to nobody)."
    )
    return " ".join([told, *_changes(found)])


def _changes(found: Document) -> Iterable[str]:
    """What became of people since the last run, and what was not joined."""
    if merged := found["merged"]:
        yield f"Turned out to be somebody known, and go by the older id: {count(merged)}."
    if split := found["split"]:
        yield f"Were taken for somebody else, and have an id of their own: {count(split)}."
    if doubted := found["conflicts"]:
        yield (
            "Contacts on cards with different ids or names, which join only together with a "
            f"second one: {count(doubted)}."
        )
    if sizes := found.get("too_big"):  # a refresh of an earlier version did not tell
        yield (
            f"Groups of rows too big for one person, joined by external id only: "
            f"{count(len(sizes))}, the largest of {count(sizes[0])} rows."
        )


def exports(document: Document) -> Table:
    rows = [
        [
            one["file"],
            one["kind"],
            count(one["read"]),
            count(one["accepted"]),
            count(one["rejected"]),
        ]
        for one in document["exports"]
    ]
    return table("Exports", ["file", "rows are", "read", "accepted", "rejected"], rows, left=2)


def rejects(document: Document) -> RenderableType:
    if not document["reasons"]:
        return "Every row was accepted."
    rows = [[one["file"], one["reason"], count(one["rows"])] for one in document["reasons"]]
    return table(
        f"Rejected rows, all of them in {document['rejects']}",
        ["file", "reason", "rows"],
        rows,
        left=2,
    )


def forgetting(document: Document) -> Iterable[RenderableType]:
    """Requests to be forgotten and their proofs."""
    if "request" in document:
        yield (
            f"Request {document['request']} is recorded; it leads to {document['people']} people "
            "known now. They leave every list at the next `adsteer apply`; the `adsteer refresh` "
            "after it removes them from all state."
        )
    rows = [
        [
            str(one["request"]),
            one["asked_at"],
            one["done_at"] or "waits for the lists",
            "; ".join(f"{r['account']}/{r['audience']} {r['receipt']}" for r in one["removed"]),
        ]
        for one in document["requests"]
    ]
    yield table("Requests to be forgotten", ["request", "asked", "done", "taken off"], rows, left=4)
