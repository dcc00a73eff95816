"""Observation in Google Ads: bids for a list change, whom the ads reach does not.

Attaching a list narrows the reach unless audiences are only observed there, so that is set first,
and where somebody targets audiences on purpose nothing is attached.

Facts: as in google_wire.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bids.model import BidObject
from connectors.chunks import chunks
from connectors.google_ads import Ads
from connectors.google_objects import Place, rows_of
from connectors.google_wire import FACTS
from connectors.http import Effect

OPERATIONS_PER_CALL = FACTS.whole("operations_per_call")

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


@dataclass(frozen=True)
class Observation:
    """Targeting settings of the objects of one level."""

    ads: Ads
    place: Place

    def demand(self, objects: Sequence[BidObject]) -> dict[BidObject, str]:
        """Make audiences observed on these objects; what may not be touched, with the reason."""
        unfit, unset = self._settings(objects)
        for one in self._with_audiences(unset):
            unfit[one] = (
                "audiences are targeted there, not observed: attaching a list would change whom "
                "it reaches. Switch its audiences to Observation in Google Ads."
            )
        unset = [one for one in unset if one not in unfit]
        for some in chunks(unset, OPERATIONS_PER_CALL):
            operations = [self._operation(one) for one in some]
            results = self.ads.mutate(self.place.collection, operations, Effect.SAME)
            for one, (_, error) in zip(some, results, strict=True):
                if error is not None:
                    unfit[one] = f"audiences cannot be set to Observation there: {error.text}"
        return unfit

    def _settings(
        self, objects: Sequence[BidObject]
    ) -> tuple[dict[BidObject, str], list[BidObject]]:
        """Objects whose campaign targets, and those that do not observe yet."""
        names = dict.fromkeys((self.place.name, "campaign"))
        fields = ", ".join(f"{name}.targeting_setting.target_restrictions" for name in names)
        query = f"SELECT {self.place.name}.id, {fields} FROM {self.place.name}"
        unfit = dict.fromkeys(objects, "it is not in the account")
        unset: list[BidObject] = []
        for one, row in rows_of(self.ads, self.place, objects, query):
            del unfit[one]
            own, above = _observes(row.get(self.place.json)), _observes(row.get("campaign"))
            if own is True or (own is None and above is True):
                continue
            if own is None and above is False:
                unfit[one] = "its campaign targets audiences and does not only observe them"
            else:
                unset.append(one)
        return unfit, unset

    def _with_audiences(self, objects: Sequence[BidObject]) -> set[BidObject]:
        """Objects with audiences of any kind attached to them or, for a campaign, below them."""
        kinds = ", ".join(f"'{kind}'" for kind in AUDIENCES)
        found: set[BidObject] = set()
        for name in self.place.within:
            criterion = f"{name}_criterion"
            key = "campaignCriterion" if name == "campaign" else "adGroupCriterion"
            query = f"SELECT {self.place.name}.id, {criterion}.negative FROM {criterion}"
            where = f"{criterion}.type IN ({kinds}) AND {criterion}.status != 'REMOVED'"
            found |= {
                one
                for one, row in rows_of(self.ads, self.place, objects, query, where)
                if not (row.get(key) or {}).get("negative")
            }
        return found

    def _operation(self, one: BidObject) -> dict[str, Any]:
        """Names only our dimension, so that the others stay as they are."""
        value = {"targetingDimension": "AUDIENCE", "bidOnly": True}
        change = {"targetRestrictionOperations": [{"operator": "ADD", "value": value}]}
        name = self.ads.named(self.place.collection, one.object_id)
        return {
            "updateMask": "targetingSetting.targetRestrictionOperations",
            "update": {"resourceName": name, "targetingSetting": change},
        }


def _observes(found: Mapping[str, Any] | None) -> bool | None:
    """True: audiences are observed, False: targeted, None: nothing is said."""
    setting = (found or {}).get("targetingSetting") or {}
    for one in setting.get("targetRestrictions") or []:
        if one.get("targetingDimension") == "AUDIENCE":
            return bool(one.get("bidOnly"))
    return None
