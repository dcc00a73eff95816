"""A batch as a CSV of digests, written while it is sent."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute

from audiences.model import Batch, Receipt, Refusal
from config.audiences import Identifier

ROWS_AT_A_TIME = 16_384

compute: Any = pa.compute
"""The stubs know neither lists nor kernels that take any number of columns."""


@dataclass(frozen=True, eq=False)
class MembersCsv:
    """A header and one row per set of contacts.

    Row k of a person holds the person's k-th digest of every column, or nothing: somebody with
    two addresses takes two rows and is still one person in the receipt. People without any of the
    columns take no row and are refused.
    """

    batch: Batch
    columns: tuple[Identifier, ...]
    last_line_end: bool = True
    """Whether the last row ends its line: the same people can be two different files."""
    names: tuple[str, ...] = ()
    """What the header calls the columns; their own names if left out."""

    @cached_property
    def _rows_of(self) -> Any:
        lengths = [compute.list_value_length(self.batch.members[one]) for one in self.columns]
        return compute.max_element_wise(*lengths)

    @property
    def rows(self) -> int:
        """Rows below the header."""
        return int(compute.sum(self._rows_of).as_py() or 0)

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        digests = [
            compute.sum(compute.binary_length(compute.list_flatten(self.batch.members[one])))
            for one in self.columns
        ]
        commas_and_line_ends = len(self.columns) * self.rows + self.last_line_end
        return len(self._header) + commas_and_line_ends + sum(one.as_py() or 0 for one in digests)

    def receipt(self, reference: str = "") -> Receipt:
        """The receipt of a file that was taken whole."""
        unreachable = self.batch.members.filter(compute.equal(self._rows_of, 0))["person_id"]
        wanted = " or ".join(self.columns)
        refused = tuple(Refusal(str(one), f"has no {wanted}") for one in unreachable)
        return Receipt(self.batch.key, len(self.batch) - len(refused), refused, reference)

    def chunks(self) -> Iterator[bytes]:
        """The same bytes every time."""
        yield self._header
        for part in self.batch.members.to_batches(max_chunksize=ROWS_AT_A_TIME):
            lists = [part.column(one) for one in self.columns]
            longest = [compute.max(compute.list_value_length(one)).as_py() for one in lists]
            for k in range(max(length or 0 for length in longest)):
                yield from self._lines(lists, k)
        if self.last_line_end:
            yield b"\n"

    def _lines(self, lists: list[Any], k: int) -> Iterator[bytes]:
        cut = [
            compute.list_slice(one, k, k + 1, return_fixed_size_list=True).flatten()
            for one in lists
        ]
        lines = compute.binary_join_element_wise(
            *cut, ",", null_handling="replace", null_replacement=""
        )
        empty = "," * (len(self.columns) - 1)
        kept = lines.filter(compute.not_equal(lines, empty))
        if len(kept):
            whole = compute.binary_join(pa.ListArray.from_arrays([0, len(kept)], kept), "\n")
            yield b"\n" + whole[0].as_buffer().to_pybytes()

    @property
    def _header(self) -> bytes:
        return ",".join(self.names or self.columns).encode()
