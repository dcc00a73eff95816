"""From present corrections to wanted ones: a frozen plan that can be read, approved, applied.

Wanted percentages are absolute against the neutral bid, so applying a plan twice changes once. What
the ledger did not set, or set differently, was set by a person: it is shown as drift and left
alone unless the rule says `enforce`. Guards hold a row back with numbers; whoever approves the
plan lets it pass where the guard may be passed at all.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Protocol

from bids.model import Action, BidObject, Level, PresentCorrection
from config.bid_rules import BidRulesFile, Rule, Where

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


@dataclass(frozen=True)
class FoundObject:
    """A campaign or ad group as the platform lists it, for name patterns and labels."""

    object: BidObject
    name: str
    labels: tuple[str, ...] = ()


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
        """The rows as JSON with sorted keys and no spaces: what the fingerprint is taken of."""
        rows = [row.as_json() for row in self.corrections]
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


def wanted_objects(
    where: Sequence[Where], platforms: Mapping[str, str], found: Sequence[FoundObject] = ()
) -> tuple[BidObject, ...]:
    """The objects that `where` names, by id, by name pattern and by label; sorted, each once.

    `platforms` maps account to platform. Raises KeyError for an account it does not hold.
    """
    objects: set[BidObject] = set()
    for place in where:
        for level, ids in ((Level.CAMPAIGN, place.campaigns), (Level.AD_GROUP, place.ad_groups)):
            objects |= {
                BidObject(place.account, platforms[place.account], level, str(number))
                for number in ids
            }
        objects |= {one.object for one in found if _matches(place, one)}
    return tuple(sorted(objects))


def _matches(place: Where, one: FoundObject) -> bool:
    if not (place.name_like or place.label):
        return False
    if (one.object.account, str(one.object.level)) != (place.account, place.level):
        return False
    named = place.name_like is None or fnmatchcase(one.name.lower(), place.name_like.lower())
    return named and (place.label is None or place.label in one.labels)


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


def plan_bids(
    rules: BidRulesFile,
    *,
    objects: Sequence[BidObject],
    limits: Mapping[str, TakesCorrections],
    present: Sequence[PresentCorrection],
    conditions: Mapping[tuple[str, str], str | None],
    recorded: Sequence[RecordedCorrection],
    now: datetime,
    automatic: Mapping[tuple[str, str], AutomaticCorrection] | None = None,
    strategies: Sequence[BidsBy] = (),
) -> BidPlan:
    """Plan every rule on every object, and the removal of what no rule asks for any more.

    objects: from `wanted_objects`. limits: by account. present: every correction read from the
    objects, ours or not, those of `recorded` among them. conditions: by account and segment; a
    missing key means the list is not there or not ready, None that its condition is still to be
    made, which applying does. automatic: by account and segment; a rule without one asks for its
    prior. The clock enters through `now`.
    """
    facts = _Facts(
        rules=rules,
        limits=limits,
        present={(one.object, one.condition_id): one for one in present},
        conditions=conditions,
        recorded={row.key: row for row in read_back(recorded, present)},
        automatic=automatic or {},
        strategies={one.object: one for one in strategies},
        now=now,
    )
    rows: list[PlannedCorrection] = []
    asked: set[tuple[BidObject, str | None]] = set()
    for target in sorted(set(objects)):
        for rule in rules.rule:
            if not rule.accounts or target.account in rule.accounts:
                row = _plan_rule(facts, target, rule)
                rows.append(row)
                asked.add((target, row.condition_id))
    for key, record in sorted(facts.recorded.items(), key=lambda item: item[0]):
        if key not in asked:
            rows.extend(_plan_removal(facts, record))
    return make_plan(_hold_back_too_many(facts, rows))


@dataclass(frozen=True)
class _Facts:
    """Everything one plan is made from, indexed."""

    rules: BidRulesFile
    limits: Mapping[str, TakesCorrections]
    present: Mapping[tuple[BidObject, str], PresentCorrection]
    conditions: Mapping[tuple[str, str], str | None]
    recorded: Mapping[tuple[BidObject, str], RecordedCorrection]
    automatic: Mapping[tuple[str, str], AutomaticCorrection]
    strategies: Mapping[BidObject, BidsBy]
    now: datetime


def _plan_rule(facts: _Facts, target: BidObject, rule: Rule) -> PlannedCorrection:
    account = (target.account, rule.segment)
    ready = account in facts.conditions
    condition = facts.conditions[account] if ready else _known_condition(facts, target, rule)
    there = facts.present.get((target, condition)) if condition else None
    record = facts.recorded.get((target, condition)) if condition else None
    known = record is not None and record.percent is not None
    row = PlannedCorrection(
        target,
        rule.segment,
        Action.KEEP,
        there.percent if there else None,
        _wanted(facts, target, rule, there),
        condition,
        there.correction_id if there else None,
        record.baseline if record and known else there.percent if there else None,
        inputs=_inputs(facts, account, rule),
    )
    if not ready:
        return replace(row, action=Action.WAIT, reason="its list is not there or not ready yet")
    return _decide(facts, row, rule, record)


def _known_condition(facts: _Facts, target: BidObject, rule: Rule) -> str | None:
    """The condition of a correction of ours whose list is not ready at the moment."""
    return next(
        (
            record.condition_id
            for key, record in sorted(facts.recorded.items(), key=lambda item: item[0])
            if record.object == target and record.segment == rule.segment
        ),
        None,
    )


def _wanted(facts: _Facts, target: BidObject, rule: Rule, there: PresentCorrection | None) -> int:
    """The correction a rule asks for: absolute, in whole per cent against neutral."""
    if isinstance(rule.correction, int):
        return rule.correction
    asked = facts.automatic.get((target.account, rule.segment))
    if asked is not None:
        amount = asked.percent
    else:
        amount = _one_step(rule.prior, there, rule.step or facts.rules.limits.step)
    lowest, highest = rule.caps(facts.rules.limits)
    taken = facts.limits[target.account]
    return min(max(amount, lowest, taken.lowest), highest, taken.highest)


def _one_step(goal: int, there: PresentCorrection | None, step: float) -> int:
    """The goal, or as near to it as one step of the factor goes; in whole per cent."""
    factor = 1 + (there.percent if there else 0) / 100
    if factor == 0:
        return goal
    return round(100 * min(max(1 + goal / 100, factor / step), factor * step) - 100)


def _inputs(
    facts: _Facts, account: tuple[str, str], rule: Rule
) -> tuple[tuple[str, float | str], ...]:
    asked = facts.automatic.get(account) if rule.automatic else None
    if asked is None:
        return ()
    figures = {**asked.inputs, "clicks": asked.clicks, "conversions": asked.conversions}
    return tuple(sorted(figures.items()))


def _decide(
    facts: _Facts, row: PlannedCorrection, rule: Rule, record: RecordedCorrection | None
) -> PlannedCorrection:
    known = record.percent if record else None
    by_hand = row.present != known
    if by_hand and not rule.enforce:
        return replace(row, action=Action.DRIFT, reason=_by_hand(row.present, known))
    if not facts.rules.enabled:
        return replace(row, wanted=row.present, reason="bid rules are switched off")
    assert row.wanted is not None  # noqa: S101  a rule always asks for an amount
    moved = abs(row.wanted - (row.present or 0))
    if moved == 0:
        return row
    if moved < facts.rules.limits.dead_band:
        return replace(
            row, reason=f"{moved} points is inside the dead band of {facts.rules.limits.dead_band}"
        )
    action = Action.ADD if row.present is None else Action.SET
    held = _waits(facts, rule, record) if not by_hand else ""
    if held and rule.automatic:
        return replace(row, action=Action.WAIT, reason=held)
    guards = _guards(facts, row)
    if held:
        guards = (*guards, Refused("cooldown", held))
    return replace(row, action=action, refused_by=guards)


def _by_hand(present: int | None, known: int | None) -> str:
    shown = "no correction" if present is None else f"{present:+d} %"
    if known is None:
        return f"{shown} stands there and was not set by this project"
    return f"set by us to {known:+d} %, changed since by hand to {shown}"


def _waits(facts: _Facts, rule: Rule, record: RecordedCorrection | None) -> str:
    """Why it is too early for another change; empty when it is not."""
    if record is None:
        return ""
    limits = facts.rules.limits
    days = limits.cooldown_days if rule.cooldown_days is None else rule.cooldown_days
    if record.percent is not None and facts.now - record.set_at < timedelta(days=days):
        return f"changed {(facts.now - record.set_at).days} days ago, cooldown is {days} days"
    asked = facts.automatic.get((record.object.account, record.segment))
    if rule.automatic and record.percent is not None:
        clicks, conversions = (asked.clicks, asked.conversions) if asked else (0, 0.0)
        if clicks < limits.min_clicks and conversions < limits.min_conversions:
            return (
                f"{conversions:g} conversions and {clicks} clicks since the last change; "
                f"needs {limits.min_conversions} or {limits.min_clicks}"
            )
    return ""


def _guards(facts: _Facts, row: PlannedCorrection) -> tuple[Refused, ...]:
    taken = facts.limits[row.object.account]
    guards = []
    if row.object.level not in taken.levels:
        levels = ", ".join(sorted(taken.levels))
        guards.append(
            Refused("level", f"{row.object.platform} takes it on {levels} only", approvable=False)
        )
    if row.wanted is not None and not taken.lowest <= row.wanted <= taken.highest:
        guards.append(
            Refused(
                "range",
                f"{row.wanted:+d} % is outside {taken.lowest:+d}..{taken.highest:+d} % "
                f"of {row.object.platform}",
                approvable=False,
            )
        )
    strategy = facts.strategies.get(row.object)
    if strategy is not None and strategy.acts_on == "ignored":
        guards.append(Refused("strategy", f"strategy {strategy.name} ignores corrections"))
    return tuple(guards)


def _plan_removal(facts: _Facts, record: RecordedCorrection) -> list[PlannedCorrection]:
    there = facts.present.get((record.object, record.condition_id))
    if there is None or record.percent is None:
        return []
    row = PlannedCorrection(
        record.object,
        record.segment,
        Action.REMOVE if record.baseline is None else Action.SET,
        there.percent,
        record.baseline,
        record.condition_id,
        there.correction_id,
        record.baseline,
        reason="no rule asks for it any more",
    )
    if there.percent != record.percent:
        return [replace(row, action=Action.DRIFT, reason=_by_hand(there.percent, record.percent))]
    if not facts.rules.enabled or there.percent == record.baseline:
        return []
    return [row]


def _hold_back_too_many(
    facts: _Facts, rows: Sequence[PlannedCorrection]
) -> list[PlannedCorrection]:
    """Refuse additions past what one object can hold, in the order of the rules."""
    held = Counter(one.object for one in facts.present.values())
    held.subtract(row.object for row in rows if row.action is Action.REMOVE)
    checked = []
    for row in rows:
        most = facts.limits[row.object.account].per_object
        if row.action is Action.ADD:
            held[row.object] += 1
            if held[row.object] > most:
                guard = Refused(
                    "per_object",
                    f"would be correction {held[row.object]} of {most} that the object can hold",
                    approvable=False,
                )
                row = replace(row, refused_by=(*row.refused_by, guard))
        checked.append(row)
    return checked
