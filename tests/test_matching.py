"""Accounts are asked before anything is sent; what was accepted and what was recognised is told."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.errors import TermsNotAccepted
from connectors.google import Google
from flows import matching
from flows.workshop import open_workshop
from tests.support.rehearsal import rehearse

pytestmark = pytest.mark.slow

GOOGLE = """
[[account]]
name = "google"
platform = "google"
sandbox = true
wait_minutes = 600
"""


@pytest.fixture
def rehearsal(tmp_path, monkeypatch):
    with rehearse(tmp_path / "shop", monkeypatch) as made:
        shop = made.shop
        platforms = shop.folder / "platforms.toml"
        platforms.write_text(platforms.read_text() + GOOGLE)
        bind(shop, '["lists", "google"]')
        made.run("refresh")
        yield made


def bind(shop, accounts):
    rules = shop.folder / "audiences.toml"
    rules.write_text(rules.read_text().replace('["lists"]', accounts))


def by_account(document):
    return {one["account"]: one for one in document["receipts"]["audiences"]}


def test_an_account_that_takes_nothing_is_left_alone_and_the_others_are_served(rehearsal):
    rehearsal.box.fault("no_rights", "google", None, times=1)
    receipts = by_account(rehearsal.run("apply", code=1))
    assert (receipts["lists"]["accepted"], receipts["lists"]["outcome"]) == (120, "done")
    refused = receipts["google"]
    assert (refused["accepted"], refused["waiting"], refused["unsure"]) == (0, 120, 0)
    assert (refused["outcome"], refused["who"]) == ("failed", "operator")
    assert not [one for one in rehearsal.box.lists("google") if one["name"] == "Small shop: north"]
    assert by_account(rehearsal.run("apply"))["google"]["accepted"] == 120


def test_where_only_the_terms_are_missing_withdrawn_consent_still_leaves(rehearsal, monkeypatch):
    """Google removes without its terms; nobody is added."""
    rehearsal.run("apply")
    shop = rehearsal.shop
    gone = {person.number for person in shop.wanted("north")[:4]}
    shop.people = tuple(
        one if one.number not in gone else type(one)(**{**vars(one), "consent": "no"})
        for one in shop.people
    )
    shop.write_people()
    shop.cities["north"] = "ABCDE"
    shop.write_rules()
    bind(shop, '["lists", "google"]')
    rehearsal.run("refresh")

    def no_terms(_self):
        raise TermsNotAccepted("the terms are not accepted.", act="Accept them.")

    monkeypatch.setattr(Google, "check", no_terms)
    receipt = by_account(rehearsal.run("apply", code=1))["google"]
    assert (receipt["accepted"], receipt["waiting"]) == (4, 30)
    assert (receipt["outcome"], receipt["who"]) == ("failed", "operator")


def test_accepted_is_not_matched_and_both_are_told(rehearsal):
    rehearsal.run("apply")
    rehearsal.box.settle()
    looks = {one["account"]: one for one in rehearsal.run("measure")["matches"]}
    yandex, google = looks["lists"], looks["google"]
    assert yandex["members"] == google["members"] == 120
    assert yandex["size"] == 120
    assert google["size"] is None, "Google does not tell what it was sent"
    for one in (yandex, google):
        assert 0 < one["matched"] < 120
        assert one["share"] == pytest.approx(one["matched"] / 120)
    told = rehearsal.tell("history", "north", "--account", "google")
    assert f"120 people accepted, recognised: {google['matched']}" in told
    assert "Accepted and recognised" in rehearsal.tell("measure")


def test_what_became_of_a_request_is_asked_until_it_is_told(rehearsal):
    """Not in the first half hour; then once, and the answer stays."""
    rehearsal.run("apply")
    rehearsal.run("measure")
    told = rehearsal.tell("history", "north", "--account", "google")
    assert "% recognised" not in told
    rehearsal.box.settle()
    workshop_later(rehearsal)
    told = rehearsal.tell("history", "north", "--account", "google")
    assert "done" in told
    assert "% recognised" in told


def workshop_later(rehearsal):
    """An hour later, as far as we know."""
    later = datetime.now(UTC) + timedelta(hours=1)
    with open_workshop(rehearsal.shop.folder, now=lambda: later) as workshop:
        asked = []
        real = Google.outcome

        def outcome(self, reference):
            asked.append(reference)
            return real(self, reference)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Google, "outcome", outcome)
            for _ in range(2):
                matching.ask(workshop)
        assert len(asked) == 1


def test_a_platform_that_does_not_answer_is_told_and_stops_nothing(rehearsal):
    rehearsal.run("apply")
    rehearsal.box.fault("no_rights", "yandex_audience", None, times=1)
    looks = {one["account"]: one for one in rehearsal.run("measure")["matches"]}
    assert looks["lists"]["who"] == "operator"
    assert looks["lists"]["matched"] is None
    assert looks["google"]["who"] == ""
