"""The catalog: the relational half of our memory, in SQLite or PostgreSQL by URL."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    TypeDecorator,
    create_engine,
    event,
    inspect,
)
from sqlalchemy.engine.interfaces import DBAPIConnection

if TYPE_CHECKING:
    from alembic.config import Config

UPGRADE_LOCK = 7_231_956_001
"""Number of the lock that PostgreSQL holds while one process brings the catalog up."""

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


HEAD = "0002"
"""The newest form of the catalog: the last file in migrations/versions."""

MIGRATIONS = Path(__file__).parent / "migrations"


class CatalogUnknown(Exception):
    """The catalog has a form that this program does not know."""


def open_catalog(url: str) -> Engine:
    """Open the catalog and bring it to its newest form; an SQLite file is made with mode 0600.

    Raises CatalogUnknown where a newer program, or one before the first release, made it.
    """
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        if engine.url.database not in (None, "", ":memory:"):
            _private_file(Path(str(engine.url.database)))
        event.listen(engine, "connect", _durable_sqlite)
        event.listen(engine, "begin", _write_lock_first)
    with engine.begin() as connection:
        if _form_of(connection) != HEAD:
            _bring_up(connection)
    return engine


def _form_of(connection: Connection) -> str | None:
    """Name of the catalog's form; None for an empty one."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" in tables:
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if "lists" in tables:
        raise CatalogUnknown(
            "the catalog was made by adsteer before its first release. Begin with a new state "
            "folder, or an empty database."
        )
    return None


def _bring_up(connection: Connection) -> None:
    """Apply every migration that is missing, in the caller's transaction; one run at a time."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})")
    from alembic.command import upgrade
    from alembic.util import CommandError

    try:
        upgrade(migration_config(connection), "head")
    except CommandError:
        raise CatalogUnknown(
            "the catalog was made by a newer adsteer. Update this program."
        ) from None


def migration_config(connection: Connection) -> "Config":
    """What alembic needs to work on an open connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


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
