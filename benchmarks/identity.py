"""Rows to people on generated contacts whose truth is known: seconds, memory, precision, recall."""

import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import ibis
import numpy as np
import pyarrow.parquet as pq

from audiences.identity import ROWS, resolve
from benchmarks._measure import Spent, apart, peak_megabytes, row, spent
from config.shop import Shop
from tests.support.generated_people import generate_people, pair_quality

SHOP = Shop(name="Shop", currency="RUB", time_zone="Europe/Moscow")
ROWS_WHOLE, ROWS_QUICK = 1_000_000, 20_000
CORES = 2


def run(*, quick: bool) -> Iterator[dict[str, object]]:
    """Resolve in a process of its own, so that generating the rows takes none of its memory."""
    count = ROWS_QUICK if quick else ROWS_WHOLE
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.parquet"
        generated = generate_people(count, seed=11)
        pq.write_table(generated.rows, path)
        people, cost, before, megabytes = apart(_resolved, path)
    quality = pair_quality(generated.truth, people)
    yield row(f"{count:,} rows resolved", cost.wall, "s", "< 5")
    yield row("of all threads", cost.cpu, "CPU s")
    yield row("peak memory", megabytes, "MB", "< 1000")
    yield row("of it before the first row", before, "MB")
    yield row("pair precision", quality.precision, "", ">= .999")
    yield row("pair recall", quality.recall, "", ">= .85")


def _resolved(path: Path) -> tuple[np.ndarray, Spent, float, float]:
    """Row by row the number of its person; what it took; MB before, MB at most."""
    for name in ("audiences.on_duckdb", "pandas"):  # Ibis loads pandas with its first answer
        import_module(name)  # starting a program is not resolving
    engine = ibis.duckdb.connect(threads=CORES, memory_limit="600MB")
    engine.raw_sql("SET enable_progress_bar = false")
    before = peak_megabytes()
    rows = engine.read_parquet(path).mutate(contact_id=ibis.null("string")).select(*ROWS.names)
    resolution, cost = spent(lambda: resolve(engine, rows, SHOP))
    place = resolution.rows.row_id.substr(1).cast("int64")
    found = engine.to_pyarrow(resolution.rows.select("person_id", place=place).order_by("place"))
    codes = found.column("person_id").dictionary_encode().combine_chunks()
    return codes.indices.to_numpy(), cost, before, peak_megabytes()
