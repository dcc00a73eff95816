"""Purchase and spend models against the published CDNOW figures, to the printed digit."""

import numpy as np
import pandas as pd
import pytest

from audiences.purchases import Model, PurchaseFit, Triples, alive, expected, fit_purchases
from audiences.spend import fit_spend
from tests.support.shops import FILES

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
