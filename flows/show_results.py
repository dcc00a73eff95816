"""What came of it, on a terminal."""

from collections.abc import Iterable

from rich.console import RenderableType

from flows.show import Document, amount, table
from flows.show_delivery import applied, matches
from flows.show_people import refreshed
from flows.show_plan import ahead, audience_plan, bid_plan


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


def demonstrated(document: Document) -> Iterable[RenderableType]:
    """The end of the demo: what came in, who people are, what was sent, where to look next."""
    from flows.summaries import sentences

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
        for line in sentences(document[part]):
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
