"""Rows that were read together, and where each is written: its file, and its line in it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from audiences.alike import Part
from audiences.guesses import Shown, are_confirmed
from audiences.plain import ODD, PlainRows
from audiences.typed import NEWEST, Counted
from config.exports import Export


@dataclass(frozen=True)
class Seen:
    """What the pass left of one file."""

    rows: int
    in_order: bool
    first: int
    """Where its rows begin in the table."""
    odd: int
    marks: int
    newest: date | None

    @property
    def counted(self) -> Counted:
        """Its plain rows."""
        return Counted(accepted=self.rows - self.odd, newest=self.newest)


@dataclass(frozen=True, eq=False)
class Placed:
    """Rows of a set, and where they are written."""

    plain: PlainRows
    parts: Sequence[Part]
    skip: int
    seen: dict[int, Seen]

    def is_clear(self, number: int, export: Export) -> bool:
        """Whether every row is a line, so that its place tells its line, and is as was guessed.

        Where some rows are put aside, the guess is confirmed with them.
        """
        seen = self.seen.get(number)
        if seen is None or not seen.in_order or seen.rows != self.parts[number].records:
            return False
        return seen.odd > 0 or are_confirmed(self.shown(number), export)

    def shown(self, number: int) -> dict[str, Shown]:
        """What its plain rows show of the forms of their columns."""
        return self.plain.shown(self.seen[number].marks)

    def accepted(self, without: Collection[int], source: str) -> ir.Table:
        """The plain rows of all files but some."""
        rows = self._rows(without)
        if any(one.odd for n, one in self.seen.items() if n not in without):
            rows = rows.filter(rows.marks % 2 != ODD)
        constants = self.plain.constants
        columns = {c: constants[c] if c in constants else rows[c] for c in self.plain.columns}
        return rows.select(
            source=ibis.literal(source), file=self._file(rows), line=self._line(rows), **columns
        )

    def odd(self, files: Collection[int]) -> ir.Table:
        """The texts of rows that were put aside."""
        rows = self._rows(set(self.seen) - set(files))
        rows = rows.filter(rows.marks % 2 == ODD)
        texts = {c: rows.cells[place] for place, c in enumerate(self.plain.cells)}
        return rows.select(file=self._file(rows), line=self._line(rows), **texts)

    def _rows(self, without: Collection[int]) -> ir.Table:
        rows = self.plain.table
        left = sorted(set(self.seen) - set(without))
        return rows if len(left) == len(self.seen) else rows.filter(rows.file_no.isin(left))

    def _file(self, rows: ir.Table) -> ir.StringValue:
        labels = [part.label for part in self.parts]
        return ibis.literal(labels[0]) if len(labels) == 1 else ibis.array(labels)[rows.file_no]

    def _line(self, rows: ir.Table) -> ir.IntegerValue:
        """Rows are in the order of their lines, those of a file after those of another."""
        starts = [
            self.skip + 1 - self.seen[n].first if n in self.seen else 0
            for n in range(len(self.parts))
        ]
        start = starts[0] if len(starts) == 1 else ibis.array(starts)[rows.file_no]
        return (rows.row + start).cast("int64")


def seen_of(engine: Backend, plain: PlainRows, export: Export) -> dict[int, Seen]:
    """By the number of a file what the pass left of it."""
    rows = plain.table
    odd = rows.marks % 2 == ODD
    told_by = NEWEST.get(export.kind)
    found = rows.group_by("file_no").aggregate(
        rows=rows.count(),
        first=rows.row.min(),
        last=rows.row.max(),
        odd=odd.sum(),
        marks=rows.marks.bit_or(where=~odd),
        newest=(
            rows[told_by].cast("date").max(where=~odd)
            if told_by in rows.columns
            else ibis.null("date")
        ),
    )
    return {
        row["file_no"]: Seen(
            rows=row["rows"],
            in_order=row["last"] - row["first"] + 1 == row["rows"],
            first=row["first"],
            odd=row["odd"],
            marks=row["marks"] or 0,
            newest=row["newest"],
        )
        for row in found.to_pyarrow().to_pylist()
    }
