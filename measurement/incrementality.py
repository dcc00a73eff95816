"""Which share of the revenue that ads claim is due to them, as holdouts measured it.

iota = lift of the treated in money / revenue the platform attributes to the segment in the same
days, clipped to 0..1.5 and pulled toward 1 as far as the data are thin (method.md 4.5). Where
anything about it is doubtful it is not used, and the reason is told.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from config.experiments import Metric
from measurement.experiments import BROKEN_SPLIT, ExperimentResult, Verdict
from measurement.lift import incrementality

PRIOR = 1.0
"""What is assumed where nothing is measured: every attributed order is due to the ads."""
PRIOR_SPREAD = 0.5
"""Standard deviation of true shares around it (our choice): what a thin result is pulled with."""
LEAST_TREATED_BUYERS, LEAST_HELD_BUYERS = 30, 10
WIDEST = 0.5
"""Standard error of a share above which it says too little."""
LONGEST_DAYS = 365
"""Days after which a result is too old."""


@dataclass(frozen=True)
class Measured:
    """The share of one segment from one experiment; `refused` says why it is not used."""

    segment: str
    experiment: str
    share: float | None = None
    """After shrinkage: what corrections use."""
    raw: float | None = None
    standard_error: float | None = None
    until: date | None = None
    refused: str = ""

    @property
    def usable(self) -> bool:
        return not self.refused

    @property
    def sentence(self) -> str:
        """Where the figure comes from, or why it does not come from here."""
        if self.refused or self.raw is None:
            return f"experiment {self.experiment} is not used: {self.refused}"
        return (
            f"experiment {self.experiment}: {self.raw:.2f} measured until {self.until}, "
            f"give or take {self.standard_error:.2f}"
        )


def measured_share(
    result: ExperimentResult, attributed: float, *, missing_days: int, as_of: date
) -> Measured:
    """The share a result stands for.

    attributed: revenue, or margin where the experiment measured margin, that platforms report for
    the segment from the day after its start to the look's last day; missing_days: of that time
    without any report.
    """
    refused = _doubt(result, attributed, missing_days=missing_days, as_of=as_of)
    effect, error = result.effect, result.standard_error
    if refused or effect is None or error is None:
        return Measured(result.segment, result.name, refused=refused)
    spread = error * result.treated / attributed
    if spread > WIDEST:
        text = f"the share is known to within {spread:.2f} only, {WIDEST} is asked for"
        return Measured(result.segment, result.name, refused=text)
    raw = incrementality(effect * result.treated, attributed)
    if raw is None:
        raise AssertionError("attributed revenue was checked")
    weight = PRIOR_SPREAD**2 / (PRIOR_SPREAD**2 + spread**2)
    return Measured(
        result.segment,
        result.name,
        share=PRIOR + weight * (raw - PRIOR),
        raw=raw,
        standard_error=spread,
        until=result.until,
    )


def _doubt(result: ExperimentResult, attributed: float, *, missing_days: int, as_of: date) -> str:
    """Why a result is not trusted; empty where it is."""
    if result.metric not in (Metric.REVENUE, Metric.MARGIN):
        return f"it measures {result.metric}, not money"
    if result.verdict in (Verdict.NOT_STARTED, Verdict.TOO_FEW):
        return f"it is {result.verdict}"
    if result.sample_ratio_p is not None and result.sample_ratio_p < BROKEN_SPLIT:
        return f"its split is not the planned one (p = {result.sample_ratio_p:.1g})"
    if result.look == 0 or result.until is None or result.effect is None:
        return "no planned look is reached yet"
    if (as_of - result.until).days > LONGEST_DAYS:
        return f"it ended {(as_of - result.until).days} days ago"
    if result.treated_buyers < LEAST_TREATED_BUYERS or result.held_buyers < LEAST_HELD_BUYERS:
        return (
            f"{result.treated_buyers} treated and {result.held_buyers} held bought, "
            f"{LEAST_TREATED_BUYERS} and {LEAST_HELD_BUYERS} are needed"
        )
    if missing_days:
        return f"the spend of {missing_days} of its days was never read"
    if attributed <= 0:
        return "the platforms report no revenue for its people"
    return ""


def best_of(found: Iterable[Measured]) -> Measured | None:
    """Of several results for one segment the most exact one; else one that says why not."""
    ranked = sorted(found, key=lambda one: (not one.usable, one.standard_error or 0.0))
    return ranked[0] if ranked else None
