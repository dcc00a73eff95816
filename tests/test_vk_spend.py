"""VK Ads: figures by day, and objects by name."""

from datetime import date
from decimal import Decimal

import pytest
from responses import matchers

from bids.model import BidObject, Level
from connectors.errors import (
    ContractBroken,
    RuleRefused,
)
from tests.support.wire_vk import (
    AUTH,
    DOCUMENTED,
    GROUPS,
    PLANS,
    STATISTICS,
    asked_for,
    connector,
    groups,
    md5_digests,
)

__all__ = ["connector", "md5_digests"]


def test_spend_is_read_exactly(net, connector):
    group = BidObject("vk", "vk", Level.AD_GROUP, "857683")
    groups(net, {"id": 857683, "targetings": {"segments": [481]}})
    match = asked_for("2026-09-01", "2026-09-01")
    net.add("GET", STATISTICS.format("ad_groups"), json=DOCUMENTED, match=match)
    (row,) = connector.spend([group], date(2026, 9, 1), date(2026, 9, 1))
    assert (row.condition_id, row.impressions, row.clicks) == ("481", 1200, 34)
    assert (row.cost, row.conversions, row.revenue) == (
        Decimal("1234.56"),
        Decimal(3),
        Decimal("7890.10"),
    )


def test_a_long_time_is_asked_for_in_pieces(net, connector):
    plan = BidObject("vk", "vk", Level.CAMPAIGN, "857683")
    groups(net, by="_ad_plan_id__in")
    for days in (("2024-09-01", "2025-09-01"), ("2025-09-02", "2026-08-31")):
        match = asked_for(*days)
        net.add("GET", STATISTICS.format("ad_plans"), json={"items": []}, match=match)
    assert connector.spend([plan], date(2024, 9, 1), date(2026, 8, 31)) == ()


def day_of(number, shows, clicks, spent, goals=None, worth=None):
    base = {"shows": shows, "clicks": clicks, "spent": spent}
    if goals is not None:
        base["vk"] = {"goals": goals}
    romi = {} if worth is None else {"romi": {"value": worth}}
    return {"id": number, "rows": [{"date": "2026-09-01", "base": base, **romi}]}


def test_an_ad_plan_is_told_apart_by_its_groups_of_one_segment(net, connector):
    """Groups 1 and 2 are of segment 481, 3 of two segments; deleted ones are in the plan's sum."""
    plan = BidObject("vk", "vk", Level.CAMPAIGN, "7")
    targets = {1: [481], 2: [481], 3: [481, 482], 4: [482]}
    found = [
        {"id": n, "ad_plan_id": 8 if n == 4 else 7, "targetings": {"segments": some}}
        for n, some in targets.items()
    ]
    groups(net, *found, by="_ad_plan_id__in", ids="7")
    inner = {"items": [day_of(1, 100, 10, "50.10", 1, "70"), day_of(2, 50, 5, "20")]}
    match = asked_for("2026-09-01", "2026-09-01", "1,2")
    net.add("GET", STATISTICS.format("ad_groups"), json=inner, match=match)
    outer = {"items": [day_of(7, 400, 30, "100.30", 5, "500")]}
    match = asked_for("2026-09-01", "2026-09-01", "7")
    net.add("GET", STATISTICS.format("ad_plans"), json=outer, match=match)
    ours, rest = connector.spend([plan], date(2026, 9, 1), date(2026, 9, 1))
    assert (ours.condition_id, ours.impressions, ours.clicks) == ("481", 150, 15)
    assert (ours.cost, ours.conversions, ours.revenue) == (Decimal("70.10"), 1, 70)
    assert (rest.condition_id, rest.impressions, rest.clicks) == (None, 250, 15)
    assert (rest.cost, rest.conversions, rest.revenue) == (Decimal("30.20"), 4, 430)


@pytest.mark.parametrize("code", ["ERR_WRONG_ADGROUPS", "WRONG_ADGROUPS"])
def test_a_group_that_is_not_there_is_the_editors(net, connector, code):
    groups(net)
    error = {"error": {"code": code, "message": "m"}}
    net.add("GET", STATISTICS.format("ad_groups"), status=400, json=error)
    group = BidObject("vk", "vk", Level.AD_GROUP, "857683")
    with pytest.raises(RuleRefused, match=r"bid_rules\.toml"):
        connector.spend([group], date(2026, 9, 1), date(2026, 9, 1))


# Names


@pytest.mark.parametrize(
    ("level", "path"), [(Level.CAMPAIGN, PLANS), (Level.AD_GROUP, GROUPS)], ids=str
)
def test_objects_are_listed_by_name(net, connector, level, path):
    whole_page = [{"id": n, "name": f"no. {n}", "status": "blocked"} for n in range(1, 50)]
    gone = {"id": 50, "name": "gone", "status": "deleted"}
    for offset, items in ((0, [*whole_page, gone]), (50, [{"id": "7000", "name": "last"}])):
        query = {"fields": "id,name,status", "limit": 50, "offset": offset}
        match = [AUTH, matchers.query_param_matcher(query)]
        net.add("GET", path, json={"items": items}, match=match)
    found = connector.objects(level)
    assert [one.name for one in found] == [*(f"no. {n}" for n in range(1, 50)), "last"]
    assert found[-1].object == BidObject("vk", "vk", level, "7000")


def test_an_object_without_a_name_is_no_answer(net, connector):
    net.add("GET", PLANS, json={"items": [{"id": 7}]})
    with pytest.raises(ContractBroken, match="no name"):
        connector.objects(Level.CAMPAIGN)
