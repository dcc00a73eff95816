"""What was spent and what came of it, day by day, as the platforms reported it.

Platforms go on counting conversions for days, so the last days are read again and again; a day that
is read again replaces what was known of it. Days that were never read are holes, and are said.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy import Column, Connection, Date, Integer, Numeric, String, Table

from audiences.catalog import Instant, metadata
from bids.model import BidObject, Level

TRAILING_DAYS = 28
"""Days back from the last one that are read again: conversions come late."""

NO_CONDITION = ""

SPEND = Table(
    "spend",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("platform", String(40), nullable=False),
    Column("day", Date, primary_key=True),
    Column("level", String(20), primary_key=True),
    Column("object_id", String(40), primary_key=True),
    Column("condition_id", String(250), primary_key=True),
    Column("impressions", Integer, nullable=False),
    Column("clicks", Integer, nullable=False),
    Column("cost", Numeric(18, 4), nullable=False),
    Column("conversions", Numeric(18, 4)),
    Column("revenue", Numeric(18, 4)),
)

SPEND_DAYS = Table(
    "spend_days",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("read_at", Instant, nullable=False),
)
"""Days that were read, also those on which nothing was spent."""


@dataclass(frozen=True)
class DayOfSpend:
    """One day of one object, for one condition (None: without correction of ours or any list)."""

    day: date
    object: BidObject
    condition_id: str | None
    impressions: int
    clicks: int
    cost: Decimal
    conversions: Decimal | None
    revenue: Decimal | None


def days_known(connection: Connection, account: str) -> frozenset[date]:
    """Days of which the account's spend was read."""
    return _read_days(connection, account)


def days_to_read(
    connection: Connection, account: str, *, last: date, window_days: int
) -> tuple[date, date]:
    """First and last day to ask for: the trailing days, and everything not read yet."""
    first = last - timedelta(days=window_days - 1)
    known = _read_days(connection, account)
    day = first
    while day in known and day <= last - timedelta(days=TRAILING_DAYS):
        day += timedelta(days=1)
    return day, last


def keep_spend(
    connection: Connection,
    account: str,
    rows: Iterable[DayOfSpend],
    *,
    first: date,
    last: date,
    now: datetime,
) -> int:
    """Replace what is known of these days by what was read now. How many rows there are."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    for table in (SPEND, SPEND_DAYS):
        gone = (table.c.account == account) & table.c.day.between(first, last)
        connection.execute(sa.delete(table).where(gone))
    written = [_columns(account, row) for row in rows]
    if written:
        connection.execute(sa.insert(SPEND), written)
    read = [{"account": account, "day": day, "read_at": now} for day in days]
    connection.execute(sa.insert(SPEND_DAYS), read)
    return len(written)


def spend_between(
    connection: Connection, account: str, first: date, last: date
) -> tuple[DayOfSpend, ...]:
    """Everything known of an account between two days, both included, oldest first."""
    query = (
        sa.select(SPEND)
        .where(SPEND.c.account == account, SPEND.c.day.between(first, last))
        .order_by(SPEND.c.day, SPEND.c.level, SPEND.c.object_id, SPEND.c.condition_id)
    )
    return tuple(_row(row) for row in connection.execute(query).mappings())


def in_shop_money(row: DayOfSpend, *, vat_percent: Decimal, rate: Decimal) -> DayOfSpend:
    """The row without the VAT that its cost holds, and both amounts at a rate.

    Revenue is what the shop told the platform: it holds no VAT of the platform's bill.
    """
    cost = row.cost / (1 + vat_percent / 100) * rate
    return replace(row, cost=cost, revenue=None if row.revenue is None else row.revenue * rate)


def holes(connection: Connection, account: str, first: date, last: date) -> tuple[date, ...]:
    """Days of which nothing was ever read: shown, never filled."""
    known = _read_days(connection, account)
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return tuple(day for day in days if day not in known)


@dataclass(frozen=True)
class Money:
    """Sums over days. Revenue and conversions count only what platforms told."""

    impressions: int = 0
    clicks: int = 0
    cost: Decimal = Decimal(0)
    conversions: Decimal = Decimal(0)
    revenue: Decimal = Decimal(0)

    def plus(self, row: DayOfSpend) -> "Money":
        """The same and one row."""
        return Money(
            self.impressions + row.impressions,
            self.clicks + row.clicks,
            self.cost + row.cost,
            self.conversions + (row.conversions or 0),
            self.revenue + (row.revenue or 0),
        )


def by_segment(
    rows: Sequence[DayOfSpend], segments: Mapping[str, str], *, rest: str
) -> dict[str, Money]:
    """Sums by segment; `segments` names each condition's, all other rows are `rest`."""
    sums: dict[str, Money] = {}
    for row in rows:
        name = segments.get(row.condition_id or NO_CONDITION, rest)
        sums[name] = sums.get(name, Money()).plus(row)
    return dict(sorted(sums.items()))


def _read_days(connection: Connection, account: str) -> frozenset[date]:
    query = sa.select(SPEND_DAYS.c.day).where(SPEND_DAYS.c.account == account)
    return frozenset(connection.scalars(query))


def _columns(account: str, row: DayOfSpend) -> dict[str, object]:
    return {
        "account": account,
        "platform": row.object.platform,
        "day": row.day,
        "level": row.object.level.value,
        "object_id": row.object.object_id,
        "condition_id": row.condition_id or NO_CONDITION,
        "impressions": row.impressions,
        "clicks": row.clicks,
        "cost": row.cost,
        "conversions": row.conversions,
        "revenue": row.revenue,
    }


def _row(row: sa.RowMapping) -> DayOfSpend:
    return DayOfSpend(
        day=row["day"],
        object=BidObject(row["account"], row["platform"], Level(row["level"]), row["object_id"]),
        condition_id=row["condition_id"] or None,
        impressions=row["impressions"],
        clicks=row["clicks"],
        cost=Decimal(row["cost"]),
        conversions=None if row["conversions"] is None else Decimal(row["conversions"]),
        revenue=None if row["revenue"] is None else Decimal(row["revenue"]),
    )
