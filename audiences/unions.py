"""Tables under each other."""

from functools import reduce

import ibis.expr.types as ir


def stacked(first: ir.Table, *rest: ir.Table) -> ir.Table:
    """All rows of tables with the same columns; that a column may be null is no difference."""
    tables = (_nullable(table, first.columns) for table in (first, *rest))
    return reduce(lambda above, below: above.union(below), tables)


def _nullable(table: ir.Table, names: tuple[str, ...]) -> ir.Table:
    chosen = table.select(*names)
    return chosen.cast({name: kind.copy(nullable=True) for name, kind in chosen.schema().items()})
