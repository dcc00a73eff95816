"""What an account of the played Meta holds from the start: things made by hand, and ad sets.

What somebody made by hand is nobody else's to touch.
"""

import hashlib

import numpy as np

from connectors.sandbox.meta_call import NAME
from connectors.sandbox.meta_members import WIDTH
from connectors.sandbox.meta_states import matched as matched_people
from connectors.sandbox.store import Document
from connectors.sandbox.world import LOGIN, World

ACCOUNT, ACCOUNT_WITHOUT_TERMS = 700_100_200_300, 700_100_200_301
FOREIGN_AUDIENCE = 23_840_000_000_000_001
FOREIGN_RULE_SET = 84_000_000_000_000_001
CAMPAIGN, BUDGET_CAMPAIGN = 12_010_000_000_000_001, 12_010_000_000_000_002
AD_SET, BID_CAP_AD_SET, COST_CAP_AD_SET, ROAS_AD_SET, FIRST_OF_TWO, SECOND_OF_TWO = (
    12_020_000_000_000_001 + n for n in range(6)
)
"""The last two are in a campaign that holds the budget."""


def seed(world: World) -> None:
    """Two ad accounts, one without accepted terms; things made by hand; four ad sets."""
    store = world.store(NAME)
    if store.get("account", ACCOUNT) is not None:
        return
    for number, terms in ((ACCOUNT, True), (ACCOUNT_WITHOUT_TERMS, False)):
        account = {
            "id": str(number),
            "login": LOGIN,
            "name": "Sandbox shop",
            "currency": "EUR",
            "terms": terms,
            "value_terms": terms,
            "tier": "standard_access",
        }
        store.put("account", number, account)
    seed_audience(world)
    seed_rule_set(world)
    seed_campaigns(world)
    seed_ad_sets(world)


def seed_audience(world: World) -> None:
    store = world.store(NAME)
    found = [hashlib.sha256(f"made by hand {n}".encode()).digest() for n in range(400)]
    rows = np.unique(np.array(found, dtype=f"S{WIDTH}"))
    store.change_members(FOREIGN_AUDIENCE, "replace", rows)
    matched = matched_people(world, rows)
    store.put(
        "audience",
        FOREIGN_AUDIENCE,
        {
            "id": FOREIGN_AUDIENCE,
            "account": str(ACCOUNT),
            "name": "made by hand",
            "subtype": "CUSTOM",
            "customer_file_source": "USER_PROVIDED_ONLY",
            "audience_labels": ["AT_RISK"],
            "time_created": 0,
            "time_updated": 0,
            "matched": matched,
            "matched_before": matched,
            "visible_at": 0.0,
            "populated_at": 1.0,
        },
    )


def seed_rule_set(world: World) -> None:
    label = {
        "id": "85000000000000001",
        "criteria_type": "AUDIENCE_LABEL",
        "operator": "CONTAINS",
        "criteria_values": ["AT_RISK"],
        "criteria_value_types": ["NONE"],
    }
    age = {**label, "id": "85000000000000002", "criteria_type": "AGE", "criteria_values": ["18-24"]}
    rules = [
        {"id": "85000000000000003", "name": "win back", "adjust_sign": "INCREASE",
         "adjust_value": 20, "status": "ACTIVE", "criterias": [label]},
        {"id": "85000000000000004", "name": "students", "adjust_sign": "DECREASE",
         "adjust_value": 15, "status": "ACTIVE", "criterias": [age]},
    ]  # fmt: skip
    rule_set = {
        "id": FOREIGN_RULE_SET,
        "account": str(ACCOUNT),
        "name": "by hand",
        "status": "ACTIVE",
        "product_type": "AUDIENCE",
        "rules": rules,
    }
    world.store(NAME).put("rule_set", FOREIGN_RULE_SET, rule_set)


def seed_campaigns(world: World) -> None:
    campaigns: dict[int, Document] = {
        CAMPAIGN: {"id": CAMPAIGN, "account": str(ACCOUNT)},
        BUDGET_CAMPAIGN: {
            "id": BUDGET_CAMPAIGN,
            "account": str(ACCOUNT),
            "bid_strategy": "LOWEST_COST_WITHOUT_CAP",
            "daily_budget": 20_000,
        },
    }
    for number, campaign in campaigns.items():
        world.store(NAME).put("campaign", number, campaign)


def bid_settings() -> dict[int, Document]:
    """How each ad set bids, and what somebody set on it by hand."""
    by_hand = {"user_groups": {"custom_audience": {str(FOREIGN_AUDIENCE): 0.8, "default": 1.0}}}
    settings: dict[int, Document] = {
        AD_SET: {
            "bid_strategy": "LOWEST_COST_WITHOUT_CAP",
            "value_rule_set_id": str(FOREIGN_RULE_SET),
            "value_rules_applied": True,
        },
        BID_CAP_AD_SET: {
            "bid_strategy": "LOWEST_COST_WITH_BID_CAP",
            "bid_amount": 250,
            "bid_adjustments": by_hand,
        },
        COST_CAP_AD_SET: {"bid_strategy": "COST_CAP", "bid_amount": 1200},
        ROAS_AD_SET: {
            "bid_strategy": "LOWEST_COST_WITH_MIN_ROAS",
            "bid_constraints": {"roas_average_floor": 20_000},
        },
    }
    return settings | {one: {"daily_budget": None} for one in (FIRST_OF_TWO, SECOND_OF_TWO)}


def seed_ad_sets(world: World) -> None:
    for number, given in bid_settings().items():
        ad_set = {
            "id": number,
            "account": str(ACCOUNT),
            "name": f"Prospecting {number % 10}",
            "campaign_id": str(CAMPAIGN if number < FIRST_OF_TWO else BUDGET_CAMPAIGN),
            "status": "ACTIVE",
            "daily_budget": 5000,
            "targeting": {"geo_locations": {"countries": ["DE"]}},
            "value_rule_set_id": None,
            "value_rules_applied": False,
            **given,
        }
        world.store(NAME).put("adset", number, ad_set)
