"""E-mails in cells, digests of people, and columns that are not what they were declared as."""

from hashlib import sha256

import ibis
import pyarrow as pa
import pytest

from audiences.contacts import MixedContacts, by_person, digests, refuse_mixed
from audiences.emails import emails_in
from audiences.tables import IDENTIFIERS, digests_schema
from connectors.recipes import GOOGLE, META
from tests.support.tables import rows_of, table


@pytest.mark.parametrize(
    ("cell", "addresses"),
    [
        (" Anna@Example.RU ", ["anna@example.ru"]),
        ("a@x.ru; b@x.ru a@x.ru", ["a@x.ru", "b@x.ru"]),
        ("'anna@example.ru", ["anna@example.ru"]),
        ('="anna@example.ru"', ["anna@example.ru"]),
        ("Анна <anna@example.ru>", ["anna@example.ru"]),
        ("ivan@xn--e1afmkfd.xn--p1ai", ["ivan@пример.рф"]),
        ("an\u200bna@example.ru", ["anna@example.ru"]),
        ("ａnna@example.ru", ["anna@example.ru"]),
        ("anna@localhost", []),
        ("a b@example.com", []),
        ("a@b@c.ru", []),
        ("нет", []),
    ],
)
def test_a_cell_gives_its_addresses(cell, addresses):
    assert list(emails_in(cell)) == addresses


def test_digests_are_distinct_and_sorted_and_never_of_nothing():
    engine = ibis.duckdb.connect(threads=2)
    known = table(
        engine,
        IDENTIFIERS,
        [
            {"person_id": "p1", "kind": "email", "value": "b.c+x@gmail.com"},
            {"person_id": "p1", "kind": "email", "value": "bc@gmail.com"},
            {"person_id": "p1", "kind": "email", "value": "a@x.ru"},
            {"person_id": "p1", "kind": "phone", "value": "+79031112233"},
            {"person_id": "p2", "kind": "email", "value": "+x@gmail.com"},
            {"person_id": "p3", "kind": "external_id", "value": "7"},
        ],
    )
    made = digests(by_person(known), GOOGLE)
    assert made.schema().names == digests_schema().names
    (row,) = rows_of(engine, made)
    hashes = [sha256(text.encode()).hexdigest() for text in ("bc@gmail.com", "a@x.ru")]
    assert row["email"] == sorted(hashes)
    assert row["phone"] == [sha256(b"+79031112233").hexdigest()]
    assert row["external_id"] == []
    assert {row["person_id"] for row in rows_of(engine, digests(by_person(known), META))} == {
        "p1", "p2", "p3",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "hashed", "fault"),
    [
        (["a" * 64, None, ""], True, None),
        (["a" * 64, "x@y.ru"], True, "1 of 2"),
        (["A" * 64], True, "1 of 1"),
        (["x@y.ru", None], False, None),
        (["x@y.ru", "0" * 32], False, "1 of 2"),
    ],
)
def test_a_column_is_held_to_its_declaration(cells, hashed, fault):
    engine = ibis.duckdb.connect(threads=2)
    given = engine.create_table("given", ibis.memtable(pa.table({"cell": cells})), temp=True)
    if fault is None:
        refuse_mixed(engine, given.cell, hashed=hashed, where="c.csv: email")
        return
    with pytest.raises(MixedContacts, match=fault) as refused:
        refuse_mixed(engine, given.cell, hashed=hashed, where="c.csv: email")
    assert "x@y.ru" not in str(refused.value)
