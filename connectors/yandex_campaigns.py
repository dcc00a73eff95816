"""Direct's campaigns and ad groups: their names, and how they bid.

Facts: campaigns and adgroups in Direct's WSDL and documents, as of September 2026.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bids.model import BidObject, FoundObject, Level
from connectors.base import NamesObjects, Strategy
from connectors.chunks import chunks
from connectors.yandex_direct_wire import OBJECTS_PER_GET, PLATFORM, WIRE, YandexDirectAccount

OPEN_STATES = ["ON", "OFF", "SUSPENDED"]
"""States of campaigns whose bids can still matter."""

ACTS_ON: dict[str, str] = {  # yandex.ru/support/direct, bids-adjustment
    "HIGHEST_POSITION": "bid",
    "AVERAGE_CPC": "bid",
    "WB_MAXIMUM_CLICKS": "bid",
    "WB_MAXIMUM_CONVERSION_RATE": "bid",
    "AVERAGE_CPA": "target_cpa",
    "PAY_FOR_CONVERSION": "target_cpa",
    "AVERAGE_CRR": "target_drr",
    "PAY_FOR_CONVERSION_CRR": "target_drr",
}


class YandexCampaigns(YandexDirectAccount, NamesObjects):
    """What corrections are put on."""

    def strategies(self, objects: Sequence[BidObject]) -> tuple[Strategy, ...]:
        """A group bids as its campaign does."""
        campaign_of = self._campaigns_of(objects)
        bidding = self._bidding(sorted(set(campaign_of.values())))
        return tuple(
            Strategy(one, name, ACTS_ON.get(name, "unknown"))
            for one in objects
            for name in [bidding.get(campaign_of.get(one, 0), "")]
        )

    def objects(self, level: Level) -> tuple[FoundObject, ...]:
        """Campaigns that are on, off or suspended, and their groups; Direct has no labels."""
        campaigns = {"SelectionCriteria": {"States": OPEN_STATES}, "FieldNames": ["Id", "Name"]}
        found = {int(one["Id"]): one for one in self._pages("campaigns", campaigns, "Campaigns")}
        if level is Level.CAMPAIGN:
            return self._found(level, found.values())
        groups: list[dict[str, Any]] = []
        for some in chunks(sorted(found), WIRE[Level.CAMPAIGN].per_get):
            params = {
                "SelectionCriteria": {"CampaignIds": list(some)},
                "FieldNames": ["Id", "Name"],
            }
            groups += self._pages("adgroups", params, "AdGroups")
        return self._found(level, groups)

    def _found(self, level: Level, listed: Iterable[dict[str, Any]]) -> tuple[FoundObject, ...]:
        return tuple(
            FoundObject(BidObject(self._account, PLATFORM, level, str(one["Id"])), str(one["Name"]))
            for one in listed
        )

    def _campaigns_of(self, objects: Sequence[BidObject]) -> dict[BidObject, int]:
        groups = {int(one.object_id): one for one in objects if one.level is Level.AD_GROUP}
        found = {one: int(one.object_id) for one in objects if one.level is Level.CAMPAIGN}
        for some in chunks(sorted(groups), OBJECTS_PER_GET):
            params = {"SelectionCriteria": {"Ids": some}, "FieldNames": ["Id", "CampaignId"]}
            for group in self._pages("adgroups", params, "AdGroups"):
                found[groups[group["Id"]]] = group["CampaignId"]
        return found

    def _bidding(self, campaigns: Sequence[int]) -> dict[int, str]:
        strategies = {"TextCampaignFieldNames": ["BiddingStrategy"]}
        if self._version != "v5":
            strategies["UnifiedCampaignFieldNames"] = ["BiddingStrategy"]
        found = {}
        for some in chunks(campaigns, OBJECTS_PER_GET):
            params = {
                "SelectionCriteria": {"Ids": some},
                "FieldNames": ["Id", "Type", "State"],
                **strategies,
            }
            for campaign in self._pages("campaigns", params, "Campaigns"):
                found[campaign["Id"]] = _strategy_name(campaign)
        return found


def _strategy_name(campaign: Mapping[str, Any]) -> str:
    """The strategy in search, or in networks where search does not serve."""
    for kind in ("TextCampaign", "UnifiedCampaign"):
        strategy = (campaign.get(kind) or {}).get("BiddingStrategy") or {}
        for place in ("Search", "Network"):
            name = (strategy.get(place) or {}).get("BiddingStrategyType", "")
            if name and name != "SERVING_OFF":
                return str(name)
    return ""
