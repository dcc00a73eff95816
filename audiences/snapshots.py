"""Sets of rows as they stood: Parquet files, of which the catalog says which one is current.

A file is written beside the old one under a temporary name, brought to the disk and renamed; it
becomes current in one catalog transaction. Its name holds the moment and the fingerprint of its
content, so a file never changes under a reader.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Engine,
    Integer,
    Select,
    String,
    Table,
    delete,
    exists,
    select,
    update,
)

from audiences.catalog import Instant, metadata
from audiences.engines import engine_for
from audiences.model import Snapshot
from audiences.sealing import Seal, open_parquet
from audiences.staging import keep_as

ROWS_AT_ONCE = 65_536
"""Rows held in memory while a file is written or read; also its row groups."""

SNAPSHOTS = Table(
    "snapshots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(40), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("path", String(500), nullable=False),
    Column("as_of", Date, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("current", Boolean, nullable=False),
)


@dataclass(frozen=True)
class RowsFile:
    """A Parquet file of rows and the fingerprint of its content."""

    path: Path
    rows: int
    fingerprint: str


def private_folder(path: Path) -> Path:
    """The folder, made with mode 0700 as every folder above it that was missing."""
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    return path


@contextmanager
def held(engine: ibis.BaseBackend, expression: ibis.Table, name: str = "") -> Iterator[ibis.Table]:
    """The expression's rows, computed once and held by the engine, out of core if need be.

    A `name` is one that nothing else bears; without one it is made up.
    """
    name = name or ibis.util.gen_name("held")
    try:
        yield keep_as(engine, expression, name)
    finally:
        engine.drop_table(name, force=True)


@contextmanager
def viewed(engine: ibis.BaseBackend, expression: ibis.Table, name: str) -> Iterator[ibis.Table]:
    """The expression under a name that nothing else bears; worked out each time it is asked for."""
    try:
        yield engine.create_view(name, expression)
    finally:
        engine.drop_view(name, force=True)


@contextmanager
def held_answer(engine: ibis.BaseBackend, query: str, name: str) -> Iterator[ibis.Table]:
    """The rows of a query that was compiled before, held as `held` does."""
    try:
        yield engine_for(engine).answer(query, name)
    finally:
        engine.drop_table(name, force=True)


def stream(engine: ibis.BaseBackend, rows: ibis.Table | str) -> Iterator[pa.RecordBatch]:
    """Rows of a table or a compiled query, a few thousand at a time.

    Read it to its end before anything else is asked of the engine.
    """
    yield from engine_for(engine).stream(rows, ROWS_AT_ONCE)


def write_rows(
    folder: Path,
    name: str,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    *,
    seal: Seal | None = None,
) -> RowsFile:
    """Write rows into `folder`; mode 0600 in a 0700 folder, on the disk when this returns.

    With a `seal` only its key opens the file.

    `name` may hold `{fingerprint}`, which is replaced by the first 16 digits of the content's.

    The fingerprint is SHA-256 over the canonical text of the rows in their order: it does not
    depend on how they were cut into batches or on how Parquet packs them.
    """
    digest = hashlib.sha256()
    rows = 0

    def take_in(batch: pa.RecordBatch) -> None:
        digest.update(canonical_text(batch))

    with NamedTemporaryFile(dir=private_folder(folder), suffix=".part", delete=False) as target:
        part = Path(target.name)  # the module makes it with mode 0600
        try:
            with parquet_writer(target, schema, seal) as writer, ThreadPoolExecutor(1) as beside:
                for batch in even_batches(batches, schema):
                    taken_in = beside.submit(take_in, batch)
                    rows += batch.num_rows
                    writer.write_batch(batch)
                    taken_in.result()
            target.flush()
            os.fsync(target.fileno())
            path = folder / name.format(fingerprint=digest.hexdigest()[:16])
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    _fsync_folder(folder)
    return RowsFile(path, rows, digest.hexdigest())


def parquet_writer(target: Any, schema: pa.Schema, seal: Seal | None) -> pq.ParquetWriter:
    """What writes a Parquet file that only the seal's key opens, or a plain one without a seal."""
    # of what hardly ever repeats, digests and ids of people, a dictionary is only in the way
    repeated = [one.name for one in schema if one.name != "person_id" and one.type.num_fields == 0]
    options: dict[str, Any] = {"compression": "zstd", "use_dictionary": repeated}
    if seal is not None:
        options["encryption_properties"] = seal.to_write()
    return pq.ParquetWriter(target, schema, **options)


def read_rows(path: Path, seal: Seal | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of a file in their order, never more than a few thousand at once.

    Raises Sealed if the file is encrypted with another key.
    """
    with open_parquet(path, seal) as file:
        yield from file.iter_batches(batch_size=ROWS_AT_ONCE)


def open_rows(engine: ibis.BaseBackend, path: Path, seal: Seal | None = None) -> ibis.Table:
    """The rows of a file as a table of the engine. Raises Sealed as `read_rows`."""
    return engine_for(engine).open_file(path, seal)


def fingerprint_of(path: Path, seal: Seal | None = None) -> str:
    """The fingerprint `write_rows` gave, computed again from the file."""
    digest = hashlib.sha256()
    for batch in read_rows(path, seal):
        digest.update(canonical_text(batch))
    return digest.hexdigest()


def even_batches(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of ROWS_AT_ONCE, however they came: so files are reproducible."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        held.append(batch.cast(schema))
        size += batch.num_rows
        if size >= ROWS_AT_ONCE:
            whole = pa.Table.from_batches(held).combine_chunks()
            cut = size - size % ROWS_AT_ONCE
            yield from whole.slice(0, cut).to_batches(max_chunksize=ROWS_AT_ONCE)
            held = whole.slice(cut).to_batches()
            size -= cut
    if size:
        yield from pa.Table.from_batches(held).combine_chunks().to_batches()


def canonical_text(batch: pa.RecordBatch) -> bytes:
    """One line per row: cells parted by `|`, list items by `,`; a missing value is empty."""
    if batch.num_rows == 0:
        return b""
    *cells, last = [_as_text(column) for column in batch.columns]
    lines = _joined([*cells, _joined([last, pa.scalar("")], "\n")], "|")
    offsets, text = lines.buffers()[1:]
    ends = memoryview(offsets).cast("i")
    return bytes(memoryview(text)[ends[0] : ends[len(lines)]])


def _as_text(column: Any) -> Any:
    if pa.types.is_list(column.type):
        return pc.binary_join(column, ",")
    return column.cast(pa.string())


def _joined(cells: list[Any], separator: str) -> Any:
    # by name: pyarrow's stubs know no mixture of columns and a separator
    options = pc.JoinOptions(null_handling="replace", null_replacement="")
    return pc.call_function("binary_join_element_wise", [*cells, pa.scalar(separator)], options)


def snapshot_name(made_at: datetime) -> str:
    """What `write_rows` is to call the file of a snapshot made at this moment."""
    return f"{made_at:%Y%m%dT%H%M%S%f}-{{fingerprint}}.parquet"


def commit_snapshot(
    connection: Connection,
    state: Path,
    *,
    kind: str,
    name: str = "",
    file: RowsFile,
    as_of: date,
    made_at: datetime,
) -> Snapshot:
    """Make a written file the current one of its kind and name, in the caller's transaction.

    The catalog keeps its path relative to the state folder, which may be moved.
    """
    this = (SNAPSHOTS.c.kind == kind) & (SNAPSHOTS.c.name == name)
    connection.execute(update(SNAPSHOTS).where(this, SNAPSHOTS.c.current).values(current=False))
    row = {
        "kind": kind,
        "name": name,
        "path": file.path.relative_to(state).as_posix(),
        "as_of": as_of,
        "made_at": made_at,
        "rows": file.rows,
        "fingerprint": file.fingerprint,
    }
    connection.execute(SNAPSHOTS.insert().values(current=True, **row))
    return Snapshot(kind, str(file.path), as_of, made_at, file.rows)


def current_snapshot(
    connection: Connection, state: Path, *, kind: str, name: str = ""
) -> Snapshot | None:
    """The current snapshot, or None before the first."""
    this = (SNAPSHOTS.c.kind == kind) & (SNAPSHOTS.c.name == name)
    return _first(connection, state, select(SNAPSHOTS).where(this, SNAPSHOTS.c.current))


def snapshot_at(
    connection: Connection, state: Path, *, kind: str, moment: datetime, name: str = ""
) -> Snapshot | None:
    """The snapshot that was current at a moment, or None if there was none or it is not kept."""
    this = (SNAPSHOTS.c.kind == kind) & (SNAPSHOTS.c.name == name)
    newest_first = select(SNAPSHOTS).where(this, SNAPSHOTS.c.made_at <= moment)
    return _first(connection, state, newest_first.order_by(SNAPSHOTS.c.id.desc()).limit(1))


def _first(connection: Connection, state: Path, query: Select[Any]) -> Snapshot | None:
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return Snapshot(
        row["kind"], str(state / row["path"]), row["as_of"], row["made_at"], row["rows"]
    )


def forget_old(catalog: Engine, state: Path, *, now: datetime, keep_days: int) -> int:
    """Remove snapshots that no moment of the last `keep_days` days saw current; the files removed.

    What was made long ago and replaced yesterday is what a rollback to the day before asks for. Of
    a kind and name that has no current snapshot any more, what was made longer ago goes. A file
    goes only after the catalog has forgotten it, so no row ever points to nothing.
    """
    limit = now - timedelta(days=keep_days)
    other = SNAPSHOTS.alias()
    same = (other.c.kind == SNAPSHOTS.c.kind) & (other.c.name == SNAPSHOTS.c.name)
    replaced = exists().where(same, other.c.id > SNAPSHOTS.c.id, other.c.made_at <= limit)
    serves = exists().where(same, other.c.current)
    with catalog.begin() as connection:
        old = ~SNAPSHOTS.c.current & (SNAPSHOTS.c.made_at < limit) & (replaced | ~serves)
        gone = set(connection.scalars(select(SNAPSHOTS.c.path).where(old)))
        connection.execute(delete(SNAPSHOTS).where(old))
        kept = set(connection.scalars(select(SNAPSHOTS.c.path)))
    for path in sorted(gone - kept):
        remove_rows(state / path)
    return len(gone - kept)


def parts_of(path: Path) -> list[Path]:
    """The files of a snapshot: itself, or those of a folder that several machines have written."""
    return sorted(path.glob("*.parquet")) if path.is_dir() else [path]


def remove_rows(path: Path) -> None:
    """Remove the files of a snapshot, those that are still there."""
    for part in parts_of(path):
        part.unlink(missing_ok=True)
    if path.is_dir():
        shutil.rmtree(path)


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
