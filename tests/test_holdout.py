import hashlib

import ibis
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiences.holdout import day_of_spread, is_held_out, without_holdout
from config.audiences import Holdout

GOLDEN = {"c1": 0.619140, "c2": 0.042405, "c3": 0.130278}  # method.md section 4.5, salt exp1


@pytest.fixture(scope="module")
def engine():
    return ibis.duckdb.connect()


def people(ids):
    return ibis.memtable(pa.table({"person_id": pa.array(list(ids), pa.string())}))


@pytest.mark.parametrize(("person", "u"), [pair for pair in GOLDEN.items() if pair[1] < 0.5])
def test_golden_people_are_held_out_from_their_u_on(engine, person, u):
    def held(share):
        table = people([person])
        expression = is_held_out(table.person_id, Holdout(share=share, salt="exp1"))
        return engine.to_pyarrow(table.select(held=expression))["held"][0].as_py()

    assert not held(round(u - 1e-6, 6))
    assert held(round(u + 1e-6, 6))


def test_a_person_with_u_over_the_share_stays(engine):
    kept = without_holdout(people(GOLDEN), Holdout(share=0.5, salt="exp1"))
    assert engine.to_pyarrow(kept)["person_id"].to_pylist() == ["c1"]


def test_without_a_share_nobody_is_held_out(engine):
    assert engine.to_pyarrow(without_holdout(people(GOLDEN), Holdout())).num_rows == 3


@given(
    ids=st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=20),
    share=st.floats(0.001, 0.5),
    salt=st.text(min_size=1, max_size=6),
)
def test_the_expression_is_the_definition(ids, share, salt):
    ids = {each for each in ids if "\x00" not in each} or {"a"}
    salt = salt.replace("\x00", "") or "s"

    def u(person):
        digest = hashlib.sha256(f"{salt}:{person}".encode()).digest()
        return int.from_bytes(digest[:8], "big")

    kept = without_holdout(people(ids), Holdout(share=share, salt=salt))
    got = set(ibis.duckdb.connect().to_pyarrow(kept)["person_id"].to_pylist())
    assert got == {person for person in ids if u(person) >= share * 2**64}


def test_the_share_held_out_is_the_share_asked_for(engine):
    many = people(f"person-{i}" for i in range(20_000))
    kept = engine.to_pyarrow(without_holdout(many, Holdout(share=0.1))).num_rows
    assert abs((20_000 - kept) / 20_000 - 0.1) < 0.01


def test_renewal_days_are_spread_evenly(engine):
    many = people(f"person-{i}" for i in range(10_000))
    days = many.select(day=day_of_spread(many.person_id, 10, "renew"))
    counts = engine.to_pyarrow(days)["day"].value_counts().to_pylist()
    assert {each["values"] for each in counts} == set(range(10))
    assert all(800 < each["counts"] < 1200 for each in counts)
