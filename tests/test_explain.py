"""`adsteer explain`: the same answer as the engine's, and never a contact."""

import csv
import json
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audiences.choosing import describe
from audiences.explaining import base_rules, derived_rules, next_states, trace
from audiences.segments import segment
from config.features import FEATURES
from config.rules import parse_condition
from config.segments import Base
from flows import explaining, loop, show_person
from flows.cli import app
from flows.lists import last_document
from flows.show import console
from flows.why_not import not_picked
from flows.workshop import CannotRun
from tests.support.demo_project import edit, make_project, opened, refreshed
from tests.support.shops import cdnow_sample, online_retail

OR_DAY = date(2011, 12, 9)
EMAIL = "egor.alekseev.12346@example.com"
"""A person of the sample exports: one huge order that came back."""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "shop"
    refreshed(folder)
    return folder


@pytest.mark.parametrize("state", ["rhythm", "days", "lifecycle"])
def test_the_rules_in_words_say_what_the_engine_decided(state: str) -> None:
    shop = online_retail()
    made = segment(shop.occasions, shop.returns, shop.people, as_of=OR_DAY, base=Base(state=state))
    described = describe(made.table, shop.people, as_of=OR_DAY, overlays={})
    rules = base_rules(
        states_by=made.states_by, as_of=OR_DAY, registered_days=made.cuts.registered_days
    )
    left = described
    for name, rule in rules:
        decided = left.filter(rule.to_ibis(left))
        names = decided.segment.to_pyarrow().unique().to_pylist()
        assert names in ([], [str(name)])
        left = left.filter(~rule.to_ibis(left))
    assert left.count().to_pyarrow().as_py() == 0


@pytest.mark.parametrize(
    ("settings", "days"),
    [
        ({"state": "days", "days": (30, 60, 90)}, {"slipping": 30, "asleep": 60, "lost": 90}),
        ({"state": "lifecycle", "lifecycle_days": 45}, {"asleep": 45}),
        ({"state": "model"}, {}),
    ],
)
def test_days_that_are_told_are_those_that_decided(settings: dict, days: dict) -> None:
    shop = cdnow_sample()
    newest = shop.occasions.day.max().to_pyarrow().as_py()
    base = Base(**settings)
    made = segment(shop.occasions, shop.returns, shop.people, as_of=newest, base=base)
    assert made.states_by == settings["state"]
    known = {"sw2": 1.0, "sb2": 1.0, "thresholds": [0, 0, 0], "limits_days": [], "lost_on": True}
    order = ["active", "slipping", "asleep", "lost"]
    for row in made.table.to_pyarrow().to_pylist():
        told = next_states(row, known, states_by=made.states_by, limits=made.limits)
        assert told == days
        if days:
            begun = [name for name, after in told.items() if row["recency_days"] > after]
            assert row["state"] == max(begun, key=order.index, default="active")


def test_the_terms_in_words_are_the_flags_of_the_engine() -> None:
    """Every flag, over a whole shop with goods that came back and goods sold cheap."""
    shop = online_retail()
    cheap = shop.occasions.mutate(
        margin=shop.occasions.revenue * (shop.occasions.person_id.hash() % 10).abs() / 10,
        discount=((shop.occasions.person_id.hash() % 3) == 0).ifelse(1.0, 0.0),
        items=shop.occasions.revenue.cast("int64"),
    )
    base = Base(wholesale_quantile=0.98, returner_share=0.2)
    made = segment(cheap, shop.returns, shop.people, as_of=OR_DAY, base=base)
    shares = made.known.select(
        "person_id", "discount_share", "margin_share", "returned_share",
        items_per_order=made.known.items_per_occasion,
    )  # fmt: skip
    table = made.table.inner_join(shares, "person_id")
    rules = derived_rules(asdict(made.cuts))
    for term, flag in (
        ("vip", "is_vip"),
        ("wholesale", "is_wholesale"),
        ("returner", "is_returner"),
        ("discount hunter", "is_discount_hunter"),
    ):
        said = rules[term].to_ibis(table)
        counted = (
            table.aggregate(holders=table[flag].sum(), wrong=(said != table[flag]).sum())
            .to_pyarrow()
            .to_pylist()[0]
        )
        assert counted["holders"] > 0
        assert counted["wrong"] == 0


def test_the_day_on_which_a_state_ends_is_the_engine_s_own() -> None:
    """Silence up to the day keeps the state, one day more ends it."""
    shop = cdnow_sample()
    made = segment(
        shop.occasions,
        shop.returns,
        shop.people,
        as_of=shop.occasions.day.max().to_pyarrow().as_py(),
        base=Base(),
    )
    calibration = {
        "sw2": made.calibration.sw2,
        "sb2": made.calibration.sb2,
        "thresholds": made.calibration.thresholds,
        "limits_days": made.limits,
        "lost_on": made.lost_on,
    }
    order = ["active", "slipping", "asleep", "lost"]
    for row in made.table.to_pyarrow().to_pylist():
        ends = list(next_states(row, calibration).values())
        silent = max(row["recency_days"], 1)
        assert order.index(row["state"]) == sum(silent > end + 1e-9 for end in ends)


def test_parts_of_a_condition_carry_what_they_saw() -> None:
    shop = cdnow_sample()
    made = segment(shop.occasions, shop.returns, shop.people, as_of=OR_DAY, base=Base(state="days"))
    described = describe(made.table, shop.people, as_of=OR_DAY, overlays={})
    person = described.order_by("person_id").limit(1)
    rule = parse_condition("orders >= 1 and (not is_vip or city = 'x') and revenue > 1e12")
    found = trace(person, {"rule": rule})["rule"]
    assert not found.holds
    assert [(part.text, part.holds) for part in found.parts] == [
        ("orders >= 1", True),
        ("NOT is_vip", True),
        ("city = 'x'", False),
        ("revenue > 1e12", False),
    ]
    assert [part.text for part in found.missed] == ["city = 'x'", "revenue > 1e12"]
    assert found.parts[2].saw == {"city": None}


def test_a_person_is_explained_by_contact_without_it(project: Path) -> None:
    with opened(project) as workshop:
        document = explaining.explain(workshop, f" {EMAIL.upper()} ")
        by_id = explaining.explain(workshop, document["person"])
    assert by_id == document
    text = json.dumps(document, ensure_ascii=False)
    assert "example.com" not in text
    assert set(document["features"]) == set(FEATURES)
    assert document["segment"]["name"] == "sleeping"
    assert [rule["segment"] for rule in document["rules"] if rule["holds"]] == ["sleeping"]
    assert document["rules"][-1]["decided"]
    listed = {one["audience"]: one for one in document["audiences"]}
    assert {name for name, one in listed.items() if one["in"]} == {"sleeping", "bought_long_ago"}
    assert "orders >= 2 (orders is 1)" in listed["best_buyers"]["why_not"][0]
    assert [(bid["segment"], bid["correction"]) for bid in document["bids"]] == [("sleeping", 20)]


def test_consent_speaks_for_itself(project: Path) -> None:
    with opened(project) as workshop:
        people = workshop.table("people")
        silent = people.filter(people.consent_ads != "yes").order_by("person_id").limit(1)
        document = explaining.explain(workshop, silent.person_id.to_pyarrow()[0].as_py())
    assert not any(one["in"] for one in document["audiences"])
    assert all(
        any(why.startswith("consent to ads is ") for why in one["why_not"])
        for one in document["audiences"]
    )
    assert document["bids"] == []


def test_a_rolled_up_segment_is_explained_by_the_list_it_is_in(project: Path) -> None:
    with opened(project) as workshop:
        both = workshop.table("segments").inner_join(workshop.table("people"), "person_id")
        one = both.filter(both.segment == "vip_at_risk", both.consent_ads == "yes")
        names = one.order_by("person_id").person_id.to_pyarrow().to_pylist()
        documents = [explaining.explain(workshop, name) for name in names[:3]]
    listed = [{one["audience"]: one for one in each["audiences"]} for each in documents]
    told = next(each for each in listed if each["at_risk"]["in"])
    assert not told["vip_at_risk"]["in"]
    assert "its people are in at_risk" in told["vip_at_risk"]["why_not"][0]
    assert told["at_risk"]["because"] == "vip_at_risk is exported within at_risk"
    bids = documents[listed.index(told)]["bids"]
    assert [bid["segment"] for bid in bids] == ["at_risk"]


def test_who_is_not_in_a_seed_is_told_by_which_gate_with_the_figures(project: Path) -> None:
    with opened(project) as workshop:
        buyers = workshop.table("segments").inner_join(workshop.table("people"), "person_id")
        loyal = buyers.filter(buyers.segment == "loyal", buyers.consent_ads == "yes")
        picked = workshop.table("seed", "best_buyers")
        poorest = loyal.anti_join(picked, "person_id").order_by(["revenue", "person_id"]).limit(1)
        ((person, revenue),) = zip(
            *poorest.select("person_id", "revenue").to_pyarrow().to_pydict().values(), strict=True
        )
        floor = last_document(workshop)["seeds"]["best_buyers"]["floor"]
        document = explaining.explain(workshop, person)
    (why,) = {tuple(o["why_not"]) for o in document["audiences"] if o["audience"] == "best_buyers"}
    assert why == (
        f"not picked for the seed: revenue is {revenue:,.2f}, under the floor of {floor:,.2f}",
    )


def test_a_frequency_guard_is_named_where_the_rule_holds(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "shop")
    guarded = 'rule = "orders >= 1"\nnot_in = ["bought_long_ago"]'
    edit(folder, "segments.toml", 'rule = "orders >= 2"', guarded)
    with opened(folder) as workshop:
        loop.refresh(workshop)
        document = explaining.explain(workshop, EMAIL)
    (overlay,) = [one for one in document["overlays"] if one["overlay"] == "repeat_buyers"]
    assert (overlay["holds"], overlay["in"]) == (True, False)
    assert overlay["kept_out_by"] == ["bought_long_ago"]
    screen = console()
    with screen.capture() as caught:
        for part in show_person.explained(document):
            screen.print(part)
    assert "but left out: is in bought_long_ago, which not_in names" in caught.get()


PICKED = {"first_order_from": 500.0, "measured_by": "predicted_value", "floor": 90.0}
BUYER = {
    "orders": 1,
    "state": "active",
    "revenue": 900.0,
    "predicted_value": 95.0,
    "is_wholesale": False,
    "is_returner": False,
    "is_discount_hunter": False,
}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "the seed is full, and others are worth more"),
        ({"orders": 0}, "never bought"),
        ({"state": "asleep"}, "is asleep, and only active or slipping buyers are taken"),
        ({"revenue": 400.0}, "bought once, for 400.00: a first order counts above 500.00"),
        ({"is_wholesale": True}, "is wholesale"),
        ({"is_returner": True}, "is a returner"),
        ({"is_discount_hunter": True}, "is a discount hunter"),
        ({"predicted_value": 80.0}, "predicted_value is 80.00, under the floor of 90.00"),
        ({"predicted_value": None}, "predicted_value is unknown, under the floor of 90.00"),
    ],
)
def test_every_gate_of_a_seed_has_its_sentence(given: dict, said: str) -> None:
    assert list(not_picked(BUYER | given, PICKED)) == [f"not picked for the seed: {said}"]


@pytest.mark.parametrize("who", ["nobody@nowhere.example", "+44 20 7946 0000", "p-unknown"])
def test_who_is_not_known_is_not_repeated(project: Path, who: str) -> None:
    with opened(project) as workshop, pytest.raises(CannotRun) as raised:
        explaining.explain(workshop, who)
    assert who not in str(raised.value)


def test_every_way_to_write_a_phone_leads_to_the_person(project: Path) -> None:
    with (project / "exports" / "contacts.csv").open(encoding="cp1251") as file:
        rows = list(csv.reader(file, delimiter=";"))
    phone = next(cell for cell in rows[1] if cell.startswith("+1"))
    with opened(project) as workshop:
        found = explaining.find_person(workshop, phone)
        digits = "".join(filter(str.isdigit, phone))
        assert explaining.find_person(workshop, f"+{digits}") == found


def test_the_command_prints_no_contact(project: Path) -> None:
    run = CliRunner()
    for arguments in (["--json"], []):
        said = run.invoke(app, ["explain", EMAIL, "-p", str(project), *arguments])
        assert said.exit_code == 0
        assert "example.com" not in said.output
    typed = run.invoke(app, ["explain", "-", "-p", str(project), "--json"], input=EMAIL + "\n")
    assert json.loads(typed.stdout)["segment"]["name"] == "sleeping"
    missed = run.invoke(app, ["explain", "x" + EMAIL, "-p", str(project)])
    assert missed.exit_code == 1
    assert "example.com" not in missed.output


@pytest.mark.parametrize("command", ["explain", "forget"])
@pytest.mark.parametrize("wrong", [["second@example.com"], ["--nonsense"], ["-p", "nowhere"]])
def test_a_contact_is_not_repeated_in_a_usage_error(command: str, wrong: list[str]) -> None:
    said = CliRunner().invoke(app, [command, EMAIL, *wrong])
    assert said.exit_code == 2
    assert "example.com" not in said.output


def test_the_explanation_is_readable_on_a_terminal(project: Path) -> None:
    with opened(project) as workshop:
        document = explaining.explain(workshop, EMAIL)
    screen = console()
    with screen.capture() as caught:
        for part in show_person.explained(document):
            screen.print(part)
    said = caught.get()
    said = " ".join(said.split())
    assert "Silent for 325 days, so asleep; lost after 352 days unless a purchase" in said
    assert "(slipping after 98, asleep after 204, lost after 352 days of silence)" in said
    assert "value >= 1453.10 (value = 30,873.44)" in said
    assert said.index("│ in ") < said.index("│ not in │ – │ the condition")
    assert "state = 'asleep'" in said
