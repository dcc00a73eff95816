"""Platforms without corrections: one ad group per segment, its price or budget moved instead.

The amount is always worked out from the recorded base, never from the last one: such a platform
keeps only the last value, so repeated factors would drift (vk.md 6, tiktok.md 5, meta.md 5.3).
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from bids.corrections import Refused
from bids.model import Action, BidObject


class Lever(StrEnum):
    """What of an ad group is moved."""

    PRICE = "price"
    BUDGET = "budget"


@dataclass(frozen=True)
class SegmentGroup:
    """The ad group that shows ads to one segment alone. Amounts in the account's currency.

    base: what a person had set before us, as recorded. last: what we set last, None for nothing.
    present: what the platform shows. step: smallest difference the platform takes.
    """

    object: BidObject
    segment: str
    lever: Lever
    base: Decimal
    present: Decimal
    last: Decimal | None
    step: Decimal
    lowest: Decimal
    highest: Decimal


@dataclass(frozen=True)
class PlannedPrice:
    """From what to what, for one ad group."""

    group: SegmentGroup
    action: Action
    wanted: Decimal
    refused_by: tuple[Refused, ...] = ()
    reason: str = ""


def plan_price(
    group: SegmentGroup, percent: int, *, dead_band: int = 5, enforce: bool = False
) -> PlannedPrice:
    """Move the price or budget of a segment's ad group to base times the correction.

    percent: whole per cent against the base; -100 cannot be a price, the group must be paused
    instead. dead_band: points of the base under which nothing is sent. Amounts outside lowest and
    highest are refused, not bent: the base is what a person has to change.
    """
    exact = group.base * (100 + percent) / 100
    wanted = (exact / group.step).quantize(Decimal(1), ROUND_HALF_EVEN) * group.step
    known = group.base if group.last is None else group.last
    if group.present != known and not enforce:
        reason = f"stands at {group.present}, we know of {known}: changed by hand"
        return PlannedPrice(group, Action.DRIFT, wanted, reason=reason)
    if abs(wanted - group.present) * 100 < dead_band * group.base:
        return PlannedPrice(group, Action.KEEP, wanted)
    return PlannedPrice(group, Action.SET, wanted, refused_by=_bounds(group, wanted, percent))


def _bounds(group: SegmentGroup, wanted: Decimal, percent: int) -> tuple[Refused, ...]:
    if percent <= -100:
        text = f"{percent:+d} % is no {group.lever}: pause the ad group instead"
        return (Refused("range", text, approvable=False),)
    if not group.lowest <= wanted <= group.highest:
        text = f"{group.lever} {wanted} is outside {group.lowest}..{group.highest}"
        return (Refused("range", text, approvable=False),)
    return ()
