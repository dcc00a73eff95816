"""What we know of conditions and corrections on the platforms, and every change ever made.

Each batch of changes is intended, sent and settled in transactions of its own. Unlike lists,
corrections can be read: after a crash `decide` asks the platform what happened. `rollback` and
`kill` need nothing but these tables and the read-back: no segment, no rule file.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from audiences.catalog import metadata
from bids.model import Action, BidObject, CorrectionReceipt, Level, PresentCorrection
from bids.plan import (
    BidPlan,
    PlannedCorrection,
    RecordedCorrection,
    make_plan,
    read_back,
)

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


class BidLedger:
    """The bids' half of the catalog. Times are aware and given by the caller."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def remember_condition(
        self,
        *,
        account: str,
        segment: str,
        list_id: str,
        title: str,
        condition_id: str,
        now: datetime,
    ) -> None:
        """Record which condition names a list; the last answer counts."""
        row = {
            "segment": segment,
            "title": title,
            "condition_id": condition_id,
            "made_at": _utc(now),
        }
        key = (CONDITIONS.c.account == account) & (CONDITIONS.c.list_id == list_id)
        with self._engine.begin() as connection:
            if not connection.execute(sa.update(CONDITIONS).where(key).values(row)).rowcount:
                connection.execute(
                    sa.insert(CONDITIONS).values(account=account, list_id=list_id, **row)
                )

    def condition(self, account: str, list_id: str) -> str | None:
        """The condition recorded for a list, or None."""
        query = sa.select(CONDITIONS.c.condition_id).where(
            CONDITIONS.c.account == account, CONDITIONS.c.list_id == list_id
        )
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none()

    def recorded(self, account: str | None = None) -> tuple[RecordedCorrection, ...]:
        """Every correction of ours, live, removed or undecided; sorted."""
        query = sa.select(CORRECTIONS)
        if account is not None:
            query = query.where(CORRECTIONS.c.account == account)
        with self._engine.connect() as connection:
            rows = [_recorded(row) for row in connection.execute(query)]
        return tuple(sorted(rows, key=lambda row: row.key))

    def intend(self, rows: Sequence[PlannedCorrection], origin: Origin, now: datetime) -> None:
        """Record changes before they leave: from here on the platform may have them.

        Raises ValueError for a row without a condition.
        """
        with self._engine.begin() as connection:
            for row in rows:
                if row.condition_id is None:
                    raise ValueError(f"{row.object}, {row.segment}: its condition is not known yet")
                change = _write_history(connection, row, origin, now)
                _intend_one(connection, row, change, origin, now)

    def settle(self, receipts: Sequence[CorrectionReceipt], now: datetime) -> None:
        """Record what the platform said of changes that were intended."""
        with self._engine.begin() as connection:
            for receipt in receipts:
                change = receipt.change
                key = _key(change.object, change.condition_id)
                taken = not receipt.refused
                values: dict[str, object] = {"state": "settled", "intended_percent": None}
                if taken:
                    live = change.percent is not None
                    identity = receipt.correction_id or change.correction_id
                    values |= {
                        "percent": change.percent,
                        "set_at": _utc(now),
                        "correction_id": identity if live else None,
                    }
                self._close(
                    connection,
                    key,
                    values,
                    outcome="settled" if taken else "refused",
                    said=receipt.refused or receipt.warning,
                    correction_id=receipt.correction_id or change.correction_id,
                    now=now,
                )

    def not_taken(
        self, receipt: CorrectionReceipt, shown: PresentCorrection | None, now: datetime
    ) -> None:
        """Record that the platform accepted a change but shows something else afterwards."""
        change = receipt.change
        with self._engine.begin() as connection:
            self._close(
                connection,
                _key(change.object, change.condition_id),
                {
                    "percent": shown.percent if shown else None,
                    "correction_id": shown.correction_id if shown else None,
                },
                outcome="not_taken",
                said=receipt.refused,
                correction_id=shown.correction_id if shown else None,
                now=now,
            )

    def decide(self, present: Sequence[PresentCorrection], now: datetime) -> int:
        """After a crash: settle what was intended by what the platform shows. How many it was.

        `present` holds every correction on the objects of `undecided()`.
        """
        open_rows = [row for row in self.recorded() if row.intended]
        decided = read_back(open_rows, present)
        shown = {(one.object, one.condition_id) for one in present}
        with self._engine.begin() as connection:
            for before, after in zip(open_rows, decided, strict=True):
                took = after.percent == before.intended_percent
                values: dict[str, object] = {
                    "percent": after.percent,
                    "correction_id": after.correction_id if after.key in shown else None,
                    "state": "settled",
                    "intended_percent": None,
                }
                if took:
                    values["set_at"] = _utc(now)
                self._close(
                    connection,
                    _key(after.object, after.condition_id),
                    values,
                    outcome="settled" if took else "not_sent",
                    said="decided by reading back after an interruption",
                    correction_id=after.correction_id,
                    now=now,
                )
        return len(open_rows)

    def undecided(self, account: str | None = None) -> tuple[BidObject, ...]:
        """Objects with changes whose answer was never recorded."""
        return tuple(sorted({row.object for row in self.recorded(account) if row.intended}))

    def history(
        self, object: BidObject | None = None, segment: str | None = None
    ) -> tuple[HistoryEntry, ...]:
        """Every recorded change, oldest first, of one object and segment or of all."""
        query = sa.select(HISTORY).order_by(HISTORY.c.id)
        if object is not None:
            query = query.where(_is_object(HISTORY, object))
        if segment is not None:
            query = query.where(HISTORY.c.segment == segment)
        with self._engine.connect() as connection:
            return tuple(_entry(row) for row in connection.execute(query))

    def rollback(self, to: str, present: Sequence[PresentCorrection]) -> BidPlan:
        """A plan back to the state that a plan or run left, `to` being its fingerprint or id.

        The state after the last change of that plan or run; a correction that was first made
        later goes back to what stood there before us. What a person changed since is drift.
        Raises KeyError where no change was made under that name.
        """
        goal: dict[tuple[BidObject, str], int | None] = {}
        last = self._last_change(to)
        query = sa.select(HISTORY).where(HISTORY.c.id <= last, HISTORY.c.outcome == "settled")
        with self._engine.connect() as connection:
            for row in connection.execute(query.order_by(HISTORY.c.id)):
                goal[_object(row), row.condition_id] = row.to_percent
        recorded = read_back(self.recorded(), present)
        return _return_to(
            recorded, present, lambda one: goal.get(one.key, one.baseline), f"back to {to}"
        )

    def kill(self, present: Sequence[PresentCorrection]) -> BidPlan:
        """A plan that takes every correction of ours away, changed by hand since or not.

        Where a rule had taken over a correction that stood there before, that one comes back.
        """
        recorded = read_back(self.recorded(), present)
        plan = _return_to(recorded, present, lambda one: one.baseline, "kill switch")
        return make_plan([_over_hand(row) for row in plan.corrections])

    def _last_change(self, to: str) -> int:
        query = sa.select(sa.func.max(HISTORY.c.id)).where(
            sa.or_(HISTORY.c.plan == to, HISTORY.c.run == to)
        )
        with self._engine.connect() as connection:
            last = connection.execute(query).scalar_one()
        if last is None:
            raise KeyError(f"no bid change was made under plan or run {to}")
        return int(last)

    @staticmethod
    def _close(
        connection: Connection,
        key: sa.ColumnElement[bool],
        values: dict[str, object],
        *,
        outcome: str,
        said: str,
        correction_id: str | None,
        now: datetime,
    ) -> None:
        query = sa.select(CORRECTIONS.c.intended_change).where(key)
        change = connection.execute(query).scalar_one()
        connection.execute(sa.update(CORRECTIONS).where(key).values(values))
        connection.execute(
            sa.update(HISTORY)
            .where(HISTORY.c.id == change)
            .values(outcome=outcome, said=said, correction_id=correction_id, settled_at=_utc(now))
        )


def _return_to(
    recorded: Iterable[RecordedCorrection],
    present: Sequence[PresentCorrection],
    goal_of: Callable[[RecordedCorrection], int | None],
    reason: str,
) -> BidPlan:
    shown = {(one.object, one.condition_id): one for one in present}
    rows = []
    for one in recorded:
        there = shown.get(one.key)
        goal = goal_of(one)
        now_percent = there.percent if there else None
        if now_percent is None and goal is None:
            continue
        rows.append(
            PlannedCorrection(
                one.object,
                one.segment,
                _action(now_percent, goal, drifted=now_percent != one.percent),
                now_percent,
                goal,
                one.condition_id,
                there.correction_id if there else None,
                one.baseline,
                reason=reason,
            )
        )
    return make_plan(rows)


def _action(present: int | None, goal: int | None, *, drifted: bool) -> Action:
    if present == goal:
        return Action.KEEP
    if drifted:
        return Action.DRIFT
    if goal is None:
        return Action.REMOVE
    return Action.ADD if present is None else Action.SET


def _over_hand(row: PlannedCorrection) -> PlannedCorrection:
    """Kill does not ask who changed a correction of ours; one that is gone stays gone."""
    if row.present is None:
        return replace(row, action=Action.KEEP, wanted=None)
    return replace(row, action=_action(row.present, row.wanted, drifted=False))


def _intend_one(
    connection: Connection, row: PlannedCorrection, change: int, origin: Origin, now: datetime
) -> None:
    key = _key(row.object, str(row.condition_id))
    values = {
        "segment": row.segment,
        "correction_id": row.correction_id,
        "percent": row.present,
        "baseline": row.baseline,
        "state": "intended",
        "intended_percent": row.wanted,
        "intended_change": change,
        "plan": origin.plan,
    }
    if not connection.execute(sa.update(CORRECTIONS).where(key).values(values)).rowcount:
        connection.execute(
            sa.insert(CORRECTIONS).values(
                **_object_columns(row.object),
                condition_id=row.condition_id,
                set_at=_utc(now),
                **values,
            )
        )


def _write_history(
    connection: Connection, row: PlannedCorrection, origin: Origin, now: datetime
) -> int:
    written = connection.execute(
        sa.insert(HISTORY).values(
            **_object_columns(row.object),
            segment=row.segment,
            condition_id=row.condition_id,
            correction_id=row.correction_id,
            plan=origin.plan,
            run=origin.run,
            from_percent=row.present,
            to_percent=row.wanted,
            outcome="intended",
            said="",
            inputs=json.dumps(dict(row.inputs), sort_keys=True),
            approved_by=origin.approved_by,
            intended_at=_utc(now),
        )
    )
    identity = written.inserted_primary_key
    assert identity is not None  # noqa: S101  the table has an autoincrement key
    return int(identity[0])


def _object_columns(object: BidObject) -> dict[str, str]:
    return {
        "account": object.account,
        "platform": object.platform,
        "level": str(object.level),
        "object_id": object.object_id,
    }


def _is_object(table: sa.Table, object: BidObject) -> sa.ColumnElement[bool]:
    return sa.and_(
        table.c.account == object.account,
        table.c.level == str(object.level),
        table.c.object_id == object.object_id,
    )


def _key(object: BidObject, condition_id: str) -> sa.ColumnElement[bool]:
    return _is_object(CORRECTIONS, object) & (CORRECTIONS.c.condition_id == condition_id)


def _object(row: sa.Row[tuple[object, ...]]) -> BidObject:
    return BidObject(row.account, row.platform, Level(row.level), row.object_id)


def _utc(moment: datetime) -> datetime:
    """SQLite drops the zone, so everything is written in UTC."""
    return moment.astimezone(UTC)


def _aware(moment: datetime | None) -> datetime | None:
    """What SQLite gives back without a zone is UTC."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)


def _recorded(row: sa.Row[tuple[object, ...]]) -> RecordedCorrection:
    set_at = _aware(row.set_at)
    assert set_at is not None  # noqa: S101  the column is never null
    return RecordedCorrection(
        object=_object(row),
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


def _entry(row: sa.Row[tuple[object, ...]]) -> HistoryEntry:
    intended_at = _aware(row.intended_at)
    assert intended_at is not None  # noqa: S101  the column is never null
    return HistoryEntry(
        object=_object(row),
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
