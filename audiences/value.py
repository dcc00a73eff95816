"""What a person will be worth: expected purchases times expected spend, in money of today.

CLV_H = margin rate x sum over weeks w of (E[Y(w)] - E[Y(w-1)]) E[M] / (1 + d)^w, with MBG/NBD
for Y and Gamma-Gamma for M.
"""

from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np

from audiences.purchases import (
    WEEK,
    Floats,
    Model,
    PurchaseFit,
    Triples,
    alive,
    compress,
    expected,
    fit_purchases,
    quiet,
    spread,
    triples,
)
from audiences.spend import SpendFit, compress_spend, expected_spend, fit_spend, repeat_spend

CHURN_DAYS = 14
"""Default horizon of the chance that nothing is bought."""


class UnusableFit(ValueError):
    """A fit has faults and nothing may be predicted from it. The text names them."""


@dataclass(frozen=True)
class ValueModel:
    """Both fits of one base at one snapshot day; plain numbers."""

    purchases: PurchaseFit
    spend: SpendFit
    grain_days: int

    @property
    def faults(self) -> tuple[str, ...]:
        """Why nothing may be predicted from it; empty when all is well."""
        purchases = (f"purchases: {fault}" for fault in self.purchases.faults)
        spend = (f"spend: {fault}" for fault in self.spend.faults)
        return (*purchases, *spend)


def fit_value(known: ir.Table, *, model: Model = Model.MBG, grain_days: int = WEEK) -> ValueModel:
    """Fit both models to `features`. A degenerate fit is told in `faults`, not raised."""
    histories = compress(triples(known, grain_days=grain_days), grain_days=grain_days)
    spend = fit_spend(*compress_spend(repeat_spend(known)))
    return ValueModel(fit_purchases(histories, model=model), spend, grain_days)


def predict(
    known: ir.Table,
    model: ValueModel,
    *,
    weeks: int = 52,
    margin_rate: float = 1.0,
    weekly_discount: float = 0.0,
    churn_days: int = CHURN_DAYS,
    scale: float = 1.0,
) -> ir.Table:
    """One row per buyer of `features`, joined in the engine.

    Columns: person_id, alive (chance to be a customer still), predicted_purchases in `weeks`,
    predicted_spend per purchase, predicted_value (discounted, times `margin_rate` and `scale`),
    churn_risk (chance that nothing is bought in `churn_days`). `scale` is actual over predicted
    of the last back-test. Raises UnusableFit for a model with faults.
    """
    if model.faults:
        raise UnusableFit(
            "No value can be predicted: " + "; ".join(model.faults) + ". Seeds and segments by "
            "predicted value need more repeat buyers; use an amount or average_checks instead."
        )
    grain = model.grain_days
    counted = triples(known, grain_days=grain)
    h = compress(counted, grain_days=grain)
    per_history = {
        "alive": alive(model.purchases, h.x, h.t_x, h.age),
        "predicted_purchases": expected(model.purchases, h.x, h.t_x, h.age, weeks),
        "discounted_purchases": _discounted(model.purchases, h, weeks, weekly_discount),
        "churn_risk": quiet(model.purchases, h.x, h.t_x, h.age, churn_days / WEEK),
    }
    found = spread(counted, h, per_history, grain_days=grain)
    # A mean of zero (free items only) says nothing of spend: such people get the base's mean.
    repeats = repeat_spend(known)
    repeats = repeats.filter(repeats.m > 0)
    joined = found.left_join(repeats, "person_id")
    spend = expected_spend(model.spend, joined.x, joined.m)
    return joined.select(
        "person_id",
        "alive",
        "predicted_purchases",
        "churn_risk",
        predicted_spend=spend,
        predicted_value=joined.discounted_purchases * spend * (margin_rate * scale),
    )


def _discounted(fit: PurchaseFit, h: Triples, weeks: int, weekly_discount: float) -> Floats:
    """Purchases of each week, discounted to the snapshot; without a discount the sum telescopes."""
    if weekly_discount == 0:
        return expected(fit, h.x, h.t_x, h.age, weeks)
    worth = np.zeros_like(h.x)
    before = np.zeros_like(h.x)
    for week in range(1, weeks + 1):
        so_far = expected(fit, h.x, h.t_x, h.age, week)
        worth += (so_far - before) / (1 + weekly_discount) ** week
        before = so_far
    return worth
