"""The figures behind the report: money, cohorts, channels, segments, holes."""

from datetime import date, timedelta
from decimal import Decimal as D

import ibis
import pytest
from scipy import stats

from flows.report_money import ranges
from flows.spending import Source, spent_by_month, window_rows
from measurement.channel_mix import channel_mixes
from measurement.cohorts import Cohort, expected_revenue, follow, pooled
from measurement.cost_share import cost_share
from measurement.money import (
    Spend,
    Sums,
    against,
    measures,
    profit_concentration,
    sums_by,
    total,
)
from measurement.segment_figures import all_of, segment_figures
from measurement.spend import DayOfSpend, in_shop_money
from measurement.tables import Kind, Table, columns

DAY = date(2026, 1, 1)


def spend(segment: str, cost: str, revenue: str | None, day: date = DAY, **more: str) -> Spend:
    return Spend(
        source=more.get("source", "ads"),
        platform=more.get("platform", "yandex_direct"),
        campaign=more.get("campaign", "7"),
        ad_group=more.get("ad_group", ""),
        segment=segment,
        day=day,
        impressions=100,
        clicks=10,
        cost=D(cost),
        conversions=None if revenue is None else D(2),
        revenue=None if revenue is None else D(revenue),
    )


def source(rows: list[Spend], known: list[date], name: str = "ads") -> Source:
    return Source(name, "yandex_direct", tuple(rows), frozenset(known), "EUR", D(0))


# Money


def test_the_published_cost_shares_compare_in_both_conventions() -> None:
    whole, one = Sums().plus(spend("all", "24.171", "100")), Sums().plus(spend("vip", "10", "100"))
    ratio, change = against(whole, one)
    assert (whole.drr, one.drr) == (D("24.17"), D("10.00"))
    assert ratio == D("2.417")
    assert round(D(str(change)), 3) == D("-0.586")
    assert against(whole, Sums()) == (None, None)


def test_a_decrease_never_passes_a_hundred() -> None:
    whole, cheap = Sums().plus(spend("a", "500", "100")), Sums().plus(spend("b", "1", "100"))
    change = against(whole, cheap)[1]
    assert change is not None
    assert -1 < D(str(change)) < D("-0.99")


def test_cost_share_is_of_the_cost_whose_revenue_was_told() -> None:
    sums = total([spend("vip", "10", "100"), spend("vip", "90", None)])
    assert sums.cost == 100
    assert sums.drr == D("10.00")
    assert sums.cpo == D("5.00")
    assert sums.romi(D("0.4")) == D("300.00")
    told = measures(total([spend("vip", "90", None)]), D("0.4"))
    assert told[3:8] == (None, None, None, None, None)


def test_margin_unknown_leaves_romi_and_break_even_out() -> None:
    assert measures(total([spend("vip", "10", "100")]), None)[6:] == (None, D("5.00"), None)


def test_profit_gathers_in_few_cells_and_losses_stand_apart() -> None:
    rows = [
        spend("vip", "15", "300"),
        spend("loyal", "25", "100", campaign="8"),
        spend("lost", "60", "50", campaign="9"),
    ]
    found = profit_concentration(rows, D("0.4"))
    assert found.points == ((0, 0), (D("0.15"), D(105) / D(120)), (D("0.4"), D(1)))
    assert found.losses == D(40)
    assert found.budget_for(D("0.8")) < D("0.15")


def test_vat_is_taken_out_of_cost_and_currency_turns_both() -> None:
    from bids.model import BidObject, Level

    row = DayOfSpend(
        DAY, BidObject("a", "p", Level.CAMPAIGN, "7"), None, 1, 1, D(120), D(1), D(600)
    )
    turned = in_shop_money(row, vat_percent=D(20), rate=D("0.5"))
    assert (turned.cost, turned.revenue) == (D(50), D(300))


# Sources and holes


def test_a_window_ends_with_the_last_known_day_and_holes_are_told() -> None:
    known = [DAY + timedelta(days=n) for n in range(10) if n not in (3, 4, 7)]
    one = source([spend("vip", "1", "9", day) for day in known], known)
    assert one.window(8) == (DAY + timedelta(days=2), DAY + timedelta(days=9))
    assert ranges(one.holes(8)) == ["2026-01-04..2026-01-05", "2026-01-08"]
    assert len(window_rows([one], 8)) == 5
    assert source([], []).window(8) is None
    assert source([], []).holes(8) == ()


def test_a_month_with_a_hole_has_no_cost() -> None:
    january = [DAY + timedelta(days=n) for n in range(31)]
    february = [date(2026, 2, 1) + timedelta(days=n) for n in range(28)]
    whole = source([spend("vip", "1", "9", day) for day in january], january)
    two = source(
        [spend("", "2", "9", day) for day in january[1:] + february], january[1:] + february
    )
    assert spent_by_month([whole], ["vip"]) == {"2026-01": D(31)}
    assert spent_by_month([whole], ["loyal"]) == {"2026-01": D(0)}
    assert spent_by_month([whole, two], ["vip", ""]) == {"2026-01": None, "2026-02": D(56)}


def test_sums_by_segment_and_campaign_hold_every_row() -> None:
    rows = [spend("vip", "1", "9"), spend("vip", "2", "9", campaign="8"), spend("new", "4", "9")]
    assert sum(one.cost for one in sums_by(rows, "segment", "campaign").values()) == 7
    assert list(sums_by(rows, "segment")) == [("new",), ("vip",)]


# Cohorts


def occasions_of(rows: list[tuple[str, date, float]]) -> ibis.Table:
    return ibis.memtable(
        {
            "person_id": [row[0] for row in rows],
            "day": [row[1] for row in rows],
            "revenue": [row[2] for row in rows],
        },
        schema={"person_id": "string", "day": "date", "revenue": "float64"},
    )


def published(first: int, second: int, third: list[float]) -> tuple[ibis.Table, ibis.Table]:
    """People of one month, and their orders of 10 each; third orders as given."""
    rows = [(f"p{n:06}", DAY, 10.0) for n in range(first)]
    rows += [(f"p{n:06}", DAY + timedelta(days=9), 10.0) for n in range(second)]
    rows += [(f"p{n:06}", DAY + timedelta(days=20), amount) for n, amount in enumerate(third)]
    occasions = occasions_of(rows)
    starts = occasions.group_by("person_id").aggregate(first_day=occasions.day.min())
    return occasions, starts.mutate(cohort=ibis.literal("2026-01"))


def test_ledger_form_of_the_published_example_out_of_orders() -> None:
    occasions, starts = published(1000, 80, [11.5] * 12)
    (cohort,) = follow(occasions, starts, days=90, newest=date(2026, 6, 1))
    assert cohort.buyers == (1000, 80, 12)
    assert cohort.cumulated == (D(10000), D(10800), D(10938))
    assert cohort.cost_shares(D(1000)) == [D("10.00"), D("9.26"), D("9.14")]


def test_rate_form_of_the_published_example_out_of_orders() -> None:
    occasions, starts = published(10_000, 800, [10.0] * 128)
    (cohort,) = follow(occasions, starts, days=90, newest=date(2026, 6, 1))
    assert cohort.return_rates == (D("0.08"), D("0.16"))
    expected = expected_revenue(1000, cohort)
    assert expected == D("10928.00")
    assert cost_share(D(1000), expected) == D("9.15")


def test_who_had_no_time_to_come_back_is_not_counted() -> None:
    late = DAY + timedelta(days=60)
    occasions = occasions_of([("a", DAY, 10.0), ("b", late, 99.0), ("a", late, 5.0)])
    starts = ibis.memtable(
        {"person_id": ["a", "b"], "cohort": ["x", "x"], "first_day": [DAY, late]},
        schema={"person_id": "string", "cohort": "string", "first_day": "date"},
    )
    (cohort,) = follow(occasions, starts, days=90, newest=DAY + timedelta(days=95))
    assert (cohort.people, cohort.observed) == (2, 0.5)
    assert cohort.revenue == (D(10), D(5))
    (short,) = follow(occasions, starts, days=30, newest=DAY + timedelta(days=95))
    assert short.revenue == (D(109),)


def test_pooled_cohorts_are_the_sums() -> None:
    one = Cohort("a", 10, 1.0, (10, 2), (D(100), D(20)))
    two = Cohort("b", 30, 0.5, (15,), (D(150),))
    whole = pooled([one, two])
    assert (whole.people, whole.observed) == (40, 0.625)
    assert (whole.buyers, whole.revenue) == ((25, 2), (D(250), D(20)))
    assert expected_revenue(10, pooled([])) is None


# People


def test_channel_index_and_chi_square() -> None:
    counts = {("loyal", "email"): 60, ("loyal", "vk"): 40, ("sleeping", "email"): 100}
    counts[("sleeping", "vk")] = 200
    rows = [key for key, number in counts.items() for _ in range(number)]
    ids = [str(n) for n in range(len(rows))]
    segmented = ibis.memtable({"person_id": ids, "segment": [segment for segment, _ in rows]})
    people = ibis.memtable({"person_id": ids, "channel_first": [channel for _, channel in rows]})
    loyal, nobody = channel_mixes(
        segmented, people, {"loyal": ("loyal",), "new": ("new",)}, unknown="?"
    )
    assert loyal.share("email") == 0.6
    assert loyal.index("email") == pytest.approx(100 * 0.6 / (160 / 400))
    table = [[60, 40], [100, 200]]
    assert loyal.p == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)
    assert (nobody.share("email"), nobody.index("email"), nobody.p) == (None, None, None)


def test_segment_figures_are_those_of_the_orders() -> None:
    rows = [
        ("a", date(2025, 1, 1), 10.0),
        ("a", date(2025, 12, 1), 30.0),
        ("a", date(2025, 12, 11), 20.0),
        ("b", date(2025, 12, 21), 40.0),
        ("b", date(2026, 1, 2), 500.0),  # after the snapshot
    ]
    occasions = occasions_of(rows).mutate(margin=ibis.null("float64"))
    segmented = ibis.memtable(
        {"person_id": ["a", "b", "c"], "segment": ["loyal", "loyal", "registered"]}
    )
    found = segment_figures(segmented, occasions, as_of=date(2026, 1, 1), days=100, margin_rate=0.5)
    loyal = found["loyal"]
    assert (loyal.people, loyal.buyers, loyal.again, loyal.orders) == (2, 2, 1, 4)
    assert (loyal.repeat_rate, loyal.repeat_share) == (0.5, 0.5)
    assert (loyal.mean_gap, loyal.average_order) == (344 / 2, 25.0)
    assert (loyal.recent_revenue, loyal.recent_margin) == (90.0, 45.0)
    assert loyal.per_customer(loyal.recent_margin) == 22.5
    assert found["registered"].average_order is None
    assert all_of(list(found.values())).people == 3
    unknown = segment_figures(
        segmented, occasions, as_of=date(2026, 1, 1), days=100, margin_rate=None
    )
    assert unknown["loyal"].recent_margin is None


def test_a_table_refuses_a_row_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="a row of 1 cells"):
        Table("t", columns(a=Kind.COUNT, b=Kind.COUNT), ((1,),))
