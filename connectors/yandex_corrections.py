"""Direct's bid corrections for the people of Audience segments.

A correction names a retargeting list, and a retargeting list of ours names one Audience segment.
Facts: bidmodifiers and retargetinglists in Direct's WSDL and documents, and recorded exchanges, as
of September 2026. UNVERIFIED marks what they leave open.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from bids.model import BidObject, CorrectionChange, CorrectionReceipt, Level, PresentCorrection
from config.platforms import Account
from connectors.base import BidLimits, CorrectsBids
from connectors.chunks import chunks
from connectors.errors import ContractBroken, OperatorError, RuleRefused
from connectors.http import Effect, Surroundings
from connectors.in_turn import Step, anything, write_in_turn
from connectors.yandex_campaigns import YandexCampaigns
from connectors.yandex_direct_wire import (
    ACTS,
    ERRORS,
    FACTS,
    NOT_FOUND,
    WIRE,
    Wire,
    codes_of,
    texts_of,
)

ITEMS_PER_CALL = FACTS.whole("items_per_call")
TITLE_LENGTH = FACTS.whole("title_length")
VISIBLE_AFTER_SECONDS = 5.0
"""Yandex's own sandbox finds an object some seconds after it was made (error 8800 before)."""

NEUTRAL = 100
"""BidModifier is the coefficient in per cent: 70 lowers by 30 %."""


class YandexCorrections(YandexCampaigns, CorrectsBids):
    """Corrections of campaigns and groups, found by the retargeting list they name."""

    bid_limits: ClassVar[BidLimits] = FACTS.bid_limits(levels=frozenset(Level))

    def __init__(self, account: Account, around: Surroundings) -> None:
        super().__init__(account, around)
        self._just_made: set[str] = set()
        """Conditions that the next change may not find yet."""

    def condition_for(self, list_id: str, title: str) -> str:
        """Raises OperatorError while this login does not see the segment."""
        found = self._door.once(
            lambda: self.find_condition(list_id, title) or self._add_condition(list_id, title),
            lambda: self.find_condition(list_id, title),
        )
        seen = self._availability(found)
        if seen is None and found in self._just_made:
            self._door.sleep(VISIBLE_AFTER_SECONDS)
            seen = self._availability(found)
        if seen != "YES":
            raise OperatorError(
                f"Direct does not see Audience segment {list_id} (list {title!r}).",
                act="Wait until it is processed; if it is, share it with this Direct login.",
            )
        return found

    def find_condition(self, list_id: str, title: str) -> str | None:
        """A list with this title that names another segment is another one."""
        wanted = (title[:TITLE_LENGTH], [_rule_for(list_id)])
        params = {"FieldNames": ["Id", "Name", "Rules"]}
        for one in self._pages("retargetinglists", params, "RetargetingLists"):
            if (one.get("Name"), _plain_rules(one)) == wanted:
                return str(one["Id"])
        return None

    def read_corrections(self, objects: Sequence[BidObject]) -> tuple[PresentCorrection, ...]:
        return tuple(
            correction
            for level, wire in WIRE.items()
            for some in chunks([one for one in objects if one.level is level], wire.per_get)
            for correction in self._read(wire, some)
        )

    def write_corrections(
        self, changes: Sequence[CorrectionChange]
    ) -> tuple[CorrectionReceipt, ...]:
        """Removals go first, because an object holds 100."""
        return write_in_turn(
            changes,
            self.bid_limits,
            remove=Step(self._delete, anything, _items_per_call),
            set_=Step(self._set, anything, _items_per_call),
            add=Step(self._add, anything, _items_per_call),
        )

    # What follows knows the wire.

    def _availability(self, condition: str) -> str | None:
        params = {
            "SelectionCriteria": {"Ids": [int(condition)]},
            "FieldNames": ["Id", "IsAvailable"],
        }
        seen = self._call("retargetinglists", "get", params).get("RetargetingLists")
        return str(seen[0].get("IsAvailable")) if seen else None

    def _delete(self, changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
        """What is gone already is as wanted."""
        ids = [int(str(change.correction_id)) for change in changes]
        results = self._change(
            "delete", {"SelectionCriteria": {"Ids": ids}}, "DeleteResults", len(ids), Effect.SAME
        )
        return [
            CorrectionReceipt(change, None, warning=texts_of(result, "Errors"))
            if codes_of(result) == {NOT_FOUND}
            else _verdict(change, result)
            for change, result in zip(changes, results, strict=True)
        ]

    def _set(self, changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
        items = [
            {"Id": int(str(change.correction_id)), "BidModifier": NEUTRAL + (change.percent or 0)}
            for change in changes
        ]
        results = self._change(
            "set", {"BidModifiers": items}, "SetResults", len(items), Effect.SAME
        )
        return [_verdict(*pair) for pair in zip(changes, results, strict=True)]

    def _add(self, changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
        """After a lost answer, what is there already is not added again."""
        done: dict[CorrectionChange, CorrectionReceipt] = {}

        def act() -> list[CorrectionReceipt]:
            left = [change for change in changes if change not in done]
            too_early = send(left)
            if too_early:
                self._door.sleep(VISIBLE_AFTER_SECONDS)
                self._just_made.clear()
                send(too_early)
            return [done[change] for change in changes]

        def send(some: Sequence[CorrectionChange]) -> list[CorrectionChange]:
            """Those come back whose condition is so new that Direct does not find it yet."""
            items = [_modifier(change) for change in some]
            results = self._change(
                "add", {"BidModifiers": items}, "AddResults", len(items), Effect.TWICE
            )
            done.update((one, _verdict(one, said)) for one, said in zip(some, results, strict=True))
            return [
                one
                for one, said in zip(some, results, strict=True)
                if codes_of(said) == {NOT_FOUND} and one.condition_id in self._just_made
            ]

        def look() -> list[CorrectionReceipt] | None:
            there = {
                (one.object, one.condition_id, one.percent): one.correction_id
                for one in self.read_corrections(sorted({change.object for change in changes}))
            }
            for change in changes:
                key = (change.object, change.condition_id, change.percent or 0)
                if key in there:
                    done[change] = CorrectionReceipt(change, there[key])
            return [done[one] for one in changes] if len(done) == len(set(changes)) else None

        return self._door.once(act, look)

    def _change(
        self, method: str, params: object, key: str, count: int, effect: Effect
    ) -> list[dict[str, Any]]:
        results = self._call("bidmodifiers", method, params, effect).get(key)
        if not isinstance(results, list) or len(results) != count:
            raise ContractBroken(f"bidmodifiers.{method}: {key} does not answer {count} items.")
        return results

    def _read(self, wire: Wire, objects: Sequence[BidObject]) -> Iterator[PresentCorrection]:
        by_id = {one.object_id: one for one in objects}
        params = {
            "SelectionCriteria": {
                wire.ids: [int(one) for one in by_id],
                "Levels": [wire.level],
                "Types": ["RETARGETING_ADJUSTMENT"],
            },
            "FieldNames": ["Id", "CampaignId", "AdGroupId", "Level", "Type"],
            "RetargetingAdjustmentFieldNames": ["RetargetingConditionId", "BidModifier"],
        }
        for item in self._pages("bidmodifiers", params, "BidModifiers"):
            adjustment = item["RetargetingAdjustment"]
            yield PresentCorrection(
                by_id[str(item[wire.id])],
                str(adjustment["RetargetingConditionId"]),
                str(item["Id"]),
                int(adjustment["BidModifier"]) - NEUTRAL,
            )

    def _add_condition(self, list_id: str, title: str) -> str:
        item = {"Name": title[:TITLE_LENGTH], "Type": "RETARGETING", "Rules": [_rule_for(list_id)]}
        params = {"RetargetingLists": [item]}
        results = self._call("retargetinglists", "add", params, Effect.TWICE).get("AddResults")
        if not isinstance(results, list) or len(results) != 1:
            raise ContractBroken("retargetinglists.add: AddResults does not answer 1 item.")
        if results[0].get("Errors"):
            code = min(codes_of(results[0]))
            kind = ERRORS.get(code, RuleRefused)
            raise kind(f"list {title!r}: {texts_of(results[0], 'Errors')}.", act=ACTS.get(code, ""))
        made = str(results[0]["Id"])
        self._just_made.add(made)
        return made


def _rule_for(list_id: str) -> dict[str, Any]:
    return {"Operator": "ALL", "Arguments": [{"ExternalId": int(list_id)}]}


def _plain_rules(retargeting_list: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rules without MembershipLifeSpan, which says nothing about an Audience segment."""
    return [
        {
            "Operator": rule.get("Operator"),
            "Arguments": [
                {"ExternalId": argument.get("ExternalId")} for argument in rule["Arguments"]
            ],
        }
        for rule in retargeting_list.get("Rules") or []
    ]


def _modifier(change: CorrectionChange) -> dict[str, Any]:
    return {
        WIRE[change.object.level].id: int(change.object.object_id),
        "RetargetingAdjustments": [
            {
                "RetargetingConditionId": int(change.condition_id),
                "BidModifier": NEUTRAL + (change.percent or 0),
            }
        ],
    }


def _items_per_call(change: CorrectionChange) -> int:
    return ITEMS_PER_CALL


def _verdict(change: CorrectionChange, result: Mapping[str, Any]) -> CorrectionReceipt:
    """One item's result: `Ids` from add, `Id` from set and delete."""
    warning = texts_of(result, "Warnings")
    if result.get("Errors"):
        return CorrectionReceipt(
            change, change.correction_id, refused=texts_of(result, "Errors"), warning=warning
        )
    if change.percent is None:
        return CorrectionReceipt(change, None, warning=warning)
    ids = result.get("Ids") or [result.get("Id")]
    if not isinstance(ids[0], int):
        raise ContractBroken("bidmodifiers: a result has neither an id nor errors.")
    return CorrectionReceipt(change, str(ids[0]), warning=warning)
