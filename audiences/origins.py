"""Where exports lie: files, folders, globs, members of zip archives, queries."""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from audiences.refusals import ExportRefused
from audiences.staged import Origin
from config.exports import Export

SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".xls", ".gz", ".zip")
"""What is taken from a folder; a named file may have any suffix."""


def origins_of(export: Export, folder: Path) -> list[Origin]:
    """The files an export names, sorted by name. Raises ExportRefused when there are none."""
    pattern = str(export.path)
    path = folder / pattern
    if path.is_dir():
        paths = [p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES]
    elif path.exists() or not any(sign in pattern for sign in "*?["):
        paths = [path]
    else:
        given = Path(pattern)
        root = Path(given.anchor) if given.is_absolute() else folder
        parts = given.relative_to(given.anchor) if given.is_absolute() else given
        paths = [p for p in root.glob(str(parts)) if p.is_file()]
    if not paths:
        raise ExportRefused(pattern, "no file there", "Put the export there, or correct path.")
    return [origin for found in sorted(paths) for origin in _members(found, folder)]


def _members(path: Path, folder: Path) -> Iterator[Origin]:
    label = str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
    if not path.is_file():
        raise ExportRefused(label, "no such file", "Put the export there, or correct path.")
    if path.suffix.lower() != ".zip":
        yield Origin(label, path)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError):
        raise ExportRefused(label, "is no zip archive", "Check that the file is whole.") from None
    names = sorted(n for n in names if not n.startswith("__MACOSX/"))
    if not names:
        raise ExportRefused(label, "holds no file", "Export it again.")
    for name in names:
        if Path(name).suffix.lower() not in (".csv", ".tsv", ".txt", ".jsonl", ".ndjson"):
            raise ExportRefused(f"{label}/{name}", "is no text", "Unpack the archive.")
        yield Origin(f"{label}/{name}", path, name)


def query_rows(
    export: Export, urls: Mapping[str, str]
) -> tuple[list[str], Iterator[Sequence[Any]]]:
    """Headers and records of an export's query, streamed. Raises ExportRefused.

    `urls` holds database URLs by the name the export gives; a URL is never shown.
    """
    import psycopg

    label = f"query on {export.database}"
    url = urls.get(str(export.database))
    if not url:
        raise ExportRefused(label, f"{export.database} is not set", "Set it to a database URL.")
    if urlsplit(url).scheme not in ("postgresql", "postgres"):
        raise ExportRefused(label, "only PostgreSQL is read", "Use a postgresql:// URL.")
    try:
        connection = psycopg.connect(url)
        connection.read_only = True
        cursor = connection.cursor(name="adsteer_export")
        cursor.execute(str(export.query).encode())
        headers = [column.name for column in cursor.description or ()]
    except (psycopg.Error, UnicodeError) as fault:
        raise _refused(label, fault) from None

    def records() -> Iterator[Sequence[Any]]:
        try:
            with connection, cursor:
                yield from cursor
        except psycopg.Error as fault:
            raise _refused(label, fault) from None

    return headers, records()


def _refused(label: str, fault: Exception) -> ExportRefused:
    # The server's text may quote a value or the address, so only its kind is told.
    return ExportRefused(
        label, f"the database refused ({type(fault).__name__})", "Check the URL and the query."
    )
