"""What the last back-test of predicted value found: actual over predicted, kept for refreshes."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Column, Connection, Date, Float, Integer, Table, delete, insert, select

from audiences.catalog import Instant, metadata

VALUE_TESTS = Table(
    "value_tests",
    metadata,
    Column("until", Date, primary_key=True),  # end of the period that was predicted
    Column("made_at", Instant, nullable=False),
    Column("weeks", Integer, nullable=False),
    Column("scale", Float, nullable=False),
)

BELIEVED_DAYS = 120
"""An older test says nothing of today's shop."""
BELIEVED = (0.2, 5.0)
"""Outside, the model is wrong and no factor mends it."""


@dataclass(frozen=True)
class ValueTest:
    """`scale` is actual over predicted value of the `weeks` up to `until`."""

    until: date
    weeks: int
    scale: float


def keep_value_test(connection: Connection, test: ValueTest, *, now: datetime) -> None:
    """Record a back-test; the last one up to a day stays."""
    connection.execute(delete(VALUE_TESTS).where(VALUE_TESTS.c.until == test.until))
    row = {"until": test.until, "weeks": test.weeks, "scale": test.scale}
    connection.execute(insert(VALUE_TESTS).values(made_at=now, **row))


def believed_test(connection: Connection, as_of: date) -> ValueTest | None:
    """The newest test up to a day that is young and plausible enough to scale predictions by."""
    query = select(VALUE_TESTS).where(VALUE_TESTS.c.until <= as_of)
    row = connection.execute(query.order_by(VALUE_TESTS.c.until.desc())).mappings().first()
    if row is None or (as_of - row["until"]).days > BELIEVED_DAYS:
        return None
    lowest, highest = BELIEVED
    if not lowest <= row["scale"] <= highest:
        return None
    return ValueTest(row["until"], row["weeks"], row["scale"])
