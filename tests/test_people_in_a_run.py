"""Gates, roll-ups, stories and seeds in a run of the starter project; no platform is asked."""

from pathlib import Path

import pytest

from audiences.records import write_list
from audiences.refreshes import last_refreshes
from audiences.seeds import GATES, Age, Freshness
from flows import bidding, loop, summaries
from flows.gating import roll_ups_of, segment_of
from flows.lists import described_now, reference
from flows.show_seeds import seeds
from tests.support.demo_project import NOW, edit, make_project, opened, refreshed


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "shop"
    refreshed(folder)
    return folder


def lists(document: dict) -> dict[str, dict]:
    return {one["audience"]: one for one in document["audiences"]}


def test_small_segments_are_in_their_neighbour_s_list_and_nowhere_else(project: Path) -> None:
    with opened(project) as workshop:
        document = loop.plan(workshop, bids=False)
    listed = lists(document)
    assert (listed["vip_at_risk"]["add"], listed["lost"]["add"]) == (0, 0)
    assert (listed["at_risk"]["add"], listed["sleeping"]["add"]) == (149, 634)
    assert listed["at_risk"]["notes"] == ["holds vip_at_risk too: under their gate"]
    assert not any(one["refused_by"] for one in listed.values())
    assert any("vip_at_risk is too small" in note for note in document["notes"])


def test_the_run_report_tells_gate_and_roll_ups(project: Path) -> None:
    with opened(project) as workshop, workshop.catalog.begin() as connection:
        (last,) = last_refreshes(connection, most=1)
    assert last.document["gate"] == {"verdict": "pass", "notes": []}
    rolled = roll_ups_of(last.document)
    assert rolled["yandex_lists"] == {"vip_at_risk": "at_risk", "lost": "sleeping"}
    assert rolled["microsoft_ads"] == {"vip": "loyal"}
    assert rolled["google_ads"] == rolled["vk_ads"] == {}
    told = [note for note in last.document["notes"] if note.startswith("yandex_lists")]
    assert len(told) == 3


def test_the_correction_of_a_rolled_up_segment_is_that_of_its_list(project: Path) -> None:
    with opened(project) as workshop:
        notes = bidding.roll_up_notes(workshop)
        rules = {one.segment: one for one in bidding._rules_with_lists(workshop).rule}
    (yandex,) = (note for note in notes if note.startswith("yandex_ads: "))
    assert "people of vip_at_risk are in the list of at_risk" in yandex
    assert "(+20 %)" in yandex
    assert "vip_at_risk" not in rules
    assert rules["at_risk"].accounts == ("yandex_ads",)
    assert rules["vip"].accounts == ("google_ads", "meta_ads", "yandex_ads")
    assert rules["loyal"].accounts == ()


def test_a_rule_without_a_list_in_an_account_is_told_once(project: Path) -> None:
    with opened(project) as workshop:
        notes = bidding.roll_up_notes(workshop)
    told = [note for note in notes if ": no list, so no correction, of " in note]
    assert [note.partition(":")[0] for note in told] == ["google_ads", "meta_ads", "microsoft_ads"]
    assert "promising, at_risk" in told[0]


def test_the_list_of_customers_to_leave_out_of_a_lookalike_is_told(fresh: Path) -> None:
    """By id, once it is there, and where to do it, while the rules name no ad group."""
    edit(fresh, "audiences.toml", "refresh_days = 30", 'refresh_days = 30\nexclude = "everybody"')
    edit(
        fresh,
        "audiences.toml",
        '[[audience]]\nname = "never_bought"',
        '[[audience]]\nname = "everybody"\npeople = "orders >= 1"\n'
        'accounts = ["yandex_lists", "google_ads", "meta_ads"]\n\n'
        '[[audience]]\nname = "never_bought"',
    )
    with opened(fresh) as workshop:
        loop.refresh(workshop)
        before = loop.plan(workshop, bids=False)["notes"]
        (audience,) = (one for one in _audiences(workshop) if one.name == "everybody")
        there = reference(workshop, audience, "meta_ads")
        with workshop.catalog.begin() as connection:
            write_list(connection, there, NOW, state="ours", list_id="2300")
        after = loop.plan(workshop, bids=False)["notes"]
    assert not any("exclude list" in note for note in before)
    (note,) = (note for note in after if "exclude list" in note)
    assert note.startswith("meta_ads/best_buyers: ")
    assert "exclude list 2300" in note
    assert "(Ads Manager: the ad set, Audience, Exclude people)" in note
    assert "or name the ad groups under shown_in.meta_ads" in note


def test_only_the_list_of_one_segment_rolls_up(project: Path) -> None:
    with opened(project) as workshop:
        rules = workshop.project.audience_rules
        of = {one.name: segment_of(one, rules[one.name]) for one in _audiences(workshop)}
    assert of["vip_at_risk"] == "vip_at_risk"
    assert of["repeat_buyers"] is None
    assert of["best_buyers"] is None


def _audiences(workshop):
    return workshop.project.audiences.audience


def test_the_scores_hold_every_person_once(project: Path) -> None:
    with opened(project) as workshop:
        scores = workshop.table("scores")
        rows = (
            scores.aggregate(all=scores.count(), people=scores.person_id.nunique())
            .to_pyarrow()
            .to_pylist()[0]
        )
        described = described_now(workshop)
        top = described.filter(described.value_rank < 10)
        shares = top.count().to_pyarrow().as_py() / 4338
    assert rows == {"all": 4972, "people": 4972}
    assert shares == pytest.approx(0.10, abs=0.001)


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    return make_project(tmp_path / "shop")


def test_a_base_that_is_too_small_is_refused_in_every_list(fresh: Path) -> None:
    edit(fresh, "segments.toml", "buyers = 500 ", "buyers = 5000 ")
    with opened(fresh) as workshop:
        refresh = loop.refresh(workshop)
        document = loop.plan(workshop, bids=False)
    assert refresh["gate"]["verdict"] == "refuse"
    assert "4338 buyers, 5000 are needed" in refresh["notes"][0]
    assert summaries.is_refused(document)
    for one in document["audiences"]:
        assert [refusal["code"] for refusal in one["refused_by"]] == ["base_gate"]
        assert one["sends"] == []


def test_a_base_that_is_too_small_can_fall_back_to_three_stages(fresh: Path) -> None:
    edit(fresh, "segments.toml", "buyers = 500 ", 'too_few = "lifecycle"\nbuyers = 5000 ')
    with opened(fresh) as workshop:
        refresh = loop.refresh(workshop)
        document = loop.plan(workshop, bids=False)
    people = {name: one["people"] for name, one in refresh["segments"].items() if one["people"]}
    assert set(people) == {"new", "loyal", "at_risk", "registered", "sleeping_registered"}
    assert sum(people.values()) == 4972
    assert refresh["gate"]["verdict"] == "lifecycle"
    assert not summaries.is_refused(document)


def test_behaviour_rules_without_sessions_are_held_back_and_it_is_said(fresh: Path) -> None:
    edit(fresh, "segments.toml", 'rule = "orders >= 2"', 'rule = "cart_age_hours < 72"')
    with opened(fresh) as workshop:
        refresh = loop.refresh(workshop)
        listed = lists(loop.plan(workshop, bids=False))
    assert refresh["behaviour"]["audiences"] == ["repeat_buyers"]
    assert [one["code"] for one in listed["repeat_buyers"]["refused_by"]] == ["behaviour_gate"]
    assert listed["loyal"]["refused_by"] == []


def test_a_second_refresh_goes_on_with_everybody_s_story(fresh: Path) -> None:
    with opened(fresh) as workshop:
        loop.refresh(workshop)
    edit(fresh, "adsteer.toml", "2011-12-09", "2012-01-20")
    with opened(fresh) as workshop:
        document = loop.refresh(workshop)
        scores = workshop.table("scores")
        kinds = scores.group_by("entered_by", "days_in_segment").aggregate(people=scores.count())
        entered = {
            (row["entered_by"], row["days_in_segment"]) for row in kinds.to_pyarrow().to_pylist()
        }
        silent = scores.filter(scores.entered_by == "silence")
        was = set(silent.previous_segment.to_pyarrow().to_pylist())
        plan = loop.plan(workshop, bids=False)
    # Nobody bought in the six weeks: who moved fell silent, the others are where they were.
    assert entered == {("first_seen", 42), ("silence", 0)}
    assert {"new", "loyal", "promising", "vip"} <= was
    assert 0 < document["seeds"]["best_buyers"]["overlap_with_last"] <= 1
    assert plan["lookalikes"][0]["seed_freshness"] == "fresh"


def test_the_age_clock_of_a_seed() -> None:
    found = [Age(days, 30).freshness for days in (0, 20, 21, 30, 31)]
    assert found == [
        Freshness.FRESH,
        Freshness.FRESH,
        Freshness.DUE,
        Freshness.DUE,
        Freshness.EXPIRED,
    ]
    assert str(Age(25, 30)) == "25 days old, a refresh is due (refresh at 30)"


def test_a_seed_filtered_by_romi_tells_in_the_plan_which_gate_kept_whom_out(fresh: Path) -> None:
    """Money earned per money spent on winning a buyer, beside the LTV floor."""
    edit(fresh, "audiences.toml", 'and not is_returner"\npurpose', 'and romi > 3"\npurpose')
    edit(fresh, "segments.toml", "margin_rate", "acquisition_costs = { email = 100 }\nmargin_rate")
    with opened(fresh) as workshop:
        loop.refresh(workshop)
        document = loop.plan(workshop, bids=False)
        described = described_now(workshop)
        seed = workshop.table("seed", "best_buyers")
        inside = described.semi_join(seed, "person_id").to_pandas()
        buyers = described.filter(described.orders > 0).to_pandas()
    told = document["seeds"]["best_buyers"]
    left = told["left"]
    assert list(left) == list(GATES)
    assert list(left.values()) == sorted(left.values(), reverse=True)
    assert left["buyers"] == len(buyers) == 4338
    assert left["consented"] == (buyers.consent_ads == "yes").sum()
    assert left["above_floor"] >= left["taken"] == told["people"] == len(inside) > 100
    assert (inside.romi > 3).all()
    assert (inside.revenue >= told["floor"]).all()
    assert set(inside.segment) == {"vip", "loyal"}
    assert (told["age_days"], told["freshness"]) == (0, "fresh")
    said = "\n".join(seeds(document))
    assert f"buyers 4,338 > gave consent {left['consented']:,} > " in said
    assert "0 days old of 30 at most: fresh." in said


def test_an_old_seed_is_told_and_an_expired_one_is_not_sent(fresh: Path) -> None:
    with opened(fresh) as workshop:
        loop.refresh(workshop)
    said = {}
    edit(fresh, "audiences.toml", "max_source_age_days = 14", "max_source_age_days = 400")
    for days, day in ((25, "2012-01-03"), (31, "2012-01-09")):
        edit(fresh, "adsteer.toml", "2011-12-09" if days == 25 else "2012-01-03", day)
        with opened(fresh) as workshop:
            said[days] = loop.plan(workshop, bids=False)
    codes = {
        days: [one["code"] for one in lists(document)["best_buyers"]["refused_by"]]
        for days, document in said.items()
    }
    assert codes == {25: [], 31: ["seed_expired"]}
    assert any("25 days old, a refresh is due" in note for note in said[25]["notes"])
    assert any("31 days old, expired" in note for note in said[31]["notes"])


def test_a_small_segment_can_be_refused_instead_of_rolled_up(fresh: Path) -> None:
    edit(fresh, "segments.toml", 'too_small = "roll_up"', 'too_small = "refuse"')
    with opened(fresh) as workshop:
        refresh = loop.refresh(workshop)
        document = loop.plan(workshop, bids=False)
    listed = lists(document)
    refused = refresh["roll_ups"]["yandex_lists"]["refused"]
    assert set(refused) == {"lost", "vip_at_risk", "at_risk"}  # the last without vip_at_risk
    for name in refused:
        assert [one["code"] for one in listed[name]["refused_by"]] == ["segment_gate"]
        assert listed[name]["sends"] == []
        assert listed[name]["add"] > 0  # what an approval would let pass
    assert (listed["sleeping"]["refused_by"], listed["sleeping"]["notes"]) == ([], [])
    assert summaries.is_refused(document)


def test_a_list_that_is_there_when_its_segment_rolls_up_is_not_emptied(fresh: Path) -> None:
    """Its people are in both lists, and the correction is that of the larger one."""
    with opened(fresh) as workshop:
        loop.refresh(workshop)
        (audience,) = (one for one in _audiences(workshop) if one.name == "vip_at_risk")
        there = reference(workshop, audience, "yandex_lists")
        with workshop.catalog.begin() as connection:
            write_list(connection, there, NOW, state="ours", list_id="5001")
        document = loop.plan(workshop, bids=False)
        rules = {rule.segment for rule in bidding._rules_with_lists(workshop).rule}
    listed = lists(document)
    own = listed["vip_at_risk"]
    assert own["add"] > 0
    assert own["remove"] == 0
    assert any("under its gate: its people are in at_risk too" in note for note in own["notes"])
    assert listed["at_risk"]["add"] == 149
    assert listed["lost"]["add"] == 0
    assert "vip_at_risk" not in rules
