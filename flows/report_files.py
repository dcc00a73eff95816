"""Tables of a report as files: CSV and one XLSX workbook.

What came from data and begins like a formula is kept from being one: in CSV by an apostrophe, in a
workbook by being written as text.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter

from flows.report_words import Language
from flows.reporting import Report
from measurement.tables import Cell, Column, Kind, Table

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First letters of a text that a spreadsheet would take for a formula."""

NUMBERS: Mapping[Kind, str] = {
    Kind.COUNT: "#,##0",
    Kind.NUMBER: "#,##0.0",
    Kind.RATIO: "0.00",
    Kind.MONEY: "#,##0.00",
    Kind.PERCENT: '0.00" %"',
    Kind.SHARE: "0.0%",
    Kind.LIFT: "+0.0%;-0.0%;0.0%",
    Kind.CHANCE: "0.000",
    Kind.DAY: "yyyy-mm-dd",
}

LONGEST_SHEET_NAME = 31


def heading(column: Column, language: Language) -> str:
    """A column's heading; an amount says its currency."""
    name = language.text("column", column.name)
    return f"{name}, {language.currency}" if column.kind is Kind.MONEY else name


def csv_text(table: Table, language: Language) -> str:
    """A table as CSV: numbers as they are, with a point; texts in the report's language."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([heading(column, language) for column in table.columns])
    for row in table.rows:
        writer.writerow(
            [
                _csv_cell(cell, column, language)
                for cell, column in zip(row, table.columns, strict=True)
            ]
        )
    return out.getvalue()


def csv_bytes(table: Table, language: Language) -> bytes:
    """The same with the mark by which Excel knows UTF-8."""
    return csv_text(table, language).encode("utf-8-sig")


def _csv_cell(cell: Cell, column: Column, language: Language) -> str:
    if cell is None:
        return ""
    if column.kind in (Kind.TEXT, Kind.NAME):
        text = _text(cell, column, language)
        return f"'{text}" if text.startswith(FORMULA) else text
    if isinstance(cell, date):
        return cell.isoformat()
    return str(float(cell)) if isinstance(cell, Decimal) else str(cell)


def workbook_bytes(tables: Sequence[Table], language: Language) -> bytes:
    """One workbook with a sheet per table; every figure is a number, every text is text."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        formats = {kind: book.add_format({"num_format": text}) for kind, text in NUMBERS.items()}
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        for table in tables:
            sheet = book.add_worksheet(_sheet_name(table, book, language))
            for place, column in enumerate(table.columns):
                sheet.write_string(0, place, heading(column, language), bold)
            sheet.set_column(0, max(len(table.columns) - 1, 0), 16)
            sheet.freeze_panes(1, 0)
            for number, row in enumerate(table.rows, start=1):
                for place, (cell, column) in enumerate(zip(row, table.columns, strict=True)):
                    _write(sheet, number, place, cell, column, formats, language)
    return out.getvalue()


def _write(
    sheet: Any,
    row: int,
    place: int,
    cell: Cell,
    column: Column,
    formats: Mapping[Kind, Any],
    language: Language,
) -> None:
    if cell is None:
        return
    if column.kind in (Kind.TEXT, Kind.NAME):
        sheet.write_string(row, place, _text(cell, column, language))
    elif isinstance(cell, date):
        sheet.write_datetime(row, place, cell, formats[Kind.DAY])
    else:
        sheet.write_number(row, place, float(str(cell)), formats[column.kind])


def _text(cell: Cell, column: Column, language: Language) -> str:
    """Text of the data, or a name of ours; what is unknown is empty."""
    return language.named(str(cell)) if column.kind is Kind.NAME else str(cell)


def _sheet_name(table: Table, book: Any, language: Language) -> str:
    """A title short enough for a sheet, without what sheets do not take, and not taken yet."""
    title = language.text("table", table.name).translate(str.maketrans("", "", r":/\?*[]"))
    taken = {sheet.get_name().casefold() for sheet in book.worksheets()}
    short = title[:LONGEST_SHEET_NAME]
    return short if short.casefold() not in taken else table.name[:LONGEST_SHEET_NAME]


def write_tables(report: Report, language: Language, folder: Path) -> list[Path]:
    """Every table as CSV, and the workbook, in a folder; what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for table in report.tables.values():
        path = folder / f"{table.name}.csv"
        path.write_bytes(csv_bytes(table, language))
        written.append(path)
    book = folder / "report.xlsx"
    book.write_bytes(workbook_bytes(list(report.tables.values()), language))
    return [*written, book]
