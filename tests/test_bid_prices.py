"""Platforms without corrections: the price of a segment's own ad group, from the recorded base."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bids.model import Action, BidObject, Level
from bids.prices import Lever, SegmentGroup, plan_price

GROUP = SegmentGroup(
    BidObject("vk", "vk", Level.AD_GROUP, "9"),
    "vip",
    Lever.PRICE,
    base=Decimal("40.00"),
    present=Decimal("40.00"),
    last=None,
    step=Decimal("0.01"),
    lowest=Decimal("1"),
    highest=Decimal("1000"),
)


def test_a_price_is_its_base_times_the_correction():
    assert plan_price(GROUP, -30).wanted == Decimal("28.00")
    assert plan_price(GROUP, 1000).wanted == Decimal("440.00")


def test_applied_twice_it_changes_once():
    after = replace(GROUP, present=Decimal("28.00"), last=Decimal("28.00"))
    assert plan_price(after, -30).action is Action.KEEP
    assert plan_price(after, -40).wanted == Decimal("24.00")


def test_a_price_changed_by_hand_is_left_alone_unless_enforced():
    moved = replace(GROUP, present=Decimal("50.00"), last=Decimal("28.00"))
    assert plan_price(moved, -30).action is Action.DRIFT
    assert plan_price(moved, -30, enforce=True).action is Action.SET


def test_small_moves_are_not_sent():
    assert plan_price(GROUP, 4).action is Action.KEEP
    assert plan_price(GROUP, 5).action is Action.SET


def test_amounts_the_platform_would_refuse_are_refused_with_numbers():
    cheap = replace(GROUP, lowest=Decimal("30"))
    assert "28.00 is outside 30..1000" in plan_price(cheap, -30).refused_by[0].text
    assert "pause the ad group" in plan_price(GROUP, -100).refused_by[0].text


@given(percent=st.integers(-99, 900), base=st.decimals("1", "1000", places=2))
def test_prices_stand_on_the_platforms_step(percent, base):
    group = replace(GROUP, base=base, present=base, step=Decimal("0.1"))
    wanted = plan_price(group, percent).wanted
    assert wanted % Decimal("0.1") == 0
    assert abs(wanted - base * (100 + percent) / 100) <= Decimal("0.05")
