"""The same people, segments, digests and differences on Spark as on DuckDB."""

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import ibis
import pyarrow as pa
import pytest

from audiences.behaviour import moment_of
from audiences.contacts import digests
from audiences.difference import KNOWN, Renewal, judge
from audiences.engines import engine_for
from audiences.history import carry_on
from audiences.people import People, build_people
from audiences.scores import score_people
from audiences.segments import Segmentation, segment
from audiences.staging import keep
from audiences.tables import CONTACT_ROWS, ORDER_ROWS
from audiences.value import fit_value, predict
from config.segments import Base
from config.shop import Shop
from connectors.recipes import GOOGLE, VK, YANDEX
from tests.support import shops
from tests.support.generated_people import generate_people
from tests.support.tables import rows_of
from tests.support.two_engines import (
    Asked,
    assert_nearly,
    assert_same_rows,
    listening,
    on,
    spark_session,
)

SHOP = Shop(name="Generated", currency="EUR", time_zone="UTC")
AS_OF = date(2026, 3, 1)
ROWS, ORDERS = 1_500, 3_000


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ibis.BaseBackend]:
    with spark_session(tmp_path_factory.mktemp("spark")) as opened:
        yield opened


@pytest.fixture(scope="module")
def duckdb() -> ibis.BaseBackend:
    return ibis.duckdb.connect(threads=1)


@dataclass(frozen=True)
class Worked:
    """Generated rows as people and segments."""

    people: People
    made: Segmentation


def _orders(contacts: pa.Table) -> pa.Table:
    draw = random.Random(5)
    rows = contacts.to_pylist()
    made = []
    for place in range(ORDERS):
        row, by = draw.choice(rows[: ROWS // 3]), draw.random()
        made.append(
            {
                "source": row["source"],
                "order_id": f"o{place}",
                "file": "orders.csv",
                "line": place,
                "email": row["email"] if by < 0.6 else None,
                "phone": row["phone"] if by > 0.4 else None,
                "ordered_on": AS_OF - timedelta(days=int(600 * draw.random() ** 2)),
                "state": draw.choice(["paid"] * 9 + ["returned"]),
                "amount": Decimal(draw.randrange(100, 90_000)) / 100,
                "discount": draw.choice([None, Decimal(1)]),
                "items": draw.randrange(1, 5),
                "category": draw.choice(["tea", "coffee", None]),
                "consent_ads": draw.choice([None, None, "yes", "no"]),
            }
        )
    return pa.Table.from_pylist(made, schema=ORDER_ROWS.to_pyarrow())


def _worked(engine: ibis.BaseBackend, contacts: pa.Table, orders: pa.Table) -> Worked:
    people = build_people(
        engine, SHOP, on(engine, contacts, CONTACT_ROWS), on(engine, orders, ORDER_ROWS)
    )
    made = segment(people.occasions, people.returns, people.people, as_of=AS_OF, base=Base())
    return Worked(people, made)


@pytest.fixture(scope="module")
def rows() -> tuple[pa.Table, pa.Table]:
    contacts = generate_people(ROWS, 11).rows
    return contacts, _orders(contacts)


@pytest.fixture(scope="module")
def by_duckdb(duckdb: ibis.BaseBackend, rows: tuple[pa.Table, pa.Table]) -> Worked:
    return _worked(duckdb, *rows)


@pytest.fixture(scope="module")
def by_spark(spark: ibis.BaseBackend, rows: tuple[pa.Table, pa.Table]) -> tuple[Worked, Asked]:
    """The rows come in another order than to DuckDB."""
    draw = random.Random(2)
    shuffled = [table.take(draw.sample(range(len(table)), len(table))) for table in rows]
    patch = pytest.MonkeyPatch()
    with listening(spark, patch) as asked:
        return _worked(spark, *shuffled), asked


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["people", "identifiers", "occasions", "returns", "person_rows", "keys", "unattributed"]
)
def test_people_are_the_same_in_any_order_of_rows(
    by_duckdb: Worked, by_spark: tuple[Worked, Asked], name: str
) -> None:
    one, other = getattr(by_duckdb.people, name), getattr(by_spark[0].people, name)
    assert_same_rows(one, other, one.columns[:3])


@pytest.mark.slow
def test_the_report_of_identity_is_the_same(
    by_duckdb: Worked, by_spark: tuple[Worked, Asked]
) -> None:
    assert by_spark[0].people.identity == by_duckdb.people.identity


@pytest.mark.slow
def test_segments_are_the_same_in_any_order_of_rows(
    by_duckdb: Worked, by_spark: tuple[Worked, Asked]
) -> None:
    _assert_same_segments(by_duckdb.made, by_spark[0].made)


def _assert_same_segments(one: Segmentation, other: Segmentation) -> None:
    assert_same_rows(one.table, other.table, ["person_id"])
    assert_same_rows(one.known, other.known, ["person_id"])
    assert other.cuts == one.cuts
    assert (other.states_by, other.lost_on, other.notes) == (one.states_by, one.lost_on, one.notes)
    assert (one.calibration is None) == (other.calibration is None)
    if one.calibration is not None and other.calibration is not None:
        assert_nearly(asdict(one.calibration), asdict(other.calibration))


@pytest.mark.slow
def test_no_people_reach_the_driver(by_spark: tuple[Worked, Asked]) -> None:
    worked, asked = by_spark
    assert worked.people.identity.people > 900
    assert asked.rows
    assert max(asked.rows) < 30


@pytest.mark.slow
def test_nothing_looks_at_all_rows_at_once(by_spark: tuple[Worked, Asked]) -> None:
    assert len(by_spark[1].statements) > 30
    assert by_spark[1].windows_over_everything() == []


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [GOOGLE, VK, YANDEX], ids=lambda one: one.name)
def test_digests_and_differences_are_the_same(
    duckdb: ibis.BaseBackend,
    spark: ibis.BaseBackend,
    by_duckdb: Worked,
    by_spark: tuple[Worked, Asked],
    recipe: Any,
) -> None:
    judged = []
    for engine, worked in ((duckdb, by_duckdb), (spark, by_spark[0])):
        made = keep(digests(engine, worked.people.identifiers, recipe))
        known = made.mutate(
            standing=made.person_id.right(1).isin(["0", "1"]).ifelse("unsure", "in"),
            sent_on=ibis.literal(AS_OF - timedelta(days=150)),
        ).filter(made.person_id.right(1) != "2")
        known = keep(known.select(*KNOWN.names))
        wanted = made.filter(made.person_id.substr(1, 1) != "3")
        gone = made.filter(made.person_id.substr(2, 1) == "4").select("person_id")
        found = judge(wanted, known, gone, renewal=Renewal(180), as_of=AS_OF)
        judged.append((made, keep(found)))
    (one, left), (other, right) = judged
    assert one.count().to_pyarrow().as_py() > 500
    assert_same_rows(one, other, ["person_id"])
    assert len({row["reason"] for row in rows_of(duckdb, left)}) > 4
    assert_same_rows(left, right, ["person_id", "reason"])


def _moved(shop: shops.Shop, engine: ibis.BaseBackend) -> shops.Shop:
    tables = (shop.occasions, shop.returns, shop.people)
    return shops.Shop(*(on(engine, one.to_pyarrow(), one.schema()) for one in tables))


@pytest.mark.slow
def test_a_real_shop_has_the_same_segments(spark: ibis.BaseBackend) -> None:
    here = shops.online_retail()
    made = [
        segment(shop.occasions, shop.returns, shop.people, as_of=date(2011, 12, 9), base=Base())
        for shop in (here, _moved(here, spark))
    ]
    _assert_same_segments(*made)


@pytest.mark.slow
def test_scores_and_predictions_are_the_same(spark: ibis.BaseBackend) -> None:
    here = shops.cdnow_sample()
    day = date(1998, 6, 30)
    found = []
    for shop in (here, _moved(here, spark)):
        made = segment(shop.occasions, shop.returns, shop.people, as_of=day, base=Base())
        predicted = keep(predict(made.known, fit_value(made.known)))
        scores = score_people(
            made,
            shop.occasions,
            stories=carry_on(None, made.table, as_of=day),
            predicted=predicted,
            events=None,
            moment=moment_of(day),
        )
        found.append((predicted, keep(scores)))
    (one, left), (other, right) = found
    assert_same_rows(one, other, ["person_id"])
    assert_same_rows(left, right, ["person_id"])


@pytest.mark.slow
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


@pytest.mark.slow
def test_rows_are_streamed_in_their_order(spark: ibis.BaseBackend) -> None:
    schema = ibis.schema({"number": "int64"})
    rows = pa.table({"number": random.Random(1).sample(range(5_000), 5_000)})
    table = on(spark, rows, schema).order_by("number")
    batches = list(engine_for(spark).stream(table, 1_000))
    assert [n for batch in batches for n in batch.column(0).to_pylist()] == list(range(5_000))
