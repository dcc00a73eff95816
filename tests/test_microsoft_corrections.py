"""Microsoft: corrections of campaigns and ad groups, read per object and written in turn."""

import logging

import pytest
import responses

from bids.model import BidObject, CorrectionChange, Level, PresentCorrection
from connectors.base import Strategy
from connectors.errors import ContractBroken, CredentialsRefused
from tests.support.wire_microsoft import (
    BASE,
    CAMPAIGN,
    LIST,
    call,
    connector,
    error,
    fault,
    secrets,
)

__all__ = ["connector", "secrets"]


GROUP = BidObject("ms", "microsoft", Level.AD_GROUP, "61")


def read(where):
    name, number = ("Campaign", "5") if where is CAMPAIGN else ("AdGroup", "61")
    body = {f"{name}Id": number, "CriterionType": "CustomerList", f"{name}CriterionIds": None}
    return f"{name}Criterions/QueryByIds", body


def criterion(name, where, number, audience, percent, **more):
    given = {
        "Type": f"Biddable{name}Criterion",
        "Id": number,
        f"{name}Id": where,
        "Status": "Active",
        "Criterion": {
            "Type": "AudienceCriterion",
            "AudienceId": audience,
            "AudienceType": "CustomerList",
        },
        "CriterionBid": {"Type": "BidMultiplier", "Multiplier": percent},
    }
    return given | more


def present(net, *found):
    call(net, *read(CAMPAIGN), {"CampaignCriterions": list(found), "PartialErrors": []})


def test_corrections_are_read_of_each_object(net, connector):
    negative = criterion("Campaign", "5", "9003", "7", None, Type="NegativeCampaignCriterion")
    unset = criterion("Campaign", "5", "9004", "8", None, CriterionBid=None)
    present(net, criterion("Campaign", "5", "9001", LIST, 25.0), negative, unset)
    mine = {"AdGroupCriterions": [criterion("AdGroup", "61", "9002", LIST, -90.0)]}
    call(net, *read(GROUP), mine)
    assert connector.read_corrections([CAMPAIGN, GROUP]) == (
        PresentCorrection(CAMPAIGN, LIST, "9001", 25),
        PresentCorrection(CAMPAIGN, "8", "9004", 0),
        PresentCorrection(GROUP, LIST, "9002", -90),
    )


def wanted(percent, correction=None, where=CAMPAIGN, condition=LIST):
    return CorrectionChange(where, "vip", condition, correction, percent)


def standing(net, *campaigns, ids=("5",)):
    types = "Search, Shopping, DynamicSearchAds, Audience, Hotel, PerformanceMax, App"
    body = {"AccountId": "123456789", "CampaignType": types, "CampaignIds": list(ids)}
    found = campaigns or [{"Id": "5", "BiddingScheme": {"Type": "EnhancedCpc"}, "Settings": []}]
    call(net, "Campaigns/QueryByIds", body, {"Campaigns": list(found), "PartialErrors": []})


def add_body(*percents, condition=LIST, name="Campaign", where="5"):
    items = [criterion(name, where, "", condition, percent) for percent in percents]
    for one in items:
        del one["Id"], one["Status"]
    return {"CriterionType": "Audience", f"{name}Criterions": items}


def answered(*ids, errors=(), name="Campaign"):
    return {f"{name}CriterionIds": list(ids), "NestedPartialErrors": list(errors)}


def test_a_correction_is_added(net, connector):
    standing(net)
    call(net, "CampaignCriterions", add_body(-30), answered("9001"))
    (receipt,) = connector.write_corrections([wanted(-30)])
    assert (receipt.correction_id, receipt.refused) == ("9001", "")


def test_a_correction_of_an_ad_group_looks_for_its_campaign_once(net, connector):
    types = "Search, Shopping, DynamicSearchAds, Audience, Hotel, PerformanceMax, App"
    account = {"AccountId": "123456789", "CampaignType": types}
    call(net, "Campaigns/QueryByAccountId", account, {"Campaigns": [{"Id": "5"}, {"Id": "6"}]})
    groups = "AdGroups/QueryByCampaignId"
    call(net, groups, {"CampaignId": "5"}, {"AdGroups": [{"Id": "51"}]})
    call(net, groups, {"CampaignId": "6"}, {"AdGroups": [{"Id": "61"}, {"Id": "62"}]})
    for number in ("9001", "9002"):
        standing(net, {"Id": "6"}, ids=["6"])
        body = {"CampaignId": "6", "AdGroupIds": ["61"]}
        call(net, "AdGroups/QueryByIds", body, {"AdGroups": [{"Id": "61"}]})
        body = add_body(45, name="AdGroup", where="61")
        call(net, "AdGroupCriterions", body, answered(number, name="AdGroup"))
        (receipt,) = connector.write_corrections([wanted(45, where=GROUP)])
        assert receipt.correction_id == number


def test_objects_are_listed_by_name_and_ended_ones_are_not(net, connector):
    types = "Search, Shopping, DynamicSearchAds, Audience, Hotel, PerformanceMax, App"
    account = {"AccountId": "123456789", "CampaignType": types}
    campaigns = [
        {"Id": "5", "Name": "Brand", "Status": "BudgetPaused"},
        {"Id": "6", "Name": "Old", "Status": "Deleted"},
        {"Id": "7", "Name": "Shoes", "Status": "Active"},
    ]
    for _ in Level:
        call(net, "Campaigns/QueryByAccountId", account, {"Campaigns": campaigns})
    groups = [{"Id": "61", "Name": "Red", "Status": "Paused"}, {"Id": "62", "Status": "Expired"}]
    for number, found in (("5", groups), ("7", [])):
        call(net, "AdGroups/QueryByCampaignId", {"CampaignId": number}, {"AdGroups": found})
    named = [(one.object.object_id, one.name) for one in connector.objects(Level.CAMPAIGN)]
    assert named == [("5", "Brand"), ("7", "Shoes")]
    (group,) = connector.objects(Level.AD_GROUP)
    assert (group.object, group.name, group.labels) == (GROUP, "Red", ())


def test_corrections_are_set_and_removed(net, connector):
    body = {
        "CampaignId": "5",
        "CriterionType": "Audience",
        "CampaignCriterionIds": ["9001", "9002"],
    }
    told = error(4526, "CampaignCriterionDoesNotExist", 1)
    call(net, "CampaignCriterions", body, {"PartialErrors": [told]}, "DELETE")
    changed = add_body(900)
    changed["CampaignCriterions"][0]["Id"] = "9003"
    del changed["CampaignCriterions"][0]["Criterion"]
    call(net, "CampaignCriterions", changed, {"NestedPartialErrors": []}, "PUT")
    receipts = connector.write_corrections(
        [wanted(900, "9003"), wanted(None, "9001"), wanted(None, "9002"), wanted(None)]
    )
    assert [one.refused for one in receipts] == [""] * 4
    assert [one.correction_id for one in receipts] == ["9003", None, None, None]
    assert "4526" in receipts[2].warning


def test_what_is_out_of_range_is_not_sent(net, connector):
    receipts = connector.write_corrections([wanted(-91), wanted(901, "9001")])
    assert all("-90 to 900" in one.refused for one in receipts)


def nested(code, name, index):
    """Where the collection leaves the telling to the errors in it."""
    empty = error(None, None, index, "BatchErrorCollection")
    return empty | {"BatchErrors": [error(code, name, 0)]}


def test_refused_items_stop_no_other(net, connector):
    standing(net)
    changes = [wanted(10, condition="1"), wanted(20), wanted(30, condition="2")]
    items = [add_body(10, condition="1"), add_body(20), add_body(30, condition="2")]
    body = {**items[0], "CampaignCriterions": [one["CampaignCriterions"][0] for one in items]}
    errors = [
        nested(4522, "CampaignAlreadyHasAdGroupAudienceCriterion", 2),
        error(4835, "InvalidAudienceId", 0, "BatchErrorCollection"),
    ]
    call(net, "CampaignCriterions", body, answered(None, "9001", None, errors=errors))
    first, second, third = connector.write_corrections(changes)
    assert "InvalidAudienceId (4835)" in first.refused
    assert (second.correction_id, second.refused) == ("9001", "")
    assert "not on both" in third.refused


def test_a_refused_item_says_who_must_act(net, connector):
    standing(net)
    errors = [error(4524, "NotEnabledForAccount", 0, "BatchErrorCollection")]
    call(net, "CampaignCriterions", add_body(20), answered(None, errors=errors))
    (receipt,) = connector.write_corrections([wanted(20)])
    assert "Ask Microsoft to enable audiences of campaigns" in receipt.refused


def test_the_id_of_a_call_is_told_for_microsofts_support(net, connector, caplog):
    caplog.set_level(logging.DEBUG)
    tracking = {"TrackingId": "8b1f0e9a-71d3-4a9f-9f0f-5a3a3a4b7c11"}
    for status in (200, 400):
        answer = {"Audiences": []} if status == 200 else fault(100, "NullRequest")
        net.add("POST", BASE + "Audiences/QueryByIds", json=answer, status=status, headers=tracking)
    connector.check()
    assert tracking["TrackingId"] in caplog.text
    with pytest.raises(ContractBroken, match=f"request {tracking['TrackingId']}"):
        connector.check()


DUPLICATE = error(4521, "DuplicateCampaignCriterion", 0, "BatchErrorCollection")


@pytest.mark.parametrize(("there", "refused"), [(-30.0, ""), (15.0, "plan again")])
def test_a_duplicate_is_read_before_it_is_judged(net, connector, there, refused):
    standing(net)
    call(net, "CampaignCriterions", add_body(-30), answered(None, errors=[DUPLICATE]))
    present(net, criterion("Campaign", "5", "9001", LIST, there))
    (receipt,) = connector.write_corrections([wanted(-30)])
    assert refused in receipt.refused
    assert bool(receipt.refused) == bool(refused)
    assert receipt.correction_id == (None if refused else "9001")


def test_a_lost_answer_to_an_addition_is_looked_for(net, connector):
    standing(net)
    call(net, "CampaignCriterions", add_body(-30), responses.ConnectionError("cut"))
    present(net)
    call(net, "CampaignCriterions", add_body(-30), fault(833, "ServiceTimeOut"), status=500)
    present(net, criterion("Campaign", "5", "9001", LIST, -30.0))
    (receipt,) = connector.write_corrections([wanted(-30)])
    assert receipt.correction_id == "9001"


def test_an_object_that_reaches_its_lists_only_gets_no_other_list(net, connector):
    detail = {"CriterionTypeGroup": "Audience", "TargetAndBid": True}
    narrow = {"Id": "5", "Settings": [{"Type": "TargetSetting", "Details": [detail]}]}
    standing(net, narrow)
    (receipt,) = connector.write_corrections([wanted(-30)])
    assert "target and bid" in receipt.refused


def test_a_failure_before_anything_was_sent_is_raised_later_it_is_told(net, connector):
    body = {"CampaignId": "5", "CriterionType": "Audience", "CampaignCriterionIds": ["9001"]}
    call(net, "CampaignCriterions", body, fault(106, "UserIsNotAuthorized"), "DELETE", status=403)
    with pytest.raises(CredentialsRefused):
        connector.write_corrections([wanted(None, "9001"), wanted(20, "9002")])
    call(net, "CampaignCriterions", body, {"PartialErrors": []}, "DELETE")
    changed = add_body(20)
    changed["CampaignCriterions"][0]["Id"] = "9002"
    del changed["CampaignCriterions"][0]["Criterion"]
    refusal = fault(106, "UserIsNotAuthorized")
    call(net, "CampaignCriterions", changed, refusal, "PUT", status=403)
    gone, failed = connector.write_corrections([wanted(None, "9001"), wanted(20, "9002")])
    assert gone.refused == ""
    assert failed.refused.startswith("failed:")


@pytest.mark.parametrize(
    ("scheme", "acts_on"),
    [
        ("EnhancedCpc", "bid"),
        ("ManualCpc", "bid"),
        ("TargetRoas", "ignored"),
        ("TargetRoasBiddingScheme", "ignored"),
        ("MaxConversionValueBiddingScheme", "ignored"),
        ("MaxClicks", "ignored"),
        ("Commission", "unknown"),
    ],
)
def test_what_a_correction_acts_on(net, connector, scheme, acts_on):
    standing(net, {"Id": "5", "BiddingScheme": {"Type": scheme}, "Settings": None})
    assert connector.strategies([CAMPAIGN]) == (
        Strategy(CAMPAIGN, scheme.removesuffix("BiddingScheme"), acts_on),
    )
