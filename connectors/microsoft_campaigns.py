"""Campaigns and ad groups of Microsoft Advertising: which are there, and how they bid.

The service tells an ad group under its campaign only, so the campaign of a group is looked for
once and remembered. A group bids as its campaign does unless it says otherwise.

Facts: GetCampaignsByAccountId, GetAdGroupsByCampaignId, BiddingScheme, TargetSetting (v13), as of
autumn 2026. UNVERIFIED marks what the documents leave open.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bids.model import BidObject, Level
from connectors.chunks import chunks
from connectors.facts import facts_of
from connectors.http import Ask, Door
from connectors.microsoft_errors import list_in

FACTS = facts_of("microsoft")
CAMPAIGNS_PER_CALL = FACTS.whole("campaigns")
GROUPS_PER_CALL = FACTS.whole("ad_groups")
CAMPAIGN_TYPES = "Search, Shopping, DynamicSearchAds, Audience, Hotel, PerformanceMax, App"
"""Left out, only campaigns of search would be found."""

ENDED = frozenset({"Deleted", "Expired"})
INHERITED = "InheritFromParent"
LONG_NAME = "BiddingScheme"
"""Ends the names of some strategies in Microsoft's models; in answers too: UNVERIFIED."""


@dataclass(frozen=True)
class Standing:
    """How an object's campaign bids, and whether the object shows ads to its lists only."""

    campaign: str
    scheme: str
    only_lists: bool


class Campaigns:
    """The campaigns and ad groups of one ad account."""

    def __init__(self, door: Door, account: str) -> None:
        self._door = door
        self._account = account
        self._campaign_of_group: dict[str, str] = {}

    def standing(self, objects: Sequence[BidObject]) -> dict[BidObject, Standing]:
        """As it is now, of the objects that are there."""
        campaign_of = self.campaigns_of(objects)
        campaigns = self._by_id(
            "Campaigns",
            {"AccountId": self._account, "CampaignType": CAMPAIGN_TYPES},
            "CampaignIds",
            sorted(set(campaign_of.values())),
            CAMPAIGNS_PER_CALL,
        )
        groups: dict[str, dict[str, Any]] = {}
        for campaign in sorted(set(campaign_of.values())):
            mine = [
                one.object_id
                for one, owner in campaign_of.items()
                if one.level is Level.AD_GROUP and owner == campaign
            ]
            owner_of = {"CampaignId": campaign}
            groups |= self._by_id("AdGroups", owner_of, "AdGroupIds", mine, GROUPS_PER_CALL)
        return {
            one: _standing_of(campaign, campaigns[campaign], groups.get(one.object_id, {}))
            for one, campaign in campaign_of.items()
            if campaign in campaigns
        }

    def campaigns_of(self, objects: Sequence[BidObject]) -> dict[BidObject, str]:
        """A group is asked for under its campaign only, so all campaigns are looked through."""
        missing = {one.object_id for one in objects if one.level is Level.AD_GROUP}
        missing -= self._campaign_of_group.keys()
        for told in self.all_campaigns() if missing else ():
            campaign = str(told["Id"])
            for group in self.groups_of(campaign):
                self._campaign_of_group[str(group["Id"])] = campaign
            if missing <= self._campaign_of_group.keys():
                break
        found = {one: one.object_id for one in objects if one.level is Level.CAMPAIGN}
        for one in objects:
            if one.level is Level.AD_GROUP and one.object_id in self._campaign_of_group:
                found[one] = self._campaign_of_group[one.object_id]
        return found

    def present(self, level: Level) -> Iterator[dict[str, Any]]:
        """Campaigns or ad groups as the service tells them; those that ended are none."""
        for campaign in self.all_campaigns():
            if campaign.get("Status") in ENDED:
                continue
            if level is Level.CAMPAIGN:
                yield campaign
            else:
                groups = self.groups_of(str(campaign["Id"]))
                yield from (one for one in groups if one.get("Status") not in ENDED)

    def all_campaigns(self) -> list[dict[str, Any]]:
        body = {"AccountId": self._account, "CampaignType": CAMPAIGN_TYPES}
        ask = Ask("POST", "Campaigns/QueryByAccountId", json=body)
        return list_in(ask, self._door.send(ask).body, "Campaigns")

    def groups_of(self, campaign: str) -> list[dict[str, Any]]:
        ask = Ask("POST", "AdGroups/QueryByCampaignId", json={"CampaignId": campaign})
        return list_in(ask, self._door.send(ask).body, "AdGroups")

    def _by_id(
        self, key: str, fixed: dict[str, Any], ids_key: str, ids: Sequence[str], most: int
    ) -> dict[str, dict[str, Any]]:
        """Objects by id; those that are not there come as null, with an error that says so."""
        found: dict[str, dict[str, Any]] = {}
        for some in chunks(ids, most):
            ask = Ask("POST", f"{key}/QueryByIds", json={**fixed, ids_key: list(some)})
            answer = self._door.send(ask).body
            found |= {str(one["Id"]): one for one in list_in(ask, answer, key) if one}
        return found


def _standing_of(campaign: str, told: dict[str, Any], group: dict[str, Any]) -> Standing:
    own = _scheme(group)
    scheme = _scheme(told) if own in ("", INHERITED) else own
    return Standing(campaign, scheme, _only_lists(told) or _only_lists(group))


def _scheme(told: dict[str, Any]) -> str:
    scheme = told.get("BiddingScheme") or {}
    return str(scheme.get("Type") or "").removesuffix(LONG_NAME)


def _only_lists(told: dict[str, Any]) -> bool:
    """Get tells only those groups of criteria that target and bid."""
    return any(
        detail.get("CriterionTypeGroup") == "Audience" and detail.get("TargetAndBid")
        for setting in told.get("Settings") or []
        if setting and setting.get("Type") == "TargetSetting"
        for detail in setting.get("Details") or []
    )
