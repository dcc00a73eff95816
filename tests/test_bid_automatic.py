"""From weeks to automatic corrections: inside caps and steps, the same spend, figures kept."""

from math import isclose

from hypothesis import given
from hypothesis import strategies as st

from bids.automatic import Since, automatic_corrections
from bids.estimates import SegmentWeek, Worth
from config.bid_rules import BidRulesFile
from tests.support.golden_bids import GOLDEN


def rules(**limits: object) -> BidRulesFile:
    auto = [{"segment": name, "correction": "auto"} for name in ("vip", "loyal", "new", "at_risk")]
    return BidRulesFile.model_validate({"limits": limits, "rule": auto})


def percents(written: BidRulesFile, weeks=GOLDEN, **more: object) -> dict[str, int]:
    made = automatic_corrections(
        written, weeks, account="direct", present=more.pop("present", {}), since={}, **more
    )
    return {name: one.percent for name, one in made.corrections.items()}


def test_everyone_else_stays_and_the_spend_is_the_same():
    made = automatic_corrections(rules(), GOLDEN, account="direct", present={}, since={})
    assert set(made.corrections) == {"vip", "loyal", "new", "at_risk"}
    assert made.neutral.modifiers["rest"] == 1.0
    assert isclose(made.spend, 3500, rel_tol=0.02)
    assert made.refused == ""


def test_without_budget_neutrality_targets_are_taken_as_they_are():
    assert percents(rules(budget_neutral=False, step=3)) == {
        "vip": 100,
        "loyal": 100,
        "new": 18,
        "at_risk": 43,
    }


def test_a_range_and_the_platform_bound_the_answer():
    written = BidRulesFile.model_validate(
        {
            "limits": {"budget_neutral": False, "step": 3},
            "rule": [
                {"segment": "vip", "correction": [-40, -10]},
                {"segment": "loyal", "correction": "auto"},
            ],
        }
    )
    assert percents(written, highest=60) == {"vip": -10, "loyal": 60}


def test_the_cost_share_ceiling_holds_in_per_cent():
    """4.50 of revenue a click at 0.40 a click: 10 % of it is 1.125 times the price."""
    assert percents(rules(budget_neutral=False, step=3, drr_ceiling=10))["vip"] == 12


def test_an_incremental_value_lowers_what_attribution_praises():
    worth = {"vip": Worth(incrementality=0.15)}
    assert percents(rules(step=3), worth=worth)["vip"] < percents(rules(step=3))["vip"]


def test_figures_since_the_last_change_and_the_inputs_come_along():
    made = automatic_corrections(
        rules(), GOLDEN, account="direct", present={}, since={"vip": Since(310, 12)}
    )
    vip = made.corrections["vip"]
    assert (vip.clicks, vip.conversions) == (310, 12)
    assert round(float(vip.inputs["shrinkage_weight"]), 4) == 0.8967
    assert vip.inputs["eta_source"] == "default"


def test_spend_out_of_reach_is_refused_with_numbers():
    written = BidRulesFile.model_validate(
        {
            "limits": {"step": 3},
            "rule": [{"segment": "vip", "correction": [50, 100]}],
        }
    )
    made = automatic_corrections(written, GOLDEN, account="direct", present={}, since={})
    assert "off 3500.00, tolerance 2.0%" in made.refused


def test_a_rule_for_another_account_is_left_out():
    written = BidRulesFile.model_validate(
        {"rule": [{"segment": "vip", "correction": "auto", "accounts": ["other"]}]}
    )
    assert percents(written) == {}


@given(
    clicks=st.lists(st.integers(50, 5000), min_size=5, max_size=5),
    revenue=st.lists(st.integers(10, 20_000), min_size=5, max_size=5),
    present=st.dictionaries(st.sampled_from(["vip", "new"]), st.integers(-50, 100)),
)
def test_answers_stay_inside_caps_and_steps(clicks, revenue, present):
    names = ("vip", "loyal", "new", "at_risk", "rest")
    weeks = [
        SegmentWeek(name, 0, n, n * 0.02, value, n * 0.3, 1 + present.get(name, 0) / 100)
        for name, n, value in zip(names, clicks, revenue, strict=True)
    ]
    made = automatic_corrections(rules(), weeks, account="direct", present=present, since={})
    for name, one in made.corrections.items():
        factor = 1 + present.get(name, 0) / 100
        assert -50 <= one.percent <= 100
        assert factor / 1.15 - 0.0051 <= 1 + one.percent / 100 <= factor * 1.15 + 0.0051
