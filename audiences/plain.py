"""Files of one export read in one pass: their rows typed as they come out of the engine's reader.

Programs write plain cells: days and numbers of one form from the first row to the last, neither
blanks nor armour around texts. The form is guessed from the first rows (guesses.py), and a row that
fits in all its cells is typed as it is read. Every other row, and every row that something is wrong
with, is put aside as text for the exact way (typed.py): it decides and refuses.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from audiences import cells
from audiences.columns import Mapping as Columns
from audiences.contacts import DIGEST_LIKE, SHA256_HEX
from audiences.faults import IDS
from audiences.forms import PLAIN, is_word, value_of
from audiences.guesses import Guess, Shown
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
    guesses: Mapping[str, Guess]
    bits: tuple[tuple[str, str], ...]
    """Column and what it may show of its form, of each bit of `marks` from the second on."""

    def shown(self, marks: int) -> dict[str, Shown]:
        """By column what rows show whose marks are these, taken together."""
        shown = {column: Shown(guess, {}) for column, guess in self.guesses.items()}
        for place, (column, sign) in enumerate(self.bits, 1):
            if marks >> place & 1:
                shown[column].evidence[sign] = 1
        return shown


def read_plainly(
    engine: Backend,
    sources: Iterable[str],
    width: int,
    columns: Columns,
    guesses: Mapping[str, Guess],
    export: Export,
    as_of: date,
    name: str,
) -> PlainRows:
    """Read `sources`, SQL that gives file_no and texts c0, c1... of `width` columns, into `name`.

    A source is asked for when the one before it is read.
    """
    read = _named("as_read", {"file_no": "int64"} | {f"c{n}": "string" for n in range(width)})
    written = texts_of(read, columns, file_no=read.file_no)
    written = written.mutate(**{f"n_{c}": one.text(written[c]) for c, one in guesses.items()})
    valued = _valued(
        _named("as_written", written.schema()), tuple(columns.columns), guesses, export
    )
    rows = _named("as_valued", valued.schema())
    values = {column: rows[f"v_{column}"] for column in columns.columns}
    made, faults = BUILDERS[export.kind](rows, values, export, as_of)
    odd = ibis.or_(rows.odd, *(fault.holds for fault in faults)).fill_null(False)
    shows = {
        (column, sign): holds
        for column, one in guesses.items()
        for sign, holds in one.shows(rows[f"n_{column}"], values[column]).items()
    }
    texts = ibis.array([rows[column] for column in columns.columns])
    differing = {c: value for c, value in made.items() if value.op().find(ops.Field)}
    typed = rows.select(
        file_no=rows.file_no.cast("int32"),
        marks=_marks([odd, *shows.values()]),
        cells=ibis.ifelse(odd, texts, ibis.null(texts.type())),
        **differing,
    )
    steps = (
        f"as_written AS ({engine.compile(written)}), as_valued AS ({engine.compile(valued)}) "
        f"SELECT * FROM ({engine.compile(typed)})"
    )
    table = hold(engine, name, (f"WITH as_read AS ({source}), {steps}" for source in sources))
    constants = {c: value for c, value in made.items() if c not in differing}
    return PlainRows(table, constants, tuple(made), tuple(columns.columns), guesses, tuple(shows))


def _named(name: str, schema: Any) -> ir.Table:
    """A step of the statement, by its name."""
    return ibis.table(schema, name=name)


def _marks(holds: Sequence[ir.BooleanValue]) -> ir.IntegerValue:
    bits = [one.fill_null(False).ifelse(1 << place, 0) for place, one in enumerate(holds)]
    return sum(bits[1:], bits[0]).cast("int32")


def _valued(
    written: ir.Table, columns: Sequence[str], guesses: Mapping[str, Guess], export: Export
) -> ir.Table:
    """Of each column what typed.py makes of a cell that fits; `odd` where a cell does not."""
    given = {f"f_{c}": written[c].notnull() for c in columns}
    texts = written.mutate(**{f"t_{c}": written[c] for c in columns}, **given)
    values, odd = {}, []
    for c in columns:
        if c in guesses:
            text = written[f"n_{c}"]
            value = guesses[c].value(text)
            odd.append(written[c].notnull() & ~guesses[c].fits(text, value).fill_null(False))
        else:
            value = _value(c, texts, export)
            odd.append(_is_odd(written[c], c, export))
        values[f"v_{c}"] = value
    return texts.mutate(odd=ibis.or_(*odd), **values)


def _value(column: str, texts: ir.Table, export: Export) -> ir.Value:
    if column in (*IDS, "phone") and column not in export.prehashed:
        return texts[column]  # without the .0 that `identifier` takes off
    return value_of(column, texts, PLAIN, export)


def _is_odd(cell: ir.StringValue, column: str, export: Export) -> ir.BooleanValue:
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
