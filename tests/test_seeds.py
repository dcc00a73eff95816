"""Seeds: who may be in one, how large it may be, and that it holds what it promises."""

from datetime import date, timedelta
from decimal import Decimal

import ibis.expr.types as ir
import pandas as pd
import pytest

from audiences.backtest import held, later_worth
from audiences.seeds import Seed, pick_seed
from audiences.segments import Segmentation, segment
from audiences.value import fit_value, predict
from config.audiences import LtvFloor
from config.segments import Base
from tests.support.shops import Shop, cdnow, shop

AS_OF = date(2025, 6, 30)
PLAIN = Base(wholesale_quantile=None, lost_history_factor=0)
EVERYONE = {"max_base_share": 1.0}


def bought(person: str, *days_ago: int, revenue: float = 100.0, **more: object) -> list[dict]:
    return [
        {"person_id": person, "day": AS_OF - timedelta(days=ago), "revenue": revenue, **more}
        for ago in days_ago
    ]


def members(seed: Seed) -> set[str]:
    return set(seed.table.person_id.to_pyarrow().to_pylist())


def crowd() -> list[dict]:
    """Forty people p00..p39 who buy monthly; the higher the number, the more they spend."""
    rows = []
    for i in range(40):
        rows += bought(f"p{i:02}", 5 + i % 9, 35 + i % 7, 70 + i % 5, revenue=10.0 + i)
    return rows


def opened(rows: list[dict], refusing: tuple[str, ...] = ()) -> tuple[Segmentation, ir.Table]:
    names = sorted({row["person_id"] for row in rows})
    consent = ["no" if name in refusing else "yes" for name in names]
    people = pd.DataFrame({"person_id": names, "consent_ads": consent})
    made = shop(pd.DataFrame(rows), people=people)
    cut = segment(made.occasions, made.returns, made.people, as_of=AS_OF, base=PLAIN)
    return cut, made.people


def test_an_amount_is_a_floor_under_all_revenue() -> None:
    made, people = opened(crowd())
    seed = pick_seed(made, people, floor=LtvFloor(amount=Decimal(120)), **EVERYONE)
    assert members(seed) == {f"p{i:02}" for i in range(30, 40)}
    assert (seed.floor, seed.measured_by, seed.base) == (120.0, "revenue", 40)
    assert seed.share == 0.25
    assert seed.refused_by == ()


def test_a_multiple_of_the_average_check_of_the_shop() -> None:
    made, people = opened(crowd())
    seed = pick_seed(made, people, floor=LtvFloor(average_checks=4), **EVERYONE)
    assert seed.floor == pytest.approx(4 * 29.5)
    assert members(seed) == {f"p{i:02}" for i in range(30, 40)}


def test_a_top_share_is_of_buyers_by_predicted_value() -> None:
    made, people = opened(crowd())
    told = made.known.select("person_id", predicted_value=1000.0 - made.known.revenue)
    seed = pick_seed(made, people, floor=LtvFloor(top_share=0.1), predicted=told)
    assert members(seed) == {"p00", "p01", "p02", "p03"}
    assert seed.measured_by == "predicted_value"
    assert seed.notes == ()


def test_without_a_prediction_past_value_decides_and_it_is_said() -> None:
    made, people = opened(crowd())
    seed = pick_seed(made, people, floor=LtvFloor(top_share=0.1))
    assert members(seed) == {"p36", "p37", "p38", "p39"}
    assert seed.measured_by == "value"
    assert "No value could be predicted" in seed.notes[0]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(bought("odd", 3, revenue=31.0), id="one small order"),
        pytest.param(bought("odd", 900, 870, revenue=900.0), id="silent for years"),
    ],
)
def test_who_is_never_in_a_seed(rows: list[dict]) -> None:
    made, people = opened(crowd() + rows)
    seed = pick_seed(made, people, floor=LtvFloor(amount=Decimal(30)), **EVERYONE)
    assert members(seed) == {f"p{i:02}" for i in range(40)}


def test_a_first_order_in_the_top_tenth_is_proof_enough() -> None:
    made, people = opened(crowd() + bought("grand", 3, revenue=500.0))
    seed = pick_seed(made, people, floor=LtvFloor(amount=Decimal(140)), **EVERYONE)
    assert "grand" in members(seed)


def test_without_consent_nobody_is_in_a_seed() -> None:
    made, people = opened(crowd(), refusing=("p39",))
    seed = pick_seed(made, people, floor=LtvFloor(amount=Decimal(120)), **EVERYONE)
    assert "p39" not in members(seed)
    assert "p38" in members(seed)


@pytest.mark.parametrize("flag", ["is_wholesale", "is_returner", "is_discount_hunter"])
def test_the_flagged_are_left_out(flag: str) -> None:
    rows = [row | {"items": 1, "margin": 5.0} for row in crowd()]
    odd = {
        "is_wholesale": bought("odd", 9, 39, 69, revenue=90.0, items=500, margin=50.0),
        "is_returner": bought("odd", 9, 39, 69, revenue=90.0, items=1, margin=50.0),
        "is_discount_hunter": bought(
            "odd", 9, 39, 69, revenue=90.0, items=1, margin=0.5, discount=9.0
        ),
    }[flag]
    back = [("odd", 200.0)] if flag == "is_returner" else []
    returns = pd.DataFrame(back, columns=["person_id", "amount"]).assign(day=AS_OF)
    made = shop(pd.DataFrame(rows + odd), returns=returns)
    base = Base(wholesale_quantile=0.98 if flag == "is_wholesale" else None)
    cut = segment(made.occasions, made.returns, made.people, as_of=AS_OF, base=base)
    flagged = cut.table.filter(cut.table[flag]).person_id.to_pyarrow().to_pylist()
    assert flagged == ["odd"]
    seed = pick_seed(cut, made.people, floor=LtvFloor(amount=Decimal(120)), **EVERYONE)
    assert members(seed) == {f"p{i:02}" for i in range(30, 40)}


def test_a_seed_above_its_window_keeps_the_best() -> None:
    made, people = opened(crowd())
    seed = pick_seed(made, people, floor=LtvFloor(amount=Decimal(30)))
    assert members(seed) == {f"p{i:02}" for i in range(32, 40)}
    assert "40 people qualify; the best 8 are taken" in seed.notes[0]


def test_a_seed_below_the_platform_minimum_is_refused() -> None:
    made, people = opened(crowd())
    floor = LtvFloor(amount=Decimal(120))
    wide = pick_seed(made, people, floor=floor, platform_minimum=5, match_rate=0.5, **EVERYONE)
    assert wide.refused_by == ()
    small = pick_seed(made, people, floor=floor, platform_minimum=6, match_rate=0.5, **EVERYONE)
    assert "10 people qualify for the seed, 12 are needed" in small.refused_by[0]


def test_an_empty_seed_is_refused() -> None:
    made, people = opened(crowd())
    seed = pick_seed(made, people, floor=LtvFloor(amount=Decimal(10_000)))
    assert seed.refused_by != ()


def test_a_seed_can_be_narrowed() -> None:
    made, people = opened(crowd())
    only = people.filter(people.person_id.isin(["p01", "p39"])).select("person_id")
    seed = pick_seed(made, people, floor=LtvFloor(amount=Decimal(120)), among=only, **EVERYONE)
    assert members(seed) == {"p39"}


@pytest.fixture(scope="module")
def real() -> Shop:
    return cdnow()


def test_a_seed_of_real_buyers_holds_many_times_its_share(real: Shop) -> None:
    day = date(1997, 9, 30)
    made = segment(real.occasions, real.returns, real.people, as_of=day, base=PLAIN)
    told = predict(made.known, fit_value(made.known), weeks=39)
    seed = pick_seed(made, real.people, floor=LtvFloor(top_share=0.1), predicted=told)
    later = later_worth(real.occasions, after=day, until=date(1998, 6, 30))
    found = held(seed.table, made.table.filter(made.table.orders > 0), later)
    assert 0.03 < seed.share <= 0.10
    assert found.people == seed.people
    assert found.share > 0.3
    assert found.lift > 4
