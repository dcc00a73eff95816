"""`adsteer move`: the catalog of a project out of SQLite into the database ADSTEER_CATALOG names.

The SQLite file is left as it is. Everything is copied in one transaction: interrupted, the new
database is as empty as before.
"""

import importlib
import pkgutil
from pathlib import Path

import sqlalchemy as sa

import audiences
import bids
import measurement
from audiences.catalog import metadata, open_catalog
from config.load import load_project
from config.settings import Settings
from flows.documents import Document
from flows.workshop import CannotRun

DECLARING = (audiences, bids, measurement)
"""Packages whose modules declare tables; a table that none of them knows stops the move."""

ROWS_AT_ONCE = 5_000


def move(folder: Path) -> Document:
    """Copy every row; how many by table. Raises CannotRun where that would not be safe."""
    project, settings = load_project(folder), Settings.load(folder)
    old = project.state_folder / "catalog.db"
    if settings.catalog is None:
        raise CannotRun("ADSTEER_CATALOG is not set: the URL of the empty database to move to.")
    if not old.is_file():
        raise CannotRun(f"{old} is not there: the project's catalog is not in SQLite.")
    for package in DECLARING:
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if not module.ispkg:
                importlib.import_module(module.name)
    source = open_catalog(f"sqlite:///{old}")
    target = open_catalog(settings.catalog.get_secret_value())
    try:
        with source.begin() as reading, target.begin() as writing:
            return {"tables": _copy(reading, writing)}
    finally:
        source.dispose()
        target.dispose()


def _copy(source: sa.Connection, target: sa.Connection) -> dict[str, int]:
    there = set(sa.inspect(source).get_table_names()) - {"alembic_version"}
    if unknown := there - set(metadata.tables):
        raise AssertionError(f"tables that nobody declares: {sorted(unknown)}")
    copied = {}
    for table in metadata.sorted_tables:
        if target.execute(sa.select(table).limit(1)).first() is not None:
            raise CannotRun(
                f"the database of ADSTEER_CATALOG holds rows already ({table.name}): move into an "
                "empty one."
            )
        copied[table.name] = 0
        rows = source.execute(sa.select(table)).mappings()
        for part in rows.partitions(ROWS_AT_ONCE):
            target.execute(sa.insert(table), [dict(row) for row in part])
            copied[table.name] += len(part)
        _count_on(target, table)
    return copied


def _count_on(target: sa.Connection, table: sa.Table) -> None:
    """PostgreSQL numbers rows by a sequence, which knows nothing of numbers that were copied."""
    column = table.autoincrement_column
    if column is None or target.dialect.name != "postgresql":
        return
    highest = target.execute(sa.select(sa.func.max(column))).scalar()
    if highest is not None:
        sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
        target.execute(sa.select(sa.func.setval(sequence, highest)))
