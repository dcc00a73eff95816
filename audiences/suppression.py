"""Suppression lists: files with contacts and ids that must never be sent anywhere.

A file reads like an export of contacts. Cells that are SHA-256 in hex are taken as digests of a
contact in its one form: whoever hands over a list of people to leave alone may hash it.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from audiences.columns import Mapping, match_columns
from audiences.contacts import SHA256_HEX, contacts_in
from audiences.engines import engine_for
from audiences.origins import origins_of
from audiences.people import SUPPRESSED
from audiences.refusals import ExportRefused
from audiences.staged import Staged, stage
from audiences.staging import keep
from audiences.unions import stacked
from config.audiences import Identifier
from config.exports import Export, ExportKind, ExportsFile


def suppressed_in(
    engine: ibis.BaseBackend, exports: ExportsFile, folder: Path, regions: Sequence[str]
) -> ir.Table | None:
    """`read_suppression`, by DuckDB for any engine: a list is small against a base."""
    if not exports.suppression:
        return None
    read = partial(read_suppression, exports=exports, folder=folder, regions=regions)
    return engine_for(engine).from_duckdb(read)


def read_suppression(
    engine: Backend, exports: ExportsFile, folder: Path, regions: Sequence[str]
) -> ir.Table | None:
    """Schema SUPPRESSED of every file that `suppression` names, or None where it names none.

    Raises ExportRefused for a file that is missing, or of which no column is known, or which holds
    nothing that can be read: without its list a shop must not send.
    """
    tables: list[ir.Table] = []
    for path in exports.suppression:
        export = Export(kind=ExportKind.CONTACTS, source="suppression", path=path)
        for origin in origins_of(export, folder):
            staged = stage(engine, origin, export, f"suppression_{len(tables)}")
            mapping = match_columns(staged.file, staged.headers, export)
            tables.append(_listed(engine, staged, mapping, regions))
    return stacked(*tables) if tables else None


def _listed(engine: Backend, staged: Staged, mapping: Mapping, regions: Sequence[str]) -> ir.Table:
    found = []
    for kind in Identifier:
        for place in mapping.columns.get(str(kind), ()):
            cell = staged.rows[f"c{place}"].strip()
            cells = keep(staged.rows.select(cell=cell).filter(cell != "").distinct())
            hashed = cells.cell.lower().re_search(SHA256_HEX)
            plain = contacts_in(engine, cells.filter(~hashed), kind, regions)
            found.append(_of(kind, plain.value, digest=False))
            found.append(_of(kind, cells.filter(hashed).cell.lower(), digest=True))
    if not found:
        raise ExportRefused(
            staged.file,
            "has no column email, phone or external_id",
            "Name the column so; a suppression list that cannot be read stops the run.",
        )
    listed = keep(stacked(*found).distinct())
    read, known = int(staged.rows.count().execute()), int(listed.count().execute())
    if read and not known:
        raise ExportRefused(
            staged.file,
            "holds no contact that can be read",
            "Correct its columns; a suppression list that cannot be read stops the run.",
        )
    return listed


def _of(kind: Identifier, value: ir.StringValue, *, digest: bool) -> ir.Table:
    rows = value.name("value").as_table()
    return rows.select(
        kind=ibis.literal(str(kind)), value=rows.value, digest=ibis.literal(value=digest)
    ).cast(dict(SUPPRESSED))
