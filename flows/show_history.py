"""The history document on a terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import RenderableType

from flows.pictures import ORDER
from flows.show import count, notes, share, signed, table

Document = Mapping[str, Any]
STATES = ("active", "slipping", "asleep", "lost")
LINES = ("first", "developing", "loyal", "vip")


def followed(document: Document) -> Iterable[RenderableType]:
    """Sizes, moves, retention, the matrix, and where the churn-risk list and pictures are."""
    yield _sizes(document)
    yield _moves(document)
    yield _loyal(document)
    if document["retention"]:
        yield from _retention(document)
    else:
        yield f"No period of {document['retention_days']} days has ended yet: no retention."
    if document["matrix"] is not None:
        yield _matrix(document)
    risk = document["churn_risk"]
    yield (
        f"{count(risk['people'])} people to call before they are gone (loyal ones and first "
        f"buyers who fall silent): {risk['file']}"
    )
    yield from notes(document)
    for name, file in document["charts"].items():
        yield f"Picture: {name.replace('-', ' ')}: {file}"


def _sizes(document: Document) -> RenderableType:
    days = [one["day"] for one in document["sizes"]]
    rows = [
        [document["labels"][name], *(count(one["people"][name]) for one in document["sizes"])]
        for name in ORDER
    ]
    return table("People of each segment over time", ["segment", *days], rows, left=1)


def _moves(document: Document) -> RenderableType:
    found = document["migration"]
    cells = {(one["before"], one["after"]): one for one in found["moves"]}
    rows = [
        [document["labels"][was], *(_move(cells.get((was, now))) for now in ORDER)]
        for was in ORDER
        if any((was, now) in cells for now in ORDER)
    ]
    entered = [count(cells[None, now]["people"]) if (None, now) in cells else "" for now in ORDER]
    rows.append(["[dim]came, people[/dim]", *entered])
    return table(
        f"Who moved where, {found['from']} to {found['to']}, per cent of the row",
        ["was \\ is", *(document["labels"][name] for name in ORDER)],
        rows,
        left=1,
    )


def _move(cell: Document | None) -> str:
    return "" if cell is None or cell["share"] is None else f"{100 * cell['share']:.0f}"


def _loyal(document: Document) -> str:
    one = document["loyal"]
    return (
        f"Loyal and VIP: {count(one['then'])} on {one['from']}, {count(one['now'])} on "
        f"{one['to']}; {count(one['stayed'])} stayed, "
        f"{count(one['new'])} new, {count(one['gone'])} gone."
    )


def _retention(document: Document) -> Iterable[RenderableType]:
    """Of the latest day with intervals and targets, and the bare shares of every day."""
    days = list(dict.fromkeys(one["day"] for one in document["retention"]))
    rates = {(one["day"], one["segment"]): one for one in document["retention"]}
    named = [name for name in ORDER if (days[-1], name) in rates]
    latest = [
        [
            document["labels"][name],
            count(one["people"]),
            share(one["share"]),
            f"{share(one['low'])} – {share(one['high'])}",
            "–" if one["target"] is None else share(one["target"]),
            one["verdict"] or "",
        ]
        for name in named
        for one in (rates[days[-1], name],)
    ]
    title = f"Bought within {document['retention_days']} days after"
    columns = ["segment", "people", "bought", "95 % interval", "target", ""]
    yield table(f"{title} {days[-1]}", columns, latest, left=1)
    if len(days) > 1:
        shares = [
            [
                document["labels"][name],
                *(share(rates[day, name]["share"]) if (day, name) in rates else "" for day in days),
            ]
            for name in named
        ]
        yield table(f"{title} each day", ["segment", *days], shares, left=1)


def _matrix(document: Document) -> RenderableType:
    found = document["matrix"]
    cells = {(one["count_class"], one["state"]): one for one in found["cells"]}
    rows = [
        [line, *(_cell(cells.get((line, state)), document["currency"]) for state in STATES)]
        for line in LINES
    ]
    change = f", change since {found['before']}" if found["before"] else ""
    return table(
        f"Retention matrix on {found['day']}: people{change}, bought, revenue of the period",
        ["orders", *STATES],
        rows,
        left=1,
    )


def _cell(cell: Document | None, currency: str) -> str:
    if cell is None:
        return "–"
    change = "" if cell["change"] is None else f" ({signed(cell['change'])})"
    return (
        f"{count(cell['people'])}{change}, {share(cell['share'])}\n"
        f"[dim]{count(round(cell['revenue']))} {currency}[/dim]"
    )
