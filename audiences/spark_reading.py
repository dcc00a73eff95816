"""Exports read by many machines: a task per file, the same reading and typing as anywhere.

What a column means is decided from the whole of a file, so a file is the least that a task reads:
an export of many files is read by many machines, one of one file by one.
"""

from collections.abc import Iterator
from functools import partial

import ibis.expr.types as ir
from ibis.backends.pyspark import PySparkSchema
from ibis.util import gen_name
from pydantic import TypeAdapter

from audiences.assembling import Rows
from audiences.exports import Asked, FileRead, Read
from audiences.origins import origins_of
from audiences.refusals import ExportRefused
from audiences.spark_dialect import Spark
from audiences.spark_tasks import (
    COLUMNS,
    FACTS,
    FILE,
    REFUSED,
    REJECT,
    ROW,
    Job,
    read_job,
    read_schema,
)
from audiences.tables import REJECTS
from config.exports import ExportKind

TASK_MEMORY = "1GB"
"""Memory of a task's DuckDB before it spills."""


def read_there(spark: Spark, asked: Asked) -> Read:
    """Read every file where Spark runs. Raises ExportRefused for the first that cannot be."""
    jobs = list(_jobs(asked))
    files: dict[int, FileRead] = {}
    rows: Rows = {}
    rejects: list[ir.Table] = []
    refused: dict[int, ExportRefused] = {}
    for kind in dict.fromkeys(job.export.kind for job in jobs):
        held = _read_kind(spark, jobs, kind)
        told = held.filter(held.what__.isin([FILE, REFUSED])).select("place__", "what__", "told__")
        for row in told.to_pyarrow().to_pylist():
            if row["what__"] == FILE:
                files[row["place__"]] = FACTS.validate_json(row["told__"])
            else:
                said = TypeAdapter(list[str]).validate_json(row["told__"])
                refused[row["place__"]] = ExportRefused(*said)
        rows[kind] = _rows_of(
            held, kind, [place for place in files if jobs[place].export.kind is kind]
        )
        bad = held.filter(held.what__ == REJECT)
        rejects.append(bad.select(**{name: bad[f"reject_{name}"] for name in REJECTS.names}))
    if refused:
        raise refused[min(refused)]
    return Read(tuple(files[place] for place in range(len(jobs))), rows, rejects, passing=[])


def _jobs(asked: Asked) -> Iterator[Job]:
    for export in asked.exports.export:
        if export.query is not None:
            raise ExportRefused(
                f"query on {export.database}",
                "Spark does not read queries",
                "Let the database write files, Parquet best, and name their folder.",
            )
        for origin in origins_of(export, asked.folder):
            yield Job(origin, export, asked.shop.time_zone, asked.as_of, TASK_MEMORY)


def _read_kind(spark: Spark, jobs: list[Job], kind: ExportKind) -> ir.Table:
    """All that files of a kind give, worked out once and held."""
    places = [place for place, job in enumerate(jobs) if job.export.kind is kind]
    schema = read_schema(kind)
    numbers = spark.session.range(len(jobs), numPartitions=len(jobs))
    task = partial(read_job, jobs=jobs, kind=kind)
    mine = numbers.where(numbers["id"].isin(places))
    frame = mine.mapInArrow(task, PySparkSchema.from_ibis(schema))
    return spark.named(frame, schema, gen_name("read"))


def _rows_of(held: ir.Table, kind: ExportKind, places: list[int]) -> list[ir.Table]:
    """The typed rows of a kind: together, or by file where a file's own sums are needed."""
    good = held.filter(held.what__ == ROW)
    columns = COLUMNS[kind].names
    if kind is not ExportKind.AGGREGATE:
        return [good.select(*columns)]
    return [good.filter(good.place__ == place).select(*columns) for place in sorted(places)]
