"""A planned replacement: who is to be in the list, who is left out, and both as differences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute

from audiences.model import MEMBERS, WORTH, Batch, Receipt, Refusal, Verb

compute: Any = pa.compute
"""The stubs know no kernels that take a column and a plain value."""

KEPT = "keep"
"""Reason of a row that was in the list and stays."""


@dataclass(frozen=True, eq=False)
class Whole:
    """The rows of a replacing batch: verb, reason and the columns of MEMBERS.

    Rows with the verb `add` are in the list afterwards, rows with the verb `remove` are not.
    """

    rows: pa.Table

    @cached_property
    def members(self) -> pa.Table:
        """Who is to be in the list."""
        return self._with(Verb.ADD)

    @cached_property
    def leaving(self) -> pa.Table:
        """Who is in it and goes."""
        return self._with(Verb.REMOVE)

    @cached_property
    def arriving(self) -> pa.Table:
        """Who comes, or is sent again: whoever stays is not counted as sent."""
        return with_members(
            self.rows.filter(
                compute.and_(
                    compute.equal(self.rows["verb"], Verb.ADD.value),
                    compute.not_equal(self.rows["reason"], KEPT),
                )
            )
        )

    def differences(self, key: str, size: int) -> Iterator[Batch]:
        """The same without replacing: removals, then everybody who is to be in the list."""
        for verb, table in ((Verb.REMOVE, self.leaving), (Verb.ADD, self.members)):
            for start in range(0, table.num_rows, size):
                yield Batch(f"{key}.{verb}.{start}", verb, table.slice(start, size))

    def _with(self, verb: Verb) -> pa.Table:
        rows = self.rows.filter(compute.equal(self.rows["verb"], verb.value))
        return with_members(rows)


def with_members(rows: pa.Table) -> pa.Table:
    """The columns of MEMBERS of a plan's rows, and what people are worth where it is told."""
    schema = MEMBERS.append(WORTH) if WORTH.name in rows.column_names else MEMBERS
    return rows.select(schema.names).cast(schema)


def changes(verb: Verb, rows: pa.Table) -> tuple[tuple[Verb, pa.Table], ...]:
    """Whom a batch adds, and whom it removes."""
    if verb is not Verb.REPLACE:
        return ((verb, rows),)
    whole = Whole(rows)
    return (Verb.ADD, whole.arriving), (Verb.REMOVE, whole.leaving)


def replaced(batch: Batch, refused: Sequence[Refusal]) -> Receipt:
    """The receipt of a replacement; refused may be some who are left out and could not be."""
    ids = pa.array(sorted({one.person_id for one in refused}), pa.string())
    out = compute.sum(compute.is_in(batch.members["person_id"], ids)).as_py() or 0
    return Receipt(batch.key, len(batch) - out, tuple(sorted(set(refused))))
