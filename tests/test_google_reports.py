"""Google: conditions, strategies, objects with their labels, and figures per list."""

from datetime import date
from decimal import Decimal

import pytest

from bids.model import BidObject, FoundObject, Level
from connectors.base import SpendRow, Strategy
from connectors.errors import ContractBroken
from tests.support.members import digest
from tests.support.wire_google import CAMPAIGN, GROUP, LISTS, connector, known, search, wrong

__all__ = ["connector", "known"]


def test_a_list_is_its_own_condition(net, known):
    query = "SELECT user_list.id FROM user_list WHERE user_list.id = 555"
    search(net, query, {"userList": {"id": "555"}})
    search(net, query)
    assert known.condition_for("555", "vip") == "555"
    assert known.find_condition("555", "vip") is None


def test_strategies_say_what_a_correction_acts_on(net, known):
    query = "SELECT {0}.id, campaign.bidding_strategy_type FROM {0} WHERE {0}.id IN ({1})"
    rows = [
        {"campaign": {"id": "2", "biddingStrategyType": "MANUAL_CPC"}},
        {"campaign": {"id": "5", "biddingStrategyType": "TARGET_IMPRESSION_SHARE"}},
    ]
    search(net, query.format("campaign", "2, 4, 5"), *rows)
    row = {"adGroup": {"id": "3"}, "campaign": {"biddingStrategyType": "TARGET_ROAS"}}
    search(net, query.format("ad_group", "3"), row)
    four, five = (BidObject("g", "google", Level.CAMPAIGN, one) for one in ("4", "5"))
    assert known.strategies([GROUP, five, CAMPAIGN, four]) == (
        Strategy(GROUP, "TARGET_ROAS", "ignored"),
        Strategy(five, "TARGET_IMPRESSION_SHARE", "unknown"),
        Strategy(CAMPAIGN, "MANUAL_CPC", "bid"),
        Strategy(four, "", "unknown"),
    )


LABELS = "SELECT label.resource_name, label.name FROM label"


def test_objects_are_listed_with_their_labels(net, known):
    label = {"resourceName": "customers/1/labels/5", "name": "steered"}
    search(net, LABELS, {"label": label})
    names = [label["resourceName"], "customers/1/labels/404"]
    rows = [
        {"campaign": {"id": "2", "name": "Brand", "labels": names}},
        {"campaign": {"id": "9", "name": "Other"}},
    ]
    query = (
        "SELECT campaign.id, campaign.name, campaign.labels FROM campaign "
        "WHERE campaign.status != 'REMOVED' "
        "AND campaign.advertising_channel_type IN ('SEARCH', 'SHOPPING')"
    )
    search(net, query, *rows)
    nine = BidObject("g", "google", Level.CAMPAIGN, "9")
    assert known.objects(Level.CAMPAIGN) == (
        FoundObject(CAMPAIGN, "Brand", ("steered",)),
        FoundObject(nine, "Other"),
    )
    search(net, LABELS)
    query = (
        "SELECT ad_group.id, ad_group.name, ad_group.labels FROM ad_group "
        "WHERE campaign.status != 'REMOVED' AND ad_group.status != 'REMOVED'"
    )
    search(net, query, {"adGroup": {"id": "3", "name": "Shoes"}})
    assert known.objects(Level.AD_GROUP) == (FoundObject(GROUP, "Shoes"),)


FIGURES = (
    "metrics.impressions, metrics.clicks, metrics.cost_micros, metrics.conversions, "
    "metrics.conversions_value"
)
DAYS = "segments.date BETWEEN '2026-11-01' AND '2026-11-21'"


def figures(day, *values, **more):
    names = ("impressions", "clicks", "costMicros", "conversions", "conversionsValue")
    metrics = {name: value for name, value in zip(names, values, strict=True) if value}
    body = {"campaign": {"id": "2"}, "segments": {"date": day}, "metrics": metrics}
    return {**body, **more}


def test_spend_is_told_per_list_and_for_the_rest(net, known):
    view = (
        f"SELECT segments.date, campaign.id, {FIGURES}, "
        "campaign_criterion.user_list.user_list FROM campaign_audience_view "
        f"WHERE {DAYS} AND campaign.id IN (2)"
    )
    named = {"userList": {"userList": "customers/1234567890/userLists/555"}}
    search(
        net,
        view,
        figures("2026-11-01", "100", "10", "1500000", 0.5, 99.9, campaignCriterion=named),
        figures("2026-11-01", "7", "1", "1", 0, 0, campaignCriterion={}),
    )
    total = f"SELECT segments.date, campaign.id, {FIGURES} FROM campaign "
    search(
        net,
        f"{total}WHERE {DAYS} AND campaign.id IN (2)",
        figures("2026-11-01", "300", "10", "4500000", 2.0, 250.0),
        figures("2026-11-02", "1", "", "", "", ""),
    )
    rows = known.spend([CAMPAIGN], date(2026, 11, 1), date(2026, 11, 21))
    zero = Decimal(0)
    first, second = date(2026, 11, 1), date(2026, 11, 2)
    assert rows == (
        SpendRow(first, CAMPAIGN, None, 200, 0, Decimal(3), Decimal("1.5"), Decimal("150.1")),
        SpendRow(first, CAMPAIGN, "555", 100, 10, Decimal("1.5"), Decimal("0.5"), Decimal("99.9")),
        SpendRow(second, CAMPAIGN, None, 1, 0, zero, zero, zero),
    )


def test_names_are_told_in_full_and_nothing_else(net, known):
    long = "A_REASON_OF_MORE_THAN_TWENTY_FOUR_CHARACTERS"
    for reason in (long, digest("somebody")):
        net.add("GET", LISTS, **wrong(400, reason))
    with pytest.raises(ContractBroken, match=long):
        known.check()
    with pytest.raises(ContractBroken) as caught:
        known.check()
    assert digest("somebody")[:12] not in str(caught.value)
