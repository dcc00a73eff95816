"""Phones: the engine's answer is libphonenumber's, and spoiled cells are read or refused."""

import random

import ibis
import phonenumbers
import pyarrow as pa
import pytest

from audiences.contacts import contacts_in
from audiences.phones import fast_phone, phones_in
from config.audiences import Identifier

REGIONS = ("RU", "UA", "KZ", "BY")
HEADS = (
    "+7",
    "7",
    "8",
    "+380",
    "380",
    "0",
    "+375",
    "80",
    "+998",
    "998",
    "",
    "810",
    "00",
    "+1",
    "+44",
)


def by_library_alone(text: str, regions: tuple[str, ...]) -> str:
    for region in regions:
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return ""


def mutated_numbers(count: int, seed: int) -> list[str]:
    """Real examples of many regions and kinds with digits and forms changed, and plain noise."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        region = chance.choice(["RU", "UA", "KZ", "BY", "UZ", "US", "GB", "DE"])
        example = phonenumbers.example_number_for_type(region, chance.choice([0, 1, 1, 3, 4]))
        digits = list(str(example.national_number) if example else "9031234567")
        for _ in range(chance.choice([0, 2, 5])):
            digits[chance.randrange(len(digits) // 3, len(digits))] = chance.choice("0123456789")
        head = chance.choice([*HEADS, f"+{phonenumbers.country_code_for_region(region)}"])
        text = head + "".join(digits)[: chance.choice([20, 20, 20, 8])]
        if chance.random() < 0.3 and len(text) > 10:
            text = f"{text[:-10]} ({text[-10:-7]}) {text[-7:-4]}-{text[-4:-2]}-{text[-2:]}"
        made.append(text)
    return made


@pytest.mark.parametrize(
    "regions",
    [REGIONS, ("UA", "RU"), ("KZ",), ("BY", "UZ"), ("UZ", "RU"), ("US", "GB"), ("AR", "RU")],
)
def test_what_the_engine_is_sure_of_is_what_the_library_says(regions):
    engine = ibis.duckdb.connect(threads=2)
    cells = ibis.memtable(pa.table({"cell": mutated_numbers(3000, seed=len(regions))}))
    answers = engine.to_pyarrow(cells.mutate(value=fast_phone(cells.cell, regions))).to_pylist()
    sure = [row for row in answers if row["value"] is not None]
    assert [row for row in sure if row["value"] != by_library_alone(row["cell"], regions)] == []
    assert sum(bool(row["value"]) for row in sure) > 50


@pytest.mark.slow
def test_a_hundred_thousand_numbers_are_read_as_the_library_reads_them():
    """Through the whole way of a cell: what the engine is not sure of goes to the library."""
    engine = ibis.duckdb.connect(threads=2)
    texts = list(dict.fromkeys(mutated_numbers(200_000, seed=2026)))[:100_000]
    assert len(texts) == 100_000
    cells = engine.create_table("cells", ibis.memtable(pa.table({"cell": texts})), temp=True)
    found = contacts_in(engine, cells, Identifier.PHONE, REGIONS)
    read = {row["cell"]: row["value"] for row in engine.to_pyarrow(found).to_pylist()}
    wrong = [text for text in texts if read.get(text, "") != by_library_alone(text, REGIONS)]
    assert wrong == []
    assert len(read) > 20_000


def test_a_neighbours_number_with_its_code_never_reaches_the_library():
    """The shop's regions are for numbers without a code."""
    engine = ibis.duckdb.connect(threads=2)
    regions = ("RU", "UA", "BY", "UZ", "KG", "TJ", "AM", "AZ", "GE", "MD", "KZ")
    examples = [phonenumbers.example_number_for_type(region, 1) for region in regions]
    written = [phonenumbers.format_number(one, 1) for one in examples]  # 1: as people write it
    cells = ibis.memtable(pa.table({"cell": written}))
    answers = engine.to_pyarrow(cells.select(value=fast_phone(cells.cell, ("PL",))))
    codes = [phonenumbers.format_number(one, 0) for one in examples]
    assert answers.column("value").to_pylist() == codes


def test_typical_numbers_never_reach_the_library():
    engine = ibis.duckdb.connect(threads=2)
    written = ["8 (903) 111-22-33", "+7 903 111 22 33", "9031112233", "79031112233.0",
               "+380501234567", "0501234567", "80291234567", "+375291234567",
               "'79031112233"]  # fmt: skip
    cells = ibis.memtable(pa.table({"cell": written}))
    answers = engine.to_pyarrow(cells.select(value=fast_phone(cells.cell, REGIONS)))
    assert set(answers.column("value").to_pylist()) == {
        "+79031112233", "+380501234567", "+375291234567",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "numbers"),
    [
        ("8 903 111-22-33, +380 50 123 45 67", ["+79031112233", "+380501234567"]),
        ("8.903.111.22.33", ["+79031112233"]),
        ("+7 (903) 111-22-33 доб. 12", ["+79031112233"]),
        ("79031112233.0", ["+79031112233"]),
        ("7.9031112233E+10", ["+79031112233"]),
        ("7.9E+10", []),
        ("\u200e8\u200b903 111 22 33", ["+79031112233"]),
        ('="89031112233"', ["+79031112233"]),
        ("+7 903 111-22-33 +7 903 111-22-34", ["+79031112233", "+79031112234"]),
        ("0000000", []),
        ("нет", []),
    ],
)
def test_a_cell_gives_its_numbers(cell, numbers):
    assert [number for number, _ in phones_in(cell, REGIONS)] == numbers


def test_a_toll_free_number_links_nobody():
    assert phones_in("8 800 555-35-35", REGIONS) == (("+78005553535", False),)


def test_an_unknown_region_is_named():
    with pytest.raises(ValueError, match="phone_regions: 'XX'"):
        fast_phone(ibis.literal("1"), ("XX",))
