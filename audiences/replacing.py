"""A list replaced whole by one request, where that is fewer requests than removing and adding.

The file of such a plan holds everybody who is to be in the list, and who is left out, as one batch.
Whether a replacing request took effect or not, who was in the list and stays is in it: a lost
answer leaves in doubt only who comes and who goes, and the next plan settles them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import ibis
import pyarrow as pa
import pyarrow.compute as pc
from ibis.backends.duckdb import Backend

from audiences.difference import PLANNED, ROW, STEP_OF, Reason, Step
from audiences.model import Verb
from audiences.snapshots import stream

LEAVING = [why.value for why, step in STEP_OF.items() if step is Step.REMOVE]
SENT = [Reason.KEEP.value, *(why.value for why, step in STEP_OF.items() if step is Step.ADD)]
"""Rows that are in the list afterwards. What the platform refused for good is not sent again."""


@dataclass(frozen=True)
class Whole:
    """One replacing request: how many people it carries, and how many of the list change by it."""

    people: int
    changed: int
    instead: int
    """Requests that removing and adding would take."""

    @property
    def steps(self) -> tuple[tuple[Step, int], ...]:
        """For a ListPlan."""
        return ((Step.REPLACE, self.changed),)

    @property
    def note(self) -> str:
        """For people."""
        return (
            f"the list is replaced whole: one request with all {self.people:,} people instead of "
            f"{self.instead:,} with the {self.changed:,} who come or go"
        )

    def batches(self, engine: Backend, judged: ibis.Table) -> Iterator[pa.RecordBatch]:
        """The only batch, of schema PLANNED."""
        rows = judged.filter(judged.reason.isin([*SENT, *LEAVING])).order_by(*ROW)
        for part in stream(engine, rows.select("reason", *ROW)):
            leaves = pc.is_in(part.column("reason"), pa.array(LEAVING))
            columns = [
                pa.array([1] * part.num_rows, pa.int32()),
                pa.array([Step.REPLACE.value] * part.num_rows),
                pc.if_else(leaves, Verb.REMOVE.value, Verb.ADD.value),
                *(part.column(name) for name in ("reason", *ROW)),
            ]
            yield pa.RecordBatch.from_arrays(columns, names=PLANNED.names)


def instead_of(
    steps: Sequence[tuple[Step, int]],
    reasons: Mapping[str, int],
    *,
    batch_size: int,
    min_members: int,
) -> Whole | None:
    """A replacement, if it takes fewer requests than these steps and the platform takes it.

    None while somebody's consent is withdrawn: that leaves as a step of its own, which nothing
    holds up, and a contact that somebody else shares with them is not sent again with it.
    """
    if any(step is Step.WITHDRAW for step, _ in steps):
        return None
    people = sum(reasons.get(why, 0) for why in SENT)
    instead = sum(-(-size // batch_size) for _, size in steps)
    if instead < 2 or not max(min_members, 1) <= people <= batch_size:
        return None
    return Whole(people, sum(size for _, size in steps), instead)
