"""The bid tables of the catalog, and how their rows become values."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from audiences.catalog import metadata
from bids.corrections import RecordedCorrection
from bids.model import BidObject, Level

CONDITIONS = sa.Table(
    "bid_conditions",
    metadata,
    sa.Column("account", sa.String, primary_key=True),
    sa.Column("list_id", sa.String, primary_key=True),
    sa.Column("segment", sa.String, nullable=False),
    sa.Column("title", sa.String, nullable=False),
    sa.Column("condition_id", sa.String, nullable=False),
    sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
)
"""Which condition names which list."""

CORRECTIONS = sa.Table(
    "bid_corrections",
    metadata,
    sa.Column("account", sa.String, primary_key=True),
    sa.Column("level", sa.String, primary_key=True),
    sa.Column("object_id", sa.String, primary_key=True),
    sa.Column("condition_id", sa.String, primary_key=True),
    sa.Column("platform", sa.String, nullable=False),
    sa.Column("segment", sa.String, nullable=False),
    sa.Column("correction_id", sa.String),
    sa.Column("percent", sa.Integer),
    sa.Column("baseline", sa.Integer),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("intended_percent", sa.Integer),
    sa.Column("intended_change", sa.Integer),
    sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("plan", sa.String, nullable=False),
)
"""One row per correction of ours, live or removed; state is intended or settled."""

HISTORY = sa.Table(
    "bid_history",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("account", sa.String, nullable=False, index=True),
    sa.Column("platform", sa.String, nullable=False),
    sa.Column("level", sa.String, nullable=False),
    sa.Column("object_id", sa.String, nullable=False),
    sa.Column("segment", sa.String, nullable=False),
    sa.Column("condition_id", sa.String, nullable=False),
    sa.Column("correction_id", sa.String),
    sa.Column("plan", sa.String, nullable=False, index=True),
    sa.Column("run", sa.String, nullable=False, index=True),
    sa.Column("from_percent", sa.Integer),
    sa.Column("to_percent", sa.Integer),
    sa.Column("outcome", sa.String, nullable=False),
    sa.Column("said", sa.String, nullable=False),
    sa.Column("inputs", sa.String, nullable=False),
    sa.Column("approved_by", sa.String),
    sa.Column("intended_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("settled_at", sa.DateTime(timezone=True)),
)
"""Every change; outcome is intended, settled, refused, not_taken or not_sent."""


SWITCHED_OFF = sa.Table(
    "bid_switched_off",
    metadata,
    sa.Column("account", sa.String, primary_key=True),
    sa.Column("off_by", sa.String, nullable=False),
    sa.Column("off_at", sa.DateTime(timezone=True), nullable=False),
)
"""Accounts where the kill switch is on."""


@dataclass(frozen=True)
class Origin:
    """Under which plan and run a change was made, and who approved it."""

    plan: str
    run: str = ""
    approved_by: str | None = None


@dataclass(frozen=True)
class HistoryEntry:
    """One change of one correction, as it was recorded."""

    object: BidObject
    segment: str
    condition_id: str
    correction_id: str | None
    plan: str
    run: str
    from_percent: int | None
    to_percent: int | None
    outcome: str
    said: str
    inputs: dict[str, float | str]
    approved_by: str | None
    intended_at: datetime
    settled_at: datetime | None


def object_columns(object: BidObject) -> dict[str, str]:
    return {
        "account": object.account,
        "platform": object.platform,
        "level": str(object.level),
        "object_id": object.object_id,
    }


def is_object(table: sa.Table, object: BidObject) -> sa.ColumnElement[bool]:
    return sa.and_(
        table.c.account == object.account,
        table.c.level == str(object.level),
        table.c.object_id == object.object_id,
    )


def correction_key(object: BidObject, condition_id: str) -> sa.ColumnElement[bool]:
    return is_object(CORRECTIONS, object) & (CORRECTIONS.c.condition_id == condition_id)


def object_of(row: sa.Row[tuple[object, ...]]) -> BidObject:
    return BidObject(row.account, row.platform, Level(row.level), row.object_id)


def utc(moment: datetime) -> datetime:
    """SQLite drops the zone, so everything is written in UTC."""
    return moment.astimezone(UTC)


def _aware(moment: datetime | None) -> datetime | None:
    """What SQLite gives back without a zone is UTC."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)


def recorded_of(row: sa.Row[tuple[object, ...]]) -> RecordedCorrection:
    set_at = _aware(row.set_at)
    assert set_at is not None  # noqa: S101  the column is never null
    return RecordedCorrection(
        object=object_of(row),
        segment=row.segment,
        condition_id=row.condition_id,
        correction_id=row.correction_id,
        percent=row.percent,
        baseline=row.baseline,
        set_at=set_at,
        plan=row.plan,
        intended=row.state == "intended",
        intended_percent=row.intended_percent,
    )


def entry_of(row: sa.Row[tuple[object, ...]]) -> HistoryEntry:
    intended_at = _aware(row.intended_at)
    assert intended_at is not None  # noqa: S101  the column is never null
    return HistoryEntry(
        object=object_of(row),
        segment=row.segment,
        condition_id=row.condition_id,
        correction_id=row.correction_id,
        plan=row.plan,
        run=row.run,
        from_percent=row.from_percent,
        to_percent=row.to_percent,
        outcome=row.outcome,
        said=row.said,
        inputs=json.loads(row.inputs),
        approved_by=row.approved_by,
        intended_at=intended_at,
        settled_at=_aware(row.settled_at),
    )
