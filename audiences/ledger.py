"""Our memory of lists: what we own, what we know of its members, what is unsure.

Known of a list = its current snapshot + the batches of the one plan that is open on it. A batch is
intended before it is sent and settled by its receipt, each in a transaction of its own; what was
intended and never settled may have happened, so its people are unsure. Closing a plan writes a new
snapshot and makes it current in one transaction, after a run or at the start of the next one.
"""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
from ibis.backends.duckdb import Backend
from sqlalchemy import Connection, Engine, insert, select, update

from audiences.difference import KNOWN, ROW, Name, Standing, known_after
from audiences.leases import Lease, hold_lease
from audiences.model import AudienceRef, Snapshot
from audiences.plan import AudiencePlan, ListPlan, StalePlan, plan_folder, plans_folder, rows_name
from audiences.planning import Base
from audiences.records import (
    APPROVALS,
    BATCHES,
    KNOWN_KIND,
    LISTS,
    PLANS,
    known_now,
    last_replacement,
    old_list,
    read_list,
    sent_batches,
    write_list,
)
from audiences.sealing import Seal
from audiences.sending import Clock, Sending
from audiences.snapshots import (
    RowsFile,
    commit_snapshot,
    open_rows,
    snapshot_at,
    snapshot_name,
    stream,
    write_rows,
)
from audiences.staging import Staging

Checkpoint = Callable[[str], None]


def no_checkpoint(_step: str) -> None:
    """Nothing happens between two recorded steps; a crash test puts a kill here."""


class Unsigned(Exception):
    """An approval without a name or a reason."""


class ListNotOurs(Exception):
    """The ledger does not know the list as one that it may work on."""


@dataclass(frozen=True)
class Approval:
    """Somebody let a plan pass that guards had refused."""

    fingerprint: str
    who: str
    why: str
    at: datetime


@dataclass(frozen=True)
class Ledger:
    """The door to our memory of lists. `clock` gives aware moments; `state` is the state folder."""

    catalog: Engine
    engine: Backend
    state: Path
    clock: Clock
    checkpoint: Checkpoint = no_checkpoint
    seal: Seal | None = None

    def base(self, audience: AudienceRef) -> Base:
        """What planning starts from. Close an open plan first (`recover`)."""
        with self.catalog.begin() as connection:
            record = read_list(connection, audience)
            generation, path = known_now(connection, audience)
            kept_old = read_list(connection, old_list(audience)) is not None
            replaced = last_replacement(connection, audience)
        made = record is not None and record["list_id"] is not None
        add_only = record is not None and record["add_only"]
        # what was adopted is called what its maker called it; beside a replaced list, the new one
        # keeps a title of its own
        title = record["title"] if record and not add_only and not kept_old else ""
        since = self.clock() - replaced[0] if replaced else None
        return Base(
            generation,
            self._known_table(path),
            made,
            add_only,
            title,
            adopted=record is not None and record["adopted"],
            replaced_hours=None if since is None else since.total_seconds() / 3600,
            replaced_unsure=replaced is not None and replaced[1],
        )

    def list_id(self, audience: AudienceRef) -> str | None:
        """Id of the list on the platform, or None while it is not known to be made."""
        with self.catalog.begin() as connection:
            record = read_list(connection, audience)
        return None if record is None else record["list_id"]

    def known(self, audience: AudienceRef) -> ibis.Table:
        """What we believe of the list right now, of schema KNOWN, an open plan's batches in it."""
        return self._known(audience, lambda table: table)

    def _known(self, audience: AudienceRef, named: Name) -> ibis.Table:
        with self.catalog.begin() as connection:
            record = read_list(connection, audience)
            _, path = known_now(connection, audience)
            known = self._known_table(path)
            if record is None or record["open_plan"] is None:
                return known
            sent, refused = sent_batches(connection, audience, record["open_plan"])
        rows = plan_folder(self.state, record["open_plan"]) / rows_name(audience)
        planned = open_rows(self.engine, rows, self.seal)
        batches = ibis.memtable(sent), ibis.memtable(refused)
        return known_after(known, planned, *batches, named=named)

    def keep(self, plan: AudiencePlan) -> None:
        """Record that a plan was made, or the very same one made again: its age begins anew."""
        now = self.clock()
        again = update(PLANS).where(PLANS.c.fingerprint == plan.fingerprint).values(made_at=now)
        with self.catalog.begin() as connection:
            if connection.execute(again).rowcount == 0:
                row = {"fingerprint": plan.fingerprint, "as_of": plan.as_of}
                connection.execute(insert(PLANS).values(made_at=now, **row))

    def approve(self, fingerprint: str, *, who: str, why: str) -> Approval:
        """Let exactly this plan pass its guards. Raises StalePlan if no such plan was made."""
        with self.catalog.begin() as connection:
            known = select(PLANS.c.fingerprint).where(PLANS.c.fingerprint == fingerprint)
            if connection.execute(known).first() is None:
                raise StalePlan(f"no plan {fingerprint[:12]} was made: plan again")
        return self.sign(fingerprint, who=who, why=why)

    def sign(self, fingerprint: str, *, who: str, why: str) -> Approval:
        """Record an approval of a plan of any kind; whether there is one, the caller knows."""
        if not who.strip() or not why.strip():
            raise Unsigned("an approval needs a name and a reason: --who NAME --why REASON")
        approval = Approval(fingerprint, who, why, self.clock())
        row = {"fingerprint": fingerprint, "who": who, "why": why, "at": approval.at}
        with self.catalog.begin() as connection:
            connection.execute(insert(APPROVALS).values(**row))
        return approval

    def approval(self, fingerprint: str) -> Approval | None:
        """The approval of a plan, if there is one."""
        with self.catalog.begin() as connection:
            query = select(APPROVALS).where(APPROVALS.c.fingerprint == fingerprint)
            row = connection.execute(query.order_by(APPROVALS.c.id)).mappings().first()
        if row is None:
            return None
        return Approval(row["fingerprint"], row["who"], row["why"], row["at"])

    def begin(self, fingerprint: str, plan: ListPlan, lease: Lease) -> Sending:
        """Open one list's plan for sending, or open it again after a crash.

        Raises StalePlan if the list's state is no longer the one that the plan was made on.
        """
        now = self.clock()
        audience = plan.audience
        with self.catalog.begin() as connection:
            hold_lease(connection, lease, now=now)
            generation, _ = known_now(connection, audience)
            record = read_list(connection, audience)
            if record is not None and record["state"] == "gone":
                raise ListNotOurs(
                    f"{audience}: the list was deleted on the platform. Have it made again with "
                    "`forget_list`, or take the audience out of the rules."
                )
            opened = record["open_plan"] if record is not None else None
            if generation != plan.base or opened not in (None, fingerprint):
                raise StalePlan(
                    f"{audience}: plan {fingerprint[:12]} was made on state {plan.base}, the "
                    f"ledger is at {generation}: plan again"
                )
            write_list(connection, audience, now, open_plan=fingerprint)
            begun = update(PLANS).where(
                PLANS.c.fingerprint == fingerprint, PLANS.c.begun_at.is_(None)
            )
            connection.execute(begun.values(begun_at=now))
        return Sending(
            self.catalog,
            self.state,
            self.clock,
            self.seal,
            fingerprint,
            plan,
            lease,
            lambda: self._close(audience, fingerprint, lease),
        )

    def recover(self, audience: AudienceRef, lease: Lease) -> Snapshot | None:
        """Close a plan that a run left open, if there is one: its unsure batches stay unsure."""
        with self.catalog.begin() as connection:
            hold_lease(connection, lease, now=self.clock())
            record = read_list(connection, audience)
        if record is None or record["open_plan"] is None:
            return None
        return self._close(audience, record["open_plan"], lease)

    def forget_list(self, audience: AudienceRef, lease: Lease) -> None:
        """Start anew with a list that is gone from the platform: nobody is in it any more."""
        with self.catalog.begin() as connection:
            hold_lease(connection, lease, now=self.clock())
            record = read_list(connection, audience)
            if record is None or record["state"] != "gone":
                raise ListNotOurs(f"{audience}: only a list known as gone can be forgotten")
        empty = self._write(audience, ())
        with self.catalog.begin() as connection:
            now = self.clock()
            hold_lease(connection, lease, now=now)
            self._commit(connection, audience, empty, now)
            fresh = {"open_plan": None, "list_id": None, "state": "planned", "adopted": False}
            write_list(connection, audience, now, **fresh)

    def members_at(self, audience: AudienceRef, moment: datetime) -> ibis.Table | None:
        """Who was in the list at an earlier moment, of schema MEMBERS: what a rollback wants."""
        with self.catalog.begin() as connection:
            name = str(audience)
            snapshot = snapshot_at(
                connection, self.state, kind=KNOWN_KIND, name=name, moment=moment
            )
        if snapshot is None:
            return None
        known = open_rows(self.engine, Path(snapshot.path), self.seal)
        return known.filter(known.standing == Standing.IN.value).select(*ROW)

    def history(self, audience: AudienceRef) -> tuple[dict[str, Any], ...]:
        """Every batch of a list in the order of sending, as the table `batches` has it."""
        query = select(BATCHES).where(
            BATCHES.c.account == audience.account, BATCHES.c.audience == audience.audience
        )
        with self.catalog.begin() as connection:
            rows = connection.execute(query.order_by(BATCHES.c.intended_at, BATCHES.c.number))
            return tuple(dict(row) for row in rows.mappings())

    def forget_old_plans(self, keep_days: int) -> int:
        """Remove the files of plans older than that, unless they are open, and what a killed run
        left half written; the number of plans removed. The catalog keeps their story.
        """
        limit = self.clock() - timedelta(days=keep_days)
        opened = select(LISTS.c.open_plan).where(LISTS.c.open_plan.is_not(None))
        old = select(PLANS.c.fingerprint).where(PLANS.c.made_at < limit)
        with self.catalog.begin() as connection:
            plans = list(connection.scalars(old.where(PLANS.c.fingerprint.not_in(opened))))
        folders = [plan_folder(self.state, plan) for plan in plans]
        present = [folder for folder in folders if folder.exists()]
        half_written = [*plans_folder(self.state).glob(".draft-*"), *self.state.rglob("*.part")]
        dead = [path for path in half_written if path.stat().st_mtime < limit.timestamp()]
        for path in (*present, *dead):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        return len(present)

    def _close(self, audience: AudienceRef, plan: str, lease: Lease) -> Snapshot | None:
        """Fold the open plan's batches into a new snapshot and let the plan go."""
        with self.catalog.begin() as connection:
            sent, _ = sent_batches(connection, audience, plan)
        file = None
        if sent.num_rows:
            with Staging() as staging:
                known = self._known(audience, staging.name)
                file = self._write(audience, stream(self.engine, known.order_by(*ROW)))
            self.checkpoint("snapshot written")
        with self.catalog.begin() as connection:
            now = self.clock()
            hold_lease(connection, lease, now=now)
            write_list(connection, audience, now, open_plan=None)
            snapshot = self._commit(connection, audience, file, now) if file else None
        self.checkpoint("plan closed")
        return snapshot

    def _commit(
        self, connection: Connection, audience: AudienceRef, file: RowsFile, now: datetime
    ) -> Snapshot:
        return commit_snapshot(
            connection,
            self.state,
            kind=KNOWN_KIND,
            name=str(audience),
            file=file,
            as_of=now.date(),
            made_at=now,
        )

    def _write(self, audience: AudienceRef, rows: Iterable[pa.RecordBatch]) -> RowsFile:
        folder = self.state / KNOWN_KIND / audience.account / audience.audience
        return write_rows(folder, snapshot_name(self.clock()), KNOWN, rows, seal=self.seal)

    def _known_table(self, path: str | None) -> ibis.Table:
        if path is None:
            return ibis.memtable(KNOWN.empty_table())
        return open_rows(self.engine, self.state / path, self.seal)
