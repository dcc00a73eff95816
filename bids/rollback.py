"""Plans back: to an earlier recorded state, or to nothing of ours at all.

They need the ledger's rows and the read-back alone: no segment, no rule file.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from bids.corrections import BidPlan, PlannedCorrection, RecordedCorrection, make_plan
from bids.model import Action, PresentCorrection


def return_to(
    recorded: Iterable[RecordedCorrection],
    present: Sequence[PresentCorrection],
    goal_of: Callable[[RecordedCorrection], int | None],
    reason: str,
) -> BidPlan:
    shown = {(one.object, one.condition_id): one for one in present}
    rows = []
    for one in recorded:
        there = shown.get(one.key)
        goal = goal_of(one)
        now_percent = there.percent if there else None
        if now_percent is None and goal is None:
            continue
        rows.append(
            PlannedCorrection(
                one.object,
                one.segment,
                _action(now_percent, goal, drifted=now_percent != one.percent),
                now_percent,
                goal,
                one.condition_id,
                there.correction_id if there else None,
                one.baseline,
                reason=reason,
            )
        )
    return make_plan(rows)


def _action(present: int | None, goal: int | None, *, drifted: bool) -> Action:
    if present == goal:
        return Action.KEEP
    if drifted:
        return Action.DRIFT
    if goal is None:
        return Action.REMOVE
    return Action.ADD if present is None else Action.SET


def over_hand(row: PlannedCorrection) -> PlannedCorrection:
    """Kill does not ask who changed a correction of ours; one that is gone stays gone."""
    if row.present is None:
        return replace(row, action=Action.KEEP, wanted=None)
    return replace(row, action=_action(row.present, row.wanted, drifted=False))
