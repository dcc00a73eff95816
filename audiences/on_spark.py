"""Spark: rows stay on the machines that hold them; nothing looks at all of them at once.

An order of all rows is made by ranges: Spark cuts them into parts that follow each other, each part
is numbered for itself, and what lies before a part is added, a few numbers. The driver sees counts
and what a part of a run's answer is, never people.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import ceil, floor
from pathlib import Path
from typing import cast

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend
from ibis.backends.pyspark import PySparkSchema, PySparkType
from ibis.util import gen_name
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 - as everybody writes it

from audiences.components import roots_by_stars
from audiences.engines import ByRow, Engine, Keep
from audiences.exports import Asked, Read
from audiences.sealing import Seal, is_sealed, open_parquet
from audiences.snapshots import RowsFile, parts_of, private_folder, write_rows
from audiences.spark_dialect import Spark
from audiences.spark_reading import read_there
from audiences.spark_tasks import by_row, packed, read_parts, small_duckdb, write_part
from audiences.staging import keep

PART, BEFORE = "part__", "before__"


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
        self, nodes: ir.Table, links: ir.Table, largest: int
    ) -> tuple[ir.Table, tuple[int, ...]]:
        return roots_by_stars(nodes, keep(links), largest)

    def by_row(self, table: ir.Table, work: ByRow, into: Keep) -> ir.Table:
        given, made = table.schema(), _schema_of(work, table.schema())
        task = partial(by_row, work=work, given=given, made=made)
        frame = self.backend.frame(table).mapInArrow(task, PySparkSchema.from_ibis(made))
        return into(self._view(frame))

    def answer(self, query: str, name: str) -> ir.Table:
        frame = self.backend.session.sql(query)
        return self.backend.named(frame, ibis.schema(PySparkType.to_ibis(frame.schema)), name)

    def stream(self, rows: ir.Table | str, rows_at_once: int) -> Iterator[pa.RecordBatch]:
        """Batches travel packed, one part of the rows after the other."""
        here = self.backend
        frame = here.session.sql(rows) if isinstance(rows, str) else here.frame(rows)
        batches = frame.mapInArrow(packed, "batch binary")
        for row in batches.toLocalIterator(prefetchPartitions=True):
            yield from pa.ipc.open_stream(bytes(row["batch"]))

    def open_file(self, path: Path, seal: Seal | None) -> ir.Table:
        parts = parts_of(path)
        if not is_sealed(parts[0]):
            return self.backend.read_parquet(f"file://{path.resolve()}")
        with open_parquet(parts[0], seal) as first:
            schema = ibis.Schema.from_pyarrow(first.schema_arrow)
        numbers = self.backend.session.range(len(parts), numPartitions=len(parts))
        task = partial(read_parts, parts=parts, seal=seal)
        return self._view(numbers.mapInArrow(task, PySparkSchema.from_ibis(schema)))

    def write_file(
        self,
        folder: Path,
        name: str,
        table: ir.Table,
        keys: Sequence[str],
        seal: Seal | None,
        *,
        is_long: bool = False,
    ) -> RowsFile:
        """A folder of files, each written by the machine that has its rows."""
        schema = table.schema().to_pyarrow()
        part = private_folder(folder) / f"{gen_name('part')}.part"
        private_folder(part)
        try:
            task = partial(write_part, folder=part, schema=schema, seal=seal)
            ordered = self.backend.frame(table.order_by(list(keys)))
            done = ordered.mapInArrow(task, "rows long, fingerprint string").collect()
            if not done:  # Spark knows beforehand that there are no rows, and starts no task
                write_rows(part, "000000.parquet", schema, (), seal=seal)
            written = {str(row["fingerprint"]) for row in done}
            digest = hashlib.sha256("\n".join(sorted(written)).encode()).hexdigest()
            path = folder / name.format(fingerprint=digest[:16])
            part.replace(path)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        return RowsFile(path, sum(int(row["rows"]) for row in done), digest)

    def set_time_zone(self, name: str) -> None:
        self.backend.session.conf.set("spark.sql.session.timeZone", name)

    def read_files(self, asked: Asked) -> Read:
        return read_there(self.backend, asked)

    def from_duckdb(self, work: Callable[[Backend], ir.Table | None]) -> ir.Table | None:
        with small_duckdb() as backend:
            made = work(backend)
            if made is None:
                return None
            rows, schema = backend.to_pyarrow(made), made.schema()
        given = ibis.memtable(rows, schema=schema)
        return self.backend.create_table(gen_name("given"), given, temp=True)

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
