"""Look-alikes of VK Ads: what goes over the wire, and what each answer becomes."""

import pytest
from responses import matchers

from config.audiences import Lookalike
from config.platforms import Account
from connectors.errors import ListBusy, ListGone, SeedRefused
from connectors.registry import connect
from tests.support.surroundings import surroundings
from tests.support.wire_vk import AUTH

BASE = "https://ads.vk.com/api/v2/remarketing/"
AUDIENCES, SEGMENTS = BASE + "lookalike_audiences.json", BASE + "segments.json"
LIST = "https://ads.vk.com/api/v3/remarketing/users_lists/28612.json"
TITLE = "like the best"


@pytest.fixture
def connector(monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    monkeypatch.setenv("SHOP_LOOKALIKES", "true")
    return connect(Account(name="vk", platform="vk", secrets="SHOP_"), surroundings())


def get(net, url, answer, **query):
    net.add("GET", url, json=answer, match=[AUTH, matchers.query_param_matcher(query)])


def post(net, url, body, answer):
    net.add("POST", url, json=answer, match=[AUTH, matchers.json_params_matcher(body)])


def relations(net, segment, kind, source):
    items = [{"object_type": kind, "id": 9001, "object_id": source}]
    get(net, BASE + f"segments/{segment}/relations.json", {"items": items})


def seed(net, matched=1400):
    """Segment 481 over users list 28612."""
    relations(net, 481, "remarketing_users_list", 28612)
    shown = {"id": 28612, "name": "best [phones]", "type": "phones", "status": "ready", "base": 0}
    get(net, LIST, {**shown, "ids_count": 2000, "matched_ids_count": matched})


def audiences(net, *found):
    get(net, AUDIENCES, {"items": list(found)}, limit=50, offset=0)


def segments(net, *numbers):
    items = [{"id": one, "name": TITLE} for one in numbers]
    get(net, SEGMENTS, {"items": items}, _name=TITLE, limit=50, offset=0)


def told(net, status, number=10):
    get(net, BASE + f"lookalike_audiences/{number}.json", {"id": number, "status": status})


def segment_made(net, reach):
    params = {"source_id": 10, "reach": reach, "type": "positive"}
    relation = {"object_type": "remarketing_lookalike_audience", "params": params}
    body = {"name": TITLE, "pass_condition": 1, "relations": [relation]}
    post(net, SEGMENTS, body, {"id": 490, "name": TITLE, "pass_condition": 1})


def made_anew(net, reach, *before):
    audiences(net, *before)
    made = {"id": 10, "name": TITLE, "status": "pending"}
    post(net, AUDIENCES, {"name": TITLE, "source_id": 28612}, made)
    segments(net)
    segment_made(net, reach)


@pytest.mark.parametrize(("reach", "people"), [(1, 300_000), (5, 3_000_000)])
def test_it_is_made_of_the_list_and_its_width_is_the_relations(net, connector, reach, people):
    seed(net)
    audiences(net)
    segments(net)
    made_anew(net, people)
    assert connector.grow("481", TITLE, reach, Lookalike()) == "490"


@pytest.mark.parametrize("status", [204, 404, 409])
def test_one_whose_segment_is_gone_is_grown_anew(net, connector, status):
    """409: it is in a segment that somebody made."""
    seed(net)
    left = {"id": 9, "name": TITLE, "status": "loaded", "source_id": 28612}
    audiences(net, left)
    segments(net, 488)
    relations(net, 488, "remarketing_users_list", 7)
    answer = {} if status == 204 else {"json": {"error": {"code": "not_found"}}}
    url = BASE + "lookalike_audiences/9.json"
    net.add("DELETE", url, status=status, match=[AUTH], **answer)
    made_anew(net, 300_000, *([left] if status == 409 else []))
    assert connector.grow("481", TITLE, 1, Lookalike()) == "490"


def test_one_of_an_older_seed_or_that_failed_is_another_one(net, connector):
    seed(net)
    older = {"id": 8, "name": TITLE, "status": "loaded", "source_id": 28000}
    failed = {"id": 9, "name": TITLE, "status": "failed", "source_id": 28612}
    audiences(net, older, failed, {"id": 10, "name": TITLE, "status": "loaded"})
    segments(net, 488, 490)
    relations(net, 488, "remarketing_lookalike_audience", 8)
    relations(net, 490, "remarketing_lookalike_audience", 10)
    assert connector.grow("481", TITLE, 1, Lookalike()) == "490"


def test_a_seed_of_fewer_than_1000_matched_people(net, connector):
    seed(net, matched=999)
    with pytest.raises(SeedRefused, match="1000"):
        connector.grow("481", TITLE, 1, Lookalike())


@pytest.mark.parametrize(
    ("status", "ready", "settled"),
    [("pending", False, False), ("loaded", True, True), ("failed", False, True)],
)
def test_what_it_tells(net, connector, status, ready, settled):
    relations(net, 490, "remarketing_lookalike_audience", 10)
    told(net, status)
    state = connector.state("490")
    assert (state.ready, state.settled, state.size, state.said) == (ready, settled, None, status)


def test_a_list_tells_what_every_list_tells(net, connector):
    relations(net, 481, "remarketing_users_list", 28612)
    seed(net)
    assert connector.state("481").matched == 1400


@pytest.mark.parametrize(
    ("status", "fault"), [("pending", ListBusy), ("failed", SeedRefused), ("archived", SeedRefused)]
)
def test_one_that_nothing_came_of_is_not_refreshed(net, connector, status, fault):
    relations(net, 490, "remarketing_lookalike_audience", 10)
    told(net, status)
    with pytest.raises(fault, match=status):
        connector.refresh("490")


def test_one_that_is_loaded_is_as_fresh_as_vk_has_it(net, connector):
    relations(net, 490, "remarketing_lookalike_audience", 10)
    told(net, "loaded")
    connector.refresh("490")


def test_one_that_is_gone(net, connector):
    relations(net, 490, "remarketing_lookalike_audience", 10)
    error = {"error": {"code": "not_found"}}
    net.add("GET", BASE + "lookalike_audiences/10.json", status=404, json=error)
    with pytest.raises(ListGone):
        connector.refresh("490")


@pytest.mark.parametrize("status", [204, 404, 409])
def test_it_leaves_with_its_segment(net, connector, status):
    """409: somebody took it into a segment of their own."""
    for _ in range(2):
        relations(net, 490, "remarketing_lookalike_audience", 10)
    net.add("DELETE", BASE + "segments/490.json", status=204, match=[AUTH])
    answer = {} if status == 204 else {"json": {"error": {"code": "not_found"}}}
    url = BASE + "lookalike_audiences/10.json"
    net.add("DELETE", url, status=status, match=[AUTH], **answer)
    connector.delete("490")


def test_a_segment_that_is_gone_leaves_nothing_to_delete(net, connector):
    error = {"error": {"code": "not_found", "resource": "Segment"}}
    for method, path in (("GET", "/relations"), ("GET", "/relations"), ("DELETE", "")):
        net.add(method, BASE + f"segments/490{path}.json", status=404, json=error)
    connector.delete("490")
