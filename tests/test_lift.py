"""Lift against a holdout: published figures, other implementations, and what chance may do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from measurement.lift import (
    OBRIEN_FLEMING,
    Arm,
    Cuped,
    Lift,
    RatioArm,
    always_valid,
    discoveries,
    incrementality,
    may_stop,
    mean_lift,
    people_needed,
    rate_lift,
    ratio_lift,
    sample_ratio_p,
    wilson,
)


def bernoulli(rate: float) -> float:
    return rate * (1 - rate)


@pytest.mark.parametrize(
    ("base", "lifted", "control", "treated"),
    [(0.02, 0.022, 43_151, 388_355), (0.02, 0.024, 10_892, 98_025), (0.05, 0.06, 4_221, 37_981)],
)
def test_published_sizes_with_a_tenth_held_out(
    base: float, lifted: float, control: int, treated: int
) -> None:
    needed = people_needed(bernoulli(base), bernoulli(lifted), lifted - base, treated_per_control=9)
    assert needed == (control, treated)


@pytest.mark.parametrize(
    ("base", "lifted", "arm"), [(0.02, 0.022, 80_682), (0.02, 0.024, 21_109), (0.05, 0.06, 8_158)]
)
def test_published_sizes_of_equal_arms(base: float, lifted: float, arm: int) -> None:
    """Printed rounded down; nobody can hold out a part of a person, so ours is one more."""
    pooled = bernoulli((base + lifted) / 2)
    assert people_needed(pooled, pooled, lifted - base) == (arm + 1, arm + 1)


def test_means_agree_with_another_implementation() -> None:
    treated, control = Arm(900, 12.4, 300.0), Arm(100, 10.1, 250.0)
    found = mean_lift(treated, control)
    other = stats.ttest_ind_from_stats(
        12.4, 300.0**0.5, 900, 10.1, 250.0**0.5, 100, equal_var=False
    )
    assert found.p == pytest.approx(other.pvalue)
    assert found.effect == pytest.approx(2.3)
    assert found.low < found.effect < found.high
    assert found.total(900)[0] == pytest.approx(2070)


def test_sums_make_the_arm_that_people_make() -> None:
    values = np.array([0.0, 0.0, 3.5, 10.0, 1.25])
    arm = Arm.of_sums(5, float(values.sum()), float((values**2).sum()))
    assert arm.mean == pytest.approx(values.mean())
    assert arm.variance == pytest.approx(values.var(ddof=1))


def test_an_arm_of_one_says_nothing() -> None:
    with pytest.raises(ValueError, match="two people"):
        Arm.of_sums(1, 5.0, 25.0)


def test_newcombes_own_example() -> None:
    """56/70 against 48/80, method 10 of Newcombe (1998): .0524 to .3339."""
    found = rate_lift(56, 70, 48, 80)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)


def test_wilson_agrees_with_another_implementation() -> None:
    other = stats.binomtest(7, 40).proportion_ci(method="wilson")
    assert wilson(7, 40) == pytest.approx((other.low, other.high))
    assert wilson(0, 10)[0] == 0.0


def test_the_split_is_checked() -> None:
    assert sample_ratio_p([9000, 1000], [9, 1]) == pytest.approx(1.0)
    assert sample_ratio_p([9300, 700], [9, 1]) < 0.001


def test_cuped_takes_away_what_the_past_explains() -> None:
    chance = np.random.default_rng(7)
    before = chance.gamma(1.0, 20.0, 4000)
    after = 0.8 * before + chance.normal(0, 5.0, 4000)
    both = np.cov(after, before)
    arm = RatioArm(4000, after.mean(), before.mean(), both[0, 0], both[1, 1], both[0, 1])
    cuped = Cuped(both[0, 1], both[1, 1], float(before.mean()))
    left = cuped.adjust(arm)
    correlation = both[0, 1] / (both[0, 0] * both[1, 1]) ** 0.5
    assert left.variance == pytest.approx(both[0, 0] * (1 - correlation**2))
    assert left.mean == pytest.approx(after.mean())


def test_a_ratios_variance_is_what_drawing_again_gives() -> None:
    chance = np.random.default_rng(11)

    def drawn() -> tuple[np.ndarray, np.ndarray]:
        orders = chance.poisson(2.0, 500) + 1.0
        return orders * chance.gamma(2.0, 15.0, 500), orders

    ratios = [x.sum() / y.sum() for x, y in (drawn() for _ in range(1500))]
    x, y = drawn()
    cov = np.cov(x, y)
    arm = RatioArm(500, x.mean(), y.mean(), cov[0, 0], cov[1, 1], cov[0, 1])
    assert arm.ratio_variance == pytest.approx(np.var(ratios), rel=0.25)
    assert ratio_lift(arm, arm).effect == 0


@pytest.mark.parametrize("looks", [2, 4, 8])
def test_planned_looks_raise_five_false_alarms_in_a_hundred(looks: int) -> None:
    chance = np.random.default_rng(looks)
    steps = chance.normal(size=(40_000, looks)).cumsum(axis=1)
    z = steps / np.sqrt(np.arange(1, looks + 1))
    bounds = OBRIEN_FLEMING[looks] * np.sqrt(looks / np.arange(1, looks + 1))
    alarms = (np.abs(z) >= bounds).any(axis=1).mean()
    assert alarms == pytest.approx(0.05, abs=0.005)
    assert may_stop(OBRIEN_FLEMING[looks], looks, looks)
    assert not may_stop(OBRIEN_FLEMING[looks], 1, looks)


def test_looks_that_were_not_planned_are_refused() -> None:
    with pytest.raises(ValueError, match="plan 1 to 8 looks"):
        may_stop(3.0, 9, 8)


def test_an_interval_for_any_number_of_looks_holds() -> None:
    """Twenty looks at nothing: fixed bounds would alarm in a quarter of all cases."""
    chance = np.random.default_rng(3)
    alarms = 0
    for _ in range(1500):
        values = chance.normal(size=4000)
        for upto in range(200, 4001, 200):
            error = 1 / upto**0.5
            lift = Lift(float(values[:upto].mean()), 0, 0, 1, error)
            low, high = always_valid(lift, prior_variance=0.01)
            if not low <= 0 <= high:
                alarms += 1
                break
    assert alarms / 1500 < 0.05


def test_several_segments_at_once() -> None:
    """Benjamini and Hochberg's own example: four of fifteen hold at 5 %."""
    p = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240,
        0.4262, 0.5719, 0.6528, 0.7590, 1.0,
    ]  # fmt: skip
    held = discoveries({f"s{number}": value for number, value in enumerate(p)})
    assert held == {"s0", "s1", "s2", "s3"}


@given(st.floats(-1e6, 1e6), st.floats(0.01, 1e6))
def test_incrementality_stays_in_its_bounds(incremental: float, attributed: float) -> None:
    found = incrementality(incremental, attributed)
    assert found is not None
    assert 0 <= found <= 1.5
    assert incrementality(incremental, 0.0) is None
