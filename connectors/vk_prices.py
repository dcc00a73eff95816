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
from dataclasses import asdict
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar

from bids.model import BidObject, CorrectionChange, CorrectionReceipt, Level, PresentCorrection
from connectors.base import BidLimits, CorrectsBids, Strategy
from connectors.chunks import chunks
from connectors.errors import ConnectorError, ContractBroken, ListGone, Unsure
from connectors.facts import facts_of
from connectors.http import Ask, Effect
from connectors.vk_groups import (
    ONE_EACH,
    PRICE,
    Kept,
    amount_of,
    belongs,
    decimal_of,
    group_for,
    lever_of,
    percent_of,
    strategy_of,
    targets_of,
    to_step,
)
from connectors.vk_wire import PAGE, Invalid, VkDoor, code_of, items_of

GROUPS = "api/v2/ad_groups.json"
GROUP = "api/v2/ad_groups/{id}.json"
SEGMENTS = "api/v2/remarketing/segments.json"
CURRENCIES = "api/v2/currencies.json"
FIELDS = "id,ad_plan_id,status,max_price,budget_limit,budget_limit_day,autobidding_mode"
FIELDS += ",targetings,issues"
FILTERS = {Level.AD_GROUP: "_id__in", Level.CAMPAIGN: "_ad_plan_id__in"}
"""UNVERIFIED for ad plans, so what comes is looked through again."""

FACTS = facts_of("vk")
MOST_PRICE = Decimal(FACTS.whole("highest_price"))
PRICE_STEP = Decimal(str(FACTS.number("price_step")))
BUDGET_STEP = Decimal(FACTS.whole("budget_step"))
"""Where currencies.json names no step. UNVERIFIED: the shape of its items."""


class VkPrices(VkDoor, CorrectsBids):
    """Absolute prices and budgets of ad groups, in per cent of a recorded base."""

    bid_limits: ClassVar[BidLimits] = FACTS.bid_limits(levels=frozenset(Level))

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
                if number not in kept or not belongs(group, one):
                    continue
                condition, percent = kept[number].condition, percent_of(group, kept[number])
                if percent is not None and targets_of(group) == [condition]:
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
            strategy_of(one, [group for group in groups if belongs(group, one)]) for one in objects
        )

    # What follows knows the wire.

    def _write(
        self, change: CorrectionChange, groups: Mapping[str, Mapping[str, Any]]
    ) -> CorrectionReceipt:
        group = group_for(change, groups)
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
        if targets_of(group) != [change.condition_id]:
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
        lever = kept.lever if kept else lever_of(group)
        base = Decimal(kept.base) if kept else amount_of(group, lever)
        if not base:
            return f"the ad group has no {lever} that could be corrected"
        step = PRICE_STEP if lever == PRICE else self._budget_step
        factor = 1 + Decimal(change.percent or 0) / 100
        amount = to_step(base * factor, step)
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
            for some in chunks(numbers, PAGE):
                for group in self._all(GROUPS, {"fields": FIELDS, name: ",".join(some)}):
                    if group.get("status") != "deleted":
                        found[str(group["id"])] = group
        return found

    @cached_property
    def _budget_step(self) -> Decimal:
        """The coarsest there is: right for every currency of which it is a multiple."""
        ask = Ask("GET", CURRENCIES)
        steps = [
            decimal_of(one.get("budget_limit_step")) for one in items_of(ask, self._door.send(ask))
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


def _refused(change: CorrectionChange, said: str) -> CorrectionReceipt:
    return CorrectionReceipt(change, change.correction_id, refused=said)


def _certainty(fault: ConnectorError) -> str:
    return "nobody knows whether it was done" if isinstance(fault, Unsure) else "not done"
