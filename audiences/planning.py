"""Making plans: the difference is computed in the engine and streamed into a file."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from tempfile import mkdtemp

import ibis
import numpy as np
import pyarrow as pa
from ibis.backends.duckdb import Backend

from audiences.bench import Bench
from audiences.difference import PLANNED, ROW, STEP_OF, Reason, Renewal, Step
from audiences.model import AudienceRef
from audiences.plan import (
    AudiencePlan,
    Counts,
    ListPlan,
    Refused,
    Waiting,
    plan_folder,
    plans_folder,
    rows_name,
    save_plan,
)
from audiences.replacing import instead_of
from audiences.sealing import Seal
from audiences.snapshots import open_rows, private_folder, write_rows


@dataclass(frozen=True)
class ListLimits:
    """What planning needs to know of a platform's lists: numbers out of its connector's limits."""

    batch_size: int
    min_members: int = 0
    min_difference: int = 0
    membership_days: int | None = None
    replaces: bool = False
    """The platform can replace a list whole, and the rules allow it for this list."""
    replace_hours: float = 0
    """At least so long between two replacements of a list."""


@dataclass(frozen=True, eq=False)
class Wanted:
    """Who is to be in one list: a table, or the path of a Parquet file, of schema MEMBERS.

    `withdrawn` has a column person_id: people whose consent was withdrawn. They leave whatever the
    guards say, and are never added. `notes` are shown with the plan of the list.
    """

    audience: AudienceRef
    limits: ListLimits
    members: ibis.Table | Path
    withdrawn: ibis.Table | None = field(default=None)
    notes: tuple[str, ...] = ()
    left_behind: bool = False
    """Nobody fills the list any more: only withdrawn consent leaves it."""


@dataclass(frozen=True, eq=False)
class Base:
    """What the ledger knows of a list: a table of schema KNOWN, and a name for that state."""

    state: str
    known: ibis.Table
    made: bool
    """The list is there on the platform."""
    add_only: bool = False
    """It was adopted: nobody is removed but those who withdrew their consent."""
    title: str = ""
    """What it is called on the platform, if it may be called otherwise; else empty."""
    adopted: bool = False
    """It was there before us, so others' people may be in it."""
    replaced_hours: float | None = None
    """Since it was last replaced whole, or should have been; None: never."""
    replaced_unsure: bool = False
    """Whether that happened is not known."""


Guard = Callable[[ListPlan, Wanted], Iterable[Refused]]


def plan_audiences(
    engine: Backend,
    wanted: Sequence[Wanted],
    base_of: Callable[[AudienceRef], Base],
    *,
    state: Path,
    as_of: date,
    guard: Guard = lambda _plan, _wanted: (),
    seal: Seal | None = None,
) -> AudiencePlan:
    """Plan all lists, ask the guard about each, and keep the plan in the state folder.

    The same wanted people on the same state of the ledger give the same plan, byte for byte.
    """
    draft = Path(mkdtemp(prefix=".draft-", dir=private_folder(plans_folder(state))))
    bench = Bench(engine, as_of)
    try:
        lists = []
        for one in sorted(wanted, key=lambda each: (each.audience.account, each.audience.audience)):
            base = base_of(one.audience)
            plan = plan_list(bench, one, base, folder=draft, seal=seal)
            refused = tuple(guard(plan, one))
            if refused and _holds_withdrawals(plan):
                plan = plan_list(bench, one, base, folder=draft, seal=seal, apart=True)
            lists.append(replace(plan, refused_by=refused))
        whole = AudiencePlan(as_of, tuple(lists))
        folder = plan_folder(state, whole.fingerprint)
        if not folder.exists():
            draft.rename(folder)
        save_plan(whole, folder)
        return whole
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _holds_withdrawals(plan: ListPlan) -> bool:
    """Whether people who took their consent back would wait with the rest of a refused plan."""
    return bool(plan.counts.withdrawn) and Step.WITHDRAW not in dict(plan.steps)


def plan_list(
    bench: Bench,
    wanted: Wanted,
    base: Base,
    *,
    folder: Path,
    seal: Seal | None = None,
    apart: bool = False,
) -> ListPlan:
    """Plan one list and write its rows into `folder`; withdrawals `apart` from all removals."""
    limits, members = wanted.limits, wanted.members
    if isinstance(members, Path):
        members = open_rows(bench.engine, members, seal)
    renewal = Renewal(limits.membership_days) if limits.membership_days else None
    with bench.judged(members, base.known, wanted.withdrawn, renewal) as judged:
        steps = _steps(judged.reasons, limits, apart=apart or base.add_only)
        whole = None
        if _may_be_replaced(limits, base):
            sizes = {"batch_size": limits.batch_size, "min_members": limits.min_members}
            whole = instead_of(steps, judged.reasons, **sizes)
        if whole is None:
            batches = _numbered(judged.to_send, steps, limits.batch_size)
        else:
            steps = whole.steps
            batches = whole.batches(bench.engine, judged.everybody)
        file = write_rows(folder, rows_name(wanted.audience), PLANNED, batches, seal=seal)
    counts = _counts(judged.reasons)
    return ListPlan(
        audience=wanted.audience,
        base=base.state,
        counts=counts,
        steps=steps,
        rows=file.path.name,
        rows_fingerprint=file.fingerprint,
        waiting=tuple(_waiting(steps, counts, limits, base)),
        notes=(
            *wanted.notes,
            *_notes(counts, limits, made=base.made),
            *((whole.note,) if whole else ()),
        ),
        old_title=_old_title(base, wanted.audience),
    )


def _may_be_replaced(limits: ListLimits, base: Base) -> bool:
    """Only a list that we made, not too often, and not where it is open whether it ever worked."""
    ours = base.made and not base.adopted and not base.add_only
    again = base.replaced_hours is None or base.replaced_hours >= limits.replace_hours
    return limits.replaces and ours and again and not base.replaced_unsure


def _old_title(base: Base, audience: AudienceRef) -> str:
    """What the list is called so far, if that is to change."""
    return base.title if base.made and base.title != audience.title else ""


def _counts(of: Mapping[str, int]) -> Counts:
    def people(*reasons: Reason) -> int:
        return sum(of.get(reason.value, 0) for reason in reasons)

    again = people(Reason.AGAIN, Reason.RESTORE)
    leaving = people(Reason.LEFT, Reason.WITHDRAWN)
    staying = people(Reason.KEEP, Reason.RENEW) + again
    new = people(Reason.NEW, Reason.CHANGED_TO)
    refused = people(Reason.REFUSED)
    return Counts(
        before=staying + leaving + people(Reason.CHANGED_FROM),
        after=staying + new + refused,
        add=people(Reason.NEW),
        remove=leaving,
        withdrawn=people(Reason.WITHDRAWN),
        change=people(Reason.CHANGED_TO),
        renew=people(Reason.RENEW),
        again=again,
        keep=people(Reason.KEEP),
        refused=refused,
    )


def _steps(
    of: Mapping[str, int], limits: ListLimits, *, apart: bool
) -> tuple[tuple[Step, int], ...]:
    """Rows per step. Where a platform has a least difference, withdrawals join the removals.

    Not where the removals may not be sent: then they leave `apart`.
    """
    sizes = dict.fromkeys(Step, 0)
    for reason, step in STEP_OF.items():
        sizes[step] += of.get(reason.value, 0)
    together = 0 if apart else sizes[Step.WITHDRAW] + sizes[Step.REMOVE]
    if sizes[Step.WITHDRAW] < limits.min_difference <= together:
        sizes[Step.REMOVE] += sizes[Step.WITHDRAW]
        sizes[Step.WITHDRAW] = 0
    return tuple((step, size) for step, size in sizes.items() if size)


def _numbered(
    rows: Iterable[pa.RecordBatch], steps: Sequence[tuple[Step, int]], batch_size: int
) -> Iterator[pa.RecordBatch]:
    """The rows with the number and verb of their batch.

    The batches of a step are as even as can be, so the last one is not a handful of people that a
    platform finds too few.
    """
    if not steps:
        return
    sizes = np.array([size for _, size in steps])
    ends = np.cumsum(sizes)
    parts = -(-sizes // batch_size)
    first = np.cumsum(parts) - parts + 1
    names = [pa.array([step.value for step, _ in steps])]
    names.append(pa.array([step.verb.value for step, _ in steps]))
    place = 0
    for batch in rows:
        at = np.arange(place, place + batch.num_rows)
        place += batch.num_rows
        step = np.searchsorted(ends, at, side="right")
        number = first[step] + (at - (ends - sizes)[step]) * parts[step] // sizes[step]
        columns = [
            pa.array(number.astype("int32")),
            *(column.take(pa.array(step, pa.int64())) for column in names),
            *(batch.column(name) for name in ("reason", *ROW)),
        ]
        yield pa.RecordBatch.from_arrays(columns, names=PLANNED.names)


def _waiting(
    steps: Sequence[tuple[Step, int]], counts: Counts, limits: ListLimits, base: Base
) -> Iterator[Waiting]:
    for step, size in steps:
        if step is Step.REMOVE and base.add_only:
            yield Waiting(
                step,
                size,
                "the list was there before this project and is only added to, until somebody "
                f"allows removals; {size:,} people would leave",
            )
        elif step is Step.ADD and not base.made and counts.after < limits.min_members:
            yield Waiting(
                step,
                size,
                f"the list is made once it has {limits.min_members:,} people; now {size:,}",
            )
        elif step is not Step.WITHDRAW and size < limits.min_difference:
            # A withdrawal is never held back: a connector that must pads it.
            yield Waiting(
                step,
                size,
                f"the platform takes no change of fewer than {limits.min_difference:,} people; "
                f"{size:,} are gathered so far",
            )


def _notes(counts: Counts, limits: ListLimits, *, made: bool) -> Iterator[str]:
    if made and counts.after < limits.min_members:
        yield (
            f"with {counts.after:,} people the list is under the platform's minimum of "
            f"{limits.min_members:,} and will not be served"
        )
