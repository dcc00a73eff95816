"""The commands as a person types them: documents, exit statuses, and the sandbox afterwards."""

import csv
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import requests
from typer.testing import CliRunner, Result

from connectors.registry import PLATFORMS
from connectors.sandbox.server import Running
from flows import freshness, loop
from flows.cli import app
from flows.workshop import open_workshop
from tests.support.starter import make_starter, starter_sandbox

GOLDEN = {
    "vip": 387,
    "vip_at_risk": 36,
    "loyal": 878,
    "at_risk": 138,
    "promising": 970,
    "new": 686,
    "drifting": 508,
    "sleeping": 619,
    "lost": 116,
}
"""Published control figures of the demo's orders on 2011-12-09."""


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def sandbox(patch: pytest.MonkeyPatch) -> Iterator[Running]:
    with starter_sandbox(patch) as running:
        yield running


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_starter(tmp_path_factory.mktemp("shops") / "shop")


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def told(*words: object, status: int = 0) -> dict[str, Any]:
    """The one JSON document a command prints on standard output."""
    result = run(*words, "--json")
    assert result.exit_code == status, result.output
    document = json.loads(result.stdout)
    assert isinstance(document, dict)
    return document


@pytest.fixture(scope="module")
def refreshed(project: Path, sandbox: Running) -> dict[str, Any]:
    return told("refresh", "-p", project)


@pytest.fixture(scope="module")
def planned(project: Path, refreshed: dict[str, Any]) -> dict[str, Any]:
    return told("plan", "-p", project)


@pytest.fixture(scope="module")
def applied(project: Path, planned: dict[str, Any]) -> dict[str, Any]:
    return told("apply", planned["fingerprint"], "-p", project)


def test_every_row_is_accepted_or_rejected(refreshed: dict[str, Any], project: Path) -> None:
    figures = {one["file"]: one for one in refreshed["exports"]}
    assert figures["exports/orders.csv"]["accepted"] == 22_190
    for one in figures.values():
        assert one["read"] == one["accepted"] + one["rejected"]
    rejected = sum(one["rejected"] for one in figures.values())
    assert rejected > 0
    assert sum(one["rows"] for one in refreshed["reasons"]) == rejected
    lines = (project / refreshed["rejects"]).read_text(encoding="utf-8").splitlines()
    assert len(lines) == rejected + 1


def test_segments_have_the_published_sizes(refreshed: dict[str, Any], project: Path) -> None:
    document = told("segments", "-p", project, "--as-of", "2011-12-09")
    sizes = {name: one["people"] for name, one in document["segments"].items()}
    assert {name: sizes[name] for name in GOLDEN} == GOLDEN
    assert sum(sizes.values()) == document["people"]
    assert sum(one["share"] for one in document["segments"].values()) == pytest.approx(1)
    calibration = document["calibration"]
    assert round(calibration["mu0"], 4) == 3.8485
    assert round(calibration["sw2"], 4) == 0.7736
    assert round(calibration["sb2"], 4) == 0.4981
    assert [round(one, 4) for one in calibration["thresholds"]] == [0.6504, 1.3018, 1.7863]
    assert calibration["n_loyal"] == 4


def test_segments_of_an_earlier_day(refreshed: dict[str, Any], project: Path) -> None:
    document = told("segments", "-p", project, "--as-of", "2011-06-30")
    sizes = {name: one["people"] for name, one in document["segments"].items()}
    expected = [245, 40, 528, 120, 455, 492, 540, 324, 216]
    assert [sizes[name] for name in GOLDEN] == expected
    assert document["as_of"] == "2011-06-30"


def test_segments_read_the_exports_when_nothing_was_read_yet(
    tmp_path: Path, sandbox: Running
) -> None:
    fresh = make_starter(tmp_path / "shop")
    document = told("segments", "-p", fresh, "--as-of", "2011-12-09")
    assert document["segments"]["vip"]["people"] == GOLDEN["vip"]


def test_a_plan_is_the_same_twice_and_sends_nothing(
    planned: dict[str, Any], project: Path, sandbox: Running
) -> None:
    assert told("plan", "-p", project) == planned
    assert len(planned["fingerprint"]) == 64
    lists = {one["audience"]: one for one in planned["audiences"]}
    assert lists["vip"]["add"] > 0
    assert lists["vip"]["keep"] == lists["vip"]["remove"] == lists["vip"]["renew"] == 0
    assert {one["purpose"] for one in lists.values()} == {"retargeting", "seed"}
    assert len(lists) >= 15
    wanted = {one["segment"]: one["wanted"] for one in planned["bids"]}
    assert wanted["vip"] == -30
    assert wanted["new"] == wanted["promising"] == 50
    assert all(one["present"] is None for one in planned["bids"])


def test_applying_says_what_came_of_everybody(
    planned: dict[str, Any], applied: dict[str, Any]
) -> None:
    receipts = {(one["account"], one["audience"]): one for one in applied["receipts"]["audiences"]}
    for one in planned["audiences"]:
        receipt = receipts[one["account"], one["audience"]]
        sent = receipt["accepted"] + receipt["refused"] + receipt["unsure"] + receipt["waiting"]
        assert sent == (one["add"] if "add" in one["sends"] else 0)
    assert all(one["accepted"] == 1 for one in applied["receipts"]["bids"] if not one["warning"])
    assert {one["outcome"] for one in applied["receipts"]["lookalikes"]} == {"done"}


def test_the_platform_holds_what_was_wanted(
    planned: dict[str, Any], applied: dict[str, Any], sandbox: Running
) -> None:
    held = {one["name"]: one for one in lists_of(sandbox) if "name" in one}
    added = {one["audience"]: one["add"] for one in planned["audiences"] if "add" in one["sends"]}
    assert held["Gift shop: VIP"]["item_quantity"] >= added["vip"]
    assert held["Gift shop: best buyers (seed), look-alike 1"]["type"] == "lookalike"
    assert held["made by hand"]["item_quantity"] == 400


def test_meta_alone_is_told_what_a_seed_is_worth(applied: dict[str, Any], sandbox: Running) -> None:
    state = requests.get(f"{sandbox.url}/_sandbox/state", timeout=30).json()["platforms"]
    lists = {one["name"]: one for one in state["meta"]["lists"]}
    assert lists["Gift shop: best buyers (seed)"]["is_value_based"] is True
    assert not lists["Gift shop: VIP"].get("is_value_based")


def test_only_people_who_said_yes_are_on_the_platform(
    applied: dict[str, Any], project: Path, sandbox: Running
) -> None:
    """Digests computed here, from the file, by nothing of the engine's."""
    said = contacts_by_consent(project)
    ours = [
        one
        for one in lists_of(sandbox)
        if one.get("name", "").startswith("Gift shop") and one["type"] == "uploading"
    ]
    sent = {digest for one in ours for digest in one.get("members", ())}
    assert len(sent) > 5000
    assert sent <= said["да"]
    assert not sent & said["нет"]


def test_a_second_run_sends_nothing(
    applied: dict[str, Any], project: Path, sandbox: Running
) -> None:
    before = settled_state(sandbox)
    again = told("apply", "-p", project)
    receipts = again["receipts"]
    assert not any(one["accepted"] or one["unsure"] for one in receipts["audiences"])
    assert receipts["bids"] == []
    assert receipts["lookalikes"] == []
    assert settled_state(sandbox) == before


def test_what_was_rehearsed_is_not_taken_for_what_is_live(
    applied: dict[str, Any], project: Path
) -> None:
    platforms = project / "platforms.toml"
    written = platforms.read_text("utf-8")
    platforms.write_text(re.sub(r"(?m)^sandbox = true.*$", "sandbox = false", written), "utf-8")
    try:
        result = run("plan", "-p", project)
        assert result.exit_code == 1
        assert "sent to the sandbox" in result.output
    finally:
        platforms.write_text(written, "utf-8")


def test_an_old_plan_is_refused(
    planned: dict[str, Any], applied: dict[str, Any], project: Path
) -> None:
    result = run("apply", planned["fingerprint"], "-p", project)
    assert result.exit_code == 1
    assert "plan again" in result.output.lower()


def test_a_plan_that_was_never_made_is_refused(project: Path, refreshed: dict[str, Any]) -> None:
    result = run("apply", "f" * 64, "-p", project)
    assert result.exit_code == 1
    assert "adsteer plan" in result.output


def test_check_asks_every_account(project: Path, sandbox: Running) -> None:
    document = told("check", "-p", project)
    assert {one["platform"] for one in document["accounts"]} == set(PLATFORMS)
    assert document["faults"] == []
    assert {line.partition(":")[0] for line in document["calendar"]} == set(PLATFORMS)


def test_a_wrong_setting_ends_with_two(tmp_path: Path) -> None:
    broken = make_starter(tmp_path / "shop")
    rules = broken / "bid_rules.toml"
    rules.write_text(rules.read_text("utf-8").replace('"loyal"', '"loyl"'), "utf-8")
    result = run("plan", "-p", broken)
    assert result.exit_code == 2
    assert re.search(r"bid_rules\.toml.*loyl", result.output, flags=re.DOTALL)
    assert "loyal" in result.output


def test_planning_before_the_first_refresh_says_what_to_do(
    tmp_path: Path, sandbox: Running
) -> None:
    fresh = make_starter(tmp_path / "shop")
    result = run("plan", "-p", fresh)
    assert result.exit_code == 1
    assert "adsteer refresh" in result.output


def test_tables_for_people(project: Path, applied: dict[str, Any]) -> None:
    shown = run("segments", "-p", project).stdout
    assert "VIP at risk" in shown
    assert "387" in shown
    shown = run("plan", "-p", project).stdout
    assert "Audience plan" in shown
    assert "Bid plan" in shown


def test_init_overwrites_nothing(project: Path) -> None:
    result = run("init", project)
    assert result.exit_code == 2
    assert "overwritten" in result.output


def test_spend_comes_in_by_segment_and_the_plan_tells_what_to_expect(
    applied: dict[str, Any], project: Path
) -> None:
    money = told("measure", "-p", project)["accounts"][0]
    assert money["missing_days"] == []
    assert money["all"]["cost"] == pytest.approx(
        sum(one["cost"] for one in money["segments"].values())
    )
    again = told("measure", "-p", project)["accounts"][0]
    assert again == money
    outlook = told("plan", "-p", project)["outlook"]
    assert {one["verdict"] for one in outlook["effective"]} == {"as asked"}
    assert "acts on the bid" in outlook["strategies"][0]
    whole = outlook["forecast"][0]["all"]
    for figure in ("spend", "revenue", "drr"):
        expected = whole["wanted"][figure]
        assert expected["low"] <= expected["expected"] <= expected["high"]


AUTO = """
enabled = true
[limits]
cooldown_days = 0
min_conversions = 0
min_clicks = 0
dead_band = 0
spend_tolerance = 0.03
[[where]]
account = "yandex_ads"
campaigns = [710427315]
[[rule]]
segment = "vip"
correction = "auto"
prior = -30
incrementality = 0.2
[[rule]]
segment = "new"
correction = "auto"
prior = 50
[[rule]]
segment = "promising"
correction = [0, 60]
prior = 20
"""


def test_automatic_corrections_come_from_what_was_spent(
    applied: dict[str, Any], project: Path
) -> None:
    told("measure", "-p", project)
    rules = project / "bid_rules.toml"
    written = rules.read_text("utf-8")
    rules.write_text(AUTO, "utf-8")
    try:
        document = told("plan", "-p", project)
    finally:
        rules.write_text(written, "utf-8")
    made = {one["segment"]: one for one in document["bids"] if one["level"] == "campaign"}
    for segment, standing in (("vip", 0.7), ("new", 1.5), ("promising", 1.5)):
        inputs = made[segment]["inputs"]
        assert inputs["clicks_weighted"] > 0
        assert 0 <= inputs["shrinkage_weight"] <= 1
        wanted = 1 + made[segment]["wanted"] / 100
        assert standing / 1.16 <= wanted <= standing * 1.16
    assert 0 <= made["promising"]["wanted"] <= 60
    inputs = made["vip"]["inputs"]
    assert inputs["value_weighted"] == pytest.approx(0.2 * 0.4 * inputs["revenue_weighted"])
    spent = document["outlook"]["automatic"]["yandex_ads"]
    assert spent["spend"] == pytest.approx(spent["budget"], rel=0.03)
    shares = {one["segment"]: (one["share"], one["from"]) for one in spent["incrementality"]}
    assert shares["vip"] == (0.2, "written in the rule")
    assert shares["new"] == (1.0, "assumed: nothing is measured")


def corrections_of(sandbox: Running) -> dict[tuple[str, int], int]:
    """Percent of every audience correction by list name and campaign or ad group."""
    direct = state_of(sandbox)["yandex_direct"]
    names = {one["Id"]: one["Name"] for one in direct["lists"]}
    return {
        (
            names[one["RetargetingConditionId"]],
            one.get("AdGroupId") or one["CampaignId"],
        ): one["BidModifier"] - 100
        for one in direct["bids"]
        if "RetargetingConditionId" in one
    }


def test_every_change_of_a_bid_is_told(applied: dict[str, Any], project: Path) -> None:
    changes = told("history", "--bid", "vip", "-p", project)["bids"]
    assert {one["segment"] for one in changes} == {"vip"}
    assert {(one["from"], one["to"], one["outcome"]) for one in changes} == {(None, -30, "settled")}
    assert {one["run"] for one in changes} == {applied["fingerprint"][:12]}


def test_kill_takes_away_ours_alone_and_keeps_it_so(
    applied: dict[str, Any], project: Path, sandbox: Running
) -> None:
    before = corrections_of(sandbox)
    assert len(before) > 10
    told("rollback", "--kill", "--who", "Olena", "-p", project)
    assert corrections_of(sandbox) == {("made by hand", 710427315): 10}
    changing = {"add", "set", "remove"}
    planned = told("plan", "-p", project)
    assert not [one for one in planned["bids"] if one["action"] in changing]
    told("rollback", "--revive", "-p", project)
    run = applied["fingerprint"][:12]
    told("rollback", "--bids", run, "--who", "Olena", "-p", project)
    assert corrections_of(sandbox) == before


def test_rollback_to_an_unknown_run_says_where_to_look(
    applied: dict[str, Any], project: Path
) -> None:
    result = run("rollback", "--bids", "nothing", "--who", "Olena", "-p", project)
    assert result.exit_code == 1
    assert "adsteer history --bids" in result.output
    assert run("rollback", "-p", project).exit_code == 2


def test_schema_knows_every_file() -> None:
    schemas = json.loads(run("schema").stdout)
    assert {"adsteer.toml", "audiences.toml", "bid_rules.toml"} <= set(schemas)


def state_of(sandbox: Running) -> dict[str, Any]:
    answer = requests.get(f"{sandbox.url}/_sandbox/state", params={"members": "1"}, timeout=30)
    document = answer.json()["platforms"]
    assert isinstance(document, dict)
    return document


def test_lookalikes_that_grow_old_are_refreshed(
    project: Path, applied: dict[str, Any], sandbox: Running
) -> None:
    ids = {one["list_id"] for one in applied["receipts"]["lookalikes"]}

    def planned_at(moment: datetime) -> tuple[dict[str, Any], set[str]]:
        with open_workshop(project, now=lambda: moment) as workshop:
            plan = loop.plan(workshop, bids=False, only=["best_buyers"])
            return plan, {one["action"] for one in plan["lookalikes"]}

    today = datetime.now(UTC)
    assert planned_at(today + timedelta(days=20))[1] == {"keep"}
    plan, actions = planned_at(today + timedelta(days=22))
    assert actions == {"refresh"}
    assert any("look-alike" in note and "a refresh is due" in note for note in plan["notes"])
    with open_workshop(project, now=lambda: today + timedelta(days=22)) as workshop:
        refreshed = loop.apply(workshop, plan["fingerprint"])["receipts"]["lookalikes"]
    assert {one["outcome"] for one in refreshed} == {"done"}
    assert {one["list_id"] for one in refreshed} == ids
    assert planned_at(today + timedelta(days=23))[1] == {"keep"}


def test_an_old_lookalike_that_nobody_can_refresh_is_swapped_by_a_person(
    project: Path, applied: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said in the plan with what to do, told as stale, and never called fresh by itself."""
    for platform in ("yandex_audience", "google", "meta"):
        monkeypatch.setattr(PLATFORMS[platform], "keeps_up", False)
    one = next(o for o in applied["receipts"]["lookalikes"] if o["account"] == "yandex_lists")
    seed = next(
        o for o in applied["receipts"]["audiences"]
        if (o["account"], o["audience"]) == ("yandex_lists", "best_buyers")
    )["list_id"]  # fmt: skip
    later = datetime.now(UTC) + timedelta(days=60)
    with open_workshop(project, now=lambda: later) as workshop:
        plan = loop.plan(workshop, bids=False, only=["best_buyers"])
        assert {o["action"] for o in plan["lookalikes"]} == {"swap"}
        (note,) = [
            text for text in plan["notes"]
            if "look-alike yandex_lists/best_buyers" in text and f"reach {one['reach']}" in text
        ]  # fmt: skip
        assert "expired. yandex_audience cannot be asked to refresh it" in note
        assert f"the seed's list {seed}; keep {one['list_id']} in the ad groups" in note
        assert loop.apply(workshop, plan["fingerprint"])["receipts"]["lookalikes"] == []
        again = loop.plan(workshop, bids=False, only=["best_buyers"])
        assert {o["action"] for o in again["lookalikes"]} == {"swap"}
        told = {(o.kind, o.name): o for o in freshness.things(workshop)}
        mine = told["lookalikes", f"yandex_lists/best_buyers {one['reach']}"]
        assert mine.is_stale(later)
        assert mine.limit == timedelta(days=30)
        assert any(
            f"look-alike yandex_lists/best_buyers {one['reach']}" in text
            for text in freshness.watch(workshop)
        )


def lists_of(sandbox: Running) -> list[dict[str, Any]]:
    lists = state_of(sandbox)["yandex_audience"]["lists"]
    assert isinstance(lists, list)
    return lists


def settled_state(sandbox: Running) -> str:
    """Everything the platforms hold, without what their clock alone changes."""
    return json.dumps(
        {
            name: {**one, "requests": None, "points": None}
            for name, one in state_of(sandbox).items()
        },
        sort_keys=True,
    )


def contacts_by_consent(project: Path) -> dict[str, set[str]]:
    """SHA-256 of every e-mail and phone in the file, by what its row says of consent."""
    found: dict[str, set[str]] = {"да": set(), "нет": set(), "": set()}
    with (project / "exports" / "contacts.csv").open(encoding="cp1251", newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            says = (row["Согласие на рекламу"] or "").strip().lower()
            email = (row["E-mail"] or "").strip().lower()
            phone = "".join(sign for sign in row["Телефон"] or "" if sign.isdigit())
            found.setdefault(says, set()).update(
                sha256(one.encode()).hexdigest() for one in (email, phone) if one
            )
    return found
