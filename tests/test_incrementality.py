"""When a measured share of what ads claim is used, and when it is not."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from config.bid_rules import Rule
from flows.outlook import incrementality_of
from measurement.experiments import ExperimentResult, Verdict
from measurement.incrementality import PRIOR_SPREAD, Measured, best_of, measured_share

START, LOOK = date(2026, 3, 1), date(2026, 3, 29)
GOOD = ExperimentResult(
    "spring", "vip", START, 28, 8000, 2000, 0.1, 0.02, 0.18, None, None, 0.4, Verdict.BETTER, "",
    look=4, looks=4, until=LOOK, effect=2.0, standard_error=0.5, p=0.0001,
    treated_buyers=900, held_buyers=200,
)  # fmt: skip


def measured(
    result: ExperimentResult = GOOD, attributed: float = 40_000, missing: int = 0, after: int = 3
) -> Measured:
    as_of = LOOK + timedelta(days=after)
    return measured_share(result, attributed, missing_days=missing, as_of=as_of)


def test_the_share_is_the_lift_in_money_over_what_is_claimed() -> None:
    found = measured()
    assert found.usable
    assert found.raw == pytest.approx(2.0 * 8000 / 40_000)
    assert found.standard_error == pytest.approx(0.5 * 8000 / 40_000)
    weight = PRIOR_SPREAD**2 / (PRIOR_SPREAD**2 + 0.1**2)
    assert found.share == pytest.approx(1 + weight * (0.4 - 1))
    assert "0.40 measured until 2026-03-29, give or take 0.10" in found.sentence


def test_a_thin_result_stays_near_what_is_assumed() -> None:
    thin = measured(replace(GOOD, standard_error=2.4))
    assert thin.raw == measured().raw
    assert thin.share is not None
    assert 0.4 < thin.share < 1
    assert thin.share > (measured().share or 0)


def test_a_share_is_never_below_nothing_nor_above_one_and_a_half() -> None:
    assert measured(replace(GOOD, effect=-3.0)).raw == 0
    assert measured(replace(GOOD, effect=20.0, standard_error=1.0)).raw == 1.5


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"metric": "buyers"}, "not money"),
        ({"verdict": Verdict.NOT_STARTED}, "not_started"),
        ({"verdict": Verdict.TOO_FEW}, "too_few"),
        ({"sample_ratio_p": 1e-5}, "split"),
        ({"look": 0}, "no planned look"),
        ({"treated_buyers": 29}, "29 treated"),
        ({"held_buyers": 9}, "9 held"),
        ({"standard_error": 2.6}, "known to within 0.52"),
    ],
)
def test_a_doubtful_result_is_not_used_and_says_why(changes: dict[str, object], why: str) -> None:
    found = measured(replace(GOOD, **changes))  # type: ignore[arg-type]
    assert (found.usable, found.share) == (False, None)
    assert why in found.sentence


def test_spend_that_is_not_there_or_not_known_gives_no_share() -> None:
    assert "never read" in measured(missing=2).refused
    assert "no revenue" in measured(attributed=0).refused
    assert "ended 400 days ago" in measured(after=400).refused


def test_of_several_the_most_exact_counts_and_a_doubtful_one_last() -> None:
    exact, wide = measured(), measured(replace(GOOD, standard_error=1.0))
    doubtful = measured(replace(GOOD, look=0))
    assert best_of([doubtful, wide, exact]) == exact
    assert best_of([doubtful]) == doubtful
    assert best_of([]) is None


def test_the_rule_s_own_share_goes_before_what_was_measured() -> None:
    rule = Rule(segment="vip", correction="auto", incrementality=0.2)
    assert incrementality_of(rule, measured()) == (0.2, "written in the rule")
    open_rule = Rule(segment="vip", correction="auto")
    share, told = incrementality_of(open_rule, measured())
    assert (share, told) == (measured().share, measured().sentence)
    share, told = incrementality_of(open_rule, measured(missing=1))
    assert share == 1
    assert "assumed: experiment spring is not used" in told
    assert incrementality_of(open_rule, None)[0] == 1
