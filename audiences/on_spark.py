"""Spark: rows stay on the machines that hold them; nothing looks at all of them at once.

An order of all rows is made by ranges: Spark cuts them into parts that follow each other, each part
is numbered for itself, and what lies before a part is added, a few numbers. The driver sees counts
and what a part of a run's answer is, never people.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from math import ceil, floor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.pyspark import PySparkSchema
from ibis.util import gen_name
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 - as everybody writes it

from audiences.components import roots_by_stars
from audiences.engine import open_engine
from audiences.engines import ByRow, Engine, Keep
from audiences.sealing import Seal
from audiences.spark_dialect import Spark
from audiences.staging import Staging, keep
from config import shop

PART, BEFORE = "part__", "before__"
ROWS_AT_ONCE = 65_536
"""Rows that a task gives to DuckDB together."""


class OnSpark(Engine):
    """What Spark does beyond expressions."""

    backend: Spark

    def numbered(self, table: ir.Table, keys: Sequence[str], name: str) -> ir.Table:
        order = [F.col(key).asc_nulls_last() for key in keys]
        cut = self._cut(self.backend.frame(table), order)
        within = Window.partitionBy(PART).orderBy(*order)
        counted = self._with_before(cut, F.lit(1))
        number = F.row_number().over(within).cast("long") - 1 + F.col(BEFORE)
        return self._view(counted.withColumn(name, number).drop(PART, BEFORE))

    def placed(self, table: ir.Table, column: str, *, descending: bool = False) -> ir.Table:
        frame = self.backend.frame(table)
        places, total = self._places(frame, column, descending=descending)
        values = places.select(F.col("value").alias("value__"), "place")
        joined = frame.join(values, frame[column].eqNullSafe(F.col("value__"))).drop("value__")
        return self._view(joined.withColumn("all_rows", F.lit(total).cast("long")))

    def quantiles(
        self, table: ir.Table, column: str, shares: Sequence[float]
    ) -> tuple[float | None, ...]:
        known = self.backend.frame(table.select(table[column].cast("float64").name(column)))
        places, total = self._places(known.where(F.col(column).isNotNull()), column)
        if not total:
            return tuple(None for _ in shares)
        at = [(total - 1) * share for share in shares]
        wanted = sorted({round_(place) for place in at for round_ in (floor, ceil)})
        at_hand = F.array(*(F.when(_covers(place), F.lit(place)) for place in wanted))
        each = F.explode(F.array_compact(at_hand)).alias("place")
        found = places.select("value", each).collect()
        by_place = {row["place"]: float(row["value"]) for row in found}
        # In these words DuckDB says it too, so the last digit is the same.
        return tuple(
            by_place[floor(place)] * (1 - place % 1) + by_place[ceil(place)] * (place % 1)
            for place in at
        )

    def roots(
        self, nodes: ir.Table, edges: ir.Table, largest: int
    ) -> tuple[ir.Table, tuple[int, ...]]:
        return roots_by_stars(nodes, keep(edges), largest)

    def by_row(self, table: ir.Table, work: ByRow, into: Keep) -> ir.Table:
        given, made = table.schema(), _schema_of(work, table.schema())
        task = partial(_by_row, work=work, given=given, made=made)
        frame = self.backend.frame(table).mapInArrow(task, PySparkSchema.from_ibis(made))
        return into(self._view(frame))

    def answer(self, query: str, name: str) -> ir.Table:
        frame = self.backend.session.sql(query)
        return self.backend.named(frame, PySparkSchema.to_ibis(frame.schema), name)

    def stream(self, table: ir.Table, rows_at_once: int) -> Iterator[pa.RecordBatch]:
        """Batches travel packed, one part of the rows after the other."""
        packed = self.backend.frame(table).mapInArrow(_packed, "batch binary")
        for row in packed.toLocalIterator(prefetchPartitions=True):
            yield from pa.ipc.open_stream(bytes(row["batch"]))

    def open_file(self, path: Path, seal: Seal | None) -> ir.Table:
        return self.backend.read_parquet(path)

    # Places

    def _cut(self, frame: DataFrame, order: Sequence[Column]) -> DataFrame:
        """The rows in parts that follow each other, held; `part__` numbers the parts."""
        parts = int(cast(str, self.backend.session.conf.get("spark.sql.shuffle.partitions")))
        cut = frame.repartitionByRange(parts, *order).withColumn(PART, F.spark_partition_id())
        return cut.localCheckpoint(eager=True)

    def _with_before(self, cut: DataFrame, rows: Column) -> DataFrame:
        """`cut` with how many rows lie in the parts before."""
        counts = cut.groupBy(PART).agg(F.sum(rows).alias("rows__")).collect()
        before, so_far = [], 0
        for row in sorted(counts, key=lambda one: int(one[PART])):
            before.append((int(row[PART]), so_far))
            so_far += int(row["rows__"])
        offsets = self.backend.session.createDataFrame(before, f"{PART} int, {BEFORE} long")
        return cut.join(F.broadcast(offsets), PART)

    def _places(
        self, frame: DataFrame, column: str, *, descending: bool = False
    ) -> tuple[DataFrame, int]:
        """(value, rows, place) of each value of a column, and the number of all rows."""
        counted = frame.groupBy(F.col(column).alias("value")).agg(F.count(F.lit(1)).alias("rows"))
        value = F.col("value")
        order = value.desc_nulls_last() if descending else value.asc_nulls_last()
        cut = self._with_before(self._cut(counted, [order]), F.col("rows"))
        up_to = Window.partitionBy(PART).orderBy(order).rowsBetween(Window.unboundedPreceding, 0)
        place = F.sum("rows").over(up_to) - F.col("rows") + F.col(BEFORE)
        total = counted.agg(F.sum("rows")).collect()[0][0]
        return cut.select("value", "rows", place.alias("place")), int(total or 0)

    def _view(self, frame: DataFrame) -> ir.Table:
        name = gen_name("view")
        frame.createOrReplaceTempView(name)
        return self.backend.table(name)


def _covers(place: int) -> Column:
    """Whether the rows of a value take a place in the order of all."""
    return (F.col("place") <= place) & (F.col("place") + F.col("rows") > place)


def _schema_of(work: ByRow, given: ibis.Schema) -> ibis.Schema:
    """The columns that `work` makes of rows of this schema: it is tried on none."""
    backend = ibis.duckdb.connect(threads=1)
    try:
        empty = backend.create_table("nothing", schema=given, temp=True)
        return work(backend, empty, keep).schema()
    finally:
        backend.disconnect()


def _by_row(
    batches: Iterator[pa.RecordBatch], *, work: ByRow, given: ibis.Schema, made: ibis.Schema
) -> Iterator[pa.RecordBatch]:
    """A task: its rows through DuckDB, some at a time."""
    target = made.to_pyarrow()
    with TemporaryDirectory() as scratch:
        backend = open_engine(shop.Engine(threads=1), Path(scratch))
        try:
            for rows in _together(batches):
                table = backend.create_table("given", rows.cast(given.to_pyarrow()), temp=True)
                with Staging() as passing:
                    answer = backend.to_pyarrow(work(backend, table, passing.keep))
                backend.drop_table("given")
                yield from answer.cast(target).to_batches(ROWS_AT_ONCE)
        finally:
            backend.disconnect()


def _together(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.num_rows for one in held) >= ROWS_AT_ONCE:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def _packed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        yield pa.record_batch({"batch": pa.array([sink.getvalue().to_pybytes()], pa.binary())})
