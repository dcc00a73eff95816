"""Renamed audiences keep their list; lists left behind are deleted on a person's word only."""

from dataclasses import replace

import pytest

from tests.support.rehearsal import rehearse

pytestmark = pytest.mark.slow


@pytest.fixture
def rehearsal(tmp_path, monkeypatch):
    with rehearse(tmp_path / "shop", monkeypatch) as made:
        made.run("refresh")
        made.run("apply")
        yield made


def edit(rehearsal, old, new):
    path = rehearsal.shop.folder / "audiences.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def ids(rehearsal):
    return {row["name"]: row["id"] for row in rehearsal.box.lists("yandex_audience")}


def test_another_title_renames_the_list(rehearsal):
    before = ids(rehearsal)
    edit(rehearsal, '"Small shop: north"', '"Northern people"')
    plan = rehearsal.run("plan")
    assert plan["audiences"][0]["old_title"] == "Small shop: north"
    assert any("is renamed to 'Northern people'" in note for note in plan["notes"])
    assert ids(rehearsal) == before, "a plan changes nothing"

    receipt = rehearsal.run("apply", plan["fingerprint"])["receipts"]["audiences"][0]
    assert (receipt["outcome"], receipt["accepted"]) == ("done", 0)
    renamed = {"Northern people" if name == "Small shop: north" else name for name in before}
    assert set(ids(rehearsal)) == renamed
    assert ids(rehearsal)["Northern people"] == before["Small shop: north"]
    assert rehearsal.run("plan")["audiences"][0]["old_title"] == ""


def test_a_rename_that_failed_is_tried_again(rehearsal):
    edit(rehearsal, '"Small shop: north"', '"Northern people"')
    rehearsal.box.fault("no_rights", "yandex_audience", "rename", times=1)
    receipt = rehearsal.run("apply", code=1)["receipts"]["audiences"][0]
    assert (receipt["outcome"], receipt["who"]) == ("failed", "operator")
    assert "Small shop: north" in ids(rehearsal)
    rehearsal.run("apply")
    assert "Northern people" in ids(rehearsal)


def test_another_name_keeps_the_list_and_what_is_known_of_it(rehearsal):
    before = ids(rehearsal)
    held = rehearsal.members("north")
    shop = rehearsal.shop
    shop.cities["top"] = shop.cities.pop("north")
    shop.write_rules()
    edit(rehearsal, 'name = "top"', 'name = "top"\nformerly = "north"')
    rehearsal.run("refresh")
    plan = rehearsal.run("plan")
    (one,) = plan["audiences"]
    assert (one["audience"], one["add"], one["remove"], one["sends"]) == ("top", 0, 0, [])
    assert one["keep"] == len(shop.wanted("top"))
    assert not any("audiences.toml any more" in note for note in plan["notes"])
    rehearsal.run("apply")
    assert ids(rehearsal)["Small shop: top"] == before["Small shop: north"]
    assert rehearsal.members("top") == held
    assert "adding 120 people: 120 accepted" in rehearsal.tell("history", "top")


def test_a_list_left_behind_is_deleted_on_command_only(rehearsal):
    shop = rehearsal.shop
    assert "would be made again" in rehearsal.run("delete", "north", code=1)["said"]
    gone = shop.wanted("north")[0]
    shop.cities["south"] = "EFGH"
    shop.cities.pop("north")
    shop.write_rules()
    rehearsal.run("refresh")
    plan = rehearsal.run("apply")
    assert any("north: not in audiences.toml any more" in note for note in plan["notes"])
    others = {name for name in ids(rehearsal) if not name.startswith("Small shop")}
    assert set(ids(rehearsal)) == others | {"Small shop: north", "Small shop: south"}

    held = rehearsal.members("north")
    shop.people = tuple(replace(one, consent="no") if one == gone else one for one in shop.people)
    shop.write_people()
    rehearsal.run("refresh")
    left = [one for one in rehearsal.run("apply")["audiences"] if one["audience"] == "north"]
    assert [(one["withdrawn"], one["sends"]) for one in left] == [(1, ["withdraw"])]
    assert rehearsal.members("north") == held - gone.digests
    assert "removing 1 person: 1 accepted" in rehearsal.tell("history", "north")

    deleted = rehearsal.run("delete", "north")
    assert deleted["title"] == "Small shop: north"
    assert set(ids(rehearsal)) == others | {"Small shop: south"}
    assert not any("north" in note for note in rehearsal.run("plan")["notes"])
    rehearsal.run("delete", "north", code=1)
    story = rehearsal.tell("history", "north")
    assert "list –: deleted." in story
    assert "removing 1 person: 1 accepted" in story


def test_two_who_turn_out_to_be_one_leave_together_when_that_one_takes_consent_back(rehearsal):
    shop = rehearsal.shop
    one, other = shop.wanted("north")[:2]
    shop.cities["south"] = "EFGH"
    shop.cities.pop("north")
    shop.write_rules()
    rehearsal.run("refresh")
    rehearsal.run("apply")
    held = rehearsal.members("north")
    assert one.digests | other.digests <= held

    joined = replace(other, email=one.email, consent="no")
    shop.people = tuple(joined if person == other else person for person in shop.people)
    shop.write_people()
    rehearsal.run("refresh")
    left = [each for each in rehearsal.run("apply")["audiences"] if each["audience"] == "north"]
    assert [(each["withdrawn"], each["sends"]) for each in left] == [(2, ["withdraw"])]
    assert rehearsal.members("north") == held - one.digests - other.digests


def test_a_list_that_a_correction_names_is_not_deleted(rehearsal):
    shop = rehearsal.shop
    shop.bids["north"] = 20
    shop.write_rules()
    rehearsal.run("apply")
    shop.cities["south"] = "EFGH"
    shop.cities.pop("north")
    shop.bids.clear()
    rules = (shop.folder / "bid_rules.toml").read_text()
    shop.write_rules()
    (shop.folder / "bid_rules.toml").write_text(rules.partition("[[rule]]")[0])
    rehearsal.run("refresh")
    refused = rehearsal.run("delete", "north", code=1)["said"]
    assert "corrections on ads still name this list" in refused
    rehearsal.run("apply")
    rehearsal.run("delete", "north")
    assert "Small shop: north" not in ids(rehearsal)


def test_a_list_of_others_is_never_deleted(rehearsal):
    shop = rehearsal.shop
    by_hand = next(name for name in ids(rehearsal) if not name.startswith("Small shop"))
    shop.cities["south"] = "EFGH"
    shop.write_rules()
    rehearsal.run("adopt", "south", "--list-id", str(ids(rehearsal)[by_hand]))
    shop.cities.pop("south")
    shop.write_rules()
    rehearsal.run("refresh")
    assert "was there before this project" in rehearsal.run("delete", "south", code=1)["said"]
    assert by_hand in ids(rehearsal)
