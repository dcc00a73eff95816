"""A batch as Meta's users payload: rows of digests, made in Arrow, never as Python objects."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute

from audiences.model import WORTH, Batch, Receipt, Refusal
from config.audiences import Identifier
from connectors.facts import facts_of

compute: Any = pa.compute
"""The stubs know neither lists nor kernels that take any number of columns."""

ROWS_PER_REQUEST = facts_of("meta").whole("rows")
KEYS = {
    Identifier.EXTERNAL_ID: "EXTERN_ID",
    Identifier.EMAIL: "EMAIL",
    Identifier.PHONE: "PHONE",
}
"""How the columns of a batch are called in a schema, in this order."""
VALUE, VALUE_KEY = WORTH.name, "LOOKALIKE_VALUE"
"""A batch may have one more column: what each person is worth (>= 0), for value-based lists."""
CONTROLS = r"[\x00-\x1f]"
"""What JSON texts hold only as escapes, beside quotation marks and backslashes."""


class JsonBody:
    """JSON that is written already and can be sent again."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.content_type = "application/json"

    def __len__(self) -> int:
        return len(self.content)

    def __iter__(self) -> Iterator[bytes]:
        yield self.content

    def __repr__(self) -> str:
        return f"<{len(self)} bytes of JSON>"


@dataclass(frozen=True, eq=False)
class UserRows:
    """Row k of a person holds the k-th digest of every kind: two addresses are two rows.

    People without any identifier take no row and are refused.
    """

    batch: Batch
    with_value: bool = False

    @cached_property
    def rows(self) -> Any:
        """person_id and one column per identifier, null where a row has none; a pyarrow Table."""
        members = self.batch.members
        lists = [members[one] for one in KEYS]
        lengths = compute.max_element_wise(*[compute.list_value_length(one) for one in lists])
        longest = compute.max(lengths).as_py() or 0
        parts = [self._kth(k).filter(compute.greater(lengths, k)) for k in range(longest)]
        return pa.concat_tables(parts) if parts else self._kth(0).slice(0, 0)

    def _kth(self, k: int) -> Any:
        members = self.batch.members
        columns: dict[str, Any] = {"person_id": members["person_id"]}
        for one in KEYS:
            cut = [
                compute.list_slice(chunk, k, k + 1, return_fixed_size_list=True).flatten()
                for chunk in members[one].chunks
            ]
            columns[one] = pa.chunked_array(cut, pa.string())
        if self.with_value:
            worth = compute.fill_null(compute.cast(members[VALUE], pa.float64()), 0.0)
            columns[VALUE] = compute.if_else(
                compute.and_(compute.is_finite(worth), compute.greater(worth, 0.0)), worth, 0.0
            )
        return pa.table(columns)

    @cached_property
    def used(self) -> tuple[Identifier, ...]:
        """The kinds of identifier that anybody in the batch has."""
        return tuple(one for one in KEYS if self.rows[one].null_count < len(self.rows))

    @property
    def schema(self) -> list[str]:
        keys = [KEYS[one] for one in self.used]
        return [*keys, VALUE_KEY] if self.with_value else keys

    def parts(self) -> Iterator[tuple[int, bytes]]:
        """How many rows, and them as the JSON list under `data`; one per request."""
        for start in range(0, len(self.rows), ROWS_PER_REQUEST):
            part = self.rows.slice(start, ROWS_PER_REQUEST).combine_chunks()
            yield len(part), self._json(part)

    def _json(self, part: Any) -> bytes:
        cells = [_quoted(part[one]) for one in self.used]
        if self.with_value:
            cells.append(compute.cast(part[VALUE], pa.string()))
        inner = compute.binary_join_element_wise(*cells, ",")
        lines = compute.binary_join_element_wise("[", inner, "]", "").combine_chunks()
        if isinstance(lines, pa.ChunkedArray):
            lines = lines.chunk(0)
        whole = compute.binary_join(pa.ListArray.from_arrays([0, len(lines)], lines), ",")
        return b"[" + bytes(whole[0].as_buffer().to_pybytes()) + b"]"

    def receipt(self, bad: list[str], reference: str) -> Receipt:
        """The receipt of rows that were taken, but for the cells in `bad`."""
        refused = {one: "has no " + " or ".join(KEYS) for one in self._unreachable()}
        for person in self._with_cells(bad):
            refused[person] = "Meta calls an identifier of this person invalid"
        refusals = tuple(Refusal(person, why) for person, why in sorted(refused.items()))
        return Receipt(self.batch.key, len(self.batch) - len(refusals), refusals, reference)

    def _unreachable(self) -> list[str]:
        people = self.batch.members["person_id"]
        reached = compute.is_in(people, value_set=compute.unique(self.rows["person_id"]))
        return [str(one) for one in people.filter(compute.invert(reached)).to_pylist()]

    def _with_cells(self, cells: list[str]) -> list[str]:
        wanted = pa.array(cells, pa.string())
        found = [
            self.rows["person_id"].filter(compute.is_in(self.rows[one], value_set=wanted))
            for one in self.used
        ]
        return [str(person) for part in found for person in part.to_pylist()]


def _quoted(column: Any) -> Any:
    """Texts as JSON texts; null is the empty text."""
    text = compute.fill_null(column, "")
    for character in ("\\", '"'):
        text = compute.replace_substring(text, character, f"\\{character}")
    if compute.any(compute.match_substring_regex(text, CONTROLS)).as_py():
        for code in range(0x20):
            text = compute.replace_substring(text, chr(code), f"\\u{code:04x}")
    return compute.binary_join_element_wise('"', text, '"', "")
