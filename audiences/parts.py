"""Sums over many rows worked out for a part of the people at a time.

An engine that runs out of memory goes on through the disk, at many times the cost. What is summed
up person by person needs not: the parts are apart, and each fits.
"""

from collections.abc import Callable

import ibis
import ibis.expr.types as ir
from ibis.util import gen_name

from audiences.layers import hold
from audiences.staging import engine_of, keep
from audiences.unions import stacked

ROWS_AT_ONCE = 2_000_000
"""Rows of orders or occasions a part has; one takes some 300 bytes while it is summed up."""

Part = Callable[[ir.Table], ir.Table]
"""Gives of a table with the column `person_id` the rows of some people."""


def packed_in_parts(
    rows: ir.Table, make: Callable[[Part], ir.Table], schema: ibis.Schema
) -> ir.Table:
    """What `make` gives, kept; packed (layers.hold) where it is much. Of this schema.

    It must sum up person by person, and take its people by the part.
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
    count = -(-int(rows.count().to_pyarrow().as_py()) // ROWS_AT_ONCE)
    if engine.name != "duckdb" or count <= 1:
        return [_everybody]
    return [_part(number, count) for number in range(count)]


def _everybody(table: ir.Table) -> ir.Table:
    return table


def _part(number: int, count: int) -> Part:
    return lambda table: table.filter((table.person_id.hash() & 0xFFFF) % count == number)
