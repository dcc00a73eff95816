"""Meta: labels of lists, and value rule sets that ad sets follow."""

import json
from datetime import date

import pytest

from bids.model import BidObject, Level, PresentCorrection
from connectors.errors import OperatorError, RuleRefused
from connectors.meta_rules import LABELS
from tests.support.wire_meta import (
    ACT,
    AD_SET,
    BASE,
    BID_CAP,
    CAPPED,
    FREE,
    HERE,
    LIST,
    OURS,
    RULE_SETS,
    THERE,
    account,
    change,
    connector,
    criterion,
    error,
    following,
    got,
    listed,
    rule,
    rule_set,
    sent,
    standing,
)

__all__ = ["account", "connector"]


def labelled(net, *audiences):
    """What is read to find a list's label."""
    listed(net, "id,audience_labels", *audiences)


def rule_sets(net, *sets):
    got(net, f"{ACT}/value_rule_set", RULE_SETS, {"data": list(sets)})


def test_a_list_gets_a_label_of_its_own(net, connector):
    theirs = [
        {"id": "1", "audience_labels": ["OTHER_1", "OTHER_2"]},
        {"id": "2", "audience_labels": ["OTHER_2"]},
        {"id": LIST, "audience_labels": ["CART_ABANDONERS"]},
    ]
    labelled(net, *theirs)
    rule_sets(net, rule_set("8", "by hand", rule("OTHER_3", 5, "mine")))
    sent(net, LIST, {"audience_labels": ["CART_ABANDONERS", "ENGAGED_USERS"]}, {"success": True})
    assert connector.condition_for(LIST, "seg:vip") == LIST


@pytest.mark.parametrize(
    ("title", "label"),
    [("seg: at risk", "AT_RISK"), ("Sleeping buyers", "DISENGAGED"), ("seg:new", "OTHER_1")],
)
def test_a_label_that_fits_the_title_is_taken(net, connector, title, label):
    labelled(net, {"id": LIST})
    rule_sets(net)
    sent(net, LIST, {"audience_labels": [label]}, {"success": True})
    connector.condition_for(LIST, title)


def test_a_label_that_is_there_stays(net, connector):
    labelled(net, OURS)
    assert connector.condition_for(LIST, "seg:vip") == LIST
    labelled(net, OURS)
    assert connector.find_condition(LIST, "seg:vip") == LIST


def test_a_label_that_two_lists_carry_means_neither(net, connector):
    labelled(net, OURS, {"id": "1", "audience_labels": ["OTHER_1"]})
    assert connector.find_condition(LIST, "seg:vip") is None


def test_labels_run_out(net, connector):
    labelled(net, {"id": LIST}, {"id": "1", "audience_labels": [*LABELS]})
    rule_sets(net)
    with pytest.raises(RuleRefused, match="labels"):
        connector.condition_for(LIST, "seg:vip")


def test_a_list_of_another_account(net, connector):
    labelled(net)
    with pytest.raises(OperatorError, match="not in account fb"):
        connector.condition_for(LIST, "seg:vip")


BY_HAND = rule_set(
    "80",
    "by hand",
    rule("AT_RISK", 20, "win back"),
    {**rule("OTHER_2", -5, "both"), "criterias": [criterion("OTHER_2"), criterion("AT_RISK")]},
)


def test_corrections_are_read(net, connector):
    groups = json.dumps({"custom_audience": {"7": 0.8, LIST: 0.09, "default": 0.5}})
    following = {**FREE, "value_rule_set_id": "81", "value_rules_applied": True}
    sets = [BY_HAND, rule_set("81", "adsteer", rule("OTHER_1", -30), rule("OTHER_3", 1000))]
    lowered = {**CAPPED, "bid_adjustments": {"user_groups": groups}}
    standing(net, ad_sets=[following, lowered], sets=sets)
    nowhere = BidObject("fb", "meta", Level.AD_GROUP, "404")
    campaign = BidObject("fb", "meta", Level.CAMPAIGN, AD_SET)
    assert connector.read_corrections([HERE, THERE, nowhere, campaign]) == (
        PresentCorrection(HERE, LIST, f"{AD_SET}/OTHER_1", -30),
        PresentCorrection(HERE, "OTHER_3", f"{AD_SET}/OTHER_3", 1000),
        PresentCorrection(THERE, "7", f"{BID_CAP}/7", -20),
        PresentCorrection(THERE, LIST, f"{BID_CAP}/{LIST}", -91),
    )


def test_a_set_that_is_not_applied_is_no_correction(net, connector):
    off = {**FREE, "value_rule_set_id": "80", "value_rules_applied": False}
    standing(net, ad_sets=[off], sets=[BY_HAND])
    assert connector.read_corrections([HERE]) == ()


def test_nothing_asked_is_nothing_sent(connector):
    assert connector.read_corrections([]) == ()
    assert connector.write_corrections([]) == ()
    assert connector.strategies([]) == ()
    assert connector.spend([], date(2026, 8, 1), date(2026, 8, 2)) == ()


def test_a_rule_set_is_made_and_followed(net, connector):
    standing(net)
    name = "adsteer: OTHER_1 -30 %"
    body = {"name": name, "product_type": "AUDIENCE", "rules": [rule("OTHER_1", -30)]}
    sent(net, f"{ACT}/value_rule_set", body, {"id": "90"})
    attach = {"value_rule_set_id": "90", "value_rules_applied": True}
    sent(net, AD_SET, attach, {"success": True})
    (receipt,) = connector.write_corrections([change(-30)])
    assert (receipt.refused, receipt.correction_id) == ("", f"{AD_SET}/OTHER_1")


def test_ad_sets_with_the_same_corrections_share_a_set(net, connector):
    second = {**FREE, "id": "120200000000009"}
    standing(net, ad_sets=[FREE, second], sets=[rule_set("90", "adsteer", rule("OTHER_1", -30))])
    attach = {"value_rule_set_id": "90", "value_rules_applied": True}
    for one in (AD_SET, "120200000000009"):
        sent(net, one, attach, {"success": True})
    there = BidObject("fb", "meta", Level.AD_GROUP, "120200000000009")
    receipts = connector.write_corrections([change(-30), change(-30, there)])
    assert [one.refused for one in receipts] == ["", ""]


SECOND = "120200000000009"
BESIDE = BidObject("fb", "meta", Level.AD_GROUP, SECOND)


def test_who_share_a_set_of_ours_and_change_alike_change_in_one_go(net, connector):
    shared = rule_set("90", "adsteer", rule("OTHER_1", -30))
    standing(net, ad_sets=following(AD_SET, SECOND), sets=[shared])
    anew = {"name": "adsteer: OTHER_1 +45 %", "rules": [rule("OTHER_1", 45)]}
    sent(net, "90", anew, {"success": True})
    receipts = connector.write_corrections([change(45), change(45, BESIDE)])
    assert [one.refused for one in receipts] == ["", ""]


def test_what_changed_in_one_go_is_done_though_another_fails(net, connector):
    shared = rule_set("90", "adsteer", rule("OTHER_1", -30))
    standing(net, ad_sets=[*following(AD_SET, SECOND), CAPPED], sets=[shared])
    net.add("POST", BASE + "90", json={"success": True})
    net.add("POST", BASE + BID_CAP, json=error(80004), status=400)
    changes = [change(45), change(-20, THERE), change(45, BESIDE)]
    first, failed, last = connector.write_corrections(changes)
    assert (first.refused, last.refused) == ("", "")
    assert failed.refused.startswith("failed:")


def test_who_changes_alone_leaves_the_shared_set(net, connector):
    shared = rule_set("90", "adsteer", rule("OTHER_1", -30))
    standing(net, ad_sets=following(AD_SET, SECOND), sets=[shared])
    net.add("POST", f"{BASE}{ACT}/value_rule_set", json={"id": "91"})
    attach = {"value_rule_set_id": "91", "value_rules_applied": True}
    sent(net, AD_SET, attach, {"success": True})
    assert connector.write_corrections([change(45)])[0].refused == ""


def test_a_set_of_others_is_never_changed(net, connector):
    theirs = rule_set("90", "by hand", rule("OTHER_1", -30, "mine"))
    standing(net, ad_sets=following(AD_SET), sets=[theirs])
    net.add("POST", f"{BASE}{ACT}/value_rule_set", json={"id": "91"})
    net.add("POST", BASE + AD_SET, json={"success": True})
    connector.write_corrections([change(45)])
    (made,) = json.loads(net.calls[3].request.body)["rules"]
    assert (made["name"], made["adjust_value"]) == ("mine", 45)


def test_the_strategy_may_be_the_campaigns(net, connector):
    ours = {"id": AD_SET, "campaign": {"id": "5", "bid_strategy": "LOWEST_COST_WITHOUT_CAP"}}
    standing(net, ad_sets=[ours], sets=[rule_set("90", "adsteer", rule("OTHER_1", -30))])
    sent(net, AD_SET, {"value_rule_set_id": "90", "value_rules_applied": True}, {"success": True})
    assert connector.write_corrections([change(-30)])[0].refused == ""


def test_rules_of_others_are_carried_along_in_front(net, connector):
    following = {**FREE, "value_rule_set_id": "80", "value_rules_applied": True}
    audiences = [OURS, {"id": "5", "audience_labels": ["OTHER_3"]}]
    standing(net, ad_sets=[following], audiences=audiences, sets=[BY_HAND])
    net.add("POST", f"{BASE}{ACT}/value_rule_set", json={"id": "90"})
    net.add("POST", BASE + AD_SET, json={"success": True})
    connector.write_corrections([change(10), change(-40, condition="5")])
    rules = json.loads(net.calls[3].request.body)["rules"]
    assert [one["name"] for one in rules] == [
        "win back",
        "both",
        "adsteer OTHER_3 -40 %",
        "adsteer OTHER_1 +10 %",
    ]
    assert [each["criteria_type"] for each in rules[1]["criterias"]] == ["AUDIENCE_LABEL"] * 2


def test_the_set_of_others_comes_back_when_ours_leaves(net, connector):
    mixed = rule_set("90", "adsteer: x", rule("AT_RISK", 20, "win back"), rule("OTHER_1", -30))
    theirs = rule_set("80", "by hand", rule("AT_RISK", 20, "win back"))
    following = {**FREE, "value_rule_set_id": "90", "value_rules_applied": True}
    standing(net, ad_sets=[following], sets=[theirs, mixed])
    back = {"value_rule_set_id": "80", "value_rules_applied": True}
    sent(net, AD_SET, back, {"success": True})
    sent(net, "90/delete_rule_set", {}, {"success": True})
    (receipt,) = connector.write_corrections([change(None, correction=f"{AD_SET}/OTHER_1")])
    assert (receipt.refused, receipt.correction_id) == ("", None)


@pytest.mark.parametrize("percent", [None, 0])
def test_the_last_rule_leaves_by_detaching(net, connector, percent):
    following = {**FREE, "value_rule_set_id": "90", "value_rules_applied": True}
    standing(net, ad_sets=[following], sets=[rule_set("90", "adsteer", rule("OTHER_1", -30))])
    sent(net, AD_SET, {"value_rules_applied": False}, {"success": True})
    sent(net, "90/delete_rule_set", {}, error(2500), status=400)
    sent(net, "90/deleteruleset", {}, {"success": True})
    (receipt,) = connector.write_corrections([change(percent)])
    assert (receipt.refused, receipt.correction_id) == ("", None)
    assert bool(receipt.warning) == (percent == 0)


def test_a_set_that_cannot_be_deleted_does_no_harm(net, connector, caplog):
    following = {**FREE, "value_rule_set_id": "90", "value_rules_applied": True}
    standing(net, ad_sets=[following], sets=[rule_set("90", "adsteer", rule("OTHER_1", -30))])
    sent(net, AD_SET, {"value_rules_applied": False}, {"success": True})
    sent(net, "90/delete_rule_set", {}, error(200), status=403)
    (receipt,) = connector.write_corrections([change(None)])
    assert receipt.refused == ""
    assert "90 was not deleted" in caplog.text


def full(followed=True):
    """Six sets of ours with other corrections, each followed by an ad set or none."""
    sets = [rule_set(str(90 + n), f"adsteer {n}", rule("OTHER_2", 5 + n)) for n in range(6)]
    ad_sets = [
        {**FREE, "id": f"12020000000010{n}", "value_rule_set_id": str(90 + n),
         "value_rules_applied": followed}
        for n in range(6)
    ]  # fmt: skip
    return sets, ad_sets


def test_sets_run_out(net, connector):
    sets, ad_sets = full()
    standing(net, ad_sets=[FREE, *ad_sets], sets=sets)
    with pytest.raises(RuleRefused, match="6 value rule sets"):
        connector.write_corrections([change(-30)])


def test_unused_sets_of_ours_make_room(net, connector):
    sets, ad_sets = full(followed=False)
    sets[0] = rule_set("90", "by hand", rule("OTHER_2", 5))
    standing(net, ad_sets=[FREE, *ad_sets], sets=sets)
    for n in range(1, 6):
        sent(net, f"{90 + n}/delete_rule_set", {}, {"success": True})
    net.add("POST", f"{BASE}{ACT}/value_rule_set", json={"id": "99"})
    net.add("POST", BASE + AD_SET, json={"success": True})
    assert connector.write_corrections([change(-30)])[0].refused == ""
