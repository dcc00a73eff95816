"""The catalog: the relational half of our memory, in SQLite or PostgreSQL by URL."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    TypeDecorator,
    create_engine,
    event,
)
from sqlalchemy.engine.interfaces import DBAPIConnection

metadata = MetaData()
"""Every table of the catalog, whichever module declares it."""


class Instant(TypeDecorator[datetime]):
    """An aware moment, kept in UTC; SQLite forgets the zone, so it is given back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def open_catalog(url: str) -> Engine:
    """Open the catalog and make what is missing in it; an SQLite file is made with mode 0600."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        if engine.url.database not in (None, "", ":memory:"):
            _private_file(Path(str(engine.url.database)))
        event.listen(engine, "connect", _durable_sqlite)
        event.listen(engine, "begin", _write_lock_first)
    metadata.create_all(engine)
    return engine


def _private_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)


def _durable_sqlite(connection: DBAPIConnection, _record: object) -> None:
    """Write-ahead log, every commit on the disk, and waiting instead of 'database is locked'."""
    connection.isolation_level = None  # the driver's own BEGIN would come too late
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _write_lock_first(connection: Connection) -> None:
    """A transaction that reads first and writes later must not find the database moved on."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
