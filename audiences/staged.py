"""Exports as text tables inside the engine: one reader per file format, all cells VARCHAR.

A staged table has the columns c0, c1, ... as in the header row and `line`, where the row begins in
its file: the physical line of a text, the row of a sheet, the ordinal of a record elsewhere.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from ibis.backends.duckdb import Backend

from audiences.columns import header_place
from audiences.layers import append, drop, new_table
from audiences.refusals import ExportRefused, masked
from audiences.shapes import Records, records_of, shape_of
from audiences.tables import REJECTS
from audiences.texts import Text, open_text
from config.exports import Export

MAX_LINE = 1 << 24
"""Bytes one record may take."""
ROWS_AT_ONCE = 20_000
REASONS = {
    "MISSING COLUMNS": "fewer cells than the header row",
    "TOO MANY COLUMNS": "more cells than the header row",
    "UNQUOTED VALUE": "a quote is not closed or stands inside a value",
    "LINE SIZE OVER MAXIMUM": "the row is too long",
    "INVALID ENCODING": "bytes that are no text",
}
"""DuckDB's names of what is wrong with a record, in our words."""


@dataclass(frozen=True)
class Staged:
    """One file as text: its rows, and the records that were no rows."""

    file: str
    digest: str
    headers: tuple[str, ...]
    rows: ir.Table
    refused: ir.Table
    """Schema REJECTS."""
    read: int
    encoding: str = ""


@dataclass(frozen=True)
class Origin:
    """One thing to read: a file, or a member of a zip archive."""

    label: str
    path: Path
    member: str | None = None

    @property
    def suffix(self) -> str:
        """What its format goes by, without .gz."""
        name = Path(self.member or self.path.name.lower().removesuffix(".gz"))
        return name.suffix.lower()


TABLES = (".parquet", ".jsonl", ".ndjson", ".xlsx", ".xls", ".ods", ".xlsb")
"""Suffixes of what is no delimited text."""


def stage(engine: Backend, origin: Origin, export: Export, name: str) -> Staged:
    """Read one file into table `name`. Raises ExportRefused."""
    match origin.suffix:
        case ".parquet":
            return _stage_parquet(engine, origin, export, name)
        case ".jsonl" | ".ndjson":
            return _stage_json_lines(engine, origin, name)
        case ".xlsx" | ".xls" | ".ods" | ".xlsb":
            return _stage_workbook(engine, origin, export, name)
        case _:
            return _stage_text(engine, origin, export, name)


# Delimited text


def _stage_text(engine: Backend, origin: Origin, export: Export, name: str) -> Staged:
    text = open_text(origin.label, origin.path, origin.member, export.encoding)
    try:
        shape = shape_of(origin.label, text.head(), export.delimiter)
        place = header_place(shape.rows[:20], export)
        headers, skip = shape.rows[place], shape.ends[place]
        rows = _read_csv(engine, text, len(headers), shape.delimiter, skip, name)
        refused = _refused_records(engine, name)
        staged, read, lines = _with_lines(engine, rows, refused, text, skip, name)
    finally:
        text.close()
    rejects = _structural(engine, origin.label, refused, lines, name)
    return Staged(origin.label, text.digest, headers, staged, rejects, read, text.encoding)


def _read_csv(
    engine: Backend, text: Text, width: int, delimiter: str, skip: int, name: str
) -> ir.Table:
    for table in (f"{name}_errors", f"{name}_scans"):
        drop(engine, table)
    try:
        view = engine.read_csv(
            text.path,
            columns={f"c{place}": "VARCHAR" for place in range(width)},
            auto_detect=False,
            header=False,
            skip=skip,
            delim=delimiter,
            quote='"',
            escape='"',
            null_padding=False,
            store_rejects=True,
            rejects_table=f"{name}_errors",
            rejects_scan=f"{name}_scans",
            rejects_limit=0,
            max_line_size=MAX_LINE,
            compression="none",
        )
        table = new_table(engine, f"{name}_text", view)
        engine.raw_sql(f'DROP VIEW IF EXISTS "{view.get_name()}"')
    except duckdb.OutOfMemoryException:  # says nothing of the file
        raise
    except duckdb.Error as fault:
        # The engine's own words may quote a row, so only their kind is told.
        raise ExportRefused(
            text.label,
            f"the rows cannot be told apart ({type(fault).__name__})",
            "Check quotes, the delimiter and the line ends.",
        ) from None
    return table


@dataclass(frozen=True)
class _Broken:
    """A record that was no row."""

    offset: int
    error: str
    breaks: int
    shown: str


def _refused_records(engine: Backend, name: str) -> list[_Broken]:
    errors = engine.table(f"{name}_errors")
    broken = errors.select(
        offset=errors.line_byte_position - 1,  # counted from 1 there
        error=errors.error_type.cast("string"),
        breaks=errors.csv_line.rstrip().length()
        - errors.csv_line.rstrip().replace("\n", "").length(),
        shown=masked(errors.csv_line),
        column=errors.column_idx,
    )
    first = broken.order_by("offset", "column").distinct(on="offset", keep="first")
    records = [
        _Broken(int(row["offset"]), row["error"], int(row["breaks"]), row["shown"] or "")
        for row in first.order_by("offset").to_pyarrow().to_pylist()
    ]
    drop(engine, f"{name}_errors")
    drop(engine, f"{name}_scans")
    return records


def _with_lines(
    engine: Backend, rows: ir.Table, broken: Sequence[_Broken], text: Text, skip: int, name: str
) -> tuple[ir.Table, int, dict[int, int]]:
    """The rows with their lines, how many records were read, and the lines of the broken ones.

    A second reading of the record ends, independent of the engine's, so no record can be lost
    unseen. A file whose rows are lines needs no more than a count of its line ends.
    """
    count = int(rows.count().execute())
    if not broken and count == text.lines - skip:
        return rows.mutate(line=rows.rowid() + (skip + 1)), count, {}
    records = records_of(text.content(), skip)
    refused = {item.offset: item for item in broken}
    at = np.isin(records.offsets, np.fromiter(refused, np.int64, len(refused)))
    counted = int(at.sum()) == len(refused) and len(records.offsets) - len(refused) == count
    if not counted or any(item.breaks for item in broken):
        raise ExportRefused(
            text.label,
            f"a quote is opened and never closed, so the rows after it cannot be told apart"
            f"{_near(broken, records)}",
            "Repair the quote in the export.",
        )
    lines = dict(zip(records.offsets[at].tolist(), records.lines[at].tolist(), strict=True))
    accepted = pa.table(
        {"ordinal": pa.array(np.arange(count)), "line": pa.array(records.lines[~at])}
    )
    places = new_table(engine, f"{name}_lines", accepted)
    numbered = rows.mutate(ordinal=rows.rowid()).join(places, "ordinal").drop("ordinal")
    staged = new_table(engine, f"{name}_staged", numbered)
    return staged, len(records.offsets), lines


def _near(broken: Sequence[_Broken], records: Records) -> str:
    open_quotes = [item.offset for item in broken if item.breaks > 0]
    if not open_quotes:
        return ""
    place = int(np.searchsorted(records.offsets, open_quotes[0], side="right")) - 1
    return f" (near line {records.lines[place]})" if place >= 0 else ""


def _structural(
    engine: Backend, file: str, broken: Sequence[_Broken], lines: dict[int, int], name: str
) -> ir.Table:
    rows = [
        {
            "file": file,
            "line": lines[item.offset],
            "column": None,
            "reason": REASONS.get(item.error, "the row cannot be read"),
            "shown": item.shown,
        }
        for item in broken
    ]
    return _rejects_table(engine, rows, name)


def _rejects_table(engine: Backend, rows: list[dict[str, Any]], name: str) -> ir.Table:
    table = pa.Table.from_pylist(rows, schema=_REJECTS_ARROW)
    return new_table(engine, f"{name}_refused", table)


_REJECTS_ARROW = pa.schema([pa.field(field, kind.to_pyarrow()) for field, kind in REJECTS.items()])


# Tables of other kinds


def _stage_parquet(engine: Backend, origin: Origin, export: Export, name: str) -> Staged:
    digest = file_digest(origin)
    try:
        table = engine.read_parquet(str(origin.path))
        headers = tuple(table.columns)
        cells = {f"c{place}": table[header].cast("string") for place, header in enumerate(headers)}
        text = new_table(engine, f"{name}_text", table.select(**cells))
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as fault:
        raise _unreadable(origin.label, fault) from None
    count = int(text.count().execute())
    rows = text.mutate(line=text.rowid() + 1)
    return Staged(origin.label, digest, headers, rows, _rejects_table(engine, [], name), count)


def _stage_json_lines(engine: Backend, origin: Origin, name: str) -> Staged:
    text = open_text(origin.label, origin.path, origin.member, None)
    try:
        content = Path(text.path).read_text(encoding="utf-8-sig")
    finally:
        text.close()
    lines = [(n, line) for n, line in enumerate(content.split("\n"), 1) if line.strip()]
    keys: dict[str, None] = {}
    good: list[tuple[int, dict[str, Any]]] = []
    broken = []
    for number, line in lines:
        record = _record(line)
        if record is None:
            broken.append(_reject(origin.label, number, "not a JSON object"))
        else:
            keys.update(dict.fromkeys(record))
            good.append((number, record))
    headers = tuple(keys)
    cells = ([_plain(record.get(key)) for key in headers] for _, record in good)
    rows = _stage_rows(engine, headers, cells, [n for n, _ in good], name)
    refused = _rejects_table(engine, broken, name)
    return Staged(origin.label, text.digest, headers, rows, refused, len(lines), text.encoding)


def _record(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _reject(file: str, line: int, reason: str) -> dict[str, Any]:
    return {"file": file, "line": line, "column": None, "reason": reason, "shown": None}


def _stage_workbook(engine: Backend, origin: Origin, export: Export, name: str) -> Staged:
    sheet = _sheet(origin, export.sheet)
    place = header_place([[_plain(cell) or "" for cell in row] for row in sheet[:20]], export)
    if len(sheet) <= place:
        raise ExportRefused(origin.label, "the sheet is empty", "Name another: sheet = '...'.")
    headers = tuple(_plain(cell) or "" for cell in sheet[place])
    body = [
        (number, row)
        for number, row in enumerate(sheet[place + 1 :], place + 2)
        if any(_plain(cell) for cell in row)
    ]
    cells = ([_plain(cell) for cell in row] for _, row in body)
    rows = _stage_rows(engine, headers, cells, [number for number, _ in body], name)
    digest = file_digest(origin)
    refused = _rejects_table(engine, [], name)
    return Staged(origin.label, digest, headers, rows, refused, len(body))


def _sheet(origin: Origin, wanted: str | None) -> list[list[Any]]:
    from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

    try:
        book = CalamineWorkbook.from_path(str(origin.path))
        visible = [s.name for s in book.sheets_metadata if s.visible == SheetVisibleEnum.Visible]
    except (CalamineError, OSError) as fault:
        raise _unreadable(origin.label, fault) from None
    if wanted is not None and wanted not in book.sheet_names:
        raise ExportRefused(
            origin.label, f"has no sheet {wanted!r}", f"Known: {', '.join(book.sheet_names)}."
        )
    if wanted is None and not visible:
        raise ExportRefused(origin.label, "has no visible sheet", "Name one: sheet = '...'.")
    return book.get_sheet_by_name(wanted or visible[0]).to_python(skip_empty_area=False)


def stage_query(
    engine: Backend, label: str, headers: Sequence[str], records: Iterable[Sequence[Any]], name: str
) -> Staged:
    """The answer of a database as a staged table; `line` is the ordinal of the record."""
    digest = sha256()

    def cells() -> Iterator[list[str | None]]:
        for record in records:
            row = [_plain(value) for value in record]
            digest.update(json.dumps(row).encode())
            yield row

    rows = _stage_rows(engine, headers, cells(), None, name)
    count = int(rows.count().execute())
    refused = _rejects_table(engine, [], name)
    return Staged(label, digest.hexdigest(), tuple(headers), rows, refused, count)


def _stage_rows(
    engine: Backend,
    headers: Sequence[str],
    cells: Iterable[list[str | None]],
    lines: Sequence[int] | None,
    name: str,
) -> ir.Table:
    names = [*(f"c{place}" for place in range(len(headers))), "line"]
    fields: list[pa.Field[Any]] = [pa.field(n, pa.string()) for n in names[:-1]]
    schema = pa.schema([*fields, pa.field("line", pa.int64())])
    numbers = iter(lines) if lines is not None else iter(range(1, 1 << 62))
    table = new_table(engine, f"{name}_text", schema=ibis.Schema.from_pyarrow(schema))
    source = iter(cells)
    while rows := list(islice(source, ROWS_AT_ONCE)):
        columns: list[pa.Array[Any]] = [
            pa.array(column, pa.string()) for column in zip(*rows, strict=True)
        ]
        columns.append(pa.array(list(islice(numbers, len(rows))), pa.int64()))
        append(engine, f"{name}_text", pa.Table.from_arrays(columns, schema=schema))
    return table


def _plain(value: Any) -> str | None:
    """A typed cell as text, so that one set of rules reads every format."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case datetime():
            return value.isoformat(sep=" ")
        case date():
            return value.isoformat()
        case list() | tuple():
            return "; ".join(text for item in value if (text := _plain(item)))
        case dict():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


def _unreadable(label: str, fault: BaseException) -> ExportRefused:
    kind = type(fault).__name__
    return ExportRefused(label, f"cannot be opened ({kind})", "Check that the file is whole.")


def file_digest(origin: Origin) -> str:
    """SHA-256 of the bytes of a file. Raises ExportRefused where they cannot be read."""
    digest = sha256()
    try:
        with origin.path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as fault:
        raise _unreadable(origin.label, fault) from None
    return digest.hexdigest()
