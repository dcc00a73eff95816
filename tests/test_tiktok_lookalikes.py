"""TikTok: how look-alikes are asked for, and what each answer becomes."""

import pytest

from config.audiences import Lookalike
from connectors.errors import (
    ListBusy,
    ListGone,
    RuleRefused,
    SeedRefused,
)
from tests.support.wire_tiktok import (
    DMP,
    OURS,
    ad_group,
    connector,
    details,
    get,
    groups,
    lists,
    pages,
    post,
    said,
)

__all__ = ["connector"]


REGIONS = {"page": "1", "page_size": "1000", "fields": ["adgroup_id", "location_ids"]}
SPEC = {
    "source_audience_id": "101",
    "include_source": False,
    "mobile_os": "ALL",
    "placements": ["TikTok"],
    "location_ids": ["2921044", "6252001"],
    "audience_size": "NARROW",
}
SEED = {**OURS, "is_valid": True, "cover_num": 1400}


def grow(net, **answer):
    body = {"custom_audience_name": "like vip", "lookalike_spec": SPEC}
    answer = answer or {"json": said({"custom_audience_id": "202"})}
    post(net, DMP + "lookalike/create/", body, **answer)


def regions(net, *found):
    get(net, "adgroup/get/", REGIONS, pages([{"location_ids": one} for one in found]))


def test_a_lookalike_grows_where_the_ads_are_shown(net, connector):
    lists(net)
    details(net, SEED)
    regions(net, ["6252001"], None, ["2921044", "6252001"])
    grow(net)
    assert connector.grow("101", "like vip", 1, Lookalike()) == "202"


@pytest.mark.parametrize(
    "other", [{"source_audience_id": "99"}, {"audience_size": "BROAD"}], ids=str
)
def test_a_lookalike_of_another_seed_or_size_is_another_one(net, connector, other):
    alike = [
        {"audience_id": "201", "name": "like vip", "lookalike_spec": {**SPEC, **other}},
        {"audience_id": "202", "name": "like vip", "lookalike_spec": SPEC},
    ]
    lists(net, *alike)
    details(net, *alike, ids=("201", "202"))
    assert connector.grow("101", "like vip", 1, Lookalike()) == "202"


def test_a_lookalike_whose_answer_was_lost_is_found(net, connector):
    lists(net)
    details(net, SEED)
    regions(net, ["2921044", "6252001"])
    grow(net, status=503)
    alike = {"audience_id": "202", "name": "like vip", "lookalike_spec": SPEC}
    lists(net, alike)
    details(net, alike, ids=("202",))
    assert connector.grow("101", "like vip", 1, Lookalike()) == "202"


@pytest.mark.parametrize(
    ("seed", "error"),
    [
        ({"is_valid": False, "cover_num": 0}, ListBusy),
        ({"is_valid": False, "cover_num": 99, "error_msg": "few"}, SeedRefused),
    ],
    ids=str,
)
def test_a_seed_that_cannot_serve(net, connector, seed, error):
    lists(net)
    details(net, {**OURS, **seed})
    with pytest.raises(error):
        connector.grow("101", "like vip", 1, Lookalike())


def test_a_lookalike_needs_a_region(net, connector):
    lists(net)
    details(net, SEED)
    regions(net)
    with pytest.raises(RuleRefused, match="regions"):
        connector.grow("101", "like vip", 1, Lookalike())


def test_a_refused_lookalike_is_the_seeds_fault(net, connector):
    lists(net)
    details(net, SEED)
    regions(net, ["2921044", "6252001"])
    grow(net, json=said(code=40002))
    with pytest.raises(SeedRefused):
        connector.grow("101", "like vip", 1, Lookalike())
    with pytest.raises(RuleRefused):
        connector.grow("101", "like vip", 6, Lookalike())


@pytest.mark.parametrize("code", [0, 40012, 40050])
def test_a_lookalike_is_refreshed_by_hand(net, connector, code):
    body = {"custom_audience_ids": ["300"]}
    post(net, DMP + "lookalike/update/", body, json=said(code=code))
    connector.refresh("300")


def test_a_lookalike_that_is_gone_is_not_refreshed(net, connector):
    body = {"custom_audience_ids": ["300"]}
    post(net, DMP + "lookalike/update/", body, json=said(code=40007))
    with pytest.raises(ListGone):
        connector.refresh("300")


def test_an_ad_group_leaves_a_list_out(net, connector):
    there = ad_group("11", excluded_audience_ids=["7"])
    groups(net, {"adgroup_ids": ["11"]}, there)
    body = {"adgroup_ids": ["11"], "custom_audience_id": "101"}
    asked = {"action_mode": "Apply", "usage_mode": "Exclude"}
    post(net, DMP + "apply/", {**body, **asked})
    groups(net, {"adgroup_ids": ["11"]}, there)
    connector.exclude("101", "11")
    assert connector.excluded("11") == {"7"}
