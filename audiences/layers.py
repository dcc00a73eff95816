"""Names in the engine that are put in place of others: views over views, and temporary tables."""

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

PLACE = ("file", "line")
"""Columns of a row that say where it is written."""


def layer(engine: Backend, name: str, rows: ir.Table | str) -> ir.Table:
    """A view of `rows`, so that what is built on it names its columns instead of repeating them."""
    query = rows if isinstance(rows, str) else engine.compile(rows)
    engine.raw_sql(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {query}')
    return engine.table(name)


def new_table(
    engine: Backend,
    name: str,
    rows: ir.Table | pa.Table | None = None,
    *,
    schema: ibis.Schema | None = None,
) -> ir.Table:
    """A temporary table in place of any of that name; never written to a database file."""
    drop(engine, name)
    if not isinstance(rows, pa.Table):
        return engine.create_table(name, rows, schema=schema, temp=True)
    empty = engine.create_table(name, schema=ibis.Schema.from_pyarrow(rows.schema), temp=True)
    append(engine, name, rows)
    return empty


def append(engine: Backend, name: str, rows: pa.Table) -> None:
    """Add Arrow rows to a table."""
    engine.con.register("arrow_rows", rows)
    try:
        engine.raw_sql(f'INSERT INTO "{name}" SELECT * FROM arrow_rows')
    finally:
        engine.con.unregister("arrow_rows")


def drop(engine: Backend, name: str) -> None:
    """Drop a table or a view if it is there."""
    if engine.name != "duckdb":
        engine.drop_table(name, force=True)
        return
    found = engine.con.execute(
        f"SELECT table_type FROM information_schema.tables WHERE table_name = '{name}'"
    ).fetchall()
    for (kind,) in found:
        engine.raw_sql(f'DROP {"VIEW" if kind == "VIEW" else "TABLE"} IF EXISTS "{name}"')
