"""The engine: DuckDB in memory, bounded, private."""

from pathlib import Path

import ibis
from ibis.backends.duckdb import Backend

from config.shop import Engine


def open_engine(engine: Engine, scratch: Path) -> Backend:
    """An empty engine that spills into `scratch` when it outgrows its memory.

    What it spills may be plain contacts, so spilled blocks are encrypted with a key that lives and
    dies with the process, and nothing is fetched from outside.
    """
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = {
        "memory_limit": engine.memory_limit,
        "temp_directory": str(scratch),
        "temp_file_encryption": True,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if engine.threads is not None:
        settings["threads"] = engine.threads
    return ibis.duckdb.connect(**settings)
