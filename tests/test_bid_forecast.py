"""Forecasts: what corrections spend and bring, with honest ranges."""

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids.forecast import Figures, forecast
from bids.neutral import Elasticity, Position, same_spend
from tests.support.golden_bids import GOLDEN

NOW = [Figures(w.segment, w.cost, w.revenue, w.conversions) for w in GOLDEN]
SURE_ETA = Elasticity(1.6, "estimated", 40, 0.1)


def test_spend_moves_with_eta_and_revenue_with_clicks():
    vip = forecast(NOW, {"vip": 1.5}, elasticity=SURE_ETA).segments[-1]
    assert vip.segment == "vip"
    assert isclose(vip.wanted.spend.expected, 160 * 1.5**1.6)
    assert isclose(vip.wanted.revenue.expected, 1800 * 1.5**0.6)
    assert isclose(vip.wanted.cost_share.expected, 160 * 1.5**1.6 / (1800 * 1.5**0.6))


def test_present_spend_is_what_was_spent():
    made = forecast(NOW, {"vip": 1.5})
    assert made.total.present.spend.expected == 3500
    assert (made.total.present.spend.low, made.total.present.spend.high) == (3500, 3500)
    assert isclose(made.total.present.cost_share.expected, 3500 / 6960)


def test_equal_spend_earns_more():
    positions = [Position(w.segment, w.cost, 1.0, w.revenue / w.cost) for w in GOLDEN]
    made = forecast(NOW, same_spend(positions).modifiers)
    assert isclose(made.total.wanted.spend.expected, 3500, rel_tol=1e-9)
    assert made.total.wanted.revenue.expected > made.total.present.revenue.expected


def test_few_conversions_mean_a_wide_range():
    many, few = Figures("many", 100, 1000, 400), Figures("few", 100, 1000, 4)
    rows = {row.segment: row.present.revenue for row in forecast([many, few], {}).segments}
    assert rows["few"].high / rows["few"].low > rows["many"].high / rows["many"].low


def test_the_sum_is_surer_than_its_parts():
    made = forecast(NOW, {})
    total = made.total.present.revenue
    for row in made.segments:
        part = row.present.revenue
        assert total.high / total.low < part.high / part.low


def test_an_unsure_elasticity_means_a_wide_range():
    sure = forecast(NOW, {"vip": 2.0}, elasticity=SURE_ETA).total.wanted.spend
    unsure = forecast(NOW, {"vip": 2.0}).total.wanted.spend
    assert unsure.high > sure.high


def test_an_excluded_segment_spends_and_brings_nothing():
    rest = forecast(NOW, {"rest": 0.0}).segments[3]
    assert rest.segment == "rest"
    assert (rest.wanted.spend.expected, rest.wanted.revenue.expected) == (0, 0)
    assert rest.wanted.cost_share is None


def test_figures_of_an_excluded_segment_tell_nothing():
    with pytest.raises(ValueError, match="lost: figures at modifier 0"):
        forecast([Figures("lost", 0, 0, 0, modifier=0)], {})


@given(
    cost=st.floats(1, 1e6),
    revenue=st.floats(1, 1e6),
    conversions=st.floats(0, 1000),
    wanted=st.floats(0.1, 10),
)
def test_the_expected_value_lies_in_its_range(cost, revenue, conversions, wanted):
    made = forecast([Figures("a", cost, revenue, conversions)], {"a": wanted})
    outlook = made.total.wanted
    for one in (outlook.spend, outlook.revenue, outlook.cost_share):
        assert one.low <= one.expected <= one.high
