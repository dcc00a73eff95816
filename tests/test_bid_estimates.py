"""Value per click, shrinkage and caution: the golden example to the printed digit."""

from math import exp, inf, isclose, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids.estimates import SegmentWeek, Worth, estimate, paule_mandel
from tests.support.golden_bids import GOLDEN, ORDER


def printed(values, digits=4):
    return [round(value, digits) for value in values]


def test_golden_ratios_and_log_targets():
    made = estimate(GOLDEN)
    roas = [one.revenue / one.cost for one in GOLDEN]
    assert printed(roas) == [11.25, 4.5455, 2.24, 2.7273, 1.0566]
    assert round(sum(o.revenue for o in GOLDEN) / sum(o.cost for o in GOLDEN), 4) == 1.9886
    assert printed(made[name].log_target for name in ORDER) == [
        1.7330,
        0.8267,
        0.1191,
        0.3159,
        -0.6324,
    ]


def test_golden_shrinkage():
    made = estimate(GOLDEN)
    assert printed(made[name].variance for name in ORDER) == [
        0.0820,
        0.0607,
        0.1171,
        0.2733,
        0.0234,
    ]
    assert round(made.spread, 4) == 0.7117
    assert round(made.centre, 4) == 0.4657
    assert printed(made[name].weight for name in ORDER) == [0.8967, 0.9214, 0.8587, 0.7225, 0.9681]
    assert printed(made[name].target for name in ORDER) == [4.9631, 2.2218, 1.1830, 1.4297, 0.5503]


def test_a_modifier_in_force_is_not_taken_for_a_price():
    """The same market seen at double bids tells the same absolute target, not twice or half."""
    doubled = [
        SegmentWeek("vip", 0, 400, 20, 1800, 320, modifier=2.0) if one.segment == "vip" else one
        for one in GOLDEN
    ]
    assert isclose(estimate(doubled)["vip"].target, estimate(GOLDEN)["vip"].target)


def test_older_weeks_weigh_less():
    totals = estimate([SegmentWeek("a", 0, 10, 1, 5, 2), SegmentWeek("a", 2, 10, 1, 5, 2)])["a"]
    assert isclose(totals.totals.clicks, 10 + 10 * 0.85**2)


def test_incrementality_margin_and_new_customers_make_the_value():
    worth = {"new": Worth(incrementality=0.9, margin_rate=0.4, new_customer=12.0)}
    weeks = [SegmentWeek("new", 0, 100, 5, 500, 80, new_orders=4), *GOLDEN[:1]]
    assert isclose(estimate(weeks, worth=worth)["new"].totals.value, 0.9 * (0.4 * 500 + 4 * 12))


def test_the_cost_share_sets_a_ceiling():
    made = estimate(GOLDEN, cost_share=0.10)
    assert isclose(made["vip"].ceiling, 0.10 * (1800 / 400) / (160 / 400))
    assert estimate(GOLDEN)["vip"].ceiling == inf


def test_caution_goes_only_as_far_as_the_data_are_sure():
    plain, careful = estimate(GOLDEN), estimate(GOLDEN, cautious=1.0)
    vip, rest, new = (plain[name] for name in ("vip", "rest", "new"))
    assert isclose(careful["vip"].target, exp(vip.log_shrunk - vip.deviation))
    assert isclose(careful["rest"].target, exp(rest.log_shrunk + rest.deviation))
    assert new.log_shrunk < new.deviation
    assert careful["new"].target == 1.0


def test_a_segment_without_clicks_takes_its_prior():
    made = estimate([*GOLDEN, SegmentWeek("lost", 0, 0, 0, 0, 0)], priors={"lost": 0.7})
    assert made["lost"].weight == 0
    assert isclose(made["lost"].log_shrunk, log(0.7) + made.centre)


def test_thin_data_stay_near_the_prior():
    thin = SegmentWeek("thin", 0, 20, 1, 400, 8)
    made = estimate([*GOLDEN, thin], priors={"thin": 0.7})
    assert made["thin"].weight < made["vip"].weight


def test_without_value_there_is_nothing_to_estimate():
    with pytest.raises(ValueError, match="nothing can be estimated"):
        estimate([SegmentWeek("a", 0, 10, 0, 0, 5)])


def test_no_spread_beyond_chance_is_no_spread():
    assert paule_mandel([(0.1, 1.0), (-0.1, 1.0), (0.0, 1.0)]) == 0


WEEK = st.builds(
    SegmentWeek,
    segment=st.sampled_from(["a", "b", "c", "d", "e"]),
    age=st.integers(0, 8),
    clicks=st.integers(1, 5000),
    conversions=st.integers(0, 200),
    revenue=st.integers(1, 50_000),
    cost=st.integers(1, 5000),
    modifier=st.floats(0.5, 2.0),
)


@given(weeks=st.lists(WEEK, min_size=2, max_size=12), data=st.data())
def test_order_of_the_rows_changes_nothing_at_all(weeks, data):
    shuffled = data.draw(st.permutations(weeks))
    assert estimate(weeks) == estimate(shuffled)


@given(weeks=st.lists(WEEK, min_size=2, max_size=12), rate=st.floats(0.01, 100))
def test_the_currency_changes_no_target(weeks, rate):
    other = [
        SegmentWeek(
            w.segment, w.age, w.clicks, w.conversions, w.revenue * rate, w.cost * rate, w.modifier
        )
        for w in weeks
    ]
    for one, two in zip(estimate(weeks).segments, estimate(other).segments, strict=True):
        assert isclose(one.target, two.target, rel_tol=1e-6)


@given(weeks=st.lists(WEEK, min_size=2, max_size=12), hint=st.floats(0.3, 3))
def test_shrinkage_lies_between_prior_and_data(weeks, hint):
    made = estimate(weeks, priors={"a": hint})
    for one in made.segments:
        assert 0 <= one.weight < 1
        near, far = sorted((one.prior + made.centre, one.log_target))
        assert near - 1e-9 <= one.log_shrunk <= far + 1e-9
