"""Whether predictions and seeds are to be trusted: back-tests on the shop's own orders."""

from datetime import date, timedelta
from typing import Any

import ibis.expr.types as ir

from audiences.backtest import back_test, churn_test, held, later_worth
from audiences.behaviour import moment_of
from audiences.choosing import describe
from audiences.history import carry_on
from audiences.scores import score_people
from audiences.seeds import pick_seed
from audiences.segments import Segmentation
from audiences.staging import keep
from audiences.value import UnusableFit, ValueModel, fit_value, predict
from audiences.value_tests import ValueTest, keep_value_test
from config.audiences import Audience, Purpose
from flows.documents import Document
from flows.histories import segment_of_day
from flows.scoring import seed_age
from flows.workshop import CannotRun, Workshop

WEEKS = 13
"""Length of the past period that predictions are held against."""


def value(workshop: Workshop, *, weeks: int = WEEKS) -> Document:
    """The value document: predicted against actual of the last `weeks`, churn, and every seed.

    The next refreshes multiply their predictions by what this finds.

    Everything is predicted from what was known at the start of the period. Raises CannotRun before
    the first refresh, and where there are fewer orders than the period is long.
    """
    tables = {kind: workshop.table(kind) for kind in ("occasions", "returns", "people")}
    newest = tables["occasions"].day.max().to_pyarrow().as_py()
    oldest = tables["occasions"].day.min().to_pyarrow().as_py()
    day = newest - timedelta(weeks=weeks) if newest else None
    if day is None or day <= oldest:
        raise CannotRun(f"there are no orders of more than {weeks} weeks to test on.")
    made = segment_of_day(workshop, tables, day)
    model, churn_days = fit_value(made.known), workshop.project.segments.base.churn_days
    predicted = None if model.faults else _predicted(workshop, made, model)
    return {
        "from": day.isoformat(),
        "to": newest.isoformat(),
        "weeks": weeks,
        "currency": workshop.project.adsteer.shop.currency,
        "faults": list(model.faults),
        "model": _parameters(model),
        "value": None if model.faults else _value(workshop, tables, day, weeks),
        "churn": None if model.faults else _churn(made, tables, day, churn_days, model),
        "seeds": [
            _seed(workshop, tables, made, predicted, audience, day, newest)
            for audience in workshop.project.audiences.audience
            if audience.purpose is Purpose.SEED
        ],
    }


def _predicted(workshop: Workshop, made: Segmentation, model: ValueModel) -> ir.Table | None:
    rate = workshop.project.segments.base.margin_rate
    try:
        return keep(predict(made.known, model, margin_rate=rate or 1.0))
    except UnusableFit:
        return None


def _parameters(model: ValueModel) -> Document | None:
    if model.faults:
        return None
    purchases, spend = model.purchases, model.spend
    return {
        "purchases": {name: getattr(purchases, name) for name in ("r", "alpha", "a", "b")},
        "spend": {name: getattr(spend, name) for name in ("p", "q", "v")},
        "people": purchases.people,
    }


def _value(
    workshop: Workshop, tables: dict[str, ir.Table], day: date, weeks: int
) -> dict[str, Any]:
    base = workshop.project.segments.base
    one = back_test(
        tables["occasions"],
        tables["returns"],
        tables["people"],
        from_day=day,
        weeks=weeks,
        value_window_days=base.value_window_days,
        margin_rate=base.margin_rate,
    )
    test = ValueTest(day + timedelta(weeks=weeks), weeks, one.scale)
    with workshop.catalog.begin() as connection:
        keep_value_test(connection, test, now=workshop.now())
    figures = (
        "people",
        "predicted_purchases",
        "actual_purchases",
        "predicted_value",
        "actual_value",
        "scale",
        "top_share",
        "top_held",
        "lift",
    )
    return {name: getattr(one, name) for name in figures}


def _churn(
    made: Segmentation, tables: dict[str, ir.Table], day: date, days: int, model: ValueModel
) -> Document:
    one = churn_test(made.known, tables["occasions"], from_day=day, days=days, model=model)
    figures = ("days", "people", "quiet", "predicted_quiet", "auc", "auc_of_silence")
    return {name: getattr(one, name) for name in figures}


def _seed(
    workshop: Workshop,
    tables: dict[str, ir.Table],
    made: Segmentation,
    predicted: ir.Table | None,
    audience: Audience,
    day: date,
    until: date,
) -> Document:
    """The seed as it would have been picked on the day, and what it then held of the value."""
    if audience.ltv_floor is None:
        raise AssertionError(f"seed {audience.name} without a floor passed the checks")
    scores = score_people(
        made,
        tables["occasions"],
        stories=carry_on(None, made.table, as_of=day),
        predicted=predicted,
        events=None,
        moment=moment_of(day),
    )
    project = workshop.project
    described = describe(
        made.table,
        tables["people"],
        as_of=day,
        overlays=project.overlay_rules,
        scores=scores,
        left_out=project.left_out,
    )
    seed = pick_seed(
        made,
        tables["people"],
        floor=audience.ltv_floor,
        predicted=predicted,
        among=described.filter(project.audience_rules[audience.name].to_ibis(described)),
        max_base_share=audience.max_base_share,
    )
    later = later_worth(
        tables["occasions"], after=day, until=until, margin_rate=project.segments.base.margin_rate
    )
    buyers = made.table.filter(made.table.orders > 0)
    found = held(seed.table, buyers, later)
    age = seed_age(workshop, audience)
    return {
        "audience": audience.name,
        "people": found.people,
        "measured_by": seed.measured_by,
        "value_held": found.share,
        "lift": found.lift,
        "age_days": age.days if age else None,
        "freshness": age.freshness.value if age else None,
    }
