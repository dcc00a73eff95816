"""Results kept in the engine between steps, and dropped when the work is done."""

from types import TracebackType
from typing import Self

import ibis
import ibis.expr.types as ir
from ibis.util import gen_name


def keep(table: ir.Table) -> ir.Table:
    """Work out `table` once and keep it as a temporary table of its engine.

    It lives as long as the engine's session, or until `drop`. (Ibis' own cache is dropped by the
    garbage collector, at a moment nobody chose, and fails at interpreter exit.)
    """
    engine = engine_of(table)
    return engine.create_table(gen_name("kept"), table, temp=True)


def engine_of(table: ir.Table) -> ibis.BaseBackend:
    """Return the engine that holds what `table` is made of."""
    return table._find_backend(use_default=True)


class Staging:
    """Keeps intermediate tables of one piece of work and drops them at its end."""

    def __init__(self) -> None:
        self._kept: list[ir.Table] = []

    def keep(self, table: ir.Table) -> ir.Table:
        kept = keep(table)
        self._kept.append(kept)
        return kept

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for table in self._kept:
            _drop(table)
        self._kept.clear()


def _drop(table: ir.Table) -> None:
    # Ibis 12 writes DROP TABLE without the name under the newest sqlglot; the name is our own.
    engine_of(table).raw_sql(f'DROP TABLE IF EXISTS "{table.get_name()}"')
