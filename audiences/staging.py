"""Results kept in the engine between steps, and dropped when the work is done."""

from types import TracebackType
from typing import Self

import ibis
import ibis.expr.types as ir
from ibis.util import gen_name

from audiences.layers import drop, hold


def keep(table: ir.Table) -> ir.Table:
    """Work out `table` once and keep it as a temporary table of its engine.

    It lives as long as the engine's session. (Ibis' own cache is dropped by the garbage collector,
    at a moment nobody chose, and fails at interpreter exit.)
    """
    return keep_as(engine_of(table), table, gen_name("kept"))


def pack(table: ir.Table) -> ir.Table:
    """Keep what is long: packed (layers.hold) where the engine is DuckDB, which is a tenth."""
    return _packed(table, gen_name("packed")) if engine_of(table).name == "duckdb" else keep(table)


def engine_of(table: ir.Table) -> ibis.BaseBackend:
    """Return the engine that holds what `table` is made of."""
    return table._find_backend(use_default=True)


class Staging:
    """Keeps intermediate tables of one piece of work and drops them at its end."""

    def __init__(self) -> None:
        self._kept: list[tuple[ibis.BaseBackend, str]] = []
        self._named: list[tuple[ibis.BaseBackend, str, ir.Table]] = []
        """With the table: what it is made of must be there as long as its name."""
        self._packed: list[tuple[ibis.BaseBackend, str]] = []

    def keep(self, table: ir.Table) -> ir.Table:
        name = gen_name("staged")
        engine = engine_of(table)
        kept = keep_as(engine, table, name)
        self._kept.append((engine, name))
        return kept

    def pack(self, table: ir.Table) -> ir.Table:
        """As `pack`, until the end of the work; it has a name (below)."""
        engine = engine_of(table)
        if engine.name != "duckdb":
            return self.keep(table)
        name = gen_name("packed")
        packed = _packed(table, name)
        self._packed.append((engine, name))
        return self.name(packed)

    def name(self, table: ir.Table) -> ir.Table:
        """Give what is quick to work out a name, for what asks for it several times.

        Without one it is a common table expression, whose rows DuckDB writes down, in memory or on
        the disk, before it goes on.
        """
        engine = engine_of(table)
        if engine.name != "duckdb":
            return table
        name = gen_name("named")
        engine._run_pre_execute_hooks(table)
        engine.raw_sql(f"CREATE TEMP VIEW {name} AS {engine.compile(table)}")
        self._named.append((engine, name, table))
        return engine.table(name)

    def drop(self) -> None:
        """Drop what is kept."""
        for engine, name, _ in self._named:
            engine.raw_sql(f"DROP VIEW IF EXISTS {name}")
        for engine, name in self._kept:
            engine.drop_table(name, force=True)
        for engine, name in self._packed:
            drop(engine, name)
        self._named.clear()
        self._kept.clear()
        self._packed.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.drop()


def keep_as(engine: ibis.BaseBackend, table: ir.Table, name: str) -> ir.Table:
    """Work out `table` once and keep it as a temporary table of this name."""
    if engine.name != "duckdb":
        return engine.create_table(name, table, temp=True)
    # What Ibis' create_table does in four statements, an empty table filled and renamed, in one.
    engine._run_pre_execute_hooks(table)
    kinds = engine.compiler.type_mapper
    columns = ", ".join(
        f'CAST("{column}" AS {kinds.to_string(kind)}) AS "{column}"'
        for column, kind in table.schema().items()
    )
    engine.raw_sql(f"CREATE TEMP TABLE {name} AS SELECT {columns} FROM ({engine.compile(table)})")
    return engine.table(name)


def _packed(table: ir.Table, name: str) -> ir.Table:
    engine = engine_of(table)
    engine._run_pre_execute_hooks(table)
    packed = hold(engine, name, [engine.compile(table)])
    return packed.select(*table.columns).cast(dict(table.schema()))
