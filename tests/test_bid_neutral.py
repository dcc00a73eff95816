"""Equal spend inside caps and steps, and the elasticity behind it."""

import random
from math import exp, isclose

from hypothesis import given
from hypothesis import strategies as st

from bids.estimates import SegmentWeek, estimate
from bids.neutral import DEFAULT_ETA, Position, elasticity, same_spend
from tests.support.golden_bids import GOLDEN, ORDER


def golden_positions(step: float) -> list[Position]:
    made = estimate(GOLDEN)
    return [
        Position(one.segment, one.cost, 1.0, made[one.segment].target, step=step) for one in GOLDEN
    ]


def test_golden_modifiers_with_the_step():
    made = same_spend(golden_positions(1.15), budget=3500)
    assert [round(made.modifiers[name], 3) for name in ORDER] == [1.15, 1.15, 1.15, 1.15, 0.949]
    assert f"{made.spend:.2f}" == "3500.00"
    assert f"{made.against('rest')['vip'] - 1:+.1%}" == "+21.2%"


def test_golden_modifiers_without_the_step():
    made = same_spend(golden_positions(100.0), budget=3500)
    assert [round(made.modifiers[name], 4) for name in ORDER] == [2.0, 2.0, 1.3987, 1.6904, 0.6506]


def test_a_budget_out_of_reach_is_said_with_numbers():
    made = same_spend(golden_positions(1.15), budget=9000)
    assert "spends less than the budget" in made.note
    assert set(made.modifiers.values()) == {1.15}


def test_everyone_else_can_stay_at_one():
    positions = [
        Position(p.segment, p.cost, 1.0, p.target, fixed=p.segment == "rest")
        for p in golden_positions(1.15)
    ]
    made = same_spend(positions)
    assert made.modifiers["rest"] == 1.0
    assert isclose(made.spend, 3500, rel_tol=1e-9)


def test_the_cost_share_ceiling_binds():
    made = same_spend([Position("a", 100, 1.0, 2.0, ceiling=0.9), Position("b", 100, 1.0, 1.0)])
    assert made.modifiers["a"] == 0.9


POSITION = st.builds(
    Position,
    segment=st.just(""),
    cost=st.floats(0.01, 1e5),
    modifier=st.floats(0.5, 2.0),
    target=st.floats(0.05, 20),
    step=st.just(1.15),
)
POSITIONS = st.lists(POSITION, min_size=1, max_size=8).map(
    lambda found: [
        Position(f"s{i}", p.cost, p.modifier, p.target, step=p.step) for i, p in enumerate(found)
    ]
)
ETA = st.floats(1, 3)


@given(positions=POSITIONS, eta=ETA)
def test_spend_is_the_same_inside_caps_and_steps(positions, eta):
    made = same_spend(positions, eta=eta)
    assert made.note or isclose(made.spend, made.budget, rel_tol=1e-6)
    for one in positions:
        now = made.modifiers[one.segment]
        assert 0.5 <= now <= 2.0
        assert one.modifier / 1.15 * (1 - 1e-12) <= now <= one.modifier * 1.15 * (1 + 1e-12)


@given(positions=POSITIONS, eta=ETA)
def test_spend_can_always_be_kept_when_nothing_is_outside_its_caps(positions, eta):
    assert same_spend(positions, eta=eta).note == ""


@given(positions=POSITIONS, eta=ETA, data=st.data())
def test_order_changes_nothing(positions, eta, data):
    shuffled = data.draw(st.permutations(positions))
    assert same_spend(positions, eta=eta) == same_spend(shuffled, eta=eta)


@given(positions=POSITIONS, eta=ETA, rate=st.floats(0.01, 100))
def test_the_currency_changes_nothing(positions, eta, rate):
    other = [
        Position(p.segment, p.cost * rate, p.modifier, p.target, step=p.step) for p in positions
    ]
    one, two = same_spend(positions, eta=eta), same_spend(other, eta=eta)
    for name, modifier in one.modifiers.items():
        assert isclose(modifier, two.modifiers[name], rel_tol=1e-6)


@given(
    positions=POSITIONS,
    thin=st.floats(0.01, 10),
    target=st.floats(0.05, 20),
    other=st.floats(0.05, 20),
    eta=ETA,
)
def test_a_thin_segment_moves_the_others_by_no_more_than_its_share(
    positions, thin, target, other, eta
):
    """Whatever its target, the money it takes from the others is at most what it can move."""

    def spends(goal: float) -> dict[str, float]:
        made = same_spend([*positions, Position("thin", thin, 1.0, goal)], eta=eta)
        return {
            p.segment: p.cost * (made.modifiers[p.segment] / p.modifier) ** eta for p in positions
        }

    one, two = spends(target), spends(other)
    moved = sum(abs(one[name] - two[name]) for name in one)
    most = thin * (1.15**eta - 1.15**-eta)
    assert moved <= most + 1e-6 * sum(p.cost for p in positions)


def history(eta: float, weeks: int, noise: float) -> list[SegmentWeek]:
    draw = random.Random(7)
    rows = []
    for name, size in (("a", 900.0), ("b", 300.0), ("c", 2000.0)):
        for age in range(weeks):
            modifier = draw.choice([0.7, 0.85, 1.0, 1.2, 1.5])
            cost = size * (1 + 0.1 * age) * modifier**eta * exp(draw.gauss(0, noise))
            rows.append(SegmentWeek(name, age, size, 10, 100, cost, modifier))
    return rows


def test_elasticity_comes_from_the_accounts_own_history():
    found = elasticity(history(1.9, weeks=12, noise=0.05))
    assert found.source == "estimated"
    assert abs(found.value - 1.9) < 0.1


def test_elasticity_is_the_default_without_moves_or_with_noise():
    still = [SegmentWeek("a", age, 100, 5, 50, 20) for age in range(30)]
    assert (elasticity(still).value, elasticity(still).source) == (DEFAULT_ETA, "default")
    noisy = elasticity(history(1.9, weeks=8, noise=1.5))
    assert noisy.source == "default"
    assert noisy.error is not None


def test_clicks_that_do_not_react_give_one():
    assert elasticity(history(0.8, weeks=12, noise=0.02)).value == 1.0
