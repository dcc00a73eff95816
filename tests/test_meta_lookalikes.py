"""Meta: look-alikes of seeds and countries, and ad sets that leave a list out."""

import json

import pytest

from config.audiences import Lookalike
from connectors.errors import ListBusy, RuleRefused, SeedRefused
from tests.support.wire_meta import (
    AUDIENCES,
    BASE,
    LIST,
    SEED,
    STATE,
    account,
    connector,
    error,
    got,
    listed,
    sent,
    state_answer,
)

__all__ = ["account", "connector"]


# Look-alikes

WISH = Lookalike(countries=("DE",))
GROWN = "id,name,subtype,lookalike_spec"


@pytest.mark.parametrize(("reach", "ratio"), [(1, 0.01), (2, 0.02), (3, 0.03), (4, 0.05), (5, 0.1)])
def test_a_lookalike_is_made(net, connector, reach, ratio):
    other = {"type": "custom_ratio", "ratio": ratio, "country": "DE", "origin": [{"id": "1"}]}
    listed(net, GROWN, {"id": "9", "name": "like", "subtype": "LOOKALIKE", "lookalike_spec": other})
    got(net, SEED, STATE, state_answer())
    body = {
        "name": "like",
        "subtype": "LOOKALIKE",
        "origin_audience_id": SEED,
        "lookalike_spec": json.dumps({"type": "custom_ratio", "ratio": ratio, "country": "DE"}),
    }
    sent(net, AUDIENCES, body, {"id": LIST})
    assert connector.grow(SEED, "like", reach, WISH) == LIST


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"country": "DE"}, True),
        ({"country": "DE", "target_countries": ["DE"]}, True),
        ({"location_spec": {"geo_locations": {"countries": ["DE"]}}}, True),
        ({}, True),
        ({"country": "AT"}, False),
        ({"target_countries": ["DE", "AT"]}, False),
    ],
)
def test_a_lookalike_of_other_countries_is_another_one(net, connector, told, found):
    spec = {"type": "custom_ratio", "ratio": 0.01, "origin": [{"id": SEED}], **told}
    listed(net, GROWN, {"id": "9", "name": "like", "subtype": "LOOKALIKE", "lookalike_spec": spec})
    if not found:
        got(net, SEED, STATE, state_answer())
        net.add("POST", f"{BASE}{AUDIENCES}", json={"id": LIST})
    assert connector.grow(SEED, "like", 1, WISH) == ("9" if found else LIST)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (state_answer(code=441, low=-1), ListBusy),
        (state_answer(code=414), ListBusy),
        (state_answer(code=410, low=-1), SeedRefused),
        (state_answer(code=471), SeedRefused),
        (state_answer(low=90), SeedRefused),
    ],
)
def test_a_seed_that_cannot_serve(net, connector, answer, kind):
    listed(net, GROWN)
    got(net, SEED, STATE, answer)
    with pytest.raises(kind):
        connector.grow(SEED, "like", 1, WISH)


def test_meta_does_not_grow_from_the_seed(net, connector):
    listed(net, GROWN)
    got(net, SEED, STATE, state_answer())
    told = error(100, message="(#100) at least 100 people in one country")
    net.add("POST", BASE + AUDIENCES, json=told, status=400)
    with pytest.raises(SeedRefused, match="one country"):
        connector.grow(SEED, "like", 1, WISH)


def test_several_countries(net, connector):
    listed(net, GROWN)
    got(net, SEED, STATE, state_answer())
    net.add("POST", BASE + AUDIENCES, json={"id": LIST})
    connector.grow(SEED, "like", 1, Lookalike(countries=("UA", "PL")))
    spec = json.loads(json.loads(net.calls[-1].request.body)["lookalike_spec"])
    assert spec["location_spec"] == {"geo_locations": {"countries": ["UA", "PL"]}}
    assert "country" not in spec


def test_without_a_country_nothing_grows(connector):
    with pytest.raises(RuleRefused, match="countries"):
        connector.grow(SEED, "like", 1, Lookalike())


# Ad sets that leave a list out


def test_an_ad_set_leaves_a_list_out_and_keeps_its_targeting(net, connector):
    """Targeting goes whole; one that leaves the list out already is not written."""
    aim = {"age_min": 18, "geo_locations": {"countries": ["DE"]}}
    left = {**aim, "excluded_custom_audiences": [{"id": "7", "name": "old"}]}
    whole = {**aim, "excluded_custom_audiences": [{"id": "7"}, {"id": "23"}]}
    got(net, "12", {"fields": "id,targeting"}, {"id": "12", "targeting": left})
    sent(net, "12", {"targeting": whole}, {"success": True})
    for _ in range(2):
        got(net, "12", {"fields": "id,targeting"}, {"id": "12", "targeting": left})
    connector.exclude("23", "12")
    connector.exclude("7", "12")
    assert connector.excluded("12") == {"7"}
    assert [one.request.method for one in net.calls] == ["GET", "POST", "GET", "GET"]
