from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import upgrade
from sqlalchemy import MetaData, create_engine, inspect, text

from audiences.catalog import (
    HEAD,
    MIGRATIONS,
    CatalogUnknown,
    metadata,
    migration_config,
    open_catalog,
)
from tests.support.catalogs import catalog_url, postgres_url  # noqa: F401
from tests.support.write_migration import comparing, every_table


def test_the_migrations_make_exactly_the_tables_that_are_declared(catalog_url):  # noqa: F811
    every_table()
    catalog = open_catalog(catalog_url)
    with catalog.begin() as connection:
        assert compare_metadata(comparing(connection), metadata) == []
        made = set(inspect(connection).get_table_names())
    catalog.dispose()
    assert made == {*metadata.tables, "alembic_version"}


def test_a_catalog_is_opened_again_as_it_is(catalog_url):  # noqa: F811
    for _ in range(2):
        catalog = open_catalog(catalog_url)
        with catalog.begin() as connection:
            form = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        catalog.dispose()
        assert form == HEAD


def test_the_newest_form_is_the_last_file():
    (*_, last) = sorted(path.name for path in (MIGRATIONS / "versions").glob("0*.py"))
    assert last.startswith(f"{HEAD}_")


def test_a_catalog_of_a_newer_program_is_left_alone(catalog_url):  # noqa: F811
    catalog = open_catalog(catalog_url)
    with catalog.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    catalog.dispose()
    with pytest.raises(CatalogUnknown, match="newer"):
        open_catalog(catalog_url)


def test_a_catalog_from_before_the_first_release_is_left_alone(tmp_path):
    url = f"sqlite:///{tmp_path / 'catalog.db'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE lists (account TEXT)"))
    with pytest.raises(CatalogUnknown, match="first release"):
        open_catalog(url)
    engine.dispose()


def test_a_filled_catalog_of_the_oldest_form_keeps_every_row_on_its_way_to_the_newest(
    catalog_url,  # noqa: F811
):
    engine = create_engine(catalog_url)
    oldest = min(path.name for path in (MIGRATIONS / "versions").glob("0*.py")).partition("_")[0]
    written = {}
    with engine.begin() as connection:
        upgrade(migration_config(connection), oldest)
        tables = MetaData()
        tables.reflect(connection)
        for table in tables.sorted_tables:
            if table.name != "alembic_version":
                row = {column.name: VALUES[column.type.python_type] for column in table.columns}
                connection.execute(table.insert().values(**row))
                (written[table.name],) = connection.execute(table.select()).mappings()
    engine.dispose()
    assert {"lists", "batches", "snapshots", "approvals"} <= set(written)

    every_table()
    catalog = open_catalog(catalog_url)
    with catalog.begin() as connection:
        assert compare_metadata(comparing(connection), metadata) == []
        now = MetaData()
        now.reflect(connection)
        for name, row in written.items():
            (kept,) = connection.execute(now.tables[name].select()).mappings()
            both = row.keys() & kept.keys()
            assert both
            assert {key: kept[key] for key in both} == {key: row[key] for key in both}, name
    catalog.dispose()


VALUES = {
    str: "x",
    int: 1,
    float: 0.5,
    bool: True,
    date: date(2026, 3, 2),
    datetime: datetime(2026, 3, 2, 6, 0, tzinfo=UTC),
    Decimal: Decimal(2),
}
"""What is written into a column of each kind; the same everywhere, so that keys are met."""
