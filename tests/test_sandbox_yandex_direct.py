"""The played Yandex Direct against its documented contract, rule by rule, over plain HTTP."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from connectors.sandbox import yandex_points
from connectors.sandbox.server import Running
from tests.support.sandbox_yandex import Audience, Direct, crm

TEXT, UNIFIED = 710_427_315, 710_427_316
TEXT_GROUP, UNIFIED_GROUP = 500_001, 500_002
FOREIGN_LIST, FOREIGN_SEGMENT = 40_000_001, 4_900_001
ALL_LEVELS = {"CampaignIds": [TEXT], "Levels": ["CAMPAIGN", "AD_GROUP"]}


@pytest.fixture
def direct(sandbox: Running) -> Direct:
    return Direct(sandbox)


def retargeting(condition: int, percent: Any = 160, group: int = TEXT_GROUP) -> dict[str, Any]:
    adjustment = {"RetargetingConditionId": condition, "BidModifier": percent}
    return {"AdGroupId": group, "RetargetingAdjustments": [adjustment]}


def add(direct: Direct, *items: dict[str, Any]) -> list[dict[str, Any]]:
    return direct.items("bidmodifiers", "add", {"BidModifiers": list(items)})


def add_codes(direct: Direct, *items: dict[str, Any]) -> list[list[int]]:
    return direct.item_codes("bidmodifiers", "add", {"BidModifiers": list(items)})


# Rule 1: answers, points, parallel requests


def test_rule_1_errors_come_with_http_200_and_every_answer_tells_points(direct: Direct) -> None:
    wish = {"SelectionCriteria": {}, "FieldNames": ["Id"]}
    answer = direct.post("campaigns", {"method": "get", "params": wish})
    assert answer.headers["Units"].split("/")[0] == "12"  # 10, and 1 for each of two campaigns
    assert answer.headers["Units-Used-Login"] == "shop"
    assert answer.headers["RequestId"]
    answer = direct.post("campaigns", {"method": "get", "params": {}})
    assert answer.status_code == 200
    assert answer.json()["error"]["error_code"] == 8000
    assert answer.headers["Units"].startswith("50/")


@pytest.mark.parametrize(
    "header",
    ["", "OAuth sandbox-token", "Bearer expired-token", "Bearer revoked-token", "Bearer nobody"],
)
def test_only_bearer_with_a_living_token_is_let_in(direct: Direct, header: str) -> None:
    direct.headers = {"Authorization": header}
    assert direct.code("campaigns", "get", {}) == 53


def test_another_client_login_is_refused(direct: Direct) -> None:
    answer = direct.post("campaigns", {"method": "get", "params": {}}, **{"Client-Login": "other"})
    assert answer.json()["error"]["error_code"] == 54


def test_rule_1_points_by_call_and_by_object(sandbox: Running, direct: Direct) -> None:
    first, second = direct.add_list(), direct.add_list(name="others")
    bodies = [
        ("bidmodifiers", "add", {"BidModifiers": [retargeting(first), retargeting(second)]}, 17),
        ("bidmodifiers", "add", {"BidModifiers": [retargeting(17)]}, 35),
        ("bidmodifiers", "get", {"SelectionCriteria": ALL_LEVELS, "FieldNames": ["Id"]}, 5),
        ("retargetinglists", "delete", {"SelectionCriteria": {"Ids": [17]}}, 30),
        ("bidmodifiers", "toggle", {}, 50),
    ]
    for service, method, params, points in bodies:
        answer = direct.post(service, {"method": method, "params": params})
        assert answer.headers["Units"].split("/")[0] == str(points), (service, method)


def test_rule_1_without_points_nothing_is_done(
    sandbox: Running, direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yandex_points, "DAILY_POINTS", 30)
    sandbox.world.change(quotas=True)
    wish = {"SelectionCriteria": {}, "FieldNames": ["Id"]}
    assert "result" in direct.ask("campaigns", "get", wish)
    assert "result" in direct.ask("campaigns", "get", wish)
    assert direct.code("campaigns", "get", wish) == 152
    sandbox.world.move_clock(86400)
    assert "result" in direct.ask("campaigns", "get", wish)


def test_rule_1_five_requests_at_once(sandbox: Running, direct: Direct) -> None:
    sandbox.world.change(quotas=True, latency=0.5)
    wish = {"SelectionCriteria": {}, "FieldNames": ["Id"]}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: direct.ask("campaigns", "get", wish), range(8)))
    codes = [answer["error"]["error_code"] for answer in answers if "error" in answer]
    assert codes
    assert set(codes) == {506}


# Rule 2: methods and fields


def test_rule_2_unknown_methods_and_fields_are_refused(direct: Direct) -> None:
    assert direct.code("bidmodifiers", "upsert", {}) == 55
    assert direct.code("bidmodifiers", "toggle", {}) == 55
    assert direct.post("bidmodifiers", {"params": {}}).json()["error"]["error_code"] == 8000
    wish = {"SelectionCriteria": {}, "FieldNames": ["Id"]}
    assert direct.code("campaigns", "get", wish | {"Fields": []}) == 8000
    assert direct.code("campaigns", "get", wish | {"FieldNames": ["Colour"]}) == 8000
    assert direct.code("campaigns", "get", {"SelectionCriteria": {}}) == 8000
    wish = {"SelectionCriteria": ALL_LEVELS | {"Types": ["SOME"]}, "FieldNames": ["Id"]}
    assert direct.code("bidmodifiers", "get", wish) == 8000


# Rule 3: bid modifiers


@pytest.mark.parametrize(
    "item",
    [
        {"MobileAdjustment": {"BidModifier": 80}},
        {"CampaignId": TEXT, "AdGroupId": TEXT_GROUP, "MobileAdjustment": {"BidModifier": 80}},
        {"CampaignId": TEXT},
        {
            "CampaignId": TEXT,
            "MobileAdjustment": {"BidModifier": 80},
            "VideoAdjustment": {"BidModifier": 80},
        },
        {"CampaignId": TEXT, "MobileAdjustment": {"BidModifier": "80"}},
        {"CampaignId": TEXT, "MobileAdjustment": {"BidModifier": 80.5}},
        {"CampaignId": TEXT, "RetargetingAdjustment": {"BidModifier": 80}},
        {"CampaignId": TEXT, "DemographicsAdjustments": [{"BidModifier": 80, "Age": "AGE_1"}]},
    ],
)
def test_rule_3_one_object_and_one_adjustment_in_the_right_form(
    direct: Direct, item: dict[str, Any]
) -> None:
    assert direct.code("bidmodifiers", "add", {"BidModifiers": [item]}) == 8000


@pytest.mark.parametrize(
    ("member", "lowest"),
    [
        ("MobileAdjustment", 0),
        ("DesktopAdjustment", 0),
        ("SmartTvAdjustment", 0),
        ("SmartAdAdjustment", 20),
        ("VideoAdjustment", 50),
    ],
)
def test_rule_3_ranges_by_kind(direct: Direct, member: str, lowest: int) -> None:
    for percent, expected in ((lowest - 1, [5005]), (1301, [5005]), (lowest, [])):
        item = {"CampaignId": TEXT, member: {"BidModifier": percent}}
        assert add_codes(direct, item) == [expected]


def test_rule_3_ranges_of_arrays(direct: Direct) -> None:
    condition = direct.add_list()
    regions = [
        {"CampaignId": TEXT, "RegionalAdjustments": [{"RegionId": 213, "BidModifier": p}]}
        for p in (9, 10)
    ]
    assert add_codes(direct, *regions) == [[5005], []]
    corrections = [retargeting(condition, percent) for percent in (-1, 1301, 1300)]
    assert add_codes(direct, *corrections) == [[5005], [5005], []]


def test_rule_3_at_most_100_lists_per_object(direct: Direct) -> None:
    names = [f"list {n}" for n in range(101)]
    lists = [direct.add_list(name=name) for name in names]
    wishes = [{"RetargetingConditionId": one, "BidModifier": 90} for one in lists]
    (done,) = add(direct, {"AdGroupId": TEXT_GROUP, "RetargetingAdjustments": wishes[:100]})
    assert len(done["Ids"]) == 100
    item = {"AdGroupId": TEXT_GROUP, "RetargetingAdjustments": wishes[100:]}
    assert add_codes(direct, item) == [[7001]]


def test_rule_3_the_list_and_the_object_must_exist(direct: Direct) -> None:
    known = direct.add_list()
    items = (retargeting(17), retargeting(known, group=17), retargeting(known))
    assert add_codes(direct, *items) == [[8800], [8800], []]


def test_rule_3_a_second_adjustment_for_the_same_list_is_refused(direct: Direct) -> None:
    known = direct.add_list()
    assert add_codes(direct, retargeting(known), retargeting(known)) == [[], [9801]]


def test_rule_3_regions_are_for_campaigns(direct: Direct) -> None:
    item = {"AdGroupId": TEXT_GROUP, "RegionalAdjustments": [{"RegionId": 1, "BidModifier": 90}]}
    assert add_codes(direct, item) == [[6000]]


def test_rule_3_demographic_slices_do_not_overlap(direct: Direct) -> None:
    def slice_(**who: str) -> dict[str, Any]:
        return {"CampaignId": TEXT, "DemographicsAdjustments": [{**who, "BidModifier": 90}]}

    # Somebody has GENDER_FEMALE, AGE_25_34 there already.
    women, men = slice_(Gender="GENDER_FEMALE"), slice_(Gender="GENDER_MALE")
    assert add_codes(direct, women, slice_(Age="AGE_25_34"), men) == [[6000], [6000], []]


def test_rule_3_at_most_1000_items(direct: Direct) -> None:
    items = [{"Id": n, "BidModifier": 90} for n in range(1001)]
    assert direct.code("bidmodifiers", "set", {"BidModifiers": items}) == 9300


def test_rule_3_set_needs_the_id_of_the_adjustment(direct: Direct) -> None:
    item = {"CampaignId": TEXT, "Type": "RETARGETING_ADJUSTMENT", "BidModifier": 90}
    answer = direct.post("bidmodifiers", {"method": "set", "params": {"BidModifiers": [item]}})
    assert answer.json()["error"]["error_code"] == 8000
    assert answer.headers["Units"].startswith("50/")


@pytest.mark.parametrize(
    ("criteria", "code"),
    [
        ({"CampaignIds": [TEXT]}, 8000),
        ({"Levels": ["CAMPAIGN"]}, 4001),
        ({"Levels": ["CAMPAIGN"], "CampaignIds": []}, 4001),
        ({"Levels": ["CAMPAIGN"], "CampaignIds": list(range(11))}, 4001),
    ],
)
def test_rule_3_get_needs_levels_and_ids(
    direct: Direct, criteria: dict[str, Any], code: int
) -> None:
    wish = {"SelectionCriteria": criteria, "FieldNames": ["Id"]}
    assert direct.code("bidmodifiers", "get", wish) == code


def test_rule_3_add_get_set_delete_with_singular_members(direct: Direct) -> None:
    known = direct.add_list()
    (added,) = add(direct, retargeting(known, 140))
    (number,) = added["Ids"]
    wish = {
        "SelectionCriteria": {"Ids": [number], "Levels": ["AD_GROUP"]},
        "FieldNames": ["Id", "Level"],
    }
    bare = direct.ask("bidmodifiers", "get", wish)["result"]["BidModifiers"]
    assert bare == [{"Id": number, "Level": "AD_GROUP"}]
    change = {"BidModifiers": [{"Id": number, "BidModifier": 70}]}
    assert direct.items("bidmodifiers", "set", change) == [{"Id": number, "Errors": []}]
    wish["RetargetingAdjustmentFieldNames"] = ["RetargetingConditionId", "BidModifier"]
    full = direct.ask("bidmodifiers", "get", wish)["result"]["BidModifiers"]
    assert full[0]["RetargetingAdjustment"] == {"RetargetingConditionId": known, "BidModifier": 70}
    gone = {"SelectionCriteria": {"Ids": [number]}}
    assert direct.items("bidmodifiers", "delete", gone) == [{"Id": number, "Errors": []}]
    assert direct.item_codes("bidmodifiers", "delete", gone) == [[8800]]
    assert direct.ask("bidmodifiers", "get", wish) == {"result": {"BidModifiers": []}}


def test_get_pages_with_limited_by(direct: Direct) -> None:
    wish = {"SelectionCriteria": ALL_LEVELS, "FieldNames": ["Id"], "Page": {"Limit": 1}}
    first = direct.ask("bidmodifiers", "get", wish)["result"]
    assert first["LimitedBy"] == 1
    wish["Page"] = {"Limit": 1, "Offset": 1}
    second = direct.ask("bidmodifiers", "get", wish)["result"]
    assert "LimitedBy" not in second
    assert first["BidModifiers"] != second["BidModifiers"]


def test_unified_campaigns_need_v501(sandbox: Running, direct: Direct) -> None:
    known, newer = direct.add_list(), Direct(sandbox, "v501")
    assert add_codes(direct, retargeting(known, group=UNIFIED_GROUP)) == [[3500]]
    assert add_codes(newer, retargeting(known, group=UNIFIED_GROUP)) == [[]]
    wish = {"SelectionCriteria": {"Ids": [UNIFIED]}, "FieldNames": ["Type"]}
    types = [api.ask("campaigns", "get", wish)["result"]["Campaigns"] for api in (direct, newer)]
    assert types == [[{"Type": "UNKNOWN"}], [{"Type": "UNIFIED_CAMPAIGN"}]]


# Rule 4: retargeting lists


def list_fields(direct: Direct, number: int, *names: str) -> dict[str, Any]:
    wish = {"SelectionCriteria": {"Ids": [number]}, "FieldNames": list(names)}
    return direct.ask("retargetinglists", "get", wish)["result"]["RetargetingLists"][0]


def test_rule_4_an_unknown_segment_is_taken_and_shown_as_unavailable(direct: Direct) -> None:
    assert list_fields(direct, direct.add_list(12345), "IsAvailable") == {"IsAvailable": "NO"}
    seen = list_fields(direct, direct.add_list(FOREIGN_SEGMENT), "IsAvailable")
    assert seen == {"IsAvailable": "YES"}


def test_rule_4_a_segment_is_available_once_it_is_ready_and_no_longer_when_deleted(
    sandbox: Running, direct: Direct
) -> None:
    audience = Audience(sandbox)
    segment = audience.confirmed(crm(range(300)))
    number = direct.add_list(segment)
    assert list_fields(direct, number, "IsAvailable") == {"IsAvailable": "NO"}
    sandbox.world.move_clock(7200)
    assert list_fields(direct, number, "IsAvailable") == {"IsAvailable": "YES"}
    audience.ask("DELETE", f"segment/{segment}")
    assert list_fields(direct, number, "IsAvailable") == {"IsAvailable": "NO"}


def test_rule_4_membership_life_span_is_dropped_for_segments_only(direct: Direct) -> None:
    arguments = [{"ExternalId": n, "MembershipLifeSpan": 30} for n in (FOREIGN_SEGMENT, 777)]
    wish = {"Name": "mixed", "Rules": [{"Operator": "ANY", "Arguments": arguments}]}
    (added,) = direct.items("retargetinglists", "add", {"RetargetingLists": [wish]})
    rules = list_fields(direct, added["Id"], "Rules")["Rules"]
    assert rules[0]["Arguments"] == [{"ExternalId": FOREIGN_SEGMENT}, arguments[1]]


def test_rule_4_names_and_rules_have_limits_and_the_type_stays(direct: Direct) -> None:
    rules = [{"Operator": "ALL", "Arguments": [{"ExternalId": 1}]}]
    items = [
        {"Name": "x" * 251, "Rules": rules},
        {"Name": "x" * 250, "Rules": rules},
        {"Name": "many", "Rules": rules * 51},
    ]
    codes = direct.item_codes("retargetinglists", "add", {"RetargetingLists": items})
    assert codes == [[5005], [], [5005]]
    change = {"RetargetingLists": [{"Id": FOREIGN_LIST, "Type": "AUDIENCE"}]}
    assert direct.code("retargetinglists", "update", change) == 8000


def test_rule_4_a_list_of_nobody_is_for_adjustments_only(direct: Direct) -> None:
    wish = {
        "Name": "not them",
        "Rules": [{"Operator": "NONE", "Arguments": [{"ExternalId": FOREIGN_SEGMENT}]}],
    }
    (added,) = direct.items("retargetinglists", "add", {"RetargetingLists": [wish]})
    number = added["Id"]
    assert list_fields(direct, number, "Scope") == {"Scope": "FOR_ADJUSTMENTS_ONLY"}
    target = {"AudienceTargets": [{"AdGroupId": TEXT_GROUP, "RetargetingListId": number}]}
    assert direct.item_codes("audiencetargets", "add", target) == [[6000]]
    assert add_codes(direct, retargeting(number)) == [[]]


def test_rule_4_a_list_in_use_is_not_deleted(direct: Direct) -> None:
    number = direct.add_list()
    (added,) = add(direct, retargeting(number))
    gone = {"SelectionCriteria": {"Ids": [number]}}
    assert direct.item_codes("retargetinglists", "delete", gone) == [[8301]]
    direct.ask("bidmodifiers", "delete", {"SelectionCriteria": {"Ids": added["Ids"]}})
    assert direct.item_codes("retargetinglists", "delete", gone) == [[]]
    wish = {"SelectionCriteria": {"Ids": [number]}, "FieldNames": ["Id"]}
    assert direct.ask("retargetinglists", "get", wish) == {"result": {}}


# Rules 5 and 8: audience targets and money


def target(condition: int, group: int = TEXT_GROUP, **more: Any) -> dict[str, Any]:
    return {"AdGroupId": group, "RetargetingListId": condition, **more}


def test_rule_5_group_and_list_must_exist_and_both_errors_are_told(direct: Direct) -> None:
    wish = {"AudienceTargets": [target(17, 18), target(17), target(FOREIGN_LIST)]}
    assert direct.item_codes("audiencetargets", "add", wish) == [[8800, 8800], [8800], []]


def test_rule_5_at_most_50_targets_in_a_group(direct: Direct) -> None:
    lists = [direct.add_list(name=f"list {n}") for n in range(51)]
    wish = {"AudienceTargets": [target(one) for one in lists]}
    codes = direct.item_codes("audiencetargets", "add", wish)
    assert codes == [[]] * 50 + [[7001]]


def test_targets_are_suspended_resumed_and_priced(direct: Direct) -> None:
    wish = {"AudienceTargets": [target(FOREIGN_LIST, ContextBid=5_000_000)]}
    number = direct.items("audiencetargets", "add", wish)[0]["Id"]
    chosen = {"SelectionCriteria": {"Ids": [number]}}
    shown = chosen | {"FieldNames": ["State", "ContextBid"]}
    direct.items("audiencetargets", "suspend", chosen)
    direct.items("audiencetargets", "setBids", {"Bids": [{"Id": number, "ContextBid": 7_000_000}]})
    found = direct.ask("audiencetargets", "get", shown)["result"]["AudienceTargets"]
    assert found == [{"State": "SUSPENDED", "ContextBid": 7_000_000}]
    direct.items("audiencetargets", "resume", chosen)
    on = {"Ids": [number], "States": ["ON"]}
    assert direct.ask("audiencetargets", "get", shown | {"SelectionCriteria": on})["result"]
    direct.items("audiencetargets", "delete", chosen)
    assert direct.ask("audiencetargets", "get", shown) == {"result": {}}


@pytest.mark.parametrize("bid", [100_000, 5_050_000, 25_000_100_000])
def test_rule_8_bids_are_micros_within_bounds_and_step(direct: Direct, bid: int) -> None:
    wish = {"AudienceTargets": [target(FOREIGN_LIST, ContextBid=bid)]}
    assert direct.item_codes("audiencetargets", "add", wish) == [[5005]]


def test_a_bid_the_strategy_ignores_is_taken_with_a_warning(direct: Direct) -> None:
    wish = {"AudienceTargets": [target(FOREIGN_LIST, UNIFIED_GROUP, ContextBid=5_000_000)]}
    (item,) = direct.items("audiencetargets", "add", wish)
    assert [warning["Code"] for warning in item["Warnings"]] == [10160]


# Rule 6: styles


def test_rule_6_empty_errors_in_production_style_only(sandbox: Running, direct: Direct) -> None:
    rules = [{"Operator": "ALL", "Arguments": [{"ExternalId": 1}]}]
    wish = {"RetargetingLists": [{"Name": "a", "Rules": rules}]}
    assert direct.items("retargetinglists", "add", wish)[0]["Errors"] == []
    sandbox.world.change(production_style=False)
    assert "Errors" not in direct.items("retargetinglists", "add", wish)[0]


def test_rule_6_delayed_visibility(sandbox: Running, direct: Direct) -> None:
    sandbox.world.change(delayed_visibility=True, speed=0.0)
    number = direct.add_list()
    assert add_codes(direct, retargeting(number)) == [[8800]]
    sandbox.world.move_clock(1)
    assert add_codes(direct, retargeting(number)) == [[]]


# Rule 7: reports


def order(**changes: Any) -> dict[str, Any]:
    wish = {
        "SelectionCriteria": {},
        "FieldNames": ["Date", "CampaignId", "RlAdjustmentId", "Clicks", "Cost", "Revenue"],
        "ReportName": "weekly",
        "ReportType": "CUSTOM_REPORT",
        "DateRangeType": "LAST_7_DAYS",
        "Format": "TSV",
        "IncludeVAT": "NO",
    }
    return {"params": wish | changes}


def online(direct: Direct, body: dict[str, Any], **headers: str) -> requests.Response:
    return direct.post("reports", body, processingMode="online", **headers)


@pytest.mark.parametrize(
    "changes",
    [
        {"FieldNames": ["Date", "Colour"]},
        {"FieldNames": ["AudienceTargetId"]},
        {"FieldNames": ["Date", "Week"]},
        {"FieldNames": ["RlAdjustmentId"], "ReportType": "CAMPAIGN_PERFORMANCE_REPORT"},
        {"DateRangeType": "CUSTOM_DATE"},
        {"SelectionCriteria": {"DateFrom": "2026-09-01", "DateTo": "2026-09-02"}},
        {"DateRangeType": "SOMETIMES"},
        {"IncludeVAT": "PERHAPS"},
        {"Format": "CSV"},
    ],
)
def test_rule_7_reports_are_validated(direct: Direct, changes: dict[str, Any]) -> None:
    answer = online(direct, order(**changes))
    assert answer.status_code == 400
    assert answer.json()["error"]["error_code"] in (4000, 4001, 8000)


def test_rule_7_no_method_and_no_field_may_be_missing(direct: Direct) -> None:
    assert online(direct, order() | {"method": "get"}).status_code == 400
    for name in ("IncludeVAT", "ReportName", "DateRangeType"):
        body = order()
        del body["params"][name]
        assert online(direct, body).status_code == 400


def test_rule_7_the_ladder(sandbox: Running, direct: Direct) -> None:
    first = direct.post("reports", order())
    assert (first.status_code, first.headers["reportsInQueue"]) == (201, "1")
    assert direct.post("reports", order()).status_code == 202
    sandbox.world.move_clock(float(first.headers["retryIn"]))
    done = direct.post("reports", order())
    assert done.status_code == 200
    lines = done.text.splitlines()
    assert lines[0].startswith('"weekly (')
    assert lines[1].split("\t")[0] == "Date"
    assert lines[-1] == f"Total rows: {len(lines) - 3}"
    assert "Units" not in done.headers


def test_rule_7_one_name_one_set_of_parameters(direct: Direct) -> None:
    assert direct.post("reports", order()).status_code == 201
    assert direct.post("reports", order(DateRangeType="LAST_3_DAYS")).status_code == 400


def test_rule_7_five_reports_in_the_queue(direct: Direct) -> None:
    for number in range(5):
        assert direct.post("reports", order(ReportName=f"r{number}")).status_code == 201
    answer = direct.post("reports", order(ReportName="r5"))
    assert (answer.status_code, answer.json()["error"]["error_code"]) == (400, 9000)


BARE = {"skipReportHeader": "true", "skipReportSummary": "true"}


def cells(text: str) -> list[dict[str, str]]:
    lines = [line.split("\t") for line in text.splitlines()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def test_rule_7_money_in_micros_or_decimals_and_dashes(direct: Direct) -> None:
    micros = cells(online(direct, order(), **BARE).text)
    decimals = cells(online(direct, order(), returnMoneyInMicros="false", **BARE).text)
    assert len(micros) == 3 * 7  # two groups without correction, one foreign correction, 7 days
    for whole, part in zip(micros, decimals, strict=True):
        assert abs(int(whole["Cost"]) / 1_000_000 - float(part["Cost"])) <= 0.005001
    assert {row["RlAdjustmentId"] for row in micros} == {"--", str(FOREIGN_LIST)}
    assert "--" in {row["Revenue"] for row in micros}


def test_rule_7_filters_goals_and_corrections(direct: Direct) -> None:
    known = direct.add_list()
    add(direct, retargeting(known, 150))
    only_text = [{"Field": "CampaignId", "Operator": "IN", "Values": [str(TEXT)]}]
    body = order(
        SelectionCriteria={"Filter": only_text},
        FieldNames=["RlAdjustmentId", "Conversions", "Revenue"],
        Goals=["123456"],
        AttributionModels=["LSCCD"],
    )
    rows = cells(online(direct, body, **BARE).text)
    assert list(rows[0]) == ["RlAdjustmentId", "Conversions_123456_LSCCD", "Revenue_123456_LSCCD"]
    # The group's own corrections replace those of its campaign.
    assert [row["RlAdjustmentId"] for row in rows] == [str(known), "--"]


def test_rule_7_an_empty_report_is_the_line_of_names(direct: Direct) -> None:
    none = {"Filter": [{"Field": "CampaignId", "Operator": "EQUALS", "Values": ["1"]}]}
    answer = online(direct, order(SelectionCriteria=none), **BARE)
    assert answer.text == "Date\tCampaignId\tRlAdjustmentId\tClicks\tCost\tRevenue\n"
