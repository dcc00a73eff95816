"""VK Ads' ad groups: per cent of a base that is kept, absolute on the wire."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from responses import matchers

from bids.model import BidObject, CorrectionChange, Level, PresentCorrection
from config.platforms import Account
from connectors.base import Strategy
from connectors.errors import ContractBroken, CredentialsRefused, Unsure
from connectors.registry import connect
from connectors.vk_groups import Kept, percent_of, to_step
from tests.support.surroundings import surroundings
from tests.support.wire_vk import AUTH

BASE = "https://ads.vk.com/api/v2/"
FIELDS = (
    "id,ad_plan_id,status,max_price,budget_limit,budget_limit_day,autobidding_mode,"
    "targetings,issues"
)
GROUP = BidObject("vk", "vk", Level.AD_GROUP, "101")
OTHER = BidObject("vk", "vk", Level.AD_GROUP, "102")


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def connector(monkeypatch, state):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    return connect(Account(name="vk", platform="vk", secrets="SHOP_"), surroundings(state=state))


def group(number=101, price="150.00", segments=(481,), **more):
    return {
        "id": number,
        "ad_plan_id": 7,
        "status": "active",
        "max_price": price,
        "budget_limit": None,
        "budget_limit_day": "1000.00",
        "autobidding_mode": "second_price",
        "targetings": {"segments": list(segments)},
        "issues": [],
        **more,
    }


def groups(net, *items, ids=None, by="_id__in"):
    wanted = ids or ",".join(sorted(str(one["id"]) for one in items)) or "101"
    query = {"fields": FIELDS, by: wanted, "limit": 50, "offset": 0}
    match = [AUTH, matchers.query_param_matcher(query)]
    net.add("GET", BASE + "ad_groups.json", json={"items": list(items)}, match=match)


def set_to(net, body, number=101, **answer):
    match = [AUTH, matchers.json_params_matcher(body)]
    answer = answer or {"status": 204}
    net.add("POST", f"{BASE}ad_groups/{number}.json", match=match, **answer)


def steps(net, *found):
    items = [{"name": "RUB", "budget_limit_step": one} for one in found]
    net.add("GET", BASE + "currencies.json", json={"items": items}, match=[AUTH])


def change(percent, correction=None, where=GROUP, condition="481"):
    return CorrectionChange(where, "vip", condition, correction, percent)


def corrected(net, connector, percent=20, price="180.00"):
    """Group 101 corrected for segment 481 from a base of 150."""
    groups(net, group())
    set_to(net, {"max_price": price})
    (receipt,) = connector.write_corrections([change(percent)])
    assert receipt.refused == ""


def read(net, connector, **now):
    groups(net, group(**now))
    return [one.percent for one in connector.read_corrections([GROUP])]


def test_a_price_is_the_base_times_the_correction(net, connector):
    groups(net, group())
    set_to(net, {"max_price": "180.00"})
    (receipt,) = connector.write_corrections([change(20)])
    assert (receipt.correction_id, receipt.refused, receipt.warning) == ("101", "", "")


def test_it_is_read_back_as_it_was_written(net, connector):
    corrected(net, connector)
    groups(net, group(price="180.00"), group(102))
    assert connector.read_corrections([GROUP, OTHER]) == (
        PresentCorrection(GROUP, "481", "101", 20),
    )


def test_further_corrections_start_from_the_base_and_not_from_the_last(net, connector):
    corrected(net, connector)
    groups(net, group(price="180.00"))
    set_to(net, {"max_price": "165.00"})
    connector.write_corrections([change(10, "101")])
    groups(net, group(price="165.00"))
    set_to(net, {"max_price": "165.00"})
    connector.write_corrections([change(10, "101")])
    assert read(net, connector, price="165.00") == [10]


def test_the_base_outlives_the_process(net, connector, state, monkeypatch):
    corrected(net, connector)
    account = Account(name="vk", platform="vk", secrets="SHOP_")
    again = connect(account, surroundings(state=state))
    groups(net, group(price="180.00"))
    set_to(net, {"max_price": "75.00"})
    assert again.write_corrections([change(-50, "101")])[0].refused == ""


def test_taking_a_correction_away_puts_the_base_back(net, connector):
    corrected(net, connector)
    groups(net, group(price="180.00"))
    set_to(net, {"max_price": "150.00"})
    (receipt,) = connector.write_corrections([change(None, "101")])
    assert (receipt.correction_id, receipt.refused) == (None, "")
    assert connector.read_corrections([GROUP]) == ()


def test_without_a_recorded_base_nothing_is_read_and_nothing_asked(net, connector):
    assert connector.read_corrections([GROUP]) == ()


@pytest.mark.parametrize(
    ("price", "percent"), [("150.00", []), ("300.00", [100]), ("100.00", [-33]), (150, [])]
)
def test_a_price_set_by_hand_shows(net, connector, price, percent):
    corrected(net, connector)
    assert read(net, connector, price=price) == percent


def test_a_correction_of_nothing_is_one(net, connector):
    corrected(net, connector, 0, "150.00")
    assert read(net, connector) == [0]


def test_the_base_is_kept_before_the_price_is_sent(net, connector):
    groups(net, group())
    for _ in range(5):
        set_to(net, {"max_price": "180.00"}, status=502)
    with pytest.raises(Unsure):
        connector.write_corrections([change(20)])
    assert read(net, connector) == []
    assert read(net, connector, price="180.00") == [20]


def test_a_budget_is_the_lever_where_the_price_is_only_a_ceiling(net, connector):
    goals = group(price="0.00", autobidding_mode="max_goals")
    groups(net, goals)
    steps(net, "1.00", "100.00", None)
    set_to(net, {"budget_limit_day": "1300.00"})
    assert connector.write_corrections([change(33)])[0].refused == ""
    groups(net, {**goals, "budget_limit_day": "1300.00"})
    assert [one.percent for one in connector.read_corrections([GROUP])] == [33]


def test_the_whole_budget_where_there_is_none_a_day(net, connector):
    goals = {"autobidding_mode": "max_goals", "budget_limit_day": None, "budget_limit": "9000"}
    groups(net, group(**goals))
    steps(net)
    set_to(net, {"budget_limit": "4500"})
    assert connector.write_corrections([change(-50)])[0].refused == ""


@pytest.mark.parametrize(
    ("there", "percent", "said"),
    [
        (group(segments=()), 20, "one ad group per segment"),
        (group(segments=(481, 482)), 20, "one ad group per segment"),
        (group(segments=(482,)), 20, "one ad group per segment"),
        (group(price="0"), 20, "no max_price"),
        (group(price="-1"), 20, "no max_price"),
        (group(status="deleted"), 20, "not in the account"),
        (group(price="21474836"), 1, "more than VK takes"),
        (group(), 301, "-90 to 300"),
        (group(), -91, "-90 to 300"),
    ],
)
def test_what_cannot_be_is_refused_and_not_sent(net, connector, there, percent, said):
    groups(net, there)
    (receipt,) = connector.write_corrections([change(percent)])
    assert said in receipt.refused


def test_a_group_that_is_gone(net, connector):
    groups(net, ids="101")
    (receipt,) = connector.write_corrections([change(20)])
    assert "not in the account" in receipt.refused


PLAN = BidObject("vk", "vk", Level.CAMPAIGN, "7")


def of_plan(net, *items):
    groups(net, *items, ids="7", by="_ad_plan_id__in")


def test_a_correction_of_an_ad_plan_lands_on_the_segments_group(net, connector):
    others = [group(99, segments=()), group(102, segments=(482,)), group(103, ad_plan_id=8)]
    of_plan(net, *others, group())
    set_to(net, {"max_price": "180.00"})
    (receipt,) = connector.write_corrections([change(20, where=PLAN)])
    assert (receipt.correction_id, receipt.refused) == ("101", "")
    of_plan(net, *others, group(price="180.00"))
    assert connector.read_corrections([PLAN]) == (PresentCorrection(PLAN, "481", "101", 20),)
    of_plan(net, *others, group(price="180.00"))
    set_to(net, {"max_price": "150.00"})
    assert connector.write_corrections([change(None, "101", PLAN)])[0].refused == ""


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ((group(segments=(482,)),), "no ad group"),
        ((group(ad_plan_id=8),), "no ad group"),
        ((group(), group(102)), "2 ad groups"),
    ],
)
def test_an_ad_plan_needs_one_group_for_the_segment(net, connector, there, said):
    of_plan(net, *there)
    (receipt,) = connector.write_corrections([change(20, where=PLAN)])
    assert said in receipt.refused


def test_a_plan_bids_as_its_groups_do(net, connector):
    of_plan(net, group(), group(102))
    assert connector.strategies([PLAN])[0] == Strategy(PLAN, "second_price, max_price", "bid")
    of_plan(net, group(), group(102, autobidding_mode="max_goals"))
    assert connector.strategies([PLAN])[0] == Strategy(PLAN, "mixed", "unknown")


def test_without_a_place_for_the_base_nothing_is_changed(net, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    homeless = connect(Account(name="vk", platform="vk", secrets="SHOP_"), surroundings())
    groups(net, group())
    assert "state folder" in homeless.write_corrections([change(20)])[0].refused


def test_a_base_that_was_lost_is_not_guessed(net, connector):
    groups(net, group(price="180.00"))
    (receipt,) = connector.write_corrections([change(30, "101")])
    assert "not recorded" in receipt.refused


def test_a_group_that_is_pointed_at_another_segment_keeps_its_base(net, connector):
    corrected(net, connector)
    assert read(net, connector, price="180.00", segments=(482,)) == []
    groups(net, group(price="180.00", segments=(482,)))
    set_to(net, {"max_price": "165.00"})
    assert connector.write_corrections([change(10, condition="482")])[0].refused == ""
    assert read(net, connector, price="165.00", segments=(482,)) == [10]
    groups(net, group(price="165.00", segments=(482,)))
    assert connector.write_corrections([change(None, "101")])[0].refused == ""


def test_what_vk_refuses_is_data_and_the_others_go_on(net, connector):
    fields = {"max_price": {"code": "min_value", "message": "m"}}
    error = {"error": {"code": "validation_failed", "message": "m", "fields": fields}}
    groups(net, group(), group(102))
    set_to(net, {"max_price": "15.00"}, status=400, json=error)
    set_to(net, {"max_price": "180.00"}, 102)
    bad, good = connector.write_corrections([change(-90), change(20, where=OTHER)])
    assert "max_price: min_value" in bad.refused
    assert good.refused == ""


def test_no_receipt_is_lost_when_it_breaks_in_between(net, connector):
    groups(net, group(), group(102))
    set_to(net, {"max_price": "180.00"})
    answer = {"status": 403, "json": {"error": {"code": "access_denied"}}}
    set_to(net, {"max_price": "135.00"}, 102, **answer)
    done, failed, after = connector.write_corrections(
        [change(20), change(-10, where=OTHER), change(-20, where=OTHER)]
    )
    assert done.refused == ""
    assert "access_denied" in failed.refused
    assert after.refused.startswith("not done")


def test_what_breaks_at_once_is_raised(net, connector):
    groups(net, group())
    answer = {"status": 403, "json": {"error": {"code": "access_denied"}}}
    set_to(net, {"max_price": "180.00"}, **answer)
    with pytest.raises(CredentialsRefused):
        connector.write_corrections([change(20)])


def test_issues_of_a_group_are_shown(net, connector):
    issues = [{"code": "SEGMENT_CHANGED", "message": "m"}, {"code": "LAL_FAILED"}]
    groups(net, group(issues=issues))
    set_to(net, {"max_price": "180.00"})
    assert connector.write_corrections([change(20)])[0].warning == "LAL_FAILED, SEGMENT_CHANGED"


def test_strategies_say_what_a_correction_acts_on(net, connector):
    budget = group(102, autobidding_mode="max_goals")
    groups(net, group(), budget, ids="101,102,103")
    gone = BidObject("vk", "vk", Level.AD_GROUP, "103")
    assert connector.strategies([GROUP, OTHER, gone]) == (
        Strategy(GROUP, "second_price, max_price", "bid"),
        Strategy(OTHER, "max_goals, budget_limit_day", "unknown"),
        Strategy(gone, "", "unknown"),
    )


def test_a_file_that_is_not_ours_is_not_overwritten(net, connector, state):
    corrected(net, connector)
    (kept,) = state.glob("*.json")
    assert json.loads(kept.read_text()) == {
        "101": {
            "condition": "481",
            "lever": "max_price",
            "base": "150.00",
            "amount": "180.00",
            "percent": 20,
        }
    }
    kept.write_text("[]")
    with pytest.raises(ContractBroken):
        connector.read_corrections([GROUP])
    assert kept.read_text() == "[]"


money = st.decimals(min_value="0.01", max_value="1000000", places=2)


@settings(deadline=None)
@given(base=money, percent=st.integers(-90, 300))
def test_what_is_written_is_read(base, percent):
    amount = to_step(base * (1 + Decimal(percent) / 100), Decimal("0.01"))
    kept = Kept("481", "max_price", str(base), str(amount), percent)
    assert percent_of({"max_price": str(amount)}, kept) == percent
    assert amount >= Decimal("0.01")
    assert abs(amount - base * (100 + percent) / 100) <= Decimal("0.01")
