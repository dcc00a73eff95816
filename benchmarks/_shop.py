"""An invented shop of any size, the same for the same seed, made inside DuckDB.

People buy at rates that differ (log-normal), from a first day to a last one, more before the
year's end; some orders are cancelled, some come back. A seventh of the contact rows are people who
are there already: written another way, by phone alone or by e-mail alone. Cells are as people fill
them: phones in six shapes, addresses in capitals, a few broken, a few shared by everybody. Orders
lie in a file per month, as a CRM that exports every night leaves them; events lead to the people.

Every choice is `hash(person, what, seed)`, so a row does not depend on the others and threads do
not change it. Numbers are of Russian mobile ranges and belong to whoever they belong to: they
never leave the folder they are written to.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from benchmarks._as_1c import in_cp1251, in_russian

AS_OF = date(2026, 6, 1)
DAYS = 3 * 365
"""How long the shop has been selling."""
SPREAD = 1.15
"""Sigma of the log-normal number of orders: the best tenth of buyers makes half of the orders."""
BUYERS = 0.8
"""Share of people who ever bought."""
TWICE = 0.15
"""Share of contact rows that are of somebody who is there already."""
COLUMNS = "order_id,contact_id,ordered_on,status,amount,discount,items,category,channel"


@dataclass(frozen=True)
class Shop:
    """How large, and which of all shops of that size."""

    contacts: int
    orders_each: float = 10.0
    """Orders per contact row."""
    seed: int = 1
    form: str = "csv"
    """csv, parquet, or 1c: CSV in the words, numbers, days and bytes of Russian programs."""
    events_each: float = 0.5

    @property
    def people(self) -> int:
        return max(1, round(self.contacts * (1 - TWICE)))

    @property
    def suffix(self) -> str:
        """Of its files."""
        return "parquet" if self.form == "parquet" else "csv"

    def write(self, folder: Path) -> None:
        """Write `exports/contacts.*`, `exports/orders/*` and `exports/events.*` into `folder`."""
        exports = folder / "exports"
        (exports / "orders").mkdir(parents=True, exist_ok=True)
        made = duckdb.connect(config={"memory_limit": "2GB", "temp_directory": str(folder / "tmp")})
        made.execute("SET preserve_insertion_order = false; SET enable_progress_bar = false")
        made.execute(_random(self.seed))
        self._copy(made, "contacts", self._contacts(), exports / "contacts")
        self._copy(made, "events", self._events(), exports / "events")
        made.execute(f"CREATE TEMP TABLE every_order AS {self._orders()}")
        for first, until in _months():
            span = f"SELECT {COLUMNS} FROM every_order WHERE day >= '{first}' AND day < '{until}'"
            self._copy(made, "orders", span, exports / "orders" / f"{first:%Y-%m}")
        made.close()

    def change(self, folder: Path, share: float = 0.01) -> None:
        """What a night changes: some contacts moved, and orders of `share` of all came in.

        Not in the form of 1C, whose bytes DuckDB does not read.
        """
        made = duckdb.connect()
        made.execute(_random(self.seed + 1))
        path = folder / "exports" / f"contacts.{self.form}"
        text = "all_varchar = true" if self.form == "csv" else "union_by_name = false"
        reader = f"read_{self.form}('{path}', {text})"
        moved = (
            f"SELECT * REPLACE (CASE WHEN u(contact_id, 'moved') < {share} "
            f"THEN 'new.' || contact_id || '@moved.example' ELSE email END AS email) FROM {reader}"
        )
        beside = path.with_name(f"moved.{self.form}")
        made.execute(f"COPY ({moved}) TO '{beside}' ({self._options})")
        beside.replace(path)
        orders = max(1, round(self.contacts * self.orders_each * share))
        came = f"""
            SELECT 'N' || i AS order_id,
                   'c' || floor(u(i, 'who') * {self.people})::BIGINT AS contact_id,
                   DATE '{AS_OF}' - (u(i, 'day') * 20)::INT AS ordered_on, 'paid' AS status,
                   round(exp(7 + u(i, 'sum')), 2) AS amount, 0.00 AS discount, 1 AS items,
                   'books' AS category, 'email' AS channel
            FROM range({orders}) t(i)"""
        self._copy(made, "orders", came, folder / "exports" / "orders" / "night")
        made.close()

    def _copy(self, made: duckdb.DuckDBPyConnection, kind: str, rows: str, path: Path) -> None:
        target = path.with_name(f"{path.name}.{self.suffix}")
        if self.form == "1c":
            made.execute(f"COPY ({in_russian(kind, rows)}) TO '{target}' ({self._options})")
            in_cp1251(target)
        else:
            made.execute(f"COPY ({rows}) TO '{target}' ({self._options})")

    @property
    def _options(self) -> str:
        return "FORMAT csv, HEADER, DELIMITER ';'" if self.suffix == "csv" else "FORMAT parquet"

    def _contacts(self) -> str:
        digits = "lpad(((p * 7919 + 20000000) % 1000000000)::VARCHAR, 9, '0')"
        return f"""
            WITH rows AS (
                SELECT i, CASE WHEN i < {self.people} THEN i
                          ELSE floor(u(i, 'again') * {self.people})::BIGINT END AS p
                FROM range({self.contacts}) t(i)
            ), known AS (
                SELECT *, i >= {self.people} AS twice, u(i, 'has') AS has, u(i, 'odd') AS odd,
                       '9' || {digits} AS n FROM rows
            )
            SELECT 'c' || i AS contact_id,
                   CASE WHEN u(p, 'card') < 0.3 AND NOT twice THEN 'card-' || p END AS external_id,
                   CASE WHEN odd < 0.002 THEN 'noreply@shop.example'
                        WHEN odd < 0.004 THEN 'broken@' || p
                        WHEN has >= 0.85 THEN NULL
                        WHEN odd < 0.2 THEN upper('user' || p || '@mail' || p % 7 || '.example')
                        WHEN odd < 0.22 THEN 'user' || p || '@mail' || p % 7 || '.example; second'
                             || p || '@mail.example'
                        ELSE 'user' || p || '@mail' || p % 7 || '.example' END AS email,
                   CASE WHEN has < 0.08 THEN NULL
                        WHEN odd > 0.997 THEN '+7 999 999-99-99'
                        WHEN odd > 0.99 THEN left(n, 6)
                        ELSE CASE (i + p) % 6
                             WHEN 0 THEN '+7' || n WHEN 1 THEN '8' || n WHEN 2 THEN n
                             WHEN 3 THEN '7' || n
                             WHEN 4 THEN '8 (' || n[1:3] || ') ' || n[4:6] || '-' || n[7:8] || '-'
                                  || n[9:10]
                             ELSE '+7 (' || n[1:3] || ') ' || n[4:6] || '-' || n[7:8] || '-'
                                  || n[9:10] END END AS phone,
                   'Имя' || p % 60 AS first_name, 'Фамилия' || (p * 7919) % 4000 AS last_name,
                   CASE WHEN u(p, 'told') < 0.4
                        THEN DATE '1950-01-01' + (u(p, 'born') * 18000)::INT END AS birth_date,
                   CASE WHEN p % 5 < 3 THEN 'f' ELSE 'm' END AS gender,
                   'City ' || floor(u(p, 'city') * u(p, 'size') * 90)::INT AS city,
                   DATE '{AS_OF}' - (u(p, 'first') * {DAYS})::INT - 3 AS registered_on,
                   ['search', 'email', 'social', 'direct'][1 + p % 4] AS channel_first,
                   CASE WHEN u(p, 'consent') < 0.85 THEN 'yes' WHEN u(p, 'consent') < 0.92
                        THEN 'no' END AS consent_ads
            FROM known"""

    def _orders(self) -> str:
        mean = self.contacts * self.orders_each / (self.people * BUYERS)
        return f"""
            WITH buyers AS (
                SELECT p, (u(p, 'first') * {DAYS})::INT AS ago, u(p, 'life') AS life,
                       least(2000, 1 + floor({mean - 0.5} * exp({SPREAD} * z(p) - {SPREAD**2 / 2})))
                       ::INT AS n
                FROM range({self.people}) t(p) WHERE u(p, 'buys') < {BUYERS}
            ), each_one AS (
                SELECT p, ago, life, n, unnest(range(n)) AS j, hash(p, j, 'order', {self.seed}) AS h
                FROM buyers
            ), dated AS (
                SELECT *, DATE '{AS_OF}' - (ago * (1 - life * (j + part(h, 1)) / n))::INT AS plain
                FROM each_one
            ), seasoned AS (
                SELECT *, CASE WHEN part(h, 2) < 0.12 AND make_date(year(plain), 12, 1) < '{AS_OF}'
                     THEN make_date(year(plain), 12, 1) + (part(h, 3) * 29)::INT
                     ELSE plain END AS day FROM dated
            )
            SELECT p || '-' || j AS order_id, 'c' || p AS contact_id, day, day AS ordered_on,
                   CASE WHEN part(h, 4) < 0.04 THEN 'returned' WHEN part(h, 4) < 0.07
                        THEN 'cancelled' ELSE 'paid' END AS status,
                   round(exp(6.5 + 1.2 * part(h, 5) + 0.8 * u(p, 'taste')), 2) AS amount,
                   CASE WHEN part(h, 6) < 0.3 THEN round(100 * part(h, 7), 2)
                        ELSE 0 END AS discount,
                   1 + (part(h, 8) * 4)::INT AS items,
                   'category ' || (part(h, 9) * u(p, 'wide') * 30)::INT AS category,
                   ['search', 'email', 'social', 'direct'][1 + (h % 4)::INT] AS channel
            FROM seasoned"""

    def _events(self) -> str:
        return f"""
            SELECT 'c' || floor(u(i, 'who') * {self.people})::BIGINT AS contact_id,
                   DATE '{AS_OF}' - INTERVAL 1 HOUR * (1 + (u(i, 'when') * 2000)::INT) AS ts,
                   ['view', 'cart', 'visit', 'open'][1 + (u(i, 'kind') * 3.99)::INT % 4] AS kind,
                   'sku' || (u(i, 'sku') * 5000)::INT AS sku,
                   'category ' || (u(i, 'category') * 30)::INT AS category
            FROM range({round(self.contacts * self.events_each)}) t(i)"""


def _random(seed: int) -> str:
    """Macros: u and part are even between 0 and 1, z is normal."""
    return f"""
        CREATE TEMP MACRO u(what, why) AS
            (hash(what, why, {seed}) >> 11)::DOUBLE / 9007199254740992.0;
        CREATE TEMP MACRO z(p) AS
            sqrt(-2 * ln(u(p, 'one') + 1e-12)) * cos(2 * pi() * u(p, 'two'));
        CREATE TEMP MACRO part(h, k) AS (hash(h, k) >> 11)::DOUBLE / 9007199254740992.0;
    """


def _months() -> Iterator[tuple[date, date]]:
    """First days of the months of the shop's life, each with that of the following one."""
    day = (AS_OF - timedelta(days=DAYS)).replace(day=1)
    while day <= AS_OF:
        following = (day + timedelta(days=32)).replace(day=1)
        yield day, following
        day = following
