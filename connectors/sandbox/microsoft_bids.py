"""What the played Microsoft answers about bids: campaigns, ad groups and their criteria.

Each call is named by verb and path, with the form its body must have.
"""

from typing import Any

from connectors.sandbox import microsoft_campaigns as campaigns
from connectors.sandbox import microsoft_criteria as criteria
from connectors.sandbox.frame import View
from connectors.sandbox.microsoft_call import ACCOUNT, NAME
from connectors.sandbox.microsoft_campaigns import LEVELS
from connectors.sandbox.microsoft_lists import FOREIGN_LIST, FOREIGN_VISITORS
from connectors.sandbox.world import World

PLAIN, AUTOMATIC, NARROW = 5, 6, 7
"""Campaigns: bids of one's own; automatic ones; one that only targets its audiences."""
PLAIN_GROUP, AUTOMATIC_GROUP, NARROW_GROUP = 51, 61, 71
FOREIGN_ON_CAMPAIGN, FOREIGN_ON_GROUP, FOREIGN_VISITORS_ON_CAMPAIGN = 9_001, 9_002, 9_003


def seed(world: World) -> None:
    """Three campaigns with a group each, and what somebody set by hand and nobody may touch."""
    store = world.store(NAME)
    for campaign, group, scheme, name in (
        (PLAIN, PLAIN_GROUP, "EnhancedCpc", "Search"),
        (AUTOMATIC, AUTOMATIC_GROUP, "TargetRoasBiddingScheme", "Search, automatic"),
        (NARROW, NARROW_GROUP, "EnhancedCpc", "Only for lists"),
    ):
        narrow = ["Audience"] if campaign == NARROW else []
        body = {"name": name, "scheme": scheme, "target_and_bid": narrow, "account": ACCOUNT}
        store.put("campaign", campaign, {**body, "id": campaign, "kind": "Search"})
        inner = {**body, "name": f"Group {group}", "scheme": "InheritFromParent"}
        store.put("group", group, {**inner, "id": group, "campaign": campaign})
    for number_, level, campaign, owner, audience, kind, value in (
        (FOREIGN_ON_CAMPAIGN, "campaign", PLAIN, None, FOREIGN_LIST, "CustomerList", 10.0),
        (
            FOREIGN_ON_GROUP,
            "group",
            AUTOMATIC,
            AUTOMATIC_GROUP,
            FOREIGN_LIST,
            "CustomerList",
            -20.0,
        ),
        (
            *(FOREIGN_VISITORS_ON_CAMPAIGN, "campaign", PLAIN, None),
            *(FOREIGN_VISITORS, "RemarketingList", 15.0),
        ),
    ):
        place = {"id": number_, "level": level, "campaign": campaign, "group": owner}
        what = {"audience": audience, "kind": kind, "multiplier": value}
        store.put("criterion", number_, {**place, **what, "negative": False, "status": "Active"})


def bids(world: World) -> list[View]:
    return world.store(NAME).all("criterion")


def operations() -> dict[tuple[str, str], tuple[Any, Any]]:
    found: dict[tuple[str, str], tuple[Any, Any]] = {
        ("POST", "Campaigns/QueryByAccountId"): (
            campaigns.CAMPAIGN_FORMS["by_account"],
            campaigns.campaigns_by_account,
        ),
        ("POST", "Campaigns/QueryByIds"): (
            campaigns.CAMPAIGN_FORMS["by_ids"],
            campaigns.campaigns_by_ids,
        ),
        ("PUT", "Campaigns"): (
            campaigns.CAMPAIGN_FORMS["update"],
            lambda call: campaigns.change_objects(call, "campaign"),
        ),
        ("POST", "AdGroups/QueryByCampaignId"): (
            campaigns.GROUP_FORMS["by_campaign"],
            campaigns.groups_by_campaign,
        ),
        ("POST", "AdGroups/QueryByIds"): (campaigns.GROUP_FORMS["by_ids"], campaigns.groups_by_ids),
        ("PUT", "AdGroups"): (
            campaigns.GROUP_FORMS["update"],
            lambda call: campaigns.change_objects(call, "group"),
        ),
    }
    for level, name in LEVELS.items():
        forms, path = criteria.forms_of(name), f"{name}Criterions"
        found |= {
            ("POST", path): (forms["write"], lambda call, level=level: criteria.add(call, level)),
            ("PUT", path): (forms["write"], lambda call, level=level: criteria.update(call, level)),
            ("DELETE", path): (
                forms["delete"],
                lambda call, level=level: criteria.delete(call, level),
            ),
            ("POST", f"{path}/QueryByIds"): (
                forms["read"],
                lambda call, level=level: criteria.read(call, level),
            ),
        }
    return found


OPERATIONS = operations()
