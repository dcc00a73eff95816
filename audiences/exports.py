"""Reading exports: files as a CRM gave them in, typed tables and rejects out.

Every row of every file is either accepted or rejected with file, line, column and reason, and the
sum is checked against a second count of the file's records. Rows stay in the engine.
"""

import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import count
from pathlib import Path

import ibis
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
from audiences.columns import REQUIRED, match_columns
from audiences.engines import engine_for
from audiences.kinds import BUILDERS
from audiences.origins import origins_of, query_rows
from audiences.readings import Readings, as_facts
from audiences.refusals import ExportRefused
from audiences.staged import ROWS_AT_ONCE, Origin, Staged, drop, new_table, stage, stage_query
from audiences.tables import REJECTS
from audiences.typed import Typed, takes_several_rows, type_rows
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
class FileRead:
    """What became of one file; counts are rows, read = accepted + rejected."""

    file: str
    kind: ExportKind
    source: str
    read: int
    accepted: int
    rejected: int
    columns: dict[str, str]
    """Canonical column = header it was found under."""
    unknown: tuple[str, ...]
    """Headers that are not used."""
    digest: str
    """SHA-256 of the file's bytes; of the answer for a query."""
    newest: date | None
    """Newest order (orders) or registration (contacts)."""
    encoding: str = ""


@dataclass(frozen=True)
class Reading:
    """What a run read. The tables are in the engine under the names of this module."""

    files: tuple[FileRead, ...]
    newest_order: date | None
    contacts: int
    """Rows of CONTACT_ROWS."""
    orders: int
    """Rows of ORDER_ROWS: an order told twice is there once, as it was told last."""
    rejected: int

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
    passing: tuple[str, ...]
    """Tables that nobody needs once the run's own are made of them."""


def read_exports(
    engine: Backend,
    exports: ExportsFile,
    folder: Path,
    shop: Shop,
    as_of: date,
    databases: Mapping[str, str] | None = None,
    refused: Path | None = None,
    kept: Readings | None = None,
) -> Reading:
    """Read all exports into contact_rows, order_rows, event_rows, cost_rows, rejects (tables.py).

    `databases` maps the name in `export.database` to a URL. The engine's time zone is set to the
    shop's. Rejects are written into the folder `refused` before a file with too many of them is
    refused. Files that were read before are taken from `kept`, and what it may keep is offered to
    it. Raises ExportRefused before any table of rows is replaced.
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
    assemble(engine, read.rows, shop, exports.rate)
    for name in read.passing:
        drop(engine, name)
    bought = (ExportKind.ORDERS, ExportKind.AGGREGATE)
    newest = [f.newest for f in files if f.kind in bought and f.newest is not None]
    return Reading(
        files,
        max(newest, default=None),
        int(engine.to_pyarrow(engine.table(CONTACTS_TABLE).count()).as_py()),
        int(engine.to_pyarrow(engine.table(ORDERS_TABLE).count()).as_py()),
        sum(file.rejected for file in files),
    )


def read_here(engine: Backend, asked: Asked) -> Read:
    """Read everything into this engine."""
    done = list(_read_each(engine, asked))
    rows: Rows = {}
    for file, typed in done:
        rows.setdefault(file.kind, []).append(typed.rows)
    return Read(
        tuple(file for file, _ in done),
        rows,
        [typed.rejects for _, typed in done],
        tuple(f"export_{place}_typed" for place in range(len(done))),
    )


def _read_each(engine: Backend, asked: Asked) -> Iterator[tuple[FileRead, Typed]]:
    """Every file and query, one after the other: the text of only one is in the engine."""
    places, as_of, kept = count(), asked.as_of, asked.kept
    for export in asked.exports.export:
        if export.query is not None:
            headers, records = query_rows(export, asked.databases)
            name = f"export_{next(places)}"
            staged = stage_query(engine, f"query on {export.database}", headers, records, name)
            yield read_one(engine, staged, export, as_of, name)
            continue
        for origin in origins_of(export, asked.folder):
            name = f"export_{next(places)}"
            if kept is None:
                yield read_one(engine, stage(engine, origin, export, name), export, as_of, name)
            else:
                yield _read_or_found(engine, kept, origin, export, as_of, name)


def _read_or_found(
    engine: Backend, kept: Readings, origin: Origin, export: Export, as_of: date, name: str
) -> tuple[FileRead, Typed]:
    known_as = kept.name_of(origin, export)
    found = kept.find(engine, known_as)
    if found is not None:
        facts = {**found.facts, "unknown": tuple(found.facts["unknown"])}
        return FileRead(kind=export.kind, newest=found.typed.newest, **facts), found.typed
    file, typed = read_one(engine, stage(engine, origin, export, name), export, as_of, name)
    if kept.name_of(origin, export) == known_as:  # it was not written anew in the meantime
        kept.offer(engine, known_as, file.kind, as_facts(file), typed)
    return file, typed


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


def read_one(
    engine: Backend, staged: Staged, export: Export, as_of: date, name: str
) -> tuple[FileRead, Typed]:
    """Type one staged file, whole orders out of lines. Raises ExportRefused."""
    mapping = match_columns(staged.file, staged.headers, export)
    if staged.read == 0:
        raise ExportRefused(staged.file, "has headers but no rows", "Export it again.")
    typed = type_rows(engine, staged, mapping, export, as_of, name, BUILDERS[export.kind])
    if typed.accepted + typed.rejected != staged.read:
        raise ExportRefused(
            staged.file,
            f"{staged.read} rows were read, but {typed.accepted} accepted and "
            f"{typed.rejected} rejected",
            "This is a fault of adsteer; nothing was changed.",
        )
    for table in ("_text", "_staged", "_lines"):
        drop(engine, f"{name}{table}")
    file = FileRead(
        staged.file,
        export.kind,
        export.source,
        staged.read,
        typed.accepted,
        typed.rejected,
        mapping.shown(),
        mapping.unknown,
        staged.digest,
        typed.newest,
        staged.encoding,
    )
    if export.kind is ExportKind.ORDERS and takes_several_rows(export):
        typed = replace(typed, rows=_whole_orders(typed.rows))
    return file, typed


def _whole_orders(lines: ir.Table) -> ir.Table:
    """Rows that are lines of an order as the order: items of all lines, paid if any of them is."""
    order = ibis.window(group_by=["source", "order_id"])
    paid = (lines.state == "paid").any().over(order)
    part = paid & (lines.state == "cancelled")
    return lines.mutate(
        items=lines["items"].sum().over(order), state=ibis.ifelse(part, "paid", lines.state)
    )


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
