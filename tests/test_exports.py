"""Reading exports: any file in; typed rows, rejects or one clear refusal out; no row lost."""

import codecs
import csv
import gzip
import json
import stat
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import ibis
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences.exports import (
    CONTACTS_TABLE,
    ORDERS_TABLE,
    REJECTS_TABLE,
    ExportRefused,
    read_exports,
    write_rejects,
)
from audiences.tables import CONTACT_ROWS, ORDER_ROWS, REJECTS
from config.exports import ExportsFile
from config.presets import load_preset, preset_names
from config.shop import Shop

BROKEN = Path(__file__).parent / "support" / "broken_exports"
SHOP = Shop(name="Test", currency="RUB", time_zone="Europe/Moscow")
AS_OF = date(2026, 6, 1)
HEADER = "order_id;customer_id;order_date;status;amount"


def read(folder, path, kind="orders", *, engine=None, **export):
    engine = engine or ibis.duckdb.connect()
    exports = ExportsFile.model_validate(
        {"export": [{"kind": kind, "source": "crm", "path": path, **export}]}
    )
    return engine, read_exports(engine, exports, folder, SHOP, AS_OF)


def rows(engine, table, *columns):
    found = engine.table(table).order_by("file", "line").select(*columns)
    return [tuple(row.values()) for row in found.to_pyarrow().to_pylist()]


def orders_of(tmp_path, text, *columns, encoding="utf-8", said=None, **export):
    (tmp_path / "orders.csv").write_bytes(text.encode(encoding))
    if said:
        export["encoding"] = said
    engine, _ = read(tmp_path, "orders.csv", **export)
    return rows(engine, ORDERS_TABLE, *columns)


REFUSED = {
    "amount_ambiguous.csv": "decimal = ','",
    "amount_both_signs.csv": "decimal = ','",
    "binary.csv": "no text",
    "date_ambiguous.csv": "dates = 'dmy'",
    "empty_file.csv": "empty",
    "empty_zip.zip": "holds no file",
    "header_twice.csv": "2 times",
    "headers_only.csv": "no rows",
    "mostly_broken.csv": "5 of 10 rows are rejected",
    "no_customer_column.csv": "contact_id or email or phone",
    "no_header_row.csv": "looks like values",
    "not_a_workbook.xlsx": "cannot be opened",
    "not_gzip.csv.gz": "cannot be opened",
    "not_parquet.parquet": "cannot be opened",
    "not_zip.zip": "no zip archive",
    "only_blank_lines.csv": "no rows",
    "quote_never_closed.csv": "near line 22",
    "required_column_missing.csv": "amount",
    "truncated_gzip.csv.gz": "cannot be opened",
    "two_currencies.csv": "currencies",
    "unknown_encoding.csv": "encoding",
    "zip_without_text.zip": "photo.png",
}
REJECTED = {
    "amount_empty.csv": ("amount", "is empty"),
    "amount_is_text.csv": ("amount", "is not a number"),
    "amount_scientific.csv": ("amount", "is not a number"),
    "amount_too_large.csv": ("amount", "is not a number"),
    "broken_json.jsonl": (None, "not a JSON object"),
    "date_before_1995.csv": ("ordered_on", "lies before 1995"),
    "date_empty.csv": ("ordered_on", "is empty"),
    "date_impossible.csv": ("ordered_on", "is not a date"),
    "date_in_future.csv": ("ordered_on", "lies in the future"),
    "date_is_text.csv": ("ordered_on", "is not a date"),
    "fewer_cells.csv": (None, "fewer cells than the header row"),
    "more_cells.csv": (None, "more cells than the header row"),
    "order_id_empty.csv": ("order_id", "is empty"),
    "order_id_null_word.csv": ("order_id", "is empty"),
    "quote_inside_value.csv": (None, "a quote is not closed or stands inside a value"),
}


def test_every_broken_file_is_in_a_table():
    assert {path.name for path in BROKEN.iterdir()} == REFUSED.keys() | REJECTED.keys()
    assert len(REFUSED) + len(REJECTED) >= 30


@pytest.mark.parametrize(("name", "says"), REFUSED.items())
def test_a_broken_file_is_refused_with_what_to_do(name, says):
    with pytest.raises(ExportRefused) as refusal:
        read(BROKEN, name)
    assert says in str(refusal.value)
    assert refusal.value.todo


@pytest.mark.parametrize(("name", "told"), REJECTED.items())
def test_a_broken_row_is_rejected_alone(name, told):
    engine, reading = read(BROKEN, name)
    line = 41 if name.endswith(".jsonl") else 42
    assert rows(engine, REJECTS_TABLE, "line", "column", "reason") == [(line, *told)]
    assert (reading.read, reading.accepted, reading.rejected) == (41, 40, 1)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1251"]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path, encoding, newline):
    lines = [HEADER.replace("status", "Статус"), "1;7;2026-01-02;Выполнен;10,50"]
    text = newline.join([*lines, ""])
    assert orders_of(tmp_path, text, "order_id", "amount", encoding=encoding) == [
        ("1", Decimal("10.50"))
    ]


def test_cp1252_is_read(tmp_path):
    text = "order_id;customer_id;order_date;amount;category\n1;7;2026-01-02;10,50;Crème brûlée\n"
    assert orders_of(tmp_path, text, "category", encoding="cp1252") == [("Crème brûlée",)]


@pytest.mark.parametrize("said", ["utf-8", "utf-16", "ascii", "klingon"])
def test_an_encoding_that_is_not_the_files_is_refused(tmp_path, said):
    text = f"{HEADER}\n1;7;2026-01-02;Выполнен;10,50\n"
    with pytest.raises(ExportRefused) as refusal:
        orders_of(tmp_path, text, "amount", encoding="cp1251", said=said)
    assert f"is not written in {said}" in str(refusal.value)
    assert "leave it out" in refusal.value.todo


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_delimiters(tmp_path, delimiter):
    text = f"{HEADER}\n1;7;2026-01-02;ok;10.50\n2;8;2026-01-03;ok;7.25\n".replace(";", delimiter)
    assert len(orders_of(tmp_path, text, "order_id")) == 2
    assert len(orders_of(tmp_path, f"sep={delimiter}\n{text}", "order_id")) == 2


def test_the_same_rows_in_every_format(tmp_path):
    header = HEADER.split(";")
    body = [["1", "7", "2026-01-02", "ok", "10.50"], ["2", "8", "2026-01-03", "ok", "7.25"]]
    csv_text = "\n".join(";".join(row) for row in [header, *body]) + "\n"
    (tmp_path / "a.csv").write_text(csv_text)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(csv_text.encode()))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("orders.csv", csv_text)
    records = [dict(zip(header, row, strict=True)) for row in body]
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, records)))
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "e.parquet")
    book = openpyxl.Workbook()
    for row in [["Orders of January"], header, *body]:
        book.active.append(row)
    book.save(tmp_path / "f.xlsx")
    found = []
    for path in sorted(tmp_path.iterdir()):
        engine, reading = read(tmp_path, path.name)
        assert (reading.read, reading.accepted) == (2, 2), path.name
        found.append(rows(engine, ORDERS_TABLE, "order_id", "contact_id", "ordered_on", "amount"))
    assert found == [found[0]] * 6


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("1 234,50 ₽", "1234.50"),
        ("1\u00a0234,5 руб.", "1234.50"),
        ("1.234,50", "1234.50"),
        ("'1234,50", "1234.50"),
        ("12,00", "12.00"),
        ("₴ 1\u202f234,50", "1234.50"),
        ("1.234,50 €", "1234.50"),
        ("1'234,50 р.", "1234.50"),
        ('"=""1234,50"""', "1234.50"),
    ],
)
def test_numbers_with_a_decimal_comma(tmp_path, written, amount):
    text = f"{HEADER}\n1;7;2026-01-02;ok;{written}\n"
    assert orders_of(tmp_path, text, "amount") == [(Decimal(amount),)]


def test_brackets_are_a_minus_and_a_minus_is_a_return(tmp_path):
    text = f"{HEADER}\n1;7;2026-01-02;ok;(1 234,50)\n"
    assert orders_of(tmp_path, text, "amount", "state") == [(Decimal("-1234.50"), "returned")]


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026-02-01", date(2026, 2, 1)),
        ("2026-02-01 23:30:00", date(2026, 2, 1)),
        ("2026-02-01T23:30:00Z", date(2026, 2, 2)),
        ("2026-02-01 23:30:00 +0100", date(2026, 2, 2)),
        ("01.02.2026 10:00", date(2026, 2, 1)),
        ("1.2.26", date(2026, 2, 1)),
        ("13/02/2026", date(2026, 2, 13)),
        ("02/13/2026", date(2026, 2, 13)),
        ("46054", date(2026, 2, 1)),
        ("1769979600", date(2026, 2, 2)),
        ("1769979600000", date(2026, 2, 2)),
    ],
)
def test_days_are_the_shops(tmp_path, written, day):
    text = f"{HEADER}\n1;7;{written};ok;10,50\n"
    assert orders_of(tmp_path, text, "ordered_on") == [(day,)]


def test_states_count_as_the_project_says(tmp_path):
    states = ["Оплачен", "Отменен", "Возврат", "Новый"]
    body = "".join(f"{n};7;2026-01-02;{state};10,50\n" for n, state in enumerate(states))
    words = {"paid": ["оплачен"], "cancelled": ["отменен"], "returned": ["возврат"]}
    found = orders_of(tmp_path, f"{HEADER}\n{body}", "state", "amount", values=words)
    assert [state for state, _ in found] == ["paid", "cancelled", "returned", "cancelled"]
    assert found[2][1] == Decimal("-10.50")


def test_states_that_nobody_named_are_known_where_they_are_usual(tmp_path):
    states = ["Выполнен", "Отменён", "НОВЫЙ", "pending", "shipped", "Скасовано"]
    body = "".join(f"{n};7;2026-01-02;{state};10,50\n" for n, state in enumerate(states))
    text = f"{HEADER}\n{body}"
    cancelled = [state == "cancelled" for (state,) in orders_of(tmp_path, text, "state")]
    assert cancelled == [False, True, True, True, False, True]
    named = orders_of(tmp_path, text, "state", values={"paid": ["новый"]})
    assert [state for (state,) in named].index("paid") == 2  # what the project says comes first
    assert [state for (state,) in named].count("paid") == 1


def test_ids_are_texts_without_what_a_spreadsheet_made_of_them(tmp_path):
    cells = ["5001.0", "'7210448301122", '"=""007"""', " 12 "]
    body = "".join(f"{cell};7;2026-01-02;ok;10,50\n" for cell in cells)
    found = orders_of(tmp_path, f"{HEADER}\n{body}", "order_id")
    assert [order for (order,) in found] == ["5001", "7210448301122", "007", "12"]


def test_the_first_sheet_that_can_be_seen_is_read(tmp_path):
    book = openpyxl.Workbook()
    book.active.sheet_state = "hidden"
    for title, amount in (("Shown", 10.5), ("Later", 99.5)):
        sheet = book.create_sheet(title)
        for row in [
            ["Отчёт за год"],
            [],
            HEADER.split(";"),
            ["1", "7", "2026-01-02", "ok", amount],
        ]:
            sheet.append(row)
    book.save(tmp_path / "o.xlsx")
    engine, _ = read(tmp_path, "o.xlsx")
    assert rows(engine, ORDERS_TABLE, "amount", "line") == [(Decimal("10.50"), 4)]
    engine, _ = read(tmp_path, "o.xlsx", sheet="Later")
    assert rows(engine, ORDERS_TABLE, "amount") == [(Decimal("99.50"),)]


def test_an_order_told_twice_counts_once_as_told_last(tmp_path):
    (tmp_path / "2026-01.csv").write_text(f"{HEADER}\n1;7;2026-01-02;ok;10.50\n")
    (tmp_path / "2026-02.csv").write_text(f"{HEADER}\n1;7;2026-01-02;ok;8.50\n")
    engine, reading = read(tmp_path, "*.csv")
    assert rows(engine, ORDERS_TABLE, "amount") == [(Decimal("8.50"),)]
    assert (reading.read, reading.accepted, reading.orders) == (2, 2, 1)


def test_lines_are_physical_also_below_a_quoted_line_break(tmp_path):
    good = "".join(f"{n};7;2026-01-02;ok;10.50\n" for n in range(40))
    text = f'{HEADER}\n\n90;7;2026-01-02;"two\nlines";10.50\n{good}91;7;never;ok;1.50\n'
    (tmp_path / "orders.csv").write_text(text)
    engine, _ = read(tmp_path, "orders.csv")
    assert rows(engine, REJECTS_TABLE, "line", "column") == [(45, "ordered_on")]


def test_consent_fails_closed(tmp_path):
    (tmp_path / "c.csv").write_text(
        "id клиента;email;Согласие\n1;a@example.com;Да\n2;b@example.com;нет\n3;c@example.com;\n"
    )
    engine, _ = read(tmp_path, "c.csv", "contacts")
    assert [said for (said,) in rows(engine, CONTACTS_TABLE, "consent_ads")] == [
        "yes", "no", "unknown",
    ]  # fmt: skip


def test_tables_have_their_schemas_and_rejects_hold_no_contact(tmp_path):
    secret = "olga.petrova@example.com"
    good = "".join(f"{n};k{n}@example.com;2026-01-02;10.50\n" for n in range(60))
    text = f"order_id;email;order_date;amount\n{good}1;{secret};2026-01-02\n2;x;{secret};1.50\n"
    text += "3;k3@example.com;2026-01-02;-SUM(A1:A9)\n"
    (tmp_path / "=orders.csv").write_text(text)
    engine, reading = read(tmp_path, "=orders.csv")
    assert reading.rejected == 3
    assert engine.table(CONTACTS_TABLE).schema().names == CONTACT_ROWS.names
    assert engine.table(ORDERS_TABLE).schema().names == ORDER_ROWS.names
    assert engine.table(REJECTS_TABLE).schema().names == REJECTS.names
    path = write_rejects(engine, tmp_path / "state")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = path.read_text()
    assert written.count("\n") == 4
    cells = [cell for row in csv.DictReader(written.splitlines()) for cell in row.values()]
    assert "'=orders.csv" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]  # no formula
    assert "olga" not in written
    assert "petrova" not in written


@pytest.mark.parametrize("name", [*preset_names(), "common"])
def test_a_preset_knows_its_own_headers(tmp_path, name):
    preset = load_preset(name)
    headers = {column: names[0] for column, names in preset.orders.items() if names}
    cells = {"ordered_on": "2026-01-02", "amount": "10.50", "currency": "RUB", "consent_ads": "yes"}
    sums = ("price", "discount", "refunded", "margin", "cost")
    money = dict.fromkeys(sums, "0.50") | {"items": "1"}
    values = [(cells | money).get(column, "") or column for column in headers]
    if "state" in headers:
        values[list(headers).index("state")] = (preset.values.paid or ("paid",))[0]
    (tmp_path / "o.csv").write_text(f"{'|'.join(headers.values())}\n{'|'.join(values)}\n")
    known = preset_names()
    _, reading = read(tmp_path, "o.csv", preset=name if name in known else None)
    assert reading.accepted == 1
    assert set(reading.files[0].columns) >= {"order_id", "ordered_on", "amount"}
    assert reading.files[0].unknown == ()


def test_1c_is_known_by_its_own_name():
    assert load_preset("1c") == load_preset("onec")
    with pytest.raises(KeyError, match="retailcrm"):
        load_preset("nobody")


GOOD = (
    f"{HEADER}\n" + "".join(f"{n};{n % 9};2026-01-{n % 28 + 1:02d};ok;{n}.50\n" for n in range(60))
).encode()
BITES = [b'"', b";", b"\n", b"\r", b"\x00", b"\xff", b"\xd0", b",", b"'", b"=", b"\xef\xbb\xbf"]


@pytest.mark.slow
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    bites=st.lists(st.tuples(st.integers(0, len(GOOD)), st.sampled_from(BITES)), max_size=3),
    cut=st.integers(0, len(GOOD)),
    wide=st.sampled_from([None, "utf-16", "cp1251", "utf-8-sig"]),
)
def test_a_mutated_file_is_read_or_refused_and_no_row_is_lost(tmp_path, bites, cut, wide):
    content = GOOD[: len(GOOD) - cut] if cut % 3 == 0 else GOOD
    for place, bite in bites:
        content = content[:place] + bite + content[place:]
    if wide:
        content = content.decode("utf-8", errors="ignore").encode(wide, errors="ignore")
    (tmp_path / "orders.csv").write_bytes(content)
    try:
        _, reading = read(tmp_path, "orders.csv")
    except ExportRefused:
        return
    assert reading.read == reading.accepted + reading.rejected
    if b'"' not in content and wide is None:
        text = content.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="replace")
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert reading.read == sum(line != "" for line in lines) - 1
