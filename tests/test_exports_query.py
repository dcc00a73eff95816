"""Exports out of a PostgreSQL server: typed columns in, the same rows as from a file."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import psycopg
import pytest

from audiences.exports import CONTACTS_TABLE, ORDERS_TABLE, ExportRefused, Reading, read_exports
from config.exports import ExportsFile
from config.shop import Shop
from tests.support.catalogs import postgres_url  # noqa: F401
from tests.support.tables import rows_of

SHOP = Shop(name="Test", currency="RUB", time_zone="Europe/Moscow")
SECRET = "anna.secret@example.com"


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest) -> str:
    """A URL as a person writes it, of a database with a table of orders and one of people."""
    url: str = request.getfixturevalue("postgres_url").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS crm CASCADE")
        connection.execute("CREATE SCHEMA crm")
        connection.execute(
            "CREATE TABLE crm.orders (id bigint, client int, at timestamptz, sum numeric(12, 2),"
            " status text, qty int)"
        )
        connection.execute(
            "INSERT INTO crm.orders SELECT n, n % 7, '2026-01-01 22:30+00'::timestamptz"
            " + n * interval '1 hour', n + 0.50, 'ok', n FROM generate_series(1, 25000) n"
        )
        connection.execute(
            "CREATE TABLE crm.people (id int, email text, agreed boolean, born date)"
        )
        connection.execute(
            "INSERT INTO crm.people VALUES (1, %s, true, '1990-02-03'), (2, NULL, false, NULL)",
            [SECRET],
        )
    return url


def read(engine: Any, database: str | None, **export: Any) -> Reading:
    given = {"kind": "orders", "source": "crm", "database": "CRM_DATABASE_URL", **export}
    exports = ExportsFile.model_validate({"export": [given]})
    urls = {"CRM_DATABASE_URL": database} if database else {}
    return read_exports(engine, exports, Path(), SHOP, date(2030, 1, 1), urls)


ORDERS = (
    "SELECT id AS order_id, client AS customer_id, at AS order_date, sum AS amount, status, "
    "qty AS quantity FROM crm.orders ORDER BY id"
)


def test_a_query_is_read_as_a_file_is(database: str) -> None:
    engine = ibis.duckdb.connect(threads=2)
    reading = read(engine, database, query=ORDERS)
    assert (reading.read, reading.accepted, reading.orders) == (25_000, 25_000, 25_000)
    orders = engine.table(ORDERS_TABLE)
    first, second = rows_of(
        engine, orders.filter(orders.order_id.isin(["1", "2"])).order_by("line")
    )
    assert (first["amount"], first["items"], first["contact_id"]) == (Decimal("1.50"), 1, "1")
    assert (first["ordered_on"], second["line"]) == (date(2026, 1, 2), 2)
    assert reading.files[0].file == "query on CRM_DATABASE_URL"
    again = read(engine, database, query=ORDERS)
    assert again.files[0].digest == reading.files[0].digest


def test_booleans_and_days_of_a_database_are_consent_and_births(database: str) -> None:
    engine = ibis.duckdb.connect(threads=2)
    query = "SELECT id AS customer_id, email, agreed AS consent, born AS birthday FROM crm.people"
    read(engine, database, kind="contacts", query=query)
    rows = {row["contact_id"]: row for row in rows_of(engine, engine.table(CONTACTS_TABLE))}
    assert (rows["1"]["consent_ads"], rows["1"]["birth_date"]) == ("yes", date(1990, 2, 3))
    assert (rows["2"]["consent_ads"], rows["2"]["email"]) == ("no", None)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT nothing FROM crm.nowhere", "the database refused"),
        ("DELETE FROM crm.people", "the database refused"),
        (f"SELECT email::int AS customer_id FROM crm.people WHERE email = '{SECRET}'", "refused"),
        ("SELECT id AS order_id FROM crm.orders", "required column missing"),
        ("SELECT 1 AS order_id, 2 AS amount, now() AS date, 3 AS client_id WHERE false", "no rows"),
    ],
)
def test_a_query_that_cannot_be_read_is_refused_without_a_value(
    database: str, query: str, says: str
) -> None:
    with pytest.raises(ExportRefused, match=says) as refused:
        read(ibis.duckdb.connect(threads=1), database, query=query)
    assert SECRET not in str(refused.value)
    assert "127.0.0.1" not in str(refused.value)


def test_a_query_never_writes(database: str) -> None:
    wily = "WITH gone AS (DELETE FROM crm.people RETURNING id) SELECT id AS customer_id FROM gone"
    with pytest.raises(ExportRefused):
        read(ibis.duckdb.connect(threads=1), database, kind="contacts", query=wily)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM crm.people").fetchone() == (2,)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (None, "CRM_DATABASE_URL is not set"),
        ("mysql://shop:secret-word@127.0.0.1/crm", "only PostgreSQL"),
        ("postgresql://shop:secret-word@127.0.0.1:1/crm", "the database refused"),
    ],
)
def test_an_address_that_leads_nowhere_is_not_shown(url: str | None, says: str) -> None:
    with pytest.raises(ExportRefused, match=says) as refused:
        read(ibis.duckdb.connect(threads=1), url, query=ORDERS)
    assert "secret-word" not in str(refused.value)
