"""`python -m benchmarks [--quick] [NAME ...]`: run the benchmarks and print one table each.

A benchmark is a module of this package with a function `run(*, quick: bool)` that yields rows, each
mapping with the same keys.
"""

import argparse
import importlib
import pkgutil
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table

import benchmarks


def names() -> list[str]:
    """Every benchmark there is."""
    modules = pkgutil.iter_modules(benchmarks.__path__)
    return sorted(one.name for one in modules if not one.name.startswith("_"))


def show(name: str, rows: Iterable[Mapping[str, object]]) -> None:
    table = Table(title=name, title_justify="left")
    for number, row in enumerate(rows):
        if number == 0:
            for column in row:
                table.add_column(column)
        table.add_row(*(str(cell) for cell in row.values()))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the small size")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(names()) or 'none yet'}")
    given = parser.parse_args()
    for name in given.names or names():
        show(name, importlib.import_module(f"benchmarks.{name}").run(quick=given.quick))


if __name__ == "__main__":
    main()
