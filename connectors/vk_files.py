"""Lines of a users list: the digests of one kind of contact, each once, and who they belong to."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import md5
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from audiences.model import Batch, Receipt, Refusal
from config.audiences import Identifier
from connectors.facts import facts_of

LINES_AT_A_TIME = 16_384

compute: Any = pa.compute
"""The stubs know neither lists nor kernels that take any number of columns."""

DUPLICATE = "duplicated_user_id"
FEWEST_OF_DIFFERENCE = facts_of("vk").lists["min_difference"].whole
NOBODY = tuple(
    md5(f"adsteer: nobody {n}".encode(), usedforsecurity=False).hexdigest()
    for n in range(FEWEST_OF_DIFFERENCE)
)
"""Digests of no contact. They fill up a difference that is too short for the platform; always the
same ones, so a list holds at most this many of them. UNVERIFIED: that adding one that is in, or
removing one that is not, is harmless."""


@dataclass(frozen=True, eq=False)
class Lines:
    """The file of one kind of contact. `left_out` are places of lines that were refused."""

    batch: Batch = field(repr=False)
    kind: Identifier
    at_least: int = 0
    """A shorter file is filled up with NOBODY."""
    left_out: tuple[int, ...] = ()

    @cached_property
    def contacts(self) -> Any:
        """Distinct digests of the batch: people may share one."""
        column = self.batch.members.column(self.kind).combine_chunks()
        return compute.unique(compute.list_flatten(column))

    @cached_property
    def _sent(self) -> Any:
        kept = np.ones(len(self.contacts), dtype=bool)
        kept[list(self.left_out)] = False
        lines = self.contacts.filter(pa.array(kept))
        missing = self.at_least - len(lines)
        if missing <= 0 or not len(lines):
            return lines
        return pa.concat_arrays([lines, pa.array(NOBODY[:missing], lines.type)])

    def __len__(self) -> int:
        """Lines to send."""
        return len(self._sent)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return int(compute.sum(compute.binary_length(self._sent)).as_py() or 0) + len(self)

    def chunks(self) -> Iterator[bytes]:
        """The same bytes every time."""
        for start in range(0, len(self), LINES_AT_A_TIME):
            part = self._sent.slice(start, LINES_AT_A_TIME)
            whole = compute.binary_join(pa.ListArray.from_arrays([0, len(part)], part), "\n")
            yield whole[0].as_buffer().to_pybytes() + b"\n"

    def refused(self, said: Mapping[int, str]) -> dict[int, str]:
        """Codes by place in `contacts`, from codes by line of the file, which counts from 1.

        Fillers have no place, and what is there twice is there.
        """
        kept = np.setdiff1d(np.arange(len(self.contacts)), np.array(self.left_out, dtype=int))
        return {
            int(kept[line - 1]): code
            for line, code in said.items()
            if 1 <= line <= len(kept) and code != DUPLICATE
        }

    def without(self, places: Collection[int]) -> "Lines":
        return replace(self, left_out=tuple(sorted({*self.left_out, *places})))


@dataclass(frozen=True, eq=False)
class Verdict:
    """What became of a file: the code by place in its contacts of every line not taken."""

    lines: Lines
    refused: Mapping[int, str] = field(default_factory=dict)

    @property
    def sent(self) -> Any:
        """Per person of the batch, whether they have a line."""
        column = self.lines.batch.members.column(self.lines.kind)
        lengths = compute.list_value_length(column).to_numpy()
        return lengths > 0

    @property
    def taken(self) -> Any:
        """Per person of the batch, whether some line of theirs was taken."""
        column = self.lines.batch.members.column(self.lines.kind).combine_chunks()
        people = compute.list_parent_indices(column).to_numpy()
        digests = compute.list_flatten(column)
        bad = self.lines.contacts.take(pa.array(sorted(self.refused), pa.int64()))
        good = ~compute.is_in(digests, value_set=bad).to_numpy(zero_copy_only=False)
        found = np.zeros(len(self.lines.batch), dtype=bool)
        found[people[good]] = True
        return found


def receipt(
    batch: Batch,
    verdicts: Sequence[Verdict],
    *,
    unmade: Collection[str] = (),
    absent_is_done: bool = False,
) -> Receipt:
    """A person is accepted with one contact that was taken, refused by name with none.

    `unmade` are the kinds that have no list here yet; `absent_is_done` is for removals: who has no
    line in any list of ours is not in one.
    """
    taken = np.zeros(len(batch), dtype=bool)
    sent = np.zeros(len(batch), dtype=bool)
    for one in verdicts:
        taken |= one.taken
        sent |= one.sent
    if absent_is_done:
        taken |= ~sent
    rest = batch.members.filter(pa.array(~taken))
    codes = sorted({code for one in verdicts for code in one.refused.values()})
    kinds = [str(one.lines.kind) for one in verdicts]
    refused = tuple(
        _refusal(person, kinds, codes, unmade)
        for person in rest.select(["person_id", "email", "phone"]).to_pylist()
    )
    return Receipt(batch.key, int(taken.sum()), refused)


def _refusal(
    person: Mapping[str, Any], sent: Collection[str], codes: Sequence[str], unmade: Collection[str]
) -> Refusal:
    name = str(person["person_id"])
    if any(person[kind] for kind in sent):
        return Refusal(name, f"VK took no contact ({', '.join(codes)})")
    waiting = [kind for kind in unmade if person[kind]]
    if waiting:
        return Refusal(
            name, f"there is no VK list of {' or '.join(waiting)} contacts here", temporary=True
        )
    return Refusal(name, "has no phone or email")
