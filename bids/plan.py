"""From present corrections to wanted ones: a frozen plan that can be read, approved, applied.

Wanted percentages are absolute against the neutral bid, so applying a plan twice changes once. What
the ledger did not set, or set differently, was set by a person: it is shown as drift and left
alone unless the rule says `enforce`. Guards hold a row back with numbers; whoever approves the
plan lets it pass where the guard may be passed at all.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase
from types import MappingProxyType

from bids.corrections import (
    AutomaticCorrection,
    BidPlan,
    BidsBy,
    PlannedCorrection,
    RecordedCorrection,
    Refused,
    TakesCorrections,
    make_plan,
    read_back,
)
from bids.guards import Facts, guards, hold_back_too_many, hold_back_twice_named, too_early
from bids.model import Action, BidObject, FoundObject, Level, PresentCorrection
from bids.overlap import possible_on
from config.bid_rules import BidRulesFile, Rule, Where

NO_CAP = (-100, 1200)
"""What any platform takes at most, in per cent."""


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


def caps_of(
    where: Sequence[Where], platforms: Mapping[str, str], found: Sequence[FoundObject] = ()
) -> dict[BidObject, tuple[int, int]]:
    """Lowest and highest correction by object, where its `where` has caps; the tightest of several.

    Raises KeyError for an account that `platforms` does not hold.
    """
    caps: dict[BidObject, tuple[int, int]] = {}
    for place in where:
        if place.lowest is None and place.highest is None:
            continue
        lowest = NO_CAP[0] if place.lowest is None else place.lowest
        highest = NO_CAP[1] if place.highest is None else place.highest
        for one in wanted_objects([place], platforms, found):
            low, high = caps.get(one, NO_CAP)
            caps[one] = max(low, lowest), min(high, highest)
    return caps


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
    switched_off: Collection[str] = (),
    caps: Mapping[BidObject, tuple[int, int]] = MappingProxyType({}),
) -> BidPlan:
    """Plan every rule on every object, and the removal of what no rule asks for any more.

    objects: from `wanted_objects`. limits: by account; one without is a platform that takes no
    corrections. present: every correction read from the objects, ours or not, those of `recorded`
    among them. conditions: by account and segment; a missing key means the list is not there or
    not ready, None that its condition is still to be made, which applying does. automatic: by
    account and segment; a rule without one asks for its prior. switched_off: accounts where the
    kill switch is on. caps: from `caps_of`. The clock enters through `now`.
    """
    facts = Facts(
        rules=rules,
        limits=limits,
        present={(one.object, one.condition_id): one for one in present},
        conditions=conditions,
        recorded={row.key: row for row in read_back(recorded, present)},
        automatic=automatic or {},
        strategies={one.object: one for one in strategies},
        switched_off=switched_off,
        caps=caps,
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
    return make_plan(hold_back_twice_named(hold_back_too_many(facts, rows)))


def _plan_rule(facts: Facts, target: BidObject, rule: Rule) -> PlannedCorrection:
    if target.account not in facts.limits:
        return PlannedCorrection(
            target, rule.segment, Action.WAIT, None, None, None, reason=possible_on(target.platform)
        )
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
    row = _within_caps(facts, row)
    if not ready:
        return replace(row, action=Action.WAIT, reason="its list is not there or not ready yet")
    return _decide(facts, row, rule, record)


def _known_condition(facts: Facts, target: BidObject, rule: Rule) -> str | None:
    """The condition of a correction of ours whose list is not ready at the moment."""
    return next(
        (
            record.condition_id
            for key, record in sorted(facts.recorded.items(), key=lambda item: item[0])
            if record.object == target and record.segment == rule.segment
        ),
        None,
    )


def _wanted(facts: Facts, target: BidObject, rule: Rule, there: PresentCorrection | None) -> int:
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


def _within_caps(facts: Facts, row: PlannedCorrection) -> PlannedCorrection:
    """The row inside the caps of its object, and why it is less than its rule asks for."""
    caps = facts.caps.get(row.object)
    if caps is None or row.wanted is None or caps[0] <= row.wanted <= caps[1]:
        return row
    held = min(max(row.wanted, caps[0]), caps[1])
    return replace(
        row, wanted=held, reason=f"held at {held:+d} % by its [[where]], asked {row.wanted:+d} %"
    )


def _one_step(goal: int, there: PresentCorrection | None, step: float) -> int:
    """The goal, or as near to it as one step of the factor goes; in whole per cent."""
    factor = 1 + (there.percent if there else 0) / 100
    if factor == 0:
        return goal
    return round(100 * min(max(1 + goal / 100, factor / step), factor * step) - 100)


def _inputs(
    facts: Facts, account: tuple[str, str], rule: Rule
) -> tuple[tuple[str, float | str], ...]:
    asked = facts.automatic.get(account) if rule.automatic else None
    if asked is None:
        return ()
    figures = {**asked.inputs, "clicks": float(asked.clicks), "conversions": asked.conversions}
    return tuple(sorted(figures.items()))


def _decide(
    facts: Facts, row: PlannedCorrection, rule: Rule, record: RecordedCorrection | None
) -> PlannedCorrection:
    known = record.percent if record else None
    by_hand = row.present != known
    if by_hand and not rule.enforce:
        return replace(row, action=Action.DRIFT, reason=_by_hand(row.present, record))
    if facts.is_off(row.object.account):
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
    held = too_early(facts, rule, record) if not by_hand else ""
    if held and rule.automatic:
        return replace(row, action=Action.WAIT, reason=held)
    refused = guards(facts, row)
    if held:
        refused = (*refused, Refused("cooldown", held))
    asked = facts.automatic.get((row.object.account, row.segment)) if rule.automatic else None
    if asked is not None and asked.refused:
        refused = (*refused, Refused("spend", asked.refused))
    return replace(row, action=action, refused_by=refused)


def _by_hand(present: int | None, record: RecordedCorrection | None) -> str:
    """Who last set what, as far as we know."""
    shown = "no correction" if present is None else f"{present:+d} %"
    if record is None or record.percent is None:
        return f"{shown} stands there and was not set by this project"
    return (
        f"set by us to {record.percent:+d} % on {record.set_at:%Y-%m-%d} (plan {record.plan[:8]}), "
        f"changed since by hand to {shown}"
    )


def _plan_removal(facts: Facts, record: RecordedCorrection) -> list[PlannedCorrection]:
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
        return [replace(row, action=Action.DRIFT, reason=_by_hand(there.percent, record))]
    if facts.is_off(record.object.account) or there.percent == record.baseline:
        return []
    return [row]
