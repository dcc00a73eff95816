"""The engine: DuckDB in memory, bounded, private."""

from pathlib import Path

import ibis
from ibis.backends.duckdb import Backend

from config.shop import Engine


def open_backend(engine: Engine, scratch: Path) -> ibis.BaseBackend:
    """The engine that the project asks for."""
    if engine.kind == "duckdb":
        return open_engine(engine, scratch)
    from audiences.spark_session import open_spark  # an extra: only who asks for it needs it

    return open_spark(engine, scratch)


def open_engine(engine: Engine, scratch: Path) -> Backend:
    """An empty engine that spills into `scratch` when it outgrows its memory.

    What it spills may be plain contacts, so spilled blocks are encrypted with a key that lives and
    dies with the process. The OpenSSL build of that encryption is an extension that would have to
    be downloaded; DuckDB's built-in one is enough for blocks that nobody is to read ever again.
    Nothing is fetched from outside.
    """
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = {
        "memory_limit": engine.memory_limit,
        "temp_directory": str(scratch),
        "temp_file_encryption": True,
        "force_mbedtls_unsafe": True,
        # It may serve the old bytes of a file that was written anew within the same second.
        "enable_external_file_cache": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if engine.threads is not None:
        settings["threads"] = engine.threads
    opened = ibis.duckdb.connect(**settings)
    opened.raw_sql("SET enable_progress_bar = false")  # it is drawn on standard output
    # It makes a hash join of every IN of a few words: one for each column that is read, in each of
    # its uses, and none is left out where the column is not asked for.
    opened.raw_sql("SET disabled_optimizers = 'in_clause'")
    return opened
