"""Meta: bid multipliers, changes that cannot be, and how ad sets bid."""

import json

import pytest

from bids.model import BidObject, Level
from connectors.base import Strategy
from connectors.errors import ContractBroken, QuotaGone
from tests.support.wire_meta import (
    ACT,
    AD_SET,
    AD_SETS,
    AUDIENCES,
    BASE,
    BID_CAP,
    CAPPED,
    FIND,
    FREE,
    HERE,
    LIST,
    THERE,
    VIP,
    account,
    change,
    connector,
    error,
    got,
    rule,
    rule_set,
    sent,
    standing,
)

__all__ = ["account", "connector"]


def test_multipliers_lower_where_value_rules_do_not_work(net, connector):
    groups = json.dumps({"custom_audience": {"7": 0.8, "default": 0.5}})
    lowered = {**CAPPED, "bid_adjustments": {"user_groups": groups}}
    standing(net, ad_sets=[lowered])
    factors = {"7": 0.8, "default": 0.5, LIST: 0.7}
    body = {"bid_adjustments": {"user_groups": {"custom_audience": factors}}}
    sent(net, BID_CAP, body, {"success": True})
    raised, set_ = connector.write_corrections([change(10, THERE), change(-30, THERE)])
    assert "only lowers" in raised.refused
    assert (set_.refused, set_.correction_id) == ("", f"{BID_CAP}/{LIST}")


@pytest.mark.parametrize("everybody", [{}, {"default": 1.0}])
def test_the_last_multiplier_leaves_none(net, connector, everybody):
    groups = json.dumps({"custom_audience": {LIST: 0.8, **everybody}})
    lowered = {**CAPPED, "bid_adjustments": {"user_groups": groups}}
    standing(net, ad_sets=[lowered])
    sent(net, BID_CAP, {"bid_adjustments": {}}, {"success": True})
    assert connector.write_corrections([change(None, THERE)])[0].refused == ""


@pytest.mark.parametrize(
    "groups",
    [{"age": {"18-24": 0.5}}, {"custom_audience": {"7": {"gender": {"male": 0.5}}}}],
)
def test_multipliers_of_another_kind_stay(net, connector, groups):
    by_hand = {**CAPPED, "bid_adjustments": {"user_groups": json.dumps(groups)}}
    standing(net, ad_sets=[by_hand])
    (receipt,) = connector.write_corrections([change(-30, THERE)])
    assert "set by hand" in receipt.refused


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (change(-91), "-90 to 1000"),
        (change(1001), "-90 to 1000"),
        (change(-30, condition="404"), "no audience label"),
        (change(-92, THERE), "only lowers"),
        (change(-30, THERE, condition="404"), "not in the ad account"),
        (change(-30, BidObject("fb", "meta", Level.AD_GROUP, "7")), "does not tell how"),
        (change(-30, BidObject("fb", "meta", Level.AD_GROUP, "404")), "no such ad set"),
        (change(-30, BidObject("fb", "meta", Level.CAMPAIGN, AD_SET)), "no such ad set"),
    ],
)
def test_a_change_that_cannot_be(net, connector, one, said):
    standing(net, ad_sets=[FREE, CAPPED, {"id": "7"}])
    (receipt,) = connector.write_corrections([one])
    assert said in receipt.refused


def test_an_eleventh_rule_is_refused(net, connector):
    ten = [rule("AT_RISK", n, f"by hand {n}") for n in range(1, 11)]
    following = {**FREE, "value_rule_set_id": "80", "value_rules_applied": True}
    standing(net, ad_sets=[following], sets=[rule_set("80", "by hand", *ten)])
    assert "10 rules" in connector.write_corrections([change(-30)])[0].refused


def test_after_something_was_sent_a_failure_becomes_a_reason(net, connector):
    standing(net, sets=[rule_set("90", "adsteer", rule("OTHER_1", -30))])
    sent(net, AD_SET, {"value_rule_set_id": "90", "value_rules_applied": True}, {"success": True})
    net.add("POST", BASE + BID_CAP, json=error(80004), status=400)
    first, second = connector.write_corrections([change(-30), change(-30, THERE)])
    assert first.refused == ""
    assert second.refused.startswith("failed:")


def test_what_meta_does_not_take_for_an_ad_set_stops_no_other(net, connector):
    standing(net, sets=[rule_set("90", "adsteer", rule("OTHER_1", -30))])
    told = error(100, message="(#100) Value rules do not work with lead ads")
    net.add("POST", BASE + AD_SET, json=told, status=400)
    net.add("POST", BASE + BID_CAP, json={"success": True})
    first, second = connector.write_corrections([change(-30), change(-30, THERE)])
    assert "lead ads" in first.refused
    assert second.refused == ""


@pytest.mark.parametrize(
    ("ad_sets", "sets"),
    [
        ([{"id": AD_SET, "bid_adjustments": {"user_groups": "{broken"}}], []),
        ([{"bid_strategy": "COST_CAP"}], []),
        ([FREE], [{"id": "90", "rules": {"data": [{"name": "x"}]}}]),
        ([FREE], [{"id": "90", "rules": "none"}]),
    ],
)
def test_answers_of_another_form(net, connector, ad_sets, sets):
    got(net, f"{ACT}/adsets", AD_SETS, {"data": ad_sets})
    net.add("GET", f"{BASE}{ACT}/value_rule_set", json={"data": sets})
    net.assert_all_requests_are_fired = False
    with pytest.raises(ContractBroken):
        connector.read_corrections([HERE])


def test_a_page_without_a_cursor(net, connector):
    paging = {"next": "https://elsewhere.example"}
    got(net, AUDIENCES, {"limit": 100, "fields": FIND}, {"data": [{}], "paging": paging})
    with pytest.raises(ContractBroken):
        connector.find(VIP)


def test_before_something_was_sent_a_failure_is_raised(net, connector):
    standing(net)
    net.add("POST", f"{BASE}{ACT}/value_rule_set", json=error(80004), status=400)
    with pytest.raises(QuotaGone):
        connector.write_corrections([change(-30), change(-30, THERE)])


def test_a_refused_change_sends_nothing_and_hides_no_failure(net, connector):
    standing(net)
    net.add("POST", BASE + BID_CAP, json=error(80004), status=400)
    with pytest.raises(QuotaGone):
        connector.write_corrections([change(-91), change(-30, THERE)])


@pytest.mark.parametrize(
    ("strategy", "acts_on", "takes"),
    [
        ("LOWEST_COST_WITHOUT_CAP", "bid", None),
        ("COST_CAP", "bid", None),
        ("LOWEST_COST_WITH_BID_CAP", "bid", (-91, 0)),
        ("LOWEST_COST_WITH_MIN_ROAS", "unknown", (-91, 0)),
    ],
)
def test_how_an_ad_set_bids_and_what_it_takes(net, connector, strategy, acts_on, takes):
    standing(net, ad_sets=[{**FREE, "bid_strategy": strategy}])
    (told,) = connector.strategies([HERE])
    because = f"the ad set bids {strategy}: there Meta only lowers, by -91 to 0 %"
    assert told == Strategy(HERE, strategy, acts_on, takes, because if takes else "")


def test_ad_sets_that_are_gone_are_not_named(net, connector):
    rows = [
        {"id": AD_SET, "name": "Prospecting", "status": "PAUSED"},
        {"id": "2", "name": "Old", "status": "ARCHIVED"},
        {"id": "3", "name": "Older", "status": "DELETED"},
    ]
    got(net, f"{ACT}/adsets", {"limit": 100, "fields": "id,name,status"}, {"data": rows})
    (found,) = connector.objects(Level.AD_GROUP)
    assert (found.object, found.name, found.labels) == (HERE, "Prospecting", ())
