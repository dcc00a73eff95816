"""Reading exports: files as a CRM gave them in, typed tables and rejects out.

Every row of every file is either accepted or rejected with file, line, column and reason, and the
sum is checked against a second count of the file's records. Rows stay in the engine.
"""

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from audiences.assembling import (
    CONTACTS_TABLE,
    COSTS_TABLE,
    EVENTS_TABLE,
    ORDERS_TABLE,
    Rows,
    all_rows,
    assemble,
)
from audiences.carried import OF_ORDERS, Carried, OrderFile, Past, carry_on
from audiences.columns import REQUIRED
from audiences.engines import engine_for
from audiences.layers import drop, new_table
from audiences.origins import origins_of, query_rows
from audiences.readings import Readings, as_facts
from audiences.refusals import ExportRefused
from audiences.singly import FileRead, read_one
from audiences.staged import ROWS_AT_ONCE, Origin, stage_query
from audiences.tables import REJECTS
from audiences.together import ReadTogether, read_together
from config.exports import Export, ExportKind, ExportsFile
from config.presets import load_preset
from config.shop import Shop

__all__ = [
    "CONTACTS_TABLE",
    "COSTS_TABLE",
    "EVENTS_TABLE",
    "ORDERS_TABLE",
    "REJECTS_FILE",
    "REJECTS_TABLE",
    "ExportRefused",
    "FileRead",
    "Reading",
    "read_exports",
    "write_rejects",
]

REJECTS_TABLE = "rejects"
REJECTS_FILE = "rejects.csv"


@dataclass(frozen=True)
class Reading:
    """What a run read. The tables are in the engine under the names of this module."""

    files: tuple[FileRead, ...]
    newest_order: date | None
    contacts: int
    """Rows of CONTACT_ROWS."""
    orders: int | None
    """Rows of ORDER_ROWS: an order told twice is there once, as it was told last. None where they
    are `carried`."""
    rejected: int
    order_files: tuple[OrderFile, ...] = ()
    carried: Carried | None = None
    """What is taken over from the last refresh: then there is no table of ORDER_ROWS."""

    @property
    def read(self) -> int:
        """Rows of all files."""
        return sum(file.read for file in self.files)

    @property
    def accepted(self) -> int:
        """Accepted rows of all files."""
        return sum(file.accepted for file in self.files)


@dataclass(frozen=True)
class Asked:
    """What is to be read, by whose clock, and what was read before."""

    exports: ExportsFile
    folder: Path
    shop: Shop
    as_of: date
    databases: Mapping[str, str] = field(repr=False)
    kept: Readings | None = None


@dataclass(frozen=True, eq=False)
class Read:
    """What was read: each file's figures, its rows by kind, and what was refused."""

    files: tuple[FileRead, ...]
    rows: Rows
    rejects: list[ir.Table]
    passing: Sequence[tuple[ExportKind, Sequence[str]]]
    """Tables that nobody needs once the run's own are made of them."""
    of_orders: tuple[OrderFile, ...] = ()
    """What may be taken over to another run's orders; none where nothing may be."""


def read_exports(
    engine: Backend,
    exports: ExportsFile,
    folder: Path,
    shop: Shop,
    as_of: date,
    databases: Mapping[str, str] | None = None,
    refused: Path | None = None,
    kept: Readings | None = None,
    past: Past | None = None,
) -> Reading:
    """Read all exports into contact_rows, order_rows, event_rows, cost_rows, rejects (tables.py).

    `databases` maps the name in `export.database` to a URL. The engine's time zone is set to the
    shop's. Rejects are written into the folder `refused` before a file with too many of them is
    refused. Files that were read before are taken from `kept`, and what it may keep is offered to
    it; with the `past` few orders may be made, or none. Raises ExportRefused before any table of
    rows is replaced.
    """
    at_work = engine_for(engine)
    at_work.set_time_zone(shop.time_zone)
    for export in exports.export:
        _refuse_unknown(export)
    read = at_work.read_files(Asked(exports, folder, shop, as_of, databases or {}, kept))
    files = read.files
    new_table(engine, REJECTS_TABLE, all_rows(read.rejects, REJECTS))
    if refused is not None:
        write_rejects(engine, refused)
    for file in files:
        _refuse_too_many(file, exports.max_rejected)
    carried = None
    if kept is not None and past is not None:
        carried = carry_on(engine, read.of_orders, kept, past, shop, exports.rate)
    stay = assemble(engine, read.rows, shop, exports.rate, orders=carried is None)
    for kind, names in read.passing:
        for name in names if kind not in stay else ():
            drop(engine, name)
    bought = (ExportKind.ORDERS, ExportKind.AGGREGATE)
    newest = [f.newest for f in files if f.kind in bought and f.newest is not None]
    return Reading(
        files,
        max(newest, default=None),
        int(engine.to_pyarrow(engine.table(CONTACTS_TABLE).count()).as_py()),
        None if carried else int(engine.to_pyarrow(engine.table(ORDERS_TABLE).count()).as_py()),
        sum(file.rejected for file in files),
        read.of_orders,
        carried,
    )


def read_here(engine: Backend, asked: Asked) -> Read:
    """Read everything into this engine."""
    done: list[ReadTogether] = []
    rows: Rows = {}
    exports = asked.exports.export
    for number, export in enumerate(exports):
        one = _read_export(engine, asked, export, f"export_{number}")
        rows.setdefault(export.kind, []).extend(one.rows)
        done.append(one)
    return Read(
        tuple(one.files[place] for one in done for place in sorted(one.files)),
        rows,
        [table for one in done for table in one.rejects],
        [(export.kind, one.passing) for export, one in zip(exports, done, strict=True)],
        tuple(
            OrderFile(one.kept_as.get(place), file.kind, file.accepted)
            for one in done
            for place, file in sorted(one.files.items())
            if file.kind in (*OF_ORDERS, ExportKind.AGGREGATE)
        ),
    )


def _read_export(engine: Backend, asked: Asked, export: Export, name: str) -> ReadTogether:
    if export.query is not None:
        headers, records = query_rows(export, asked.databases)
        staged = stage_query(engine, f"query on {export.database}", headers, records, name)
        file, typed = read_one(engine, staged, export, asked.as_of, name)
        return ReadTogether({0: file}, [typed.rows], [typed.rejects], [f"{name}_typed"])
    origins = origins_of(export, asked.folder)
    if asked.kept is None:
        return read_together(engine, origins, export, asked.as_of, name)
    return _read_or_found(engine, asked.kept, origins, export, asked.as_of, name)


def _read_or_found(
    engine: Backend,
    kept: Readings,
    origins: Sequence[Origin],
    export: Export,
    as_of: date,
    name: str,
) -> ReadTogether:
    known_as = [kept.name_of(origin, export) for origin in origins]
    found = {place: kept.find(engine, known) for place, known in enumerate(known_as)}
    new = [place for place, one in found.items() if one is None]
    read = read_together(engine, [origins[place] for place in new], export, as_of, name)
    done = ReadTogether(rows=read.rows, rejects=read.rejects, passing=read.passing)
    for number, place in enumerate(new):
        file = done.files[place] = read.files[number]
        if kept.name_of(origins[place], export) == known_as[place]:  # not written anew meanwhile
            kept.offer(engine, known_as[place], file.kind, as_facts(file), read.of[number]())
    for place, one in found.items():
        if one is not None:
            facts = {**one.facts, "unknown": tuple(one.facts["unknown"])}
            newest = one.typed.counted.newest
            done.files[place] = FileRead(kind=export.kind, newest=newest, **facts)
            done.rows.append(one.typed.rows)
            done.rejects.append(one.typed.rejects)
    done.kept_as.update({n: name for n, name in enumerate(known_as) if kept.holds(name)})
    return done


def _refuse_unknown(export: Export) -> None:
    label = export.path or f"query on {export.database}"
    if export.kind not in REQUIRED:
        raise ExportRefused(
            label,
            f"exports of kind {export.kind} are not read yet",
            f"Known kinds: {', '.join(REQUIRED)}.",
        )
    if export.preset is not None:
        try:
            load_preset(export.preset)
        except KeyError as fault:
            raise ExportRefused(label, str(fault.args[0]), "Correct preset.") from None


def _refuse_too_many(file: FileRead, share: float) -> None:
    if file.rejected > share * file.read:
        raise ExportRefused(
            file.file,
            f"{file.rejected:,} of {file.read:,} rows are rejected "
            f"({file.rejected / file.read:.1%}), more than max_rejected = {share:.1%}",
            "Look at the rejects, correct the export or its columns.",
        )


def write_rejects(engine: Backend, folder: Path) -> Path:
    """Write the rejects as `rejects.csv` (mode 0600) into `folder` and return its path.

    A cell that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / REJECTS_FILE
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    rejects = engine.table(REJECTS_TABLE).order_by("file", "line")
    with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123
        os.fchmod(file.fileno(), 0o600)
        writer = csv.writer(file)
        writer.writerow(REJECTS.names)
        for batch in engine_for(engine).stream(rejects, ROWS_AT_ONCE):
            for row in batch.to_pylist():
                writer.writerow([_harmless(row[name]) for name in REJECTS.names])
    return path


def _harmless(value: object) -> object:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
