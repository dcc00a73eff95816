"""The loop in plain functions: refresh, plan, apply. Flows and commands both call these."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from audiences.decisions import Decided, settle
from audiences.ledger import Approval
from audiences.plan import AudiencePlan, ListPlan, StalePlan, load_plan, plan_folder
from audiences.snapshots import forget_old, private_folder
from bids.corrections import BidPlan
from bids.deliver import BidReceipts
from flows import curating, deleting, documents, freshness, refreshing
from flows.bidding import (
    apply_corrections,
    plan_corrections,
    refuse_stale_corrections,
    roll_up_notes,
    settle_interrupted,
)
from flows.curating import plan_rollback
from flows.documents import Document
from flows.excluding import Exclusion, exclude_all, exclusion_notes, plan_exclusions
from flows.leftovers import withdrawals
from flows.lists import ledger, plan_lists
from flows.quotas import quota_notes
from flows.refreshing import segments_at
from flows.rehearsal import remember
from flows.seeding import (
    Growth,
    age_notes,
    ages,
    grow_all,
    plan_growth,
    seeds_now,
)
from flows.sending import apply_lists
from flows.show_work import work
from flows.workshop import Workshop

__all__ = [
    "apply",
    "approve",
    "kept_plans",
    "plan",
    "planned",
    "rebuild",
    "refresh",
    "rollback",
    "segments_at",
    "summary",
]

BIDS = TypeAdapter(BidPlan)
GROWTH = TypeAdapter(tuple[Growth, ...])
EXCLUSIONS = TypeAdapter(tuple[Exclusion, ...])


@dataclass(frozen=True)
class WholePlan:
    """Lists, look-alikes and bids under one fingerprint; a part that was not asked for is None."""

    lists: AudiencePlan | None
    growth: tuple[Growth, ...]
    bids: BidPlan | None
    outlook: Document | None = None
    """Effective corrections, strategies, forecast: for the reader, not part of what is applied."""
    exclusions: tuple[Exclusion, ...] = ()
    """Lists that ad groups shall leave out."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the parts."""
        parts = [
            self.lists.fingerprint if self.lists else None,
            [one.as_json() for one in self.growth],
            self.bids.fingerprint if self.bids else None,
        ]
        if self.exclusions:
            parts.append([one.as_json() for one in self.exclusions])
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


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
    return _document(workshop, _load(workshop, fingerprint))


def kept_plans(workshop: Workshop) -> list[str]:
    """Fingerprints of the plans that are kept, the last made first."""
    files = (workshop.state / "plans").glob("*.json")
    return [path.stem for path in sorted(files, key=lambda one: -one.stat().st_mtime)]


def rebuild(workshop: Workshop, name: str, account: str | None = None) -> Document:
    """Build a list anew beside the old one, verify it, swap it in. Run again until it says so.

    A plan that guards refuse waits for its approval; the old list serves until the swap.
    """
    _, plan_of_new = curating.rebuild(workshop, name, account)
    document = _kept(workshop, WholePlan(plan_of_new, (), None))
    if not is_refused(document):
        document = apply(workshop, document["fingerprint"])
        if not has_failed(document):
            document["rebuilt"] = curating.finish_rebuild(workshop, name, account)
    return document


def _kept(workshop: Workshop, whole: WholePlan) -> Document:
    _save(workshop, whole)
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
    limit = (workshop.now() - timedelta(days=days)).timestamp()
    for path in (workshop.state / "plans").glob("*.json"):
        lists = json.loads(path.read_text(encoding="utf-8"))["lists"]
        kept = plan_folder(workshop.state, lists).exists() if lists else False
        if not kept and (lists or path.stat().st_mtime < limit):
            path.unlink(missing_ok=True)


def apply(workshop: Workshop, fingerprint: str | None = None) -> Document:
    """Apply a plan that was made before, or a new one of everything.

    Raises StalePlan if the state has moved on since it was made.
    """
    if fingerprint is None:
        fingerprint = plan(workshop)["fingerprint"]
    whole = _load(workshop, fingerprint)
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
    whole, now = _load(workshop, fingerprint), workshop.now()
    memory = ledger(workshop)
    if whole.lists is not None:
        memory.approve(whole.lists.fingerprint, who=who, why=why)
    if whole.bids is not None:
        memory.sign(whole.bids.fingerprint, who=who, why=why)
    settle(workshop.catalog, whole.fingerprint, Decided.APPROVED, who=who, why=why, now=now)
    return _document(workshop, whole)


def refuse_stale(workshop: Workshop, fingerprint: str) -> None:
    """Raise StalePlan if the plan is not here any more or the state has moved on since."""
    _refuse_stale(workshop, _load(workshop, fingerprint))


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


def is_refused(document: Document) -> bool:
    """Whether a guard holds something back that a person must look at."""
    if document.get("approved"):
        return False
    return any(one["refused_by"] for one in (*document["audiences"], *document["bids"]))


def has_failed(document: Document) -> bool:
    """Whether something that was sent was refused or failed."""
    receipts = document["receipts"]
    lists = (*receipts["audiences"], *_grown_and_excluded(receipts))
    return any(one["outcome"] == "failed" for one in lists) or any(
        one["refused"] for one in receipts["bids"]
    )


def summary(document: Document) -> list[str]:
    """What a document says, in a few sentences."""
    said = []
    if "segments" in document:
        rejected = sum(one["rejected"] for one in document.get("exports", ()))
        said.append(
            f"{document['people']:,} people on {document['as_of']}; {rejected:,} rows rejected."
        )
    said += document.get("notes", ())
    said += work(document.get("work"))
    waits = sum(one["action"] == "wait" for one in document.get("bids", ()))
    if waits:
        said.append(f"{waits} corrections wait for a list that is not ready yet.")
    if "receipts" in document:
        said += _receipt_lines(document["receipts"])
    elif "audiences" in document:
        said.append(
            f"Plan {document['fingerprint'][:12]} would change {documents.sends(document)} lists "
            "and corrections. Nothing was sent."
        )
    for one in (*document.get("audiences", ()), *document.get("bids", ())):
        for refusal in one["refused_by"]:
            said.append(f"Held back: {refusal['text']}")
    return said


def _receipt_lines(receipts: dict[str, Any]) -> list[str]:
    people = {
        name: sum(one[name] for one in receipts["audiences"])
        for name in ("accepted", "refused", "unsure", "waiting")
    }
    corrections = sum(one["accepted"] for one in receipts["bids"])
    sent = sum(people.values()) + corrections + len(_grown_and_excluded(receipts))
    if not sent:
        return ["Sent nothing: the platforms have what can be sent now."]
    figures = ", ".join(f"{number:,} {name}" for name, number in people.items() if number)
    lines = [f"People sent: {figures or 'none'}. Corrections set: {corrections}."]
    failed = (*receipts["audiences"], *_grown_and_excluded(receipts))
    lines += [f"{one['audience']}: {one['said']}" for one in failed if one["said"]]
    return list(dict.fromkeys(lines))


def _grown_and_excluded(receipts: dict[str, Any]) -> list[Document]:
    """Receipts of look-alikes and of exclusions; a bid rollback has none of the latter."""
    return [*receipts["lookalikes"], *receipts.get("exclusions", ())]


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


def expected_of(workshop: Workshop, run: str) -> Document | None:
    """The outlook of the plan that a run applied; None where it is not kept."""
    found = sorted((workshop.state / "plans").glob(f"{run}*.json")) if run.isalnum() else []
    if len(found) != 1:
        return None
    outlook: Document | None = json.loads(found[0].read_text(encoding="utf-8")).get("outlook")
    return outlook


def _file(workshop: Workshop, fingerprint: str) -> Path:
    return workshop.state / "plans" / f"{fingerprint}.json"


def _save(workshop: Workshop, whole: WholePlan) -> None:
    """Beside the plan of lists, which keeps itself: its fingerprint, the look-alikes, the bids."""
    path = _file(workshop, whole.fingerprint)
    if path.exists():
        path.touch()  # the very same plan made again: its age begins anew
        return
    private_folder(path.parent)
    written = {
        "lists": whole.lists.fingerprint if whole.lists else None,
        "growth": GROWTH.dump_python(whole.growth, mode="json"),
        "bids": BIDS.dump_python(whole.bids, mode="json") if whole.bids else None,
        "exclusions": EXCLUSIONS.dump_python(whole.exclusions, mode="json"),
        "outlook": whole.outlook,  # for the reader: what was expected, to be held against what came
    }
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(written, ensure_ascii=False), encoding="utf-8")
    part.replace(path)


def _load(workshop: Workshop, fingerprint: str) -> WholePlan:
    """A plan by its fingerprint, or by its first letters if they name one."""
    folder = workshop.state / "plans"
    found = sorted(folder.glob(f"{fingerprint}*.json")) if fingerprint.isalnum() else []
    if len(found) != 1:
        raise StalePlan(
            f"no plan {fingerprint[:12]} was made here: run `adsteer plan`."
            if not found
            else f"{fingerprint} could be any of {len(found)} plans: give more of it."
        )
    written = json.loads(found[0].read_text(encoding="utf-8"))
    lists = load_plan(workshop.state, written["lists"], workshop.seal) if written["lists"] else None
    bids = BIDS.validate_python(written["bids"]) if written["bids"] else None
    growth = GROWTH.validate_python(written["growth"])
    exclusions = EXCLUSIONS.validate_python(written.get("exclusions", ()))
    whole = WholePlan(lists, growth, bids, exclusions=exclusions)
    if whole.fingerprint != found[0].stem:
        raise StalePlan(f"plan {found[0].stem[:12]} was changed on disk: plan again.")
    return whole
