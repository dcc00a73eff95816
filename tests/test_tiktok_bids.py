"""TikTok: bids of ad groups, read as corrections and written as amounts."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids.model import FoundObject, Level, PresentCorrection
from connectors.base import Strategy
from connectors.errors import (
    CredentialsRefused,
)
from connectors.tiktok_groups import bid_at, in_step, percent_between
from tests.support.wire_tiktok import (
    C5,
    C6,
    EVERYBODY,
    G1,
    G2,
    OURS,
    ad_group,
    bid,
    campaign,
    change,
    connector,
    details,
    get,
    groups,
    pages,
    said,
    vip,
)

__all__ = ["connector"]


def test_a_correction_is_a_bid_against_everybodys(net, connector):
    campaign(net, vip(bid_price=1.0), EVERYBODY)
    assert connector.read_corrections([G1]) == (PresentCorrection(G1, "101", "11", 25),)


@pytest.mark.parametrize(
    ("mine", "others"),
    [
        (vip(bid_price=0.8), [EVERYBODY]),  # the neutral bid is no correction
        (vip(), []),  # nobody to compare with
        (vip(), [ad_group("19", audience_ids=["7"])]),
        (vip(), [ad_group("19", billing_event="CPM", bid_price=0.8)]),
        (vip(), [ad_group("19", optimization_goal="REACH", bid_price=0.8)]),
        (vip(), [EVERYBODY, ad_group("18", bid_price=0.7)]),  # which of them?
        (vip(bid_type="BID_TYPE_NO_BID"), [EVERYBODY]),
        (ad_group("11", audience_ids=["101", "102"]), [EVERYBODY]),
        (ad_group("11"), [EVERYBODY]),
    ],
)
def test_where_there_is_no_correction(net, connector, mine, others):
    campaign(net, mine, *others)
    assert connector.read_corrections([G1]) == ()


def test_a_return_on_spend_is_left_as_it_is(net, connector):
    asking = {"billing_event": "OCPM", "bid_price": 0, "conversion_bid_price": 0, "roas_bid": 2.5}
    for _ in range(2):
        campaign(net, vip(**asking), ad_group("19", **asking))
    (receipt,) = connector.write_corrections([change(-30)])
    assert "roas_bid" in receipt.refused
    (strategy,) = connector.strategies([G1])
    assert strategy == Strategy(G1, "OCPM BID_TYPE_CUSTOM roas_bid", "ignored")


def test_who_leaves_the_list_out_is_everybody_else(net, connector):
    without = ad_group("18", bid_price=0.5, excluded_audience_ids=["101"])
    campaign(net, vip(bid_price=1.0), EVERYBODY, without)
    assert connector.read_corrections([G1])[0].percent == 100


def test_a_target_cost_is_corrected_under_its_own_name(net, connector):
    target = {"billing_event": "OCPM", "bid_price": 0, "conversion_bid_price": 20}
    campaign(net, vip(**target), ad_group("19", **target))
    bid(net, "11", conversion_bid_price=14.0)
    (receipt,) = connector.write_corrections([change(-30)])
    assert (receipt.refused, receipt.correction_id) == ("", "11")


def test_a_correction_is_written_and_taken_away(net, connector):
    campaign(net, vip(bid_price=0.8), EVERYBODY)
    bid(net, "11", bid_price=0.6)
    bid(net, "11", bid_price=0.8)
    added, removed, again = connector.write_corrections(
        [change(-25), change(None, "11"), change(None, "11")]
    )
    assert (added.correction_id, added.warning) == ("11", "")
    assert (removed.correction_id, removed.refused, again.refused) == (None, "", "")


def test_a_correction_that_falls_between_two_cents_says_so(net, connector):
    campaign(net, vip(bid_price=0.8), ad_group("19", bid_price=0.3))
    bid(net, "11", bid_price=0.21)
    (receipt,) = connector.write_corrections([change(-31)])
    assert receipt.refused == ""
    assert receipt.warning == "bids go in steps of 0.01: 0.21 is -30 % of 0.3"


def test_what_cannot_be_corrected_is_refused_with_the_reason(net, connector):
    groups(net, {"adgroup_ids": ["11", "12"]}, vip())
    groups(net, {"campaign_ids": ["5"]}, vip(), EVERYBODY)
    receipts = connector.write_corrections(
        [change(-30, condition="7"), change(-30, where=G2), change(-91), change(301)]
    )
    reasons = ["make one ad group per segment", "no such ad group", "-90 to 300", "-90 to 300"]
    assert [reason in one.refused for reason, one in zip(reasons, receipts, strict=True)] == [
        True
    ] * 4


@pytest.mark.parametrize(
    ("code", "refused"), [(40012, False), (40050, False), (40002, True), (40007, True)]
)
def test_what_tiktok_says_of_a_bid(net, connector, code, refused):
    campaign(net, vip(bid_price=0.8), EVERYBODY)
    bid(net, "11", {"json": said(code=code, message="said")}, bid_price=0.4)
    (receipt,) = connector.write_corrections([change(-50)])
    assert bool(receipt.refused) == refused


def test_no_receipt_is_lost_when_the_rights_go_in_between(net, connector):
    other = ad_group("12", audience_ids=["102"])
    groups(net, {"adgroup_ids": ["11", "12"]}, vip(), other)
    groups(net, {"campaign_ids": ["5"]}, vip(), other, EVERYBODY)
    bid(net, "11", bid_price=0.4)
    bid(net, "12", {"json": said(code=40001)}, bid_price=0.4)
    done, failed, never = connector.write_corrections(
        [change(-50), change(-50, condition="102", where=G2), change(-40)]
    )
    assert done.refused == ""
    assert ["40001" in one.refused for one in (failed, never)] == [True, True]


def test_a_failure_before_anything_was_sent_is_raised(net, connector):
    campaign(net, vip(), EVERYBODY)
    bid(net, "11", {"json": said(code=40001)}, bid_price=0.4)
    with pytest.raises(CredentialsRefused):
        connector.write_corrections([change(-50)])


def test_strategies(net, connector):
    automatic = ad_group("12", bid_type="BID_TYPE_NO_BID", billing_event="OCPM")
    groups(net, {"adgroup_ids": ["11", "12"]}, vip(), automatic)
    groups(net, {"campaign_ids": ["5", "6"]}, vip(), automatic, ad_group("13", campaign_id="6"))
    assert connector.strategies([G1, G2, C5, C6]) == (
        Strategy(G1, "CPC BID_TYPE_CUSTOM", "bid"),
        Strategy(G2, "OCPM BID_TYPE_NO_BID", "ignored"),
        Strategy(C5, "CPC BID_TYPE_CUSTOM, OCPM BID_TYPE_NO_BID", "unknown"),
        Strategy(C6, "CPC BID_TYPE_CUSTOM", "bid"),
    )


def test_a_correction_of_a_campaign_lands_on_the_ad_group_of_the_segment(net, connector):
    loyal = ad_group("12", audience_ids=["102"], bid_price=1.2)
    twice = [ad_group(number, audience_ids=["103"], bid_price=9.0) for number in ("13", "14")]
    held = [vip(bid_price=0.8), loyal, *twice, EVERYBODY]
    for _ in range(2):
        groups(net, {"campaign_ids": ["5"]}, *held)
    bid(net, "11", bid_price=1.2)
    assert connector.read_corrections([C5]) == (PresentCorrection(C5, "102", "12", 50),)
    first, nowhere, several = connector.write_corrections(
        [change(50, condition=number, where=C5) for number in ("101", "104", "103")]
    )
    assert (first.correction_id, first.refused) == ("11", "")
    assert nowhere.refused.startswith("no ad group here is shown to this segment alone")
    assert several.refused.startswith("several ad groups are shown to this segment alone")


def test_a_campaign_that_is_not_there(net, connector):
    groups(net, {"campaign_ids": ["5"]})
    (receipt,) = connector.write_corrections([change(-30, where=C5)])
    assert receipt.refused == "there is no such campaign"


def test_campaigns_and_ad_groups_by_name(net, connector):
    rows = [
        {"campaign_id": "5", "campaign_name": "Spring"},
        {"campaign_id": "6", "campaign_name": "Autumn"},
        {"campaign_id": "5", "campaign_name": "Spring"},
    ]
    query = {"page": "1", "page_size": "1000", "fields": ["campaign_id", "campaign_name"]}
    get(net, "adgroup/get/", query, pages(rows))
    assert connector.objects(Level.CAMPAIGN) == (
        FoundObject(C5, "Spring"),
        FoundObject(C6, "Autumn"),
    )
    get(
        net,
        "adgroup/get/",
        {**query, "fields": ["adgroup_id", "adgroup_name"]},
        pages([{"adgroup_id": "11", "adgroup_name": "vip"}]),
    )
    assert connector.objects(Level.AD_GROUP) == (FoundObject(G1, "vip"),)


def test_the_list_itself_is_what_a_correction_names(net, connector):
    details(net, OURS)
    details(net, OURS)
    details(net)
    assert connector.condition_for("101", "adsteer: vip") == "101"
    assert connector.find_condition("101", "adsteer: vip") == "101"
    assert connector.find_condition("101", "adsteer: vip") is None


@given(base=st.decimals(min_value=1, max_value=100, places=2), percent=st.integers(-90, 300))
def test_a_correction_of_a_bid_of_one_or_more_is_read_as_it_was_written(base, percent):
    written = bid_at(base, percent)
    assert percent_between(written, base) == percent
    assert in_step(base, written, percent) == ""


@given(base=st.decimals(min_value="0.01", max_value=1, places=2), percent=st.integers(-90, 300))
def test_a_small_bid_is_near_and_says_so(base, percent):
    written = bid_at(base, percent)
    assert written >= Decimal("0.01")
    assert (in_step(base, written, percent) == "") == (percent_between(written, base) == percent)
