"""The long work a person can start here, and what is kept of its outcome."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audiences.snapshots import private_folder
from connectors.base import Connector
from connectors.errors import ConnectorError
from flows import bid_undo, checking, loop, measuring
from flows.console.asked import Asked
from flows.console.work import Job, Step
from flows.histories import history_with_charts
from flows.lists import ledger, reference
from flows.workshop import Workshop

Document = dict[str, Any]
Doing = Callable[[Workshop], Document]
MOST_OUTLOOKS = 20
"""Outlooks of plans that are kept; that of an older plan is not shown any more."""


def start(asked: Asked, what: str, do: Doing, *, plan: str = "", why: str = "") -> None:
    """Begin long work for a visitor, and write down that it began and how it ended.

    Raises Busy while other work runs.
    """
    console, visitor = asked.console, asked.visitor

    def work(step: Step) -> Document:
        with console.workshop(step) as workshop:
            return do(workshop)

    def done(job: Job) -> None:
        console.kept.pop("ground", None)  # the platforms may have something else now
        outcome = job.failed.splitlines()[0] if job.failed else "done"
        about = plan or (job.document or {}).get("fingerprint", "")
        with console.workshop() as workshop:
            console.record(workshop, visitor, f"{what}.end", plan=about, said=outcome)

    console.work.start(what, visitor.name, work, done=done)
    with console.workshop() as workshop:
        console.record(workshop, visitor, what, plan=plan, said=why)


def refresh(workshop: Workshop) -> Document:
    """Exports to segments, and what was spent."""
    document = loop.refresh(workshop)
    workshop.checkpoint("segments")
    measuring.measure(workshop)
    return document


def plan(workshop: Workshop) -> Document:
    """A plan of everything; its outlook is kept for the page."""
    document = loop.plan(workshop)
    keep(workshop.state, f"outlook-{document['fingerprint']}", document.get("outlook") or {})
    _forget_outlooks(workshop.state)
    return document


def apply(fingerprint: str) -> Doing:
    """Send exactly this plan; its receipts are kept for the page."""

    def do(workshop: Workshop) -> Document:
        document = loop.apply(workshop, fingerprint)
        keep(workshop.state, f"receipts-{fingerprint}", document["receipts"])
        workshop.checkpoint("sent")
        measuring.measure(workshop)
        ask_platforms(workshop)
        return document

    return do


def check(workshop: Workshop) -> Document:
    """Everything `adsteer check` looks at."""
    document = {**checking.check(workshop), "at": workshop.now().isoformat()}
    keep(workshop.state, "check", document)
    return document


def draw(workshop: Workshop) -> Document:
    """The pictures of segments over time."""
    return history_with_charts(workshop, workshop.snapshot("segments").as_of)


def bids_back(run: str, who: str) -> Doing:
    """Bids to the state that an earlier run left."""
    return lambda workshop: bid_undo.apply_now(workshop, bid_undo.back_to(workshop, run), who=who)


def kill(who: str) -> Doing:
    """Every correction of ours away, and none until it is switched on again."""
    return lambda workshop: bid_undo.kill(workshop, who=who)


def ask_platforms(workshop: Workshop) -> Document:
    """How many people the platforms count and recognise in every list of ours."""
    lists = {}
    for audience in workshop.project.audiences.audience:
        for account in audience.accounts:
            ref = reference(workshop, audience, account)
            list_id = ledger(workshop).list_id(ref)
            connector = workshop.connectors[account]
            if list_id is not None and isinstance(connector, Connector):
                lists[str(ref)] = _state(connector, list_id)
    document = {"at": workshop.now().isoformat(), "lists": lists}
    keep(workshop.state, "platforms", document)
    return document


def _state(connector: Connector, list_id: str) -> Document:
    try:
        state = connector.state(list_id)
    except ConnectorError as error:
        return {"size": None, "matched": None, "said": str(error)}
    return {"size": state.size, "matched": state.matched, "said": state.said}


def keep(state: Path, name: str, document: Document) -> None:
    """Keep a document of counts and names for the pages, mode 0600."""
    path = private_folder(state / "console") / f"{name}.json"
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    part.replace(path)


def kept(state: Path, name: str) -> Document | None:
    """A document that was kept; None where there is none."""
    path = state / "console" / f"{name}.json"
    if not path.exists():
        return None
    document: Document = json.loads(path.read_text(encoding="utf-8"))
    return document


def _forget_outlooks(state: Path) -> None:
    for kind in ("outlook", "receipts"):
        files = (state / "console").glob(f"{kind}-*.json")
        for path in sorted(files, key=lambda one: -one.stat().st_mtime)[MOST_OUTLOOKS:]:
            path.unlink(missing_ok=True)
