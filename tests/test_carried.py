"""Purchases taken over from the last refresh are those that all orders give, to the row."""

import random
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences.assembling import write_orders
from audiences.bought import Bought, buy
from audiences.carried import Carried, Left, OrderFile, Past, carry_on, settings_of
from audiences.readings import Readings, write_told
from audiences.tables import ORDER_ROWS
from config.exports import ExportKind, Rate
from config.shop import Shop

SHOP = Shop(name="Test", currency="RUB", time_zone="Europe/Moscow")
TYPED = ibis.schema({**ORDER_ROWS, "currency": "string"})
CARDS, PEOPLE = 30, 20
EDITS = ("late", "correction", "moved", "gone", "file", "owner", "left", "new")
BUYERS = dict.fromkeys(("source", "contact_id", "person_id"), "string")
Row = dict[str, Any]


@dataclass
class Exports:
    """Files of orders by name, and whose the cards are; a card of None is of nobody."""

    chance: random.Random
    files: dict[str, list[Row]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    def begin(self) -> None:
        self.owners = {f"c{n}": f"p{n % PEOPLE}" for n in range(CARDS)}
        for number in range(8):
            self.write(f"{number:02d}.csv", [self.order() for _ in range(15)])

    def order(self) -> Row:
        chance = self.chance
        card = chance.choice([None, *(f"c{n}" for n in range(CARDS + 2))])
        state = chance.choice(["paid"] * 6 + ["returned", "cancelled"])
        amount = Decimal(chance.randint(1, 5000)) / 100
        return {
            "source": "crm",
            "order_id": f"o{chance.randint(1, 90)}",
            "contact_id": card,
            "email": None,
            "phone": None,
            "ordered_on": date(2026, chance.randint(1, 3), chance.randint(1, 5)),
            "state": state,
            "amount": -amount if state == "returned" else amount,
            "discount": chance.choice([None, Decimal("1.50")]),
            "margin": chance.choice([None, round(amount / 2, 2)]),
            "items": chance.choice([None, 1, 3]),
            "category": chance.choice([None, "rugs", "lamps"]),
            "channel": chance.choice([None, "search"]),
            "consent_ads": chance.choice([None, None, None, "yes", "no"]),
            "currency": None,
        }

    def write(self, file: str, rows: list[Row]) -> None:
        self.files[file] = [{**row, "file": file, "line": n} for n, row in enumerate(rows, 2)]

    def edit(self) -> None:
        """Something that a night may do to files of orders or to the cards of people."""
        chance, file = self.chance, self.chance.choice(sorted(self.files))
        rows, card = list(self.files[file]), f"c{chance.randrange(CARDS)}"
        match chance.choice(
            ["late", "correction", "moved", "gone", "file", "owner", "left", "new"]
        ):
            case "late":
                self.write(f"{chance.randint(8, 12):02d}.csv", [self.order() for _ in range(4)])
            case "correction" if rows:
                rows[0] = {**rows[0], "amount": Decimal("77.77"), "state": "paid"}
                self.write(file, rows)
            case "moved" if rows:
                rows[-1] = {**rows[-1], "contact_id": card}
                self.write(file, rows)
            case "gone" if len(rows) > 1:
                self.write(file, rows[1:])
            case "file" if len(self.files) > 2:
                del self.files[file]
            case "owner":  # people are merged or split
                self.owners[card] = f"p{chance.randrange(PEOPLE + 3)}"
            case "left":
                self.owners.pop(card, None)
            case "new":
                self.owners[f"c{chance.randrange(CARDS + 2)}"] = f"p{chance.randrange(PEOPLE + 3)}"
            case _:
                pass


class Runs:
    """One run after the other, each made anew and by what the last one left."""

    def __init__(self, folder: Path) -> None:
        self.engine = ibis.duckdb.connect(threads=1)
        self.kept = Readings.of(folder, SHOP, date(2026, 6, 1))
        self.past: Past | None = None
        self._rows: dict[str, ibis.Table] = {}

    def order_files(self, exports: Exports) -> list[OrderFile]:
        return [self._read(name, rows) for name, rows in sorted(exports.files.items())]

    def _read(self, file: str, rows: list[Row]) -> OrderFile:
        name = f"{file}-{sha256(str(rows).encode()).hexdigest()}"
        if name not in self._rows:
            self._rows[name] = self._table(rows, TYPED)
            path = self.kept.folder / f"{name}.rows.parquet"
            write_told(self.engine, path, self._rows[name], {}, None)
        return OrderFile(name, ExportKind.ORDERS, len(rows))

    def anew(self, exports: Exports) -> Bought:
        files = [self._rows[str(file.name)] for file in self.order_files(exports)]
        rows = write_orders(self.engine, "all_orders", files, [], SHOP, [])
        buyers = self._buyers(exports)
        return buy(rows, buyers, _led(rows, buyers))

    def carried(self, exports: Exports) -> Carried | None:
        return carry_on(self.engine, self.order_files(exports), self.kept, self.past, SHOP, [])

    def taken_over(self, carried: Carried, exports: Exports) -> Bought:
        buyers = self._buyers(exports)
        return carried.buy(buyers, _led(carried.of_strangers(buyers), buyers))

    def leave(self, exports: Exports, bought: Bought) -> None:
        files = {str(file.name): file.kind for file in self.order_files(exports)}
        settings = settings_of(SHOP, [])
        self.past = Past(files, settings, bought.cards, bought.occasions, bought.returns)

    def _buyers(self, exports: Exports) -> ibis.Table:
        rows = [
            {"source": "crm", "contact_id": card, "person_id": person}
            for card, person in sorted(exports.owners.items())
        ]
        return self._table(rows, ibis.schema(BUYERS))

    def _table(self, rows: list[Row], schema: ibis.Schema) -> ibis.Table:
        arrow = pa.Table.from_pylist(rows, schema.to_pyarrow())
        return self.engine.create_table(ibis.util.gen_name("given"), arrow, temp=True)


def _led(rows: ibis.Table, buyers: ibis.Table) -> ibis.Table:
    """Orders of nobody in the contacts that lead to somebody all the same."""
    strangers = rows.anti_join(buyers, ["source", "contact_id"])
    return strangers.filter(strangers.contact_id.notnull()).mutate(
        person_id="guest of " + strangers.contact_id
    )


def rows_of(bought: Bought) -> list[list[tuple[Any, ...]]]:
    tables = (bought.occasions, bought.returns, bought.cards)
    rows = (table.to_pyarrow().to_pylist() for table in tables)
    return [sorted((tuple(row.values()) for row in each), key=str) for each in rows]


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 10**9), st.lists(st.integers(1, 4), min_size=1, max_size=3))
@pytest.mark.slow
def test_what_is_taken_over_is_what_all_orders_give(
    tmp_path_factory: pytest.TempPathFactory, seed: int, nights: list[int]
) -> None:
    runs, exports = Runs(tmp_path_factory.mktemp("state")), Exports(random.Random(seed))
    exports.begin()
    runs.leave(exports, runs.anew(exports))
    for edits in nights:
        for _ in range(edits):
            exports.edit()
        whole, carried = runs.anew(exports), runs.carried(exports)
        assert carried is not None or edits > 2, "few files changed"
        if carried is not None:
            bought = runs.taken_over(carried, exports)
            assert rows_of(bought) == rows_of(whole)
            assert bought.orders() == whole.orders()
            whole = bought
        runs.leave(exports, whole)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


@pytest.fixture
def exports(runs: Runs) -> Exports:
    """Exports of which a first run has left everything."""
    made = Exports(random.Random(1))
    made.begin()
    runs.leave(made, runs.anew(made))
    return made


def test_one_new_order_leaves_nearly_everybody_as_they_are(runs: Runs, exports: Exports) -> None:
    order = {**exports.order(), "contact_id": "c3", "order_id": "new"}
    exports.write("99.csv", [order])
    carried = runs.carried(exports)
    assert carried is not None
    bought = runs.taken_over(carried, exports)
    assert PEOPLE / 2 < bought.carried < PEOPLE
    assert rows_of(bought) == rows_of(runs.anew(exports))


def test_other_settings_make_everything_anew(runs: Runs, exports: Exports) -> None:
    files, past = runs.order_files(exports), runs.past
    assert carry_on(runs.engine, files, runs.kept, past, SHOP, []) is not None
    euros = SHOP.model_copy(update={"currency": "EUR"})
    assert carry_on(runs.engine, files, runs.kept, past, euros, []) is None
    rate = Rate(currency="USD", day=date(2026, 1, 1), rate=Decimal(90))
    assert carry_on(runs.engine, files, runs.kept, past, SHOP, [rate]) is None


def test_a_file_that_may_not_be_kept_makes_everything_anew(runs: Runs, exports: Exports) -> None:
    first, *rest = runs.order_files(exports)
    hidden = OrderFile(None, first.kind, first.count)
    assert carry_on(runs.engine, [hidden, *rest], runs.kept, runs.past, SHOP, []) is None


def test_a_file_told_twice_makes_everything_anew(runs: Runs, exports: Exports) -> None:
    files = runs.order_files(exports)
    assert carry_on(runs.engine, [*files, files[0]], runs.kept, runs.past, SHOP, []) is None


def test_what_was_tidied_away_makes_everything_anew(runs: Runs, exports: Exports) -> None:
    del exports.files["03.csv"]
    for path in runs.kept.folder.glob("03.csv-*"):
        path.unlink()
    assert runs.carried(exports) is None


def test_much_that_is_new_makes_everything_anew(runs: Runs, exports: Exports) -> None:
    for number in range(9):
        exports.write(f"{number + 20}.csv", [exports.order() for _ in range(40)])
    assert runs.carried(exports) is None


def test_what_is_left_goes_with_its_snapshots(runs: Runs, exports: Exports, tmp_path: Path) -> None:
    bought, left = runs.anew(exports), Left(tmp_path / "left")
    beside = {"occasions": "one", "returns": "two"}
    files = runs.order_files(exports)
    settings = settings_of(SHOP, [])
    left.leave(runs.engine, bought.cards, files=files, settings=settings, beside=beside)
    found = left.find(runs.engine, beside, bought.occasions, bought.returns)
    assert found is not None
    assert set(found.files) == {file.name for file in files}
    assert sorted(map(str, found.cards.to_pyarrow().to_pylist())) == sorted(
        map(str, bought.cards.to_pyarrow().to_pylist())
    )
    other = {**beside, "returns": "three"}
    assert left.find(runs.engine, other, bought.occasions, bought.returns) is None
    left.clear()
    assert left.find(runs.engine, beside, bought.occasions, bought.returns) is None
