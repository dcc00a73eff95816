"""Documents as tables on a terminal. Everything printed here comes from the JSON document."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table

Document = Mapping[str, Any]


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]], *, left: int) -> Table:
    """A table whose first `left` columns are text, the rest right-aligned figures."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    for position, name in enumerate(columns):
        made.add_column(name, justify="left" if position < left else "right")
    for row in rows:
        made.add_row(*row)
    return made


def count(number: int | None) -> str:
    """4,372, and a dash for nothing."""
    return "–" if number is None else f"{number:,}"


def share(number: float) -> str:
    return f"{100 * number:.1f} %"


def signed(number: int | None) -> str:
    """+12, -3, and a dash for nothing known."""
    return "–" if number is None else f"{number:+,}"


def percent(number: int | None) -> str:
    """A correction: +50 %, 0 %, and a dash where there is none."""
    return "–" if number is None else f"{number:+d} %" if number else "0 %"


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


def audience_plan(document: Document) -> Table:
    figures = ("add", "remove", "change", "renew", "keep")
    rows = [
        [
            one["account"],
            one["audience"],
            one["purpose"],
            *(count(one[figure]) for figure in figures),
            "; ".join(one_text["text"] for one_text in (*one["refused_by"], *one["waiting"])),
        ]
        for one in document["audiences"]
    ]
    made = table(
        f"Audience plan {document['fingerprint'][:12]}",
        ["account", "audience", "purpose", *figures, "waits or is held back"],
        rows,
        left=3,
    )
    made.columns[-1].justify = "left"
    return made


def bid_plan(document: Document) -> Table:
    rows = [
        [
            one["account"],
            f"{one['level']} {one['object']}",
            one["segment"],
            one["action"] if not one["refused_by"] else "held back",
            percent(one["present"]),
            percent(one["wanted"]),
            "; ".join([*(refused["text"] for refused in one["refused_by"]), one["reason"]]).strip(
                "; "
            ),
        ]
        for one in document["bids"]
    ]
    made = table(
        f"Bid plan {document['fingerprint'][:12]}",
        ["account", "where", "segment", "action", "now", "wanted", "why"],
        rows,
        left=4,
    )
    made.columns[-1].justify = "left"
    return made


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


def console(*, quiet: bool = False) -> Console:
    """Standard output, wide enough for a plan where nobody looks (pipes, CI)."""
    made = Console(quiet=quiet, soft_wrap=False)
    return made if made.is_terminal else Console(quiet=quiet, width=140)


def lookalikes(document: Document) -> Table:
    grown = document.get("receipts", document)["lookalikes"]
    rows = [
        [
            one["account"],
            one["audience"],
            str(one["reach"]),
            one["title"],
            one.get("outcome", one["action"]),
            one.get("said", ""),
        ]
        for one in grown
    ]
    return table(
        "Look-alikes, grown from seeds of high-LTV buyers",
        ["account", "seed", "reach", "title", "state", "said"],
        rows,
        left=6,
    )


def people(document: Document) -> str:
    found = document["identity"]
    junk = sum(found["junk_keys"].values())
    return (
        f"{count(found['rows'])} rows are {count(found['people'])} people "
        f"({count(junk)} contacts join nobody: shared, fake or the shop's own; "
        f"{count(found['orders_unattributed'])} orders lead to nobody)."
    )


def seeds(document: Document) -> list[str]:
    return [
        f"Seed {name}: {count(one['people'])} people, {share(one['share'])} of the base, "
        f"each worth {count(round(one['floor']))} {document['currency']} or more "
        f"by {one['measured_by']}."
        for name, one in document["seeds"].items()
    ]


def notes(document: Document) -> list[str]:
    return [f"Note: {note}" for note in document["notes"]]


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
    ]


def planned(document: Document) -> Iterable[RenderableType]:
    yield audience_plan(document)
    if document["lookalikes"]:
        yield lookalikes(document)
    yield bid_plan(document)
    yield from ahead(document)
    yield from notes(document)
    yield from held(document)
    yield (f"Nothing was sent. To send exactly this: adsteer apply {document['fingerprint'][:12]}")


def held(document: Document) -> Iterable[str]:
    """What waits or is refused, in sentences."""
    for one in document["audiences"]:
        for waiting in one["waiting"]:
            yield f"Waiting: {one['account']}/{one['audience']}: {waiting['text']}"
    if any(one["refused_by"] for one in (*document["audiences"], *document["bids"])):
        yield (
            "Guards hold something back. If the figures are right: adsteer approve "
            f"{document['fingerprint'][:12]} --who NAME --why REASON"
        )


def applied(document: Document) -> Iterable[RenderableType]:
    receipts_of = document["receipts"]
    if any(one["accepted"] or one["said"] for one in receipts_of["audiences"]):
        yield receipts(document)
    if receipts_of["lookalikes"]:
        yield lookalikes(document)
    if receipts_of["bids"]:
        yield bid_receipts(document)
    yield from held(document)


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


def audit(found: Document) -> Iterable[RenderableType]:
    """The base at a glance."""
    rows = [["filled", name, share(part)] for name, part in found["filled"].items()]
    rows += [["people with", kind, share(part)] for kind, part in found["reachable"].items()]
    rows += [["consent", word, share(part)] for word, part in found["consent"].items()]
    for name, said in found["consents"].items():
        rows += [[f"consent {name}", word, share(part)] for word, part in said.items()]
    rows += [["phones", region, count(number)] for region, number in found["phone_regions"].items()]
    rows.append(["stale", f"nothing for {found['stale_days']} days", share(found["stale_share"])])
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


def demonstrated(document: Document) -> Iterable[RenderableType]:
    """The end of the demo: what came in, who people are, what was sent, where to look next."""
    from flows.loop import summary

    yield from refreshed(document["refresh"])
    yield audience_plan(document["sync"])
    yield from applied(document["sync"])
    yield from measured(document["measure"])
    yield bid_plan(document["adjust"])
    yield from ahead(document["adjust"])
    yield from applied(document["adjust"])
    if "market" in document:
        from flows.show_experiments import rehearsed

        yield from rehearsed(document["market"])
    yield ""
    for part in ("refresh", "sync", "adjust"):
        for line in summary(document[part]):
            yield f"[bold]{part}[/bold]: {line}"
    folder = document["project"]
    rehearsal = document.get("market", {}).get("report")
    market = f"  of the rehearsal   {rehearsal}\n" if rehearsal else ""
    yield (
        "\n[bold]Where to look and what next[/bold]\n"
        f"  the rules          {folder}/*.toml\n"
        f"  what it earned     {document['report']}   (open it in a browser)\n"
        f"{market}"
        f"  a picture          {document['chart']}\n"
        f"  the refused rows   {folder}/{document['refresh']['rejects']}\n"
        "  once more          make demo   (sends nothing: everything is in step)\n"
        f"  change a rule      edit {folder}/bid_rules.toml, then make demo\n"
        "  your own export    .venv/bin/adsteer init my-shop   (README, five minutes)"
    )


def measured(document: Document) -> Iterable[RenderableType]:
    """What was spent and what came of it, per account and segment."""
    figures = ("clicks", "conversions", "revenue", "cost", "drr", "cpo")
    for account in document["accounts"]:
        rows = [
            [name, *(amount(one[figure]) for figure in figures)]
            for name, one in [*account["segments"].items(), ("all", account["all"])]
        ]
        yield table(
            f"{account['account']}, {document['first']} to {document['last']}",
            ["segment", "clicks", "conversions", "revenue", "cost", "DRR, %", "CPO"],
            rows,
            left=1,
        )
        if account["missing_days"]:
            yield f"Days never read: {len(account['missing_days'])}. They are shown, not filled."
    if document.get("matches"):
        yield matches(document["matches"])
    if document.get("experiments"):
        from flows.show_experiments import compared

        yield compared(document["experiments"])


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


def amount(number: float | None) -> str:
    return "–" if number is None else f"{number:,.2f}".removesuffix(".00")


def ahead(document: Document) -> Iterable[RenderableType]:
    """What a bid plan is expected to do."""
    told = document.get("outlook")
    if not told:
        return
    changed = [one for one in told["effective"] if one["verdict"] != "as asked"]
    for one in changed:
        yield f"Overlap on {one['account']}/{one['level']} {one['object']}: {one['text']}"
    yield from dict.fromkeys(told["strategies"])
    yield from (one for one in told["possible"] if "not possible" in one or one.startswith("no "))
    for account, made in told["automatic"].items():
        for one in made["incrementality"]:
            yield (
                f"{account}: of the revenue of {one['segment']}, {one['share']:.0%} counts as due "
                f"to the ads ({one['from']})"
            )
    for one in told["forecast"]:
        if one["segments"]:
            yield forecast(one)


def forecast(told: Document) -> Table:
    rows = [
        [
            one["segment"],
            amount(one["present"]["spend"]["expected"]),
            between(one["wanted"]["spend"]),
            amount(one["present"]["revenue"]["expected"]),
            between(one["wanted"]["revenue"]),
            between(one["wanted"]["drr"]),
        ]
        for one in [*told["segments"], told["all"]]
    ]
    return table(
        f"Forecast for {told['account']}, {told['days']} days, 80 % of outcomes "
        f"(spend moves with the bid as its power {told['elasticity']['value']:.2f}, "
        f"{told['elasticity']['source']})",
        ["segment", "spend now", "spend then", "revenue now", "revenue then", "DRR then, %"],
        rows,
        left=1,
    )


def between(told: Document | None) -> str:
    if told is None:
        return "–"
    if told["low"] == told["high"]:
        return amount(told["expected"])
    return f"{told['expected']:,.0f} ({told['low']:,.0f} … {told['high']:,.0f})"


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


def simulated(document: Document) -> Iterable[RenderableType]:
    rows = [
        [
            one["rule"],
            one["sees"],
            f"{100 * one['gain']:+.1f} %",
            f"{one['spend']:.3f}",
            f"{one['vip']:.2f}",
            f"{one['spread']:.3f}",
        ]
        for one in document["rules"]
    ]
    columns = ["rule", "value it sees", "gain", "spend", "VIP modifier", "spread"]
    yield table(
        f"Rules against each other on one market, same spend, seed {document['seed']}",
        columns,
        rows,
        left=2,
    )
