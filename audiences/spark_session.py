"""A Spark session that keeps adsteer's promises: private, and the same answers as DuckDB."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import ibis
from pyspark.sql import SparkSession

from audiences.spark_dialect import Spark
from config.shop import Engine

CHECKOUT = Path(__file__).parents[1]

ALWAYS = {
    # What is spilled or held on disk may be plain contacts.
    "spark.io.encryption.enabled": "true",
    # A sum that overflows or a text that is no number stops the run, and is never a wrong figure.
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    # Spark 4.3 loses track of columns that are null nowhere in unions of held tables ("key not
    # found", in UnionBase.rewriteConstraints).
    "spark.sql.constraintPropagation.enabled": "false",
    "spark.sql.parquet.compression.codec": "zstd",
    # Nobody else reads what is written.
    "spark.hadoop.fs.permissions.umask-mode": "077",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
}
"""What no setting of a project changes."""


def open_spark(engine: Engine, scratch: Path) -> Spark:
    """The engine of a project whose `[engine] kind` is spark.

    A session that is there already is used: a process has one. Raises ImportError without pyspark.
    """
    builder = SparkSession.builder.appName("adsteer")
    settings: Mapping[str, str] = engine.spark
    if engine.master.startswith("sc://"):
        # The server decides of disks and networks: what it must be told is in docs/scale.md.
        session = builder.remote(engine.master).getOrCreate()
        for name, value in {**engine.spark, **ALWAYS}.items():
            if name.startswith("spark.sql."):
                session.conf.set(name, value)
    else:
        settings = {**_local(engine, scratch), **engine.spark}
        for name, value in {**settings, **ALWAYS}.items():
            builder = builder.config(name, value)
        session = builder.master(engine.master).getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        if engine.master.startswith("local"):  # tasks run in this very environment
            session.sparkContext.pythonExec = sys.executable
    ibis.pyspark.name  # noqa: B018 - registers the options of Ibis' backend
    opened = Spark()
    opened.do_connect(session)
    return opened


def _local(engine: Engine, scratch: Path) -> dict[str, str]:
    """Settings of a session on this machine alone: bounded, quiet, in the project's folder."""
    if not engine.master.startswith("local"):
        return {}
    threads = engine.threads or os.cpu_count() or 1
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": engine.memory_limit.removesuffix("B").lower(),
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.sql.shuffle.partitions": str(2 * threads),
        "spark.executorEnv.PYTHONPATH": str(CHECKOUT),
    }
