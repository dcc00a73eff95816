"""The way back for bids, from the ledger and what the platforms show alone: no segments needed."""

from collections.abc import Callable, Sequence

from bids.corrections import BidPlan, PlannedCorrection, make_plan
from bids.deliver import BidReceipts
from bids.ledger import BidLedger
from bids.ledger_rows import HistoryEntry
from bids.model import PresentCorrection
from bids.switch import switch_off, switch_on
from flows import documents
from flows.bidding import apply_corrections, settle_interrupted
from flows.documents import Document
from flows.workshop import CannotRun, Workshop

Way = Callable[[BidLedger, Sequence[PresentCorrection], str], BidPlan]


def back_to(workshop: Workshop, run: str) -> BidPlan:
    """A plan back to the state that an earlier plan or run left.

    Raises CannotRun if no change was ever made under that name.
    """
    try:
        return _way_back(workshop, lambda memory, seen, name: memory.rollback(run, seen, name))
    except KeyError:
        raise CannotRun(
            f"no bid was ever changed under {run}: `adsteer history --bids` lists the runs."
        ) from None


def kill(workshop: Workshop, *, who: str) -> Document:
    """Take every correction of ours away now, and plan none until the account is switched on.

    The mark comes first: should the rest fail, nothing sets a correction again.
    """
    for account in _accounts(workshop):
        switch_off(workshop.catalog, account, by=who, now=workshop.now())
    plan = _way_back(workshop, lambda memory, seen, name: memory.kill(seen, name))
    return _applied(workshop, plan, who=who)


def revive(workshop: Workshop) -> list[str]:
    """Let rules move bids again, in every account."""
    accounts = _accounts(workshop)
    for account in accounts:
        switch_on(workshop.catalog, account)
    return accounts


def apply_now(workshop: Workshop, plan: BidPlan, *, who: str) -> Document:
    """Send a plan back; whoever asks for it lets it pass cooldowns and steps."""
    return _applied(workshop, plan, who=who)


def history(workshop: Workshop, segment: str | None = None) -> list[Document]:
    """Every change of a correction, oldest first: from, to, plan, inputs, who let it pass."""
    entries = BidLedger(workshop.catalog).history()
    return [_entry(one) for one in entries if segment is None or one.segment == segment]


def _way_back(workshop: Workshop, way: Way) -> BidPlan:
    settle_interrupted(workshop)
    memory = BidLedger(workshop.catalog)
    rows: list[PlannedCorrection] = []
    for account in _accounts(workshop):
        objects = sorted({row.object for row in memory.recorded(account)})
        seen = workshop.bids_of(account).read_corrections(objects)
        rows += way(memory, seen, account).corrections
    return make_plan(rows)


def _accounts(workshop: Workshop) -> list[str]:
    named = {place.account for place in workshop.project.bid_rules.where}
    ours = {row.object.account for row in BidLedger(workshop.catalog).recorded()}
    return sorted(named | ours)


def _applied(workshop: Workshop, plan: BidPlan, *, who: str) -> Document:
    receipts: list[BidReceipts] = apply_corrections(
        workshop, plan, run=f"back-{plan.fingerprint[:8]}", approved_by=who
    )
    document = documents.plan(plan.fingerprint, None, plan, approved=True)
    sent = {"audiences": [], "lookalikes": [], "bids": documents.bid_receipts(receipts)}
    return {**document, "lookalikes": [], "receipts": sent}


def _entry(one: HistoryEntry) -> Document:
    return {
        "account": one.object.account,
        "level": one.object.level.value,
        "object": one.object.object_id,
        "segment": one.segment,
        "from": one.from_percent,
        "to": one.to_percent,
        "at": one.intended_at.isoformat(),
        "outcome": one.outcome,
        "plan": one.plan,
        "run": one.run,
        "approved_by": one.approved_by,
        "inputs": dict(one.inputs),
    }
