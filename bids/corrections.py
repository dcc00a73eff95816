"""The values of bid planning: what is recorded, estimated, refused, planned."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Protocol

from bids.model import Action, BidObject, Level, PresentCorrection

JsonRow = dict[str, object]

_CHANGING = frozenset({Action.ADD, Action.SET, Action.REMOVE})


class TakesCorrections(Protocol):
    """What a platform takes, in per cent against neutral (`connectors.base.BidLimits`)."""

    @property
    def lowest(self) -> int: ...
    @property
    def highest(self) -> int: ...
    @property
    def levels(self) -> frozenset[Level]: ...
    @property
    def per_object(self) -> int: ...


class BidsBy(Protocol):
    """How an object's campaign bids (`connectors.base.Strategy`)."""

    @property
    def object(self) -> BidObject: ...
    @property
    def name(self) -> str: ...
    @property
    def acts_on(self) -> str: ...
    @property
    def takes(self) -> tuple[int, int] | None: ...
    @property
    def because(self) -> str: ...


@dataclass(frozen=True)
class RecordedCorrection:
    """What the ledger remembers of one correction of ours.

    `percent` is what we know to have set, None where we set none or removed it. `intended` means
    that a change to `intended_percent` left and its answer was never recorded. `baseline` is what
    stood there before us, None for nothing: it comes back when the rule goes.
    """

    object: BidObject
    segment: str
    condition_id: str
    correction_id: str | None
    percent: int | None
    baseline: int | None
    set_at: datetime
    plan: str = ""
    intended: bool = False
    intended_percent: int | None = None

    @property
    def key(self) -> tuple[BidObject, str]:
        """What names a correction on the platform: the object and the condition."""
        return self.object, self.condition_id


@dataclass(frozen=True)
class AutomaticCorrection:
    """What the estimates ask for, and what the data since the last change were.

    `percent` is already inside caps and step and spends the same; `inputs` are the figures it was
    made of, for the audit.
    """

    percent: int
    clicks: int
    conversions: float
    inputs: Mapping[str, float | str] = field(default_factory=dict)
    refused: str = ""
    """Why a person should look first, with numbers: predicted spend outside its tolerance."""


@dataclass(frozen=True)
class Refused:
    """A guard that holds one row back, with numbers."""

    guard: str
    text: str
    approvable: bool = True
    """False where no approval can help: the platform itself would refuse."""


@dataclass(frozen=True)
class PlannedCorrection:
    """One object and segment: from what to what, and why. Percentages are against neutral."""

    object: BidObject
    segment: str
    action: Action
    present: int | None
    wanted: int | None
    condition_id: str | None
    correction_id: str | None = None
    baseline: int | None = None
    refused_by: tuple[Refused, ...] = ()
    reason: str = ""
    inputs: tuple[tuple[str, float | str], ...] = ()

    def sendable(self, *, approved: bool) -> bool:
        """Whether applying sends this row."""
        held = any(not (approved and guard.approvable) for guard in self.refused_by)
        return self.action in _CHANGING and not held

    def after(self, *, approved: bool) -> int | None:
        """What stands there once the plan is applied; None for no correction."""
        return self.wanted if self.sendable(approved=approved) else self.present

    def identity(self) -> JsonRow:
        """What the row does and on what, without words that change with the day."""
        told = self.as_json()
        for name in ("reason", "inputs"):
            del told[name]
        return {**told, "refused_by": sorted(guard.guard for guard in self.refused_by)}

    def as_json(self) -> JsonRow:
        """The row under the names that `adsteer plan --json` keeps stable."""
        return {
            "platform": self.object.platform,
            "account": self.object.account,
            "level": str(self.object.level),
            "object": self.object.object_id,
            "segment": self.segment,
            "present": self.present,
            "wanted": self.wanted,
            "action": str(self.action),
            "condition": self.condition_id,
            "correction": self.correction_id,
            "baseline": self.baseline,
            "refused_by": [guard.text for guard in self.refused_by],
            "reason": self.reason,
            "inputs": dict(self.inputs),
        }


@dataclass(frozen=True)
class BidPlan:
    """Rows sorted by object, segment and condition; the same for the same input."""

    corrections: tuple[PlannedCorrection, ...]

    @cached_property
    def canonical_json(self) -> str:
        """What would be done, as JSON with sorted keys and no spaces.

        Reasons and figures are not in it: a plan that waits for approval stays the same plan while
        they age, as long as it does the same to the same present values.
        """
        rows = [row.identity() for row in self.corrections]
        return json.dumps(rows, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON, 64 hex characters."""
        return hashlib.sha256(self.canonical_json.encode()).hexdigest()

    @property
    def refused_by(self) -> tuple[str, ...]:
        """Every guard that holds a row of this plan back."""
        return tuple(
            f"{row.object}, {row.segment}: {guard.text}"
            for row in self.corrections
            for guard in row.refused_by
        )

    def sends(self, *, approved: bool = False) -> tuple[PlannedCorrection, ...]:
        """The rows that applying sends."""
        return tuple(row for row in self.corrections if row.sendable(approved=approved))


def make_plan(rows: Sequence[PlannedCorrection]) -> BidPlan:
    """A plan of rows in any order."""
    return BidPlan(
        tuple(sorted(rows, key=lambda row: (row.object, row.segment, row.condition_id or "")))
    )


def read_back(
    recorded: Sequence[RecordedCorrection], present: Sequence[PresentCorrection]
) -> tuple[RecordedCorrection, ...]:
    """Decide what happened to changes whose answer was lost: the platform shows it.

    The value we meant is there: it took. Anything else: it did not, and the value known before
    stands, so that a difference from it shows as drift.
    """
    shown = {(one.object, one.condition_id): one for one in present}
    decided = []
    for row in recorded:
        there = shown.get((row.object, row.condition_id))
        value = there.percent if there else None
        if row.intended:
            took = value == row.intended_percent
            row = replace(
                row,
                percent=row.intended_percent if took else row.percent,
                correction_id=there.correction_id if there else None,
                intended=False,
                intended_percent=None,
            )
        decided.append(row)
    return tuple(decided)
