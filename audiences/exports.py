"""Reading exports: files as a CRM gave them in, typed tables and rejects out.

Every row of every file is either accepted or rejected with file, line, column and reason, and the
sum is checked against a second count of the file's records. Rows stay in the engine.
"""

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import reduce
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from audiences.columns import REQUIRED, match_columns
from audiences.origins import origins_of, query_rows
from audiences.refusals import ExportRefused
from audiences.staged import Staged, drop, new_table, stage, stage_query
from audiences.tables import CONTACT_ROWS, ORDER_ROWS, REJECTS
from audiences.typed import Typed, type_rows
from config.exports import Export, ExportKind, ExportsFile
from config.presets import load_preset
from config.shop import Shop

CONTACTS_TABLE = "contact_rows"
ORDERS_TABLE = "order_rows"
REJECTS_TABLE = "rejects"


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


def read_exports(
    engine: Backend,
    exports: ExportsFile,
    folder: Path,
    shop: Shop,
    as_of: date,
    databases: Mapping[str, str] | None = None,
) -> Reading:
    """Read all exports into tables contact_rows, order_rows, rejects (schemas: tables.py).

    `databases` maps the name in `export.database` to a URL. The engine's time zone is set to the
    shop's. Raises ExportRefused before any of the three tables is replaced.
    """
    engine.raw_sql(f"SET TimeZone = '{shop.time_zone}'")
    done = [
        _read_one(engine, staged, export, shop, as_of, f"export_{place}")
        for place, (staged, export) in enumerate(_staged(engine, exports, folder, databases or {}))
    ]
    files = tuple(file for file, _ in done)
    rejects = _all_rows([typed.rejects for _, typed in done], REJECTS)
    new_table(engine, REJECTS_TABLE, rejects)
    for file in files:
        _refuse_too_many(file, exports.max_rejected)
    _write_contacts(engine, [t.rows for f, t in done if f.kind is ExportKind.CONTACTS])
    _write_orders(engine, [t.rows for f, t in done if f.kind is ExportKind.ORDERS], shop)
    newest = [f.newest for f in files if f.kind is ExportKind.ORDERS and f.newest is not None]
    return Reading(
        files,
        max(newest, default=None),
        int(engine.table(CONTACTS_TABLE).count().execute()),
        int(engine.table(ORDERS_TABLE).count().execute()),
        sum(file.rejected for file in files),
    )


def _staged(
    engine: Backend, exports: ExportsFile, folder: Path, databases: Mapping[str, str]
) -> list[tuple[Staged, Export]]:
    found: list[tuple[Staged, Export]] = []
    for export in exports.export:
        _refuse_unknown(export)
        if export.query is not None:
            headers, records = query_rows(export, databases)
            name = f"export_{len(found)}"
            label = f"query on {export.database}"
            found.append((stage_query(engine, label, headers, records, name), export))
            continue
        for origin in origins_of(export, folder):
            found.append((stage(engine, origin, export, f"export_{len(found)}"), export))
    return found


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


def _read_one(
    engine: Backend, staged: Staged, export: Export, shop: Shop, as_of: date, name: str
) -> tuple[FileRead, Typed]:
    mapping = match_columns(staged.file, staged.headers, export)
    if staged.read == 0:
        raise ExportRefused(staged.file, "has headers but no rows", "Export it again.")
    typed = type_rows(engine, staged, mapping, export, as_of, name)
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
    return file, typed


def _refuse_too_many(file: FileRead, share: float) -> None:
    if file.rejected > share * file.read:
        raise ExportRefused(
            file.file,
            f"{file.rejected:,} of {file.read:,} rows are rejected "
            f"({file.rejected / file.read:.1%}), more than max_rejected = {share:.1%}",
            "Look at the rejects, correct the export or its columns.",
        )


def _all_rows(tables: list[ir.Table], schema: ibis.Schema) -> ir.Table:
    if not tables:
        return ibis.memtable([], schema=schema)
    return reduce(lambda one, other: one.union(other), tables)


def _write_contacts(engine: Backend, tables: list[ir.Table]) -> None:
    """CONTACT_ROWS; a row id is the contact id where that names one row of its source only."""
    if not tables:
        new_table(engine, CONTACTS_TABLE, schema=CONTACT_ROWS)
        return
    rows = _all_rows(tables, CONTACT_ROWS)
    first = ibis.row_number().over(group_by=["source", "contact_id"], order_by=["file", "line"])
    rows = rows.mutate(first=first)
    place = rows.file + ":" + rows.line.cast("string")
    own = rows.contact_id.notnull() & (rows["first"] == 0)
    rows = rows.mutate(row_id=ibis.ifelse(own, rows.contact_id, place))
    new_table(engine, CONTACTS_TABLE, rows.select(*CONTACT_ROWS.names).cast(CONTACT_ROWS))


def _write_orders(engine: Backend, tables: list[ir.Table], shop: Shop) -> None:
    """ORDER_ROWS: one row per order and per return, the last row that tells of it."""
    if not tables:
        new_table(engine, ORDERS_TABLE, schema=ORDER_ROWS)
        return
    rows = _all_rows(tables, ORDER_ROWS)
    found = rows.filter(rows.currency.notnull()).currency.as_table().distinct()
    others = sorted(str(row["currency"]) for row in found.to_pyarrow().to_pylist())
    if any(code != shop.currency for code in others):
        raise ExportRefused(
            "orders",
            f"amounts are in {len(others)} currencies or not in {shop.currency}",
            f"One currency per run: export the orders in {shop.currency}.",
        )
    later = ibis.row_number().over(
        group_by=["source", "order_id", rows.state == "returned"],
        order_by=[ibis.desc("file"), ibis.desc("line")],
    )
    last = rows.mutate(later=later).filter(lambda t: t.later == 0)
    new_table(engine, ORDERS_TABLE, last.select(*ORDER_ROWS.names).cast(ORDER_ROWS))


def write_rejects(engine: Backend, folder: Path) -> Path:
    """Write the rejects as `rejects.csv` (mode 0600) into `folder` and return its path.

    A cell that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "rejects.csv"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    rejects = engine.table(REJECTS_TABLE).order_by("file", "line")
    with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123
        os.fchmod(file.fileno(), 0o600)
        writer = csv.writer(file)
        writer.writerow(REJECTS.names)
        for row in rejects.to_pyarrow().to_pylist():
            writer.writerow([_harmless(row[name]) for name in REJECTS.names])
    return path


def _harmless(value: object) -> object:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
