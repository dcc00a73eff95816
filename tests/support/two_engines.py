"""The same rows on DuckDB and on Spark, and a Spark session that tells what it is asked."""

import math
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pytest
import sqlglot
import sqlglot.expressions as sge

from config.shop import Engine

SMALL = {
    # For a few thousand rows it is not worth compiling what is meant for large ones.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}
LOCAL = Engine(kind="spark", master="local[2]", threads=2, memory_limit="1GB", spark=SMALL)

NEARLY = 1e-12
"""Java's logarithms and the C library's may differ in the last digit of a float64."""


@dataclass
class Asked:
    """What was asked of Spark: every statement, and each answer that the driver got."""

    statements: list[str] = field(default_factory=list)
    answers: list[tuple[int, frozenset[str]]] = field(default_factory=list)
    """Rows and columns of each."""

    def windows_over_everything(self) -> list[str]:
        """Windows without a partition: they would bring all rows to one machine."""
        found = []
        for statement in self.statements:
            tree = sqlglot.parse_one(statement, dialect="spark")
            windows = tree.find_all(sge.Window)
            found += [one.sql() for one in windows if not one.args.get("partition_by")]
        return found


def skip_without_spark() -> None:
    """Skip, with a reason, where the extra or Java is not installed."""
    pytest.importorskip("pyspark", reason="pyspark is not installed: pip install -e '.[spark]'")
    if shutil.which("java") is None:
        pytest.skip("Java is not installed; Spark needs 17 or newer")


@contextmanager
def spark_session(scratch: Path) -> Iterator[ibis.BaseBackend]:
    """A session on two threads of this machine; a process has one."""
    skip_without_spark()
    from audiences.spark_session import open_spark

    opened = open_spark(LOCAL, scratch)
    try:
        yield opened
    finally:
        opened.disconnect()


@contextmanager
def listening() -> Iterator[Asked]:
    """Hear every statement, and count the rows of everything that reaches the driver."""
    from pyspark.sql.classic.dataframe import DataFrame

    from audiences.spark_dialect import Spark

    asked = Asked()
    compile_ = Spark.compile

    def compiled(self: Any, *given: Any, **named: Any) -> str:
        statement: str = compile_(self, *given, **named)
        asked.statements.append(statement)
        return statement

    def counted(name: str) -> Any:
        take = getattr(DataFrame, name)

        def taken(self: Any, *given: Any, **named: Any) -> Any:
            answer = take(self, *given, **named)
            asked.answers.append((len(answer), frozenset(self.columns)))
            return answer

        return taken

    with pytest.MonkeyPatch.context() as during:
        during.setattr(Spark, "compile", compiled)
        for name in ("collect", "toPandas", "toArrow"):
            during.setattr(DataFrame, name, counted(name))
        yield asked


def on(engine: ibis.BaseBackend, rows: pa.Table, schema: ibis.Schema) -> ir.Table:
    """Rows as a temporary table of an engine."""
    given = ibis.memtable(rows.cast(schema.to_pyarrow()), schema=schema)
    return engine.create_table(ibis.util.gen_name("given"), given, temp=True)


def assert_same_rows(one: ir.Table, other: ir.Table, keys: Iterable[str]) -> None:
    """The same columns and rows; float64 to the last digit but one."""
    first, second = (table.order_by(list(keys)).to_pyarrow() for table in (one, other))
    assert first.column_names == second.column_names
    assert first.num_rows == second.num_rows
    for name in first.column_names:
        pairs = zip(first[name].to_pylist(), second[name].to_pylist(), strict=True)
        differ = [(left, right) for left, right in pairs if not _same(left, right)]
        assert differ == [], name


def assert_nearly(one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """The same figures by name, as `assert_same_rows` compares them."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert _same(value, other[name]), (name, value, other[name])


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=NEARLY, abs_tol=NEARLY)
    if isinstance(left, (tuple, list)) and isinstance(right, (tuple, list)):
        pairs = zip(left, right, strict=False)
        return len(left) == len(right) and all(_same(one, other) for one, other in pairs)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[one], right[one]) for one in left)
    return bool(left == right)
