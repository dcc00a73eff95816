"""The journal of runs: what began when, how it ended, and which ones died without a word."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Engine, Integer, String, Table, Text, insert, select, update

from audiences.catalog import Instant, metadata

RUNS = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(60), nullable=False, index=True),
    Column("owner", String(200), nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("outcome", String(10), nullable=False),  # running, done, refused, failed, died
    Column("said", Text, nullable=False),
)


@dataclass(frozen=True)
class Run:
    """One row of the journal."""

    id: int
    name: str
    begun_at: datetime
    ended_at: datetime | None
    outcome: str
    said: str


def begin_run(catalog: Engine, name: str, owner: str, *, now: datetime) -> int:
    """Record that a run began; its number."""
    row = {"name": name, "owner": owner, "begun_at": now, "outcome": "running", "said": ""}
    with catalog.begin() as connection:
        made = connection.execute(insert(RUNS).values(**row)).inserted_primary_key
    if made is None:
        raise AssertionError("a run without a number")
    return int(made[0])


def end_run(catalog: Engine, number: int, outcome: str, said: str, *, now: datetime) -> None:
    """Record how a run ended."""
    this = update(RUNS).where(RUNS.c.id == number)
    with catalog.begin() as connection:
        connection.execute(this.values(ended_at=now, outcome=outcome, said=said))


def bury_dead(catalog: Engine, *, now: datetime, is_dead: Callable[[str], bool]) -> tuple[Run, ...]:
    """Runs that began, never ended and whose process is gone; each is told once, then closed."""
    query = select(RUNS).where(RUNS.c.ended_at.is_(None)).order_by(RUNS.c.id)
    with catalog.begin() as connection:
        dead = [row for row in connection.execute(query) if is_dead(row.owner)]
        for row in dead:
            closed = update(RUNS).where(RUNS.c.id == row.id)
            connection.execute(closed.values(ended_at=now, outcome="died"))
    return tuple(Run(one.id, one.name, one.begun_at, now, "died", one.said) for one in dead)


def last_runs(catalog: Engine, *, most: int = 20) -> tuple[Run, ...]:
    """The newest runs first."""
    query = select(RUNS).order_by(RUNS.c.id.desc()).limit(most)
    with catalog.begin() as connection:
        return tuple(
            Run(row.id, row.name, row.begun_at, row.ended_at, row.outcome, row.said)
            for row in connection.execute(query)
        )
