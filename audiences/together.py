"""The files of an export, those with the same headers together: one set of statements for all.

A file that is no text, or whose records cannot be told by its lines, is read singly (singly.py),
and so is one that is refused: there its fault is found in its own words.
"""

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import duckdb
import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from audiences.columns import Mapping, header_place, match_columns
from audiences.forms import in_utc
from audiences.guesses import (
    NotAsGuessed,
    Shown,
    Tokens,
    are_confirmed,
    guesses_of,
    seen_in,
)
from audiences.layers import drop, layer, new_table
from audiences.plain import ODD, PlainRows, read_plainly
from audiences.refusals import ExportRefused
from audiences.shapes import shape_of
from audiences.singly import FileRead, file_read, no_rows, read_one
from audiences.staged import MAX_LINE, TABLES, Origin, stage
from audiences.tables import REJECTS
from audiences.texts import Found, find_text
from audiences.typed import NEWEST, Counted, Typed, takes_several_rows, type_rows
from audiences.unions import stacked
from config.exports import Export

GLOB = frozenset("*?[")
"""Signs in a path that the engine's reader would look for files by."""
HELD_AT_ONCE = 64 << 20
"""Bytes of files that are converted in memory by one time; a file that is larger comes alone."""


@dataclass(frozen=True, eq=False)
class ReadTogether:
    """What was read of some files of one export, each by its place among them."""

    files: dict[int, FileRead] = field(default_factory=dict)
    rows: list[ir.Table] = field(default_factory=list)
    """Accepted rows of all of them."""
    rejects: list[ir.Table] = field(default_factory=list)
    passing: list[str] = field(default_factory=list)
    """Names in the engine that nobody needs once the rows are elsewhere."""
    of: dict[int, Callable[[], Typed]] = field(default_factory=dict)
    """Gives the rows and the rejects of one file."""
    kept_as: dict[int, str] = field(default_factory=dict)
    """The name of a file's reading, where that is kept."""


@dataclass(frozen=True)
class _Alike:
    """How texts are laid out: those that are alike in it are read together."""

    headers: tuple[str, ...]
    delimiter: str
    skip: int


@dataclass(eq=False)
class _Set:
    """Texts that are alike, by their place, and what their first rows tell."""

    alike: _Alike
    columns: Mapping
    found: dict[int, Found] = field(default_factory=dict)
    seen: dict[str, Tokens] = field(default_factory=dict)

    def add(self, place: int, found: Found, rows: Sequence[Sequence[str]]) -> None:
        self.found[place] = found
        for column, told in seen_in(rows, self.columns).items():
            self.seen.setdefault(column, Tokens()).update(told)


@dataclass(frozen=True)
class _Part:
    """One text of a set as it was when it was read."""

    place: int
    label: str
    digest: str
    encoding: str
    records: int


@dataclass(frozen=True)
class _Job:
    """What does not differ between the files."""

    engine: Backend
    export: Export
    as_of: date
    done: ReadTogether


def read_together(
    engine: Backend, origins: Sequence[Origin], export: Export, as_of: date, name: str
) -> ReadTogether:
    """Read files of one export; names in the engine begin with `name`. Raises ExportRefused."""
    job = _Job(engine, export, as_of, ReadTogether())
    apart: list[int] = []
    sets: dict[_Alike, _Set] = {}
    for place, origin in enumerate(origins):
        if origin.suffix in TABLES or takes_several_rows(export) or GLOB & set(str(origin.path)):
            apart.append(place)
            continue
        found = find_text(origin.label, origin.path, origin.member, export.encoding)
        shape = shape_of(found.label, found.head(), export.delimiter)
        row = header_place(shape.rows[:20], export)
        alike = _Alike(shape.rows[row], shape.delimiter, shape.ends[row])
        if alike not in sets:
            sets[alike] = _Set(alike, match_columns(found.label, alike.headers, export))
        sets[alike].add(place, found, shape.rows[row + 1 :])
    for number, one in enumerate(sets.values()):
        apart += _read_set(job, one, f"{name}_set_{number}")
    for place in sorted(apart):
        _read_apart(job, origins[place], place, f"{name}_at_{place}")
    return job.done


def _read_apart(job: _Job, origin: Origin, place: int, name: str) -> None:
    staged = stage(job.engine, origin, job.export, name)
    file, typed = read_one(job.engine, staged, job.export, job.as_of, name)
    job.done.files[place] = file
    job.done.rows.append(typed.rows)
    job.done.rejects.append(typed.rejects)
    job.done.passing.extend((f"{name}_typed", f"{name}_refused"))
    job.done.of[place] = lambda: typed


def _read_set(job: _Job, texts: _Set, name: str) -> list[int]:
    """Read texts that are alike; the places of those that must be read singly instead."""
    engine, export, done = job.engine, job.export, job.done
    guesses = guesses_of(texts.seen, export, utc=in_utc(export))
    parts: list[_Part] = []
    unclear: set[int] = set()
    sources = _sources(engine, texts, parts, unclear, name)
    try:
        with closing(sources):
            plain = read_plainly(
                engine,
                sources,
                len(texts.alike.headers),
                texts.columns,
                guesses,
                export,
                job.as_of,
                f"{name}_plain",
            )
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:  # told in words of ours where the file is read singly
        return list(texts.found)
    placed = _Placed(plain, parts, texts.alike.skip, _seen(engine, plain, export))
    unclear |= {n for n in range(len(parts)) if not placed.is_clear(n, export)}
    aside = None
    try:
        aside = _type_aside(job, placed, unclear, name)
    except (ExportRefused, NotAsGuessed):
        unclear |= {n for n, one in placed.seen.items() if one.odd}
    done.rows.append(layer(engine, f"{name}_rows", placed.accepted(unclear, export.source)))
    done.passing.extend(f"{name}_{end}" for end in ("rows", "odd_typed", "plain", "none"))
    if aside is not None:
        done.rows.append(aside[0].rows)
        done.rejects.append(aside[0].rejects)
    for n, part in enumerate(parts):
        if n in unclear:
            continue
        counted = placed.seen[n].counted
        if aside is not None:
            counted += aside[1].get(part.label, Counted())
        done.files[part.place] = file_read(
            part.label,
            export,
            texts.columns,
            counted,
            read=part.records,
            digest=part.digest,
            encoding=part.encoding,
        )
        done.of[part.place] = partial(_of_file, job, placed, n, aside, counted, name)
    return [parts[n].place for n in sorted(unclear)]


def _sources(
    engine: Backend, texts: _Set, parts: list[_Part], unclear: set[int], name: str
) -> Generator[str]:
    """SQL that gives cells, and is to be read before the next is asked for; tells of its `parts`.

    Texts that must be converted are held in memory while they are read, so not all of them at once.
    """
    for places in _at_once(texts.found):
        first = len(parts)
        with ExitStack() as stack:
            paths = []
            for place in places:
                text = stack.enter_context(closing(texts.found[place].open()))
                records = text.lines - texts.alike.skip
                if records <= 0:
                    raise no_rows(text.label)
                parts.append(_Part(place, text.label, text.digest, text.encoding, records))
                paths.append(text.path)
            stack.callback(drop, engine, f"{name}_errors")
            stack.callback(drop, engine, f"{name}_scans")
            yield _source(texts.alike, paths, first, name)
            unclear |= {first + number for number in _with_errors(engine, paths, name)}


def _at_once(found: dict[int, Found]) -> Iterator[list[int]]:
    """Places of texts that are read by one statement."""
    places: list[int] = []
    held = 0
    for place, one in found.items():
        held += one.held
        if places and held > HELD_AT_ONCE:
            yield places
            places, held = [], one.held
        places.append(place)
    yield places


def _type_aside(
    job: _Job, placed: "_Placed", unclear: Collection[int], name: str
) -> tuple[Typed, dict[str, Counted]] | None:
    """Rows that were put aside, typed in the exact way; None where there are none.

    Raises ExportRefused, NotAsGuessed.
    """
    with_odd = [n for n, one in placed.seen.items() if one.odd and n not in unclear]
    if not with_odd:
        return None
    shown = {placed.parts[n].label: placed.shown(n) for n in with_odd}
    odd = placed.odd(with_odd)
    return type_rows(job.engine, odd, list(shown), job.export, job.as_of, f"{name}_odd", shown)


def _of_file(
    job: _Job,
    placed: "_Placed",
    number: int,
    aside: tuple[Typed, dict[str, Counted]] | None,
    counted: Counted,
    name: str,
) -> Typed:
    label = placed.parts[number].label
    rows = placed.accepted(set(placed.seen) - {number}, job.export.source)
    if aside is None or label not in aside[1]:
        none = new_table(job.engine, f"{name}_none", schema=REJECTS)
        return Typed(rows, none, counted)
    typed = aside[0]
    return Typed(
        stacked(rows, typed.rows.filter(typed.rows.file == label)),
        typed.rejects.filter(typed.rejects.file == label),
        counted,
    )


@dataclass(frozen=True)
class _Seen:
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
        return Counted(accepted=self.rows - self.odd, newest=self.newest)


@dataclass(frozen=True, eq=False)
class _Placed:
    """Rows of a set, and where they are written."""

    plain: PlainRows
    parts: Sequence[_Part]
    skip: int
    seen: dict[int, _Seen]

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


def _seen(engine: Backend, plain: PlainRows, export: Export) -> dict[int, _Seen]:
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
        row["file_no"]: _Seen(
            rows=row["rows"],
            in_order=row["last"] - row["first"] + 1 == row["rows"],
            first=row["first"],
            odd=row["odd"],
            marks=row["marks"] or 0,
            newest=row["newest"],
        )
        for row in found.to_pyarrow().to_pylist()
    }


def _with_errors(engine: Backend, paths: Sequence[str], name: str) -> set[int]:
    """Numbers of the texts with a record that was no row."""
    found = engine.con.execute(
        f'SELECT DISTINCT file_path FROM "{name}_errors" JOIN "{name}_scans" '
        "USING (scan_id, file_id)"
    ).fetchall()
    return {paths.index(path) for (path,) in found}


def _source(alike: _Alike, paths: Sequence[str], first: int, name: str) -> str:
    """The statement that gives the cells of the texts; a record that is no row goes aside.

    They are numbered from `first` on.
    """
    width = len(alike.headers)
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(width))
    return f"""
        SELECT file_index + {first} AS file_no, {", ".join(f"c{place}" for place in range(width))}
        FROM read_csv(
            [{", ".join(map(_quoted, paths))}], columns = {{{columns}}}, auto_detect = false,
            header = false, skip = {alike.skip}, delim = {_quoted(alike.delimiter)}, quote = '"',
            escape = '"', null_padding = false, store_rejects = true,
            rejects_table = {_quoted(f"{name}_errors")}, rejects_scan = {_quoted(f"{name}_scans")},
            rejects_limit = 0, max_line_size = {MAX_LINE}, compression = 'none'
        )"""


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
