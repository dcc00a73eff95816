"""Segments over time: on real orders by what must hold, on small tables to the digit."""

from datetime import date
from itertools import pairwise

import ibis
import pandas as pd
import pytest

from audiences.history import (
    STORIES,
    carry_on,
    churn_risk,
    migration,
    retention,
    retention_matrix,
    wilson,
)
from audiences.segments import Segmentation, segment
from config.segments import Base
from tests.support.shops import Shop, online_retail

JUNE, SEPTEMBER = date(2011, 6, 30), date(2011, 9, 9)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return online_retail()


@pytest.fixture(scope="module")
def june(shop: Shop) -> Segmentation:
    return segment(shop.occasions, shop.returns, shop.people, as_of=JUNE, base=Base())


@pytest.fixture(scope="module")
def september(shop: Shop) -> Segmentation:
    return segment(shop.occasions, shop.returns, shop.people, as_of=SEPTEMBER, base=Base())


def test_wilson_interval() -> None:
    rate = wilson(8, 10)
    assert (round(rate.low, 4), round(rate.high, 4)) == (0.4902, 0.9433)
    assert wilson(0, 0).high == 1.0
    assert wilson(0, 5).low == 0.0


def test_rows_of_the_migration_sum_to_one(june: Segmentation, september: Segmentation) -> None:
    moves = migration(june.table, september.table).to_pandas()
    assert moves.people.sum() == 4372
    assert moves.groupby("before").share.sum().round(12).eq(1).all()
    share = moves.set_index(["before", "after"]).share
    assert share["vip", "vip"] > 0.7
    assert ("promising", "new") not in share.index


def test_entrants_and_leavers_have_their_own_lines() -> None:
    before = ibis.memtable({"person_id": ["a", "b", "c"], "segment": ["new", "new", "vip"]})
    after = ibis.memtable({"person_id": ["a", "b", "d"], "segment": ["new", "vip", "new"]})
    moves = migration(before, after).to_pandas()
    found = {(r.before, r.after): (r.people, r.share) for r in moves.fillna("-").itertuples()}
    assert found == {
        ("new", "new"): (1, 0.5),
        ("new", "vip"): (1, 0.5),
        ("vip", "-"): (1, "-"),
        ("-", "new"): (1, "-"),
    }


def test_the_wanted_order_of_retention(shop: Shop, september: Segmentation) -> None:
    rates = retention(september.table, shop.occasions, as_of=SEPTEMBER, days=91)
    shares = [rates[name].share for name in ("vip", "loyal", "at_risk", "drifting", "sleeping")]
    assert all(higher > lower for higher, lower in pairwise(shares))
    assert rates["vip"].low < rates["vip"].share < rates["vip"].high


def test_retention_needs_the_period_it_speaks_of(shop: Shop, september: Segmentation) -> None:
    with pytest.raises(ValueError, match="orders end on 2011-12-09"):
        retention(september.table, shop.occasions, as_of=SEPTEMBER, days=92)


def test_the_matrix_counts_everybody_once(
    shop: Shop, june: Segmentation, september: Segmentation
) -> None:
    cells = retention_matrix(
        september.table, shop.occasions, as_of=SEPTEMBER, days=91, before=june.table
    )
    assert sum(cell.rate.people for cell in cells) == 4372
    found = {(cell.count_class, cell.state): cell for cell in cells}
    assert found["vip", "active"].rate.share > found["first", "active"].rate.share
    assert found["loyal", "active"].rate.share > found["loyal", "asleep"].rate.share
    later = shop.occasions.filter(shop.occasions.day > ibis.literal(SEPTEMBER))
    assert sum(cell.revenue for cell in cells) == pytest.approx(
        later.revenue.sum().to_pyarrow().as_py()
    )
    assert all(cell.change is not None for cell in cells)


def test_the_call_list_is_loyal_and_first_buyers_who_fall_silent(june: Segmentation) -> None:
    calls = churn_risk(june.table).to_pandas()
    cells = set(zip(calls.count_class, calls.state, strict=True))
    assert cells == {("loyal", "slipping"), ("loyal", "asleep"), ("first", "slipping")}


def test_a_story_is_carried_on() -> None:
    first = pd.DataFrame(
        {"person_id": list("abc"), "segment": ["new", "new", "vip"], "orders": [1, 1, 9]}
    )
    second = pd.DataFrame(
        {
            "person_id": list("abcd"),
            "segment": ["new", "promising", "vip_at_risk", "new"],
            "orders": [1, 2, 9, 1],
        }
    )
    begun = carry_on(None, ibis.memtable(first), as_of=JUNE)
    told = carry_on(begun, ibis.memtable(second), as_of=SEPTEMBER)
    assert told.columns == tuple(STORIES)
    rows = told.order_by("person_id").to_pandas().set_index("person_id")
    assert list(rows.entered_by) == ["first_seen", "purchase", "silence", "first_seen"]
    assert [day.date() if hasattr(day, "date") else day for day in rows.entered_on] == [
        JUNE,
        SEPTEMBER,
        SEPTEMBER,
        SEPTEMBER,
    ]
    assert list(rows.previous_segment.fillna("-")) == ["-", "new", "vip", "-"]
