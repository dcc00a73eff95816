"""Files read together give what each gives alone: rows, lines, refusals, and forms of their own."""

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences import alike, shapes, together
from audiences.exports import (
    CONTACTS_TABLE,
    EVENTS_TABLE,
    ORDERS_TABLE,
    REJECTS_TABLE,
    ExportRefused,
    read_exports,
)
from config.exports import ExportsFile
from config.shop import Shop

SHOP = Shop(name="Test", currency="RUB", time_zone="Europe/Moscow")
AS_OF = date(2026, 6, 1)
TABLES = {"orders": ORDERS_TABLE, "contacts": CONTACTS_TABLE, "events": EVENTS_TABLE}
COLUMNS = ("order_id", "contact_id", "ordered_on", "status", "amount", "discount", "items", "email")


def read(
    folder: Path, pattern: str, *, kind: str = "orders", **export: Any
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[tuple[str, int, int, int]]]:
    """Rows and rejects in the order of their place, and what is told of the files."""
    exports = ExportsFile.model_validate(
        {
            "max_rejected": 1,
            "export": [{"kind": kind, "source": "crm", "path": pattern, **export}],
        }
    )
    engine = ibis.duckdb.connect(threads=2)
    read = read_exports(engine, exports, folder, SHOP, AS_OF)
    made = [
        engine.table(name).order_by("file", "line").to_pyarrow().to_pylist()
        for name in (TABLES[kind], REJECTS_TABLE)
    ]
    files = [(file.file, file.read, file.accepted, file.rejected) for file in read.files]
    engine.disconnect()
    return made[0], made[1], files


def write(folder: Path, files: list[list[tuple[str, ...]]], columns: tuple[str, ...]) -> None:
    """The same records as CSV, and as JSON lines, of which each is read alone and exactly."""
    for number, records in enumerate(files):
        rows = [";".join(columns), *(";".join(record) for record in records)]
        (folder / f"{number}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        lines = [
            json.dumps({c: cell or None for c, cell in zip(columns, record, strict=True)})
            for record in records
        ]
        (folder / f"{number}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def told(folder: Path, suffix: str, **export: Any) -> Any:
    """What reading gives, told as if every file were a CSV; or why it is refused."""
    try:
        rows, rejects, files = read(folder, f"*.{suffix}", **export)
    except ExportRefused as fault:
        return fault.file.removesuffix(suffix), fault.what
    above = 0 if suffix == "csv" else 1
    for row in (*rows, *rejects):
        row["file"] = row["file"].removesuffix(suffix)
        row["line"] += above
    return rows, rejects, [(name.removesuffix(suffix), *counts) for name, *counts in files]


AMOUNTS = st.sampled_from(
    ["12", "12.50", "7.5", "1 000", "1 000,5", "12,50", "1,234", "(5.00)", "abc", "", "-3.00",
     "12.345", "1e3", "€5", "0"]
)  # fmt: skip
DAYS = st.sampled_from(
    ["2026-01-02", "2026-01-02 10:00:00", "2026-01-02T23:59", "31.12.2025", "03.04.2026",
     "2026-02-31", "0000-00-00", "2027-01-01", "1990-01-01", "", "2026-01-02T23:59:59Z", "soon"]
)  # fmt: skip
PLAIN_DAYS = st.dates(date(2025, 1, 1), date(2026, 5, 1)).map(date.isoformat)
RECORDS = st.tuples(
    st.integers(1, 60).map(str),
    st.sampled_from(["c1", "c2", " c3", "'c4", "5.0", "none", ""]),
    st.one_of(PLAIN_DAYS, PLAIN_DAYS, DAYS),
    st.sampled_from(["paid", "Paid", "cancelled", "", " returned"]),
    st.one_of(st.just("10.25"), st.just("10.25"), AMOUNTS),
    st.sampled_from(["", "0", "1.5"]),
    st.sampled_from(["1", "2", "3.0", "x", ""]),
    st.sampled_from(["a@x.example", "", "n/a", "A@X.example "]),
)
FILES = st.lists(st.lists(RECORDS, min_size=1, max_size=6), min_size=2, max_size=3)


@pytest.mark.slow
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(FILES)
def test_together_is_as_one_by_one(tmp_path: Path, drawn: list[list[tuple[str, ...]]]) -> None:
    for path in tmp_path.iterdir():
        path.unlink()
    write(tmp_path, drawn, COLUMNS)
    values = {"cancelled": ["cancelled"], "returned": ["returned"]}
    as_read = told(tmp_path, "csv", values=values)
    assert as_read == told(tmp_path, "jsonl", values=values)


def test_each_file_has_forms_of_its_own(tmp_path: Path) -> None:
    """A comma parts decimals in the one file and thousands in the other."""
    files = [
        [("1", "c1", "2026-01-02", "", "1,50", "", "", ""), ("2", "c1", "2026-01-03", *[""] * 5)],
        [("3", "c1", "2026-01-02", "", "1,500", "", "", ""),
         ("4", "c1", "2026-01-03", "", "2.50", "", "", "")],
    ]  # fmt: skip
    write(tmp_path, files, COLUMNS)
    rows, rejects, counted = read(tmp_path, "*.csv")
    assert [(row["order_id"], str(row["amount"])) for row in rows] == [
        ("1", "1.50"),
        ("3", "1500.00"),
        ("4", "2.50"),
    ]
    assert [(one["file"], one["line"], one["reason"]) for one in rejects] == [
        ("0.csv", 3, "is empty")
    ]
    assert counted == [("0.csv", 2, 1, 1), ("1.csv", 2, 2, 0)]


def test_rows_keep_their_files_and_lines(tmp_path: Path) -> None:
    """Among many: one with a broken record, one with a blank line, one with a quoted line break."""
    for number in range(12):
        rows = [f"{number}-{place};c1;2026-01-0{place + 1};5.00" for place in range(4)]
        (tmp_path / f"{number:02}.csv").write_text(
            "\n".join(["order_id;contact_id;ordered_on;amount", *rows]) + "\n"
        )
    broken, blank, quoted = (tmp_path / f"{number:02}.csv" for number in (3, 5, 7))
    broken.write_text(broken.read_text().replace("3-1;c1;", "3-1;"))
    blank.write_text(blank.read_text().replace("\n5-2", "\n\n5-2"))
    quoted.write_text(quoted.read_text().replace("7-1;c1", '7-1;"c1\nc2"'))
    rows, rejects, counted = read(tmp_path, "*.csv")
    lines = {row["order_id"]: (row["file"], row["line"]) for row in rows}
    for number in range(12):
        for place in range(4):
            moved = (number, place >= 2) in ((5, True), (7, True))
            if (number, place) != (3, 1):
                line = place + 2 + moved
                assert lines[f"{number}-{place}"] == (f"{number:02}.csv", line)
    assert [(one["file"], one["line"]) for one in rejects] == [("03.csv", 3)]
    assert counted[3] == ("03.csv", 4, 3, 1)
    assert sum(accepted for _, _, accepted, _ in counted) == len(rows) == 47


def test_digests_among_plain_addresses_are_refused_with_their_file(tmp_path: Path) -> None:
    columns = ("contact_id", "email")
    write(tmp_path, [[("1", "a@x.example")], [("2", "b@x.example"), ("3", "f" * 64)]], columns)
    with pytest.raises(ExportRefused, match=r"1\.csv: email: .* 1 of 2 values look like digests"):
        read(tmp_path, "*.csv", kind="contacts")


MONEY_FORMS = (
    "{:.2f}", "{:.2f},", "{:,.2f}\u00a0,", "{:,.2f}\u202f,", "{:,.2f} ,", "{:,.2f} ", "{:,.2f}",
    "{:,.2f}.,", "{:.2f} руб.,", "{:,.2f}\u00a0₽,", "{:.0f}", "{:.1f},", "{:.3f}", "{:.3f},",
    "{:e}", "0{:.2f},", "'{:.2f}", "({:.2f}),", "{:,.0f}", "{:.2f} р., ",
)  # fmt: skip
DAY_FORMS = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%d.%m.%Y", "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m.%d.%Y", "%d.%m.%y", "%d.%m.%Y, %H:%M",
    "%Y-%m-%d %H:%M:%S+03:00", " %d.%m.%Y", "%m/%d/%Y %H:%M", "%-d.%-m.%Y", "%d.%m.%YT%H:%M",
)  # fmt: skip
ODD_MONEY = ("", "", "-", "нет", "abc", "1,234", "1.234", "1.5", "1,5", "-0", "+7", "1e3",
    "12 34", "9999999999999999", "999999999999999,99", "\u00a0", "\u22125", "0,005",
    "1.234.567")  # fmt: skip
ODD_DAYS = ("", "", "00.00.0000", "31.02.2026", "13/05/2025", "05/13/2025", "03/04/2025", "soon",
    "05.13.2025", "44000", "1767225600", "2026-02-30", "01.01.2027", "01.01.1990", "2026-1-2",
    "infinity", "12.12.2025 25:61", "-")  # fmt: skip


def written_money(form: str, cents: int) -> str:
    """`form` is how Python writes it, then what parts thousands, and a comma for decimal ones."""
    what, _, signs = form.partition("}")
    text = (what + "}").format(cents / 100)
    comma = signs.endswith(",")
    parts, behind = signs.removesuffix(","), ""
    if " р" in parts or "₽" in parts:
        parts, behind = "", parts
    if "," in what:
        text = text.replace(",", "_")
    text = text.replace(".", ",") if comma else text
    return text.replace("_", parts or ",") + behind


def a_column(cell: st.SearchStrategy[Any], forms: Any, write: Any, odd: Any, rows: int) -> Any:
    """Cells of one form, and now and then one of another or none at all."""

    def drawn(draw: Any) -> list[str]:
        usual, other = draw(st.sampled_from(forms)), draw(st.sampled_from(forms))
        cells = [write(usual, one) for one in draw(st.lists(cell, min_size=rows, max_size=rows))]
        for place in draw(st.lists(st.integers(0, rows - 1), max_size=2)):
            cells[place] = draw(st.one_of(odd, cell.map(lambda one: write(other, one))))
        return cells

    return st.composite(drawn)()


def money(rows: int) -> Any:
    cents = st.one_of(st.integers(0, 10**8), st.integers(-(10**6), 10**4).map(lambda n: n * 100))
    return a_column(cents, MONEY_FORMS, written_money, st.sampled_from(ODD_MONEY), rows)


def days(rows: int) -> Any:
    moments = st.builds(
        datetime,
        st.sampled_from([2025, 2026]),
        st.integers(1, 5),
        st.one_of(st.integers(1, 12), st.integers(1, 12), st.integers(1, 28)),
        st.integers(0, 23),
        st.integers(0, 59),
    )
    odd = st.sampled_from(ODD_DAYS)
    return a_column(moments, DAY_FORMS, lambda form, day: day.strftime(form), odd, rows)


def plain(*words: str) -> Any:
    return lambda rows: st.lists(st.sampled_from(words), min_size=rows, max_size=rows)


KINDS: dict[str, dict[str, Any]] = {
    "orders": {"contact_id": plain("c1", "c2"), "ordered_on": days, "amount": money,
               "discount": money, "items": plain("1", "2", "3")},
    "events": {"contact_id": plain("c1", "c2"), "ts": days, "kind": plain("view", "cart")},
    "contacts": {"email": plain("a@x.example", "b@x.example"), "birth_date": days,
                 "registered_on": days},
}  # fmt: skip


@st.composite
def exports_of_a_form(draw: Any) -> tuple[str, tuple[str, ...], list[list[tuple[str, ...]]]]:
    """Kind, headers, and files of which each column has a form, mostly."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    files = []
    for number in range(draw(st.integers(1, 2))):
        rows = draw(st.integers(1, 8))
        ids = [f"{number}-{row}" for row in range(rows)]
        columns = [draw(make(rows)) for make in KINDS[kind].values()]
        files.append([tuple(cells) for cells in zip(ids, *columns, strict=True)])
    own = {"orders": "order_id", "events": "sku", "contacts": "contact_id"}[kind]
    return kind, (own, *KINDS[kind]), files


@pytest.mark.slow
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    exports_of_a_form(),
    st.sampled_from([{}, {}, {}, {"decimal": ","}, {"dates": "dmy"}, {"dates": "mdy"},
                     {"dates": "ymd"}, {"decimal": "."}]),
)  # fmt: skip
def test_a_guessed_form_is_as_the_exact_one(
    tmp_path: Path,
    drawn: tuple[str, tuple[str, ...], list[list[tuple[str, ...]]]],
    said: dict[str, str],
) -> None:
    """Whatever the first three rows let a column look like, and whatever follows."""
    for path in tmp_path.iterdir():
        path.unlink()
    kind, columns, files = drawn
    write(tmp_path, files, columns)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(shapes, "SNIFFED_ROWS", 4)
        as_read = told(tmp_path, "csv", kind=kind, **said)
    assert as_read == told(tmp_path, "jsonl", kind=kind, **said)


def as_1c(number: int, rows: int) -> str:
    records = [
        f"{number}-{row};c{row};{row % 28 + 1:02}.0{row % 3 + 1}.2026 10:00:0{row % 10};"
        f"{row + 1}\u00a0{row % 10}00,5{row % 10};Оплачен"
        for row in range(rows)
    ]
    return "\n".join(["Номер;Код клиента;Дата;Сумма;Статус", *records]) + "\n"


def test_files_as_1c_writes_them_are_read_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In cp1251, a few at a time; one of them ends in a row that only the exact way can read."""
    for number in range(5):
        odd = "odd;c1;5.1.2026;(7,00);Оплачен\nbad;c1;вчера;1,00;\n" if number == 3 else ""
        text = as_1c(number, 70) + odd
        (tmp_path / f"{number}.csv").write_bytes(text.encode("cp1251"))
    monkeypatch.setattr(alike, "HELD_AT_ONCE", 6000)
    apart: list[int] = []
    exactly = together.read_one
    monkeypatch.setattr(together, "read_one", lambda *given: apart.append(1) or exactly(*given))
    rows, rejects, counted = read(tmp_path, "*.csv", preset="onec")
    assert not apart
    assert counted == [(f"{n}.csv", 70 + 2 * (n == 3), 70 + (n == 3), n == 3) for n in range(5)]
    assert [(row["file"], row["line"], row["order_id"]) for row in rows[:2]] == [
        ("0.csv", 2, "0-0"),
        ("0.csv", 3, "0-1"),
    ]
    told = {row["order_id"]: row for row in rows}
    assert told["4-69"]["amount"] == Decimal("70900.59")
    assert told["4-69"]["ordered_on"] == date(2026, 1, 14)
    assert (told["4-69"]["file"], told["4-69"]["line"]) == ("4.csv", 71)
    assert (told["odd"]["amount"], told["odd"]["state"]) == (Decimal("-7.00"), "returned")
    assert told["odd"]["ordered_on"] == date(2026, 1, 5)
    assert [(one["file"], one["line"], one["reason"]) for one in rejects] == [
        ("3.csv", 73, "is not a date")
    ]


@pytest.mark.parametrize("last", ["04/03/2026", "13/05/2026", "05/13/2026"])
def test_a_guess_that_later_rows_contradict_is_dropped(tmp_path: Path, last: str) -> None:
    """Sixty days that may be read in two ways look like day first; the last row decides."""
    days = [f"0{row % 5 + 1}/0{row % 4 + 1}/2026" for row in range(60)]
    rows = [f"{row};c1;{day};1.00" for row, day in enumerate([*days, last])]
    text = "\n".join(["order_id;contact_id;ordered_on;amount", *rows]) + "\n"
    (tmp_path / "days.csv").write_text(text)
    if last == "04/03/2026":
        with pytest.raises(ExportRefused, match="day and month cannot be told apart"):
            read(tmp_path, "*.csv")
        return
    made, rejects, _ = read(tmp_path, "*.csv")
    told = {row["order_id"]: row["ordered_on"] for row in made}
    assert told["4"] == (date(2026, 1, 5) if last == "13/05/2026" else date(2026, 5, 1))
    assert not rejects
