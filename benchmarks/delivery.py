"""Sending a list to a platform that answers in 200 ms: how much of what its limits allow is used.

Allowed is `max_in_flight` requests of `batch_size` people at any time, removals before additions:
batches / max_in_flight x 200 ms of each. One process, the ledger on SQLite with every commit on the
disk.
"""

import math
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import ibis

from audiences.catalog import open_catalog
from audiences.engine import open_engine
from audiences.leases import take_lease
from audiences.ledger import Ledger
from audiences.model import AudienceRef, Batch, ListState, Opened, Receipt, Recipe
from audiences.planning import ListLimits, Wanted, plan_audiences
from config.audiences import Identifier, Purpose
from config.shop import Engine
from connectors.base import Connector, Limits
from connectors.delivery import deliver
from connectors.http import Ask, Door, Effect, Surroundings
from connectors.members_csv import MembersCsv
from connectors.upload import FileUpload

LATENCY = 0.2
COLUMNS = (Identifier.PHONE, Identifier.EMAIL)
ROOT = Path(__file__).parents[1]


class Patient(Connector):
    """A list on the platform of `_platform`."""

    platform: ClassVar[str] = "patient"
    limits: ClassVar[Limits] = Limits(
        source="benchmarks",
        kinds=frozenset(COLUMNS),
        batch_size=10_000,
        min_members=0,
        max_in_flight=4,
    )
    recipe: ClassVar[Recipe] = Recipe("patient", "benchmarks", frozenset(COLUMNS))

    def __init__(self, url: str) -> None:
        self._door = Door(url, surroundings=Surroundings())

    def check(self) -> None:
        return None

    def find(self, audience: AudienceRef) -> str | None:
        return None

    def find_or_create(self, audience: AudienceRef, first: Batch) -> Opened:
        return Opened("1")

    def add(self, list_id: str, batch: Batch) -> Receipt:
        return self._send("add", batch)

    def remove(self, list_id: str, batch: Batch) -> Receipt:
        return self._send("remove", batch)

    def state(self, list_id: str) -> ListState:
        return ListState(list_id, ready=True, settled=True)

    def rename(self, list_id: str, title: str) -> bool:
        return True

    def delete(self, list_id: str) -> None:
        return None

    def _send(self, verb: str, batch: Batch) -> Receipt:
        file = MembersCsv(batch, COLUMNS)
        body = FileUpload(file.chunks, file.size)
        self._door.send(Ask("POST", verb, body=body, effect=Effect.SAME))
        return file.receipt()


@dataclass(frozen=True)
class Sync:
    """One sync, in people and seconds."""

    what: str
    people: int
    batches: tuple[int, ...]
    """Of each step: no addition leaves before the last removal has come back."""
    planning: float
    sending: float

    @property
    def allowed(self) -> float:
        together = Patient.limits.max_in_flight
        return sum(math.ceil(batches / together) for batches in self.batches) * LATENCY

    def row(self) -> dict[str, object]:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {
            "sync": self.what,
            "people sent": f"{self.people:,}",
            "requests": sum(self.batches),
            "plan, s": f"{self.planning:.2f}",
            "send, s": f"{self.sending:.2f}",
            "limits allow, s": f"{self.allowed:.2f}",
            "of the allowed": f"{self.allowed / self.sending:.0%}",
            "peak memory, MB": f"{peak:.0f}",
        }


def run(*, quick: bool) -> Iterator[dict[str, object]]:
    """A first sync, and one after 1 % of the people changed."""
    people = 100_000 if quick else 1_000_000
    with TemporaryDirectory() as folder, platform() as url:
        state = Path(folder)
        engine = open_engine(Engine(memory_limit="300MB"), state / "scratch")
        catalog = open_catalog(f"sqlite:///{state / 'catalog.db'}")
        memory = Ledger(catalog, engine, state, lambda: datetime.now(UTC))
        connector = Patient(url)
        for what, first in (("first", 0), ("1 % changed", people // 100)):
            path = state / f"wanted-{first}.parquet"
            engine.raw_sql(_people(first, people, path))
            yield sync(what, memory, connector, path).row()
        catalog.dispose()


def sync(what: str, memory: Ledger, connector: Patient, wanted: ibis.Table | Path) -> Sync:
    """Plan and send one list."""
    ref = AudienceRef("main", "patient", "all", Purpose.RETARGETING, "all")
    limits = ListLimits(connector.limits.batch_size)
    started = time.perf_counter()
    plan = plan_audiences(
        memory.engine,
        [Wanted(ref, limits, wanted)],
        memory.base,
        state=memory.state,
        as_of=datetime.now(UTC).date(),
    )
    memory.keep(plan)
    (one,) = plan.lists
    lease = take_lease(memory.catalog, "main", "bench", now=datetime.now(UTC))
    planned = time.perf_counter()
    with memory.begin(plan.fingerprint, one, lease) as sending:
        steps = {step.value for step in one.to_send()}
        done = deliver(ref, sending.rows, steps, connector, sending, wait=time.sleep, patience=60)
        sent = time.perf_counter()
    people = done.added.accepted + done.removed.accepted
    batches = tuple(math.ceil(size / limits.batch_size) for _, size in one.steps)
    if people != sum(size for _, size in one.steps):
        raise AssertionError(f"{people} accepted of {one.steps}")
    return Sync(what, people, batches, planned - started, sent - planned)


def _people(first: int, count: int, path: Path) -> str:
    return f"""COPY (
        SELECT 'p' || lpad(i::VARCHAR, 8, '0') AS person_id, [sha256('e' || i)] AS email,
               [sha256('t' || i)] AS phone, []::VARCHAR[] AS external_id
        FROM range({first}, {first + count}) t(i)
    ) TO '{path}' (FORMAT parquet)"""


@contextmanager
def platform(latency: float = LATENCY) -> Iterator[str]:
    """The platform as a process of its own; gives its address."""
    command = [sys.executable, "-m", "benchmarks._platform", str(latency)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None:
            raise AssertionError("no pipe")
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
    finally:
        process.terminate()
        process.wait(10)
