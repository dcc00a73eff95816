"""Rows to people: joined by good keys only, in any order, named the same over runs."""

from datetime import date
from hashlib import sha256

import ibis
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiences.people import People, build_people
from config.shop import Shop
from flows import show_people
from flows.refreshing import identity_document
from tests.support.generated_people import generate_people, load, pair_quality
from tests.support.tables import contacts, orders, rows_of

SHOP = Shop(
    name="Shop",
    currency="RUB",
    time_zone="Europe/Moscow",
    own_contacts=("shop.example", "+7 495 777-11-22"),
)


@pytest.fixture(scope="module")
def engine():
    """One for all: an engine is slow to warm up, and every table has a name of its own."""
    return ibis.duckdb.connect(threads=2)


def build(engine, *rows, previous=None) -> People:
    return build_people(
        engine, SHOP, contacts(engine, *rows), orders(engine), previous_keys=previous
    )


def groups(engine, people: People) -> set[frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in rows_of(engine, people.person_rows):
        found.setdefault(row["person_id"], set()).add(row["row_id"])
    return {frozenset(rows) for rows in found.values()}


def names(engine, people: People) -> dict[str, str]:
    return {row["row_id"]: row["person_id"] for row in rows_of(engine, people.person_rows)}


def test_rows_that_share_a_phone_or_an_address_are_one_person(engine):
    people = build(
        engine,
        {"id": 1, "email": "Anna@Example.ru", "phone": "8 (903) 111-22-33"},
        {"id": 2, "email": "anna@example.ru"},
        {"id": 3, "phone": "+79031112233"},
        {"id": 4, "phone": "+79031112234"},
        {"id": 5, "external_id": "77"},
        {"id": 6, "external_id": "77.0", "source": "till"},
    )
    assert groups(engine, people) == {
        frozenset({"1", "2", "3"}),
        frozenset({"4"}),
        frozenset({"5", "6"}),
    }


JUNK = {
    "invented": (
        *("+7 999 999 99 99", "+7 903 000 00 00", "+7 903 123 45 67", "8 903 765-43-21"),
        *("mail@mail.ru", "1@1.ru"),
    ),
    "not a personal number": ("8 800 555-35-35", "8 809 505-51-23"),
    "the shop's own": ("8 495 777 11 22", "masha@shop.example", "ira@mail.shop.example"),
    "role address": ("noreply@mail.ru", "Test@mail.example", "no@mail.example"),
}


def test_a_junk_contact_joins_nobody_and_is_not_sent(engine):
    cells = [cell for each in JUNK.values() for cell in each]
    rows = [
        {"id": f"{cell} {row}", "email" if "@" in cell else "phone": cell}
        for cell in cells
        for row in (1, 2)
    ]
    people = build(engine, *rows, {"id": "a", "external_id": "0"}, {"id": "b", "external_id": "0"})
    assert len(groups(engine, people)) == len(rows) + 2
    found = {reason: len(each) for reason, each in JUNK.items()}
    assert people.identity.junk == found | {"invented": len(JUNK["invented"]) + 1}
    assert rows_of(engine, people.identifiers) == []


def test_a_junk_contact_of_one_person_can_still_be_sent(engine):
    people = build(engine, {"id": 1, "phone": "+7 999 999 99 99"})
    assert [row["value"] for row in rows_of(engine, people.identifiers)] == ["+79999999999"]


def test_a_key_on_many_rows_with_many_surnames_is_nobodys(engine):
    shared = [{"id": n, "phone": "+79035554411", "last_name": f"Surname {n}"} for n in range(11)]
    people = build(engine, *shared)
    assert len(groups(engine, people)) == 11
    assert people.identity.junk == {"shared by a crowd": 1}


def test_a_key_on_many_rows_of_one_surname_is_a_persons(engine):
    same = [{"id": n, "phone": "+79035554411", "last_name": "Ёлкина"} for n in range(6)]
    other = [{"id": n + 6, "phone": "+79035554411", "last_name": "ЕЛКИНА "} for n in range(6)]
    assert len(groups(engine, build(engine, *same, *other))) == 1


def test_a_family_address_joins_nobody(engine):
    family = [
        {
            "id": n,
            "email": "family@example.ru",
            "first_name": name,
            "birth_date": date(1980 + n, 1, 1),
        }
        for n, name in enumerate(["Анна", "Иван", "Пётр", "Ольга"])
    ]
    assert len(groups(engine, build(engine, *family[:3]))) == 1
    people = build(engine, *family)
    assert len(groups(engine, people)) == 4
    assert people.identity.junk == {"shared by a family": 1}


def test_different_external_ids_of_one_source_need_a_second_key(engine):
    one = {"id": 1, "external_id": "a", "email": "x@example.ru"}
    two = {"id": 2, "external_id": "b", "email": "x@example.ru"}
    apart = build(engine, one, two)
    assert len(groups(engine, apart)) == 2
    assert apart.identity.conflicts == 1
    phone = {"phone": "+79035554411"}
    assert len(groups(engine, build(engine, one | phone, two | phone))) == 1
    assert len(groups(engine, build(engine, one, two | {"source": "till"}))) == 1


def test_strangers_who_share_a_phone_need_a_second_key(engine):
    phone, mail = {"phone": "+79035554411"}, {"email": "x@example.ru"}
    anna = {"id": 1, **phone, "first_name": "Анна", "last_name": "Белова"}
    again = {"id": 2, **phone, "first_name": "БЕЛОВА Анна Игоревна", "last_name": None}
    other = {"id": 3, **phone, "first_name": "Иван", "last_name": "Орлов"}
    nameless = {"id": 4, **phone}
    people = build(engine, anna, again | {"id": 5, **mail}, other, nameless, anna | {"id": 6})
    assert groups(engine, people) == {
        frozenset({"1", "6"}), frozenset({"5"}), frozenset({"3"}), frozenset({"4"}),
    }  # fmt: skip
    assert people.identity.conflicts == 1
    together = build(engine, anna | mail, again | {"id": 5, **mail}, other, nameless | mail)
    assert groups(engine, together) == {frozenset({"1", "4", "5"}), frozenset({"3"})}


def test_a_new_surname_a_short_name_and_other_letters_are_no_strangers(engine):
    phone = {"phone": "+79035554411", "last_name": "Белова"}
    people = build(
        engine,
        {"id": 1, **phone, "first_name": "Анна"},
        {"id": 2, **phone, "first_name": "Анна", "last_name": "Котова"},
        {"id": 3, "phone": "+79035554422", "first_name": "Anna", "last_name": "Belova"},
        {"id": 4, "phone": "+79035554422", "first_name": "Анна", "last_name": "Белова"},
        {"id": 5, "phone": "+79035554433", "first_name": "Аня", "last_name": "Белова"},
        {"id": 6, "phone": "+79035554433", "first_name": "Анна", "last_name": "Белова"},
    )
    assert groups(engine, people) == {
        frozenset({"1", "2"}), frozenset({"3", "4"}), frozenset({"5", "6"}),
    }  # fmt: skip


def test_a_phone_of_two_births_is_a_familys(engine):
    phone = {"phone": "+79035554411", "last_name": "Шевченко"}
    rows = (
        {"id": 1, **phone, "first_name": "Олена", "birth_date": date(1980, 1, 1)},
        {"id": 2, **phone, "first_name": "Тарас", "birth_date": date(1979, 5, 5)},
    )
    assert len(groups(engine, build(engine, *rows))) == 2
    assert len(groups(engine, build(engine, rows[0], rows[1] | {"birth_date": None}))) == 1


def test_a_phone_of_many_first_names_is_a_households(engine):
    """Three at one phone may be one person written three ways; four need a second key."""
    phone = {"phone": "+79035554411", "last_name": "Петренко"}
    names = ("Олена", "Лена", "Елена", "Тарас")
    rows = [{"id": n, **phone, "first_name": name} for n, name in enumerate(names)]
    assert len(groups(engine, build(engine, *rows[:3]))) == 1
    apart = build(engine, *rows)
    assert len(groups(engine, apart)) == 4
    assert apart.identity.conflicts == 1
    again = {"id": 5, **phone, "first_name": "Олена"}  # the same phone and the same full name
    assert frozenset({"0", "5"}) in groups(engine, build(engine, *rows, again))


def test_a_component_that_grew_too_big_is_joined_by_external_id_only(engine):
    chain = [
        {"id": f"{n:02}", "email": f"u{n}@example.ru, u{n + 1}@example.ru", "external_id": None}
        for n in range(31)
    ]
    chain[4]["external_id"] = chain[9]["external_id"] = "same"
    people = build(engine, *chain)
    assert people.identity.big == (31,)
    assert frozenset({"04", "09"}) in groups(engine, people)
    assert len(groups(engine, people)) == 30
    assert len(groups(engine, build(engine, *chain[:30]))) == 1


def test_what_leads_to_several_people_names_nobody(engine):
    chain = [
        {"id": f"{n:02}", "email": f"u{n}@example.ru, u{n + 1}@example.ru", "external_id": None}
        for n in range(31)
    ]
    chain[4]["external_id"] = chain[5]["external_id"] = "same"
    first = build(engine, *chain)
    kept = {row["key_digest"]: row["person_id"] for row in rows_of(engine, first.keys)}

    def leads_to(n: int) -> str | None:
        return kept.get(sha256(f"email:u{n}@example.ru".encode()).hexdigest())

    name = names(engine, first)
    assert (leads_to(0), leads_to(31)) == (name["00"], name["30"])  # each on one row
    assert leads_to(5) == name["04"] == name["05"]  # on two rows of one person
    assert {leads_to(n) for n in (*range(1, 5), *range(6, 31))} == {None}
    again = build(engine, *chain, previous=first.keys)
    assert names(engine, again) == name
    assert (again.identity.merged, again.identity.split) == (0, 0)


def test_the_name_stays_when_an_earlier_row_joins(engine):
    first = build(engine, {"id": 5, "email": "a@example.ru"})
    second = build(
        engine,
        {"id": 5, "email": "a@example.ru"},
        {"id": 1, "email": "a@example.ru"},
        previous=first.keys,
    )
    assert set(names(engine, second).values()) == set(names(engine, first).values())
    assert (second.identity.merged, second.identity.split) == (0, 0)


def test_the_name_stays_when_all_rows_are_numbered_anew(engine):
    first = build(engine, {"id": 5, "email": "a@example.ru"})
    second = build(engine, {"id": 900, "email": "a@example.ru"}, previous=first.keys)
    assert names(engine, second)["900"] == names(engine, first)["5"]


def test_who_merges_keeps_the_older_name(engine):
    old = {"id": 9, "email": "a@example.ru"}
    new = {"id": 1, "phone": "+79035554411"}
    first = build(engine, old)
    second = build(engine, old, new, previous=first.keys)
    third = build(engine, old | {"phone": "+79035554411"}, new, previous=second.keys)
    assert set(names(engine, third).values()) == {names(engine, first)["9"]}
    assert third.identity.merged == 1
    assert rows_of(engine, third.resolution.naming.merged) == [
        {"old_id": names(engine, second)["1"], "person_id": names(engine, first)["9"]}
    ]


def test_who_splits_off_gets_a_new_name(engine):
    together = {"id": 2, "email": "a@example.ru", "phone": "+79035554411"}
    first = build(engine, {"id": 1, "email": "a@example.ru"}, together)
    second = build(
        engine,
        {"id": 1, "email": "a@example.ru"},
        {"id": 2, "phone": "+79035554411"},
        previous=first.keys,
    )
    assert names(engine, second)["1"] == names(engine, first)["1"]
    assert names(engine, second)["2"] != names(engine, first)["1"]
    assert second.identity.split == 1


def told(people: People) -> str:
    return show_people.people({"identity": identity_document(people)})


def test_a_refresh_tells_who_was_joined_parted_and_left_apart(engine):
    card, other = {"id": 1, "email": "a@example.ru"}, {"id": 2, "phone": "+79035554411"}
    both = {"id": 3, "email": "a@example.ru", "phone": "+79035554411"}
    first = build(engine, card, other)
    assert told(first).endswith("lead to nobody).")
    joined = build(engine, card, other, both, previous=first.keys)
    assert "known, and go by the older id: 1." in told(joined)
    parted = build(engine, card, other, previous=joined.keys)
    assert "have an id of their own: 1." in told(parted)
    one, two = card | {"external_id": "a"}, {"id": 4, "email": "a@example.ru", "external_id": "b"}
    assert "together with a second one: 1." in told(build(engine, one, two))
    chain = [{"id": f"{n:02}", "email": f"u{n}@example.ru, u{n + 1}@example.ru"} for n in range(31)]
    assert "external id only: 1, the largest of 31 rows." in told(build(engine, *chain))


def test_a_name_is_never_given_twice(engine):
    """The first row leaves, its person goes on; when it comes back alone it is somebody new."""
    first = build(engine, {"id": 1, "email": "a@example.ru"}, {"id": 2, "email": "a@example.ru"})
    second = build(engine, {"id": 2, "email": "a@example.ru"}, previous=first.keys)
    third = build(
        engine, {"id": 1, "email": "b@example.ru"}, {"id": 2, "email": "a@example.ru"},
        previous=second.keys,
    )  # fmt: skip
    assert len(set(names(engine, third).values())) == 2
    assert names(engine, third)["2"] == names(engine, first)["2"]


CELLS = st.fixed_dictionaries(
    {
        "email": st.sampled_from([None, "a@example.ru", "b@example.ru", "c@example.ru"]),
        "phone": st.sampled_from([None, "+79035554411", "8 903 555-44-12"]),
        "external_id": st.sampled_from([None, None, "x", "y"]),
        "last_name": st.sampled_from(["А", "Б"]),
    }
)


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(cells=st.lists(CELLS, min_size=2, max_size=10), data=st.data())
def test_the_order_of_rows_does_not_matter(cells, data):
    engine = ibis.duckdb.connect(threads=2)
    rows = [{"id": place, **cell} for place, cell in enumerate(cells)]
    shuffled = data.draw(st.permutations(rows))
    one, other = build(engine, *rows), build(engine, *shuffled)
    assert names(engine, one) == names(engine, other)
    again = build(engine, *data.draw(st.permutations(rows)), previous=one.keys)
    assert names(engine, again) == names(engine, one)


def test_known_people_are_found_again(engine):
    generated = generate_people(20_000, seed=7)
    people = build_people(engine, SHOP, load(engine, generated.rows), orders(engine))
    found = names(engine, people)
    ids = generated.rows.column("row_id").to_pylist()
    labels = np.unique([found[row] for row in ids], return_inverse=True)[1]
    quality = pair_quality(generated.truth, labels)
    assert quality.precision >= 0.999
    assert quality.recall >= 0.85
