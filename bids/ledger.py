"""What we know of conditions and corrections on the platforms, and every change ever made.

Each batch of changes is intended, sent and settled in transactions of its own. Unlike lists,
corrections can be read: after a crash `decide` asks the platform what happened. `rollback` and
`kill` need nothing but these tables and the read-back: no segment, no rule file.
"""

import json
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from bids.corrections import BidPlan, PlannedCorrection, RecordedCorrection, make_plan, read_back
from bids.ledger_rows import (
    CONDITIONS,
    CORRECTIONS,
    HISTORY,
    HistoryEntry,
    Origin,
    correction_key,
    entry_of,
    is_object,
    object_columns,
    object_of,
    recorded_of,
    utc,
)
from bids.model import BidObject, CorrectionReceipt, PresentCorrection
from bids.rollback import over_hand, return_to


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
            "made_at": utc(now),
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
            rows = [recorded_of(row) for row in connection.execute(query)]
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
                key = correction_key(change.object, change.condition_id)
                taken = not receipt.refused
                values: dict[str, object] = {"state": "settled", "intended_percent": None}
                if taken:
                    live = change.percent is not None
                    identity = receipt.correction_id or change.correction_id
                    values |= {
                        "percent": change.percent,
                        "set_at": utc(now),
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
                correction_key(change.object, change.condition_id),
                {
                    "percent": shown.percent if shown else None,
                    "correction_id": shown.correction_id if shown else None,
                },
                outcome="not_taken",
                said=receipt.refused,
                correction_id=shown.correction_id if shown else None,
                now=now,
            )

    def decide(
        self, present: Sequence[PresentCorrection], now: datetime, account: str | None = None
    ) -> int:
        """After a crash: settle what was intended by what the platform shows. How many it was.

        `present` holds every correction on the objects of `undecided(account)`.
        """
        open_rows = [row for row in self.recorded(account) if row.intended]
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
                    values["set_at"] = utc(now)
                self._close(
                    connection,
                    correction_key(after.object, after.condition_id),
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
            query = query.where(is_object(HISTORY, object))
        if segment is not None:
            query = query.where(HISTORY.c.segment == segment)
        with self._engine.connect() as connection:
            return tuple(entry_of(row) for row in connection.execute(query))

    def rollback(
        self, to: str, present: Sequence[PresentCorrection], account: str | None = None
    ) -> BidPlan:
        """A plan back to the state that a plan or run left, `to` being its fingerprint or id.

        The state after the last change of that plan or run; a correction that was first made
        later goes back to what stood there before us. What a person changed since is drift.
        `present` holds every correction on the objects of `recorded(account)`.
        Raises KeyError where no change was made under that name.
        """
        goal: dict[tuple[BidObject, str], int | None] = {}
        last = self._last_change(to)
        query = sa.select(HISTORY).where(HISTORY.c.id <= last, HISTORY.c.outcome == "settled")
        with self._engine.connect() as connection:
            for row in connection.execute(query.order_by(HISTORY.c.id)):
                goal[object_of(row), row.condition_id] = row.to_percent
        recorded = read_back(self.recorded(account), present)
        return return_to(
            recorded, present, lambda one: goal.get(one.key, one.baseline), f"back to {to}"
        )

    def kill(self, present: Sequence[PresentCorrection], account: str | None = None) -> BidPlan:
        """A plan that takes every correction of ours away, changed by hand since or not.

        Where a rule had taken over a correction that stood there before, that one comes back.
        """
        recorded = read_back(self.recorded(account), present)
        plan = return_to(recorded, present, lambda one: one.baseline, "kill switch")
        return make_plan([over_hand(row) for row in plan.corrections])

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
            .values(outcome=outcome, said=said, correction_id=correction_id, settled_at=utc(now))
        )


def _intend_one(
    connection: Connection, row: PlannedCorrection, change: int, origin: Origin, now: datetime
) -> None:
    key = correction_key(row.object, str(row.condition_id))
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
                **object_columns(row.object),
                condition_id=row.condition_id,
                set_at=utc(now),
                **values,
            )
        )


def _write_history(
    connection: Connection, row: PlannedCorrection, origin: Origin, now: datetime
) -> int:
    written = connection.execute(
        sa.insert(HISTORY).values(
            **object_columns(row.object),
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
            intended_at=utc(now),
        )
    )
    identity = written.inserted_primary_key
    assert identity is not None  # noqa: S101  the table has an autoincrement key
    return int(identity[0])
