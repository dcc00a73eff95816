"""DuckDB: one process, so a place in the order of all rows is a window, and keys fit an array."""

from collections.abc import Callable, Iterator, Sequence
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
        self, folder: Path, name: str, table: ir.Table, keys: Sequence[str], seal: Seal | None
    ) -> RowsFile:
        ordered = table.order_by(list(keys))
        rows = self.stream(ordered, ROWS_AT_ONCE)
        return write_rows(folder, name, ordered.schema().to_pyarrow(), rows, seal=seal)

    def set_time_zone(self, name: str) -> None:
        self.backend.raw_sql(f"SET TimeZone = '{name}'")

    def read_files(self, asked: Asked) -> Read:
        return read_here(self.backend, asked)

    def from_duckdb(self, work: Callable[[Backend], ir.Table | None]) -> ir.Table | None:
        return work(self.backend)
