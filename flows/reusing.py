"""What a refresh takes over from the last one, and leaves for the next."""

from audiences.carried import FOLDER, Left, Past, settings_of
from audiences.exports import Reading
from audiences.people import People
from audiences.readings import Readings
from flows.documents import Document
from flows.workshop import Workshop

BESIDE = ("occasions", "returns")
"""Snapshots that what is left goes with."""


def past_of(workshop: Workshop) -> Past | None:
    """What the last refresh left; None where there is nothing, or it no longer fits."""
    beside = _beside(workshop)
    if workshop.engine.name != "duckdb" or len(beside) < len(BESIDE):
        return None
    occasions, returns = (workshop.table(kind) for kind in BESIDE)
    return _left(workshop).find(workshop.engine, beside, occasions, returns)


def leave(workshop: Workshop, reading: Reading, people: People) -> None:
    """Leave what the snapshots of this refresh, which are current now, were made of."""
    project = workshop.project
    settings = settings_of(project.adsteer.shop, project.exports.rate)
    _left(workshop).leave(
        workshop.engine,
        people.bought.cards,
        files=reading.order_files,
        settings=settings,
        beside=_beside(workshop),
    )


def leave_nothing(workshop: Workshop) -> None:
    """Take back what was left: somebody in it asked to be forgotten."""
    _left(workshop).clear()


def reused(reading: Reading, readings: Readings, people: People) -> Document:
    """Of how much there was nothing to be worked out anew."""
    return {
        "files": len(reading.files),
        "files_taken_over": readings.found,
        "people_taken_over": people.bought.carried,
    }


def _left(workshop: Workshop) -> Left:
    return Left(workshop.state / FOLDER, workshop.seal)


def _beside(workshop: Workshop) -> dict[str, str]:
    """The files of the current snapshots, relative to the state folder, which may be moved."""
    found = {kind: workshop.find_snapshot(kind) for kind in BESIDE}
    return {kind: one.path.removeprefix(str(workshop.state)) for kind, one in found.items() if one}
