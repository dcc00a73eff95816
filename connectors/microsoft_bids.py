"""Bid adjustments of Microsoft Advertising: per cent on the link of a list and an object.

A link is a criterion of a campaign or an ad group and names the list itself. Reading names one
object and one kind of audience per call; writing takes many objects, deleting one.

Facts: BidMultiplier, AddCampaignCriterions, AddAdGroupCriterions (v13), as of autumn 2026.
UNVERIFIED marks what the documents leave open.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bids.model import BidObject, CorrectionChange, CorrectionReceipt, Level, PresentCorrection
from connectors.base import Strategy
from connectors.errors import ContractBroken
from connectors.facts import facts_of
from connectors.http import Ask, Door, Effect
from connectors.in_turn import Step, by_level, by_object, refused, write_in_turn
from connectors.microsoft_campaigns import CAMPAIGNS_PER_CALL, GROUPS_PER_CALL, Campaigns
from connectors.microsoft_errors import (
    NOT_ON_CAMPAIGNS,
    Said,
    by_index,
    error_of,
    item_errors,
    list_in,
)

FACTS = facts_of("microsoft")
LIMITS = FACTS.bid_limits(levels=frozenset(Level))

ACTS_ON = {  # BidMultiplier, guides/budget-bid-strategies
    "EnhancedCpc": "bid",
    "ManualCpc": "bid",
    "MaxClicks": "ignored",  # the multiplier only informs these
    "MaxConversions": "ignored",
    "TargetCpa": "ignored",
    "TargetRoas": "ignored",
    "MaxConversionValue": "ignored",  # UNVERIFIED: not named there, taken as alike
}

DUPLICATE, BOTH_LEVELS = 4521, 4522
NOT_FOUND = frozenset({4526, 4151})
EXPLAINED = {
    BOTH_LEVELS: "one campaign takes corrections on itself or on its ad groups, not on both",
    DUPLICATE: "somebody set it meanwhile; plan again",
    4524: NOT_ON_CAMPAIGNS,
    4525: NOT_ON_CAMPAIGNS,
}


@dataclass(frozen=True)
class Wire:
    """How a level is written."""

    name: str
    per_call: int

    @property
    def path(self) -> str:
        return f"{self.name}Criterions"

    @property
    def id(self) -> str:
        return f"{self.name}Id"

    @property
    def ids(self) -> str:
        return f"{self.name}CriterionIds"


WIRE = {
    Level.CAMPAIGN: Wire("Campaign", CAMPAIGNS_PER_CALL),
    Level.AD_GROUP: Wire("AdGroup", GROUPS_PER_CALL),
}


class Adjustments:
    """The audience criteria of one ad account."""

    def __init__(self, door: Door, campaigns: Campaigns) -> None:
        self._door = door
        self._campaigns = campaigns

    def read(self, objects: Sequence[BidObject]) -> tuple[PresentCorrection, ...]:
        """Of customer lists only: nothing of ours is of another kind."""
        return tuple(found for one in objects for found in self._read(one))

    def write(self, changes: Sequence[CorrectionChange]) -> tuple[CorrectionReceipt, ...]:
        """Removals go first, so that a campaign can change its level; one names one object."""
        return write_in_turn(
            changes,
            LIMITS,
            remove=Step(self._delete, by_object, _per_call),
            set_=Step(self._set, by_level, _per_call),
            add=Step(self._add, by_level, _per_call),
        )

    def strategies(self, objects: Sequence[BidObject]) -> tuple[Strategy, ...]:
        """A group bids as its campaign does unless it says otherwise."""
        standing = self._campaigns.standing(objects)
        return tuple(
            Strategy(one, name, ACTS_ON.get(name, "unknown"))
            for one in objects
            for name in [standing[one].scheme if one in standing else ""]
        )

    def _read(self, where: BidObject) -> Iterator[PresentCorrection]:
        wire = WIRE[where.level]
        body = {wire.id: where.object_id, "CriterionType": "CustomerList", wire.ids: None}
        ask = Ask("POST", f"{wire.path}/QueryByIds", json=body)
        answer = self._door.send(ask).body
        for said in item_errors(answer):
            raise error_of(ask, said)
        for one in list_in(ask, answer, wire.path):
            if one and one.get("Type") == f"Biddable{wire.name}Criterion":
                bid = one.get("CriterionBid") or {}
                yield PresentCorrection(
                    where,
                    str(one["Criterion"]["AudienceId"]),
                    str(one["Id"]),
                    round(bid.get("Multiplier") or 0),
                )

    def _delete(self, changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
        """What is gone already is as wanted."""
        where = changes[0].object
        wire = WIRE[where.level]
        body = {
            wire.id: where.object_id,
            "CriterionType": "Audience",
            wire.ids: [str(change.correction_id) for change in changes],
        }
        errors = self._change(Ask("DELETE", wire.path, json=body, effect=Effect.SAME), changes)[1]
        return [
            CorrectionReceipt(change, None, warning=str(said or ""))
            if said is None or said.code in NOT_FOUND
            else refused(change, _explained(said))
            for change, said in _with(changes, errors)
        ]

    def _set(self, changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
        wire = WIRE[changes[0].object.level]
        items = [{**_bid(change), "Id": str(change.correction_id)} for change in changes]
        body = {"CriterionType": "Audience", wire.path: items}
        errors = self._change(Ask("PUT", wire.path, json=body, effect=Effect.SAME), changes)[1]
        return [
            CorrectionReceipt(change, change.correction_id)
            if said is None
            else refused(change, _explained(said))
            for change, said in _with(changes, errors)
        ]

    def _add(self, changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
        """After a lost answer, what is there already is not added again."""
        standing = self._campaigns.standing(sorted({change.object for change in changes}))
        done = {
            change: refused(change, _ONLY_LISTS)
            for change in changes
            if change.object in standing and standing[change.object].only_lists
        }

        def act() -> list[CorrectionReceipt]:
            if left := [change for change in changes if change not in done]:
                done.update((one.change, one) for one in self._send_new(left))
            return [done[change] for change in changes]

        def look() -> list[CorrectionReceipt] | None:
            done.update(self._present([change for change in changes if change not in done]))
            return [done[one] for one in changes] if len(done) == len(set(changes)) else None

        return self._door.once(act, look)

    def _send_new(self, changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
        wire = WIRE[changes[0].object.level]
        items = [{**_bid(change), "Criterion": _criterion(change)} for change in changes]
        body = {"CriterionType": "Audience", wire.path: items}
        ask = Ask("POST", wire.path, json=body, effect=Effect.TWICE)
        answer, errors = self._change(ask, changes)
        ids = list_in(ask, answer, wire.ids)
        if len(ids) != len(changes):
            raise ContractBroken(f"{ask}: {wire.ids} does not answer {len(changes)} items.")
        there = self._present([one for one, said in _with(changes, errors) if _is_duplicate(said)])
        return [
            there.get(change) or _verdict(ask, change, made, said)
            for (change, said), made in zip(_with(changes, errors), ids, strict=True)
        ]

    def _present(
        self, changes: Sequence[CorrectionChange]
    ) -> dict[CorrectionChange, CorrectionReceipt]:
        """Receipts of the changes that the platform shows as wanted."""
        there = {
            (one.object, one.condition_id, one.percent): one.correction_id
            for one in self.read(sorted({change.object for change in changes}))
        }
        keys = {
            change: (change.object, change.condition_id, change.percent or 0) for change in changes
        }
        return {
            change: CorrectionReceipt(change, there[key])
            for change, key in keys.items()
            if key in there
        }

    def _change(
        self, ask: Ask, changes: Sequence[CorrectionChange]
    ) -> tuple[dict[str, Any], dict[int, Said]]:
        answer = self._door.send(ask).body
        return answer, by_index(ask, item_errors(answer), len(changes))


_ONLY_LISTS = (
    "it shows ads to its lists only (target and bid), so another list would change whom it "
    "reaches; set its audiences to bid only, or correct them by hand"
)


def _bid(change: CorrectionChange) -> dict[str, Any]:
    wire = WIRE[change.object.level]
    return {
        "Type": f"Biddable{wire.name}Criterion",
        wire.id: change.object.object_id,
        "CriterionBid": {"Type": "BidMultiplier", "Multiplier": change.percent},
    }


def _criterion(change: CorrectionChange) -> dict[str, Any]:
    return {
        "Type": "AudienceCriterion",
        "AudienceId": change.condition_id,
        "AudienceType": "CustomerList",
    }


def _per_call(change: CorrectionChange) -> int:
    return WIRE[change.object.level].per_call


def _verdict(ask: Ask, change: CorrectionChange, made: Any, said: Said | None) -> CorrectionReceipt:
    if said is not None:
        return refused(change, _explained(said))
    if not isinstance(made, str):
        raise ContractBroken(f"{ask}: an item has neither an id nor an error.")
    return CorrectionReceipt(change, made)


def _is_duplicate(said: Said | None) -> bool:
    return said is not None and said.code == DUPLICATE


def _explained(said: Said) -> str:
    why = EXPLAINED.get(said.code)
    return f"{said}: {why}" if why else str(said)


def _with(
    changes: Sequence[CorrectionChange], errors: dict[int, Said]
) -> list[tuple[CorrectionChange, Said | None]]:
    return [(change, errors.get(place)) for place, change in enumerate(changes)]
