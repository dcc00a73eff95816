"""The plan: what would change, what guards say, and the decision of a person about exactly that."""

from typing import Any

from fastapi.responses import RedirectResponse, Response

from audiences.actions import last_actions
from audiences.decisions import Decided, settle
from audiences.plan import StalePlan
from flows import documents, kept_plans, loop, summaries
from flows.console import jobs
from flows.console.asked import Asked, Refused
from flows.console.rendering import grouped, page
from flows.workshop import Workshop

Document = dict[str, Any]
CHANGING = frozenset({"add", "set", "remove"})


def plan(asked: Asked) -> Response:
    """The plan that is asked for, or the last one that was made."""
    with asked.console.workshop() as workshop:
        fingerprint = asked.request.path_params.get("fingerprint")
        document = find(workshop, fingerprint) if fingerprint else newest(workshop)
        mark = document["fingerprint"] if document else ""
        outlook = jobs.kept(workshop.state, f"outlook-{mark}") if document else None
        receipts = jobs.kept(workshop.state, f"receipts-{mark}") if document else None
        return page(
            asked,
            "plan.html",
            project=workshop.project,
            document=document,
            status_of=document["status"] if document else "none",
            outlook=outlook or None,
            receipts=receipts,
            story=last_actions(workshop.catalog, fingerprint=mark, most=20) if mark else [],
            others=kept_plans.fingerprints(workshop)[:12],
            changing=CHANGING,
            bids=grouped(document["bids"]) if document else [],
            refusals=_refusals(document) if document else [],
        )


def start_planning(asked: Asked) -> Response:
    """Make a plan of everything; nothing is sent."""
    jobs.start(asked, "plan", jobs.plan)
    return RedirectResponse("/plan", 303)


def approve(asked: Asked) -> Response:
    """Let exactly this plan pass its guards."""
    with asked.console.workshop() as workshop:
        document = _to_decide(workshop, asked)
        mark, why = document["fingerprint"], _reason(asked)
        loop.approve(workshop, mark, who=asked.visitor.name, why=why)
        asked.console.record(workshop, asked.visitor, "approve", plan=mark, said=why)
    return RedirectResponse(f"/plan/{mark}", 303)


def reject(asked: Asked) -> Response:
    """Leave everything as it is; this plan is not sent from here."""
    with asked.console.workshop() as workshop:
        document = _to_decide(workshop, asked)
        mark, why = document["fingerprint"], _reason(asked)
        who, now = asked.visitor.name, workshop.now()
        settle(workshop.catalog, mark, Decided.REJECTED, who=who, why=why, now=now)
        asked.console.record(workshop, asked.visitor, "reject", plan=mark, said=why)
    return RedirectResponse(f"/plan/{mark}", 303)


def start_applying(asked: Asked) -> Response:
    """Send exactly this plan."""
    with asked.console.workshop() as workshop:
        document = find(workshop, asked.request.path_params["fingerprint"])
    if document["status"] not in ("ready", "approved"):
        raise Refused(409, "problem.undecided")
    mark = document["fingerprint"]
    jobs.start(asked, "apply", jobs.apply(mark), plan=mark)
    return RedirectResponse(f"/plan/{mark}", 303)


def find(workshop: Workshop, fingerprint: str) -> Document:
    """A plan and how it stands: raises StalePlan where it is not kept."""
    document = loop.planned(workshop, fingerprint)
    return {**document, "status": _status(workshop, document)}


def newest(workshop: Workshop) -> Document | None:
    """The last plan that was made and can still be read."""
    for fingerprint in kept_plans.fingerprints(workshop):
        try:
            return find(workshop, fingerprint)
        except StalePlan:  # cleared away, or made by another version: the one before it
            continue
    return None


def _to_decide(workshop: Workshop, asked: Asked) -> Document:
    """The plan of the path, if a decision about it can still matter."""
    document = find(workshop, asked.request.path_params["fingerprint"])
    if document["status"] not in ("refused", "ready", "rejected"):
        raise Refused(409, "problem.decided")
    return document


def _reason(asked: Asked) -> str:
    why = asked.form.get("why", "").strip()
    if not why:
        raise Refused(422, "problem.reason")
    return why[:500]


def _status(workshop: Workshop, document: Document) -> str:
    """applied, rejected, approved, refused (it waits for a person), empty or ready."""
    mark = document["fingerprint"]
    deeds = last_actions(workshop.catalog, fingerprint=mark)
    if any(one.what == "apply.end" and one.said == "done" for one in deeds):
        return "applied"
    decided = [one.what for one in deeds if one.what in ("approve", "reject")]
    if decided[:1] == ["reject"]:
        return "rejected"
    if document["approved"] and _refusals(document):
        return "approved"
    if summaries.is_refused(document):
        return "refused"
    return "ready" if documents.sends(document) or _grows(document) else "empty"


def _refusals(document: Document) -> list[Document]:
    """What guards say, each saying once, with the corrections it is about."""
    told: dict[tuple[str, str], list[Document]] = {}
    for one in document["audiences"]:
        for no in one["refused_by"]:
            told.setdefault((no["code"], no["text"]), [])
    for one in document["bids"]:
        for no in one["refused_by"]:
            told.setdefault((no["code"], no["text"]), []).append(one)
    return [{"code": code, "text": text, "places": at} for (code, text), at in told.items()]


def _grows(document: Document) -> bool:
    """Whether a look-alike would be made."""
    return any(one["action"] == "grow" for one in document["lookalikes"])
