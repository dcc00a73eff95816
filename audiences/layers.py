"""Names in the engine put in place of others: views, temporary tables, rows that are held."""

import os
import weakref
from collections.abc import Iterable

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


def hold(engine: Backend, name: str, queries: Iterable[str]) -> ir.Table:
    """The rows of queries under a name, worked out once, in their order: `row` counts those of one.

    They are packed (Parquet) and lie in memory that no folder lists and no disk holds, as texts
    that were converted do: a tenth of what a table takes, and as quick. It is let go when the name
    is dropped, or with the engine. A query is asked for when the one before it is done.
    """
    drop(engine, name)
    if not hasattr(os, "memfd_create"):
        return _hold_in_a_table(engine, name, queries)
    memories: list[int] = []
    _HELD[id(engine), name] = weakref.finalize(engine, _let_go, id(engine), name, memories)
    engine.raw_sql("SET enable_external_file_cache = false")  # numbers of files are used again
    for query in queries:
        memories.append(os.memfd_create(name))
        engine.raw_sql(
            f"COPY ({query}) TO '{_path(memories[-1])}' (FORMAT parquet, USE_TMP_FILE false)"
        )
    paths = ", ".join(f"'{_path(memory)}'" for memory in memories)
    rows = f"read_parquet([{paths}], file_row_number = true)"
    return layer(
        engine, name, f'SELECT * EXCLUDE (file_row_number), file_row_number AS "row" FROM {rows}'
    )


def _path(memory: int) -> str:
    return f"/proc/self/fd/{memory}"


def _hold_in_a_table(engine: Backend, name: str, queries: Iterable[str]) -> ir.Table:
    for number, query in enumerate(queries):
        into = f'INSERT INTO "{name}_table"' if number else f'CREATE TEMP TABLE "{name}_table" AS'
        engine.raw_sql(f"{into} {query}")
    return layer(engine, name, f'SELECT *, rowid AS "row" FROM "{name}_table"')


_HELD: dict[tuple[int, str], "weakref.finalize[[int, str, list[int]], Backend]"] = {}
"""What gives the memory of a name back, by engine and name."""


def _let_go(engine: int, name: str, memories: list[int]) -> None:
    _HELD.pop((engine, name), None)
    for memory in memories:
        os.close(memory)


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
    query = f"SELECT table_type FROM information_schema.tables WHERE table_name = '{name}'"
    for (kind,) in engine.con.execute(query).fetchall():
        engine.raw_sql(f'DROP {"VIEW" if kind == "VIEW" else "TABLE"} IF EXISTS "{name}"')
    if (id(engine), name) in _HELD:
        _HELD[id(engine), name]()
