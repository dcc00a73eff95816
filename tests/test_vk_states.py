"""VK Ads: what a list tells, a new title, and its end."""

from datetime import date
from decimal import Decimal

import pytest
from responses import matchers

from bids.model import BidObject, Level
from connectors.errors import (
    ContractBroken,
    OperatorError,
)
from tests.support.wire_vk import (
    AUTH,
    BASE,
    DOCUMENTED,
    LISTS,
    PHONES,
    RELATIONS,
    ROOM,
    STATISTICS,
    VIP,
    as_texts,
    both_lists,
    connector,
    form_is,
    found_segments,
    groups,
    list_of,
    md5_digests,
    one_list,
    phone,
    phones_only,
    refused,
    relations,
    room,
)

__all__ = ["connector", "md5_digests"]


def test_state_is_that_of_both_lists(net, connector):
    both_lists(net)
    state = connector.state("481")
    assert (state.ready, state.settled, state.said) == (True, True, "ready")
    assert (state.size, state.matched) == (2000, 1300)


def test_state_of_a_list_that_is_worked_on(net, connector):
    both_lists(net, status="mapping", ids_count="2100", matched_ids_count="0")
    state = connector.state("481")
    assert (state.ready, state.settled, state.said, state.size) == (False, False, "mapping", 2100)


def test_numbers_may_come_as_texts(net, connector):
    """A whole life: found, told, added to, targeted, paid for."""
    shown = {"id": 481, "name": "adsteer: vip"}
    found_segments(net, as_texts(shown))
    found = [
        {"id": 9001, "object_type": "remarketing_users_list", "object_id": 28612},
    ]
    one = list_of("phones", matched_ids_count=1400, ids_count=2000)
    for _ in range(3):
        net.add("GET", RELATIONS, json={"items": as_texts(found)})
        net.add("GET", LISTS.replace(".json", "/28612.json"), json=as_texts(one))
    assert connector.find(VIP) == "481"
    state = connector.state("481")
    assert (state.size, state.matched, state.settled) == (2000, 1400, True)
    for _ in range(2):
        room(net, **as_texts(ROOM))
    fields = {"name": PHONES, "type": "phones", "base": "28612"}
    wanted = form_is(list(map(phone, range(1, 31))), fields)
    answer = {"id": 28613, "base": 28612, "status": "receiving", "error": None}
    net.add("POST", LISTS, json=as_texts(answer), match=[AUTH, wanted])
    assert connector.add("481", phones_only(30)).accepted == 30
    group = BidObject("vk", "vk", Level.AD_GROUP, "857683")
    groups(net, as_texts({"id": 857683, "ad_plan_id": 7, "targetings": {"segments": [481]}}))
    net.add("GET", STATISTICS.format("ad_groups"), json=as_texts(DOCUMENTED))
    (row,) = connector.spend([group], date(2026, 9, 1), date(2026, 9, 1))
    assert (row.condition_id, row.impressions, row.cost) == ("481", 1200, Decimal("1234.56"))


def test_an_unknown_status_is_not_guessed(net, connector):
    relations(net, 28612)
    one_list(net, status="on_holiday")
    with pytest.raises(ContractBroken):
        connector.state("481")


def test_renaming_reaches_the_segment_and_its_lists(net, connector):
    """The lists keep the mark of their kind."""
    both_lists(net)
    for path, name in (
        ("v3/remarketing/users_lists/28612", "adsteer: best [phones]"),
        ("v3/remarketing/users_lists/28613", "adsteer: best [emails]"),
        ("v2/remarketing/segments/481", "adsteer: best"),
    ):
        match = [AUTH, matchers.json_params_matcher({"name": name})]
        net.add("POST", f"{BASE}{path}.json", status=204, match=match)
    assert connector.rename("481", "adsteer: best")


def test_delete_takes_the_segment_and_its_lists(net, connector):
    both_lists(net)
    for path in ("v2/remarketing/segments/481", "v3/remarketing/users_lists/28612"):
        net.add("DELETE", f"{BASE}{path}.json", status=204, match=[AUTH])
    net.add("DELETE", f"{BASE}v3/remarketing/users_lists/28613.json", **refused(404, "not_found"))
    connector.delete("481")


def test_delete_takes_what_is_left(net, connector):
    relations(net, 28612, 28613)
    one_list(net, status="deleted")
    one_list(net, "emails")
    for path in ("v2/remarketing/segments/481", "v3/remarketing/users_lists/28613"):
        net.add("DELETE", f"{BASE}{path}.json", status=204, match=[AUTH])
    connector.delete("481")


def test_a_segment_in_use_is_the_operators(net, connector):
    both_lists(net)
    net.add("DELETE", f"{BASE}v2/remarketing/segments/481.json", **refused(409, "in_use"))
    with pytest.raises(OperatorError, match="ad groups"):
        connector.delete("481")
