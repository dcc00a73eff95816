"""A run in the journal: begun, ended, told. What died without a word is told by the next run."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from audiences.journal import Run, begin_run, bury_dead, end_run, last_runs
from audiences.watching import Condition
from flows import alerting, freshness, summaries
from flows.documents import Document
from flows.mending import told_plainly
from flows.ownership import is_dead, owner
from flows.workshop import Workshop, open_workshop

NAMES = {
    "refresh": "the refresh of segments",
    "follow": "the history of segments",
    "sync": "the sync of lists",
    "adjust": "the adjustment of bids",
    "measure": "the measurement",
    "watch": "the watch",
    "decide": "the decision",
}


@dataclass
class Notes:
    """What a run says of itself: the lines of its summary, and its document once there is one."""

    lines: list[str] = field(default_factory=list)
    document: Document = field(default_factory=dict)


@contextmanager
def recorded(project: str, name: str, *, lines: Iterable[str] = ()) -> Iterator[Notes]:
    """Put a run into the journal; alert when it fails, is refused, or is well again.

    The notes' `lines` begin with those given and with what is to be said of runs that died.
    """
    notes = Notes([*lines])
    with open_workshop(Path(project)) as workshop:
        notes.lines += bury(workshop)
        number = begin_run(workshop.catalog, name, owner(), now=workshop.now())
    try:
        yield notes
    except Exception as error:
        _end(project, name, number, "failed", _text(error))
        raise
    except BaseException:
        _end(project, name, number, "stopped", "Stopped from outside.", quietly=True)
        raise
    outcome = outcome_of(notes.document)
    notes.lines += _end(
        project, name, number, outcome, "\n".join(summaries.sentences(notes.document))
    )


def outcome_of(document: Document) -> str:
    """done, refused by a guard, or failed at a platform."""
    if "receipts" in document and summaries.has_failed(document):
        return "failed"
    if "audiences" in document and summaries.is_refused(document):
        return "refused"
    return "done"


def bury(workshop: Workshop) -> list[str]:
    """Close the runs whose process is gone, alert, and say so."""
    said = []
    for one in bury_dead(workshop.catalog, now=workshop.now(), is_dead=is_dead):
        text = (
            f"A run that began {one.begun_at:%Y-%m-%d %H:%M} UTC was killed before its end. "
            "What it had sent is recorded; the next run finishes the rest."
        )
        said.append(f"{NAMES[one.name][:1].upper()}{NAMES[one.name][1:]}: {text}")
        subject = f"run/{one.name}"
        said += alerting.tell(workshop, subject, Condition.FAILED, text, named=NAMES[one.name])
    return said


def runs(workshop: Workshop) -> list[Document]:
    """The newest runs first, for `adsteer status` and the console."""
    return [_shown(one) for one in last_runs(workshop.catalog)]


def _shown(one: Run) -> Document:
    return {
        "name": one.name,
        "begun_at": one.begun_at.isoformat(timespec="seconds"),
        "ended_at": one.ended_at.isoformat(timespec="seconds") if one.ended_at else None,
        "outcome": one.outcome,
        "said": one.said.splitlines(),
    }


def _end(
    project: str, name: str, number: int, outcome: str, said: str, *, quietly: bool = False
) -> list[str]:
    said = alerting.without_contacts(said)
    states = {"failed": Condition.FAILED, "refused": Condition.REFUSED}
    state = states.get(outcome, Condition.RECOVERED)
    with open_workshop(Path(project)) as workshop:
        end_run(workshop.catalog, number, outcome, said, now=workshop.now())
        if quietly:
            return []
        problems = alerting.tell(workshop, f"run/{name}", state, said, named=NAMES[name])
        return [*problems, *freshness.watch(workshop)]


def _text(error: Exception) -> str:
    """What a person can act on; of a bug only its kind, as its text may hold anything."""
    return told_plainly(error) or f"{type(error).__name__}, see the log."
