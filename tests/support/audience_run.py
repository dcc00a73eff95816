"""A whole small run on one list: plan, begin, deliver, close, as flows do it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend
from sqlalchemy import Engine

from audiences.guards import refuse_list
from audiences.leases import Lease, leave_lease, take_lease
from audiences.ledger import Checkpoint, Ledger, no_checkpoint
from audiences.model import MEMBERS, AudienceRef
from audiences.plan import AudiencePlan
from audiences.planning import ListLimits, Wanted, plan_audiences
from config.audiences import Guards, Purpose
from connectors.delivered import Delivered
from connectors.delivery import deliver
from tests.support.memory_platform import MemoryConnector

START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
People = Mapping[str, Iterable[str]]
"""Digests by person; the first letter of a digest is its kind: e, p or x."""


ANYTHING_GOES = Guards(max_removed_share=1, max_removed_share_small=1)
"""Only emptying a list needs an approval."""


def ref(audience: str = "vip", account: str = "main") -> AudienceRef:
    return AudienceRef(account, "memory", audience, Purpose.RETARGETING, f"adsteer {audience}")


def members(people: People) -> pa.Table:
    """A table of schema MEMBERS."""
    rows = [
        {
            "person_id": person,
            "email": sorted(each for each in digests if each[0] == "e"),
            "phone": sorted(each for each in digests if each[0] == "p"),
            "external_id": sorted(each for each in digests if each[0] == "x"),
        }
        for person, digests in sorted(people.items())
    ]
    return pa.Table.from_pylist(rows, MEMBERS)


def person_ids(people: Iterable[str]) -> ibis.Table:
    return ibis.memtable(pa.table({"person_id": pa.array(list(people), pa.string())}))


@dataclass
class Run:
    """One project with one account, on a platform in memory."""

    catalog: Engine
    state: Path
    engine: Backend = field(
        default_factory=lambda: ibis.duckdb.connect(enable_external_file_cache=False)
    )
    now: datetime = START
    waited: float = 0.0
    guards: Guards = ANYTHING_GOES
    owner: str = "this run"
    is_dead: Callable[[str], bool] = lambda _owner: False

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.catalog, self.engine, self.state, lambda: self.now)

    def plan(
        self,
        people: People,
        *,
        withdrawn: Iterable[str] | None = None,
        limits: ListLimits | None = None,
        audience: AudienceRef | None = None,
        as_of: date | None = None,
    ) -> AudiencePlan:
        audience = audience or ref()
        ledger = self.ledger
        lease = self._lease(audience)
        ledger.recover(audience, lease)
        leave_lease(self.catalog, lease)
        self.state.mkdir(parents=True, exist_ok=True)
        path = self.state / "wanted.parquet"
        pq.write_table(members(people), path)
        wanted = Wanted(
            audience,
            limits or ListLimits(batch_size=3),
            path,
            None if withdrawn is None else person_ids(withdrawn),
        )
        plan = plan_audiences(
            self.engine,
            [wanted],
            ledger.base,
            state=self.state,
            as_of=as_of or self.now.date(),
            guard=lambda one, _wanted: refuse_list(one, self.guards),
        )
        ledger.keep(plan)
        return plan

    def apply(
        self,
        plan: AudiencePlan,
        connector: MemoryConnector,
        *,
        patience: float = 60,
        checkpoint: Checkpoint = no_checkpoint,
    ) -> Delivered:
        """Deliver the plan's only list."""
        one = plan.lists[0]
        ledger = Ledger(self.catalog, self.engine, self.state, lambda: self.now, checkpoint)
        lease = self._lease(one.audience)
        approved = ledger.approval(plan.fingerprint) is not None
        steps = {step.value for step in one.to_send(approved=approved)}
        try:
            with ledger.begin(plan.fingerprint, one, lease) as sending:
                return deliver(
                    one.audience,
                    sending.rows,
                    steps,
                    connector,
                    sending,
                    wait=self._wait,
                    patience=patience,
                    checkpoint=checkpoint,
                )
        finally:
            leave_lease(self.catalog, lease)

    def _lease(self, audience: AudienceRef) -> Lease:
        return take_lease(
            self.catalog, audience.account, self.owner, now=self.now, is_dead=self.is_dead
        )

    def _wait(self, seconds: float) -> None:
        self.waited += seconds
        self.now += timedelta(seconds=seconds)

    def standing(self, audience: AudienceRef | None = None) -> dict[str, list[str]]:
        """What the ledger believes, by person."""
        known = self.engine.to_pyarrow(self.ledger.known(audience or ref())).to_pylist()
        believed: dict[str, list[str]] = {}
        for row in known:
            believed.setdefault(row["person_id"], []).append(row["standing"])
        return {person: sorted(standings) for person, standings in sorted(believed.items())}

    def sync(self, people: People, connector: MemoryConnector, **options) -> Delivered:
        """Plan and apply in one go."""
        return self.apply(self.plan(people, **options), connector)


def digests(people: People) -> set[str]:
    """All digests: what a list of these people holds."""
    return {digest for several in people.values() for digest in several}
