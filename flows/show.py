"""What all tables on a terminal share. Everything printed comes from the JSON document."""

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


def console(*, quiet: bool = False) -> Console:
    """Standard output, wide enough for a plan where nobody looks (pipes, CI)."""
    made = Console(quiet=quiet, soft_wrap=False)
    return made if made.is_terminal else Console(quiet=quiet, width=140)


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


def amount(number: float | None) -> str:
    return "–" if number is None else f"{number:,.2f}".removesuffix(".00")


def notes(document: Document) -> list[str]:
    return [f"Note: {note}" for note in document["notes"]]
