"""Sums over many rows worked out for some days at a time.

An engine that runs out of memory goes on through the disk, at many times the cost. What is summed
up day by day needs not: the spans of days are apart, and each fits. Exports are written day after
day, so that of rows that lie as they were read little more than a span is looked at.
"""

from collections.abc import Callable, Iterator
from datetime import date

import ibis
import ibis.expr.types as ir
from ibis.util import gen_name

from audiences.layers import hold
from audiences.staging import engine_of, keep
from audiences.unions import stacked

ROWS_AT_ONCE = 2_000_000
"""Rows of orders a part has, but for a day of more; one takes some 300 bytes while it is summed
up."""

Part = Callable[[ir.Table], ir.Table]
"""Gives of a table with the column `ordered_on` the rows of some days."""


def packed_in_parts(
    rows: ir.Table, make: Callable[[Part], ir.Table], schema: ibis.Schema
) -> ir.Table:
    """What `make` gives, kept; packed (layers.hold) where it is much. Of this schema.

    It must sum up day by day, and take its `rows`, with the column `ordered_on`, by the part.
    """
    parts = _parts(rows)
    if len(parts) == 1:
        return keep(make(parts[0]))
    engine = engine_of(rows)
    packed = [hold(engine, gen_name("packed"), [engine.compile(make(part))]) for part in parts]
    return stacked(*(one.select(*schema.names).cast(dict(schema)) for one in packed))


def _parts(rows: ir.Table) -> list[Part]:
    """As many as these rows need; an engine of several machines parts its work by itself."""
    engine = engine_of(rows)
    if engine.name != "duckdb" or int(rows.count().to_pyarrow().as_py()) <= ROWS_AT_ONCE:
        return [_every_day]
    return [_part(first, last) for first, last in _spans(rows)]


def _spans(rows: ir.Table) -> Iterator[tuple[date, date]]:
    """First and last days of spans that hold every row."""
    days = rows.group_by("ordered_on").aggregate(rows=rows.count()).order_by("ordered_on")
    first, last, count = None, None, 0
    for row in days.to_pyarrow().to_pylist():
        if first is not None and last is not None and count + row["rows"] > ROWS_AT_ONCE:
            yield first, last
            first, count = None, 0
        first, last, count = first or row["ordered_on"], row["ordered_on"], count + row["rows"]
    if first is not None and last is not None:
        yield first, last


def _every_day(table: ir.Table) -> ir.Table:
    return table


def _part(first: date, last: date) -> Part:
    span = ibis.literal(first), ibis.literal(last)
    return lambda table: table.filter(table.ordered_on.between(*span))
