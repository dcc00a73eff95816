"""Exports to delivery, stage by stage, each beside its floor; then the whole beside other ways.

A floor is what this machine takes for the least that the stage must do: a bare scan, a bare hash, a
bare encoder, a bare HTTP client. CPU seconds are of all threads; ratios are of those, for they are
the same on a busy machine. Memory is the most the process had while the stage ran.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import orjson
import pyarrow as pa
import requests
from ibis.backends.duckdb import Backend

from audiences.catalog import open_catalog
from audiences.contacts import by_person, digests
from audiences.difference import KNOWN, judge
from audiences.engine import open_engine
from audiences.exports import CONTACTS_TABLE, ORDERS_TABLE, read_exports
from audiences.ledger import Ledger
from audiences.model import Batch, Verb
from audiences.people import build_people
from audiences.segments import Segmentation, segment
from audiences.snapshots import stream, write_rows
from audiences.staging import keep
from audiences.value import UnusableFit, fit_value, predict
from benchmarks import delivery
from benchmarks._measure import Spent, apart, spent
from benchmarks._project import write_project
from benchmarks._shop import AS_OF, Shop
from benchmarks._yardsticks import YARDSTICKS
from config.load import load_project
from connectors.google_members import MembersJson
from connectors.recipes import GOOGLE, META, MICROSOFT, TIKTOK, VK

RECIPES = (GOOGLE, META, MICROSOFT, TIKTOK, VK)
CONTACTS, QUICK_CONTACTS = 1_000_000, 100_000
BATCH = 10_000
SENT = ("person_id", "email", "phone", "external_id")


def run(*, quick: bool) -> Iterator[dict[str, object]]:
    """Every stage in one process, then the same job in other ways, each in one of its own."""
    shop = Shop(QUICK_CONTACTS if quick else CONTACTS)
    with tempfile.TemporaryDirectory() as made:
        folder = write_project(Path(made), shop)
        yield from apart(_stages, folder)
        yield apart(_read_as_1c, folder, replace(shop, form="1c"))
        for name, job in YARDSTICKS.items():
            rows, cost = apart(_alone, job, folder)
            yield _line(f"the whole: {name}", rows, cost)


def _line(
    stage: str, rows: int, cost: Spent, floor: str = "", least: Spent | None = None
) -> dict[str, object]:
    return {
        "stage": stage,
        "rows": f"{rows:,}",
        "seconds": f"{cost.wall:.1f}",
        "CPU s": f"{cost.cpu:.2f}",
        "rows per CPU s": f"{rows / max(cost.cpu, 1e-3):,.0f}",
        "peak MB": f"{cost.peak:,.0f}",
        "floor": floor,
        "its CPU s": f"{least.cpu:.2f}" if least else "",
        "times": f"{cost.cpu / max(least.cpu, 1e-3):.1f}" if least else "",
    }


def _alone(job: Any, folder: Path) -> tuple[int, Spent]:
    return spent(lambda: job(folder))


def _stages(folder: Path) -> list[dict[str, object]]:
    project = load_project(folder)
    shop, base = project.adsteer.shop, project.segments.base
    engine = open_engine(project.adsteer.engine, folder / "scratch")

    reading, read = spent(lambda: read_exports(engine, project.exports, folder, shop, AS_OF))
    _, scan = spent(lambda: _scan(folder))
    contacts, orders = engine.table(CONTACTS_TABLE), engine.table(ORDERS_TABLE)
    people, resolved = spent(lambda: build_people(engine, shop, contacts, orders))
    everybody = people.identity.people
    made, segmented = spent(
        lambda: segment(people.occasions, people.returns, people.people, as_of=AS_OF, base=base)
    )
    _, valued = spent(lambda: _value(made))
    hashed, hashing = spent(lambda: _hashed(people.identifiers))
    _, bare = spent(lambda: [_bare_hash(people.identifiers) for _ in RECIPES])
    wanted = hashed[0]
    known = keep(_all_but_a_hundredth(wanted))
    _, compared = spent(lambda: keep(judge(wanted, known, None, renewal=None, as_of=AS_OF)))
    _, anti = spent(
        lambda: (keep(wanted.anti_join(known, SENT)), keep(known.anti_join(wanted, SENT)))
    )
    bodies, encoded = spent(lambda: list(_encoded(engine, wanted)))
    _, dumped = _dumped(bodies)
    sent, sending, posted = _deliver(folder, engine, wanted, bodies)
    engine.disconnect()
    whole = [read, resolved, segmented, valued, hashing]
    total = Spent(
        sum(one.wall for one in whole),
        sum(one.cpu for one in whole),
        max(one.peak for one in whole),
    )
    return [
        _line("read and type", reading.read, read, "bare DuckDB scan", scan),
        _line("identity, orders to people", reading.contacts + reading.orders, resolved),
        _line("features and states", everybody, segmented),
        _line("value", everybody, valued),
        _line(f"hashing for {len(RECIPES)} recipes", everybody, hashing, "DuckDB's sha256", bare),
        _line("diff, 1 % new", everybody, compared, "two anti joins", anti),
        _line("encode", everybody, encoded, "orjson of the same", dumped),
        _line("plan and deliver", sent, sending, "bare HTTP client", posted),
        _line("the whole: adsteer to segments and digests", reading.read, total, "scan", scan),
    ]


def _read_as_1c(folder: Path, shop: Shop) -> dict[str, object]:
    """The same rows as Russian programs write them; the scan is that of the plain files."""
    with tempfile.TemporaryDirectory() as made:
        there = write_project(Path(made), shop)
        project = load_project(there)
        engine = open_engine(project.adsteer.engine, there / "scratch")
        reading, read = spent(
            lambda: read_exports(engine, project.exports, there, project.adsteer.shop, AS_OF)
        )
        engine.disconnect()
    _, scan = spent(lambda: _scan(folder))
    return _line("read and type, as 1C writes them", reading.read, read, "bare DuckDB scan", scan)


def _scan(folder: Path) -> None:
    """Every cell of the same files, once, by DuckDB with as many threads."""
    bare = ibis.duckdb.connect(memory_limit="1000MB")
    bare.raw_sql("SET enable_progress_bar = false")
    for name in ("contacts.csv", "orders/*.csv", "events.csv"):
        reader = f"read_csv('{folder}/exports/{name}', all_varchar = true)"
        bare.raw_sql(f"SELECT count(COLUMNS(*)) FROM {reader}").fetchall()
    bare.disconnect()


def _value(made: Segmentation) -> ir.Table | None:
    try:
        return keep(predict(made.known, fit_value(made.known)))
    except UnusableFit:
        return None


def _hashed(identifiers: ir.Table) -> list[ir.Table]:
    contacts = keep(by_person(identifiers))
    return [keep(digests(contacts, recipe)) for recipe in RECIPES]


def _bare_hash(identifiers: ir.Table) -> ir.Table:
    return keep(identifiers.select(digest=identifiers.value.hexdigest("sha256")))


def _all_but_a_hundredth(wanted: ir.Table) -> ir.Table:
    kept = wanted.filter(~wanted.person_id.endswith("00"))
    return kept.select(
        *SENT, standing=ibis.literal("in"), sent_on=ibis.literal(AS_OF).cast("date")
    ).cast(dict(ibis.Schema.from_pyarrow(KNOWN)))


def _encoded(engine: Backend, wanted: ir.Table) -> Iterator[bytes]:
    for number, batch in enumerate(stream(engine, wanted)):
        for start in range(0, batch.num_rows, BATCH):
            members = pa.Table.from_batches([batch.slice(start, BATCH)])
            one = MembersJson.of(Batch(f"b{number}-{start}", Verb.ADD, members))
            yield b"".join(one.body({"validateOnly": False}))


def _dumped(bodies: list[bytes]) -> tuple[object, Spent]:
    plain = [orjson.loads(one) for one in bodies]
    return spent(lambda: [orjson.dumps(one) for one in plain])


def _deliver(
    folder: Path, engine: Backend, wanted: ir.Table, bodies: list[bytes]
) -> tuple[int, Spent, Spent]:
    """A first sync to a platform that answers at once, and a bare client that posts as much."""
    state = folder / "delivery"
    path = write_rows(
        state, "wanted", pa.schema(wanted.schema().to_pyarrow()), stream(engine, wanted)
    )
    catalog = open_catalog(f"sqlite:///{state / 'catalog.db'}")
    memory = Ledger(catalog, engine, state, lambda: datetime.now(UTC))
    with delivery.platform(latency=0) as url:
        synced, sending = spent(
            lambda: delivery.sync("first", memory, delivery.Patient(url), path.path)
        )
        _, posted = spent(lambda: _post(url, bodies))
    catalog.dispose()
    return synced.people, sending, posted


def _post(url: str, bodies: list[bytes]) -> None:
    with requests.Session() as session:
        for body in bodies:
            session.post(f"{url}add", data=body, timeout=60).raise_for_status()
