"""Files read together give what each gives alone: rows, lines, refusals, and forms of their own."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences.exports import (
    CONTACTS_TABLE,
    ORDERS_TABLE,
    REJECTS_TABLE,
    ExportRefused,
    read_exports,
)
from config.exports import ExportsFile
from config.shop import Shop

SHOP = Shop(name="Test", currency="RUB", time_zone="Europe/Moscow")
AS_OF = date(2026, 6, 1)
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
        for name in (ORDERS_TABLE if kind == "orders" else CONTACTS_TABLE, REJECTS_TABLE)
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
    together = told(tmp_path, "csv", values=values)
    assert together == told(tmp_path, "jsonl", values=values)


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
