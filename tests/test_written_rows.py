"""A long table is written span by span, and is the same file."""

from collections import Counter

import ibis
import pytest

import audiences.on_duckdb
from audiences.engines import engine_for
from audiences.on_duckdb import OnDuckDB
from audiences.snapshots import read_rows


def recorded(monkeypatch):
    """How many rows each ordered answer of the engine had."""
    sizes, streamed = [], OnDuckDB.stream

    def stream(self, rows, rows_at_once):
        batches = list(streamed(self, rows, rows_at_once))
        sizes.append(sum(batch.num_rows for batch in batches))
        yield from batches

    monkeypatch.setattr(OnDuckDB, "stream", stream)
    return sizes


@pytest.mark.parametrize("people", [1, 3, 500])
def test_what_is_sorted_span_by_span_is_the_same_file(tmp_path, monkeypatch, people):
    engine = ibis.duckdb.connect(threads=2)
    engine.raw_sql(
        f"CREATE TABLE rows AS SELECT 'p' || (hash(i) % {people}) AS person_id, "
        "i::INTEGER AS day, 'word ' || (i % 7) AS said FROM range(2000) t(i)"
    )
    work, table, keys = engine_for(engine), engine.table("rows"), ["person_id", "day"]
    whole = work.write_file(tmp_path / "whole", "{fingerprint}", table, keys, None, is_long=True)
    monkeypatch.setattr(audiences.on_duckdb, "SORTED_AT_ONCE", 300)
    sorted_together = recorded(monkeypatch)
    cut = work.write_file(tmp_path / "cut", "{fingerprint}", table, keys, None, is_long=True)
    assert (cut.rows, cut.fingerprint) == (whole.rows, whole.fingerprint)
    assert sum(sorted_together) == 2000
    per_person = Counter(row["person_id"] for row in table.to_pyarrow().to_pylist())
    assert max(sorted_together) <= 300 + max(per_person.values())  # a person is never cut
    assert cut.path.read_bytes() == whole.path.read_bytes()
    written = [row for batch in read_rows(cut.path) for row in batch.to_pylist()]
    assert written == sorted(written, key=lambda row: (row["person_id"], row["day"]))


def test_a_long_table_without_rows_is_a_file_too(tmp_path):
    engine = ibis.duckdb.connect(threads=2)
    engine.raw_sql("CREATE TABLE rows (person_id TEXT, day INTEGER)")
    keys = ["person_id", "day"]
    work, table = engine_for(engine), engine.table("rows")
    assert work.write_file(tmp_path, "{fingerprint}", table, keys, None, is_long=True).rows == 0
