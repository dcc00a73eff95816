"""Existing customers kept out of look-alikes: by request where the rules name the ad groups."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.faults import ConfigError
from config.load import load_project
from flows import documents, loop, summaries
from flows.show import console
from flows.show_plan import planned
from flows.workshop import Workshop, open_workshop
from tests.support.demo_project import edit
from tests.support.starter import make_starter, starter_sandbox

AD_SET, AD_GROUP = 12020000000000001, 3004
WISH = f"""exclude = "everybody"
shown_in = {{ meta_ads = [{AD_SET}], google_ads = [{AD_GROUP}, 404] }}
"""
EVERYBODY = """[[audience]]
name = "everybody"
people = "orders >= 1"
accounts = ["yandex_lists", "google_ads", "meta_ads"]

"""
BEFORE = '[[audience]]\nname = "never_bought"'
ONLY = ("best_buyers", "everybody")


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = make_starter(tmp_path_factory.mktemp("shops") / "shop")
    edit(folder, "audiences.toml", "refresh_days = 30", f"{WISH}refresh_days = 30")
    edit(folder, "audiences.toml", BEFORE, EVERYBODY + BEFORE)
    with starter_sandbox(patch):
        yield folder


def plan(workshop: Workshop) -> dict[str, Any]:
    return loop.plan(workshop, bids=False, only=ONLY)


def actions(document: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(one["account"], one["ad_group"]): one["action"] for one in document["exclusions"]}


@pytest.mark.slow
def test_ad_groups_that_show_a_lookalike_leave_the_customers_out(project: Path) -> None:
    places = [("google_ads", str(AD_GROUP)), ("google_ads", "404"), ("meta_ads", str(AD_SET))]
    with open_workshop(project) as workshop:
        loop.refresh(workshop)
        first = plan(workshop)
        assert actions(first) == dict.fromkeys(places, "exclude")
        applied = loop.apply(workshop, first["fingerprint"])
        told = {(o["account"], o["ad_group"]): o for o in applied["receipts"]["exclusions"]}
        assert [told[place]["outcome"] for place in places] == ["done", "failed", "done"]
        assert "ad group 404 is not in the account" in told["google_ads", "404"]["said"]
        assert summaries.has_failed(applied)
        for account, ad_group in (places[0], places[2]):
            left_out = workshop.connectors[account].excluded(ad_group)
            assert told[account, ad_group]["list_id"] in left_out
        again = plan(workshop)
        assert actions(again) == dict(zip(places, ("keep", "unknown", "keep"), strict=True))
        assert documents.sends({**again, "audiences": []}) == 0
        assert loop.apply(workshop, again["fingerprint"])["receipts"]["exclusions"] == []
    (note,) = [text for text in again["notes"] if "exclude list" in text]
    assert note.startswith("yandex_lists/best_buyers: ")
    assert "(Yandex Direct: Library, Retargeting conditions" in note
    screen = console()
    with screen.capture() as caught:
        for part in planned(again):
            screen.print(part)
    assert "Existing customers kept out of look-alikes" in caught.get()


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ("shown_in = { meta_ads = [1] }", "exclude = 'an audience' beside shown_in"),
        ('exclude = "everybody"\nshown_in = { tiktok_ads = [1] }', "an account of this audience"),
        ('exclude = "everybody"\nshown_in = { meta_ads = [0] }', "shown_in"),
    ],
)
def test_ad_groups_that_cannot_be_meant_are_a_fault(tmp_path: Path, wish: str, said: str) -> None:
    folder = make_starter(tmp_path / "shop")
    edit(folder, "audiences.toml", "refresh_days = 30", f"{wish}\nrefresh_days = 30")
    edit(folder, "audiences.toml", BEFORE, EVERYBODY + BEFORE)
    with pytest.raises(ConfigError) as caught:
        load_project(folder)
    assert said in str(caught.value)
