"""Google: look-alikes that grow from a list, and ad groups that leave a list out."""

import pytest

from config.audiences import Lookalike
from connectors.errors import ListBusy, ListGone, RuleRefused, SeedRefused
from tests.support.google_types import ADS, assert_wire
from tests.support.members import batch
from tests.support.wire_google import (
    AUTH,
    LISTS,
    OURS,
    PLACE,
    STATUS,
    ads,
    ads_wrong,
    change,
    connector,
    failure,
    grown,
    ingest_body,
    known,
    member,
    mutate,
    search,
)

__all__ = ["connector", "known"]


# Look-alikes

WISH = Lookalike(countries=("UA", "PL"))
GROWN = (
    "SELECT user_list.id, user_list.lookalike_user_list.seed_user_list_ids, "
    "user_list.lookalike_user_list.expansion_level, user_list.lookalike_user_list.country_codes "
    "FROM user_list "
    "WHERE user_list.type = 'LOOKALIKE' AND user_list.name = \"like\""
)
COUNTED = OURS | {"sizeInfo": {"displayNetworkMembersCount": "100"}}


def grow_body(level="NARROW"):
    likeness = {
        "seedUserListIds": ["555"],
        "expansionLevel": level,
        "countryCodes": ["UA", "PL"],
    }
    create = {"create": {"name": "like", "lookalikeUserList": likeness}}
    return {"operations": [create], "partialFailure": True}


@pytest.mark.parametrize(("reach", "level"), [(1, "NARROW"), (2, "BALANCED"), (3, "BROAD")])
def test_a_lookalike_grows(net, known, reach, level):
    search(net, GROWN)
    net.add("GET", f"{LISTS}/555", json=COUNTED, match=[AUTH])
    body = grow_body(level)
    made = {"results": [{"resourceName": "customers/1234567890/userLists/777"}]}
    ads(net, "userLists:mutate", body, json=made)
    assert known.grow("555", "like", reach, WISH) == "777"
    assert_wire(f"{ADS}.user_list_service", "MutateUserListsRequest", body)


def test_a_lookalike_that_is_there_is_found(net, known):
    search(net, GROWN, grown("777"))
    assert known.grow("555", "like", 1, WISH) == "777"


@pytest.mark.parametrize(
    ("other", "word"),
    [
        ({"seedUserListIds": ["444"]}, "seed"),
        ({"expansionLevel": "BROAD"}, "reach"),
        ({"countryCodes": ["UA"]}, "countries"),
        ({"countryCodes": ["UA"], "seedUserListIds": []}, "seed and countries"),
    ],
)
def test_a_lookalike_that_grew_from_something_else_is_not_taken(net, known, other, word):
    """None of it can be changed, so the old one would be taken for the new."""
    search(net, GROWN, grown("777", **other))
    with pytest.raises(SeedRefused, match=f"other {word} than"):
        known.grow("555", "like", 1, WISH)


def test_a_lookalike_whose_answer_was_lost_is_found(net, known):
    search(net, GROWN)
    net.add("GET", f"{LISTS}/555", json=COUNTED, match=[AUTH])
    ads(net, "userLists:mutate", grow_body(), **ads_wrong(504))
    search(net, GROWN, grown("777"))
    assert known.grow("555", "like", 1, WISH) == "777"


@pytest.mark.parametrize(("reach", "wish"), [(4, WISH), (5, WISH), (0, WISH), (1, Lookalike())])
def test_a_wish_google_cannot_read(connector, reach, wish):
    with pytest.raises(RuleRefused):
        connector.grow("555", "like", reach, wish)


@pytest.mark.parametrize(
    ("found", "error"),
    [
        (OURS, ListBusy),
        (OURS | {"sizeInfo": {}}, SeedRefused),
        (OURS | {"sizeInfo": {"gmailMembersCount": "99"}}, SeedRefused),
    ],
)
def test_a_seed_that_is_not_ready(net, known, found, error):
    search(net, GROWN)
    net.add("GET", f"{LISTS}/555", json=found, match=[AUTH])
    with pytest.raises(error):
        known.grow("555", "like", 1, WISH)


def test_a_small_seed_that_is_being_filled_is_waited_for(net, known):
    change(net, "ingest", ingest_body(member(1)))
    known.add("555", batch(1, 1))
    search(net, GROWN)
    net.add("GET", f"{LISTS}/555", json=OURS | {"sizeInfo": {}}, match=[AUTH])
    answer = {"requestStatusPerDestination": [PLACE | {"requestStatus": "PROCESSING"}]}
    net.add("GET", STATUS, json=answer, match=[AUTH])
    with pytest.raises(ListBusy):
        known.grow("555", "like", 1, WISH)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("DUPLICATE_LOOKALIKE", SeedRefused),
        ("SEED_LIST_DOES_NOT_EXIST", ListGone),
        ("NAME_ALREADY_USED", SeedRefused),
        ("INVALID_SEED_LIST_TYPE", SeedRefused),
    ],
)
def test_a_lookalike_google_refuses(net, known, code, error):
    search(net, GROWN)
    net.add("GET", f"{LISTS}/555", json=COUNTED, match=[AUTH])
    partial = ads_wrong(3, failure("userListError", code, 0))["json"]["error"]
    answer = {"results": [{}], "partialFailureError": partial}
    ads(net, "userLists:mutate", grow_body(), json=answer)
    with pytest.raises(error, match=code):
        known.grow("555", "like", 1, WISH)


# Ad groups that leave a list out


LEAVE_OUT = {
    "create": {
        "adGroup": "customers/1234567890/adGroups/3",
        "userList": {"userList": "customers/1234567890/userLists/555"},
        "negative": True,
    }
}
THERE = "SELECT ad_group.id FROM ad_group WHERE ad_group.id = 3"
LEFT_OUT = (
    "SELECT ad_group.id, ad_group_criterion.user_list.user_list, ad_group_criterion.negative "
    "FROM ad_group_criterion WHERE ad_group_criterion.type = 'USER_LIST' "
    "AND ad_group_criterion.status != 'REMOVED' AND ad_group.id = 3"
)


def test_an_ad_group_leaves_a_list_out(net, known):
    lists = [("7", True), ("8", False)]
    rows = [
        {"adGroupCriterion": {"userList": {"userList": f"customers/1/userLists/{one}"}, **sign}}
        for one, sign in ((number, {"negative": True} if out else {}) for number, out in lists)
    ]
    search(net, THERE, {"adGroup": {"id": "3"}})
    search(net, LEFT_OUT, *rows)
    mutate(net, "adGroupCriteria", [LEAVE_OUT], "3~20")
    for _ in range(2):
        search(net, THERE, {"adGroup": {"id": "3"}})
        search(net, LEFT_OUT, *rows)
    known.exclude("555", "3")
    assert known.excluded("3") == {"7"}
    known.exclude("7", "3")
    service = f"{ADS}.ad_group_criterion_service"
    body = {"operations": [LEAVE_OUT], "partialFailure": True}
    assert_wire(service, "MutateAdGroupCriteriaRequest", body)


def test_an_ad_group_that_targets_a_list_cannot_leave_it_out(net, known):
    search(net, THERE, {"adGroup": {"id": "3"}})
    search(net, LEFT_OUT)
    wrong = failure("adGroupCriterionError", "CANNOT_TARGET_AND_EXCLUDE", 0)
    mutate(net, "adGroupCriteria", [LEAVE_OUT], "", failures=[wrong])
    with pytest.raises(RuleRefused, match="CANNOT_TARGET_AND_EXCLUDE"):
        known.exclude("555", "3")
