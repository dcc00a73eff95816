"""DuckDB: one process, so a place in the order of all rows is a window, and keys fit an array."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from math import ceil
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from audiences.components import roots_in_memory
from audiences.engines import ByRow, Engine, Keep
from audiences.exports import Asked, Read, read_here
from audiences.sealing import Seal, is_sealed, open_parquet
from audiences.snapshots import ROWS_AT_ONCE, RowsFile, write_rows

SORTED_AT_ONCE = 2_000_000
"""Rows of a long table that are sorted together."""
SAMPLE = 20_000
"""Rows by which it is cut; any cut gives the same order."""


class OnDuckDB(Engine):
    """What DuckDB does beyond expressions."""

    def numbered(self, table: ir.Table, keys: Sequence[str], name: str) -> ir.Table:
        # A sort of many threads and a count that flows behind it, in half of the time of a window
        # that sorts. DuckDB keeps the order of rows (preserve_insertion_order is its default).
        ordered = table.order_by([table[key] for key in keys])
        return ordered.mutate(**{name: ibis.row_number().over(ibis.window()).cast("int64")})

    def placed(self, table: ir.Table, column: str, *, descending: bool = False) -> ir.Table:
        order = table[column].desc() if descending else table[column]
        return table.mutate(
            place=ibis.rank().over(ibis.window(order_by=order)),
            all_rows=table.count().over(ibis.window()),
        )

    def quantiles(
        self, table: ir.Table, column: str, shares: Sequence[float]
    ) -> tuple[float | None, ...]:
        row = table.aggregate(found=table[column].quantile(list(shares))).to_pyarrow()
        found = row["found"][0].as_py() or [None] * len(shares)
        return tuple(None if one is None else float(one) for one in found)

    def roots(
        self, nodes: ir.Table, links: ir.Table, largest: int
    ) -> tuple[ir.Table, tuple[int, ...]]:
        return roots_in_memory(self.backend, nodes, links, largest)

    def by_row(self, table: ir.Table, work: ByRow, into: Keep) -> ir.Table:
        return work(self.backend, table, into)

    def answer(self, query: str, name: str) -> ir.Table:
        self.backend.raw_sql(f'CREATE TEMP TABLE "{name}" AS {query}')
        return self.backend.table(name)

    def stream(self, rows: ir.Table | str, rows_at_once: int) -> Iterator[pa.RecordBatch]:
        # Not to_pyarrow_batches: Ibis 12 calls a method that DuckDB 2.0 no longer has.
        if isinstance(rows, str):
            query = rows
        else:
            self.backend._run_pre_execute_hooks(rows)  # what is in memory becomes known to it
            query = self.backend.compile(rows)
        yield from self.backend.con.sql(query).to_arrow_reader(rows_at_once)

    def open_file(self, path: Path, seal: Seal | None) -> ir.Table:
        """A sealed file is read into the engine, which spills out of core and encrypted if need be:
        DuckDB's own decryption is an extension that would have to be downloaded.
        """
        if not is_sealed(path):
            return self.backend.read_parquet(path)
        with open_parquet(path, seal) as file:
            batches = file.iter_batches(batch_size=ROWS_AT_ONCE)
            reader = pa.RecordBatchReader.from_batches(file.schema_arrow, batches)
            name = ibis.util.gen_name("unsealed")
            self.backend.con.register(f"{name}_file", reader)
            try:
                self.backend.raw_sql(f'CREATE TEMP TABLE "{name}" AS SELECT * FROM "{name}_file"')
            finally:
                self.backend.con.unregister(f"{name}_file")
        return self.backend.table(name)

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
        """What is long is sorted span by span of its first key: in one piece a wide table of ten
        million rows did not fit into a gigabyte, spilled or not.
        """
        spans = self._spans(table, keys[0]) if is_long else [table]
        sorted_spans = (span.order_by(list(keys)) for span in spans)
        rows = chain.from_iterable(self.stream(span, ROWS_AT_ONCE) for span in sorted_spans)
        return write_rows(folder, name, table.schema().to_pyarrow(), rows, seal=seal)

    def _spans(self, table: ir.Table, key: str) -> list[ir.Table]:
        """The rows in parts that follow each other by `key`, of about SORTED_AT_ONCE each."""
        parts = ceil(int(self.backend.to_pyarrow(table.count()).as_py()) / SORTED_AT_ONCE)
        if parts <= 1:
            return [table]
        shares = [part / parts for part in range(1, parts)]
        some = (
            f'SELECT "{key}" AS sampled FROM ({self.backend.compile(table)}) USING SAMPLE {SAMPLE}'
        )
        found = self.backend.raw_sql(
            f"SELECT quantile_disc(sampled, {shares}) FROM ({some})"
        ).fetchone()
        edges = sorted(set(found[0])) if found and found[0] else []
        column = table[key]
        lower = [None, *(column >= edge for edge in edges)]
        upper = [*(column < edge for edge in edges), None]
        return [
            table.filter(*(bound for bound in bounds if bound is not None))
            for bounds in zip(lower, upper, strict=True)
        ]

    def set_time_zone(self, name: str) -> None:
        self.backend.raw_sql(f"SET TimeZone = '{name}'")

    def read_files(self, asked: Asked) -> Read:
        return read_here(self.backend, asked)

    def from_duckdb(self, work: Callable[[Backend], ir.Table | None]) -> ir.Table | None:
        return work(self.backend)
