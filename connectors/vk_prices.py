"""Corrections in VK Ads: no bid modifier exists, so one ad group per segment and its own price.

A correction of p per cent is the absolute amount base x (1 + p/100). The base is what stood there
before our first correction; it is kept in the project's state folder, because VK keeps the last
value only and factors upon factors would drift. Its lever is `max_price`; under `max_goals`, where
that only moves a ceiling, the budget.

A correction of an ad plan for a segment lands on the ad group of that plan which targets the
segment and nothing else; an ad group named by itself is corrected for the segment it targets.

Facts: VK Ads API documentation, AdGroup, AdGroups, Currencies (2026-06).
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cached_property
from typing import Any, ClassVar

from bids.model import BidObject, CorrectionChange, CorrectionReceipt, Level, PresentCorrection
from connectors.base import BidLimits, CorrectsBids, Strategy
from connectors.errors import ConnectorError, ContractBroken, ListGone, Unsure
from connectors.http import Ask, Effect
from connectors.vk_wire import Invalid, VkDoor, chunks, code_of, items_of

GROUPS = "api/v2/ad_groups.json"
GROUP = "api/v2/ad_groups/{id}.json"
SEGMENTS = "api/v2/remarketing/segments.json"
CURRENCIES = "api/v2/currencies.json"
FIELDS = "id,ad_plan_id,status,max_price,budget_limit,budget_limit_day,autobidding_mode"
FIELDS += ",targetings,issues"
OBJECTS_PER_GET = 50
FILTERS = {Level.AD_GROUP: "_id__in", Level.CAMPAIGN: "_ad_plan_id__in"}
"""UNVERIFIED for ad plans, so what comes is looked through again."""

MOST_PRICE = Decimal(21_474_836)
PRICE_STEP = Decimal("0.01")
BUDGET_STEP = Decimal(1)
"""Where currencies.json names no step. UNVERIFIED: the shape of its items."""
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


class VkPrices(VkDoor, CorrectsBids):
    """Absolute prices and budgets of ad groups, in per cent of a recorded base."""

    bid_limits: ClassVar[BidLimits] = BidLimits(
        source="ads.vk.com/en/doc/api, AdGroup (2026-06); the bounds in per cent are ours",
        lowest=-90,
        highest=300,
        levels=frozenset(Level),
        per_object=1000,
    )

    @abstractmethod
    def check(self) -> None: ...

    def condition_for(self, list_id: str, title: str) -> str:
        """The segment itself. Which ad group targets it is the marketer's to say, in VK Ads."""
        if self.find_condition(list_id, title) is None:
            raise ListGone(f"segment {list_id} is not in the account any more.")
        return list_id

    def find_condition(self, list_id: str, title: str) -> str | None:
        ask = Ask("GET", SEGMENTS, query={"_id": list_id, "limit": 1})
        found = items_of(ask, self._door.send(ask))
        return list_id if any(str(one.get("id")) == list_id for one in found) else None

    def read_corrections(self, objects: Sequence[BidObject]) -> tuple[PresentCorrection, ...]:
        """Of groups whose base we recorded: without it a price says nothing in per cent.

        A price that is neither the base nor what we set last was set by hand and shows as the
        nearest whole per cent. A group that was pointed at other segments shows none.
        """
        kept = self._recorded()
        groups = self._groups(objects) if kept else {}
        found: dict[tuple[BidObject, str], PresentCorrection] = {}
        for one in objects:
            for number, group in groups.items():
                if number not in kept or not _belongs(group, one):
                    continue
                condition, percent = kept[number].condition, _percent(group, kept[number])
                if percent is not None and _targets(group) == [condition]:
                    present = PresentCorrection(one, condition, number, percent)
                    found.setdefault((one, condition), present)
        return tuple(found.values())

    def write_corrections(
        self, changes: Sequence[CorrectionChange]
    ) -> tuple[CorrectionReceipt, ...]:
        """One request per group.

        Once something was sent no receipt is lost: a failure then becomes the reason of the
        changes that were not sent. Before that it is raised.
        """
        groups = self._groups([change.object for change in changes])
        receipts: list[CorrectionReceipt] = []
        failure: ConnectorError | None = None
        sent = False
        for change in changes:
            if failure is not None:
                receipts.append(_refused(change, f"not done: {failure}"))
                continue
            try:
                receipts.append(self._write(change, groups))
                sent = sent or not receipts[-1].refused
            except ConnectorError as fault:
                if not sent:
                    raise
                failure = fault
                receipts.append(_refused(change, f"{_certainty(fault)}: {fault}"))
        return tuple(receipts)

    def strategies(self, objects: Sequence[BidObject]) -> tuple[Strategy, ...]:
        """A budget moves how much is bought, not the bid: what it acts on is left 'unknown'."""
        groups = self._groups(objects).values()
        return tuple(
            _strategy(one, [group for group in groups if _belongs(group, one)]) for one in objects
        )

    # What follows knows the wire.

    def _write(
        self, change: CorrectionChange, groups: Mapping[str, Mapping[str, Any]]
    ) -> CorrectionReceipt:
        group = _group_for(change, groups)
        with self._alone():
            if change.percent is None:
                return self._restore(change, None if isinstance(group, str) else group)
            if isinstance(group, str):
                return _refused(change, group)
            kept = self._recorded().get(str(group["id"]))
            wanted = self._objection(change, group, kept) or self._wanted(change, group, kept)
            if isinstance(wanted, str):
                return _refused(change, wanted)
            self._remember(str(group["id"]), wanted)
            return self._send(change, wanted.lever, wanted.amount, group)

    def _objection(
        self, change: CorrectionChange, group: Mapping[str, Any], kept: Kept | None
    ) -> str:
        limits = self.bid_limits
        if change.percent is not None and not limits.lowest <= change.percent <= limits.highest:
            return f"corrections here go from {limits.lowest} to {limits.highest} %"
        if _targets(group) != [change.condition_id]:
            return f"the ad group does not target segment {change.condition_id} alone: {ONE_EACH}"
        if self._kept is None:
            return "there is no state folder to keep the group's base price in"
        if kept is None and change.correction_id is not None:
            return "the base price of this correction is not recorded here; set the price by hand"
        return ""

    def _wanted(
        self, change: CorrectionChange, group: Mapping[str, Any], kept: Kept | None
    ) -> Kept | str:
        """The amount to set, or why there is none.

        A group that was pointed at another segment keeps its base.
        """
        lever = kept.lever if kept else _lever(group)
        base = Decimal(kept.base) if kept else _amount(group, lever)
        if not base:
            return f"the ad group has no {lever} that could be corrected"
        step = PRICE_STEP if lever == PRICE else self._budget_step
        factor = 1 + Decimal(change.percent or 0) / 100
        amount = _to_step(base * factor, step)
        if lever == PRICE and amount > MOST_PRICE:
            return f"{lever} {amount} is more than VK takes ({MOST_PRICE})"
        percent = int(change.percent or 0)
        return Kept(change.condition_id, lever, str(base), str(amount), percent)

    def _restore(
        self, change: CorrectionChange, group: Mapping[str, Any] | None
    ) -> CorrectionReceipt:
        """Back to the base. What is gone, or was never set, is as wanted."""
        number = change.correction_id if group is None else str(group["id"])
        kept = self._recorded().get(number or "")
        if kept is None or number is None or kept.condition != change.condition_id:
            return CorrectionReceipt(change, None)
        if group is not None:
            receipt = self._send(change, kept.lever, kept.base, group)
            if receipt.refused:
                return receipt
        self._remember(number, None)
        return CorrectionReceipt(change, None)

    def _send(
        self, change: CorrectionChange, lever: str, amount: str, group: Mapping[str, Any]
    ) -> CorrectionReceipt:
        ask = Ask(
            "POST",
            GROUP,
            gaps={"id": int(group["id"])},
            json={lever: amount},
            effect=Effect.SAME,
            is_json=False,
        )
        try:
            self._door.send(ask)
        except (Invalid, ListGone) as fault:
            return _refused(change, str(fault))
        issues = sorted(
            code_of(one.get("code")) for one in group.get("issues") or () if isinstance(one, dict)
        )
        number = None if change.percent is None else str(group["id"])
        return CorrectionReceipt(change, number, warning=", ".join(issues))

    def _groups(self, objects: Iterable[BidObject]) -> dict[str, dict[str, Any]]:
        """The ad groups that are these objects, or of these ad plans."""
        found: dict[str, dict[str, Any]] = {}
        wanted = sorted(set(objects))
        for level, name in FILTERS.items():
            numbers = [one.object_id for one in wanted if one.level is level]
            for some in chunks(numbers, OBJECTS_PER_GET):
                for group in self._all(GROUPS, {"fields": FIELDS, name: ",".join(some)}):
                    if group.get("status") != "deleted":
                        found[str(group["id"])] = group
        return found

    @cached_property
    def _budget_step(self) -> Decimal:
        """The coarsest there is: right for every currency of which it is a multiple."""
        ask = Ask("GET", CURRENCIES)
        steps = [
            _decimal(one.get("budget_limit_step")) for one in items_of(ask, self._door.send(ask))
        ]
        return max((one for one in steps if one), default=BUDGET_STEP)

    # Memory

    def _alone(self) -> AbstractContextManager[None]:
        return nullcontext() if self._kept is None else self._kept.held()

    def _recorded(self) -> dict[str, Kept]:
        kept = {} if self._kept is None else self._kept.read()
        try:
            return {number: Kept(**one) for number, one in kept.items()}
        except TypeError:
            raise ContractBroken("the recorded prices in the state folder are not ours.") from None

    def _remember(self, group: str, kept: Kept | None) -> None:
        """Before a price is sent: after a crash the base must not be lost."""
        if self._kept is None:
            return
        now = self._kept.read()
        now.pop(group, None)
        self._kept.write(now if kept is None else {**now, group: asdict(kept)})


def _lever(group: Mapping[str, Any]) -> str:
    if group.get("autobidding_mode") != MAX_GOALS:
        return PRICE
    return next((name for name in BUDGETS if _amount(group, name)), BUDGETS[0])


def _amount(group: Mapping[str, Any], lever: str) -> Decimal:
    """0 where there is none; a negative budget means none as well (UNVERIFIED)."""
    return max(_decimal(group.get(lever)), Decimal(0))


def _decimal(value: object) -> Decimal:
    """Money comes as texts, and as numbers in places."""
    if value is None:
        return Decimal(0)
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ContractBroken("ad_groups: an amount is not a number.") from None


def _to_step(amount: Decimal, step: Decimal) -> Decimal:
    """The nearest multiple, at least one step."""
    steps = max((amount / step).quantize(Decimal(1), ROUND_HALF_UP), Decimal(1))
    return steps * step


def _percent(group: Mapping[str, Any], kept: Kept) -> int | None:
    """Per cent of the base; None at the base itself, unless that is what we set."""
    amount, base = _amount(group, kept.lever), Decimal(kept.base)
    if amount == Decimal(kept.amount):
        return kept.percent
    if amount == base:
        return None
    return int((100 * amount / base - 100).quantize(Decimal(1), ROUND_HALF_UP))


def _targets(group: Mapping[str, Any]) -> list[str]:
    targetings = group.get("targetings")
    segments = targetings.get("segments") if isinstance(targetings, dict) else None
    return [str(one) for one in segments or ()]


def _belongs(group: Mapping[str, Any], where: BidObject) -> bool:
    key = "id" if where.level is Level.AD_GROUP else "ad_plan_id"
    return str(group.get(key)) == where.object_id


def _group_for(
    change: CorrectionChange, groups: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Any] | str:
    """The ad group a change is about, or why there is none."""
    where, condition = change.object, change.condition_id
    inside = [group for group in groups.values() if _belongs(group, where)]
    if where.level is Level.AD_GROUP:
        return inside[0] if inside else "the ad group is not in the account"
    if change.correction_id is not None:
        inside = [group for group in inside if str(group["id"]) == change.correction_id]
        return inside[0] if inside else "the ad group is not in the ad plan any more"
    fitting = [group for group in inside if _targets(group) == [condition]]
    if len(fitting) > 1:
        return (
            f"{len(fitting)} ad groups of the ad plan target segment {condition}: name the one "
            "that is meant under ad_groups"
        )
    none = f"no ad group of the ad plan targets segment {condition} alone: {ONE_EACH}"
    return fitting[0] if fitting else none


def _strategy(where: BidObject, groups: Sequence[Mapping[str, Any]]) -> Strategy:
    """How all of the groups bid; 'mixed' where they differ."""
    found = {(code_of(one.get("autobidding_mode") or "fixed"), _lever(one)) for one in groups}
    if len(found) != 1:
        return Strategy(where, "mixed" if found else "", "unknown")
    ((mode, lever),) = found
    return Strategy(where, f"{mode}, {lever}", "bid" if lever == PRICE else "unknown")


def _refused(change: CorrectionChange, said: str) -> CorrectionReceipt:
    return CorrectionReceipt(change, change.correction_id, refused=said)


def _certainty(fault: ConnectorError) -> str:
    return "nobody knows whether it was done" if isinstance(fault, Unsure) else "not done"
