"""People, consent that fails closed, occasions and returns; no order is lost."""

from datetime import date
from decimal import Decimal
from hashlib import sha256

import ibis
import pytest

from audiences.people import SUPPRESSED, build_people
from config.shop import Shop
from tests.support.tables import contacts, orders, rows_of, table

SHOP = Shop(name="Shop", currency="RUB", time_zone="Europe/Moscow")
DAY = date(2026, 3, 1)


@pytest.fixture
def engine():
    return ibis.duckdb.connect(threads=2)


def test_orders_become_occasions_and_returns_and_none_is_lost(engine):
    known = contacts(engine, {"id": 1, "email": "a@x.ru"})
    bought = orders(
        engine,
        {"contact_id": "1", "category": "tea", "discount": Decimal(5), "items": 2},
        {"email": "A@X.ru", "amount": Decimal(300), "category": "cups", "margin": Decimal(9)},
        {"contact_id": "1", "state": "cancelled", "amount": Decimal(900)},
        {"contact_id": "1", "state": "returned", "amount": Decimal(-50)},
        {"contact_id": "1", "amount": Decimal(0), "ordered_on": date(2026, 4, 1)},
        {"contact_id": "stranger"},
        {"phone": "8 903 111-22-33"},
        {"email": "noreply@x.ru"},
        {},
    )
    people = build_people(engine, SHOP, known, bought)
    occasions = {row["person_id"]: row for row in rows_of(engine, people.occasions)}
    (buyer,) = {
        row["person_id"] for row in rows_of(engine, people.person_rows) if row["row_id"] == "1"
    }
    first = occasions.pop(buyer)
    assert (first["day"], first["orders"], first["revenue"]) == (DAY, 2, 400.0)
    assert (first["discount"], first["items"], first["category"]) == (5.0, 2, "cups")
    assert first["margin"] is None
    assert [row["revenue"] for row in occasions.values()] == [100.0, 100.0]
    assert rows_of(engine, people.returns) == [{"person_id": buyer, "day": DAY, "amount": 50.0}]
    assert {row["order_id"] for row in rows_of(engine, people.unattributed)} == {"o7", "o8"}
    assert (people.orders, people.orders_unattributed) == (9, 2)
    assert len(rows_of(engine, people.people)) == people.identity.people == 3


def test_an_order_without_a_category_or_channel_hides_nobody_else_s(engine):
    known = contacts(engine, {"id": 1, "email": "a@x.ru"})
    day = date(2026, 4, 1)
    bought = orders(
        engine,
        {"contact_id": "1", "category": "tea", "channel": None, "amount": Decimal(10)},
        {"contact_id": "1", "category": "cups", "channel": "email", "amount": Decimal(20)},
        {"contact_id": "1", "category": None, "channel": None, "amount": Decimal(900)},
        {"contact_id": "1", "category": None, "channel": None, "ordered_on": day},
    )
    people = build_people(engine, SHOP, known, bought)
    told = {
        row["day"]: (row["category"], row["channel"]) for row in rows_of(engine, people.occasions)
    }
    assert told == {DAY: ("cups", "email"), day: (None, None)}


@pytest.mark.parametrize(
    ("said", "consent"),
    [
        (("yes", "yes"), "yes"),
        (("yes", "unknown"), "yes"),
        (("yes", "no"), "no"),
        (("unknown", "unknown"), "unknown"),
    ],
)
def test_consent_fails_closed(engine, said, consent):
    rows = [{"id": n, "email": "a@x.ru", "consent_ads": word} for n, word in enumerate(said)]
    people = build_people(engine, SHOP, contacts(engine, *rows), orders(engine))
    assert [row["consent_ads"] for row in rows_of(engine, people.people)] == [consent]


def test_a_guest_says_yes_or_no_with_an_order(engine):
    bought = orders(
        engine,
        {"email": "a@x.ru", "consent_ads": "yes"},
        {"email": "b@x.ru", "consent_ads": "yes"},
        {"email": "b@x.ru", "consent_ads": "no"},
        {"email": "c@x.ru"},
        {"contact_id": "1", "consent_ads": "no"},
    )
    known = contacts(engine, {"id": 1, "email": "d@x.ru", "consent_ads": "yes"})
    people = build_people(engine, SHOP, known, bought)
    said = {row["person_id"]: row["consent_ads"] for row in rows_of(engine, people.people)}
    whose = {row["value"]: said[row["person_id"]] for row in rows_of(engine, people.identifiers)}
    assert whose == {"a@x.ru": "yes", "b@x.ru": "no", "c@x.ru": "unknown", "d@x.ru": "no"}


def test_who_is_suppressed_has_no_consent(engine):
    rows = [
        {"id": 1, "email": "a@x.ru", "consent_ads": "yes"},
        {"id": 2, "phone": "+79031112233", "consent_ads": "yes"},
        {"id": 3, "email": "c@x.ru", "consent_ads": "yes"},
    ]
    stop = table(
        engine,
        SUPPRESSED,
        [
            {"kind": "email", "value": "a@x.ru", "digest": False},
            {"kind": "phone", "value": sha256(b"79031112233").hexdigest(), "digest": True},
        ],
    )
    people = build_people(engine, SHOP, contacts(engine, *rows), orders(engine), suppressed=stop)
    ids = {row["person_id"]: row["row_id"] for row in rows_of(engine, people.person_rows)}
    consent = {ids[row["person_id"]]: row["consent_ads"] for row in rows_of(engine, people.people)}
    assert consent == {"1": "no", "2": "no", "3": "yes"}


def test_an_empty_cell_of_a_fresher_row_takes_nothing_away(engine):
    old, new = date(2025, 1, 1), date(2026, 1, 1)
    about = {
        "city": "Москва",
        "gender": "f",
        "birth_date": date(1990, 5, 5),
        "channel_first": "ads",
    }
    known = contacts(
        engine,
        {"id": 1, "email": "a@x.ru", "registered_on": new, "last_activity_on": old, **about},
        {"id": 2, "email": "a@x.ru", "registered_on": old, "last_activity_on": new},
    )
    (person,) = rows_of(engine, build_people(engine, SHOP, known, orders(engine)).people)
    assert {name: person[name] for name in about} == about
