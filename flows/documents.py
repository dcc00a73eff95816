"""The JSON documents of docs/json.md, made out of plans and receipts: counts, names, no people."""

from collections.abc import Mapping, Sequence
from typing import Any

from audiences.plan import AudiencePlan, ListPlan
from bids.corrections import BidPlan, PlannedCorrection
from bids.deliver import BidReceipts
from connectors.delivered import Delivered

Document = dict[str, Any]


def list_plan(plan: ListPlan, *, approved: bool = False) -> Document:
    """One list of a plan."""
    ref, counts = plan.audience, plan.counts
    return {
        "platform": ref.platform,
        "account": ref.account,
        "audience": ref.audience,
        "purpose": ref.purpose.value,
        "before": counts.before,
        "after": counts.after,
        "add": counts.add,
        "remove": counts.remove,
        "change": counts.change,
        "renew": counts.renew,
        "again": counts.again,
        "keep": counts.keep,
        "withdrawn": counts.withdrawn,
        "refused_before": counts.refused,
        "sends": sorted(step.value for step in plan.to_send(approved=approved)),
        "old_title": plan.old_title,
        "waiting": [
            {"step": one.step.value, "people": one.people, "text": one.text} for one in plan.waiting
        ],
        "notes": list(plan.notes),
        "refused_by": [
            {"code": one.code, "text": one.text, "figures": dict(one.figures)}
            for one in plan.refused_by
        ],
    }


def correction(row: PlannedCorrection) -> Document:
    """One correction of a plan."""
    written = row.as_json()
    written["refused_by"] = [{"code": one.guard, "text": one.text} for one in row.refused_by]
    return written


def plan(
    fingerprint: str,
    lists: AudiencePlan | None,
    bids: BidPlan | None,
    *,
    approved: bool = False,
    lists_approved: bool = False,
) -> Document:
    """The plan document; `approved` is of all of it, `lists_approved` of its lists."""
    return {
        "fingerprint": fingerprint,
        "approved": approved,
        "audiences": [list_plan(one, approved=lists_approved) for one in lists.lists]
        if lists
        else [],
        "bids": [correction(row) for row in bids.corrections] if bids else [],
    }


def list_receipt(plan: ListPlan, list_id: str | None, delivered: Delivered) -> Document:
    """What became of one list's plan in this run."""
    ref, stop = plan.audience, delivered.stopped_by
    figures = {
        name: getattr(delivered.added, name) + getattr(delivered.removed, name)
        for name in ("accepted", "refused", "unsure", "waiting")
    }
    outcome = "failed" if delivered.failed else "waiting" if stop is not None else "done"
    return {
        "platform": ref.platform,
        "account": ref.account,
        "audience": ref.audience,
        "list_id": list_id,
        **figures,
        "outcome": outcome,
        "said": str(stop) if stop is not None else "",
        "who": stop.who if stop is not None else "",
    }


def bid_receipts(receipts: Sequence[BidReceipts]) -> list[Document]:
    """What became of the corrections that were sent."""
    return [entry for one in receipts for entry in one.as_json()]


def sends(document: Mapping[str, Any]) -> int:
    """How many lists, exclusions and corrections a plan document would change."""
    lists = sum(bool(one["sends"] or one["old_title"]) for one in document["audiences"])
    changing = {"add", "set", "remove"}
    bids = sum(one["action"] in changing and not one["refused_by"] for one in document["bids"])
    exclusions: int = sum(one["action"] == "exclude" for one in document.get("exclusions", ()))
    return lists + exclusions + bids
