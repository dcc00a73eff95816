"""What relational work needs beyond expressions, and who does it: DuckDB, or Spark.

An expression is written once for both. What is here cannot be said by one that is good on both: a
place in the order of all rows (on a cluster nothing may look at all rows at once), connected rows,
work that must happen where the rows are, and files.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from audiences.sealing import Seal

if TYPE_CHECKING:
    from audiences.exports import Asked, Read
    from audiences.snapshots import RowsFile

Keep = Callable[[ir.Table], ir.Table]
"""Works a table out once and keeps it."""

ByRow = Callable[[Backend, ir.Table, Keep], ir.Table]
"""Rows out of rows, each of what comes out of one of what goes in: any part of a table may be given
on its own. DuckDB works it out everywhere, so its answer is the same everywhere."""

ON = {"duckdb": ("audiences.on_duckdb", "OnDuckDB"), "pyspark": ("audiences.on_spark", "OnSpark")}
"""By Ibis' name of a backend: who works there. Imported when used: Spark is an extra."""


class Engine(ABC):
    """One engine, as far as expressions do not reach."""

    def __init__(self, backend: ibis.BaseBackend) -> None:
        self.backend = backend

    @abstractmethod
    def numbered(self, table: ir.Table, keys: Sequence[str], name: str) -> ir.Table:
        """`table` with its row numbers from 0 in the order of `keys`, which name one row each."""

    @abstractmethod
    def placed(self, table: ir.Table, column: str, *, descending: bool = False) -> ir.Table:
        """`table` with `place`, the number of rows strictly before, and `all_rows`, their number.

        Rows without a value come last. Equals share a place.
        """

    @abstractmethod
    def quantiles(
        self, table: ir.Table, column: str, shares: Sequence[float]
    ) -> tuple[float | None, ...]:
        """Quantiles of a column, linear between order statistics; None of an empty column."""

    @abstractmethod
    def roots(
        self, nodes: ir.Table, links: ir.Table, largest: int
    ) -> tuple[ir.Table, tuple[int, ...]]:
        """Connected rows: (node, root), root the least node; and the sizes of what grew too large.

        nodes: column node, numbered from 0; links: low, high, strong, a lesser node and a greater
        one. Components of more than `largest` nodes are made again of strong links alone.
        """

    @abstractmethod
    def by_row(self, table: ir.Table, work: ByRow, into: Keep) -> ir.Table:
        """What `work` makes of the rows, kept by `into`."""

    @abstractmethod
    def answer(self, query: str, name: str) -> ir.Table:
        """The rows of a compiled expression, worked out once and kept as table `name`."""

    @abstractmethod
    def stream(self, rows: ir.Table | str, rows_at_once: int) -> Iterator[pa.RecordBatch]:
        """Rows of a table or a compiled query in their order, a few thousand at a time.

        They are read to the end before anything else is asked.
        """

    @abstractmethod
    def open_file(self, path: Path, seal: Seal | None) -> ir.Table:
        """The rows of a Parquet file, or of a folder of them, that `write_file` has written."""

    @abstractmethod
    def write_file(
        self,
        folder: Path,
        name: str,
        table: ir.Table,
        keys: Sequence[str],
        seal: Seal | None,
        *,
        is_long: bool = False,
    ) -> "RowsFile":
        """The rows in the order of `keys`, as `snapshots.write_rows` writes them.

        `is_long`: they may be too many to be sorted together, and are worked out already.
        """

    @abstractmethod
    def set_time_zone(self, name: str) -> None:
        """A day begins, and a clock is read, in this zone."""

    @abstractmethod
    def read_files(self, asked: "Asked") -> "Read":
        """Every file that is asked for, read and typed. Raises ExportRefused."""

    @abstractmethod
    def from_duckdb(self, work: Callable[[Backend], ir.Table | None]) -> ir.Table | None:
        """A table of this engine that DuckDB makes here, of a file small enough for that."""


def engine_for(backend: ibis.BaseBackend) -> Engine:
    """Who does on this backend what expressions cannot."""
    module, name = ON[backend.name]
    engine: Engine = getattr(import_module(module), name)(backend)
    return engine


def engine_under(table: ir.Table) -> Engine:
    """Who does it on the backend that holds what `table` is made of."""
    return engine_for(table._find_backend(use_default=True))
