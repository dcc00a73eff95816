"""The loop in plain functions: refresh, plan, apply. Flows and commands both call these."""

from collections.abc import Collection
from datetime import datetime

from audiences.decisions import Decided, settle
from audiences.ledger import Approval
from audiences.plan import AudiencePlan, ListPlan, StalePlan
from audiences.snapshots import forget_old
from bids.corrections import BidPlan
from bids.deliver import BidReceipts
from flows import curating, deleting, documents, freshness, kept_plans, refreshing, summaries
from flows.bidding import (
    apply_corrections,
    plan_corrections,
    refuse_stale_corrections,
    roll_up_notes,
    settle_interrupted,
)
from flows.curating import plan_rollback
from flows.documents import Document
from flows.excluding import exclude_all, exclusion_notes, plan_exclusions
from flows.kept_plans import WholePlan
from flows.leftovers import withdrawals
from flows.lists import ledger, plan_lists
from flows.quotas import quota_notes
from flows.refreshing import segments_at
from flows.rehearsal import remember
from flows.seeding import (
    age_notes,
    ages,
    grow_all,
    plan_growth,
    seeds_now,
)
from flows.sending import apply_lists
from flows.workshop import Workshop

__all__ = [
    "apply",
    "approve",
    "plan",
    "planned",
    "rebuild",
    "refresh",
    "rollback",
    "segments_at",
]


def plan(
    workshop: Workshop, *, lists: bool = True, bids: bool = True, only: Collection[str] = ()
) -> Document:
    """Plan what is asked for, keep it, and say what it would do. Nothing is sent."""
    return _kept(workshop, _make(workshop, lists=lists, bids=bids, only=only))


def rollback(workshop: Workshop, to: datetime, *, only: Collection[str] = ()) -> Document:
    """Plan lists back to what they held at a moment; `apply` sends it. Bids have their own."""
    return _kept(workshop, WholePlan(plan_rollback(workshop, to, only=only), (), None))


def planned(workshop: Workshop, fingerprint: str) -> Document:
    """What a plan that was made before would do; `outlook` is told only when it is made.

    Raises StalePlan where no such plan is kept.
    """
    return _document(workshop, kept_plans.load(workshop, fingerprint))


def rebuild(workshop: Workshop, name: str, account: str | None = None) -> Document:
    """Build a list anew beside the old one, verify it, swap it in. Run again until it says so.

    A plan that guards refuse waits for its approval; the old list serves until the swap.
    """
    _, plan_of_new = curating.rebuild(workshop, name, account)
    document = _kept(workshop, WholePlan(plan_of_new, (), None))
    if not summaries.is_refused(document):
        document = apply(workshop, document["fingerprint"])
        if not summaries.has_failed(document):
            document["rebuilt"] = curating.finish_rebuild(workshop, name, account)
    return document


def _kept(workshop: Workshop, whole: WholePlan) -> Document:
    kept_plans.save(workshop, whole)
    workshop.checkpoint("plan saved")
    return _document(workshop, whole)


def refresh(workshop: Workshop) -> Document:
    """Read every export, make people and segments current, and let go of what is old."""
    document = refreshing.refresh(workshop)
    freshness.refreshed(workshop)
    _tidy(workshop)
    return document


def _tidy(workshop: Workshop) -> None:
    """Remove snapshots and plans that are older than the project keeps them."""
    days = workshop.project.adsteer.state.keep_days
    forget_old(workshop.catalog, workshop.state, now=workshop.now(), keep_days=days)
    ledger(workshop).forget_old_plans(days)
    kept_plans.forget_old(workshop)


def apply(workshop: Workshop, fingerprint: str | None = None) -> Document:
    """Apply a plan that was made before, or a new one of everything.

    Raises StalePlan if the state has moved on since it was made.
    """
    if fingerprint is None:
        fingerprint = plan(workshop)["fingerprint"]
    whole = kept_plans.load(workshop, fingerprint)
    _refuse_stale(workshop, whole)
    remember(workshop.state, workshop.project.platforms.account)
    document = _document(workshop, whole)
    lists, grown, excluded = [], [], []
    if whole.lists is not None:
        approved = _approval(workshop, whole.lists) is not None
        lists = apply_lists(workshop, whole.lists, approved=approved)
        workshop.checkpoint("lists applied")
        grown = grow_all(workshop, whole.growth, whole.lists)
        excluded = exclude_all(workshop, whole.exclusions)
    corrected: list[BidReceipts] = []
    if whole.bids is not None:
        approval = _approval(workshop, whole.bids)
        who = approval.who if approval else None
        corrected = apply_corrections(workshop, whole.bids, run=fingerprint[:12], approved_by=who)
    bids = documents.bid_receipts(corrected)
    _tidy(workshop)
    receipts = {"audiences": lists, "lookalikes": grown, "exclusions": excluded, "bids": bids}
    document = {**document, "receipts": receipts}
    freshness.applied(workshop, document, with_bids=whole.bids is not None)
    return document


def approve(workshop: Workshop, fingerprint: str, *, who: str, why: str) -> Document:
    """Record that a person lets this plan pass its guards; if it waits, that is the answer."""
    whole, now = kept_plans.load(workshop, fingerprint), workshop.now()
    memory = ledger(workshop)
    if whole.lists is not None:
        memory.approve(whole.lists.fingerprint, who=who, why=why)
    if whole.bids is not None:
        memory.sign(whole.bids.fingerprint, who=who, why=why)
    settle(workshop.catalog, whole.fingerprint, Decided.APPROVED, who=who, why=why, now=now)
    return _document(workshop, whole)


def refuse_stale(workshop: Workshop, fingerprint: str) -> None:
    """Raise StalePlan if the plan is not here any more or the state has moved on since."""
    _refuse_stale(workshop, kept_plans.load(workshop, fingerprint))


def _is_approved(workshop: Workshop, whole: WholePlan) -> bool:
    """Whether a person let through every part that guards hold back."""
    parts = [part for part in (whole.lists, whole.bids) if part is not None]
    signed = [part for part in parts if _approval(workshop, part) is not None]
    return bool(signed) and not any(_is_held(part) for part in parts if part not in signed)


def _is_held(part: AudiencePlan | BidPlan) -> bool:
    return bool(part.refused if isinstance(part, AudiencePlan) else part.refused_by)


def _approval(workshop: Workshop, part: AudiencePlan | BidPlan) -> Approval | None:
    """Who approved a part of a plan: exactly this part, whatever it was planned together with."""
    return ledger(workshop).approval(part.fingerprint)


def _make(workshop: Workshop, *, lists: bool, bids: bool, only: Collection[str]) -> WholePlan:
    settle_interrupted(workshop)
    also = () if only else withdrawals(workshop)
    list_plan = plan_lists(workshop, only=only, also=also) if lists else None
    growth = plan_growth(workshop, only=only) if lists else ()
    exclusions = plan_exclusions(workshop, only=only) if lists else ()
    if not bids:
        return WholePlan(list_plan, growth, None, exclusions=exclusions)
    bid_plan, ahead = plan_corrections(workshop, list_plan)
    return WholePlan(list_plan, growth, bid_plan, ahead, exclusions)


def _refuse_stale(workshop: Workshop, whole: WholePlan) -> None:
    """Before anything is sent: every list and correction must stand as the plan saw it."""
    memory = ledger(workshop)
    for one in whole.lists.lists if whole.lists else ():
        state = memory.base(one.audience).state
        if state != one.base:
            raise StalePlan(
                f"{one.audience} has changed since plan {whole.fingerprint[:12]} was made. "
                "Plan again."
            )
    if whole.bids is not None:
        refuse_stale_corrections(workshop, whole.bids)


def _document(workshop: Workshop, whole: WholePlan) -> Document:
    lists_approved = whole.lists is not None and _approval(workshop, whole.lists) is not None
    made = documents.plan(
        whole.fingerprint,
        whole.lists,
        whole.bids,
        approved=_is_approved(workshop, whole),
        lists_approved=lists_approved,
    )
    aged = zip(whole.growth, ages(workshop, whole.growth), strict=True)
    growth = [{**one.as_json(), **age} for one, age in aged]
    notes = [f"{one.audience}: {note}" for one in _lists(whole) for note in one.notes]
    notes += [
        f"{one.audience}: called {one.old_title!r} so far, is renamed to {one.audience.title!r}"
        for one in _lists(whole)
        if one.old_title
    ]
    notes += deleting.notes(workshop) if whole.lists is not None else []
    notes += quota_notes(workshop, whole.lists, approved=lists_approved) if whole.lists else []
    notes += age_notes(workshop, whole.growth)
    notes += exclusion_notes(workshop, only={one.seed.audience for one in whole.growth})
    excluded = [one.as_json() for one in whole.exclusions]
    notes += roll_up_notes(workshop) if whole.bids is not None else []
    ahead = {"outlook": whole.outlook} if whole.outlook else {}
    seeds = {
        "currency": workshop.project.adsteer.shop.currency,
        "seeds": seeds_now(workshop) if whole.lists is not None else {},
    }
    grows = {"lookalikes": growth, "exclusions": excluded}
    return {**made, **seeds, **grows, "notes": notes, **ahead}


def _lists(whole: WholePlan) -> tuple[ListPlan, ...]:
    return whole.lists.lists if whole.lists is not None else ()
