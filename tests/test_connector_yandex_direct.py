"""Yandex Direct: what goes over the wire, and what each answer becomes."""

import json
import re
from datetime import date
from decimal import Decimal

import pytest
from responses import matchers

from bids.model import BidObject, CorrectionChange, Level, PresentCorrection
from config.platforms import Account
from connectors.base import SpendRow, Strategy
from connectors.errors import (
    ContractBroken,
    CredentialsRefused,
    ListGone,
    OperatorError,
    QuotaGone,
    RuleRefused,
    Throttled,
    Transient,
    VersionGone,
)
from connectors.registry import connect
from connectors.yandex_direct_wire import Points
from tests.support.surroundings import surroundings

BASE = "https://api.direct.yandex.com/json/v501/"
HEADERS = {
    "Authorization": "Bearer secret-token",
    "Accept-Language": "en",
    "Client-Login": "shop-login",
}
CAMPAIGN = BidObject("yd", "yandex_direct", Level.CAMPAIGN, "710427315")
GROUP = BidObject("yd", "yandex_direct", Level.AD_GROUP, "500001")
BIG = "9223372036854775807"
"""The largest id there can be: a float would round it."""


@pytest.fixture
def connector(monkeypatch, clock):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    account = Account(name="yd", platform="yandex_direct", secrets="SHOP_", login="shop-login")
    return connect(account, surroundings(clock))


def call(net, service, method, params, answer, **more):
    """Expect exactly this body; answer with this result, error or status."""
    match = [
        matchers.header_matcher(HEADERS),
        matchers.json_params_matcher({"method": method, "params": params}),
    ]
    net.add("POST", BASE + service, json=answer, match=match, **more)


def fault(code, detail="detail"):
    error = {"request_id": "1", "error_code": code, "error_string": "said", "error_detail": detail}
    return {"error": error}


CHECK = {"SelectionCriteria": {}, "FieldNames": ["Id"], "Page": {"Limit": 1, "Offset": 0}}
FIND = {"FieldNames": ["Id", "Name", "Rules"], "Page": {"Limit": 1000, "Offset": 0}}
RULE = {"Operator": "ALL", "Arguments": [{"ExternalId": 5001001}]}
ADD_LIST = {"RetargetingLists": [{"Name": "seg:vip", "Type": "RETARGETING", "Rules": [RULE]}]}
VISIBLE = {"SelectionCriteria": {"Ids": [40775668]}, "FieldNames": ["Id", "IsAvailable"]}
OURS = {"Id": 40775668, "Name": "seg:vip", "Rules": [RULE]}


def found(net, *lists):
    result = {"RetargetingLists": list(lists)} if lists else {}
    call(net, "retargetinglists", "get", FIND, {"result": result})


def visible(net, said="YES"):
    result = {"RetargetingLists": [{"Id": 40775668, "IsAvailable": said}]}
    call(net, "retargetinglists", "get", VISIBLE, {"result": result})


def test_check_reads_one_campaign_and_counts_points(net, connector):
    call(net, "campaigns", "get", CHECK, {"result": {}}, headers={"Units": "10/20828/64000"})
    call(net, "campaigns", "get", CHECK, {"result": {}}, headers={"Units": "11/20817/64000"})
    connector.check()
    connector.check()
    assert connector.points == Points(spent=11, rest=20817, daily=64000)
    assert connector.points_spent == 21


# Conditions


@pytest.mark.parametrize("result", [{"Id": 40775668, "Errors": []}, {"Id": 40775668}])
def test_a_condition_is_made_for_a_segment(net, connector, result):
    found(net)
    call(net, "retargetinglists", "add", ADD_LIST, {"result": {"AddResults": [result]}})
    visible(net)
    assert connector.condition_for("5001001", "seg:vip") == "40775668"


def test_a_condition_that_is_there_is_not_made_again(net, connector):
    rule = {
        "Operator": "ALL",
        "Arguments": [{"ExternalId": 5001001, "MembershipLifeSpan": 540}],
    }
    older = {**OURS, "Id": 1, "Rules": [{**RULE, "Arguments": [{"ExternalId": 9}]}]}
    found(net, older, {**OURS, "Id": 2, "Rules": [RULE, RULE]}, {**OURS, "Rules": [rule]})
    visible(net)
    assert connector.condition_for("5001001", "seg:vip") == "40775668"


def test_a_condition_whose_answer_was_lost_is_found(net, connector):
    found(net)
    call(net, "retargetinglists", "add", ADD_LIST, fault(1002))
    found(net, OURS)
    visible(net)
    assert connector.condition_for("5001001", "seg:vip") == "40775668"


def test_a_segment_direct_does_not_see_is_the_operators(net, connector):
    found(net, OURS)
    visible(net, "NO")
    with pytest.raises(OperatorError, match="share it"):
        connector.condition_for("5001001", "seg:vip")


def test_a_condition_the_account_has_no_room_for(net, connector):
    found(net)
    item = {"Errors": [{"Code": 7001, "Message": "Limit", "Details": "2000"}]}
    call(net, "retargetinglists", "add", ADD_LIST, {"result": {"AddResults": [item]}})
    with pytest.raises(RuleRefused, match="7001"):
        connector.condition_for("5001001", "seg:vip")


NOT_FOUND = {"Errors": [{"Code": 8800, "Message": "Object not found"}]}


def test_a_condition_made_a_moment_ago_is_waited_for(net, connector, clock):
    found(net)
    made = {"result": {"AddResults": [{"Id": 40775668}]}}
    call(net, "retargetinglists", "add", ADD_LIST, made)
    call(net, "retargetinglists", "get", VISIBLE, {"result": {}})
    visible(net)
    condition = connector.condition_for("5001001", "seg:vip")
    both = {"BidModifiers": [item(70), item(70, 1)]}
    results = {"result": {"AddResults": [NOT_FOUND, NOT_FOUND]}}
    call(net, "bidmodifiers", "add", both, results)
    call(
        net,
        "bidmodifiers",
        "add",
        {"BidModifiers": [item(70)]},
        {"result": {"AddResults": [{"Ids": [11]}]}},
    )
    taken, refused = connector.write_corrections(
        [change(-30, condition=condition), change(-30, condition="1")]
    )
    assert (taken.correction_id, taken.refused) == ("11", "")
    assert refused.refused == "8800 Object not found"
    assert clock.slept == [5, 5]


def test_finding_a_condition_changes_nothing(net, connector):
    found(net)
    found(net, OURS)
    assert connector.find_condition("5001001", "seg:vip") is None
    assert connector.find_condition("5001001", "seg:vip") == "40775668"


# Reading corrections


def get(ids, name="CampaignIds", level="CAMPAIGN", offset=0):
    return {
        "SelectionCriteria": {name: ids, "Levels": [level], "Types": ["RETARGETING_ADJUSTMENT"]},
        "FieldNames": ["Id", "CampaignId", "AdGroupId", "Level", "Type"],
        "RetargetingAdjustmentFieldNames": ["RetargetingConditionId", "BidModifier"],
        "Page": {"Limit": 1000, "Offset": offset},
    }


def modifier(correction, condition, value, **place):
    adjustment = {"RetargetingConditionId": condition, "BidModifier": value}
    return {"Id": correction, "RetargetingAdjustment": adjustment, **place}


def test_corrections_are_read_per_level_and_page(net, connector):
    first = modifier(11, 40775668, 70, CampaignId=710427315)
    second = modifier(int(BIG), int(BIG) - 1, 160, CampaignId=710427315)
    third = modifier(13, 40775668, 100, CampaignId=710427315, AdGroupId=500001)
    page = {"result": {"BidModifiers": [first], "LimitedBy": 1}}
    call(net, "bidmodifiers", "get", get([710427315]), page)
    rest = {"result": {"BidModifiers": [second]}}
    call(net, "bidmodifiers", "get", get([710427315], offset=1), rest)
    groups = {"result": {"BidModifiers": [third]}}
    call(net, "bidmodifiers", "get", get([500001], "AdGroupIds", "AD_GROUP"), groups)
    assert connector.read_corrections([GROUP, CAMPAIGN]) == (
        PresentCorrection(CAMPAIGN, "40775668", "11", -30),
        PresentCorrection(CAMPAIGN, str(int(BIG) - 1), BIG, 60),
        PresentCorrection(GROUP, "40775668", "13", 0),
    )


@pytest.mark.parametrize("result", [{}, {"BidModifiers": []}])
def test_ten_campaigns_are_read_at_a_time(net, connector, result):
    objects = [BidObject("yd", "yandex_direct", Level.CAMPAIGN, str(one)) for one in range(1, 13)]
    call(net, "bidmodifiers", "get", get(list(range(1, 11))), {"result": result})
    call(net, "bidmodifiers", "get", get([11, 12]), {"result": result})
    assert connector.read_corrections(objects) == ()


# Writing corrections


def change(percent, correction=None, condition="40775668", where=CAMPAIGN):
    return CorrectionChange(where, "vip", condition, correction, percent)


def item(value, condition=40775668, **place):
    place = place or {"CampaignId": 710427315}
    adjustment = {"RetargetingConditionId": condition, "BidModifier": value}
    return {**place, "RetargetingAdjustments": [adjustment]}


def test_changes_are_sent_and_answered_in_their_order(net, connector):
    call(
        net,
        "bidmodifiers",
        "delete",
        {"SelectionCriteria": {"Ids": [11]}},
        {"result": {"DeleteResults": [{"Id": 11, "Errors": []}]}},
    )
    call(
        net,
        "bidmodifiers",
        "set",
        {"BidModifiers": [{"Id": int(BIG), "BidModifier": 140}, {"Id": 12, "BidModifier": 0}]},
        {"result": {"SetResults": [{"Id": int(BIG), "Errors": []}, {"Id": 12}]}},
    )
    call(
        net,
        "bidmodifiers",
        "add",
        {"BidModifiers": [item(70), item(160, AdGroupId=500001)]},
        {"result": {"AddResults": [{"Ids": [14]}, {"Ids": [15], "Errors": []}]}},
    )
    changes = [
        change(-30),
        change(40, BIG),
        change(60, where=GROUP),
        change(None, "11"),
        change(-100, "12"),
        change(None),
    ]
    receipts = connector.write_corrections(changes)
    assert [one.change for one in receipts] == changes
    assert [one.correction_id for one in receipts] == ["14", BIG, "15", None, "12", None]
    assert {one.refused for one in receipts} == {""}


def test_refused_items_and_warnings_are_data(net, connector):
    results = [
        {"Errors": [{"Code": 8800, "Message": "Object not found", "Details": ""}]},
        {"Ids": [15], "Warnings": [{"Code": 10160, "Message": "Will not be applied"}]},
    ]
    call(
        net,
        "bidmodifiers",
        "add",
        {"BidModifiers": [item(70, 1), item(80, 2)]},
        {"result": {"AddResults": results}},
    )
    refused, warned = connector.write_corrections(
        [change(-30, condition="1"), change(-20, condition="2")]
    )
    assert refused.refused == "8800 Object not found"
    assert (warned.correction_id, warned.refused) == ("15", "")
    assert warned.warning == "10160 Will not be applied"


def test_what_is_out_of_range_is_not_sent(connector):
    receipts = connector.write_corrections([change(-101), change(1201, "5")])
    assert ["-100 to 1200" in one.refused for one in receipts] == [True, True]


def test_a_correction_that_is_gone_is_removed(net, connector):
    error = {"Errors": [{"Code": 8800, "Message": "Object not found"}]}
    call(
        net,
        "bidmodifiers",
        "delete",
        {"SelectionCriteria": {"Ids": [11]}},
        {"result": {"DeleteResults": [error]}},
    )
    (receipt,) = connector.write_corrections([change(None, "11")])
    assert (receipt.refused, receipt.correction_id) == ("", None)


def test_added_corrections_whose_answer_was_lost_are_not_added_twice(net, connector):
    both = {"BidModifiers": [item(70, 1), item(80, 2)]}
    call(net, "bidmodifiers", "add", both, fault(1002))
    there = {"result": {"BidModifiers": [modifier(21, 1, 70, CampaignId=710427315)]}}
    call(net, "bidmodifiers", "get", get([710427315]), there)
    left = {"BidModifiers": [item(80, 2)]}
    call(net, "bidmodifiers", "add", left, {"result": {"AddResults": [{"Ids": [22]}]}})
    receipts = connector.write_corrections([change(-30, condition="1"), change(-20, condition="2")])
    assert [one.correction_id for one in receipts] == ["21", "22"]


def test_an_absolute_bid_is_sent_again(net, connector):
    body = {"BidModifiers": [{"Id": 12, "BidModifier": 90}]}
    call(net, "bidmodifiers", "set", body, {}, status=502)
    call(net, "bidmodifiers", "set", body, {"result": {"SetResults": [{"Id": 12}]}})
    assert connector.write_corrections([change(-10, "12")])[0].refused == ""


def test_no_receipt_is_lost_when_points_run_out_in_between(net, connector):
    body = {"BidModifiers": [{"Id": 12, "BidModifier": 90}]}
    call(net, "bidmodifiers", "set", body, {"result": {"SetResults": [{"Id": 12}]}})
    call(net, "bidmodifiers", "add", {"BidModifiers": [item(70)]}, fault(152))
    added, done = connector.write_corrections([change(-30), change(-10, "12")])
    assert (done.correction_id, done.refused) == ("12", "")
    assert "152" in added.refused


def test_points_that_are_gone_before_anything_was_sent_are_raised(net, connector):
    call(net, "bidmodifiers", "add", {"BidModifiers": [item(70)]}, fault(152))
    with pytest.raises(QuotaGone):
        connector.write_corrections([change(-30)])


def test_a_failure_is_raised_though_another_change_was_out_of_range(net, connector):
    call(net, "bidmodifiers", "add", {"BidModifiers": [item(70)]}, fault(54))
    with pytest.raises(CredentialsRefused):
        connector.write_corrections([change(-101, condition="1"), change(-30)])


def test_a_title_longer_than_direct_takes_is_found_again(net, connector):
    found(net, {**OURS, "Name": "t" * 250})
    assert connector.find_condition("5001001", "t" * 251) == "40775668"


def test_a_thousand_items_go_in_one_call(net, connector):
    def bodies(numbers):
        return {"BidModifiers": [{"Id": one, "BidModifier": 90} for one in numbers]}

    for numbers in (range(1, 1001), range(1001, 1003)):
        results = [{"Id": one} for one in numbers]
        call(net, "bidmodifiers", "set", bodies(numbers), {"result": {"SetResults": results}})
    receipts = connector.write_corrections([change(-10, str(one)) for one in range(1, 1003)])
    assert [one.correction_id for one in receipts] == [str(one) for one in range(1, 1003)]


def test_an_answer_with_too_few_items_is_not_trusted(net, connector):
    body = {"BidModifiers": [{"Id": 12, "BidModifier": 90}]}
    call(net, "bidmodifiers", "set", body, {"result": {"SetResults": []}})
    with pytest.raises(ContractBroken):
        connector.write_corrections([change(-10, "12")])


# Strategies


def bidding(search, network="SERVING_OFF"):
    return {
        "BiddingStrategy": {
            "Search": {"BiddingStrategyType": search},
            "Network": {"BiddingStrategyType": network},
        }
    }


def test_strategies_say_what_a_correction_acts_on(net, connector):
    groups = {
        "SelectionCriteria": {"Ids": [500001]},
        "FieldNames": ["Id", "CampaignId"],
        "Page": {"Limit": 1000, "Offset": 0},
    }
    answer = {"result": {"AdGroups": [{"Id": 500001, "CampaignId": 2}]}}
    call(net, "adgroups", "get", groups, answer)
    campaigns = {
        "SelectionCriteria": {"Ids": [1, 2, 3, 4]},
        "FieldNames": ["Id", "Type", "State"],
        "TextCampaignFieldNames": ["BiddingStrategy"],
        "UnifiedCampaignFieldNames": ["BiddingStrategy"],
        "Page": {"Limit": 1000, "Offset": 0},
    }
    answer = {
        "result": {
            "Campaigns": [
                {"Id": 1, "TextCampaign": bidding("WB_MAXIMUM_CLICKS")},
                {"Id": 2, "UnifiedCampaign": bidding("SERVING_OFF", "AVERAGE_CRR")},
                {"Id": 3, "TextCampaign": bidding("MAX_PROFIT")},
            ]
        }
    }
    call(net, "campaigns", "get", campaigns, answer)
    objects = [BidObject("yd", "yandex_direct", Level.CAMPAIGN, one) for one in ("1", "3", "4")] + [
        GROUP
    ]
    assert connector.strategies(objects) == (
        Strategy(objects[0], "WB_MAXIMUM_CLICKS", "bid"),
        Strategy(objects[1], "MAX_PROFIT", "unknown"),
        Strategy(objects[2], "", "unknown"),
        Strategy(GROUP, "AVERAGE_CRR", "target_drr"),
    )


# Reports

DAYS = (date(2026, 8, 1), date(2026, 8, 2))
SKIPS = {"processingMode": "auto", "skipReportHeader": "true"}


def report(net, text="", seen=None, **more):
    """Expect the page's own example of a report, adapted to our fields."""

    def same(request):
        body = json.loads(request.body)
        name = body["params"].pop("ReportName")
        if seen is not None:
            seen.append(request.body)
        wanted = {
            "params": {
                "SelectionCriteria": {
                    "DateFrom": "2026-08-01",
                    "DateTo": "2026-08-02",
                    "Filter": [{"Field": "AdGroupId", "Operator": "IN", "Values": ["500001"]}],
                },
                "FieldNames": [
                    "Date",
                    "AdGroupId",
                    "RlAdjustmentId",
                    "Impressions",
                    "Clicks",
                    "Cost",
                    "Conversions",
                    "Revenue",
                ],
                "Page": {"Limit": 1000000, "Offset": 0},
                "ReportType": "CUSTOM_REPORT",
                "DateRangeType": "CUSTOM_DATE",
                "Format": "TSV",
                "IncludeVAT": "YES",
            }
        }
        fits = body == wanted and re.fullmatch(r"adsteer-2026090112-[0-9a-f]{16}", name)
        return bool(fits), f"{name}: {body}"

    match = [matchers.header_matcher({**HEADERS, **SKIPS}), same]
    net.add("POST", BASE + "reports", body=text, match=match, **more)


COLUMNS = "Date\tAdGroupId\tRlAdjustmentId\tImpressions\tClicks\tCost\tConversions\tRevenue\n"
REPORT = (
    COLUMNS + "2026-08-01\t500001\t40775668\t741\t42\t1363396255\t3\t9000500000\n"
    "2026-08-01\t500001\t--\t738\t13\t185727453\t--\t--\n"
    "Total rows: 2\n"
)


def test_a_report_is_asked_for_until_it_is_built(net, connector, clock):
    seen = []
    report(net, seen=seen, status=201, headers={"retryIn": "20", "reportsInQueue": "1"})
    report(net, seen=seen, status=202)
    report(net, REPORT, seen=seen)
    corrected, plain = connector.spend([GROUP], *DAYS)
    assert clock.slept == [20, 10]
    assert len(set(seen)) == 1
    assert corrected == SpendRow(
        day=date(2026, 8, 1),
        object=GROUP,
        condition_id="40775668",
        impressions=741,
        clicks=42,
        cost=Decimal("1363.396255"),
        conversions=Decimal(3),
        revenue=Decimal("9000.5"),
    )
    assert (plain.condition_id, plain.conversions, plain.revenue) == (None, None, None)


def test_a_report_that_takes_too_long_is_asked_for_by_halves(net, connector):
    asked = []

    def answer(request):
        wish = json.loads(request.body)["params"]["SelectionCriteria"]
        asked.append((wish["DateFrom"], wish["DateTo"]))
        if wish["DateFrom"] != wish["DateTo"]:
            return 502, {}, ""
        row = f"{wish['DateFrom']}\t500001\t--\t738\t13\t185727453\t--\t--\n"
        return 200, {}, f"{COLUMNS}{row}Total rows: 1\n"

    for _ in range(7):  # five tries, then a day each
        net.add_callback("POST", BASE + "reports", callback=answer)
    rows = connector.spend([GROUP], *DAYS)
    assert [one.day for one in rows] == list(DAYS)
    assert asked[-2:] == [("2026-08-01", "2026-08-01"), ("2026-08-02", "2026-08-02")]


def test_a_day_that_takes_too_long_is_told(net, connector):
    for _ in range(5):
        net.add("POST", BASE + "reports", status=502)
    with pytest.raises(Transient, match="502"):
        connector.spend([GROUP], DAYS[0], DAYS[0])


@pytest.mark.parametrize("part", [REPORT[:-20], REPORT.replace("rows: 2", "rows: 3"), ""])
def test_a_report_that_arrived_in_part_is_asked_for_again(net, connector, part):
    report(net, part)
    report(net, REPORT)
    assert len(connector.spend([GROUP], *DAYS)) == 2


def test_an_empty_report(net, connector):
    report(net, COLUMNS + "Total rows: 0\n")
    assert connector.spend([GROUP], *DAYS) == ()


@pytest.mark.parametrize(
    "row",
    [
        "2026-08-01\t404\t--\t1\t1\t1\t--\t--\n",
        "yesterday\t500001\t--\t1\t1\t1\t--\t--\n",
        "2026-08-01\t500001\t--\tmany\t1\t1\t--\t--\n",
        "2026-08-01\t500001\t--\n",
    ],
)
def test_rows_that_were_not_asked_for_are_not_guessed(net, connector, row):
    report(net, COLUMNS + row + "Total rows: 1\n")
    with pytest.raises(ContractBroken):
        connector.spend([GROUP], *DAYS)


def test_a_full_queue_is_waited_for(net, connector):
    report(net, json.dumps(fault(9000)), status=400)
    report(net, REPORT)
    assert len(connector.spend([GROUP], *DAYS)) == 2


def test_a_report_that_is_never_built(net, connector):
    for _ in range(4):
        report(net, status=202, headers={"retryIn": "600"})
    with pytest.raises(Transient, match="not built"):
        connector.spend([GROUP], *DAYS)


# Errors


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (152, QuotaGone),
        (53, CredentialsRefused),
        (54, CredentialsRefused),
        (58, CredentialsRefused),
        (513, CredentialsRefused),
        (3000, CredentialsRefused),
        (1003, OperatorError),
        (3500, RuleRefused),
        (8800, ListGone),
        (55, VersionGone),
        (4001, ContractBroken),
        (8000, ContractBroken),
        (9300, ContractBroken),
        (12345, ContractBroken),
    ],
)
def test_an_error_inside_a_200_says_who_must_act(net, connector, code, error):
    call(net, "campaigns", "get", CHECK, fault(code))
    with pytest.raises(error, match=str(code)):
        connector.check()


@pytest.mark.parametrize(
    ("code", "error"),
    [(52, Transient), (1000, Transient), (1001, Transient), (506, Throttled), (56, Throttled)],
)
def test_troubles_that_pass_are_tried_again(net, connector, code, error):
    for _ in range(5):
        call(net, "campaigns", "get", CHECK, fault(code))
    with pytest.raises(error):
        connector.check()


@pytest.mark.parametrize("status", [404, 410])
def test_a_version_that_is_not_served_any_more(net, connector, status):
    net.add("POST", BASE + "campaigns", body="<html>", status=status)
    with pytest.raises(VersionGone, match="v501"):
        connector.check()


def test_words_of_an_error_are_redacted(net, connector):
    call(net, "campaigns", "get", CHECK, fault(8000, "login anna.k@example.test"))
    with pytest.raises(ContractBroken) as caught:
        connector.check()
    assert "anna" not in str(caught.value)


def test_v5_is_asked_for_text_campaigns_only(net, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    account = Account(name="yd", platform="yandex_direct", secrets="SHOP_", api_version="v5")
    body = {
        "method": "get",
        "params": {
            "SelectionCriteria": {"Ids": [710427315]},
            "FieldNames": ["Id", "Type", "State"],
            "TextCampaignFieldNames": ["BiddingStrategy"],
            "Page": {"Limit": 1000, "Offset": 0},
        },
    }
    net.add(
        "POST",
        "https://api.direct.yandex.com/json/v5/campaigns",
        json={"result": {}},
        match=[matchers.json_params_matcher(body)],
    )
    connector = connect(account, surroundings())
    assert connector.strategies([CAMPAIGN]) == (Strategy(CAMPAIGN, "", "unknown"),)
