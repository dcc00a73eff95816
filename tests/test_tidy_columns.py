"""Columns that are easily read are read in a short way: with the same answer as the long one."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import ibis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences import cells
from audiences.exports import CONTACTS_TABLE, ORDERS_TABLE, read_exports
from config.exports import ExportsFile
from config.shop import Shop

SHOP = Shop(name="Test", currency="RUB", time_zone="Europe/Moscow")
HEADER = "order_id;contact_id;ordered_on;amount;discount;items;category"
UNTIDY = "U1; 'c1;2026-01-02T10:00:00Z;1 000,5 руб.;none; 2 ;нет"
"""A row that makes every column one that has to be looked at closely."""

AMOUNTS = st.builds(
    lambda sign, whole, cents: f"{sign}{whole}{cents}",
    st.sampled_from(["", "+"]),
    st.integers(0, 10**12),
    st.sampled_from(["", ".5", ".05", ".99"]),
)
DAYS = st.builds(
    lambda day, clock: f"{day}{clock}",
    st.dates(date(1996, 1, 1), date(2026, 5, 31)),
    st.sampled_from(["", " 00:00", "T23:59:59", " 12:30:00"]),
)
TEXTS = st.sampled_from(["books", "Книги", "it's", "a=b", "nothing", "нетто", "n/a?", "x y"])
LINES = st.lists(st.tuples(AMOUNTS, DAYS, st.integers(0, 99), TEXTS), min_size=2, max_size=8)


def read(folder: Path, lines: list[str], *, kind: str = "orders", header: str = HEADER):
    (folder / "rows.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    exports = ExportsFile.model_validate(
        {"export": [{"kind": kind, "source": "crm", "path": "rows.csv", "decimal": None}]}
    )
    engine = ibis.duckdb.connect(threads=1)
    read_exports(engine, exports, folder, SHOP, date(2026, 6, 1))
    table = engine.table(ORDERS_TABLE if kind == "orders" else CONTACTS_TABLE).order_by("line")
    return table.to_pyarrow().to_pylist()


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(LINES)
def test_one_odd_row_changes_no_other(tmp_path: Path, drawn) -> None:
    """With the odd row in the file every column takes the long way, without it none does."""
    lines = [
        f"{n};c{n};{day};{amount};{items};{items};{category}"
        for n, (amount, day, items, category) in enumerate(drawn)
    ]
    alone = read(tmp_path, lines)
    odd = UNTIDY.replace("1 000,5 руб.", " 7.25 руб.")
    assert read(tmp_path, [*lines, odd])[: len(alone)] == alone
    assert len(alone) == len(lines)


@pytest.mark.parametrize(
    ("cell", "value"),
    [("12", "12"), ("+7.5", "7.5"), ("999999999999999.99", "999999999999999.99"), ("007", "7")],
)
def test_a_plain_number_is_what_it_says(tmp_path: Path, cell: str, value: str) -> None:
    (row,) = read(tmp_path, [f"1;c1;2026-01-02;{cell};0;1;books"])
    assert row["amount"] == Decimal(value)


@pytest.mark.parametrize("word", [*cells.EMPTY, "NULL", "None", "Нет", "НЕ УКАЗАНО", " - "])
def test_every_word_for_nothing_is_found_among_tidy_cells(tmp_path: Path, word: str) -> None:
    header = "contact_id;city;email"
    found = read(
        tmp_path,
        ["1;Perm;a@x.example", f"2;{word};b@x.example"],
        kind="contacts",
        header=header,
    )
    assert [row["city"] for row in found] == ["Perm", None]
