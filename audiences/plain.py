"""Files of one export read in one pass: their rows typed as they come out of the engine's reader.

Programs write plain cells: days as ISO, numbers with a decimal dot, neither blanks nor armour
around them. Such cells mean the same whatever else is in their column, so a row of nothing but them
can be typed before anything is known of the rest. Every other row, and every row that something is
wrong with, is put aside as text for the exact way (typed.py): it decides and refuses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from audiences import cells
from audiences.columns import Mapping
from audiences.contacts import DIGEST_LIKE, SHA256_HEX
from audiences.faults import COUNTS, DAYS, IDS, MONEY
from audiences.forms import PLAIN, is_word, plain_patterns, value_of
from audiences.kinds import BUILDERS
from audiences.layers import hold
from audiences.typed import texts_of
from config.exports import Export

ODD = 1
"""Bit of `marks`: the row is put aside."""
BLANKS_AROUND = r"^[\x09-\x0d ]|^$|[\x09-\x0d ]$"
DIGEST_SIZES = (32, 40, 64)
"""Letters of MD5, SHA-1 and SHA-256 in hex: what DIGEST_LIKE may find among tidy cells."""


@dataclass(frozen=True, eq=False)
class PlainRows:
    """What a pass made: a table of file_no, marks, cells, row, and the columns that differ."""

    table: ir.Table
    constants: dict[str, ir.Value]
    """Columns of the kind that are the same in every row, and not in the table."""
    columns: tuple[str, ...]
    """All columns of the kind."""
    cells: tuple[str, ...]
    """Canonical columns, in the order of `cells` of the rows that were put aside."""
    numbers: tuple[str, ...]
    """Columns whose decimal dots have a bit of `marks` each, from the second bit on."""


def read_plainly(
    engine: Backend,
    source: str,
    width: int,
    mapping: Mapping,
    export: Export,
    as_of: date,
    name: str,
) -> PlainRows:
    """Read `source`, SQL that gives file_no and texts c0, c1... of `width` columns, into `name`."""
    read = _named("as_read", {"file_no": "int64"} | {f"c{n}": "string" for n in range(width)})
    written = texts_of(read, mapping, file_no=read.file_no)
    valued = _valued(_named("as_written", written.schema()), tuple(mapping.columns), export)
    rows = _named("as_valued", valued.schema())
    values = {column: rows[f"v_{column}"] for column in mapping.columns}
    made, faults = BUILDERS[export.kind](rows, values, export, as_of)
    odd = ibis.or_(rows.odd, *(fault.holds for fault in faults)).fill_null(False)
    numbers = tuple(c for c in mapping.columns if c in (*MONEY, *COUNTS) and export.decimal is None)
    texts = ibis.array([rows[column] for column in mapping.columns])
    differing = {c: value for c, value in made.items() if value.op().find(ops.Field)}
    typed = rows.select(
        file_no=rows.file_no.cast("int32"),
        marks=_marks(odd, [rows[column] for column in numbers]),
        cells=ibis.ifelse(odd, texts, ibis.null(texts.type())),
        **differing,
    )
    table = hold(
        engine,
        name,
        f"WITH as_read AS ({source}), as_written AS ({engine.compile(written)}), "
        f"as_valued AS ({engine.compile(valued)}) SELECT * FROM ({engine.compile(typed)})",
    )
    constants = {c: value for c, value in made.items() if c not in differing}
    return PlainRows(table, constants, tuple(made), tuple(mapping.columns), numbers)


def _named(name: str, schema: Any) -> ir.Table:
    """A step of the statement, by its name."""
    return ibis.table(schema, name=name)


def _marks(odd: ir.BooleanValue, numbers: Sequence[ir.StringValue]) -> ir.IntegerValue:
    marks = odd.ifelse(ODD, 0)
    for place, text in enumerate(numbers, 1):
        marks = marks + text.contains(".").fill_null(False).ifelse(1 << place, 0)
    return marks.cast("int16")


def _valued(written: ir.Table, columns: Sequence[str], export: Export) -> ir.Table:
    """Of each column what typed.py makes of a plain cell; `odd` where a cell is none."""
    patterns = plain_patterns(export)
    given = {f"f_{c}": written[c].notnull() for c in columns}
    texts = written.mutate(**{f"t_{c}": written[c] for c in columns}, **given)
    values = {f"v_{c}": _value(c, texts, export) for c in columns}
    odd = [_is_odd(written[c], c, patterns.get(c), export) for c in columns]
    return texts.mutate(odd=ibis.or_(*odd), **values)


def _value(column: str, texts: ir.Table, export: Export) -> ir.Value:
    if column in (*IDS, "phone") and column not in export.prehashed:
        return texts[column]  # without the .0 that `identifier` takes off
    return value_of(column, texts, PLAIN, export)


def _is_odd(
    cell: ir.StringValue, column: str, pattern: str | None, export: Export
) -> ir.BooleanValue:
    if column in (*DAYS, *MONEY, *COUNTS):
        return cell.notnull() if pattern is None else ~cell.re_search(pattern)
    if is_word(column):
        return cell.re_search(BLANKS_AROUND)
    untidy = cell.re_search(cells.UNTIDY)
    if column in ("email", "phone"):
        if column in export.prehashed:
            return untidy | ~cell.re_search(SHA256_HEX)
        sized = cell.length().isin(DIGEST_SIZES)
        untidy = untidy | sized.ifelse(cell.re_search(DIGEST_LIKE), False)
    if column in (*IDS, "phone"):
        return untidy | cell.endswith(".0")
    return untidy
