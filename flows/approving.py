"""Plans that wait for a person: asked here, decided in Prefect, the console or on the command line.

The limits of every form are checked again here, the first decision counts, and what is applied is
exactly the plan with the fingerprint that was shown. Rejected or forgotten, nothing has happened.
"""

import re

from audiences.actions import Action, record_action
from audiences.decisions import BadDecision, Decided, NotWaiting, Question, questions
from audiences.decisions import ask as record_question
from audiences.decisions import decide as record_decision
from flows import documents, loop, summaries
from flows.documents import Document
from flows.workshop import Workshop

FINGERPRINT = re.compile(r"[0-9a-f]{12,64}")
MOST_LINES = 20


def ask(workshop: Workshop, document: Document, *, sent: bool) -> Question | None:
    """Have a person asked about a plan; `sent` says that what guards allow of it has gone.

    None where there is nothing to ask: no guard holds anything back, and nothing is left to send.
    A plan that was sent in part is no longer the plan it was, so what is held back is planned
    again, alone, and that plan is what waits.
    """
    held = summaries.is_refused(document)
    if not held and (sent or not documents.sends(document)):
        return None
    if sent:
        document = _the_rest(workshop, document)
        if not summaries.is_refused(document):
            return None
    summary = "\n".join(_shown(document)[:MOST_LINES])
    return record_question(workshop.catalog, document["fingerprint"], summary, now=workshop.now())


def waiting(workshop: Workshop) -> list[Document]:
    """Questions that nobody answered yet, newest first, for `adsteer status` and the console."""
    asked = questions(workshop.catalog, now=workshop.now())
    return [shown(one) for one in asked if one.state is Decided.WAITING]


def decided(workshop: Workshop) -> list[Document]:
    """Every question, newest first: who said what, when and why."""
    return [shown(one) for one in questions(workshop.catalog, now=workshop.now())]


def shown(one: Question) -> Document:
    """A question as JSON."""
    return {
        "fingerprint": one.fingerprint,
        "state": one.state.value,
        "asked_at": one.asked_at.isoformat(timespec="seconds"),
        "until": one.until.isoformat(timespec="seconds"),
        "summary": one.summary.splitlines(),
        "who": one.who,
        "why": one.why,
        "decided_at": one.decided_at.isoformat(timespec="seconds") if one.decided_at else None,
    }


def approve(workshop: Workshop, fingerprint: str, *, who: str, why: str) -> Document:
    """Approve a waiting plan and apply exactly that; the apply document.

    Raises BadDecision, NotWaiting, or StalePlan before anything is recorded. If it is interrupted
    later, `adsteer apply` with the fingerprint goes on with it.
    """
    accepted = accept(workshop, fingerprint, who=who, why=why)
    return loop.apply(workshop, accepted["fingerprint"])


def accept(workshop: Workshop, fingerprint: str, *, who: str, why: str) -> Document:
    """Record the approval of a waiting plan, which is to be applied next; the plan document.

    Raises as `approve`.
    """
    whole = _waiting_plan(workshop, fingerprint)
    loop.refuse_stale(workshop, whole)
    record_decision(workshop.catalog, whole, Decided.APPROVED, who=who, why=why, now=workshop.now())
    document = loop.approve(workshop, whole, who=who.strip(), why=why.strip())
    _log(workshop, whole, "approve", who, why)
    return document


def reject(workshop: Workshop, fingerprint: str, *, who: str, why: str) -> Document:
    """Reject a waiting plan: nothing is sent, and the same plan is not asked about again.

    Raises BadDecision or NotWaiting.
    """
    whole = _waiting_plan(workshop, fingerprint)
    said = record_decision(
        workshop.catalog, whole, Decided.REJECTED, who=who, why=why, now=workshop.now()
    )
    _log(workshop, whole, "reject", who, why)
    return {"decision": shown(said)}


def _log(workshop: Workshop, fingerprint: str, what: str, who: str, why: str) -> None:
    """Into the audit log, where the console writes its own decisions too."""
    action = Action(workshop.now(), who.strip(), "approver", what, fingerprint, why.strip())
    record_action(workshop.catalog, action)


def _waiting_plan(workshop: Workshop, fingerprint: str) -> str:
    """The whole fingerprint of a waiting plan, by twelve or more of its first signs."""
    mark = fingerprint.strip().lower()
    if not FINGERPRINT.fullmatch(mark):
        raise BadDecision("which plan? Its fingerprint is 12 to 64 of 0-9 and a-f.")
    asked = questions(workshop.catalog, now=workshop.now())
    found = sorted({one.fingerprint for one in asked if one.fingerprint.startswith(mark)})
    if len(found) != 1:
        raise NotWaiting(
            f"no plan {mark[:12]} waits for a decision."
            if not found
            else f"{mark} could be any of {len(found)} plans: give more of it."
        )
    return found[0]


def _the_rest(workshop: Workshop, document: Document) -> Document:
    """A plan of only what was held back."""
    lists = sorted({one["audience"] for one in document["audiences"] if one["refused_by"]})
    bids = any(one["refused_by"] for one in document["bids"])
    return loop.plan(workshop, lists=bool(lists), bids=bids, only=lists)


def _shown(document: Document) -> list[str]:
    """What a person decides on: one line per list, one per correction that would change."""
    lines = []
    for one in document["audiences"]:
        figures = {name: one[name] for name in ("add", "remove", "change", "renew") if one[name]}
        if figures or one["refused_by"]:
            told = ", ".join(f"{name} {number:,}" for name, number in figures.items())
            lines.append(
                f"List {one['account']}/{one['audience']}: {one['before']:,} to "
                f"{one['after']:,} people ({told or 'no change'})" + _held(one)
            )
    for one in document["bids"]:
        if one["action"] in ("add", "set", "remove"):
            wanted = "none" if one["wanted"] is None else f"{one['wanted']:+d} %"
            present = "none" if one["present"] is None else f"{one['present']:+d} %"
            lines.append(
                f"Bids {one['account']}, {one['level']} {one['object']}, {one['segment']}: "
                f"{present} to {wanted}" + _held(one)
            )
    if len(lines) > MOST_LINES:
        more = len(lines) - MOST_LINES + 1
        lines = [*lines[: MOST_LINES - 1], f"… and {more} more, see the plan"]
    return lines


def _held(one: Document) -> str:
    said = "; ".join(refusal["text"] for refusal in one["refused_by"])
    return f". Held back: {said}" if said else ""
