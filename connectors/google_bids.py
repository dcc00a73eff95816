"""Google Ads: bid modifiers for the people of a list, and what was spent on them.

A modifier hangs on a criterion: a list attached to a campaign or an ad group. Attaching a list
narrows the reach unless audiences are only observed there, so that is set first, and where somebody
targets audiences on purpose nothing is attached.

Facts: as in google_wire. UNVERIFIED marks what the documents leave open.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

from bids.model import (
    BidObject,
    CorrectionChange,
    CorrectionReceipt,
    FoundObject,
    Level,
    PresentCorrection,
)
from connectors.base import (
    BidLimits,
    CorrectsBids,
    NamesObjects,
    ReportsSpend,
    SpendRow,
    Strategy,
)
from connectors.chunks import chunks
from connectors.errors import ListGone, RuleRefused
from connectors.google_wire import FACTS, Ads, AdsError
from connectors.http import Effect
from connectors.in_turn import Step, by_level, refused, write_in_turn

T = TypeVar("T")

OPERATIONS_PER_CALL = FACTS.whole("operations_per_call")
OBJECTS_PER_QUERY = FACTS.whole("objects_per_query")
GONE = "RESOURCE_NOT_FOUND"

AUDIENCES = (
    "USER_LIST",
    "USER_INTEREST",
    "CUSTOM_AUDIENCE",
    "CUSTOM_AFFINITY",
    "CUSTOM_INTENT",
    "COMBINED_AUDIENCE",
    "AUDIENCE",
    "LIFE_EVENT",
)
"""Criteria that narrow the reach where audiences are targeted and not only observed."""

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

METRICS = (
    "metrics.impressions, metrics.clicks, metrics.cost_micros, metrics.conversions, "
    "metrics.conversions_value"
)


@dataclass(frozen=True)
class Place:
    """How a level is written: in queries, in resource names, in JSON."""

    name: str
    collection: str
    json: str
    within: tuple[str, ...]
    """Levels whose audiences concern it: its own, and those below."""
    open: str
    """Condition of what could take a correction."""

    @property
    def criterion(self) -> str:
        return f"{self.name}_criterion"

    @property
    def criteria(self) -> str:
        return f"{self.json}Criteria"


PLACES = {
    Level.CAMPAIGN: Place(
        "campaign",
        "campaigns",
        "campaign",
        ("campaign", "ad_group"),
        "campaign.advertising_channel_type IN ('SEARCH', 'SHOPPING')",
    ),
    Level.AD_GROUP: Place(
        "ad_group", "adGroups", "adGroup", ("ad_group",), "ad_group.status != 'REMOVED'"
    ),
}


class GoogleBids(CorrectsBids, NamesObjects, ReportsSpend):
    """The half of a Google account that bids; a list is its own condition there."""

    platform: ClassVar[str]

    bid_limits: ClassVar[BidLimits] = FACTS.bid_limits(levels=frozenset(Level))

    def __init__(self, account: str, ads: Ads) -> None:
        self._account = account
        self._ads = ads

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
        query = f"SELECT user_list.id FROM user_list WHERE user_list.id = {_number(list_id)}"
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
            for one, row in self._rows(place, these, f"SELECT {fields} FROM {place.name}"):
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

    def spend(self, objects: Sequence[BidObject], first: date, last: date) -> tuple[SpendRow, ...]:
        """A row per list, and one for the rest of the object: its total less its lists.

        Days are the account's. Where lists overlap, the rest is never less than nothing.
        """
        rows: list[SpendRow] = []
        for level, place in PLACES.items():
            these = [one for one in objects if one.level is level]
            by_list = list(self._figures(place, these, first, last, by_list=True))
            totals = list(self._figures(place, these, first, last, by_list=False))
            rows += by_list
            rows += [_rest(total, by_list) for total in totals]
        return tuple(sorted(rows, key=lambda row: (row.object, row.day, row.condition_id or "")))

    # What follows knows the wire.

    def _rows(
        self, place: Place, objects: Sequence[BidObject], query: str, where: str = ""
    ) -> Iterator[tuple[BidObject, Mapping[str, Any]]]:
        by_id = {_number(one.object_id): one for one in objects}
        for some in chunks(sorted(by_id), OBJECTS_PER_QUERY):
            ids = ", ".join(str(one) for one in some)
            condition = f"{where} AND " if where else ""
            for row in self._ads.search(f"{query} WHERE {condition}{place.name}.id IN ({ids})"):
                number = int(row[place.json]["id"])
                if number in by_id:
                    yield by_id[number], row

    def _read(self, place: Place, objects: Sequence[BidObject]) -> Iterator[PresentCorrection]:
        name = place.criterion
        query = (
            f"SELECT {place.name}.id, {name}.resource_name, {name}.user_list.user_list, "
            f"{name}.bid_modifier, {name}.negative FROM {name}"
        )
        where = f"{name}.type = 'USER_LIST' AND {name}.status != 'REMOVED'"
        for one, row in self._rows(place, objects, query, where):
            criterion = row[f"{place.json}Criterion"]
            if criterion.get("negative"):
                continue
            modifier = criterion.get("bidModifier") or 1.0
            yield PresentCorrection(
                one,
                _tail(criterion["userList"]["userList"]),
                _tail(criterion["resourceName"]),
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
        unfit = self._observe(place, sorted({one.object for one in changes}))
        done = {one: refused(one, unfit[one.object]) for one in changes if one.object in unfit}

        def act() -> list[CorrectionReceipt]:
            left = [one for one in changes if one not in done]
            if left:
                operations = [{"create": self._creation(place, one)} for one in left]
                results = self._ads.mutate(place.criteria, operations, Effect.TWICE)
                for one, (name, error) in zip(left, results, strict=True):
                    done[one] = _verdict(one, _tail(name), error)
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

    # Observation: bids change, reach does not

    def _observe(self, place: Place, objects: Sequence[BidObject]) -> dict[BidObject, str]:
        """Make audiences observed on these objects; what may not be touched, with the reason."""
        unfit, unset = self._settings(place, objects)
        for one in self._with_audiences(place, unset):
            unfit[one] = (
                "audiences are targeted there, not observed: attaching a list would change whom "
                "it reaches. Switch its audiences to Observation in Google Ads."
            )
        unset = [one for one in unset if one not in unfit]
        for some in chunks(unset, OPERATIONS_PER_CALL):
            operations = [self._observation(place, one) for one in some]
            results = self._ads.mutate(place.collection, operations, Effect.SAME)
            for one, (_, error) in zip(some, results, strict=True):
                if error is not None:
                    unfit[one] = f"audiences cannot be set to Observation there: {error.text}"
        return unfit

    def _settings(
        self, place: Place, objects: Sequence[BidObject]
    ) -> tuple[dict[BidObject, str], list[BidObject]]:
        """Objects whose campaign targets, and those that do not observe yet."""
        names = dict.fromkeys((place.name, "campaign"))
        fields = ", ".join(f"{name}.targeting_setting.target_restrictions" for name in names)
        query = f"SELECT {place.name}.id, {fields} FROM {place.name}"
        unfit = dict.fromkeys(objects, "it is not in the account")
        unset: list[BidObject] = []
        for one, row in self._rows(place, objects, query):
            del unfit[one]
            own, above = _observes(row.get(place.json)), _observes(row.get("campaign"))
            if own is True or (own is None and above is True):
                continue
            if own is None and above is False:
                unfit[one] = "its campaign targets audiences and does not only observe them"
            else:
                unset.append(one)
        return unfit, unset

    def _with_audiences(self, place: Place, objects: Sequence[BidObject]) -> set[BidObject]:
        """Objects with audiences of any kind attached to them or, for a campaign, below them."""
        kinds = ", ".join(f"'{kind}'" for kind in AUDIENCES)
        found: set[BidObject] = set()
        for name in place.within:
            criterion = f"{name}_criterion"
            key = "campaignCriterion" if name == "campaign" else "adGroupCriterion"
            query = f"SELECT {place.name}.id, {criterion}.negative FROM {criterion}"
            where = f"{criterion}.type IN ({kinds}) AND {criterion}.status != 'REMOVED'"
            found |= {
                one
                for one, row in self._rows(place, objects, query, where)
                if not (row.get(key) or {}).get("negative")
            }
        return found

    def _observation(self, place: Place, one: BidObject) -> dict[str, Any]:
        """Names only our dimension, so that the others stay as they are."""
        value = {"targetingDimension": "AUDIENCE", "bidOnly": True}
        change = {"targetRestrictionOperations": [{"operator": "ADD", "value": value}]}
        name = self._ads.named(place.collection, one.object_id)
        return {
            "updateMask": "targetingSetting.targetRestrictionOperations",
            "update": {"resourceName": name, "targetingSetting": change},
        }

    # Figures

    def _figures(
        self,
        place: Place,
        objects: Sequence[BidObject],
        first: date,
        last: date,
        *,
        by_list: bool,
    ) -> Iterator[SpendRow]:
        source, key = place.name, f"{place.json}Criterion"
        fields = f"segments.date, {place.name}.id, {METRICS}"
        if by_list:
            source = f"{place.name}_audience_view"
            fields += f", {place.criterion}.user_list.user_list"
        where = f"segments.date BETWEEN '{first}' AND '{last}'"
        for one, row in self._rows(place, objects, f"SELECT {fields} FROM {source}", where):
            condition = None
            if by_list:
                named = ((row.get(key) or {}).get("userList") or {}).get("userList")
                if named is None:
                    continue  # an audience of another kind
                condition = _tail(named)
            yield _spend_row(one, condition, row)


def _number(text: str) -> int:
    """An id for a query. Raises RuleRefused, because ids of objects are written by hand."""
    if not text.isdecimal():
        raise RuleRefused(
            f"{text!r} is not an id of Google Ads.",
            act="Write the digits that Google Ads shows, without hyphens.",
        )
    return int(text)


def _tail(name: object) -> str:
    return str(name).rpartition("/")[2]


def _modifier(change: CorrectionChange) -> float:
    return round(1 + (change.percent or 0) / 100, 2)


def _operations_per_call(change: CorrectionChange) -> int:
    return OPERATIONS_PER_CALL


def _verdict(
    change: CorrectionChange, correction_id: str | None, error: AdsError | None
) -> CorrectionReceipt:
    return refused(change, error.text) if error else CorrectionReceipt(change, correction_id)


def _observes(found: Mapping[str, Any] | None) -> bool | None:
    """True: audiences are observed, False: targeted, None: nothing is said."""
    setting = (found or {}).get("targetingSetting") or {}
    for one in setting.get("targetRestrictions") or []:
        if one.get("targetingDimension") == "AUDIENCE":
            return bool(one.get("bidOnly"))
    return None


def _spend_row(one: BidObject, condition: str | None, row: Mapping[str, Any]) -> SpendRow:
    """Metrics that are zero are not told."""
    metrics = row.get("metrics") or {}
    return SpendRow(
        date.fromisoformat(row["segments"]["date"]),
        one,
        condition,
        int(metrics.get("impressions", 0)),
        int(metrics.get("clicks", 0)),
        Decimal(str(metrics.get("costMicros", 0))) / 1_000_000,
        Decimal(str(metrics.get("conversions", 0))),
        Decimal(str(metrics.get("conversionsValue", 0))),
    )


def _rest(total: SpendRow, by_list: Sequence[SpendRow]) -> SpendRow:
    """What an object did on a day without its lists."""
    lists = [one for one in by_list if (one.day, one.object) == (total.day, total.object)]

    def less(name: str, nothing: Any) -> Any:
        return max(
            getattr(total, name) - sum((getattr(one, name) for one in lists), nothing), nothing
        )

    zero = Decimal(0)
    return SpendRow(
        total.day,
        total.object,
        None,
        less("impressions", 0),
        less("clicks", 0),
        less("cost", zero),
        less("conversions", zero),
        less("revenue", zero),
    )
