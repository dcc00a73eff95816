"""Ad groups of VK Ads as bids see them: what moves, from which base, for which segment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from bids.model import BidObject, CorrectionChange, Level
from connectors.base import Strategy
from connectors.errors import ContractBroken
from connectors.vk_wire import code_of

MAX_GOALS = "max_goals"
ONE_EACH = "VK needs one ad group per segment"
PRICE, BUDGETS = "max_price", ("budget_limit_day", "budget_limit")


@dataclass(frozen=True)
class Kept:
    """What we remember of a group: amounts as decimal texts, as on the wire."""

    condition: str
    lever: str
    base: str
    amount: str
    percent: int


def lever_of(group: Mapping[str, Any]) -> str:
    if group.get("autobidding_mode") != MAX_GOALS:
        return PRICE
    return next((name for name in BUDGETS if amount_of(group, name)), BUDGETS[0])


def amount_of(group: Mapping[str, Any], lever: str) -> Decimal:
    """0 where there is none; a negative budget means none as well (UNVERIFIED)."""
    return max(decimal_of(group.get(lever)), Decimal(0))


def decimal_of(value: object) -> Decimal:
    """Money comes as texts, and as numbers in places."""
    if value is None:
        return Decimal(0)
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ContractBroken("ad_groups: an amount is not a number.") from None


def to_step(amount: Decimal, step: Decimal) -> Decimal:
    """The nearest multiple, at least one step."""
    steps = max((amount / step).quantize(Decimal(1), ROUND_HALF_UP), Decimal(1))
    return steps * step


def percent_of(group: Mapping[str, Any], kept: Kept) -> int | None:
    """Per cent of the base; None at the base itself, unless that is what we set."""
    amount, base = amount_of(group, kept.lever), Decimal(kept.base)
    if amount == Decimal(kept.amount):
        return kept.percent
    if amount == base:
        return None
    return int((100 * amount / base - 100).quantize(Decimal(1), ROUND_HALF_UP))


def targets_of(group: Mapping[str, Any]) -> list[str]:
    targetings = group.get("targetings")
    segments = targetings.get("segments") if isinstance(targetings, dict) else None
    return [str(one) for one in segments or ()]


def belongs(group: Mapping[str, Any], where: BidObject) -> bool:
    key = "id" if where.level is Level.AD_GROUP else "ad_plan_id"
    return str(group.get(key)) == where.object_id


def group_for(
    change: CorrectionChange, groups: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Any] | str:
    """The ad group a change is about, or why there is none."""
    where, condition = change.object, change.condition_id
    inside = [group for group in groups.values() if belongs(group, where)]
    if where.level is Level.AD_GROUP:
        return inside[0] if inside else "the ad group is not in the account"
    if change.correction_id is not None:
        inside = [group for group in inside if str(group["id"]) == change.correction_id]
        return inside[0] if inside else "the ad group is not in the ad plan any more"
    fitting = [group for group in inside if targets_of(group) == [condition]]
    if len(fitting) > 1:
        return (
            f"{len(fitting)} ad groups of the ad plan target segment {condition}: name the one "
            "that is meant under ad_groups"
        )
    none = f"no ad group of the ad plan targets segment {condition} alone: {ONE_EACH}"
    return fitting[0] if fitting else none


def strategy_of(where: BidObject, groups: Sequence[Mapping[str, Any]]) -> Strategy:
    """How all of the groups bid; 'mixed' where they differ."""
    found = {(code_of(one.get("autobidding_mode") or "fixed"), lever_of(one)) for one in groups}
    if len(found) != 1:
        return Strategy(where, "mixed" if found else "", "unknown")
    ((mode, lever),) = found
    return Strategy(where, f"{mode}, {lever}", "bid" if lever == PRICE else "unknown")
