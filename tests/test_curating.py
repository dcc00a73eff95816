"""Approve, roll back, adopt, rebuild, tell: through the commands, against the sandbox."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partialmethod

import pytest

from connectors.yandex_audience import YandexAudience
from tests.support.rehearsal import rehearse

GUARDED = "max_removed_share = 0.2\nmax_removed_share_small = 0.4\nmax_consent_drop = 1\n"
GUARDED += "least_of_minimum = 0"

pytestmark = pytest.mark.slow


@pytest.fixture
def rehearsal(tmp_path, monkeypatch):
    with rehearse(tmp_path / "shop", monkeypatch) as made:
        made.run("refresh")
        yield made


def moment():
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def without_consent(shop, count):
    """The first so many wanted people take their consent back."""
    gone = {person.number for person in shop.wanted("north")[:count]}
    shop.people = tuple(
        replace(one, consent="no") if one.number in gone else one for one in shop.people
    )
    shop.write_people()


def test_a_refused_plan_waits_for_its_approval_and_withdrawals_go_all_the_same(rehearsal):
    shop = rehearsal.shop
    rehearsal.run("apply")
    shop.guards = GUARDED
    before = shop.digests("north")
    without_consent(shop, 5)
    rehearsal.run("refresh")
    shop.cities["north"] = "A"
    shop.write_rules()
    plan = rehearsal.run("plan", code=1)
    (one,) = plan["audiences"]
    assert [refusal["code"] for refusal in one["refused_by"]] == ["removes_too_many"]
    assert "limit 40%" in one["refused_by"][0]["text"]
    assert one["sends"] == ["withdraw"]

    held = rehearsal.run("apply", plan["fingerprint"], code=1)
    assert held["receipts"]["audiences"][0]["accepted"] == 5
    shop.cities["north"] = "ABCD"
    assert rehearsal.members("north") == shop.digests("north") < before
    shop.cities["north"] = "A"

    stale = rehearsal.run("apply", plan["fingerprint"], code=1)
    assert "changed since plan" in stale["said"]
    again = rehearsal.run("plan", code=1)
    nobody = rehearsal.run("approve", again["fingerprint"], "--who", " ", "--why", "x", code=1)
    assert "needs a name" in nobody["said"]
    approval = ("--who", "Anna", "--why", "the north is closed")
    rehearsal.run("approve", again["fingerprint"], *approval)
    rehearsal.run("apply", again["fingerprint"])
    assert rehearsal.members("north") == shop.digests("north")
    assert "Anna let a plan pass" in rehearsal.tell("history", "north")


def test_an_approval_is_for_one_plan_alone(rehearsal):
    shop = rehearsal.shop
    rehearsal.run("apply")
    shop.guards = GUARDED
    shop.cities["north"] = "A"
    shop.write_rules()
    plan = rehearsal.run("plan", code=1)
    rehearsal.run("approve", plan["fingerprint"], "--who", "Anna", "--why", "closed")
    shop.cities["north"] = "B"
    shop.write_rules()
    other = rehearsal.run("plan", code=1)
    assert other["fingerprint"] != plan["fingerprint"]
    rehearsal.run("apply", other["fingerprint"], code=1)
    shop.cities["north"] = "ABCD"
    assert rehearsal.members("north") == shop.digests("north")


def test_rollback_plans_back_to_what_a_list_held_and_nobody_comes_back_without_consent(rehearsal):
    shop = rehearsal.shop
    rehearsal.run("apply")
    then = moment()
    shop.cities["north"] = "AEFGH"
    shop.write_rules()
    rehearsal.box.settle()
    rehearsal.run("apply")
    shop.cities["north"] = "ABCD"
    without_consent(shop, 7)
    rehearsal.run("refresh")
    plan = rehearsal.run("rollback", "--to", then)
    assert plan["bids"] == []
    rehearsal.run("apply", plan["fingerprint"])
    assert rehearsal.members("north") == shop.digests("north")


def test_rollback_to_before_the_first_run_says_that_nothing_is_kept(rehearsal):
    rehearsal.run("apply")
    said = rehearsal.run("rollback", "--to", "2020-01-01", code=1)["said"]
    assert "no list has a state kept from 2020-01-01" in said


def test_an_adopted_list_is_added_to_and_nobody_leaves_it_before_a_person_says_so(rehearsal):
    shop, box = rehearsal.shop, rehearsal.box
    (foreign,) = box.lists("yandex_audience")
    theirs = set(foreign["members"])
    adopted = rehearsal.run("adopt", "north", "--list-id", str(foreign["id"]))
    assert adopted["removals"] == "not allowed"
    rehearsal.run("apply")
    ours = shop.digests("north")
    assert box.members("yandex_audience", str(foreign["id"])) == theirs | ours

    shop.cities["north"] = "AB"
    shop.write_rules()
    without_consent(shop, 3)
    rehearsal.run("refresh")
    plan = rehearsal.run("plan")
    (waiting,) = plan["audiences"][0]["waiting"]
    assert waiting["step"] == "remove"
    assert "until somebody allows removals" in waiting["text"]
    rehearsal.run("apply", plan["fingerprint"])
    left = box.members("yandex_audience", str(foreign["id"]))
    assert len(theirs | ours) - len(left) == 6  # three people, two contacts each

    rehearsal.run("adopt", "north", "--allow-removals")
    rehearsal.run("apply")
    kept = box.members("yandex_audience", str(foreign["id"]))
    assert kept == theirs | shop.digests("north")


def test_a_list_that_has_an_audience_is_not_adopted_again(rehearsal):
    rehearsal.run("apply")
    lists = rehearsal.box.lists("yandex_audience")
    (foreign,) = [one for one in lists if one["name"] == "made by hand"]
    said = rehearsal.run("adopt", "north", "--list-id", str(foreign["id"]), code=1)["said"]
    assert "has a list already" in said
    rehearsal.run("adopt", "north", code=2)


def test_a_rebuilt_list_is_filled_and_verified_before_it_serves(rehearsal):
    shop, box = rehearsal.shop, rehearsal.box
    rehearsal.run("apply")
    first = rehearsal.run("history", "north")["lists"][0]["list_id"]
    document = rehearsal.run("rebuild", "north")
    made = document["rebuilt"]
    assert made["swapped"]
    assert made["kept"] == first != made["list_id"]
    for list_id in (first, made["list_id"]):
        assert box.members("yandex_audience", list_id) == shop.digests("north")
    assert rehearsal.run("plan")["audiences"][0]["sends"] == []
    told = rehearsal.run("history", "north")["lists"][0]
    assert (told["list_id"], told["old_list"]) == (made["list_id"], first)

    without_consent(shop, 4)
    rehearsal.run("refresh")
    plan = rehearsal.run("plan")
    sends = {one["audience"]: (one["withdrawn"], one["sends"]) for one in plan["audiences"]}
    assert sends == {"north": (4, ["withdraw"]), "north~old": (4, ["withdraw"])}
    rehearsal.run("apply", plan["fingerprint"])
    for list_id in (first, made["list_id"]):
        assert box.members("yandex_audience", list_id) == shop.digests("north")
    assert [one["audience"] for one in rehearsal.run("plan")["audiences"]] == ["north"]

    again = rehearsal.run("rebuild", "north", code=1)
    assert "still kept" in again["said"]
    rehearsal.run("rebuild", "north", "--delete-old")
    assert first not in {str(one["id"]) for one in box.lists("yandex_audience")}
    assert rehearsal.run("history", "north")["lists"][0]["old_list"] is None


def test_a_list_that_was_adopted_and_rebuilt_is_let_go_of_and_never_deleted(rehearsal):
    shop, box = rehearsal.shop, rehearsal.box
    (foreign,) = box.lists("yandex_audience")
    theirs = set(foreign["members"])
    rehearsal.run("adopt", "north", "--list-id", str(foreign["id"]))
    rehearsal.run("apply")
    made = rehearsal.run("rebuild", "north")["rebuilt"]
    assert made["kept"] == str(foreign["id"])
    let_go = rehearsal.run("rebuild", "north", "--delete-old")
    assert "was there before this project: it stays" in let_go["rebuilt"]["said"]
    assert theirs < box.members("yandex_audience", str(foreign["id"]))
    assert box.members("yandex_audience", made["list_id"]) == shop.digests("north")
    assert rehearsal.run("history", "north")["lists"][0]["old_list"] is None


def test_corrections_follow_a_rebuilt_list(rehearsal):
    shop, box = rehearsal.shop, rehearsal.box
    shop.bids["north"] = 20
    shop.write_rules()
    rehearsal.run("apply")
    rehearsal.run("rebuild", "north")
    rehearsal.run("apply")
    in_group = [one for one in box.bids("yandex_direct") if one["Level"] == "AD_GROUP"]
    assert [one["BidModifier"] for one in in_group] == [120]
    (row,) = rehearsal.run("plan")["bids"]
    assert (row["action"], row["present"]) == ("keep", 20)


def test_a_rebuild_that_guards_hold_back_goes_on_with_its_approval(rehearsal):
    shop = rehearsal.shop
    rehearsal.run("apply")
    first = rehearsal.run("history", "north")["lists"][0]["list_id"]
    shop.guards = "max_source_age_days = 0"
    shop.write_rules()
    held = rehearsal.run("rebuild", "north", code=1)
    assert held["audiences"][0]["refused_by"][0]["code"] == "source_stale"
    assert rehearsal.run("history", "north")["lists"][0]["list_id"] == first
    rehearsal.run("approve", held["fingerprint"], "--who", "Anna", "--why", "a quiet week")
    assert rehearsal.run("rebuild", "north")["rebuilt"]["swapped"]


def test_a_rebuild_that_is_cut_off_leaves_the_old_list_serving(rehearsal):
    shop, box = rehearsal.shop, rehearsal.box
    rehearsal.run("apply")
    first = rehearsal.run("history", "north")["lists"][0]["list_id"]
    box.fault("revoked_token", "yandex_audience", "confirm")
    rehearsal.run("rebuild", "north", code=1)
    assert rehearsal.run("history", "north")["lists"][0]["list_id"] == first
    assert box.members("yandex_audience", first) == shop.digests("north")
    box.no_more_faults()
    assert rehearsal.run("rebuild", "north")["rebuilt"]["swapped"]


def test_a_new_list_of_which_the_platform_counts_too_few_is_not_swapped_in(rehearsal, monkeypatch):
    rehearsal.run("apply")
    first = rehearsal.run("history", "north")["lists"][0]["list_id"]
    told = YandexAudience.state
    few = partialmethod(lambda self, list_id: replace(told(self, list_id), size=119))
    monkeypatch.setattr(YandexAudience, "state", few)
    made = rehearsal.run("rebuild", "north", code=1)["rebuilt"]
    assert not made["swapped"]
    assert (
        "the platform counts 119 in the new list, 120 were taken: the old one stays" in made["said"]
    )
    assert rehearsal.run("history", "north")["lists"][0]["list_id"] == first
    just = partialmethod(lambda self, list_id: replace(told(self, list_id), size=120))
    monkeypatch.setattr(YandexAudience, "state", just)
    assert rehearsal.run("rebuild", "north")["rebuilt"]["swapped"]


def test_history_tells_every_batch_in_words(rehearsal):
    assert "nothing was ever sent" in rehearsal.tell("history")
    rehearsal.run("apply")
    told = rehearsal.tell("history", "north")
    assert "adding 120 people: 120 accepted" in told
    assert "the ledger then knew 120 members" in told
    unknown = rehearsal.run("history", "south", code=1)
    assert "there is no audience south. Known: north." in unknown["said"]
