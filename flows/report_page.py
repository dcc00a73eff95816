"""The report as one HTML file: words, figures, pictures and downloads are all inside it."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from flows.documents import Document
from flows.report_charts import charts
from flows.report_files import csv_bytes, heading, workbook_bytes, write_tables
from flows.report_words import Language, language
from flows.reporting import Report
from flows.reporting import report as report_of
from flows.workshop import Workshop
from measurement.tables import Column, Kind, Table

TEMPLATES = Path(__file__).parent / "templates"

MOST_ROWS = 40
"""Rows of a table that the page shows; the downloads hold all."""

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


TELLING = frozenset(
    {
        "channel_days",
        "follow_days",
        "migration_days",
        "plan_applied",
        "profit_gathers",
        "repeat_days",
        "retention_days",
    }
)
"""Notes that explain; every other one says that something is missing or not to be trusted."""


@dataclass(frozen=True)
class Part:
    """One section: its pictures, its tables; those in `folded` open with a click."""

    name: str
    pictures: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    folded: tuple[str, ...] = ()


LAYOUT = (
    Part("people", ("segments",), ("segments", "loyal"), ("sizes",)),
    Part("drr", ("drr",), ("drr_segments",), ("drr_platforms", "drr_campaigns", "spend_days")),
    Part("repeat", (), ("repeat", "cohorts")),
    Part("channels", ("channels",), ("channels",), ("channel_mix",)),
    Part("forecast", ("forecast",), ("forecast",)),
    Part("holdouts", ("holdouts",), ("experiments",)),
    Part("concentration", ("concentration",), (), ("buyers_concentration", "profit_concentration")),
    Part("retention", ("retention",), (), ("retention",)),
    Part("migration", ("migration",), (), ("migration",)),
    Part("seeds", (), ("seeds",)),
    Part("hypotheses", (), ("hypotheses",)),
    Part("quality", (), ("sources", "exports"), ("refused_rows", "messages")),
)
"""The sections of the page after the summary; one without any table of the report is left out."""


def page(report: Report, code: str) -> str:
    """The report in a language of `report_words.LANGUAGES`."""
    words = words_for(report, code)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("report.html.jinja")
    return template.render(
        words=words,
        report=report,
        head=_head(report, words),
        facts=[
            (words.text("fact", one.name), _fact(one.value, one.kind, words))
            for one in report.facts
        ],
        findings=[words.said(note) for note in report.findings],
        parts=_parts(report, words),
        glossary=_glossary(report, words),
        workbook=_link(workbook_bytes(list(report.tables.values()), words), XLSX),
    )


def _head(report: Report, words: Language) -> dict[str, str]:
    subtitle = words.filled(
        "page",
        "subtitle",
        shop=(report.shop, Kind.TEXT),
        as_of=(report.as_of, Kind.DAY),
        made_at=(report.made_at.date(), Kind.DAY),
    )
    return {"title": words.text("page", "title"), "subtitle": subtitle}


def _fact(value: Any, kind: Kind, words: Language) -> str:
    return words.money(value) if kind is Kind.MONEY else words.cell(value, kind)


def _parts(report: Report, words: Language) -> list[dict[str, Any]]:
    drawn = charts(report, words)
    made = []
    for part in LAYOUT:
        tables = [report.tables[name] for name in part.tables if name in report.tables]
        folded = [report.tables[name] for name in part.folded if name in report.tables]
        if not tables and not folded:
            continue
        made.append(
            {
                "name": part.name,
                "title": words.words["section"][part.name]["title"],
                "lead": words.words["section"][part.name]["lead"],
                "pictures": [
                    (words.text("chart", f"title_{name}"), _picture(drawn[name]))
                    for name in part.pictures
                    if name in drawn
                ],
                "tables": [_shown(table, words, folded=False) for table in tables],
                "folded": [_shown(table, words, folded=True) for table in folded],
            }
        )
    return made


def _shown(table: Table, words: Language, *, folded: bool) -> dict[str, Any]:
    rows = [
        [
            (words.cell(cell, column.kind), column.kind in (Kind.TEXT, Kind.NAME))
            for cell, column in zip(row, table.columns, strict=True)
        ]
        for row in table.rows[:MOST_ROWS]
    ]
    more = len(table.rows) - len(rows)
    return {
        "name": table.name,
        "title": words.text("table", table.name),
        "columns": [(one.name, heading(one, words), _is_text(one)) for one in table.columns],
        "rows": rows,
        "whole": bool(table.rows) and table.rows[-1][0] == "all",
        "more": words.filled("page", "more_rows", rows=(more, Kind.COUNT)) if more else "",
        "count": len(table.rows),
        "notes": [(words.said(note), note.key in TELLING) for note in table.notes],
        "csv": _link(csv_bytes(table, words), "text/csv;charset=utf-8"),
        "folded": folded,
    }


def _is_text(column: Column) -> bool:
    return column.kind in (Kind.TEXT, Kind.NAME)


def _glossary(report: Report, words: Language) -> list[tuple[str, str, str]]:
    """(name, heading, definition) of every column that is used, in the order of the headings."""
    used = {one.name: one for table in report.tables.values() for one in table.columns}
    told = [(name, words.text("column", name), words.text("definition", name)) for name in used]
    return sorted(told, key=lambda one: one[1].casefold())


def _picture(svg: str) -> str:
    """SVG as an address: pictures in one page share no ids that way."""
    return _link(svg.encode(), "image/svg+xml")


def _link(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def write_report(
    workshop: Workshop,
    out: Path | None = None,
    *,
    language: str | None = None,
    tables: Path | None = None,
) -> Document:
    """Work the report out and write it: report.html in the project and its language by default.

    The document says what was written, and holds every table. Raises CannotRun before the first
    refresh.
    """
    made = report_of(workshop)
    code = language or workshop.project.adsteer.shop.language
    written = write_page(made, code, out or workshop.project.folder / "report.html")
    files = [] if tables is None else write_tables(made, words_for(made, code), tables)
    return {**written, "tables_written": [str(path) for path in files], **made.as_json}


def words_for(report: Report, code: str) -> Language:
    """The language in which to say this report."""
    return language(code, labels=report.labels, currency=report.currency)


def write_page(report: Report, code: str, path: Path) -> Mapping[str, Any]:
    """Write the page; where it is and how large."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = page(report, code)
    path.write_text(text, encoding="utf-8")
    return {"file": str(path), "language": code, "bytes": len(text.encode())}
