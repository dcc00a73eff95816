"""Purchase and spend models against the published CDNOW figures, to the printed digit."""

from datetime import date

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from audiences.backtest import back_test
from audiences.features import completed_gaps, features, up_to
from audiences.purchases import (
    Model,
    PurchaseFit,
    Triples,
    alive,
    expected,
    fit_purchases,
    quiet,
)
from audiences.spend import fit_spend
from audiences.staging import keep
from audiences.value import UnusableFit, fit_value, predict
from tests.support.shops import FILES, Shop, cdnow_sample

CUT = pd.Timestamp("1997-09-30")


@pytest.fixture(scope="module")
def sample() -> Triples:
    rows = pd.read_csv(FILES / "cdnow" / "cdnow_sample.csv.gz", parse_dates=["date"])
    days = rows[rows["date"] <= CUT].drop_duplicates(["master_customer_id", "date"])
    each = days.groupby("master_customer_id")["date"].agg(["count", "min", "max"])
    histories = pd.DataFrame(
        {
            "x": each["count"] - 1,
            "t_x": (each["max"] - each["min"]).dt.days / 7,
            "age": (CUT - each["min"]).dt.days / 7,
        }
    )
    counted = histories.groupby(["x", "t_x", "age"]).size().reset_index(name="people")
    return Triples(*(counted[name].to_numpy(dtype=float) for name in counted))


def one(x: float, t_x: float, age: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.array([x]), np.array([t_x]), np.array([age])


def test_bg_is_the_published_fit(sample: Triples) -> None:
    fit = fit_purchases(sample, model=Model.BG)
    assert fit.usable
    found = [f"{value:.4f}" for value in (fit.r, fit.alpha, fit.a, fit.b)]
    assert found == ["0.2426", "4.4136", "0.7929", "2.4259"]
    assert f"{fit.log_likelihood:.2f}" == "-9582.43"
    assert f"{alive(fit, *one(2, 30.43, 38.86))[0]:.4f}" == "0.7266"


def test_expected_purchases_of_the_published_example() -> None:
    fit = PurchaseFit(Model.BG, 0.243, 4.414, 0.793, 2.426, log_likelihood=-9582.4, people=2357)
    assert f"{expected(fit, *one(2, 30.43, 38.86), 39)[0]:.5f}" == "1.22603"


def test_mbg_is_the_reproduced_fit(sample: Triples) -> None:
    fit = fit_purchases(sample)
    assert fit.usable
    found = [f"{value:.4f}" for value in (fit.r, fit.alpha, fit.a, fit.b)]
    assert found == ["0.5248", "6.1831", "0.8914", "1.6140"]
    assert f"{fit.log_likelihood:.2f}" == "-9582.14"


def test_gamma_gamma_is_the_published_fit() -> None:
    rows = pd.read_csv(FILES / "cdnow" / "cdnow_summary_39w.csv")
    paid = rows[(rows["x"] > 0) & (rows["mean_repeat_spend"] > 0)]
    x = paid["x"].to_numpy(dtype=float)
    fit = fit_spend(x, paid["mean_repeat_spend"].to_numpy(), np.ones_like(x))
    assert fit.usable
    assert [f"{value:.4f}" for value in (fit.p, fit.q, fit.v)] == ["6.2488", "3.7446", "15.4477"]
    assert f"{fit.log_likelihood:.2f}" == "-4055.92"
    assert f"{fit.mean:.2f}" == "35.17"


@pytest.fixture(scope="module")
def shop() -> Shop:
    return cdnow_sample()


def test_back_test_of_the_sample(shop: Shop) -> None:
    told = back_test(
        shop.occasions,
        shop.returns,
        shop.people,
        from_day=CUT.date(),
        weeks=39,
        grain_days=1,
    )
    assert f"{told.predicted_purchases:.0f}" == "1577"
    assert told.actual_purchases == 1882
    assert (told.top_people, f"{told.top_held:.3f}") == (235, "0.502")
    assert told.lift == pytest.approx(5.03, abs=0.01)
    assert told.scale == pytest.approx(1.242, abs=0.001)


def test_back_test_of_the_sample_with_bg(shop: Shop) -> None:
    told = back_test(
        shop.occasions,
        shop.returns,
        shop.people,
        from_day=CUT.date(),
        weeks=39,
        model=Model.BG,
        grain_days=1,
    )
    assert f"{told.predicted_purchases:.0f}" == "1653"


def test_a_back_test_needs_the_period_it_tests(shop: Shop) -> None:
    with pytest.raises(ValueError, match="orders end on 1998-06-30"):
        back_test(shop.occasions, shop.returns, shop.people, from_day=date(1998, 3, 31), weeks=39)


@pytest.fixture(scope="module")
def known(shop: Shop) -> ir.Table:
    occasions = up_to(shop.occasions, CUT.date())
    return keep(
        features(
            occasions,
            completed_gaps(occasions),
            shop.returns,
            shop.people,
            as_of=CUT.date(),
            value_window_days=365,
        )
    )


def test_weeks_are_as_good_as_days(known: ir.Table) -> None:
    days = fit_value(known, grain_days=1)
    weeks = fit_value(known)
    by_day = predict(known, days).predicted_value.sum().to_pyarrow().as_py()
    by_week = predict(known, weeks).predicted_value.sum().to_pyarrow().as_py()
    assert by_week == pytest.approx(by_day, rel=0.03)


def test_every_buyer_gets_a_sensible_prediction(known: ir.Table) -> None:
    told = predict(known, fit_value(known), margin_rate=0.5, weekly_discount=0.002).to_pandas()
    assert told.person_id.is_unique
    assert len(told) == 2357
    assert told.alive.between(0, 1).all()
    assert told.churn_risk.between(0, 1).all()
    assert (told.predicted_value > 0).all()
    assert (told.predicted_value < told.predicted_purchases * told.predicted_spend * 0.5).all()


def test_more_silence_is_less_alive_and_more_churn(sample: Triples) -> None:
    fit = fit_purchases(sample)
    ages = np.array([20.0, 40.0, 80.0, 160.0])
    x, t_x = np.full(4, 3.0), np.full(4, 15.0)
    assert (np.diff(alive(fit, x, t_x, ages)) < 0).all()
    assert (np.diff(quiet(fit, x, t_x, ages, 2)) > 0).all()


@example(a=1.5, x=98, age=1.0, weeks=64.0)
@given(
    a=st.floats(0.05, 4),
    x=st.integers(0, 400),
    age=st.floats(1, 500),
    weeks=st.floats(0.1, 200),
)
def test_expected_purchases_are_finite_and_below_the_rate(
    a: float, x: int, age: float, weeks: float
) -> None:
    fit = PurchaseFit(Model.MBG, 0.5, 6.0, a, 1.6, log_likelihood=0.0, people=1000)
    found = expected(fit, *one(x, age * 0.9, age), weeks)[0]
    assert 0 <= found <= (0.5 + x) / (6.0 + age) * weeks * (1 + 1e-9)


def test_a_of_one_is_the_limit_of_both_sides() -> None:
    found = [
        expected(
            PurchaseFit(Model.MBG, 0.5, 6.0, a, 1.6, log_likelihood=0.0, people=1000),
            *one(3, 20, 30),
            52,
        )[0]
        for a in (0.999, 1 - 5e-5, 1.0, 1 + 5e-5, 1.001)
    ]
    assert np.isfinite(found).all()
    assert (np.diff(found) < 0).all()
    assert found[2] == pytest.approx((found[0] + found[4]) / 2, rel=1e-6)


def test_a_base_where_nobody_leaves_is_called_degenerate() -> None:
    random = np.random.default_rng(1)
    age = random.integers(20, 100, 3000).astype(float)
    x = random.poisson(random.gamma(2.0, 0.1, 3000) * age).astype(float)
    last = np.where(x > 0, age * random.beta(np.maximum(x, 1), 1), 0.0)
    fit = fit_purchases(Triples(x, last, age, np.ones_like(x)))
    assert not fit.usable
    assert any("no dropout part" in fault or "edge" in fault for fault in fit.faults)


def test_a_model_with_faults_predicts_nothing(known: ir.Table) -> None:
    few = known.limit(40)
    model = fit_value(few)
    assert any("40 buyers" in fault for fault in model.faults)
    with pytest.raises(UnusableFit, match="40 buyers"):
        predict(few, model)
