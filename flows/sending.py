"""Sending a plan of lists: who may be sent to at all, then list by list."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import pyarrow as pa

from audiences.difference import Step
from audiences.leases import Lease
from audiences.ledger import Ledger
from audiences.plan import AudiencePlan, ListPlan
from audiences.rebuilds import NEW
from audiences.sending import Sending
from audiences.worth import with_worth
from connectors.base import Connector
from connectors.delivered import Delivered, Tally
from connectors.delivery import deliver
from connectors.errors import ConnectorError, TermsNotAccepted
from flows import documents
from flows.documents import Document
from flows.lists import leased, ledger
from flows.workshop import Workshop

NOTHING: frozenset[Step] = frozenset()


@dataclass(frozen=True)
class Held:
    """What is to be sent of one list's plan, and why its account takes nothing, if it does not."""

    plan: ListPlan
    steps: frozenset[Step]
    why: ConnectorError | None

    @property
    def may(self) -> frozenset[Step]:
        """Withdrawn consent needs nobody's terms: those people leave where we are let in at all."""
        if self.why is None:
            return self.steps
        return self.steps & {Step.WITHDRAW} if isinstance(self.why, TermsNotAccepted) else NOTHING

    def told(self, delivered: Delivered) -> Delivered:
        """With the people who wait."""
        if self.why is None or not self.steps:
            return delivered
        for step, people in self.plan.steps:
            if step in self.steps - self.may:
                delivered = delivered.plus(step.verb, Tally(waiting=people))
        return replace(delivered, stopped_by=delivered.stopped_by or self.why)


def apply_lists(workshop: Workshop, plan: AudiencePlan, *, approved: bool) -> list[Document]:
    """Send a plan, list by list; one receipt document each."""
    memory = ledger(workshop)
    receipts = []
    sending = {one.audience.account for one in plan.lists if one.to_send(approved=approved)}
    closed = closed_accounts(workshop, sending)
    with leased(workshop, {one.audience.account for one in plan.lists}) as leases:
        for one in plan.lists:
            account = one.audience.account
            held = Held(one, one.to_send(approved=approved), closed.get(account))
            lease = leases[account]
            receipts.append(_apply_list(workshop, memory, plan, held, lease, approved=approved))
    return receipts


def closed_accounts(workshop: Workshop, accounts: Collection[str]) -> dict[str, ConnectorError]:
    """Accounts that nothing may be sent to, and why: credentials, rights, terms, API version.

    Asked once before the first person is sent, so that nothing is left half done.
    """
    closed = {}
    for account in sorted(accounts):
        try:
            workshop.lists_of(account).check()
        except ConnectorError as error:
            closed[account] = error
    return closed


def _apply_list(
    workshop: Workshop,
    memory: Ledger,
    plan: AudiencePlan,
    held: Held,
    lease: Lease,
    *,
    approved: bool,
) -> Document:
    one = held.plan
    steps = {step.value for step in held.may}
    account = workshop.project.account(one.audience.account)
    connector = workshop.lists_of(account.name)
    with memory.begin(plan.fingerprint, one, lease) as sending:
        delivered = Delivered()
        if steps:
            delivered = deliver(
                one.audience,
                _rows(workshop, one, connector, sending),
                steps,
                connector,
                sending,
                wait=workshop.around(account).sleep,
                patience=account.wait_minutes * 60,
                checkpoint=workshop.checkpoint,
            )
        if one.may_rename(approved=approved) and held.why is None:
            delivered = _renamed(one, connector, sending, delivered)
        delivered = held.told(delivered)
        return documents.list_receipt(one, sending.list_id, delivered)


def _rows(
    workshop: Workshop, one: ListPlan, connector: Connector, sending: Sending
) -> Iterator[pa.RecordBatch]:
    """The plan's rows; of a seed for a platform that takes it, with what each person is worth."""
    name = one.audience.audience.removesuffix(NEW)
    wish = {each.name: each.lookalike for each in workshop.project.audiences.audience}.get(name)
    if not connector.limits.takes_worth or wish is None or not wish.by_value:
        return sending.rows
    picked = workshop.table("seed", name)
    return with_worth(sending.rows, picked.select("person_id", "value").to_pyarrow())


def _renamed(
    one: ListPlan, connector: Connector, sending: Sending, delivered: Delivered
) -> Delivered:
    """Give the list its new title; a failure is told like any other, and the next run tries again.

    Where the platform keeps the old name, ours is an alias: the list is known by its id.
    """
    if sending.list_id is None:
        return delivered
    try:
        connector.rename(sending.list_id, one.audience.title)
    except ConnectorError as error:
        return replace(delivered, stopped_by=delivered.stopped_by or error)
    sending.renamed()
    return delivered
