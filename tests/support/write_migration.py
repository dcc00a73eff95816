"""`python -m tests.support.write_migration 0002 what_changed`: a migration from the tables' code.

Compares the catalog that the present migrations make with the tables as declared, and writes what
is missing into audiences/migrations/versions. Then set HEAD in audiences/catalog.py, and read what
was written: a renamed column looks like one dropped and one added. Until the first release there
is one migration alone, 0001, written anew with every change.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine

from audiences.catalog import MIGRATIONS, Instant, metadata, open_catalog

ROOT = Path(__file__).parents[2]
DECLARING = ("audiences", "bids", "measurement", "flows")


def every_table() -> None:
    """Import every module that declares tables."""
    for package in DECLARING:
        for path in sorted((ROOT / package).glob("*.py")):
            if "metadata," in path.read_text(encoding="utf-8"):
                importlib.import_module(f"{package}.{path.stem}")


def comparing(connection: Connection) -> MigrationContext:
    """What alembic compares with; a moment is kept as the date and time it is made of."""
    options: dict[str, Any] = {"compare_type": True, "render_item": _render}
    return MigrationContext.configure(connection, opts=options)


def _render(kind: str, item: object, _context: object) -> str | bool:
    return "Instant()" if kind == "type" and isinstance(item, Instant) else False


def main(number: str, title: str) -> None:
    every_table()
    first = number == "0001"
    catalog = create_engine("sqlite://") if first else open_catalog("sqlite://")
    with catalog.begin() as connection:
        script = produce_migrations(comparing(connection), metadata)
        code = render_python_code(script.upgrade_ops, render_as_batch=True, render_item=_render)
    code = "\n".join(line for line in code.splitlines() if "# ###" not in line).strip()
    before = f"{int(number) - 1:04}"
    template = (MIGRATIONS / "script.py.mako").read_text()
    text = (
        template.replace("${message}", title.replace("_", " ").capitalize() + ".")
        .replace("${repr(up_revision)}", f'"{number}"')
        .replace("${repr(down_revision)}", "None" if before == "0000" else f'"{before}"')
        .replace('${upgrades if upgrades else "pass"}', code)
    )
    (MIGRATIONS / "versions" / f"{number}_{title}.py").write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
