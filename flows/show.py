"""Documents as tables on a terminal. Everything printed here comes from the JSON document."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
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


def rejects(document: Document) -> Table:
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
            "; ".join(refusal["text"] for refusal in one["refused_by"]),
        ]
        for one in document["audiences"]
    ]
    made = table(
        f"Audience plan {document['fingerprint'][:12]}",
        ["account", "audience", "purpose", *figures, "held back by"],
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
        ]
        for one in document["bids"]
    ]
    return table(
        f"Bid plan {document['fingerprint'][:12]}",
        ["account", "where", "segment", "action", "now", "wanted"],
        rows,
        left=4,
    )


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
            one["said"],
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
