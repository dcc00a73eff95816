"""Experiments in a project: who is held out, for how long, and that nobody held is ever sent."""

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pytest
from typer.testing import CliRunner

from audiences.enrolment import ASSIGNMENTS, GLOBAL, carried_on, running
from audiences.plan import plan_folder
from config.audiences import Holdout
from config.experiments import Experiment
from config.faults import ConfigError
from config.load import load_project
from flows import loop
from flows.cli import app
from flows.experimenting import experiment_rows, listed, powers
from flows.lists import plan_lists
from flows.workshop import Workshop, open_workshop
from tests.support.small_shop import AS_OF, SmallShop, people_of

ACCOUNTS = {
    "lists": "yandex_audience",
    "google_lists": "google",
    "meta_lists": "meta",
    "tiktok_lists": "tiktok",
    "vk_lists": "vk",
    "microsoft_lists": "microsoft",
}
EXPERIMENTS = f"""
[[experiment]]
name = "spring"
segments = ["north"]
share = 0.3
starts = {AS_OF}
days = 28
expected_lift = 0.5

[[hypothesis]]
name = "north_likes_it"
segment = "north"
offer = "free delivery"
channel = "Yandex Direct"
timing = "after the first order"
expected_lift = 0.1
experiment = "spring"
"""


def share_of(person: str, salt: str) -> float:
    digest = hashlib.sha256(f"{salt}:{person}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


class Story:
    """A shop over a few days: every refresh leaves its assignments."""

    def __init__(self, folder: Path) -> None:
        cities = {"north": "ABCD", "all": "ABCDEFGH"}
        self.shop = SmallShop(folder, people_of(400), cities=cities)
        self.shop.write()
        (folder / "experiments.toml").write_text(EXPERIMENTS)
        rules = folder / "audiences.toml"
        text = rules.read_text().replace(
            'accounts = ["lists"]', f"accounts = {sorted(ACCOUNTS)}".replace("'", '"')
        )
        rules.write_text('[holdout]\nshare = 0.1\nsalt = "always"\n' + text)
        accounts = folder / "platforms.toml"
        for name, platform in ACCOUNTS.items():
            if name != "lists":
                written = f'[[account]]\nname = "{name}"\nplatform = "{platform}"\nsandbox = true\n'
                accounts.write_text(accounts.read_text() + written)
        self.day(AS_OF)

    def opened(self) -> Any:
        return open_workshop(self.shop.folder, now=lambda: datetime(2026, 6, 1, 12, tzinfo=UTC))

    def day(self, day: date) -> None:
        path = self.shop.folder / "adsteer.toml"
        lines = path.read_text().splitlines()
        path.write_text("\n".join(f"as_of = {day}" if "as_of" in one else one for one in lines))

    def swap_cities(self) -> None:
        path = self.shop.folder / "segments.toml"
        text = path.read_text()
        north = " or ".join(f"city = '{city}'" for city in "ABCD")
        south = " or ".join(f"city = '{city}'" for city in "CDEF")
        path.write_text(text.replace(north + '"', south + '"', 1))


def assignments(workshop: Workshop) -> dict[tuple[str, str], dict[str, Any]]:
    rows = workshop.table("assignments").to_pyarrow().to_pylist()
    return {(row["experiment"], row["person_id"]): row for row in rows}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """First day; three days later with another rule for the segment; after the end."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ADSTEER_ENCRYPTION_KEY", "ADSTEER_CATALOG"):
            patch.delenv(name, raising=False)
        made = Story(tmp_path_factory.mktemp("story") / "shop")
        told: dict[str, Any] = {"folder": made.shop.folder}
        with made.opened() as workshop:
            told["notes"] = loop.refresh(workshop)["notes"]
            told["first"] = assignments(workshop)
            told["planned"] = planned(workshop)
            told["rows"] = experiment_rows(workshop)
            told["listed"], told["powers"] = listed(workshop), powers(workshop)
        made.swap_cities()
        made.day(AS_OF + timedelta(days=3))
        with made.opened() as workshop:
            loop.refresh(workshop)
            told["second"] = assignments(workshop)
        made.day(AS_OF + timedelta(days=28))
        with made.opened() as workshop:
            told["after"] = planned(workshop)
    return told


def planned(workshop: Workshop) -> dict[tuple[str, str], set[str]]:
    """By account and list: everybody a plan would send."""
    plan = plan_lists(workshop)
    folder = plan_folder(workshop.state, plan.fingerprint)
    people = {}
    for one in plan.lists:
        rows = ibis.duckdb.connect().read_parquet(folder / one.rows)
        people[one.audience.account, one.audience.audience] = set(rows.person_id.execute().tolist())
    return people


def held(rows: dict[tuple[str, str], dict[str, Any]], name: str) -> set[str]:
    return {
        person for (experiment, person), row in rows.items() if experiment == name and row["held"]
    }


def test_the_hash_decides_who_is_held(story: dict[str, Any]) -> None:
    first = story["first"]
    assert held(first, GLOBAL)
    assert held(first, "spring")
    for (experiment, person), row in first.items():
        salt, share = ("always", 0.1) if experiment == GLOBAL else ("spring", 0.3)
        assert row["held"] == (share_of(person, salt) < share)
        assert (row["since"], row["mixed"]) == (AS_OF, False)


def test_whoever_the_global_holdout_holds_is_in_no_other(story: dict[str, Any]) -> None:
    spring = {person for experiment, person in story["first"] if experiment == "spring"}
    everybody = {person for experiment, person in story["first"] if experiment == GLOBAL}
    assert len(everybody) == 400
    assert not spring & held(story["first"], GLOBAL)
    assert 150 < len(spring) < 200


def test_an_assignment_is_kept_over_refreshes_and_segments(story: dict[str, Any]) -> None:
    first, second = story["first"], story["second"]
    assert {key: second[key] for key in first} == first
    fresh = [row for key, row in second.items() if key not in first]
    assert len(fresh) > 50
    assert {(row["experiment"], row["since"]) for row in fresh} == {
        ("spring", AS_OF + timedelta(days=3))
    }


@pytest.mark.parametrize("account", sorted(ACCOUNTS))
def test_nobody_held_is_ever_sent(story: dict[str, Any], account: str) -> None:
    """Also by a list whose rule names everybody."""
    out = held(story["first"], GLOBAL) | held(story["first"], "spring")
    for name in ("north", "all"):
        sent = story["planned"][account, name]
        assert sent
        assert not sent & out
    everybody = {person for _, person in story["first"]}
    assert story["planned"][account, "all"] == everybody - out


def test_after_the_end_the_held_come_back_but_those_of_the_global_holdout(
    story: dict[str, Any],
) -> None:
    everybody = {person for _, person in story["first"]}
    assert story["after"]["lists", "all"] == everybody - held(story["first"], GLOBAL)


def test_what_it_can_show_is_told_before_it_starts(story: dict[str, Any]) -> None:
    (note,) = [note for note in story["notes"] if note.startswith("Experiment spring")]
    assert "show a lift from" in note
    named = {(one["name"], one["segment"]) for one in story["powers"]["powers"]}
    assert {(GLOBAL, "everyone"), ("spring", "north")} <= named


def test_rows_and_records(story: dict[str, Any]) -> None:
    row = next(one for one in story["rows"] if one.name == "spring")
    assert (row.segment, row.verdict, row.look, row.started) == ("north", "running", 0, AS_OF)
    assert row.treated + row.held == len([1 for name, _ in story["first"] if name == "spring"])
    assert row.hypothesis.startswith("north: free delivery")
    (record,) = story["listed"]["hypotheses"]
    assert (record["verdict"], record["experiment"]) == ("running", "spring")


@pytest.mark.parametrize("what", ["list", "power", "results"])
def test_the_commands_tell_it_to_people_and_machines(story: dict[str, Any], what: str) -> None:
    words = ["experiment", what, "--project", str(story["folder"])]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, shown.output
    assert "spring" in shown.output
    machine = CliRunner().invoke(app, [*words, "--json"])
    document = json.loads(machine.stdout)
    key = {"list": "experiments", "power": "powers", "results": "results"}[what]
    assert {one["name"] for one in document[key]} == {GLOBAL, "spring"}


def test_of_two_people_who_become_one_the_older_side_counts() -> None:
    engine = ibis.duckdb.connect()
    early, late = date(2026, 1, 1), date(2026, 2, 1)
    rows = [
        {"experiment": "e", "person_id": person, "segment": "vip", "held": out, "share": 0.5,
         "since": since, "mixed": False}
        for person, out, since in [
            ("a", True, late), ("b", False, early), ("c", True, early), ("d", True, late),
            ("x", False, late),
        ]
    ]  # fmt: skip
    before = engine.create_table("before", ibis.memtable(rows, schema=ASSIGNMENTS))
    pairs = [{"old_id": "a", "person_id": "b"}, {"old_id": "d", "person_id": "c"}]
    merged = engine.create_table("merged", ibis.memtable(pairs))
    found = {row["person_id"]: row for row in carried_on(before, merged).to_pyarrow().to_pylist()}
    assert set(found) == {"b", "c", "x"}
    assert (found["b"]["held"], found["b"]["since"], found["b"]["mixed"]) == (False, early, True)
    assert (found["c"]["held"], found["c"]["since"], found["c"]["mixed"]) == (True, early, False)


def test_an_experiment_runs_from_its_start_to_the_day_before_its_end() -> None:
    one = Experiment(name="e", share=0.1, starts=AS_OF, days=7)
    names = [
        [each.name for each in running((one,), Holdout(share=share), AS_OF + timedelta(days=day))]
        for share, day in ((0, -1), (0, 0), (0.1, 6), (0.1, 7))
    ]
    assert names == [[], ["e"], [GLOBAL, "e"], [GLOBAL]]


FAULTS = {
    'name = "spring"\nsegments': ('name = "always"\nsegments', "experiment[1].name"),
    'segments = ["north"]': ('segments = ["nowhere"]', "experiment[1].segments"),
    "share = 0.3": ("share = 0.9", "experiment[1].share"),
    'experiment = "spring"': ('experiment = "sprong"', "hypothesis[1].experiment"),
    'segment = "north"\noffer': ('segment = "all"\noffer', "hypothesis[1].segment"),
    "days = 28": ("days = 28\nweeks = 4", "experiment[1].weeks"),
}


@pytest.mark.parametrize("right", FAULTS)
def test_what_is_wrong_is_named_with_its_place(story: dict[str, Any], right: str) -> None:
    wrong, key = FAULTS[right]
    path = story["folder"] / "experiments.toml"
    assert right in EXPERIMENTS
    path.write_text(EXPERIMENTS.replace(right, wrong))
    try:
        with pytest.raises(ConfigError) as raised:
            load_project(story["folder"])
    finally:
        path.write_text(EXPERIMENTS)
    assert key in {fault.key for fault in raised.value.faults}
