"""The played Google Ads API against its documented contract, rule by rule, over plain HTTP."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import requests

from connectors.sandbox import google_ads
from connectors.sandbox.server import Running
from tests.support.sandbox_google import CHILD, MANAGER, Ads, Data, failures, people

FOREIGN_LIST = "7000000001"
SEARCH, SMART, TARGETED, DISPLAY = 2001, 2002, 2003, 2004
CAMPAIGNS = "SELECT campaign.id FROM campaign"


@pytest.fixture
def ads(sandbox: Running) -> Ads:
    return Ads(sandbox)


@pytest.fixture
def number(sandbox: Running) -> str:
    """A list of ours."""
    return Data(sandbox).made()


def codes(answer: requests.Response) -> list[str]:
    return [code for _, _, code in failures(answer)]


# Rule 1 and 2: who may ask


@pytest.mark.parametrize("token", ["", "Bearer expired-token", "Bearer nobody", "OAuth x"])
def test_rule_1_only_bearer_with_a_living_token_is_let_in(ads: Ads, token: str) -> None:
    ads.headers = {"Authorization": token}
    answer = ads.post("/googleAds:search", {"query": CAMPAIGNS})
    assert answer.status_code == 401
    assert failures(answer) == [(None, "authenticationError", "OAUTH_TOKEN_INVALID")]


def test_rule_2_customers_and_their_manager(sandbox: Running) -> None:
    query = {"query": "SELECT customer.id FROM customer"}
    child = Ads(sandbox, CHILD)
    answer = child.post("/googleAds:search", query)
    assert answer.status_code == 403
    assert codes(answer) == ["USER_PERMISSION_DENIED"]
    child.headers["login-customer-id"] = "999-999-9999"
    answer = child.post("/googleAds:search", query)
    assert (answer.status_code, codes(answer)) == (400, ["INVALID_LOGIN_CUSTOMER_ID"])
    child.headers["login-customer-id"] = MANAGER
    assert child.search(query["query"])[0]["customer"]["id"] == CHILD
    assert codes(Ads(sandbox, "123").post("/googleAds:search", query)) == ["INVALID_CUSTOMER_ID"]


def test_rule_2_versions(sandbox: Running) -> None:
    query = {"query": CAMPAIGNS}
    assert Ads(sandbox, version="v23").post("/googleAds:search", query).status_code == 200
    answer = Ads(sandbox, version="v22").post("/googleAds:search", query)
    assert codes(answer) == ["UNSUPPORTED_VERSION"]


# Rule 3: names


@pytest.mark.parametrize(
    "more",
    [{"colour": 1}, {"partialFailure": "yes"}, {"operations": [{"create": {"name": "x"}}]}],
)
def test_rule_3_unknown_names_are_refused(ads: Ads, number: str, more: dict[str, Any]) -> None:
    body = {"operations": [{"create": ads.criterion(number)}]} | more
    answer = ads.post("/campaignCriteria:mutate", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"


# Rule 8: operations


def test_rule_8_one_of_create_update_remove(ads: Ads, number: str) -> None:
    both = {"create": ads.criterion(number), "remove": "customers/1/campaignCriteria/2~3"}
    assert ads.mutate("campaignCriteria", both).status_code == 400
    assert codes(ads.mutate("campaignCriteria", {})) == ["OPERATION_REQUIRED"]
    assert codes(ads.mutate("campaignCriteria")) == ["OPERATION_REQUIRED"]


def test_rule_8_at_most_10000_operations(ads: Ads) -> None:
    answer = ads.mutate("campaignCriteria", *[{"remove": "x"}] * 10_001)
    assert codes(answer) == ["TOO_MANY_MUTATE_OPERATIONS"]


def test_rule_8_an_update_names_what_changes(ads: Ads, number: str) -> None:
    name = ads.made("campaignCriteria", ads.criterion(number))
    for mask, expected in (
        ({}, ["FIELD_MASK_MISSING"]),
        ({"updateMask": ""}, ["FIELD_MASK_MISSING"]),
        ({"updateMask": "negative"}, ["IMMUTABLE_FIELD"]),
        ({"updateMask": "bidModifier"}, []),
        ({"updateMask": "bid_modifier"}, []),
    ):
        update = {"update": {"resourceName": name, "bidModifier": 0.8}}
        assert codes(ads.mutate("campaignCriteria", {**update, **mask})) == expected


@pytest.mark.parametrize(
    ("modifier", "expected"),
    [(0.1, []), (10, []), (0.09, ["TOO_LOW"]), (10.01, ["TOO_HIGH"]), (0, ["TOO_LOW"])],
)
def test_rule_8_the_range_of_modifiers(
    ads: Ads, number: str, modifier: float, expected: list[str]
) -> None:
    create = {"create": ads.criterion(number, modifier)}
    assert codes(ads.mutate("campaignCriteria", create)) == expected


def test_rule_8_an_exclusion_has_no_modifier(ads: Ads, number: str) -> None:
    create = {"create": ads.criterion(number, 1.2, negative=True)}
    answer = ads.mutate("campaignCriteria", create)
    assert codes(answer) == ["CANNOT_BID_MODIFY_NEGATIVE_CRITERION"]
    name = ads.made("campaignCriteria", ads.criterion(number, None, negative=True))
    update = {"updateMask": "bidModifier", "update": {"resourceName": name, "bidModifier": 2}}
    answer = ads.mutate("campaignCriteria", update)
    assert codes(answer) == ["CANNOT_UPDATE_NEGATIVE_CRITERION"]
    answer = ads.mutate("campaignCriteria", {"create": ads.criterion(number)})
    assert codes(answer) == ["CANNOT_TARGET_AND_EXCLUDE"]


def test_rule_8_what_a_criterion_names_must_be_there_once(ads: Ads, number: str) -> None:
    strange = ads.criterion(number, campaign=ads.named("campaigns", 404))
    foreign = ads.criterion(number, campaign="customers/2222222222/campaigns/2001")
    nothing = {"campaign": ads.named("campaigns", SEARCH)}
    for body, expected in (
        (strange, "RESOURCE_NOT_FOUND"),
        (foreign, "RESOURCE_NOT_FOUND"),
        (ads.criterion("404"), "INVALID_USER_LIST"),
        (nothing, "CONCRETE_TYPE_REQUIRED"),
        (ads.criterion(FOREIGN_LIST), "CANNOT_ADD_EXISTING_FIELD"),
    ):
        assert codes(ads.mutate("campaignCriteria", {"create": body})) == [expected]


def test_rule_8_a_removed_criterion_is_gone(ads: Ads, number: str) -> None:
    name = ads.made("campaignCriteria", ads.criterion(number))
    assert ads.mutate("campaignCriteria", {"remove": name}).status_code == 200
    answer = ads.mutate("campaignCriteria", {"remove": name})
    assert codes(answer) == ["RESOURCE_NOT_FOUND"]


def test_rule_8_one_level_of_a_campaign(ads: Ads, number: str) -> None:
    smart = {"campaign": ads.named("campaigns", SMART)}
    ads.made("adGroupCriteria", ads.group_criterion(number))
    clash = ["CANNOT_ATTACH_CRITERIA_AT_CAMPAIGN_AND_ADGROUP"]
    answer = ads.mutate("campaignCriteria", {"create": ads.criterion(number, 1.2, **smart)})
    assert codes(answer) == clash
    answer = ads.mutate("adGroupCriteria", {"create": ads.group_criterion(number)})
    assert codes(answer) == ["RESOURCE_ALREADY_EXISTS"]


def test_rule_8_display_takes_lists_on_groups_only(ads: Ads, number: str) -> None:
    display = {"campaign": ads.named("campaigns", DISPLAY)}
    answer = ads.mutate("campaignCriteria", {"create": ads.criterion(number, 1.2, **display)})
    assert codes(answer) == ["CANNOT_ADD_CRITERIA_TYPE"]
    ads.made("campaignCriteria", ads.criterion(number, None, negative=True, **display))
    ads.made("adGroupCriteria", ads.group_criterion(number, group=3004))


def observe(ads: Ads, collection: str, tail: int, bid_only: bool = True) -> requests.Response:
    value = {"targetingDimension": "AUDIENCE", "bidOnly": bid_only}
    setting = {"targetRestrictionOperations": [{"operator": "ADD", "value": value}]}
    update = {"resourceName": ads.named(collection, tail), "targetingSetting": setting}
    mask = "targetingSetting.targetRestrictionOperations"
    return ads.mutate(collection, {"updateMask": mask, "update": update})


def restrictions(ads: Ads, campaign: int) -> list[Any]:
    field = "campaign.targeting_setting.target_restrictions"
    (row,) = ads.search(f"SELECT {field} FROM campaign WHERE campaign.id = {campaign}")
    return list(row["campaign"].get("targetingSetting", {}).get("targetRestrictions", []))


def test_rule_8_observation_stands_at_one_level(ads: Ads) -> None:
    assert restrictions(ads, SMART) == []
    assert observe(ads, "campaigns", SMART).status_code == 200
    assert restrictions(ads, SMART) == [{"targetingDimension": "AUDIENCE", "bidOnly": True}]
    answer = observe(ads, "adGroups", 3001)
    assert codes(answer) == ["SETTING_TYPE_IS_NOT_COMPATIBLE_WITH_CAMPAIGN"]


def test_rule_8_restrictions_are_replaced_as_a_whole(ads: Ads) -> None:
    topics = [{"targetingDimension": "TOPIC", "bidOnly": True}]
    update = {
        "resourceName": ads.named("campaigns", SMART),
        "targetingSetting": {"targetRestrictions": topics},
    }
    observe(ads, "campaigns", SMART)
    mask = "targetingSetting.targetRestrictions"
    ads.mutate("campaigns", {"updateMask": mask, "update": update})
    assert restrictions(ads, SMART) == topics


def test_rule_8_observation_with_lists_cannot_become_targeting(ads: Ads) -> None:
    answer = observe(ads, "campaigns", SEARCH, bid_only=False)
    assert codes(answer) == ["BID_ONLY_IS_NOT_ALLOWED_TO_BE_MODIFIED_WITH_CUSTOMER_MATCH_TARGETING"]


def test_rule_8_partial_failure(ads: Ads, number: str) -> None:
    operations = [
        {"create": ads.criterion("404")},
        {"create": ads.criterion(number)},
        {"create": ads.criterion(number, 11)},
    ]
    answer = ads.mutate("campaignCriteria", *operations)
    assert answer.status_code == 400
    assert [place for place, _, _ in failures(answer)] == [0, 2]
    answer = ads.mutate("campaignCriteria", *operations, partialFailure=True)
    assert answer.status_code == 200
    assert failures(answer) == [
        (0, "criterionError", "INVALID_USER_LIST"),
        (2, "rangeError", "TOO_HIGH"),
    ]
    assert answer.json()["partialFailureError"]["code"] == 3
    assert [bool(one) for one in answer.json()["results"]] == [False, True, False]


def test_rule_8_validate_only_does_nothing(ads: Ads, number: str) -> None:
    create = {"create": ads.criterion(number)}
    assert ads.mutate("campaignCriteria", create, validateOnly=True).json() == {}
    assert ads.mutate("campaignCriteria", create).status_code == 200


# Rule 8: lists and look-alikes


def lookalike(seeds: list[str], **more: Any) -> dict[str, Any]:
    likeness = {"seedUserListIds": seeds, "expansionLevel": "BALANCED", "countryCodes": ["UA"]}
    return {"create": {"name": "like", "lookalikeUserList": likeness | more}}


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (lookalike(["404"]), "SEED_LIST_DOES_NOT_EXIST"),
        (lookalike([]), "SEED_LIST_DOES_NOT_EXIST"),
        (lookalike([FOREIGN_LIST], countryCodes=["Ukraine"]), "INVALID_COUNTRY_CODES"),
        (lookalike([FOREIGN_LIST], countryCodes=[]), "INVALID_COUNTRY_CODES"),
        ({"create": {"name": "x"}}, "CONCRETE_TYPE_REQUIRED"),
        ({"create": {"name": "made by hand", "crmBasedUserList": {}}}, "NAME_ALREADY_USED"),
        (
            {"create": {"name": "x", "membershipLifeSpan": "541", "crmBasedUserList": {}}},
            "TOO_HIGH",
        ),
        ({"create": {"name": "x", "crmBasedUserList": {"appId": "1"}}}, "APP_ID_NOT_ALLOWED"),
        ({"remove": "customers/1234567890/userLists/404"}, "RESOURCE_NOT_FOUND"),
    ],
)
def test_rule_8_lists_that_are_refused(ads: Ads, operation: Any, expected: str) -> None:
    assert codes(ads.mutate("userLists", operation)) == [expected]


def test_rule_8_a_lookalike_is_made_once(ads: Ads, number: str) -> None:
    answer = ads.mutate("userLists", lookalike([number]))
    name = answer.json()["results"][0]["resourceName"]
    again = lookalike([number])
    again["create"]["name"] = "another name"
    assert codes(ads.mutate("userLists", again)) == ["DUPLICATE_LOOKALIKE"]
    grown = name.rpartition("/")[2]
    assert codes(ads.mutate("userLists", lookalike([grown]) | {})) == ["NAME_ALREADY_USED"]
    second = lookalike([grown])
    second["create"]["name"] = "of a look-alike"
    assert codes(ads.mutate("userLists", second)) == ["INVALID_SEED_LIST_TYPE"]
    mask = {"updateMask": "lookalikeUserList", "update": {"resourceName": name}}
    assert codes(ads.mutate("userLists", mask)) == ["IMMUTABLE_FIELD"]


def test_rule_8_a_list_is_renamed_and_closed(sandbox: Running, ads: Ads, number: str) -> None:
    update = {"resourceName": ads.named("userLists", number), "name": "new"}
    assert ads.mutate("userLists", {"updateMask": "name", "update": update}).status_code == 200
    update = {**update, "membershipStatus": "CLOSED"}
    ads.mutate("userLists", {"updateMask": "membershipStatus", "update": update})
    found = Data(sandbox).get(number).json()
    assert (found["displayName"], found["membershipStatus"]) == ("new", "CLOSED")
    answer = ads.mutate("campaignCriteria", {"create": ads.criterion(number)})
    assert codes(answer) == ["CANNOT_ADD_CLOSED_USER_LIST"]


# Rule 8: value rules


def rule(ads: Ads, number: str, value: float, operation: str = "MULTIPLY") -> Any:
    return {
        "action": {"operation": operation, "value": value},
        "audienceCondition": {"userLists": [ads.named("userLists", number)]},
        "status": "ENABLED",
    }


@pytest.mark.parametrize(
    ("value", "operation", "expected"),
    [
        (0.5, "MULTIPLY", []),
        (10, "MULTIPLY", []),
        (0.49, "MULTIPLY", ["TOO_LOW"]),
        (10.1, "MULTIPLY", ["TOO_HIGH"]),
        (0, "ADD", ["TOO_LOW"]),
        (20, "ADD", []),
    ],
)
def test_rule_8_the_range_of_value_rules(
    ads: Ads, number: str, value: float, operation: str, expected: list[str]
) -> None:
    create = {"create": rule(ads, number, value, operation)}
    assert codes(ads.mutate("conversionValueRules", create)) == expected


def test_rule_8_a_rule_in_a_set_stays(ads: Ads, number: str) -> None:
    bad = {"create": rule(ads, "404", 2)}
    assert codes(ads.mutate("conversionValueRules", bad)) == ["INVALID_AUDIENCE_USER_LIST"]
    name = ads.made("conversionValueRules", rule(ads, number, 2))
    body = {
        "conversionValueRules": [name],
        "dimensions": ["AUDIENCE"],
        "attachmentType": "CUSTOMER",
    }
    whole = ads.made("conversionValueRuleSets", body)
    answer = ads.mutate("conversionValueRules", {"remove": name})
    assert codes(answer) == ["CANNOT_REMOVE_IF_INCLUDED_IN_VALUE_RULE_SET"]
    assert ads.mutate("conversionValueRuleSets", {"remove": whole}).status_code == 200
    assert ads.mutate("conversionValueRules", {"remove": name}).status_code == 200


def test_rule_8_what_a_set_of_value_rules_must_be(sandbox: Running, ads: Ads, number: str) -> None:
    first, second = (ads.made("conversionValueRules", rule(ads, number, 2)) for _ in range(2))
    other = ads.made("conversionValueRules", rule(ads, Data(sandbox).made("other"), 2))
    store = sandbox.world.store("google")
    smart = {"advertising_channel_type": "PERFORMANCE_MAX"}
    store.put("campaign", 2009, {**store.get("campaign", 2001), "id": 2009, **smart})

    def said(rules: list[str], **more: Any) -> list[str]:
        body = {"conversionValueRules": rules, "dimensions": ["AUDIENCE"], **more}
        return codes(ads.mutate("conversionValueRuleSets", {"create": body}))

    def at(campaign: int) -> dict[str, Any]:
        return {"attachmentType": "CAMPAIGN", "campaign": ads.named("campaigns", campaign)}

    assert said([first, second]) == ["CONFLICTING_VALUE_RULE_CONDITIONS"]
    assert said([first], dimensions=["DEVICE"]) == ["CONDITION_TYPE_NOT_ALLOWED"]
    assert said([first], **at(404)) == ["INVALID_CAMPAIGN_ID"]
    assert said([first], **at(2009)) == ["VALUE_RULES_NOT_SUPPORTED_FOR_CAMPAIGN_TYPE"]
    assert said([first, other], **at(2001)) == []


# Rule 10: quotas


def test_rule_10_operations_a_day(
    sandbox: Running, ads: Ads, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google_ads, "DAILY_OPERATIONS", 3)
    sandbox.world.change(quotas=True)
    ads.search(CAMPAIGNS)
    create = [{"create": ads.criterion(number)}] * 3
    answer = ads.mutate("campaignCriteria", *create)
    assert (answer.status_code, codes(answer)) == (429, ["RESOURCE_EXHAUSTED"])
    assert ads.mutate("campaignCriteria", create[0]).status_code == 200
    sandbox.world.move_clock(86_400)
    ads.search(CAMPAIGNS)


def test_rule_10_throttling_tells_how_long(sandbox: Running, ads: Ads) -> None:
    fault = {"kind": "throttle", "platform": "google_ads"}
    requests.post(f"{sandbox.url}/_sandbox/faults", json=fault, timeout=20)
    error = ads.post("/googleAds:search", {"query": CAMPAIGNS}).json()["error"]
    (failure,) = error["details"][0]["errors"]
    assert failure["errorCode"] == {"quotaError": "RESOURCE_TEMPORARILY_EXHAUSTED"}
    assert failure["details"]["quotaErrorDetails"]["retryDelay"] == "5s"


# Rule 11 and queries


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT campaign.colour FROM campaign", "UNRECOGNIZED_FIELD"),
        ("SELECT campaign.id FROM nowhere", "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE"),
        ("SELECT ad_group.id FROM campaign", "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE"),
        (f"{CAMPAIGNS} WHERE ad_group.id = 1", "PROHIBITED_RESOURCE_TYPE_IN_WHERE_CLAUSE"),
        (f"{CAMPAIGNS} WHERE campaign.id", "UNEXPECTED_INPUT"),
        (f"{CAMPAIGNS} WHERE campaign.id = 1 OR campaign.id = 2", "EXPECTED_AND"),
        ("campaign", "UNEXPECTED_INPUT"),
        ("SELECT segments.date FROM campaign", "EXPECTED_FILTERS_ON_DATE_RANGE"),
        (
            "SELECT segments.date FROM campaign WHERE segments.date BETWEEN 'a' AND 'b'",
            "INVALID_DATE_FORMAT",
        ),
    ],
)
def test_queries_that_cannot_be_read(ads: Ads, query: str, expected: str) -> None:
    answer = ads.post("/googleAds:search", {"query": query})
    assert (answer.status_code, codes(answer)) == (400, [expected])
    (streamed,) = ads.post("/googleAds:searchStream", {"query": query}).json()
    assert streamed["error"]["code"] == 400


def test_a_page_size_is_not_supported(ads: Ads) -> None:
    answer = ads.post("/googleAds:search", {"query": CAMPAIGNS, "pageSize": 5})
    assert codes(answer) == ["PAGE_SIZE_NOT_SUPPORTED"]


def test_conditions_of_a_query(ads: Ads) -> None:
    def found(where: str) -> list[int]:
        rows = ads.search(f"{CAMPAIGNS} WHERE {where}")
        return [int(row["campaign"]["id"]) for row in rows]

    assert found("campaign.id IN (2001, 2004)") == [SEARCH, DISPLAY]
    assert found("campaign.id NOT IN (2001, 2004) AND campaign.id > 2002") == [TARGETED]
    assert found("campaign.id BETWEEN 2002 AND 2003") == [SMART, TARGETED]
    assert found("campaign.bidding_strategy_type = 'TARGET_CPA'") == [SMART]
    assert found('campaign.name != "Display" LIMIT 2') == [SEARCH, SMART]


def test_rows_are_sorted_before_they_are_cut(ads: Ads) -> None:
    query = f"{CAMPAIGNS} ORDER BY campaign.advertising_channel_type, campaign.id DESC LIMIT 2"
    assert [row["campaign"]["id"] for row in ads.search(query)] == ["2004", "2003"]
    answer = ads.post("/googleAds:search", {"query": f"{CAMPAIGNS} ORDER BY ad_group.id"})
    assert codes(answer) == ["PROHIBITED_FIELD_IN_ORDER_BY_CLAUSE"]


def test_rule_11_int64_as_text_and_zeroes_left_out(sandbox: Running, ads: Ads) -> None:
    query = (
        "SELECT campaign.id, campaign_criterion.criterion_id, campaign_criterion.bid_modifier, "
        "campaign_criterion.negative, campaign_criterion.user_list.user_list "
        "FROM campaign_criterion WHERE campaign_criterion.type = 'USER_LIST'"
    )
    first, second, third = ads.search(query)
    assert first["campaign"]["id"] == "2001"
    assert first["campaignCriterion"]["bidModifier"] == 1.1
    assert first["campaignCriterion"]["userList"]["userList"].endswith(FOREIGN_LIST)
    assert "negative" not in first["campaignCriterion"]
    assert "bidModifier" not in second["campaignCriterion"]
    assert third["campaignCriterion"]["negative"] is True
    assert isinstance(first["campaignCriterion"]["criterionId"], str)


def test_rule_11_figures_by_day_and_list(sandbox: Running, ads: Ads) -> None:
    today = datetime.fromtimestamp(sandbox.world.now(), UTC).date()
    first = today - timedelta(days=6)
    where = f"WHERE segments.date BETWEEN '{first}' AND '{today + timedelta(days=3)}'"
    metrics = "metrics.impressions, metrics.clicks, metrics.cost_micros, metrics.conversions"
    view = f"SELECT segments.date, campaign.id, {metrics} FROM campaign_audience_view {where}"
    rows = ads.search(view)
    days = {date.fromisoformat(row["segments"]["date"]) for row in rows}
    assert days == {first + timedelta(days=n) for n in range(7)}
    assert {row["campaign"]["id"] for row in rows} == {"2001", "2003"}
    for row in rows:
        assert int(row["metrics"]["costMicros"]) > 0
        assert 0 not in row["metrics"].values()
    total = ads.search(f"SELECT {metrics} FROM customer {where}")
    lists = sum(int(row["metrics"]["costMicros"]) for row in rows)
    assert int(total[0]["metrics"]["costMicros"]) > lists
    streamed = ads.post("/googleAds:searchStream", {"query": view}).json()
    assert [row for chunk in streamed for row in chunk["results"]] == rows


def test_a_bid_shows_in_the_figures(sandbox: Running, ads: Ads, number: str) -> None:
    name = ads.made("campaignCriteria", ads.criterion(number, 0.5))
    Data(sandbox).ingest(number, people(range(3)))
    today = datetime.fromtimestamp(sandbox.world.now(), UTC).date()
    query = (
        "SELECT metrics.impressions FROM campaign_audience_view "
        f"WHERE segments.date BETWEEN '{today - timedelta(days=6)}' AND '{today}' "
        f"AND campaign_criterion.user_list.user_list = '{ads.named('userLists', number)}'"
    )
    low = int(ads.search(query)[0]["metrics"]["impressions"])
    update = {"updateMask": "bidModifier", "update": {"resourceName": name, "bidModifier": 2}}
    ads.mutate("campaignCriteria", update)
    assert int(ads.search(query)[0]["metrics"]["impressions"]) > 2 * low
