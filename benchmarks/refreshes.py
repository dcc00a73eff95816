"""A refresh as the command runs it: the first, one with nothing new, one after 1 % changed.

Each in a process of its own, so that memory is its own. The night's 1 %: addresses of a hundredth
of the contacts, and a new file with a hundredth of the orders.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks._measure import Spent, apart, spent
from benchmarks._project import write_project
from benchmarks._shop import Shop

CONTACTS, QUICK_CONTACTS = 1_000_000, 50_000


def run(*, quick: bool) -> Iterator[dict[str, object]]:
    shop = Shop(QUICK_CONTACTS if quick else CONTACTS)
    with tempfile.TemporaryDirectory() as made:
        folder = write_project(Path(made), shop)
        first = apart(refreshed, folder)
        yield _line("first", first, first)
        yield _line("nothing new", apart(refreshed, folder), first)
        shop.change(folder)
        yield _line("1 % changed", apart(refreshed, folder), first)


def refreshed(folder: Path) -> Spent:
    """What one refresh takes, the imports not counted."""
    from flows.refreshing import refresh
    from flows.workshop import open_workshop

    with open_workshop(folder) as workshop:
        return spent(lambda: refresh(workshop))[1]


def _line(what: str, cost: Spent, first: Spent) -> dict[str, object]:
    return {
        "refresh": what,
        "seconds": f"{cost.wall:.1f}",
        "CPU s": f"{cost.cpu:.1f}",
        "of the first, CPU": f"{cost.cpu / first.cpu:.0%}",
        "peak MB": f"{cost.peak:,.0f}",
    }
