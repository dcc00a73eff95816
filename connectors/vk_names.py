"""Ad plans and ad groups of VK Ads by name.

Facts: VK Ads API documentation, AdPlans and AdGroups (2026-06).
"""

from bids.model import BidObject, FoundObject, Level
from connectors.base import NamesObjects
from connectors.errors import ContractBroken
from connectors.vk_wire import VkDoor, whole

PATHS = {Level.CAMPAIGN: "api/v2/ad_plans.json", Level.AD_GROUP: "api/v2/ad_groups.json"}
FIELDS = "id,name,status"


class VkNames(VkDoor, NamesObjects):
    """Names of one account's objects."""

    def objects(self, level: Level) -> tuple[FoundObject, ...]:
        """Deleted ones are left out, stopped ones not: they may run again. There are no labels."""
        found = {}
        for one in self._all(PATHS[level], {"fields": FIELDS}):
            number, name = whole(one.get("id")), one.get("name")
            if number is None or not isinstance(name, str):
                raise ContractBroken(f"GET {PATHS[level]}: an item has no id or no name.")
            if one.get("status") != "deleted":
                found[number] = name
        return tuple(
            FoundObject(BidObject(self._account, self.platform, level, str(number)), name)
            for number, name in sorted(found.items())
        )
