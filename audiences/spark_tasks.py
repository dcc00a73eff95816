"""What a task of Spark does with its part of the rows: Arrow batches in, Arrow batches out.

Each opens a DuckDB of its own where the work is DuckDB's. A fault is told by its kind alone: the
words of an engine may quote a row.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend
from pydantic import TypeAdapter

from audiences.engine import open_engine
from audiences.engines import ByRow
from audiences.kinds import ORDER_LINES
from audiences.refusals import ExportRefused
from audiences.sealing import Seal, open_parquet
from audiences.singly import FileRead, read_one
from audiences.snapshots import write_rows
from audiences.staged import Origin, stage
from audiences.staging import Staging
from audiences.tables import CONTACT_ROWS, COSTS, EVENT_ROWS, ORDER_ROWS, REJECTS
from config.exports import Export, ExportKind
from config.shop import Engine

ROWS_AT_ONCE = 65_536
"""Rows that a task gives to DuckDB together."""

Batches = Iterator[pa.RecordBatch]
FACTS: TypeAdapter[FileRead] = TypeAdapter(FileRead)

_CONTACTS = {name: kind for name, kind in CONTACT_ROWS.items() if name != "row_id"}
_SUMS = {
    "first_ordered_on": "date",
    "last_ordered_on": "date",
    "orders": "int64",
    "amount": "decimal(18, 2)",
    "category": "string",
    "channel": "string",
    "currency": "string",
}
COLUMNS: dict[ExportKind, ibis.Schema] = {
    ExportKind.CONTACTS: ibis.schema(_CONTACTS),
    ExportKind.AGGREGATE: ibis.schema({**_CONTACTS, **_SUMS}),
    ExportKind.ORDERS: ibis.schema({**ORDER_ROWS, "currency": "string"}),
    ExportKind.ORDER_LINES: ORDER_LINES,
    ExportKind.EVENTS: EVENT_ROWS,
    ExportKind.COSTS: ibis.schema({**COSTS, "currency": "string"}),
}
"""The columns of typed rows that the tables of a run are made of."""

ROW, REJECT, FILE, REFUSED = "row", "reject", "file", "refused"


def told_by_kind(task: Callable[..., Batches]) -> Callable[..., Batches]:
    """A task whose faults say what they are and nothing of the rows."""

    @wraps(task)
    def told(*given: Any, **named: Any) -> Batches:
        try:
            yield from task(*given, **named)
        except Exception as fault:  # noqa: BLE001 - raised again, without its words
            trace = fault.__traceback__
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            code = trace.tb_frame.f_code if trace is not None else None
            where = f" in {code.co_name}, {Path(code.co_filename).name}" if code else ""
            raise RuntimeError(f"a task of adsteer failed: {type(fault).__name__}{where}") from None

    return told


@contextmanager
def small_duckdb(memory_limit: str = "500MB") -> Iterator[Backend]:
    """A DuckDB for one task: one thread, what it spills is encrypted and gone at the end."""
    with TemporaryDirectory() as scratch:
        backend = open_engine(Engine(threads=1, memory_limit=memory_limit), Path(scratch))
        try:
            yield backend
        finally:
            backend.disconnect()


@told_by_kind
def by_row(batches: Batches, *, work: ByRow, given: ibis.Schema, made: ibis.Schema) -> Batches:
    """The rows through `work`, some at a time."""
    with small_duckdb() as backend:
        for rows in _together(batches):
            table = backend.create_table("given", rows.cast(given.to_pyarrow()), temp=True)
            with Staging() as passing:
                answer = backend.to_pyarrow(work(backend, table, passing.keep))
            backend.drop_table("given")
            yield from answer.cast(made.to_pyarrow()).to_batches(ROWS_AT_ONCE)


def _together(batches: Batches) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.num_rows for one in held) >= ROWS_AT_ONCE:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


@told_by_kind
def packed(batches: Batches) -> Batches:
    """Each batch as one value, so that it can be handed over whole."""
    for batch in batches:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        yield pa.RecordBatch.from_pylist([{"batch": sink.getvalue().to_pybytes()}])


# Snapshots


@told_by_kind
def write_part(batches: Batches, *, folder: Path, schema: pa.Schema, seal: Seal | None) -> Batches:
    """One file of a snapshot: its rows and its fingerprint. A second try replaces it."""
    from pyspark import TaskContext

    context = TaskContext.get()
    place = context.partitionId() if context is not None else 0
    file = write_rows(folder, f"{place:06}.parquet", schema, batches, seal=seal)
    yield pa.RecordBatch.from_pylist([{"rows": file.rows, "fingerprint": file.fingerprint}])


@told_by_kind
def read_parts(batches: Batches, *, parts: list[Path], seal: Seal | None) -> Batches:
    """The rows of those files whose numbers come in."""
    for batch in batches:
        for place in batch.column(0).to_numpy():
            with open_parquet(parts[place], seal) as file:
                yield from file.iter_batches(batch_size=ROWS_AT_ONCE)


# Exports


@dataclass(frozen=True)
class Job:
    """One file to read, on a path that every machine sees."""

    origin: Origin
    export: Export
    time_zone: str
    as_of: date
    memory_limit: str


def read_schema(kind: ExportKind) -> ibis.Schema:
    """What `read_job` gives of files of a kind."""
    rejects = {f"reject_{name}": kind(nullable=True) for name, kind in REJECTS.items()}
    rows = {name: one(nullable=True) for name, one in COLUMNS[kind].items()}
    return ibis.schema(
        {"place__": "int64", "what__": "string", "told__": "string", **rejects, **rows}
    )


@told_by_kind
def read_job(batches: Batches, *, jobs: list[Job], kind: ExportKind) -> Batches:
    """The rows, the rejects and the figures of each file whose number comes in."""
    schema = read_schema(kind)
    for batch in batches:
        for place in batch.column(0).to_numpy():
            yield from _read(int(place), jobs[place], schema)


def _read(place: int, job: Job, schema: ibis.Schema) -> Batches:
    with small_duckdb(job.memory_limit) as backend:
        backend.raw_sql(f"SET TimeZone = '{job.time_zone}'")
        try:
            staged = stage(backend, job.origin, job.export, "export")
            file, typed = read_one(backend, staged, job.export, job.as_of, "export")
        except ExportRefused as fault:
            said = TypeAdapter(list[str]).dump_json([fault.file, fault.what, fault.todo])
            yield _told(place, REFUSED, said.decode(), schema)
            return
        rejects = typed.rejects.rename(lambda name: f"reject_{name}")
        for what, table in ((ROW, typed.rows), (REJECT, rejects)):
            yield from _streamed(backend, _filled(table, place, what, schema))
        yield _told(place, FILE, FACTS.dump_json(file).decode(), schema)


def _filled(table: ir.Table, place: int, what: str, schema: ibis.Schema) -> ir.Table:
    """The table with all columns of the schema; those it has not are null."""
    known = {"place__": ibis.literal(place), "what__": ibis.literal(what)}
    columns = {
        name: known.get(name, table[name] if name in table.columns else ibis.null(kind)).cast(kind)
        for name, kind in schema.items()
    }
    return table.select(**columns)


def _streamed(backend: Backend, table: ir.Table) -> Batches:
    schema = table.schema().to_pyarrow()
    reader = backend.con.sql(backend.compile(table)).to_arrow_reader(ROWS_AT_ONCE)
    for batch in reader:
        yield batch.cast(schema)


def _told(place: int, what: str, said: str, schema: ibis.Schema) -> pa.RecordBatch:
    row = {"place__": place, "what__": what, "told__": said}
    filled = [{name: row.get(name) for name in schema.names}]
    return pa.RecordBatch.from_pylist(filled, schema=schema.to_pyarrow())
