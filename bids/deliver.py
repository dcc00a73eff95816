"""Walk a bid plan: make conditions, send in batches, settle, read back.

No network here: the platform is a Protocol that `connectors.base.CorrectsBids` satisfies. Whatever
the platform raises passes through; what was intended by then is decided by the next run's reading.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from bids.corrections import BidPlan, PlannedCorrection
from bids.ledger import BidLedger
from bids.ledger_rows import Origin
from bids.model import Action, BidObject, CorrectionChange, CorrectionReceipt, PresentCorrection

_ORDER = {Action.REMOVE: 0, Action.SET: 1, Action.ADD: 2}
"""Room is made on an object before something is added to it."""


class StalePlan(Exception):
    """The platform shows other corrections than the plan was made on; nothing was sent."""


class Platform(Protocol):
    """The part of a connector that applying bids needs."""

    def condition_for(self, list_id: str, title: str) -> str: ...
    def read_corrections(self, objects: Sequence[BidObject]) -> tuple[PresentCorrection, ...]: ...
    def write_corrections(
        self, changes: Sequence[CorrectionChange]
    ) -> tuple[CorrectionReceipt, ...]: ...


@dataclass(frozen=True)
class SegmentList:
    """The list on the platform that holds a segment's people."""

    list_id: str
    title: str


@dataclass(frozen=True)
class BidReceipts:
    """What became of the rows that were sent, one receipt each; `held` were not sent by a guard."""

    receipts: tuple[CorrectionReceipt, ...] = ()
    held: tuple[PlannedCorrection, ...] = ()
    waiting: tuple[tuple[PlannedCorrection, str], ...] = ()
    """Left for the next plan because their list is not ready, with the reason."""

    @property
    def accepted(self) -> tuple[CorrectionReceipt, ...]:
        """Taken by the platform and seen there afterwards."""
        return tuple(one for one in self.receipts if not one.refused)

    @property
    def refused(self) -> tuple[CorrectionReceipt, ...]:
        """Refused, or accepted and not seen there afterwards; `refused` says why."""
        return tuple(one for one in self.receipts if one.refused)

    def as_json(self) -> list[dict[str, object]]:
        """One object per correction sent, with counts as `adsteer apply --json` shows them."""
        sent: list[dict[str, object]] = [
            {
                "account": one.change.object.account,
                "level": str(one.change.object.level),
                "object": one.change.object.object_id,
                "segment": one.change.segment,
                "percent": one.change.percent,
                "accepted": int(not one.refused),
                "refused": int(bool(one.refused)),
                "unsure": 0,
                "reason": one.refused,
                "warning": one.warning,
            }
            for one in self.receipts
        ]
        late: list[dict[str, object]] = [
            {
                "account": row.object.account,
                "level": str(row.object.level),
                "object": row.object.object_id,
                "segment": row.segment,
                "percent": row.wanted,
                "accepted": 0,
                "refused": 0,
                "unsure": 0,
                "reason": "",
                "warning": f"waits: {why}",
            }
            for row, why in self.waiting
        ]
        return sent + late


def _no_checkpoint(_name: str) -> None:
    return None


def decide_undecided(account: str, platform: Platform, ledger: BidLedger, *, now: datetime) -> int:
    """After an interruption: read what became of changes without an answer. How many it was."""
    objects = ledger.undecided(account)
    return ledger.decide(platform.read_corrections(objects), now, account) if objects else 0


def apply_bids(
    plan: BidPlan,
    platform: Platform,
    ledger: BidLedger,
    *,
    account: str,
    lists: Mapping[str, SegmentList],
    now: datetime,
    run: str = "",
    approved_by: str | None = None,
    waiting: Mapping[str, str] = MappingProxyType({}),
    batch_size: int = 100,
    checkpoint: Callable[[str], None] = _no_checkpoint,
) -> BidReceipts:
    """Send what a plan changes in one account, and look whether it took.

    lists: by segment, for conditions that are still to be made. approved_by: who let rows pass
    that a guard holds back; without a name they stay. waiting: segments whose list is not ready,
    with the reason; they are left for the next plan. checkpoint is called by name between the
    steps. Raises StalePlan if the platform has moved since planning, KeyError for a condition
    that cannot be made because the segment has no list here.
    """
    decide_undecided(account, platform, ledger, now=now)
    mine = [row for row in plan.corrections if row.object.account == account]
    due = [row for row in mine if row.sendable(approved=approved_by is not None)]
    held = tuple(row for row in mine if row.refused_by and row not in due)
    late = tuple((row, waiting[row.segment]) for row in due if _is_late(row, waiting))
    rows = [row for row in due if not _is_late(row, waiting)]
    if not rows:
        return BidReceipts(held=held, waiting=late)
    objects = sorted({row.object for row in rows})
    refuse_stale(rows, platform.read_corrections(objects))
    rows = _with_conditions(rows, platform, ledger, lists, now)
    checkpoint("conditions")
    origin = Origin(plan.fingerprint, run, approved_by)
    receipts: list[CorrectionReceipt] = []
    for number, batch in enumerate(_batches(rows, batch_size)):
        ledger.intend(batch, origin, now)
        checkpoint(f"intended {number}")
        answers = platform.write_corrections([_change(row) for row in batch])
        checkpoint(f"sent {number}")
        ledger.settle(answers, now)
        checkpoint(f"settled {number}")
        receipts.extend(answers)
    seen = _look(receipts, platform.read_corrections(objects), ledger, now)
    checkpoint("read back")
    return BidReceipts(seen, held, late)


def _is_late(row: PlannedCorrection, waiting: Mapping[str, str]) -> bool:
    """Only a condition that is still to be made needs its list to be ready."""
    return row.condition_id is None and row.segment in waiting


def refuse_stale(rows: Sequence[PlannedCorrection], present: Sequence[PresentCorrection]) -> None:
    """Raise StalePlan if what the platform shows is not what the rows were planned from."""
    shown = {(one.object, one.condition_id): one.percent for one in present}
    for row in rows:
        percent = shown.get((row.object, row.condition_id or ""))
        if percent != row.present:
            raise StalePlan(
                f"{row.object}, {row.segment}: planned from {row.present}, the platform now shows "
                f"{percent}. Plan again."
            )


def _with_conditions(
    rows: Sequence[PlannedCorrection],
    platform: Platform,
    ledger: BidLedger,
    lists: Mapping[str, SegmentList],
    now: datetime,
) -> list[PlannedCorrection]:
    made: dict[str, str] = {}
    for row in rows:
        if row.condition_id is None and row.segment not in made:
            source = lists[row.segment]
            made[row.segment] = platform.condition_for(source.list_id, source.title)
            ledger.remember_condition(
                account=row.object.account,
                segment=row.segment,
                list_id=source.list_id,
                title=source.title,
                condition_id=made[row.segment],
                now=now,
            )
    return [
        row if row.condition_id else replace(row, condition_id=made[row.segment]) for row in rows
    ]


def _batches(rows: Sequence[PlannedCorrection], size: int) -> Iterator[Sequence[PlannedCorrection]]:
    ordered = sorted(rows, key=lambda row: _ORDER[row.action])
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def _change(row: PlannedCorrection) -> CorrectionChange:
    return CorrectionChange(
        row.object, row.segment, str(row.condition_id), row.correction_id, row.wanted
    )


def _look(
    receipts: Sequence[CorrectionReceipt],
    present: Sequence[PresentCorrection],
    ledger: BidLedger,
    now: datetime,
) -> tuple[CorrectionReceipt, ...]:
    """A correction that did not take is a refusal, whatever the answer said."""
    shown = {(one.object, one.condition_id): one for one in present}
    seen = []
    for receipt in receipts:
        change = receipt.change
        there = shown.get((change.object, change.condition_id))
        percent = there.percent if there else None
        # No correction and one of 0 % are the same bid; some platforms keep no neutral ones.
        same = percent == change.percent or (change.percent == 0 and percent is None)
        if not receipt.refused and not same:
            said = f": {receipt.warning}" if receipt.warning else ""
            receipt = replace(
                receipt,
                refused=f"accepted as {change.percent}, but read back as {percent}{said}",
            )
            ledger.not_taken(receipt, there, now)
        seen.append(receipt)
    return tuple(seen)
