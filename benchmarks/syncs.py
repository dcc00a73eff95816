"""The first sync of a list, one after 1 % of the people changed, one with nothing new.

Each beside a bare script that hashes the same contacts, anti-joins them with what it sent last,
posts the same people to a platform that accepts at once, and keeps what it sent: without a plan to
look at, a guard, a ledger, or a way on after a crash. CPU seconds are of all threads of the
process; ratios are of those, for they are the same on a busy machine.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import ibis
import pyarrow as pa
import pyarrow.csv
import requests

from audiences.catalog import open_catalog
from audiences.contacts import digests
from audiences.engine import open_engine
from audiences.ledger import Ledger
from benchmarks._measure import Spent, apart, spent
from benchmarks.delivery import Patient, platform, sync
from config.shop import Engine
from connectors.recipes import GOOGLE

BATCH = Patient.limits.batch_size
SYNCS = (("first", 0), ("1 % changed", 100), ("nothing new", 100))
"""What it is called, and the share of the people who left and came: one of so many."""


def run(*, quick: bool) -> Iterator[dict[str, object]]:
    """Ours in one process, then the bare script in another."""
    people = 100_000 if quick else 1_000_000
    with TemporaryDirectory() as made:
        folder = Path(made)
        for what, share in SYNCS:
            _write_contacts(folder / f"{what}.parquet", people // share if share else 0, people)
        ours, bare = apart(_ours, folder), apart(_bare, folder)
    for (what, _), mine, least in zip(SYNCS, ours, bare, strict=True):
        yield {
            "sync": what,
            "people": f"{people:,}",
            "seconds": f"{mine.wall:.1f}",
            "CPU s": f"{mine.cpu:.2f}",
            "peak MB": f"{mine.peak:,.0f}",
            "bare script, s": f"{least.wall:.1f}",
            "its CPU s": f"{least.cpu:.2f}",
            "times": f"{mine.cpu / max(least.cpu, 1e-3):.1f}",
            "wanted": "at most 2",
        }


def _write_contacts(path: Path, first: int, count: int) -> None:
    duckdb.execute(f"""COPY (
        SELECT 'p' || lpad(i::VARCHAR, 8, '0') AS person_id, 'e' || i || '@example.test' AS email,
               '+7999' || lpad(i::VARCHAR, 7, '0') AS phone
        FROM range({first}, {first + count}) t(i)
    ) TO '{path}' (FORMAT parquet)""")


def _ours(folder: Path) -> list[Spent]:
    """Hash, plan, send, close; as a run does it, from contacts that are resolved already."""
    engine = open_engine(Engine(), folder / "scratch")
    catalog = open_catalog(f"sqlite:///{folder / 'catalog.db'}")
    memory = Ledger(catalog, engine, folder / "state", lambda: datetime.now(UTC))

    def one(what: str) -> None:
        contacts = engine.read_parquet(folder / f"{what}.parquet")
        people = contacts.select(
            "person_id",
            email=ibis.array([contacts.email]),
            phone=ibis.array([contacts.phone]),
            external_id=ibis.literal([], type="array<string>"),
        )
        sync(what, memory, connector, digests(people, GOOGLE))

    with platform(latency=0) as url:
        connector = Patient(url)
        return [spent(lambda what=what: one(what))[1] for what, _ in SYNCS]


def _bare(folder: Path) -> list[Spent]:
    engine = duckdb.connect(config={"memory_limit": Engine().memory_limit})
    engine.execute("CREATE TABLE known (person_id VARCHAR, email VARCHAR, phone VARCHAR)")

    def post(url: str, rows: str) -> None:
        reader = engine.sql(rows).to_arrow_reader(BATCH)
        for batch in reader:
            body = pa.BufferOutputStream()
            pyarrow.csv.write_csv(batch, body)
            session.post(url, data=body.getvalue().to_pybytes(), timeout=60).raise_for_status()

    def one(what: str, url: str) -> None:
        engine.execute(f"""CREATE OR REPLACE TABLE wanted AS
            SELECT person_id, sha256(email) AS email, sha256(phone) AS phone
            FROM '{folder / what}.parquet'""")
        row = "USING (person_id, email, phone)"
        post(f"{url}remove", f"SELECT email, phone FROM known ANTI JOIN wanted {row}")
        post(f"{url}add", f"SELECT email, phone FROM wanted ANTI JOIN known {row}")
        engine.execute(f"COPY wanted TO '{folder / 'sent.parquet'}' (FORMAT parquet)")
        engine.execute("CREATE OR REPLACE TABLE known AS FROM wanted")

    with platform(latency=0) as url, requests.Session() as session:
        return [spent(lambda what=what: one(what, url))[1] for what, _ in SYNCS]
