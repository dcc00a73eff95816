"""The files of an export, those with the same headers together: one set of statements for all.

A file that is no text, or whose records cannot be told by its lines, is read singly (singly.py),
and so is one that is refused: there its fault is found in its own words.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import duckdb
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from audiences.alike import Alike, Part, Texts, sources_of
from audiences.columns import header_place, match_columns
from audiences.forms import in_utc
from audiences.guesses import (
    NotAsGuessed,
    guesses_of,
)
from audiences.layers import layer, new_table
from audiences.placed import Placed, seen_of
from audiences.plain import read_plainly
from audiences.refusals import ExportRefused
from audiences.shapes import shape_of
from audiences.singly import FileRead, file_read, read_one
from audiences.staged import TABLES, Origin, stage
from audiences.tables import REJECTS
from audiences.texts import find_text
from audiences.typed import Counted, Typed, takes_several_rows, type_rows
from audiences.unions import stacked
from config.exports import Export

GLOB = frozenset("*?[")
"""Signs in a path that the engine's reader would look for files by."""


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
    sets: dict[Alike, Texts] = {}
    for place, origin in enumerate(origins):
        if origin.suffix in TABLES or takes_several_rows(export) or GLOB & set(str(origin.path)):
            apart.append(place)
            continue
        found = find_text(origin.label, origin.path, origin.member, export.encoding)
        shape = shape_of(found.label, found.head(), export.delimiter)
        row = header_place(shape.rows[:20], export)
        alike = Alike(shape.rows[row], shape.delimiter, shape.ends[row])
        if alike not in sets:
            sets[alike] = Texts(alike, match_columns(found.label, alike.headers, export))
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


def _read_set(job: _Job, texts: Texts, name: str) -> list[int]:
    """Read texts that are alike; the places of those that must be read singly instead."""
    engine, export, done = job.engine, job.export, job.done
    guesses = guesses_of(texts.seen, export, utc=in_utc(export))
    parts: list[Part] = []
    unclear: set[int] = set()
    sources = sources_of(engine, texts, parts, unclear, name)
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
    placed = Placed(plain, parts, texts.alike.skip, seen_of(engine, plain, export))
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


def _type_aside(
    job: _Job, placed: Placed, unclear: Collection[int], name: str
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
    placed: Placed,
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
