"""Segments of small invented shops: rules, flags, switches, and independence of row order."""

import math
from datetime import date, timedelta
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences.model import Segment
from audiences.ranks import RF_GRID, rf_grid
from audiences.segments import Segmentation, segment, sizes
from audiences.staging import engine_of
from audiences.tables import SEGMENTED
from audiences.value import fit_value, predict
from config.segments import Base
from tests.support.shops import Shop, cdnow_sample, shop

AS_OF = date(2025, 6, 30)
PLAIN = Base(wholesale_quantile=None, returner_share=1, lost_history_factor=0)


def bought(person: str, *days_ago: int, revenue: float = 100.0, **more: object) -> list[dict]:
    return [
        {"person_id": person, "day": AS_OF - timedelta(days=ago), "revenue": revenue, **more}
        for ago in days_ago
    ]


def crowd(number: int = 60) -> list[dict]:
    """Regular buyers of two to six occasions, every 20 to 59 days, so that a rhythm is measured."""
    rows = []
    for i in range(number):
        gap, last = 20 + (i * 7) % 40, (i * 5) % 45
        days = [last + gap * k + (i * k) % 9 for k in range(2 + i % 5)]
        rows += bought(f"c{i:03}", *days, revenue=50.0 + i)
    return rows


def cut(
    rows: list[dict], base: Base = PLAIN, as_of: date = AS_OF, **tables: object
) -> Segmentation:
    made = shop(pd.DataFrame(rows), **tables)  # type: ignore[arg-type]
    return of(made, base, as_of)


def of(made: Shop, base: Base = PLAIN, as_of: date = AS_OF) -> Segmentation:
    return segment(made.occasions, made.returns, made.people, as_of=as_of, base=base)


def people_of(made: Segmentation) -> pd.DataFrame:
    return made.table.order_by("person_id").to_pandas().set_index("person_id")


def test_the_table_has_the_agreed_schema() -> None:
    made = cut(crowd())
    loose = [(name, kind(nullable=True)) for name, kind in SEGMENTED.items()]
    assert [(n, k(nullable=True)) for n, k in made.table.schema().items()] == loose


def test_what_a_person_is_decided_from() -> None:
    rows = crowd() + bought("ann", 400, 30, 10, revenue=80, orders=2)
    ann = people_of(cut(rows)).loc["ann"]
    assert (ann.orders, ann.recency_days, ann.age_days) == (3, 10, 400)
    assert ann.revenue == 240.0
    assert ann.value == 160.0  # the first purchase is 390 days before the last
    assert ann.average_order == 80.0  # per day with an order
    assert ann.state == "active"


def test_value_ends_at_the_last_purchase_and_does_not_fade() -> None:
    rows = crowd() + bought("ann", 364 + 40, 40, revenue=80) + bought("bea", 365 + 40, 40)
    found = people_of(cut(rows))
    assert found.loc["ann"].value == 160.0
    assert found.loc["bea"].value == 100.0


def test_orders_after_the_snapshot_are_not_seen() -> None:
    rows = crowd()
    later = [row | {"day": AS_OF + timedelta(days=3), "revenue": 9000.0} for row in rows[:40:2]]
    once = {(row["person_id"], row["day"]): row for row in later}
    assert people_of(cut(rows)).equals(people_of(cut(rows + list(once.values()))))


def test_people_without_purchases_are_registered_or_asleep() -> None:
    names = sorted({row["person_id"] for row in crowd()})
    people = pd.DataFrame(
        {
            "person_id": [*names, "young", "old", "awake", "blank"],
            "registered_on": [None] * len(names)
            + [AS_OF - timedelta(days=ago) for ago in (30, 31, 500)]
            + [None],
            "last_activity_on": [None] * (len(names) + 2) + [AS_OF - timedelta(days=1), None],
        }
    )
    made = cut(crowd(), people=people)
    found = people_of(made).segment
    assert found["young"] == Segment.REGISTERED
    assert found["old"] == Segment.SLEEPING_REGISTERED
    assert found["awake"] == Segment.REGISTERED
    assert found["blank"] == Segment.SLEEPING_REGISTERED
    assert sum(size.people for size in sizes(made.table).values()) == len(people)
    assert people_of(made).loc["blank"].orders == 0
    assert pd.isna(people_of(made).loc["blank"].state)


def test_registration_stays_new_as_long_as_first_purchases_take() -> None:
    names = [f"n{i:03}" for i in range(250)]
    rows = crowd() + [row for name in names for row in bought(name, 50)]
    people = pd.DataFrame(
        {
            "person_id": [*sorted({row["person_id"] for row in crowd()}), *names],
            "registered_on": [None] * 60
            + [AS_OF - timedelta(days=50 + i) for i in range(len(names))],
        }
    )
    assert cut(rows, people=people).cuts.registered_days == pytest.approx(0.8 * 249)


def test_wholesale_is_flagged_and_never_vip() -> None:
    rows = crowd() + bought("big", 40, 5, revenue=99_000.0)
    assert people_of(cut(rows)).loc["big"].segment == Segment.VIP
    base = PLAIN.model_copy(update={"wholesale_quantile": 0.99})
    big = people_of(cut(rows, base)).loc["big"]
    assert (big.is_wholesale, big.is_vip) == (True, False)
    assert big.segment == Segment.PROMISING


def test_items_per_occasion_make_wholesale_too() -> None:
    rows = [row | {"items": 2} for row in crowd()] + bought("many", 40, 5, items=900)
    base = PLAIN.model_copy(update={"wholesale_quantile": 0.99})
    flagged = people_of(cut(rows, base)).is_wholesale
    assert flagged["many"]


def test_returner_is_flagged_and_never_vip() -> None:
    rows = crowd() + bought("back", 40, 5, revenue=5000.0)
    back = pd.DataFrame({"person_id": ["back"], "day": [AS_OF], "amount": [5000.0]})
    base = PLAIN.model_copy(update={"returner_share": 0.5})
    person = people_of(cut(rows, base, returns=back)).loc["back"]
    assert (person.is_returner, person.is_vip) == (True, False)
    before = people_of(cut(rows, base, as_of=AS_OF - timedelta(days=1), returns=back)).loc["back"]
    assert (before.is_returner, before.is_vip) == (False, True)


def test_value_can_be_net_of_returns() -> None:
    rows = crowd() + bought("back", 40, 5, revenue=5000.0)
    back = pd.DataFrame({"person_id": ["back"], "day": [AS_OF], "amount": [4000.0]})
    assert people_of(cut(rows, returns=back)).loc["back"].value == 10_000.0
    net = PLAIN.model_copy(update={"net_returns": True})
    assert people_of(cut(rows, net, returns=back)).loc["back"].value == 6000.0


def test_margin_is_the_value_where_it_is_known() -> None:
    rows = [*crowd(), *bought("known", 40, 5, margin=30.0), *bought("guess", 40, 5)]
    rate = PLAIN.model_copy(update={"margin_rate": 0.25})
    found = people_of(cut(rows, rate))
    assert found.loc["known"].value == 60.0
    assert found.loc["guess"].value == 50.0


def test_margin_of_some_only_is_said() -> None:
    rows = [*crowd(), *bought("known", 40, 5, margin=30.0)]
    assert any("1 of 61 buyers have a margin" in note for note in cut(rows).notes)
    assert cut(rows, PLAIN.model_copy(update={"margin_rate": 0.25})).notes == ()


def test_discount_hunters_bought_most_of_it_cheap_and_twice() -> None:
    rows = [row | {"margin": 20.0, "discount": 0.0} for row in crowd()]
    rows += bought("hunts", 40, 5, margin=1.0, discount=30.0)
    rows += bought("earns", 40, 5, margin=90.0, discount=30.0)
    rows += bought("once", 5, margin=1.0, discount=30.0)
    for name, full_price in (("four_fifths", 100.0), ("three_quarters", 133.4)):
        rows += bought(name, 40, 5, margin=1.0, revenue=200.0, discount=30.0)
        rows += bought(name, 20, margin=1.0, revenue=full_price, discount=0.0)
    flagged = people_of(cut(rows)).is_discount_hunter
    assert flagged["four_fifths"]
    assert not flagged["three_quarters"]
    assert flagged["hunts"]
    assert not flagged["earns"]
    assert not flagged["once"]


def test_lost_is_off_while_history_is_short_and_it_is_said() -> None:
    rows = crowd() + bought("gone", 280, 275)
    off = cut(rows, PLAIN.model_copy(update={"lost_history_factor": 50}))
    assert not off.lost_on
    assert people_of(off).loc["gone"].segment == Segment.SLEEPING
    assert any("called lost" in note for note in off.notes)
    on = cut(rows)
    assert people_of(on).loc["gone"].segment == Segment.LOST
    assert on.notes == ()


def test_fixed_days_decide_when_asked() -> None:
    rows = crowd() + bought("a", 90) + bought("b", 91) + bought("c", 181) + bought("d", 366)
    made = cut(rows, PLAIN.model_copy(update={"state": "days"}))
    found = people_of(made)
    assert list(found.loc[["a", "b", "c", "d"]].state) == ["active", "slipping", "asleep", "lost"]
    assert made.limits == (90, 180, 365)


def test_three_stages() -> None:
    rows = crowd() + bought("a", 60) + bought("b", 200, 60) + bought("c", 61) + bought("d", 400, 90)
    found = people_of(cut(rows, PLAIN.model_copy(update={"state": "lifecycle"})))
    assert list(found.loc[["a", "b", "c", "d"]].segment) == ["new", "loyal", "at_risk", "at_risk"]
    assert set(found.segment) == {"new", "loyal", "at_risk"}
    assert list(found.loc[["a", "c", "d"]].state) == ["active", "asleep", "asleep"]


def test_a_base_without_repeats_falls_back_to_days_and_says_so() -> None:
    made = cut(bought("a", 5) + bought("b", 100))
    assert made.calibration is None
    assert made.states_by == "days"
    assert "fixed day limits" in made.notes[0]
    assert list(people_of(made).segment) == ["new", "drifting"]


def test_a_model_that_does_not_fit_is_not_used() -> None:
    made = cut(crowd(), PLAIN.model_copy(update={"state": "model"}))
    assert made.states_by == "rhythm"
    assert "did not fit" in made.notes[0]


def test_only_the_two_tables_of_the_answer_stay_in_the_engine() -> None:
    made = shop(pd.DataFrame(crowd()))
    of(made)
    engine = engine_of(made.occasions)
    left = engine.raw_sql("select table_name from duckdb_tables() where temporary").fetchall()
    assert len(left) == 2


def test_a_model_that_fits_decides_by_the_chance_to_be_a_customer() -> None:
    made = cdnow_sample()
    base = PLAIN.model_copy(update={"state": "model"})
    found = of(made, base, date(1997, 9, 30))
    assert (found.states_by, found.limits, found.notes) == ("model", (), ())
    judged = people_of(found)
    assert set(judged.state) == {"active", "slipping", "asleep", "lost"}
    once = judged[judged.orders == 1].groupby("state").recency_days.agg(["min", "max"])
    known = [state for state in ("active", "slipping", "asleep", "lost") if state in once.index]
    for sooner, later in pairwise(known):
        assert once.loc[sooner, "max"] <= once.loc[later, "min"] + 7


def test_nobody_at_all_is_no_failure() -> None:
    rows = pd.DataFrame(bought("later", -5))
    made = of(shop(rows))
    assert people_of(made).loc["later"].segment == Segment.SLEEPING_REGISTERED


def test_categories_have_their_own_rhythm() -> None:
    rows = [row | {"category": "milk"} for row in crowd(40)]
    for i in range(40):
        slow = bought(f"s{i:03}", 10, 130 + i, 270 + 3 * i, category="sofa")
        rows += slow
    rows += bought("m", 60, category="milk") + bought("s", 60, category="sofa")
    found = people_of(cut(rows))
    assert found.loc["m"].rhythm_days < found.loc["s"].rhythm_days
    assert found.loc["m"].silence > found.loc["s"].silence


def test_a_category_of_thirty_customers_has_a_centre_of_its_own_half_way_to_fifty() -> None:
    """mu = (50 mu0 + sum of means) / (50 + customers); with 29 customers it is the shop's."""
    rows = [row | {"category": "milk"} for row in crowd(40)]
    for i in range(30):
        rows += bought(f"s{i:03}", 10, 110, category="sofa")
    for i in range(29):
        rows += bought(f"t{i:03}", 10, 110, category="tea")
    calibration = cut(rows).calibration
    assert calibration is not None
    centres = dict(calibration.categories)
    assert set(centres) == {"milk", "sofa"}
    expected = (50 * calibration.mu0 + 30 * math.log(100)) / 80
    assert centres["sofa"] == pytest.approx(expected, abs=1e-7)


def test_the_model_s_states_end_at_three_quarters_a_half_and_a_quarter() -> None:
    made = cdnow_sample()
    base = PLAIN.model_copy(update={"state": "model"})
    found = of(made, base, date(1997, 9, 30))
    told = predict(found.known, fit_value(found.known)).select("person_id", "alive")
    rows = found.table.inner_join(told, "person_id").to_pandas()
    wanted = pd.cut(
        rows.alive, [-1, 0.25, 0.5, 0.75, 2], right=False,
        labels=["lost", "asleep", "slipping", "active"],
    )  # fmt: skip
    assert (wanted.astype(str) == rows.state).all()
    assert rows.state.nunique() == 4


def test_the_grid_is_total_and_equals_share_a_score() -> None:
    assert len(RF_GRID) == 25
    graded = rf_grid(cut(crowd()).table).to_pandas()
    assert graded.rf_label.notna().all()
    assert graded.f_score.between(1, 5).all()
    found = cut(crowd())
    both = found.table.inner_join(rf_grid(found.table), "person_id").to_pandas()
    assert (both.groupby("orders").f_score.nunique() == 1).all()
    assert both.loc[both.recency_days.idxmin()].r_score == 5


shops = st.lists(
    st.tuples(
        st.integers(0, 25),
        st.integers(0, 700),
        st.integers(1, 10**7),
        st.sampled_from([None, "milk", "sofa"]),
    ),
    min_size=1,
    max_size=120,
    unique_by=lambda row: row[:2],
)


@pytest.mark.parametrize("state", ["rhythm", "model", "days", "lifecycle"])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=shops, order=st.randoms(use_true_random=False))
def test_rows_in_any_order_give_the_same_segments(
    state: str, rows: list[tuple], order: object
) -> None:
    base = Base(state=state)
    occasions = [
        row
        for person, ago, cents, category in rows
        for row in bought(f"p{person}", ago, revenue=cents / 100, category=category)
    ]
    first = cut(occasions, base)
    mixed = list(occasions)
    order.shuffle(mixed)  # type: ignore[attr-defined]
    second = cut(mixed, base)
    assert people_of(first).equals(people_of(second))
    grids = [rf_grid(made.table).order_by("person_id").to_pandas() for made in (first, second)]
    assert grids[0].equals(grids[1])
    assert first.calibration == second.calibration
    everyone = {row["person_id"] for row in occasions}
    assert set(people_of(first).index) == everyone
    assert sum(size.people for size in sizes(first.table).values()) == len(everyone)
