"""Spark under Ibis: what the same expressions need there to give the same answers.

Ibis' own backend for Spark has gaps, and is silent about some of them: `hash` has 32 bits, so keys
of a large shop would collide; a fraction is a decimal; regular expressions are Java's; there are no
temporary tables; rows travel through pandas, where whole numbers with gaps become floats.
"""

import re
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
import sqlglot as sg
import sqlglot.expressions as sge
from ibis.backends.pyspark import Backend, PySparkSchema
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from ibis.formats.pyarrow import PyArrowData
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

SCRIPT = re.compile(r"\\p\{(Cyrillic|Latin)\}")
"""A script as RE2 names it; Java says Is before it."""
GROUP = re.compile(r"\\(\d)")
"""A group in a replacement as RE2 names it; Java says a dollar."""


class SparkCompiler(PySparkCompiler):  # type: ignore[misc]  # Ibis is not typed
    """The SQL of our expressions in Spark's words."""

    __slots__ = ()

    SIMPLE_OPS = {**PySparkCompiler.SIMPLE_OPS, ops.Hash: "xxhash64"}  # noqa: RUF012

    def visit_NonNullLiteral(self, op: Any, *, value: Any, dtype: Any) -> Any:  # noqa: N802
        if dtype.is_floating():
            return self.cast(sge.convert(repr(float(value))), dt.float64)
        return super().visit_NonNullLiteral(op, value=value, dtype=dtype)

    def visit_ExtractEpochSeconds(self, op: Any, *, arg: Any) -> Any:  # noqa: N802
        if op.arg.dtype.is_timestamp() and op.arg.dtype.timezone is None:  # a clock on a wall
            start = sge.cast(sge.convert("1970-01-01"), "TIMESTAMP_NTZ")
            return self.f.anon.timestampdiff(sg.to_identifier("SECOND"), start, arg)
        return super().visit_ExtractEpochSeconds(op, arg=arg)

    def visit_RegexSearch(self, op: Any, *, arg: Any, pattern: Any) -> Any:  # noqa: N802
        return super().visit_RegexSearch(op, arg=arg, pattern=_in_java(pattern))

    def visit_RegexReplace(  # noqa: N802
        self, op: Any, *, arg: Any, pattern: Any, replacement: Any
    ) -> Any:
        written = sge.convert(GROUP.sub(r"$\1", replacement.this))
        return self.f.regexp_replace(arg, _in_java(pattern), written)


def _in_java(pattern: Any) -> Any:
    return sge.convert(SCRIPT.sub(r"\\p{Is\1}", pattern.this))


class Spark(Backend):  # type: ignore[misc]  # Ibis is not typed
    """A Spark session as Ibis sees it. Its temporary tables are worked out once and held."""

    compiler = SparkCompiler()

    @property
    def session(self) -> SparkSession:
        session: SparkSession = self._session
        return session

    def frame(self, table: ir.Table) -> DataFrame:
        """The rows of an expression as Spark's own."""
        self._run_pre_execute_hooks(table)
        return self.session.sql(self.compile(table))

    def named(self, frame: DataFrame, schema: ibis.Schema, name: str) -> ir.Table:
        """Spark's rows as a table of this backend, worked out once and held until it is dropped.

        Cut off from how they came about, so that the plan of a later step stays short. They are
        held by the machines that made them, on disk and encrypted: if one is lost the run fails,
        and is run again.
        """
        kinds = {one: self.compiler.type_mapper.to_string(kind) for one, kind in schema.items()}
        chosen = frame.selectExpr(*(f"CAST(`{o}` AS {kind}) AS `{o}`" for o, kind in kinds.items()))
        held = chosen.localCheckpoint(eager=True, storageLevel=StorageLevel.DISK_ONLY)
        held.createOrReplaceTempView(name)
        self._cached_dataframes[name] = held
        return self.table(name)

    def create_table(
        self, name: str, /, obj: Any = None, *, schema: Any = None, temp: Any = None, **given: Any
    ) -> ir.Table:
        if not temp:
            return super().create_table(name, obj, schema=schema, temp=temp, **given)
        if obj is None:
            obj = ibis.memtable([], schema=ibis.schema(schema))
        table = obj if isinstance(obj, ir.Table) else ibis.memtable(obj, schema=schema)
        return self.named(self.frame(table), table.schema(), name)

    def drop_table(self, name: str, /, *, database: Any = None, force: bool = False) -> None:
        """Let go of a temporary table."""
        self._cached_dataframes.pop(name, None)
        self.session.catalog.dropTempView(name)

    def to_pyarrow(
        self, expr: ir.Expr, /, *, params: Any = None, limit: Any = None, **given: Any
    ) -> Any:
        table = expr.as_table()
        self._run_pre_execute_hooks(table)
        rows = self.session.sql(self.compile(table, params=params, limit=limit)).toArrow()
        return expr.__pyarrow_result__(PyArrowData.convert_table(rows, table.schema()))

    def execute(
        self, expr: ir.Expr, /, *, params: Any = None, limit: Any = None, **given: Any
    ) -> Any:
        frame = self.to_pyarrow(expr.as_table(), params=params, limit=limit).to_pandas()
        return expr.__pandas_result__(frame)

    def _register_in_memory_table(self, op: Any) -> None:
        rows: pa.Table = op.data.to_pyarrow(op.schema)
        frame = self.session.createDataFrame(rows, schema=PySparkSchema.from_ibis(op.schema))
        frame.createOrReplaceTempView(op.name)

    def _make_memtable_finalizer(self, name: str) -> None:
        return None
