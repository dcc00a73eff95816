"""From assignments and orders to verdicts: against other implementations, and golden behaviour."""

from datetime import date, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest
import tea_tasting as tt
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import test_proportions_2indep as two_rates
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from audiences.holdout import is_held_out
from config.audiences import Holdout
from config.experiments import Experiment, Metric
from measurement.experiment_arms import compare
from measurement.experiment_power import power_of
from measurement.experiment_sums import EVERYONE, ArmSums, outcomes, sums_of
from measurement.experiments import ExperimentResult, Verdict, among_several, judge, look_days
from measurement.lift import discoveries
from tests.support.shops import cdnow_sample

START = date(2026, 3, 1)
PEOPLE = 3000


def experiment(**changes: object) -> Experiment:
    known = {"name": "spring", "share": 0.2, "starts": START, "days": 28, "looks": 4}
    return Experiment.model_validate({**known, **changes})


class Market:
    """People with a rhythm of their own; the treated buy more from the start on."""

    def __init__(self, lift: float, seed: int = 5, people: int = PEOPLE) -> None:
        chance = np.random.default_rng(seed)
        rate = chance.gamma(2.0, 0.02, people)
        self.held = chance.random(people) < 0.2
        rows = []
        for day in range(-89, 29):
            now = rate * np.where((day > 0) & ~self.held, 1 + lift, 1.0)
            for person in np.flatnonzero(chance.random(people) < now):
                amount = float(chance.gamma(1.5, 40.0))
                rows.append((f"p{person}", START + timedelta(days=day), 1, amount))
        self.orders = pd.DataFrame(rows, columns=["person_id", "day", "orders", "revenue"])
        self.engine = ibis.duckdb.connect()
        bought = self.orders.assign(margin=np.nan)
        self.occasions = self.engine.create_table("occasions", bought)
        people_of = pd.DataFrame(
            {
                "experiment": "spring",
                "person_id": [f"p{n}" for n in range(people)],
                "segment": np.where(np.arange(people) % 2, "vip", "loyal"),
                "held": self.held,
                "share": 0.2,
                "since": START,
                "mixed": False,
            }
        )
        self.assigned = self.engine.create_table("assigned", people_of)

    def table(self, metric: Metric = Metric.REVENUE, until: date = START + timedelta(days=28)):
        return outcomes(
            self.assigned,
            self.occasions.cast({"day": "date"}),
            until=until,
            metric=metric,
            history_days=90,
            margin_rate=None,
        )

    def people(self) -> pd.DataFrame:
        """The same by hand: one row per person."""
        late = self.orders[self.orders.day > START].groupby("person_id")
        early = self.orders[self.orders.day <= START].groupby("person_id")
        made = pd.DataFrame({"person_id": [f"p{n}" for n in range(PEOPLE)], "held": self.held})
        made["revenue"] = made.person_id.map(late.revenue.sum()).fillna(0.0)
        made["orders"] = made.person_id.map(late.orders.sum()).fillna(0).astype(float)
        made["before"] = made.person_id.map(early.revenue.sum()).fillna(0.0)
        made["variant"] = (~made.held).astype(int)
        return made

    def looked(self, trial: Experiment):
        return [
            sums_of(self.table(trial.metric, day), winsorize=trial.winsorize, metric=trial.metric)
            for day in look_days(trial)
        ]


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(lift=0.4)


def both(sums) -> tuple[ArmSums, ArmSums]:
    treated, held = ArmSums(0), ArmSums(0)
    for (_, is_held), one in sums.items():
        treated, held = (treated, held.plus(one)) if is_held else (treated.plus(one), held)
    return treated, held


def test_the_engine_s_sums_are_those_of_the_people(market: Market) -> None:
    treated, held = both(sums_of(market.table(), winsorize=1, metric=Metric.REVENUE))
    by_hand = market.people()
    for arm, rows in ((treated, by_hand[~by_hand.held]), (held, by_hand[by_hand.held])):
        assert arm.people == len(rows)
        assert arm.y == pytest.approx(rows.revenue.sum())
        assert arm.xy == pytest.approx((rows.revenue * rows.before).sum())
        assert arm.orders == rows.orders.sum()
        assert arm.buyers == (rows.orders > 0).sum()


def test_amounts_are_cut_at_the_quantile_of_both_arms_buyers(market: Market) -> None:
    by_hand = market.people()
    cut = by_hand.revenue[by_hand.revenue > 0].quantile(0.9)
    treated, held = both(sums_of(market.table(), winsorize=0.9, metric=Metric.REVENUE))
    assert treated.y + held.y == pytest.approx(by_hand.revenue.clip(upper=cut).sum())


def test_means_without_history_are_statsmodels(market: Market) -> None:
    sums = both(sums_of(market.table(), winsorize=1, metric=Metric.REVENUE))
    ours = compare(*sums, metric=Metric.REVENUE, history=False)
    by_hand = market.people()
    theirs = CompareMeans(
        DescrStatsW(by_hand.revenue[~by_hand.held]), DescrStatsW(by_hand.revenue[by_hand.held])
    )
    assert ours is not None
    assert ours.p == pytest.approx(theirs.ttest_ind(usevar="unequal")[1])
    assert ours.error == pytest.approx(theirs.std_meandiff_separatevar)


def test_cuped_and_ratios_are_tea_tasting_s(market: Market) -> None:
    theirs = tt.Experiment(
        revenue=tt.Mean("revenue", "before"), average=tt.RatioOfMeans("revenue", "orders")
    ).analyze(market.people())
    plain = both(sums_of(market.table(), winsorize=1, metric=Metric.REVENUE))
    adjusted = compare(*plain, metric=Metric.REVENUE, history=True)
    assert adjusted is not None
    revenue = theirs["revenue"]
    # They fit the covariate over both arms together, we within the arms: nearly the same.
    assert adjusted.effect == pytest.approx(revenue.effect_size, rel=0.01)
    assert adjusted.error == pytest.approx(revenue.effect_size / revenue.statistic, rel=0.01)
    assert adjusted.variance_removed > 0.05
    average = compare(*plain, metric=Metric.AVERAGE_ORDER, history=True)
    assert average is not None
    assert average.effect == pytest.approx(theirs["average"].effect_size)
    error = theirs["average"].effect_size / theirs["average"].statistic
    assert average.error == pytest.approx(error, rel=0.01)


def test_on_real_orders_too_it_is_tea_tasting_s() -> None:
    """CDNOW: people parted by the hash, of whom nothing was done to anybody."""
    shop = cdnow_sample()
    people = shop.occasions.select("person_id").distinct()
    parted = people.mutate(held=is_held_out(people.person_id, Holdout(share=0.5, salt="cdnow")))
    start = date(1997, 6, 30)
    assigned = parted.mutate(
        segment=ibis.literal("all"), since=ibis.literal(start), mixed=ibis.literal(value=False)
    )
    table = outcomes(
        assigned,
        shop.occasions,
        until=start + timedelta(days=180),
        metric=Metric.REVENUE,
        history_days=180,
        margin_rate=None,
    )
    frame = table.execute().assign(variant=lambda rows: (~rows.held).astype(int))
    theirs = tt.Experiment(revenue=tt.Mean("y", "x")).analyze(frame)["revenue"]
    ours = compare(
        *both(sums_of(table, winsorize=1, metric=Metric.REVENUE)),
        metric=Metric.REVENUE,
        history=True,
    )
    assert ours is not None
    assert ours.effect == pytest.approx(theirs.effect_size, rel=0.02)
    assert ours.error == pytest.approx(theirs.effect_size / theirs.statistic, rel=0.02)
    assert ours.p == pytest.approx(theirs.pvalue, rel=0.05)
    assert ours.p > 0.05
    correlation = float(np.corrcoef(frame.y, frame.x)[0, 1])
    assert ours.variance_removed == pytest.approx(correlation**2, abs=0.03)


def test_shares_of_buyers_are_statsmodels(market: Market) -> None:
    treated, held = both(sums_of(market.table(Metric.BUYERS), winsorize=1, metric=Metric.BUYERS))
    ours = compare(treated, held, metric=Metric.BUYERS, history=True)
    theirs = two_rates(
        treated.buyers, treated.people, held.buyers, held.people, method="score", correction=False
    )
    assert ours is not None
    assert ours.effect == pytest.approx(theirs.diff)
    assert ours.p == pytest.approx(theirs.pvalue, rel=0.01)
    assert treated.y == treated.buyers


def test_several_segments_are_statsmodels() -> None:
    p = {f"s{n}": value for n, value in enumerate([0.001, 0.011, 0.02, 0.04, 0.3, 0.8])}
    rejected = multipletests(list(p.values()), method="fdr_bh")[0]
    assert discoveries(p) == {name for name, held in zip(p, rejected, strict=True) if held}


def test_the_lift_is_found_at_a_planned_look_and_stays(market: Market) -> None:
    trial = experiment()
    looked = market.looked(trial)
    found = judge(trial, EVERYONE, looked, looked[-1], as_of=trial.ends)
    assert found.verdict is Verdict.BETTER
    assert 1 <= found.look <= 4
    assert found.until == look_days(trial)[found.look - 1]
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < 0.4 < found.high
    early = judge(trial, EVERYONE, looked[: found.look], looked[-1], as_of=trial.ends)
    assert early == found


def test_without_an_effect_nothing_is_found() -> None:
    """200 experiments with nothing in them and four looks each: about 5 % cry wolf."""
    chance = np.random.default_rng(2)
    trial = experiment(history_days=0)
    alarms, covered = 0, 0
    for _ in range(200):
        arrived = chance.gamma(1.0, 10.0, (4, 2000))
        held = np.arange(2000) < 400
        looked = []
        for number in range(1, 5):
            y = arrived[:number].sum(axis=0)
            looked.append({("vip", side): arm(y[held == side]) for side in (False, True)})
        found = judge(trial, "vip", looked, looked[-1], as_of=trial.ends)
        alarms += found.verdict in (Verdict.BETTER, Verdict.WORSE)
        assert found.always_low is not None
        assert found.always_high is not None
        covered += found.always_low <= 0 <= found.always_high
    assert alarms <= 0.09 * 200
    assert covered >= 0.98 * 200


def arm(y: np.ndarray) -> ArmSums:
    return ArmSums(len(y), float(y.sum()), float((y**2).sum()), buyers=int((y > 0).sum()))


def test_fieller_leaves_zero_out_exactly_where_the_difference_does() -> None:
    chance = np.random.default_rng(9)
    for _ in range(50):
        treated, held = arm(chance.gamma(1.0, 10.5, 900)), arm(chance.gamma(1.0, 10.0, 100))
        found = compare(treated, held, metric=Metric.REVENUE, history=False)
        assert found is not None
        low, high = found.relative(1.0)
        assert low is not None
        assert high is not None
        assert (low > 0 or high < 0) == (abs(found.effect) > found.error)


def test_a_broken_split_is_never_a_result(market: Market) -> None:
    trial = experiment(share=0.1)
    looked = market.looked(trial)
    found = judge(trial, EVERYONE, looked, looked[-1], as_of=trial.ends)
    assert found.verdict is Verdict.BROKEN_SPLIT
    assert found.sample_ratio_p is not None
    assert found.sample_ratio_p < 1e-6


def test_before_the_start_and_with_nobody() -> None:
    trial = experiment()
    ahead = judge(trial, "vip", [], None, as_of=START - timedelta(days=3))
    assert (ahead.verdict, ahead.days) == (Verdict.NOT_STARTED, 0)
    alone = {("vip", False): ArmSums(50, 100.0, 900.0)}
    assert judge(trial, "vip", [], alone, as_of=START).verdict is Verdict.TOO_FEW


def test_an_effect_must_hold_among_the_segments_that_were_looked_at() -> None:
    made = [result(f"s{n}", p) for n, p in enumerate([0.0001, 0.04, 0.5, 0.6, 0.7])]
    kept = among_several([*made, result(EVERYONE, 0.04)])
    verdicts = [one.verdict for one in kept]
    assert verdicts[:2] == [Verdict.BETTER, Verdict.CHANCE]
    assert verdicts[-1] is Verdict.BETTER


def result(segment: str, p: float) -> ExperimentResult:
    return ExperimentResult(
        "spring", segment, START, 28, 800, 200, 0.1, 0.01, 0.2, None, None, 0.5, Verdict.BETTER,
        "", p=p,
    )  # fmt: skip


def test_power_is_the_published_size() -> None:
    """Base rate 5 %, lift 20 %, a tenth held: about 4,221 held (method.md 5.4)."""
    trial = experiment(share=0.1, metric="buyers", expected_lift=0.2)
    found = power_of(trial, "vip", ArmSums(42_210, 2110.5, 2110.5, buyers=2110))
    assert found.needed_held == pytest.approx(4221, rel=0.15)
    assert found.held == 4221
    assert found.visible_lift == pytest.approx(0.2, rel=0.08)
    assert not power_of(trial, "vip", ArmSums(4_221, 211.0, 211.0, buyers=211)).enough
    assert power_of(trial, "vip", ArmSums(40)).visible_lift is None
