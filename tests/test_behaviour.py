"""Behaviour out of events, and the rules that use it."""

from datetime import date, datetime, timedelta

import ibis
import ibis.expr.types as ir
import pandas as pd
import pytest

from audiences.behaviour import behaviour, moment_of, sessions_per_month
from audiences.choosing import choose, describe
from audiences.history import carry_on
from audiences.scores import score_people
from audiences.segments import segment
from audiences.tables import EVENTS
from config.rules import parse_condition
from config.segments import Base
from tests.support.shops import Shop, shop
from tests.support.tables import rows_of, table

TODAY = date(2026, 3, 31)
NOW = datetime.fromisoformat("2026-04-01")
CARPET_LOOKERS = (
    "gender = 'female' and age_years between 35 and 45 and city = 'Москва' and orders_30d = 2 "
    "and cart_categories like '%|carpet|%' and letters_opened_30d >= 3"
)
"""Woman of 35 to 45 from Moscow, two purchases in a month, carpet in the cart, not bought, three
letters opened."""


def ago(**back: int) -> datetime:
    return NOW - timedelta(**back)


def event(
    person: str, kind: str, ts: datetime, sku: str | None = None, category: str | None = None
):
    return {"person_id": person, "kind": kind, "ts": ts, "sku": sku, "category": category}


def told(*events: dict, bought: dict[str, date] | None = None) -> dict[str, dict]:
    engine = ibis.duckdb.connect()
    rows = [{"person_id": who, "day": day} for who, day in (bought or {}).items()]
    schema = ibis.schema({"person_id": "string", "day": "date"})
    occasions = table(engine, schema, rows)
    found = behaviour(table(engine, EVENTS, events), occasions, moment=NOW)
    return {row["person_id"]: row for row in rows_of(engine, found)}


def test_three_cards_of_a_category_count_each_product_once() -> None:
    seen = [event("a", "product_view", ago(days=d), sku, "carpet") for d, sku in enumerate("xyzx")]
    (row,) = told(*seen, event("a", "view", ago(days=2), "w", "lamp")).values()
    assert (row["top_category_30d"], row["top_category_cards_30d"]) == ("carpet", 3)
    assert row["cards_viewed_30d"] == 4


def test_cards_older_than_a_month_are_forgotten() -> None:
    (row,) = told(event("a", "view", ago(days=31), "x", "carpet")).values()
    assert (row["cards_viewed_30d"], row["top_category_30d"]) == (0, None)
    assert row["last_visit_days"] == 31


def test_a_visit_ends_after_half_an_hour_of_silence() -> None:
    row = told(
        event("a", "page", ago(hours=10)),
        event("a", "page", ago(hours=9, minutes=45)),
        event("a", "page", ago(hours=5)),
        event("b", "page", ago(hours=71)),
        event("b", "page", ago(hours=73)),
        event("c", "opened", ago(hours=1)),
    )
    assert (row["a"]["visits_30d"], row["a"]["repeat_visit_72h"]) == (2, True)
    assert (row["b"]["visits_30d"], row["b"]["repeat_visit_72h"]) == (2, False)
    assert (row["c"]["visits_30d"], row["c"]["repeat_visit_72h"]) == (0, False)


def test_a_cart_is_left_behind_until_something_is_bought_or_taken_out() -> None:
    put = ago(hours=50)
    row = told(
        event("a", "add_to_cart", put, "x", "carpet"),
        event("a", "add_to_cart", ago(hours=49), "y", "lamp"),
        event("b", "add_to_cart", put, "x", "carpet"),
        event("b", "remove_from_cart", ago(hours=40), "x", "carpet"),
        event("c", "add_to_cart", put, "x", "carpet"),
        event("d", "add_to_cart", put, "x", "carpet"),
        bought={"c": put.date(), "d": put.date() - timedelta(days=1)},
    )
    assert row["a"]["cart_age_hours"] == 49
    assert (row["a"]["cart_items"], row["a"]["cart_categories"]) == (2, "|carpet|lamp|")
    assert row["b"]["cart_age_hours"] is None
    assert row["c"]["cart_age_hours"] is None
    assert row["d"]["cart_age_hours"] == 50


def test_wishlist_and_letters() -> None:
    row = told(
        event("a", "Favorite", ago(days=100), "x", "carpet"),
        event("a", "favorite", ago(days=90), "y", None),
        event("a", "unwish", ago(days=80), "y", None),
        *(event("a", "opened", ago(days=day), f"letter {day % 3}") for day in range(1, 7)),
        event("a", "clicked", ago(days=1), "letter 1"),
    )["a"]
    assert (row["wishlist_items"], row["wishlist_categories"]) == (1, "|carpet|")
    assert (row["letters_opened_30d"], row["letters_clicked_30d"]) == (3, 1)


def test_what_is_not_known_yet_and_unknown_kinds_say_nothing() -> None:
    assert told(event("a", "page", NOW), event("b", "dance", ago(days=1))) == {}


def test_sessions_are_those_of_a_month() -> None:
    engine = ibis.duckdb.connect()
    events = table(engine, EVENTS, [event("a", "page", ago(days=day)) for day in (1, 2, 40)])
    assert sessions_per_month(events, moment=NOW) == 2


def test_the_moment_is_now_but_never_past_the_snapshot_day() -> None:
    assert moment_of(TODAY) == NOW
    assert moment_of(TODAY, datetime.fromisoformat("2026-03-31T10:00")) == datetime.fromisoformat(
        "2026-03-31T10:00"
    )
    assert moment_of(TODAY, datetime.fromisoformat("2027-01-01")) == NOW


@pytest.fixture(scope="module")
def carpet_shop() -> tuple[Shop, ir.Table]:
    """Anna is meant; each other differs from her in one thing."""
    names = ["anna", "ivan", "olga", "vera", "nina", "dora", "rita"]
    born = {"olga": date(1960, 1, 1)}
    days = [(name, date(2026, 3, day)) for name in names for day in (5, 20)]
    days += [("vera", date(2026, 3, 25)), ("rita", date(2026, 3, 30))]
    days.remove(("rita", date(2026, 3, 5)))
    occasions = pd.DataFrame([{"person_id": n, "day": d, "revenue": 10.0} for n, d in days])
    people = pd.DataFrame(
        {
            "person_id": names,
            "gender": ["male" if name == "ivan" else "female" for name in names],
            "city": "Москва",
            "birth_date": [born.get(name, date(1986, 6, 1)) for name in names],
            "registered_on": None,
            "last_activity_on": None,
            "channel_first": None,
        }
    )
    made = shop(occasions, people=people)
    events = [
        event(name, "opened", ago(days=day), f"letter {day}") for name in names for day in (1, 2, 3)
    ]
    events += [
        event(name, "add_to_cart", ago(days=5), "c1", "lamp" if name == "dora" else "carpet")
        for name in names
    ]
    events = [one for one in events if (one["person_id"], one["sku"]) != ("nina", "letter 3")]
    return made, table(ibis.duckdb.connect(), EVENTS, events)


def described_shop(carpet_shop: tuple[Shop, ir.Table], **more):
    made, events = carpet_shop
    engine = made.occasions._find_backend()
    name = "events"
    given = engine.create_table(name, events.to_pyarrow(), temp=True, overwrite=True)
    segments = segment(made.occasions, made.returns, made.people, as_of=TODAY, base=Base())
    scores = score_people(
        segments,
        made.occasions,
        stories=carry_on(None, segments.table, as_of=TODAY),
        predicted=None,
        events=given,
        moment=NOW,
    )
    return describe(
        segments.table, made.people, as_of=TODAY, scores=scores, **{"overlays": {}, **more}
    )


def test_the_article_s_example_finds_who_is_meant_and_nobody_else(carpet_shop) -> None:
    described = described_shop(carpet_shop)
    found = choose(described, parse_condition(CARPET_LOOKERS))
    # rita bought after the carpet went into her cart, vera once too often.
    assert found.person_id.to_pyarrow().to_pylist() == ["anna"]


def test_a_frequency_guard_keeps_out_who_is_in_another_audience(carpet_shop) -> None:
    lookers = parse_condition("cart_categories like '%|carpet|%'")
    men = parse_condition("gender = 'male'")
    free = described_shop(carpet_shop, overlays={"lookers": lookers})
    guarded = described_shop(
        carpet_shop, overlays={"lookers": lookers}, left_out={"lookers": (men,)}
    )
    rule = parse_condition("lookers", overlays=["lookers"])

    def who(described: ir.Table) -> set[str]:
        return set(choose(described, rule).person_id.to_pyarrow().to_pylist())

    assert who(free) - who(guarded) == {"ivan"}
    assert who(guarded) < who(free)


def test_without_events_behaviour_is_unknown_and_transactions_still_speak(carpet_shop) -> None:
    made, _ = carpet_shop
    segments = segment(made.occasions, made.returns, made.people, as_of=TODAY, base=Base())
    scores = score_people(
        segments,
        made.occasions,
        stories=carry_on(None, segments.table, as_of=TODAY),
        predicted=None,
        events=None,
        moment=NOW,
    )
    rows = {row["person_id"]: row for row in scores.to_pyarrow().to_pylist()}
    assert rows["anna"]["cart_age_hours"] is None
    assert rows["anna"]["orders_30d"] == 2
    assert rows["vera"]["orders_30d"] == 3
    assert rows["vera"]["orders_rank"] == 0
    assert rows["anna"]["orders_rank"] == pytest.approx(100 / 7)
