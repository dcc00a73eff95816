"""Corrections are written in turn: what needs no request, then removals, settings, additions.

Removals go first on every platform: they make room where an object holds a limited number, and
let a campaign change the level at which it is corrected.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bids.model import CorrectionChange, CorrectionReceipt
from connectors.base import BidLimits
from connectors.chunks import chunks
from connectors.errors import ConnectorError

Sender = Callable[[Sequence[CorrectionChange]], Sequence[CorrectionReceipt]]


def refused(change: CorrectionChange, said: str) -> CorrectionReceipt:
    return CorrectionReceipt(change, change.correction_id, refused=said)


def anything(change: CorrectionChange) -> object:
    return None


def by_level(change: CorrectionChange) -> object:
    return change.object.level


def by_object(change: CorrectionChange) -> object:
    return change.object


@dataclass(frozen=True)
class Step:
    """One kind of request: who sends it, which changes share one, and how many fit."""

    send: Sender
    together: Callable[[CorrectionChange], object]
    per_call: Callable[[CorrectionChange], int]


def write_in_turn(
    changes: Sequence[CorrectionChange],
    limits: BidLimits,
    *,
    remove: Step,
    set_: Step,
    add: Step,
) -> tuple[CorrectionReceipt, ...]:
    """A receipt per change, in the order of `changes`.

    Once something was sent no receipt is lost: a failure then becomes the reason of the changes
    that were not sent. Before that it is raised.
    """
    receipts = _without_a_request(changes, limits)
    left = [place for place in range(len(changes)) if place not in receipts]
    failure: ConnectorError | None = None
    sent = False
    for step, some in _calls(changes, left, (remove, set_, add)):
        these = [changes[place] for place in some]
        try:
            if failure is None:
                receipts |= zip(some, step.send(these), strict=True)
                sent = True
                continue
        except ConnectorError as fault:
            if not sent:
                raise
            failure = fault
        receipts |= ((place, refused(changes[place], f"failed: {failure}")) for place in some)
    return tuple(receipts[place] for place in range(len(changes)))


def _without_a_request(
    changes: Sequence[CorrectionChange], limits: BidLimits
) -> dict[int, CorrectionReceipt]:
    """What is gone already is as wanted; what the platform cannot take is not sent."""
    found: dict[int, CorrectionReceipt] = {}
    said = f"a correction here is {limits.lowest} to {limits.highest} per cent"
    for place, change in enumerate(changes):
        if change.percent is None and change.correction_id is None:
            found[place] = CorrectionReceipt(change, None)
        elif change.percent is not None and not limits.lowest <= change.percent <= limits.highest:
            found[place] = refused(change, said)
    return found


def _calls(
    changes: Sequence[CorrectionChange], places: Sequence[int], steps: tuple[Step, Step, Step]
) -> Iterator[tuple[Step, Sequence[int]]]:
    for number, step in enumerate(steps):
        mine = [place for place in places if _step_of(changes[place]) == number]
        groups: dict[object, list[int]] = {}
        for place in mine:
            groups.setdefault(step.together(changes[place]), []).append(place)
        for some in groups.values():
            most = step.per_call(changes[some[0]])
            yield from ((step, chunk) for chunk in chunks(some, most))


def _step_of(change: CorrectionChange) -> int:
    if change.percent is None:
        return 0
    return 1 if change.correction_id is not None else 2
