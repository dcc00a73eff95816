"""The catalog: the relational half of our memory, in SQLite or PostgreSQL by URL."""

from pathlib import Path

from sqlalchemy import Engine, MetaData, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

metadata = MetaData()
"""Every table of the catalog, whichever module declares it."""


def open_catalog(url: str) -> Engine:
    """Open the catalog and make what is missing in it; an SQLite file is made with mode 0600."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        if engine.url.database not in (None, "", ":memory:"):
            _private_file(Path(str(engine.url.database)))
        event.listen(engine, "connect", _durable_sqlite)
    metadata.create_all(engine)
    return engine


def _private_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)


def _durable_sqlite(connection: DBAPIConnection, _record: object) -> None:
    """Write-ahead log, every commit on the disk, and waiting instead of 'database is locked'."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
