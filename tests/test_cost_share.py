"""Cost share: the stated revenues, the stated rates, and comparisons that cannot mislead."""

from decimal import Decimal as D
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from measurement.cost_share import (
    Cell,
    compare,
    concentrate,
    cost_share,
    endless_revenue,
    ledger_cost_shares,
    per_unit,
    rate_revenues,
    romi,
)


def test_ledger_form_of_the_published_example() -> None:
    shares = ledger_cost_shares(D(1000), [D(10000), D(10800), D(10938)])
    assert shares == [D("10.00"), D("9.26"), D("9.14")]


def test_rate_form_of_the_published_example() -> None:
    revenues = rate_revenues(1000, [D(10)] * 3, [D("0.08"), D("0.16")])
    assert revenues == [D(10000), D("10800.00"), D("10928.0000")]
    assert ledger_cost_shares(D(1000), revenues) == [D("10.00"), D("9.26"), D("9.15")]


def test_endless_tail() -> None:
    revenue = endless_revenue(1000, D(10), D("0.08"), D("0.16"))
    assert revenue.quantize(D("0.01")) == D("10952.38")
    assert cost_share(D(1000), revenue) == D("9.13")


def test_a_rate_per_further_order_is_asked_for() -> None:
    with pytest.raises(ValueError, match="one return rate per order"):
        rate_revenues(10, [D(1), D(1)], [])


@pytest.mark.parametrize(
    ("advantage", "ratio", "decrease"),
    [("75", "1.75", "42.86"), ("416", "5.16", "80.62"), ("141.71", "2.4171", "58.63")],
)
def test_published_advantages_in_both_conventions(
    advantage: str, ratio: str, decrease: str
) -> None:
    said = compare("DRR", base=D(1) + D(advantage) / 100, segment=D(1))
    assert said.ratio == D(ratio)
    assert said.decrease.quantize(D("0.01")) == D(decrease)


def test_a_comparison_reads_as_a_sentence() -> None:
    assert str(compare("DRR", base=D("24.171"), segment=D(10))) == (
        "DRR: 2.42 times lower (58.6 % decrease)"
    )
    assert str(compare("CPO", base=D(10), segment=D(30))) == (
        "CPO: 3.00 times higher (200.0 % increase)"
    )


@given(st.decimals("0.01", "1e6", places=2), st.decimals("0.01", "1e6", places=2))
def test_nothing_is_ever_lower_by_more_than_a_hundred_per_cent(base: D, segment: D) -> None:
    said = compare("DRR", base=base, segment=segment)
    assert said.decrease <= 100
    if "lower" in str(said):
        assert D(str(said).split("(")[1].split(" %")[0]) <= 100


def test_only_positive_figures_are_compared() -> None:
    with pytest.raises(ValueError, match="positive"):
        compare("DRR", base=D(0), segment=D(1))


def test_nothing_is_divided_by_nothing() -> None:
    assert cost_share(D(5), D(0)) is None
    assert romi(D(5), D(0)) is None
    assert per_unit(D(5), 0) is None


def test_concentration_of_a_known_budget() -> None:
    cells = [
        Cell("best", D(15), D(80)),
        Cell("middling", D(50), D(15)),
        Cell("poor", D(25), D(5)),
        Cell("losing", D(10), D(-7)),
    ]
    curve = concentrate(cells)
    assert curve.profit_at(D("0.15")) == D("0.8")
    assert curve.budget_for(D("0.8")) == D("0.15")
    assert curve.profit_at(D("0.075")) == D("0.4")
    assert curve.profit_at(D(1)) == 1
    assert curve.losses == 7


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(-1000, 1000)), min_size=1, max_size=12))
def test_the_curve_rises_ever_more_slowly(figures: list[tuple[int, int]]) -> None:
    cells = [Cell(str(n), D(cost), D(profit)) for n, (cost, profit) in enumerate(figures)]
    points = concentrate(cells).points
    slopes = [(p1 - p0) / (q1 - q0) for (q0, p0), (q1, p1) in pairwise(points)]
    assert all(slope > 0 for slope in slopes)
    assert all(a >= b - D("1e-20") for a, b in pairwise(slopes))
