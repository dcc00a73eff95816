"""The same people, segments, digests, plans and differences on Spark as on DuckDB."""

import csv
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pytest

from audiences.difference import KNOWN, Renewal, judge
from audiences.engines import engine_for
from audiences.sealing import Seal
from audiences.segments import Segmentation, segment
from audiences.snapshots import parts_of
from audiences.staging import keep
from config.segments import Base
from config.shop import Engine
from flows import loop
from flows.workshop import open_workshop
from tests.support import shops
from tests.support.generated_people import generate_people
from tests.support.small_shop import CITIES, SmallShop, people_of
from tests.support.tables import rows_of
from tests.support.two_engines import (
    LOCAL,
    Asked,
    assert_nearly,
    assert_same_rows,
    listening,
    on,
    skip_without_spark,
    spark_session,
)

# One worker: a Java machine and a refresh on it are started once.
pytestmark = pytest.mark.slow

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ROWS, ORDERS = 700, 1_500
EXPORTS = """
[[export]]
kind = "contacts"
source = "crm"
path = "exports/crm"
columns = { contact_id = "no", external_id = "ext", email = "mail", phone = "tel", \
first_name = "name", last_name = "surname", city = "town", consent_ads = "ads" }
[[export]]
kind = "contacts"
source = "till"
path = "exports/till.csv"
columns = { contact_id = "no", email = "mail", phone = "tel", \
first_name = "name", last_name = "surname", city = "town", consent_ads = "ads" }
[[export]]
kind = "orders"
source = "web"
path = "exports/sold*.csv"
columns = { order_id = "order", email = "mail", phone = "tel", ordered_on = "day", amount = "sum", \
items = "pieces", category = "what" }
"""
SNAPSHOTS = {
    "people": ["person_id"],
    "keys": ["key_digest", "person_id"],
    "occasions": ["person_id", "day"],
    "returns": ["person_id", "day"],
    "segments": ["person_id"],
    "stories": ["person_id"],
    "scores": ["person_id"],
    "digests/yandex_audience": ["person_id"],
}


@dataclass(frozen=True)
class Ran:
    """A project whose exports were read and whose lists were planned."""

    state: Path
    refreshed: dict[str, Any]
    planned: dict[str, Any]

    def snapshot(self, kind: str) -> ir.Table:
        """The rows of the only snapshot of a kind, by DuckDB."""
        (path,) = (self.state / kind).iterdir()
        return ibis.duckdb.connect(threads=1).read_parquet([str(one) for one in parts_of(path)])


def _cards() -> list[dict[str, Any]]:
    """Cards of people in two sources, dirty and several per person."""
    cards = []
    for place, row in enumerate(generate_people(ROWS, 11).rows.to_pylist()):
        card = {
            "no": row["row_id"],
            "mail": row["email"],
            "tel": row["phone"],
            "name": row["first_name"],
            "surname": row["last_name"],
            "town": CITIES[place % len(CITIES)],
            "ads": ("yes", "yes", "yes", "no", "")[place % 5],
        }
        cards.append({**card, "source": row["source"], "ext": row["external_id"]})
    return cards


def _orders(cards: list[dict[str, Any]]) -> list[dict[str, Any]]:
    draw = random.Random(5)
    made = []
    for place in range(ORDERS):
        card, by = draw.choice(cards[: ROWS // 3]), draw.random()
        made.append(
            {
                "order": f"o{place}",
                "mail": card["mail"] if by < 0.6 else None,
                "tel": card["tel"] if by > 0.4 else None,
                "day": (NOW - timedelta(days=int(600 * draw.random() ** 2))).strftime("%d.%m.%Y"),
                "sum": f"{draw.randrange(100, 90_000) / 100 * draw.choice([1] * 9 + [-1]):.2f}",
                "pieces": draw.randrange(1, 5),
                "what": draw.choice(["tea", "coffee", ""]),
            }
        )
    return made


def _project(folder: Path, engine: str, *, seed: int | None = None, files: int = 1) -> Path:
    """A project; with a `seed` the rows come in another order, cut into several files."""
    shop = SmallShop(folder, people_of(8), cities={"north": ["A", "B", "C"], "south": ["E"]})
    shop.write()
    written = folder / "adsteer.toml"
    shop_part = written.read_text().split("[engine]")[0]
    written.write_text(shop_part.replace('"US"', '"RU"') + engine)
    (folder / "exports.toml").write_text(EXPORTS)
    cards = _cards()
    orders = _orders(cards)
    for rows in (cards, orders) if seed is not None else ():
        random.Random(seed).shuffle(rows)
    by_source = {name: [one for one in cards if one["source"] == name] for name in ("crm", "till")}
    exports = folder / "exports"
    (exports / "crm").mkdir()
    for place in range(files):
        _write(exports / "crm" / f"{place}.csv", by_source["crm"][place::files], "cp1251")
        _write(exports / f"sold{place}.csv", orders[place::files], "utf-8")
    _write(exports / "till.csv", by_source["till"], "utf-8-sig")
    return folder


def _write(path: Path, rows: list[dict[str, Any]], encoding: str) -> None:
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, [name for name in rows[0] if name != "source"], delimiter=";")
        writer.writeheader()
        writer.writerows({name: row[name] for name in writer.fieldnames} for row in rows)


def _ran(folder: Path) -> Ran:
    with open_workshop(folder, now=lambda: NOW) as workshop:
        refreshed = loop.refresh(workshop)
        return Ran(workshop.state, refreshed, loop.plan(workshop, bids=False))


def _toml(engine: Engine) -> str:
    lines = [f'{name} = "{getattr(engine, name)}"' for name in ("kind", "master", "memory_limit")]
    settings = [f'"{name}" = "{value}"' for name, value in engine.spark.items()]
    return "\n".join(["[engine]", *lines, "[engine.spark]", *settings, ""])


@pytest.fixture(scope="module")
def by_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    engine = '[engine]\nmemory_limit = "300MB"\nthreads = 1\n'
    return _ran(_project(tmp_path_factory.mktemp("duckdb"), engine))


@pytest.fixture(scope="module")
def by_spark(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Asked]:
    """The rows come in another order than to DuckDB, and in more files."""
    skip_without_spark()
    folder = tmp_path_factory.mktemp("spark")
    with listening() as asked:
        return _ran(_project(folder, _toml(LOCAL), seed=2, files=2)), asked


@pytest.fixture(scope="module")
def spark(
    by_spark: tuple[Ran, Asked], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ibis.BaseBackend]:
    """A session of its own, after that of the project: a process has one at a time."""
    with spark_session(tmp_path_factory.mktemp("session")) as opened:
        yield opened


@pytest.fixture(scope="module")
def duckdb() -> ibis.BaseBackend:
    return ibis.duckdb.connect(threads=1)


@pytest.mark.parametrize("kind", SNAPSHOTS)
def test_a_refresh_keeps_the_same_in_any_order_of_rows(
    by_duckdb: Ran, by_spark: tuple[Ran, Asked], kind: str
) -> None:
    one, other = by_duckdb.snapshot(kind), by_spark[0].snapshot(kind)
    assert one.count().execute() > 30
    assert_same_rows(one, other, SNAPSHOTS[kind])


def test_a_refresh_says_the_same(by_duckdb: Ran, by_spark: tuple[Ran, Asked]) -> None:
    here, there = by_duckdb.refreshed, by_spark[0].refreshed
    own = {"exports", "reasons", "work"}  # of files, which are other ones; of one machine's memory
    assert_nearly(*({n: v for n, v in one.items() if n not in own} for one in (here, there)))
    assert there["work"].keys() == here["work"].keys()
    for said in (here, there):
        assert sum(file["read"] for file in said["exports"]) == ROWS + ORDERS
    assert len(there["exports"]) == len(here["exports"]) + 2
    assert here["identity"]["rows"] > here["people"] > 300


def test_the_plan_is_the_same_to_the_last_byte(by_duckdb: Ran, by_spark: tuple[Ran, Asked]) -> None:
    assert by_spark[0].planned == by_duckdb.planned
    assert sum(one["add"] for one in by_duckdb.planned["audiences"]) > 50


def test_no_people_reach_the_driver(by_spark: tuple[Ran, Asked]) -> None:
    """Histories and amounts that many share may be many rows; they name nobody."""
    ran, asked = by_spark
    assert ran.refreshed["people"] > 300
    assert asked.answers
    many = [columns for rows, columns in asked.answers if rows > 30]
    assert [set(one) for one in many if not one <= {"x", "t_x", "age", "m", "people"}] == []


def test_nothing_looks_at_all_rows_at_once(by_spark: tuple[Ran, Asked]) -> None:
    statements = by_spark[1].statements
    assert any(" OVER " in one for one in statements)
    assert by_spark[1].windows_over_everything() == []


def test_snapshots_are_folders_that_nobody_else_reads(by_spark: tuple[Ran, Asked]) -> None:
    (folder,) = (by_spark[0].state / "people").iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    parts = parts_of(folder)
    assert len(parts) > 1
    assert {one.stat().st_mode & 0o777 for one in parts} == {0o600}


def test_differences_are_the_same(
    by_duckdb: Ran, duckdb: ibis.BaseBackend, spark: ibis.BaseBackend
) -> None:
    digests = by_duckdb.snapshot("digests/yandex_audience")
    judged = []
    for engine in (duckdb, spark):
        made = on(engine, digests.to_pyarrow(), digests.schema())
        known = made.mutate(
            standing=made.person_id.right(1).isin(["0", "1"]).ifelse("unsure", "in"),
            sent_on=ibis.literal(NOW.date() - timedelta(days=150)),
        ).filter(made.person_id.right(1) != "2")
        wanted = made.filter(made.person_id.substr(1, 1) != "3")
        gone = made.filter(made.person_id.substr(2, 1) == "4").select("person_id")
        known = keep(known.select(*KNOWN.names))
        judged.append(keep(judge(wanted, known, gone, renewal=Renewal(180), as_of=NOW.date())))
    assert len({row["reason"] for row in rows_of(duckdb, judged[0])}) > 4
    assert_same_rows(*judged, ["person_id", "reason"])


def test_a_real_shop_has_the_same_segments(spark: ibis.BaseBackend) -> None:
    here = shops.online_retail()
    tables = (here.occasions, here.returns, here.people)
    there = shops.Shop(*(on(spark, one.to_pyarrow(), one.schema()) for one in tables))
    made = [
        segment(shop.occasions, shop.returns, shop.people, as_of=date(2011, 12, 9), base=Base())
        for shop in (here, there)
    ]
    _assert_same_segments(*made)


def _assert_same_segments(one: Segmentation, other: Segmentation) -> None:
    assert_same_rows(one.table, other.table, ["person_id"])
    assert_same_rows(one.known, other.known, ["person_id"])
    assert other.cuts == one.cuts
    assert (other.states_by, other.lost_on, other.notes) == (one.states_by, one.lost_on, one.notes)
    assert one.calibration is not None
    assert other.calibration is not None
    assert_nearly(asdict(one.calibration), asdict(other.calibration))


def test_places_and_quantiles_are_those_of_duckdb(
    duckdb: ibis.BaseBackend, spark: ibis.BaseBackend
) -> None:
    draw = random.Random(9)
    names = [f"n{place:03}" for place in range(300)]
    draw.shuffle(names)
    values = [draw.choice([None, *(place / 4 for place in range(40))]) for _ in names]
    schema = ibis.schema({"name": "string", "value": "float64"})
    rows = pa.table({"name": names, "value": values}, schema=schema.to_pyarrow())
    found = []
    for engine in (duckdb, spark):
        table, work = on(engine, rows, schema), engine_for(engine)
        numbered = work.numbered(table, ["name"], "number")
        up, down = (work.placed(table, "value", descending=one) for one in (False, True))
        shares = (0.0, 0.1, 0.5, 0.77, 0.95, 1.0)
        quantiles = work.quantiles(table, "value", shares)
        nothing = work.quantiles(table.filter(table.value > 99), "value", (0.5,))
        found.append(((numbered, up, down), quantiles, nothing))
    (tables, quantiles, nothing), (same, also_quantiles, also_nothing) = found
    for one, other in zip(tables, same, strict=True):
        assert_same_rows(one, other, ["name"])
    assert also_quantiles == quantiles
    assert also_nothing == nothing == (None,)


def test_rows_are_streamed_in_their_order(spark: ibis.BaseBackend) -> None:
    schema = ibis.schema({"number": "int64"})
    rows = pa.table({"number": random.Random(1).sample(range(2_000), 2_000)})
    table = on(spark, rows, schema).order_by("number")
    batches = list(engine_for(spark).stream(table, 1_000))
    assert [n for batch in batches for n in batch.column(0).to_pylist()] == list(range(2_000))


def test_a_sealed_snapshot_opens_with_its_key_alone(
    spark: ibis.BaseBackend, tmp_path: Path
) -> None:
    schema = ibis.schema({"person_id": "string", "day": "date"})
    rows = pa.table({"person_id": ["p1", "p2"], "day": [date(2026, 1, 1), None]})
    table, work, seal = on(spark, rows, schema), engine_for(spark), Seal.of("a key of this test")
    file = work.write_file(tmp_path / "people", "made-{fingerprint}", table, ["person_id"], seal)
    assert file.rows == 2
    assert all(one.read_bytes().endswith(b"PARE") for one in parts_of(file.path))
    opened = work.open_file(file.path, seal)
    assert sorted(row["person_id"] for row in rows_of(spark, opened)) == ["p1", "p2"]
