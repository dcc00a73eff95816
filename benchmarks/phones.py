"""Phones to E.164: ours on two cores against libphonenumber alone on the same typical cells."""

from collections.abc import Iterator
from importlib import import_module

import ibis
import numpy as np
import phonenumbers
import pyarrow as pa

from audiences.contacts import contacts_in
from benchmarks._measure import apart, row, timed
from config.audiences import Identifier

REGIONS = ("RU", "UA", "KZ", "BY")
CELLS_WHOLE, CELLS_QUICK = 1_000_000, 20_000
FOR_THE_LIBRARY = 40_000
"""Cells that the library alone is timed on; its time for all of them is in proportion."""


def run(*, quick: bool) -> Iterator[dict[str, object]]:
    count = CELLS_QUICK if quick else CELLS_WHOLE
    ours, found = apart(_ours, count)
    alone, valid = apart(_alone, count)
    yield row(f"{count:,} cells, ours", ours, "s")
    yield row(f"{count:,} cells, libphonenumber alone", alone, "s")
    yield row("times faster", alone / ours, "", ">= 10")
    yield row("numbers found, share", found, "")
    yield row("numbers found by the library, share", valid, "")


def typical(count: int) -> list[str]:
    """Mobile numbers as forms and CRMs write them, a twentieth of them from abroad or broken."""
    random = np.random.default_rng(5)
    numbers = random.integers(0, 10_000_000, count)
    codes = random.choice([903, 905, 916, 921, 926, 951, 964, 985], count)
    shapes = random.integers(0, 40, count)
    return [
        _shaped(int(shape), f"{code}{number:07d}")
        for shape, code, number in zip(shapes, codes, numbers, strict=True)
    ]


def _shaped(shape: int, digits: str) -> str:
    if shape == 0:
        return f"+38050{digits[3:]}"
    if shape == 1:
        return digits[:7]
    grouped = f"({digits[:3]}) {digits[3:6]}-{digits[6:8]}-{digits[8:]}"
    forms = (f"+7{digits}", f"8{digits}", digits, f"7{digits}", f"8 {grouped}", f"+7 {grouped}")
    return forms[shape % len(forms)]


def _ours(count: int) -> tuple[float, float]:
    import_module("audiences.on_duckdb")  # starting a program is not reading phones
    engine = ibis.duckdb.connect(threads=2)
    engine.raw_sql("SET enable_progress_bar = false")
    table = pa.table({"cell": typical(count)})
    cells = engine.create_table("cells", ibis.memtable(table), temp=True)
    found, seconds = timed(lambda: contacts_in(engine, cells, Identifier.PHONE, REGIONS))
    return seconds, engine.to_pyarrow(found.count()).as_py() / count


def _alone(count: int) -> tuple[float, float]:
    cells = typical(count)[:FOR_THE_LIBRARY]
    found, seconds = timed(lambda: sum(_valid(cell) for cell in cells))
    return seconds * count / len(cells), found / len(cells)


def _valid(cell: str) -> bool:
    for region in REGIONS:
        try:
            number = phonenumbers.parse(cell, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            return True
    return False
