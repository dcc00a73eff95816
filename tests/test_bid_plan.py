"""Bid plans: absolute, capped, held back with numbers, never touching what is not ours."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bids.corrections import AutomaticCorrection, BidPlan, RecordedCorrection
from bids.model import Action, BidObject, FoundObject, Level, PresentCorrection
from bids.plan import caps_of, plan_bids, wanted_objects
from config.bid_rules import BidRulesFile, Where
from connectors.base import Strategy
from tests.support.bid_platform import CAMPAIGN, GROUP, YandexLimits

NOW = datetime(2026, 3, 20, 9, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=30)


def rules(*rule: dict[str, object], **more: object) -> BidRulesFile:
    return BidRulesFile.model_validate({"rule": rule, **more})


def shown(percent: int, condition: str = "c1", object: BidObject = CAMPAIGN) -> PresentCorrection:
    return PresentCorrection(object, condition, "77", percent)


def ours(percent: int | None, **more: object) -> RecordedCorrection:
    row = RecordedCorrection(CAMPAIGN, "vip", "c1", "77", percent, None, LONG_AGO, "4f2a91c0d3")
    return replace(row, **more)


def plan(written: BidRulesFile, **facts: object) -> BidPlan:
    known: dict[str, object] = {
        "objects": [CAMPAIGN],
        "limits": {"direct": YandexLimits()},
        "present": [],
        "conditions": {("direct", "vip"): "c1", ("direct", "new"): "c2"},
        "recorded": [],
        "now": NOW,
    }
    return plan_bids(written, **{**known, **facts})


VIP = {"segment": "vip", "correction": -30}


def only(made: BidPlan) -> tuple[Action, int | None, int | None]:
    (row,) = made.corrections
    return row.action, row.present, row.wanted


def test_a_first_plan_adds_what_the_rules_ask_for():
    made = plan(rules(VIP, {"segment": "new", "correction": 50}))
    assert [(r.segment, r.action, r.present, r.wanted) for r in made.corrections] == [
        ("new", Action.ADD, None, 50),
        ("vip", Action.ADD, None, -30),
    ]


def test_what_stands_as_asked_is_kept():
    assert only(plan(rules(VIP), present=[shown(-30)], recorded=[ours(-30)])) == (
        Action.KEEP,
        -30,
        -30,
    )


def test_a_new_amount_is_absolute_and_not_compounded():
    made = plan(rules(VIP), present=[shown(-20)], recorded=[ours(-20)])
    assert only(made) == (Action.SET, -20, -30)


def test_the_dead_band_leaves_small_moves_alone():
    made = plan(rules(VIP), present=[shown(-27)], recorded=[ours(-27)])
    assert only(made)[0] is Action.KEEP
    assert "3 points" in made.corrections[0].reason


def test_a_fixed_rule_in_its_cooldown_is_held_back_until_approved():
    recorded = [ours(-20, set_at=NOW - timedelta(days=2))]
    made = plan(rules(VIP), present=[shown(-20)], recorded=recorded)
    assert only(made)[0] is Action.SET
    assert made.sends() == ()
    assert len(made.sends(approved=True)) == 1
    assert "changed 2 days ago, cooldown is 7 days" in made.refused_by[0]


def test_a_change_recorded_ahead_of_a_clock_that_was_set_back_holds_nothing_up():
    recorded = [ours(-20, set_at=NOW + timedelta(days=300))]
    made = plan(rules(VIP), present=[shown(-20)], recorded=recorded)
    assert only(made)[0] is Action.SET
    assert len(made.sends()) == 1


def test_a_correction_changed_by_hand_is_drift_and_left_alone():
    made = plan(rules(VIP), present=[shown(-10)], recorded=[ours(-30)])
    assert only(made)[0] is Action.DRIFT
    assert made.corrections[0].reason == (
        "set by us to -30 % on 2026-02-18 (plan 4f2a91c0), changed since by hand to -10 %"
    )
    assert made.sends(approved=True) == ()


def test_a_correction_with_our_condition_that_we_never_set_is_not_ours():
    made = plan(rules(VIP), present=[shown(-10)])
    assert only(made)[0] is Action.DRIFT
    assert "not set by this project" in made.corrections[0].reason


def test_enforce_sets_again_what_a_person_changed_and_remembers_what_stood_there():
    made = plan(rules({**VIP, "enforce": True}), present=[shown(-10)])
    assert only(made) == (Action.SET, -10, -30)
    assert made.corrections[0].baseline == -10


def test_a_correction_deleted_by_hand_is_not_made_again_unless_enforced():
    assert only(plan(rules(VIP), recorded=[ours(-30)]))[0] is Action.DRIFT
    made = plan(rules({**VIP, "enforce": True}), recorded=[ours(-30)])
    assert only(made)[0] is Action.ADD


def test_a_rule_that_is_gone_takes_its_correction_away():
    made = plan(rules(), present=[shown(-30)], recorded=[ours(-30)])
    assert only(made) == (Action.REMOVE, -30, None)


def test_a_rule_that_is_gone_gives_back_what_stood_there_before_us():
    made = plan(rules(), present=[shown(-30)], recorded=[ours(-30, baseline=-10)])
    assert only(made) == (Action.SET, -30, -10)


def test_foreign_corrections_are_in_no_plan():
    made = plan(rules(VIP), present=[shown(40, "theirs"), shown(900, "other")])
    assert [row.condition_id for row in made.corrections] == ["c1"]


def test_a_list_made_anew_moves_the_correction_to_its_new_condition():
    made = plan(
        rules(VIP),
        present=[shown(-30, "old")],
        recorded=[ours(-30, condition_id="old")],
    )
    assert [(row.condition_id, row.action) for row in made.corrections] == [
        ("c1", Action.ADD),
        ("old", Action.REMOVE),
    ]


def test_without_a_list_the_rule_waits_and_its_correction_stays():
    made = plan(rules(VIP), conditions={}, present=[shown(-30)], recorded=[ours(-30)])
    assert only(made) == (Action.WAIT, -30, -30)


def test_a_condition_still_to_be_made_is_planned():
    made = plan(rules(VIP), conditions={("direct", "vip"): None})
    assert only(made)[0] is Action.ADD
    assert made.corrections[0].condition_id is None


def test_switched_off_rules_change_nothing():
    made = plan(
        rules(VIP, enabled=False),
        present=[shown(-20), shown(5, "c9")],
        recorded=[ours(-20), ours(5, condition_id="c9", segment="lost")],
    )
    assert only(made) == (Action.KEEP, -20, -20)


def test_an_account_that_was_killed_gets_nothing_back_by_the_next_run():
    killed = ours(None)
    assert plan(rules(VIP), recorded=[killed]).sends() != ()
    assert plan(rules(VIP), recorded=[killed], switched_off=["direct"]).sends() == ()


def test_two_rules_for_one_list_are_refused():
    conditions = {("direct", "vip"): "c1", ("direct", "new"): "c1"}
    made = plan(rules(VIP, {"segment": "new", "correction": 50}), conditions=conditions)
    assert made.sends(approved=True) == ()
    assert "same list on this object" in made.refused_by[0]


def test_the_platform_range_is_a_guard_nobody_can_approve_past():
    limits = {"direct": YandexLimits(lowest=-20)}
    made = plan(rules(VIP), limits=limits)
    assert made.sends(approved=True) == ()
    assert "-30 % is outside -20..+1200 %" in made.refused_by[0]


def test_a_full_object_takes_no_more():
    limits = {"direct": YandexLimits(per_object=2)}
    made = plan(
        rules(VIP, {"segment": "new", "correction": 50}),
        limits=limits,
        present=[shown(40, "theirs")],
    )
    assert [row.segment for row in made.sends(approved=True)] == ["vip"]
    assert "correction 3 of 2" in made.refused_by[0]


def test_a_level_the_platform_does_not_know_is_refused():
    limits = {"direct": YandexLimits(levels=frozenset({Level.AD_GROUP}))}
    assert "on ad_group only" in plan(rules(VIP), limits=limits).refused_by[0]


def test_an_automatic_rule_without_figures_walks_to_its_prior_in_steps():
    auto = {"segment": "vip", "correction": "auto", "prior": -30}
    assert only(plan(rules(auto)))[2] == -13
    made = plan(rules(auto, limits={"min_clicks": 0}), present=[shown(-13)], recorded=[ours(-13)])
    assert only(made)[2] == -24


def test_an_automatic_rule_stays_in_its_range_and_keeps_its_inputs():
    auto = {"segment": "vip", "correction": [-20, -10]}
    figures = AutomaticCorrection(-45, clicks=900, conversions=40, inputs={"rho": 0.5})
    made = plan(rules(auto), automatic={("direct", "vip"): figures})
    assert only(made)[2] == -20
    assert dict(made.corrections[0].inputs) == {"clicks": 900, "conversions": 40, "rho": 0.5}


def test_an_automatic_rule_waits_for_data():
    auto = {"segment": "vip", "correction": "auto"}
    thin = AutomaticCorrection(-40, clicks=120, conversions=4)
    made = plan(
        rules(auto),
        present=[shown(-20)],
        recorded=[ours(-20)],
        automatic={("direct", "vip"): thin},
    )
    assert only(made)[0] is Action.WAIT
    assert "4 conversions and 120 clicks" in made.corrections[0].reason


@pytest.mark.parametrize(
    ("there", "known"), [([shown(-30)], -30), ([], None)], ids=["taken", "not taken"]
)
def test_after_a_crash_the_platform_says_what_happened(there, known):
    undecided = ours(None, intended=True, intended_percent=-30)
    made = plan(rules(VIP), present=there, recorded=[undecided])
    assert only(made) == ((Action.KEEP if known else Action.ADD), known, -30)


def test_objects_come_by_id_by_name_and_by_label():
    other = BidObject("direct", "yandex_direct", Level.CAMPAIGN, "8")
    found = [
        FoundObject(CAMPAIGN, "Search Moscow", ("crm",)),
        FoundObject(other, "Brand"),
        FoundObject(GROUP, "search group", ("crm",)),
    ]
    platforms = {"direct": "yandex_direct"}
    by_name = Where(account="direct", name_like="search*")
    by_label = Where(account="direct", label="crm", level="ad_group")
    by_id = Where(account="direct", campaigns=(8,))
    assert wanted_objects([by_name], platforms, found) == (CAMPAIGN,)
    assert wanted_objects([by_label], platforms, found) == (GROUP,)
    assert wanted_objects([by_id, by_id], platforms, found) == (other,)


def test_a_range_outside_the_limits_or_falling_is_a_fault_of_the_file():
    with pytest.raises(ValidationError, match="has -80"):
        rules({"segment": "vip", "correction": [-80, 0]})
    with pytest.raises(ValidationError, match="ranges that rise"):
        rules({"segment": "vip", "correction": [10, 0]})


def test_a_platform_without_corrections_says_what_does_the_same():
    group = BidObject("vk_main", "vk", Level.AD_GROUP, "9")
    made = plan(rules(VIP), objects=[group])
    assert only(made) == (Action.WAIT, None, None)
    assert "on vk; instead: one ad group per segment" in made.corrections[0].reason


def test_a_plan_that_waits_for_approval_stays_the_same_plan_the_next_day():
    facts = {
        "present": [shown(-20)],
        "recorded": [ours(-20, set_at=NOW - timedelta(days=2))],
    }
    today, tomorrow = (
        plan(rules(VIP), **facts),
        plan(rules(VIP), **facts, now=NOW + timedelta(days=1)),
    )
    assert today.refused_by != tomorrow.refused_by
    assert today.fingerprint == tomorrow.fingerprint
    assert today.fingerprint != plan(rules({**VIP, "correction": -40}), **facts).fingerprint


def test_predicted_spend_off_its_tolerance_waits_for_a_person():
    auto = {"segment": "vip", "correction": "auto"}
    figures = AutomaticCorrection(-20, 900, 40, refused="spend is +9.0% off 3500.00")
    made = plan(rules(auto), automatic={("direct", "vip"): figures})
    assert made.sends() == ()
    assert len(made.sends(approved=True)) == 1
    assert "spend is +9.0% off" in made.refused_by[0]


PERCENT = st.integers(-50, 100)


@given(
    wanted=st.dictionaries(st.sampled_from(["vip", "new", "loyal"]), PERCENT),
    there=st.dictionaries(st.sampled_from(["c1", "c2", "c3", "x"]), PERCENT),
    turn=st.booleans(),
)
def test_a_plan_is_the_same_for_the_same_input_in_any_order(wanted, there, turn):
    conditions = {("direct", name): f"c{i}" for i, name in enumerate(("vip", "new", "loyal"), 1)}
    written = [{"segment": name, "correction": value} for name, value in wanted.items()]
    present = [shown(value, condition) for condition, value in there.items()]
    first = plan(rules(*written), conditions=conditions, present=present)
    again = plan(
        rules(*(reversed(written) if turn else written)),
        conditions=dict(reversed(conditions.items())),
        present=present[::-1],
    )
    assert first.fingerprint == again.fingerprint
    assert all(row.action not in (Action.SET, Action.REMOVE) for row in first.corrections)


def test_a_raise_that_an_object_would_refuse_is_refused_in_the_plan():
    """A Meta ad set with a bid cap takes no raises, though its platform does."""
    capped = Strategy(CAMPAIGN, "BID_CAP", "bid", (-91, 0), "there it only lowers")
    made = plan(rules(VIP, {"segment": "new", "correction": 50}), strategies=[capped])
    new, vip = made.corrections
    assert [guard.guard for guard in new.refused_by] == ["strategy_range"]
    assert new.refused_by[0].text == "+50 % is not possible here: there it only lowers"
    assert vip.refused_by == ()
    assert [row.segment for row in made.sends(approved=True)] == ["vip"]


def test_caps_of_a_where_hold_there_and_nowhere_else():
    where = [
        Where(account="direct", campaigns=(710,), lowest=-10, highest=20),
        Where(account="direct", ad_groups=(5001,)),
    ]
    caps = caps_of(where, {"direct": "yandex_direct"})
    assert caps == {CAMPAIGN: (-10, 20)}
    written = rules(VIP, {"segment": "new", "correction": 50})
    made = plan(written, objects=[CAMPAIGN, GROUP], caps=caps)
    wanted = {(row.object, row.segment): row for row in made.corrections}
    assert wanted[CAMPAIGN, "new"].wanted == 20
    assert wanted[CAMPAIGN, "new"].reason == "held at +20 % by its [[where]], asked +50 %"
    assert wanted[CAMPAIGN, "vip"].wanted == -10
    assert (wanted[GROUP, "new"].wanted, wanted[GROUP, "vip"].wanted) == (50, -30)


def test_of_several_caps_for_an_object_the_tightest_hold():
    found = [FoundObject(CAMPAIGN, "Spring sale")]
    where = [
        Where(account="direct", campaigns=(710,), lowest=-10),
        Where(account="direct", name_like="spring*", lowest=-40, highest=5),
    ]
    assert caps_of(where, {"direct": "yandex_direct"}, found) == {CAMPAIGN: (-10, 5)}


def test_caps_hold_an_automatic_correction_too():
    asked = {("direct", "vip"): AutomaticCorrection(35, 500, 40.0)}
    automatic = rules({"segment": "vip", "correction": "auto"})
    made = plan(automatic, automatic=asked, caps={CAMPAIGN: (-100, 30)})
    assert only(made) == (Action.ADD, None, 30)
