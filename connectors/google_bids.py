"""Bid modifiers of Google Ads for the people of a list.

A modifier hangs on a criterion: a list attached to a campaign or an ad group. A list is its own
condition. Attaching one demands observation first, see google_observation.

Facts: as in google_wire. UNVERIFIED marks what the documents leave open.
"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from bids.model import (
    BidObject,
    CorrectionChange,
    CorrectionReceipt,
    FoundObject,
    Level,
    PresentCorrection,
)
from connectors.base import BidLimits, CorrectsBids, NamesObjects, Strategy
from connectors.chunks import chunks
from connectors.errors import ListGone
from connectors.google_ads import AdsAccount
from connectors.google_errors import AdsError
from connectors.google_objects import (
    OBJECTS_PER_QUERY,
    PLACES,
    Place,
    number_in,
    rows_of,
    tail_of,
)
from connectors.google_observation import OPERATIONS_PER_CALL, Observation
from connectors.google_wire import FACTS
from connectors.http import Effect
from connectors.in_turn import Step, by_level, refused, write_in_turn

GONE = "RESOURCE_NOT_FOUND"

ACTS_ON: dict[str, str] = {  # UNVERIFIED: no table of strategies is printed
    "MANUAL_CPC": "bid",
    "MANUAL_CPM": "bid",
    "MANUAL_CPV": "bid",
    "TARGET_SPEND": "bid",
    "TARGET_CPA": "ignored",
    "TARGET_ROAS": "ignored",
    "MAXIMIZE_CONVERSIONS": "ignored",
    "MAXIMIZE_CONVERSION_VALUE": "ignored",
}


class GoogleBids(AdsAccount, CorrectsBids, NamesObjects):
    """The half of an account that bids."""

    bid_limits: ClassVar[BidLimits] = FACTS.bid_limits(levels=frozenset(Level))

    def condition_for(self, list_id: str, title: str) -> str:
        found = self.find_condition(list_id, title)
        if found is None:
            raise ListGone(
                f"list {list_id} ({title!r}) is not in the account any more.",
                act="Somebody deleted it, or the customer id is another's.",
            )
        return found

    def find_condition(self, list_id: str, title: str) -> str | None:
        """The list itself, if it is there."""
        query = f"SELECT user_list.id FROM user_list WHERE user_list.id = {number_in(list_id)}"
        return list_id if any(self._ads.search(query)) else None

    def read_corrections(self, objects: Sequence[BidObject]) -> tuple[PresentCorrection, ...]:
        """Lists that are attached, with or without a modifier; exclusions are none."""
        return tuple(
            correction
            for level, place in PLACES.items()
            for some in chunks([one for one in objects if one.level is level], OBJECTS_PER_QUERY)
            for correction in self._read(place, some)
        )

    def write_corrections(
        self, changes: Sequence[CorrectionChange]
    ) -> tuple[CorrectionReceipt, ...]:
        """Removals go first, because a list sits at one level of a campaign only."""
        return write_in_turn(
            changes,
            self.bid_limits,
            remove=Step(self._remove, by_level, _operations_per_call),
            set_=Step(self._set, by_level, _operations_per_call),
            add=Step(self._add, by_level, _operations_per_call),
        )

    def strategies(self, objects: Sequence[BidObject]) -> tuple[Strategy, ...]:
        """A group bids as its campaign does."""
        found: dict[BidObject, str] = {}
        for level, place in PLACES.items():
            these = [one for one in objects if one.level is level]
            fields = f"{place.name}.id, campaign.bidding_strategy_type"
            for one, row in rows_of(self._ads, place, these, f"SELECT {fields} FROM {place.name}"):
                found[one] = str((row.get("campaign") or {}).get("biddingStrategyType", ""))
        return tuple(
            Strategy(one, found.get(one, ""), ACTS_ON.get(found.get(one, ""), "unknown"))
            for one in objects
        )

    def objects(self, level: Level) -> tuple[FoundObject, ...]:
        """What is not removed. Of campaigns, those that take a biddable list themselves."""
        place = PLACES[level]
        labels = {
            row["label"]["resourceName"]: str(row["label"].get("name", ""))
            for row in self._ads.search("SELECT label.resource_name, label.name FROM label")
        }
        query = (
            f"SELECT {place.name}.id, {place.name}.name, {place.name}.labels FROM {place.name} "
            f"WHERE campaign.status != 'REMOVED' AND {place.open}"
        )
        return tuple(
            FoundObject(
                BidObject(self._account, self.platform, level, str(found["id"])),
                str(found.get("name", "")),
                tuple(labels[one] for one in found.get("labels") or [] if one in labels),
            )
            for found in (row[place.json] for row in self._ads.search(query))
        )

    # What follows knows the wire.

    def _read(self, place: Place, objects: Sequence[BidObject]) -> Iterator[PresentCorrection]:
        name = place.criterion
        query = (
            f"SELECT {place.name}.id, {name}.resource_name, {name}.user_list.user_list, "
            f"{name}.bid_modifier, {name}.negative FROM {name}"
        )
        where = f"{name}.type = 'USER_LIST' AND {name}.status != 'REMOVED'"
        for one, row in rows_of(self._ads, place, objects, query, where):
            criterion = row[f"{place.json}Criterion"]
            if criterion.get("negative"):
                continue
            modifier = criterion.get("bidModifier") or 1.0
            yield PresentCorrection(
                one,
                tail_of(criterion["userList"]["userList"]),
                tail_of(criterion["resourceName"]),
                round((modifier - 1) * 100),
            )

    def _remove(self, changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
        """What is gone already is as wanted."""
        place = PLACES[changes[0].object.level]
        operations = [{"remove": self._criterion(place, one)} for one in changes]
        results = self._ads.mutate(place.criteria, operations, Effect.SAME)
        return [
            CorrectionReceipt(change, None, warning=error.text)
            if error is not None and error.code == GONE
            else _verdict(change, None, error)
            for change, (_, error) in zip(changes, results, strict=True)
        ]

    def _set(self, changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
        place = PLACES[changes[0].object.level]
        operations = [
            {
                "updateMask": "bidModifier",
                "update": {
                    "resourceName": self._criterion(place, one),
                    "bidModifier": _modifier(one),
                },
            }
            for one in changes
        ]
        results = self._ads.mutate(place.criteria, operations, Effect.SAME)
        return [
            _verdict(change, change.correction_id, error)
            for change, (_, error) in zip(changes, results, strict=True)
        ]

    def _add(self, changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
        """Only where audiences are observed; after a lost answer, nothing is added twice."""
        place = PLACES[changes[0].object.level]
        unfit = Observation(self._ads, place).demand(sorted({one.object for one in changes}))
        done = {one: refused(one, unfit[one.object]) for one in changes if one.object in unfit}

        def act() -> list[CorrectionReceipt]:
            left = [one for one in changes if one not in done]
            if left:
                operations = [{"create": self._creation(place, one)} for one in left]
                results = self._ads.mutate(place.criteria, operations, Effect.TWICE)
                for one, (name, error) in zip(left, results, strict=True):
                    done[one] = _verdict(one, tail_of(name), error)
            return [done[one] for one in changes]

        def look() -> list[CorrectionReceipt] | None:
            there = {
                (one.object, one.condition_id, one.percent): one.correction_id
                for one in self.read_corrections(sorted({one.object for one in changes}))
            }
            for one in changes:
                key = (one.object, one.condition_id, one.percent or 0)
                if key in there:
                    done.setdefault(one, CorrectionReceipt(one, there[key]))
            return [done[one] for one in changes] if len(done) == len(set(changes)) else None

        return self._ads.door.once(act, look)

    def _creation(self, place: Place, change: CorrectionChange) -> dict[str, Any]:
        return {
            place.json: self._ads.named(place.collection, change.object.object_id),
            "userList": {"userList": self._ads.named("userLists", change.condition_id)},
            "bidModifier": _modifier(change),
        }

    def _criterion(self, place: Place, change: CorrectionChange) -> str:
        return self._ads.named(place.criteria, change.correction_id)


def _modifier(change: CorrectionChange) -> float:
    return round(1 + (change.percent or 0) / 100, 2)


def _operations_per_call(change: CorrectionChange) -> int:
    return OPERATIONS_PER_CALL


def _verdict(
    change: CorrectionChange, correction_id: str | None, error: AdsError | None
) -> CorrectionReceipt:
    return refused(change, error.text) if error else CorrectionReceipt(change, correction_id)
