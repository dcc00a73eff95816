"""Google: bid corrections, read per level and written in one request with one answer each."""

import pytest

from bids.model import BidObject, Level, PresentCorrection
from connectors.errors import ContractBroken, RuleRefused
from tests.support.google_types import ADS, assert_wire
from tests.support.wire_google import (
    CAMPAIGN,
    GROUP,
    ads,
    ads_wrong,
    changed,
    connector,
    failure,
    known,
    mutate,
    search,
    update,
)

__all__ = ["connector", "known"]


# Reading corrections


def criteria(kind, ids):
    return (
        f"SELECT {kind}.id, {kind}_criterion.resource_name, "
        f"{kind}_criterion.user_list.user_list, {kind}_criterion.bid_modifier, "
        f"{kind}_criterion.negative FROM {kind}_criterion "
        f"WHERE {kind}_criterion.type = 'USER_LIST' AND {kind}_criterion.status != 'REMOVED' "
        f"AND {kind}.id IN ({ids})"
    )


def criterion(kind, parent, number, **more):
    collection = "campaignCriteria" if kind == "campaign" else "adGroupCriteria"
    body = {
        "resourceName": f"customers/1234567890/{collection}/{parent}~{number}",
        "userList": {"userList": "customers/1234567890/userLists/555"},
        **more,
    }
    return {kind: {"id": str(parent)}, f"{kind}Criterion": body}


def test_corrections_are_read_per_level(net, known):
    rows = [
        criterion("campaign", 2, 9, bidModifier=0.7),
        criterion("campaign", 2, 10),
        criterion("campaign", 2, 11, negative=True),
    ]
    search(net, criteria("campaign", "2"), *rows)
    search(net, criteria("ad_group", "3"), criterion("adGroup", 3, 12, bidModifier=10.0))
    assert known.read_corrections([GROUP, CAMPAIGN]) == (
        PresentCorrection(CAMPAIGN, "555", "2~9", -30),
        PresentCorrection(CAMPAIGN, "555", "2~10", 0),
        PresentCorrection(GROUP, "555", "3~12", 900),
    )
    assert_wire(f"{ADS}.google_ads_service", "SearchGoogleAdsRequest", {"query": "SELECT x"})


def test_rows_come_in_pages(net, known):
    query = criteria("campaign", "2")
    first = {"results": [criterion("campaign", 2, 9)], "nextPageToken": "p2"}
    search(net, query, json=first)
    second = {"results": [criterion("campaign", 2, 10)]}
    ads(net, "googleAds:search", {"query": query, "pageToken": "p2"}, json=second)
    assert [one.correction_id for one in known.read_corrections([CAMPAIGN])] == ["2~9", "2~10"]


def test_an_id_that_is_none_is_the_editors(connector):
    strange = BidObject("g", "google", Level.CAMPAIGN, "2) OR campaign.id IN (1")
    with pytest.raises(RuleRefused, match="digits"):
        connector.read_corrections([strange])


# Writing corrections


def creation(percent, number="555", **where):
    where = where or {"campaign": "customers/1234567890/campaigns/2"}
    named = {"userList": f"customers/1234567890/userLists/{number}"}
    return {"create": {**where, "userList": named, "bidModifier": round(1 + percent / 100, 2)}}


def removal(tail):
    return {"remove": f"customers/1234567890/campaignCriteria/{tail}"}


OBSERVED = {"targetRestrictions": [{"targetingDimension": "AUDIENCE", "bidOnly": True}]}
TARGETS = {"targetRestrictions": [{"targetingDimension": "AUDIENCE"}]}
SETTINGS = (
    "SELECT campaign.id, campaign.targeting_setting.target_restrictions FROM campaign "
    "WHERE campaign.id IN (2)"
)
GROUP_SETTINGS = (
    "SELECT ad_group.id, ad_group.targeting_setting.target_restrictions, "
    "campaign.targeting_setting.target_restrictions FROM ad_group WHERE ad_group.id IN (3)"
)
KINDS = (
    "'USER_LIST', 'USER_INTEREST', 'CUSTOM_AUDIENCE', 'CUSTOM_AFFINITY', 'CUSTOM_INTENT', "
    "'COMBINED_AUDIENCE', 'AUDIENCE', 'LIFE_EVENT'"
)


def attached(kind, within, ids):
    return (
        f"SELECT {within}.id, {kind}_criterion.negative FROM {kind}_criterion "
        f"WHERE {kind}_criterion.type IN ({KINDS}) AND {kind}_criterion.status != 'REMOVED' "
        f"AND {within}.id IN ({ids})"
    )


def observed(net, setting=OBSERVED):
    search(net, SETTINGS, {"campaign": {"id": "2", "targetingSetting": setting}})


def test_changes_are_sent_and_answered_in_their_order(net, known):
    mutate(net, "campaignCriteria", [removal("2~11")], "2~11")
    mutate(net, "campaignCriteria", [update(40, "2~9"), update(-90, "2~12")], "2~9", "2~12")
    observed(net)
    mutate(net, "campaignCriteria", [creation(-30), creation(900, "556")], "2~14", "2~15")
    changes = [
        changed(-30),
        changed(40, "2~9"),
        changed(900, condition="556"),
        changed(None, "2~11"),
        changed(-90, "2~12"),
        changed(None),
        changed(-91),
        changed(901, "2~9"),
    ]
    receipts = known.write_corrections(changes)
    assert [one.change for one in receipts] == changes
    assert [one.correction_id for one in receipts[:6]] == [
        "2~14",
        "2~9",
        "2~15",
        None,
        "2~12",
        None,
    ]
    assert [bool(one.refused) for one in receipts] == [False] * 6 + [True, True]
    for operations in ([removal("2~11")], [update(40, "2~9")], [creation(-30)]):
        body = {"operations": operations, "partialFailure": True}
        service = f"{ADS}.campaign_criterion_service"
        assert_wire(service, "MutateCampaignCriteriaRequest", body)


def test_a_group_is_observed_before_a_list_is_attached(net, known):
    search(net, GROUP_SETTINGS, {"adGroup": {"id": "3"}, "campaign": {}})
    search(net, attached("ad_group", "ad_group", "3"))
    value = {"targetingDimension": "AUDIENCE", "bidOnly": True}
    setting = {"targetRestrictionOperations": [{"operator": "ADD", "value": value}]}
    name = "customers/1234567890/adGroups/3"
    switch = {
        "updateMask": "targetingSetting.targetRestrictionOperations",
        "update": {"resourceName": name, "targetingSetting": setting},
    }
    mutate(net, "adGroups", [switch], "3")
    create = creation(25, adGroup=name)
    mutate(net, "adGroupCriteria", [create], "3~20")
    (receipt,) = known.write_corrections([changed(25, where=GROUP)])
    assert (receipt.correction_id, receipt.refused) == ("3~20", "")
    wires = {
        "ad_group_service.MutateAdGroupsRequest": switch,
        "ad_group_criterion_service.MutateAdGroupCriteriaRequest": create,
    }
    for cls, operation in wires.items():
        module, _, name = cls.rpartition(".")
        assert_wire(f"{ADS}.{module}", name, {"operations": [operation]})


@pytest.mark.parametrize(
    "above",
    [
        [("campaign", {"negative": False})],
        [("campaign", {"negative": True}), ("ad_group", {})],
    ],
)
def test_where_audiences_are_targeted_nothing_is_attached(net, known, above):
    observed(net, TARGETS)
    for kind in ("campaign", "ad_group"):
        key = "campaignCriterion" if kind == "campaign" else "adGroupCriterion"
        rows = [{"campaign": {"id": "2"}, key: body} for name, body in above if name == kind]
        search(net, attached(kind, "campaign", "2"), *rows)
    (receipt,) = known.write_corrections([changed(25)])
    assert "Observation" in receipt.refused


def test_a_group_of_a_campaign_that_targets_is_left_alone(net, known):
    row = {"adGroup": {"id": "3"}, "campaign": {"targetingSetting": TARGETS}}
    search(net, GROUP_SETTINGS, row)
    (receipt,) = known.write_corrections([changed(25, where=GROUP)])
    assert "targets audiences" in receipt.refused


def test_a_group_of_a_campaign_that_observes_needs_nothing(net, known):
    row = {"adGroup": {"id": "3"}, "campaign": {"targetingSetting": OBSERVED}}
    search(net, GROUP_SETTINGS, row)
    create = creation(25, adGroup="customers/1234567890/adGroups/3")
    mutate(net, "adGroupCriteria", [create], "3~20")
    assert known.write_corrections([changed(25, where=GROUP)])[0].refused == ""


def test_an_object_that_is_not_there_is_refused(net, known):
    search(net, SETTINGS)
    (receipt,) = known.write_corrections([changed(25)])
    assert "not in the account" in receipt.refused


def test_refused_items_are_data(net, known):
    observed(net)
    refused = failure("criterionError", "INVALID_USER_LIST", 0)
    operations = [creation(-30, "1"), creation(-20, "2")]
    mutate(net, "campaignCriteria", operations, "", "2~15", failures=[refused])
    bad, good = known.write_corrections([changed(-30, condition="1"), changed(-20, condition="2")])
    assert (bad.refused, bad.correction_id) == ("INVALID_USER_LIST said", None)
    assert (good.refused, good.correction_id) == ("", "2~15")


def test_a_zero_index_may_be_left_out(net, known):
    refused = failure("rangeError", "TOO_HIGH")
    refused["location"] = {"fieldPathElements": [{"fieldName": "operations"}]}
    mutate(net, "campaignCriteria", [update(40, "2~9")], "", failures=[refused])
    assert known.write_corrections([changed(40, "2~9")])[0].refused == "TOO_HIGH said"


def test_a_correction_that_is_gone_is_removed(net, known):
    gone = failure("mutateError", "RESOURCE_NOT_FOUND", 0)
    mutate(net, "campaignCriteria", [removal("2~11")], "", failures=[gone])
    (receipt,) = known.write_corrections([changed(None, "2~11")])
    assert (receipt.refused, receipt.correction_id) == ("", None)


def test_corrections_whose_answer_was_lost_are_not_added_twice(net, known):
    observed(net)
    both = {"operations": [creation(-30, "1"), creation(-20, "2")], "partialFailure": True}
    ads(net, "campaignCriteria:mutate", both, **ads_wrong(500))
    there = criterion("campaign", 2, 21, bidModifier=0.7)
    there["campaignCriterion"]["userList"]["userList"] = "customers/1234567890/userLists/1"
    search(net, criteria("campaign", "2"), there)
    mutate(net, "campaignCriteria", [creation(-20, "2")], "2~22")
    changes = [changed(-30, condition="1"), changed(-20, condition="2")]
    assert [one.correction_id for one in known.write_corrections(changes)] == ["2~21", "2~22"]


def test_no_receipt_is_lost_when_operations_run_out_in_between(net, known):
    mutate(net, "campaignCriteria", [update(40, "2~9")], "2~9")
    search(net, SETTINGS, **ads_wrong(429, failure("quotaError", "RESOURCE_EXHAUSTED")))
    added, done = known.write_corrections([changed(-30), changed(40, "2~9")])
    assert (done.correction_id, done.refused) == ("2~9", "")
    assert "RESOURCE_EXHAUSTED" in added.refused


@pytest.mark.parametrize("results", [[], ["2~9", "2~10"], [""]])
def test_an_answer_with_other_items_is_not_trusted(net, known, results):
    mutate(net, "campaignCriteria", [update(40, "2~9")], *results)
    with pytest.raises(ContractBroken):
        known.write_corrections([changed(40, "2~9")])
