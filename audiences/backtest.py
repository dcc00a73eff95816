"""Predictions held against what then happened, without a single ad."""

from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from audiences.features import completed_gaps, features, up_to
from audiences.purchases import Model
from audiences.ranks import auc, best
from audiences.staging import Staging
from audiences.value import ValueModel, fit_value, predict

WEEK = 7


@dataclass(frozen=True)
class BackTest:
    """Predicted and actual of one past period, over all buyers known at its start."""

    from_day: date
    weeks: int
    people: int
    model: ValueModel
    predicted_purchases: float
    actual_purchases: float
    predicted_value: float
    actual_value: float
    top_share: float
    top_people: int
    top_held: float
    """Share of the period's actual value held by the top of the prediction."""

    @property
    def scale(self) -> float:
        """Actual over predicted value: what the next prediction is multiplied by."""
        return self.actual_value / self.predicted_value

    @property
    def lift(self) -> float:
        """Share held, over the share that a random set of the same size would hold."""
        return self.top_held / (self.top_people / self.people)


@dataclass(frozen=True)
class Held:
    """What a set of people held of a period's value, against a random set of its size."""

    people: int
    value: float
    share: float
    lift: float


def back_test(
    occasions: ir.Table,
    returns: ir.Table,
    people: ir.Table,
    *,
    from_day: date,
    weeks: int,
    value_window_days: int = 365,
    margin_rate: float | None = None,
    top_share: float = 0.10,
    model: Model = Model.MBG,
    grain_days: int = WEEK,
) -> BackTest:
    """Fit on what was known at the end of `from_day`, predict `weeks`, compare.

    Raises UnusableFit where the model of that day has faults, ValueError where the orders end
    before the period does.
    """
    last_day = from_day + timedelta(days=WEEK * weeks)
    newest = occasions.day.max().to_pyarrow().as_py()
    if newest is None or newest < last_day - timedelta(days=WEEK):
        raise ValueError(f"orders end on {newest}, the back-test needs them up to {last_day}")
    with Staging() as staging:
        till_then = staging.name(up_to(occasions, from_day))
        gaps = staging.keep(completed_gaps(till_then))
        known = staging.keep(
            features(
                till_then,
                gaps,
                returns,
                people,
                as_of=from_day,
                value_window_days=value_window_days,
                margin_rate=margin_rate,
            )
        )
        fitted = fit_value(known, model=model, grain_days=grain_days)
        rate = 1.0 if margin_rate is None else margin_rate
        told = predict(known, fitted, weeks=weeks, margin_rate=rate)
        later = later_worth(occasions, after=from_day, until=last_day, margin_rate=margin_rate)
        both = staging.keep(told.left_join(later, "person_id").drop("person_id_right"))
        row = _totals(both).to_pyarrow().to_pylist()[0]
        top = best(both, "predicted_value", int(top_share * row["people"]))
        first = _totals(top).to_pyarrow().to_pylist()[0]
    return BackTest(
        from_day=from_day,
        weeks=weeks,
        people=row["people"],
        model=fitted,
        predicted_purchases=row["predicted_purchases"],
        actual_purchases=row["actual_purchases"],
        predicted_value=row["predicted_value"],
        actual_value=row["actual_value"],
        top_share=top_share,
        top_people=first["people"],
        top_held=first["actual_value"] / row["actual_value"] if row["actual_value"] else 0.0,
    )


def held(members: ir.Table, buyers: ir.Table, later: ir.Table) -> Held:
    """Say what `members` held of the value in `later` among `buyers` (all with person_id)."""
    worth = buyers.select("person_id").left_join(later, "person_id").drop("person_id_right")
    inside = worth.semi_join(members, "person_id")
    all_people, all_value = _people_and_value(worth)
    people, value = _people_and_value(inside)
    share = value / all_value if all_value else 0.0
    return Held(people, value, share, share / (people / all_people) if people else 0.0)


def later_worth(
    occasions: ir.Table, *, after: date, until: date, margin_rate: float | None = None
) -> ir.Table:
    """Person_id, purchases and worth (margin, else revenue by rate) in (after, until]."""
    rows = occasions.filter(
        occasions.day > ibis.literal(after), occasions.day <= ibis.literal(until)
    )
    rate = 1.0 if margin_rate is None else margin_rate
    worth = ibis.coalesce(rows.margin, rows.revenue * rate)
    return rows.group_by("person_id").aggregate(purchases=rows.count(), worth=worth.sum())


def _totals(table: ir.Table) -> ir.Table:
    return table.aggregate(
        people=table.count(),
        predicted_purchases=table.predicted_purchases.sum(),
        actual_purchases=table.purchases.sum().fill_null(0),
        predicted_value=table.predicted_value.sum(),
        actual_value=table.worth.sum().fill_null(0.0),
    )


def _people_and_value(table: ir.Table) -> tuple[int, float]:
    row = table.aggregate(people=table.count(), value=table.worth.sum()).to_pyarrow().to_pylist()[0]
    return row["people"], row["value"] or 0.0


@dataclass(frozen=True)
class ChurnTest:
    """Chance of no purchase in a short horizon against what happened, of all buyers of a day."""

    from_day: date
    days: int
    people: int
    quiet: int
    """Buyers who bought nothing in the horizon."""
    predicted_quiet: float
    auc: float | None
    """Chance that somebody who kept quiet was given the higher risk than somebody who bought."""
    auc_of_silence: float | None
    """The same for days since the last purchase, the rule of thumb to beat."""


def churn_test(
    known: ir.Table, occasions: ir.Table, *, from_day: date, days: int, model: ValueModel
) -> ChurnTest:
    """Put `value.predict`'s churn_risk of `from_day` to the test.

    known: `features` at `from_day`; model: fitted to it. Raises UnusableFit for a model with
    faults, ValueError where the orders end before the horizon does.
    """
    until = from_day + timedelta(days=days)
    newest = occasions.day.max().to_pyarrow().as_py()
    if newest is None or newest < until:
        raise ValueError(f"orders end on {newest}, the test needs them up to {until}")
    told = predict(known, model, weeks=1, churn_days=days)
    silence = known.select("person_id", "recency_days")
    later = later_worth(occasions, after=from_day, until=until).select("person_id", "purchases")
    both = told.inner_join(silence, "person_id").left_join(later, "person_id")
    rows = both.select("churn_risk", "recency_days", quiet=both.purchases.isnull().cast("int64"))
    with Staging() as staging:
        rows = staging.keep(rows)
        sums = rows.aggregate(
            people=rows.count(), quiet=rows.quiet.sum(), predicted=rows.churn_risk.sum()
        )
        row = sums.to_pyarrow().to_pylist()[0]
        return ChurnTest(
            from_day=from_day,
            days=days,
            people=row["people"],
            quiet=row["quiet"],
            predicted_quiet=row["predicted"],
            auc=auc(rows, "churn_risk", "quiet"),
            auc_of_silence=auc(rows, "recency_days", "quiet"),
        )
