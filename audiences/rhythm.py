"""How often a person buys, and how unusual the present silence is for this person.

Empirical Bayes on log gaps: a person's own rhythm is shrunk towards the shop's (or the category's)
by how little is known of the person. Limits are calibrated on past silences, not assumed normal.
"""

import math
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from audiences.engines import engine_under
from audiences.features import LOG_UNIT

LEAST_VARIANCE = 0.001
"""Floor of both variances: a shop of clockwork buyers still has a scale."""
CATEGORY_WEIGHT = 50
"""Customers' worth of the shop's rhythm in a category's own."""
CATEGORY_LEAST = 30
"""Customers under which a category has the shop's rhythm."""
LEAST_REGULARS = 2
"""People with two gaps or more, and people with one or more, without whom nothing is measured."""


@dataclass(frozen=True)
class Calibration:
    """What one base says about itself at one snapshot day. Days, and natural logs of days."""

    mu0: float
    """Centre of log rhythms."""
    sw2: float
    """Variance within a person."""
    sb2: float
    """Variance between persons."""
    thresholds: tuple[float, float, float]
    """Silence scores at which slipping, asleep and lost begin."""
    n_loyal: int
    """Occasions from which a buyer is loyal."""
    categories: tuple[tuple[str, float], ...] = ()
    """Centre of log rhythms by category, where enough customers tell it; sorted by name."""

    @property
    def kappa(self) -> float:
        """Strength of the prior, in gaps."""
        return self.sw2 / self.sb2

    @property
    def limits(self) -> tuple[float, float, float]:
        """Silence in days at which a first buyer becomes slipping, asleep and lost."""
        scale = math.sqrt(self.sw2 * (1 + 1 / self.kappa))
        first, second, third = (math.exp(self.mu0 + th * scale) for th in self.thresholds)
        return first, second, third


@dataclass(frozen=True)
class _Variation:
    mu0: float
    sw2: float
    sb2: float


def calibrate(
    people: ir.Table, gaps: ir.Table, *, quantiles: tuple[float, float, float]
) -> Calibration | None:
    """Measure a base, or return None where too few people bought again to measure anything.

    people: `features`; gaps: `completed_gaps` of the same occasions. Variances are with n-1,
    quantiles with linear interpolation.
    """
    variation = _variation(people, gaps)
    if variation is None:
        return None
    shape = Calibration(
        mu0=variation.mu0,
        sw2=variation.sw2,
        sb2=variation.sb2,
        thresholds=(0.0, 0.0, 0.0),
        n_loyal=_loyal_from(people),
        categories=_categories(people, variation.mu0),
    )
    return replace(shape, thresholds=_thresholds(gaps, shape, quantiles))


def own_rhythm(
    calibration: Calibration,
    gaps: ir.IntegerValue,
    log_gaps: ir.IntegerValue,
    category: ir.StringValue,
) -> ir.FloatingValue:
    """Log of a person's own rhythm in days, from `gaps` gaps whose logs sum to `log_gaps`."""
    return _own_rhythm(calibration, gaps, log_gaps, _weighed_centre(calibration, category))


def silence(
    calibration: Calibration,
    days: ir.NumericValue,
    log_rhythm: ir.FloatingValue,
    gaps: ir.IntegerValue,
) -> ir.FloatingValue:
    """Score z of a silence of `days` days; 0 is the person's own rhythm."""
    scale = ((1 / (gaps + calibration.kappa) + 1) * calibration.sw2).sqrt()
    return (ibis.greatest(days, 1).cast("float64").ln() - log_rhythm) / scale


def quantile(table: ir.Table, column: str, share: float) -> float | None:
    """Quantile with linear interpolation between order statistics; None of an empty column."""
    return engine_under(table).quantiles(table, column, (share,))[0]


def _own_rhythm(
    calibration: Calibration,
    gaps: ir.IntegerValue,
    log_gaps: ir.IntegerValue,
    weighed_centre: ir.FloatingValue,
) -> ir.FloatingValue:
    return (weighed_centre + log_gaps * LOG_UNIT) / (gaps + calibration.kappa)


def _weighed_centre(calibration: Calibration, category: ir.StringValue) -> ir.FloatingValue:
    """The centre times kappa; multiplied here, for DuckDB multiplies literals as short decimals."""
    whole = calibration.mu0 * calibration.kappa
    if not calibration.categories:
        return ibis.literal(whole)
    centres = ((name, centre * calibration.kappa) for name, centre in calibration.categories)
    return category.cases(*centres, else_=whole)


def _variation(people: ir.Table, gaps: ir.Table) -> _Variation | None:
    """Sums are of whole numbers, in the last unit of a log: the order of rows cannot matter."""
    several = people.filter(people.gaps > 0)
    mean = several.log_gaps * LOG_UNIT / several.gaps
    sums = several.aggregate(
        persons=several.count(),
        regulars=(several.gaps > 1).sum(),
        freedom=(several.gaps - 1).sum(),
        means=_sum(mean),
        squared_means=_sum(mean * mean),
        own_squares=_sum(mean * mean * several.gaps),
        inverse_gaps=_sum(1.0 / several.gaps),
    )
    log = gaps.log_gap * LOG_UNIT
    squares = gaps.aggregate(squares=_sum(log * log)).to_pyarrow().to_pylist()[0]["squares"]
    row = sums.to_pyarrow().to_pylist()[0]
    if row["persons"] < LEAST_REGULARS or row["regulars"] < LEAST_REGULARS:
        return None
    persons = row["persons"]
    mu0 = row["means"] * LOG_UNIT / persons
    within = (squares - row["own_squares"]) * LOG_UNIT / row["freedom"]
    sw2 = max(LEAST_VARIANCE, within)
    spread = (row["squared_means"] * LOG_UNIT - persons * mu0 * mu0) / (persons - 1)
    sb2 = max(LEAST_VARIANCE, spread - sw2 * row["inverse_gaps"] * LOG_UNIT / persons)
    return _Variation(mu0=mu0, sw2=sw2, sb2=sb2)


def _sum(amount: ir.NumericValue) -> ir.IntegerScalar:
    return (amount / LOG_UNIT).round().cast("int64").sum().cast("int64")


def _categories(people: ir.Table, mu0: float) -> tuple[tuple[str, float], ...]:
    known = people.filter(people.gaps > 0, people.category.notnull())
    mean = known.log_gaps * LOG_UNIT / known.gaps
    rows = known.group_by("category").aggregate(persons=known.count(), means=_sum(mean))
    rows = rows.filter(rows.persons >= CATEGORY_LEAST).order_by("category")
    return tuple(
        (
            row["category"],
            (CATEGORY_WEIGHT * mu0 + row["means"] * LOG_UNIT) / (CATEGORY_WEIGHT + row["persons"]),
        )
        for row in rows.to_pyarrow().to_pylist()
    )


def _loyal_from(people: ir.Table) -> int:
    again = people.filter(people.orders >= 2)
    median = quantile(again, "orders", 0.5)
    return max(3, math.ceil(median or 0))


def _thresholds(
    gaps: ir.Table, shape: Calibration, quantiles: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Scores of completed gaps, each seen from the gaps before it only (no look-ahead)."""
    if shape.categories:  # looked up, not asked one after the other: gaps are many
        centres = {name: centre * shape.kappa for name, centre in shape.categories}
        known = pa.table({"category": list(centres), "weighed_centre": list(centres.values())})
        gaps = gaps.left_join(ibis.memtable(known), "category")
        centre = gaps.weighed_centre.fill_null(shape.mu0 * shape.kappa)
    else:
        centre = ibis.literal(shape.mu0 * shape.kappa)
    before = _own_rhythm(shape, gaps.gaps_before, gaps.log_gaps_before, centre)
    scores = gaps.select(z=silence(shape, gaps.days, before, gaps.gaps_before))
    first, second, third = engine_under(scores).quantiles(scores, "z", quantiles)
    if first is None or second is None or third is None:
        raise AssertionError("a base with a rhythm has gaps")
    return first, second, third
