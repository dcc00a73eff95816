"""Plans of lists and corrections, and what to expect of them, on a terminal."""

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table

from flows.show import Document, amount, count, notes, percent, table
from flows.show_seeds import seeds


def planned(document: Document) -> Iterable[RenderableType]:
    yield audience_plan(document)
    if document["lookalikes"]:
        yield lookalikes(document)
    if document["exclusions"]:
        yield exclusions(document)
    yield from seeds(document)
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


def exclusions(document: Document) -> Table:
    """Existing customers kept out of look-alikes, by ad group."""
    rows = [
        [
            one["account"],
            one["audience"],
            one["ad_group"],
            one["exclude"],
            one.get("outcome", one["action"]),
            one["said"],
        ]
        for one in document.get("receipts", document)["exclusions"]
    ]
    return table(
        "Existing customers kept out of look-alikes",
        ["account", "seed", "ad group", "leaves out", "state", "said"],
        rows,
        left=6,
    )


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
