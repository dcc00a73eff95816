"""The value model against somebody else's: the package `lifetimes` on the same people."""

import warnings

import ibis
import numpy as np
import pandas as pd
import pytest
from lifetimes import BetaGeoFitter, GammaGammaFitter, ModifiedBetaGeoFitter

from audiences.purchases import Model, PurchaseFit, Triples, alive, expected, fit_purchases
from audiences.spend import expected_spend, fit_spend
from tests.support.shops import FILES

CLOSE = 2e-3
"""Of fitted parameters: two optimisers stop at slightly different points."""
SAME = 1e-6
"""Of what follows from equal parameters."""


@pytest.fixture(scope="module")
def summary() -> pd.DataFrame:
    """The published summary of 2,357 CDNOW customers after 39 weeks."""
    return pd.read_csv(FILES / "cdnow" / "cdnow_summary_39w.csv")


@pytest.fixture(scope="module")
def histories(summary: pd.DataFrame) -> Triples:
    """Each person on a line of their own, in the order of the summary."""
    ones = np.ones(len(summary))
    x, t_x, age = (summary[name].to_numpy(dtype=float) for name in ("x", "t_x", "T"))
    return Triples(x, t_x, age, ones)


MODELS = {Model.BG: BetaGeoFitter, Model.MBG: ModifiedBetaGeoFitter}


def theirs(model: Model, histories: Triples) -> BetaGeoFitter:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MODELS[model]().fit(histories.x, histories.t_x, histories.age)


@pytest.mark.parametrize("model", list(MODELS))
def test_both_find_the_same_parameters(model: Model, histories: Triples) -> None:
    ours, other = fit_purchases(histories, model=model), theirs(model, histories)
    found = [getattr(ours, name) for name in ("r", "alpha", "a", "b")]
    assert found == pytest.approx([other.params_[name] for name in ("r", "alpha", "a", "b")], CLOSE)


@pytest.mark.parametrize("model", list(MODELS))
def test_equal_parameters_promise_the_same_to_everybody(model: Model, histories: Triples) -> None:
    """Chance to be alive, and purchases in the next half year, for all 2,357 people."""
    other = theirs(model, histories)
    parameters = [float(other.params_[name]) for name in ("r", "alpha", "a", "b")]
    fit = PurchaseFit(model, *parameters, log_likelihood=0.0, people=len(histories.x))
    given = (histories.x, histories.t_x, histories.age)
    their_alive = np.asarray(other.conditional_probability_alive(*given), dtype=float)
    assert alive(fit, *given) == pytest.approx(their_alive, SAME)
    their_expected = other.conditional_expected_number_of_purchases_up_to_time(26, *given)
    assert expected(fit, *given, 26) == pytest.approx(np.asarray(their_expected, dtype=float), SAME)


def test_both_find_the_same_spend(summary: pd.DataFrame) -> None:
    paid = summary[(summary["x"] > 0) & (summary["mean_repeat_spend"] > 0)]
    x, m = (paid[name].to_numpy(dtype=float) for name in ("x", "mean_repeat_spend"))
    ours = fit_spend(x, m, np.ones_like(x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = GammaGammaFitter().fit(x, m)
    found = [ours.p, ours.q, ours.v]
    assert found == pytest.approx([other.params_[name] for name in ("p", "q", "v")], CLOSE)
    their_means = np.asarray(other.conditional_expected_average_profit(x, m), dtype=float)
    table = ibis.memtable(pd.DataFrame({"x": x.astype(int), "m": m}))
    our_means = expected_spend(ours, table.x, table.m).to_pyarrow().to_pylist()
    assert our_means == pytest.approx(their_means.tolist(), CLOSE)
