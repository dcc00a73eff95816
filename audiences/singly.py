"""One file read by itself, in the exact way: every line, and every record that was no row.

Files of most shops are read together (together.py) and need this only where their records cannot be
told by their lines.
"""

from dataclasses import dataclass, replace
from datetime import date

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from audiences import cells
from audiences.columns import Mapping, match_columns
from audiences.kinds import is_priced_by_line
from audiences.layers import drop
from audiences.refusals import ExportRefused
from audiences.staged import Staged
from audiences.tables import REJECTS
from audiences.typed import Counted, Typed, takes_several_rows, texts_of, type_rows
from config.exports import Export, ExportKind


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


def read_one(
    engine: Backend, staged: Staged, export: Export, as_of: date, name: str
) -> tuple[FileRead, Typed]:
    """Type one staged file, whole orders out of lines. Raises ExportRefused."""
    mapping = match_columns(staged.file, staged.headers, export)
    if staged.read == 0:
        raise no_rows(staged.file)
    place = {"file": ibis.literal(staged.file), "line": staged.rows.line}
    written = texts_of(staged.rows, mapping, **place)
    typed, _ = type_rows(engine, written, [staged.file], export, as_of, name)
    refused = Counted(rejected=int(staged.refused.count().execute()))
    typed = Typed(
        typed.rows, typed.rejects.union(staged.refused.cast(REJECTS)), typed.counted + refused
    )
    file = file_read(
        staged.file,
        export,
        mapping,
        typed.counted,
        read=staged.read,
        digest=staged.digest,
        encoding=staged.encoding,
    )
    for table in ("_text", "_staged", "_lines"):
        drop(engine, f"{name}{table}")
    if export.kind is ExportKind.ORDERS and takes_several_rows(export):
        typed = replace(typed, rows=_whole_orders(typed.rows, mapping))
    return file, typed


def no_rows(file: str) -> ExportRefused:
    """The refusal of a file that has nothing below its headers."""
    return ExportRefused(file, "has headers but no rows", "Export it again.")


def file_read(
    file: str,
    export: Export,
    mapping: Mapping,
    counted: Counted,
    *,
    read: int,
    digest: str,
    encoding: str,
) -> FileRead:
    """The figures of a file. Raises ExportRefused if a row of it is nowhere."""
    if counted.accepted + counted.rejected != read:
        raise ExportRefused(
            file,
            f"{read} rows were read, but {counted.accepted} accepted and "
            f"{counted.rejected} rejected",
            "This is a fault of adsteer; nothing was changed.",
        )
    return FileRead(
        file,
        export.kind,
        export.source,
        read,
        counted.accepted,
        counted.rejected,
        mapping.shown(),
        mapping.unknown,
        digest,
        counted.newest,
        encoding,
    )


def _whole_orders(lines: ir.Table, mapping: Mapping) -> ir.Table:
    """Rows that are lines of an order as the order: items of all lines, paid if any of them is.

    Where a line has its own price, the order's amount is what its lines come to, and an order that
    comes to less than nothing is a return.
    """
    order = ibis.window(group_by=["source", "order_id"])
    if is_priced_by_line(mapping.columns):
        counts = lines.state != "cancelled"
        amount = counts.ifelse(lines.amount, 0).sum().over(order)
        state = ibis.cases(
            (~counts.any().over(order), "cancelled"), (amount < 0, "returned"), else_="paid"
        )
        return lines.mutate(
            items=lines["items"].sum().over(order), amount=amount.cast(cells.MONEY), state=state
        )
    paid = (lines.state == "paid").any().over(order)
    part = paid & (lines.state == "cancelled")
    return lines.mutate(
        items=lines["items"].sum().over(order), state=ibis.ifelse(part, "paid", lines.state)
    )
