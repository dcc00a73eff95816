"""docs/performance.md, as the benchmarks write it."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
TOOLS = ("duckdb", "ibis-framework", "pyarrow", "numpy", "pandas", "polars", "orjson", "requests")
Rows = Sequence[Mapping[str, object]]

INTRODUCTION = """# Speed and memory

Written by `make bench` itself; `make bench QUICK=1` prints the small sizes and leaves this page as
it is, unless it is asked with `--write`. The line below tells of the last writing; what was not
measured then stays as it was measured before. Ratios inside one run are what counts: seconds are
those of one machine on one day, and of what else it did. CPU seconds are those of all threads.
Shops are invented and the same for the same seed (`benchmarks/_shop.py`): buyers with heavy tails,
seasons, returns, contacts written in several ways, orders in a file per month.

Not reached yet: exports to segments at 2.5 times a bare scan (some thirty times; a statement that
is written by hand and does no more than sum up takes three). Reading and typing alone takes seven
to eight: every cell is looked at before it is typed, and typed rows are packed so that they fit
into memory; files as 1C writes them, in cp1251 with days as dd.mm.yyyy and decimal commas, take
ten to eleven. A night of 1 % takes about three quarters of a first run and not one: purchases are
worked out anew only for people whose orders changed, but customer cards hold contacts, so they are
read, resolved and hashed anew every time, and features, scores and the files of everybody are made
anew too. A first sync takes four times a bare script. All of the small run took 138 CPU seconds,
importing included.
"""


def machine(load: float) -> str:
    """When, where and with what this was measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    tools = ", ".join(f"{name} {version(name)}" for name in TOOLS)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {memory:.0f} GB of memory, "
        f"Python {python_version()}, {tools}. Load of the machine when it began: {load:.1f} "
        f"({'idle' if load < 0.5 else 'other work ran beside it'})."
    )


def section(name: str, about: str, rows: Rows, *, quick: bool) -> str:
    """One benchmark as a section."""
    size = "small size" if quick else "standard size"
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns), *([str(c) for c in row.values()] for row in rows)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"## {name}, {size}\n\n{about.strip()}\n\n{table}\n"


def write(sections: Sequence[str], load: float) -> Path:
    """Write the page and give its path. What was not measured now stays as it was measured."""
    known = PAGE.read_text(encoding="utf-8").split("\n## ")[1:] if PAGE.exists() else []
    every = {_name(text): text for text in (f"## {one}" for one in known)}
    every |= {_name(text): text for text in sections}
    texts = [text.strip("\n") + "\n" for _, text in sorted(every.items())]
    PAGE.write_text("\n".join([INTRODUCTION, machine(load), "", *texts]), encoding="utf-8")
    return PAGE


def _name(section: str) -> str:
    """`## stages, small size` is stages."""
    return section.removeprefix("## ").split(",", 1)[0]
