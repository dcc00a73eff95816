"""What is to be done to lists, frozen: counts, reasons, and a file with the rows.

A plan's fingerprint is SHA-256 over its sorted rows and over the state of the ledger that it was
made on. The same state gives the same fingerprint and the same bytes; what was approved under a
fingerprint is what is applied under it.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import TypeAdapter

from audiences.difference import Step
from audiences.model import AudienceRef
from audiences.sealing import Seal
from audiences.snapshots import fingerprint_of, private_folder


class StalePlan(Exception):
    """The plan was made on another state than the present one, or its files were changed."""


@dataclass(frozen=True)
class Counts:
    """People, or rows where a person is known with several sets of digests.

    `before`: in the list as far as we know, the unsure included. `after`: wanted. `remove` includes
    `withdrawn`, not the old halves of `change`. `again`: sent once more because an answer never
    came or because a removed person shares a digest; part of neither `add` nor `keep`. `refused`:
    wanted, but the platform refused them for good.
    """

    before: int = 0
    after: int = 0
    add: int = 0
    remove: int = 0
    withdrawn: int = 0
    change: int = 0
    renew: int = 0
    again: int = 0
    keep: int = 0
    refused: int = 0

    @property
    def removed_share(self) -> float:
        """Share of the list that leaves for another reason than withdrawn consent."""
        return (self.remove - self.withdrawn) / self.before if self.before else 0.0


@dataclass(frozen=True)
class Refused:
    """A guard's no. `code` for machines, `text` for people, `figures` behind both."""

    code: str
    text: str
    figures: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Waiting:
    """A step that is due but not sent now because of a platform's limit; it comes by itself."""

    step: Step
    people: int
    text: str


@dataclass(frozen=True)
class ListPlan:
    """What is to be done to one list. `rows` is the file's name in the plan's folder."""

    audience: AudienceRef
    base: str
    """State of the ledger it was made on."""
    counts: Counts
    steps: tuple[tuple[Step, int], ...]
    """Steps with something to do, and how many rows each sends."""
    rows: str
    rows_fingerprint: str
    waiting: tuple[Waiting, ...] = ()
    notes: tuple[str, ...] = ()
    refused_by: tuple[Refused, ...] = ()
    old_title: str = ""
    """What the list is called on the platform where the rules call it otherwise now."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over what is to be done, to which list, from which state, and what is refused.

        The codes of guards are in it, so an approval is for the reasons that a person was shown.
        """
        ref = self.audience
        held = sorted(wait.step.value for wait in self.waiting)
        refused = sorted({one.code for one in self.refused_by})
        return _sha256(
            [
                ref.account,
                ref.platform,
                ref.audience,
                ref.purpose.value,
                ref.title,
                self.base,
                self.rows_fingerprint,
                held,
                *([self.old_title] if self.old_title else []),
                *([refused] if refused else []),
            ]
        )

    def may_rename(self, *, approved: bool = False) -> bool:
        """Whether the list is given its new title now."""
        return bool(self.old_title) and (approved or not self.refused_by)

    def to_send(self, *, approved: bool = False) -> frozenset[Step]:
        """The steps that may be sent now: withdrawals always, the rest unless guards refused it."""
        waiting = {wait.step for wait in self.waiting}
        may = {step for step, _ in self.steps} - waiting
        if self.refused_by and not approved:
            may &= {Step.WITHDRAW}
        return frozenset(may)


@dataclass(frozen=True)
class AudiencePlan:
    """The plans of all lists, under one fingerprint."""

    as_of: date
    lists: tuple[ListPlan, ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the fingerprints of the lists, in their order."""
        return _sha256([one.fingerprint for one in self.lists])

    @property
    def refused(self) -> tuple[ListPlan, ...]:
        """The lists that guards refused."""
        return tuple(one for one in self.lists if one.refused_by)

    @property
    def is_empty(self) -> bool:
        """True if nothing would be sent even with approval."""
        return not any(one.to_send(approved=True) or one.old_title for one in self.lists)


def rows_name(ref: AudienceRef) -> str:
    """Name of the file with the rows of one list."""
    return f"{ref.account}.{ref.audience}.parquet"


def plans_folder(state: Path) -> Path:
    """Where plans are kept in the state folder."""
    return state / "plans"


def plan_folder(state: Path, fingerprint: str) -> Path:
    """Where the plan with this fingerprint is kept."""
    return plans_folder(state) / fingerprint


_CODEC = TypeAdapter(AudiencePlan)


def save_plan(plan: AudiencePlan, folder: Path) -> None:
    """Write plan.json into `folder`, mode 0600, in one step."""
    text = json.dumps(_CODEC.dump_python(plan, mode="json"), ensure_ascii=False, indent=1)
    private_folder(folder)
    with NamedTemporaryFile(
        "w", dir=folder, suffix=".part", delete=False, encoding="utf-8"
    ) as target:
        target.write(text + "\n")
        target.flush()
        os.fsync(target.fileno())
    Path(target.name).replace(folder / "plan.json")


def load_plan(state: Path, fingerprint: str, seal: Seal | None = None) -> AudiencePlan:
    """The saved plan with this fingerprint.

    Raises StalePlan if there is none, or if its files are not what the fingerprint says.
    """
    folder = plan_folder(state, fingerprint)
    if not (folder / "plan.json").is_file():
        raise StalePlan(f"no plan {fingerprint[:12]} is kept: plan again")
    plan = _CODEC.validate_json((folder / "plan.json").read_bytes())
    if plan.fingerprint != fingerprint:
        raise StalePlan(f"plan {fingerprint[:12]} was changed after it was made: plan again")
    for one in plan.lists:
        if fingerprint_of(folder / one.rows, seal) != one.rows_fingerprint:
            raise StalePlan(
                f"{one.audience}: the rows of plan {fingerprint[:12]} were changed after it was "
                "made: plan again"
            )
    return plan


def _sha256(content: object) -> str:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
