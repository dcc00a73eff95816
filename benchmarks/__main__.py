"""`python -m benchmarks [--quick] [--write] [NAME ...]`: run benchmarks and print a table each.

A benchmark is a module of this package with a function `run(*, quick: bool)` that yields rows, each
mapping with the same keys. All of them at the standard size write docs/performance.md; with
`--write` so does any other choice.
"""

import argparse
import importlib
import os
import pkgutil
import time

from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks import _page


def names() -> list[str]:
    """Every benchmark there is."""
    modules = pkgutil.iter_modules(benchmarks.__path__)
    return sorted(one.name for one in modules if not one.name.startswith("_"))


def show(name: str, rows: _page.Rows) -> None:
    table = Table(title=name, title_justify="left")
    for column in rows[0]:
        table.add_column(column)
    for row in rows:
        table.add_row(*(str(cell) for cell in row.values()))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the small size")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md anyway")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(names()) or 'none yet'}")
    given = parser.parse_args()
    load, sections, began = os.getloadavg()[0], [], time.perf_counter()
    for name in given.names or names():
        module = importlib.import_module(f"benchmarks.{name}")
        rows = list(module.run(quick=given.quick))
        show(name, rows)
        sections.append(_page.section(name, module.__doc__ or "", rows, quick=given.quick))
    Console().print(f"All of it took {time.perf_counter() - began:.0f} s.")
    if given.write or not (given.quick or given.names):
        Console().print(f"Written: {_page.write(sections, load)}")


if __name__ == "__main__":
    main()
