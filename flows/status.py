"""The state of a project in one document: ages, troubles, questions, runs. Asks no platform."""

from audiences.refreshes import last_refreshes
from flows import alerting, approving, freshness, journal
from flows.documents import Document
from flows.workshop import Workshop


def status(workshop: Workshop) -> Document:
    """What `adsteer status --json` prints, and the console shows; reads the catalog alone."""
    now = workshop.now()
    things = [one.as_json(now) for one in freshness.things(workshop)]
    return {
        "at": now.isoformat(timespec="seconds"),
        "stale": sum(one["state"] == "stale" for one in things),
        "things": things,
        "troubles": alerting.known_troubles(workshop),
        "waiting": approving.waiting(workshop),
        "runs": journal.runs(workshop),
        "work": _work(workshop),
    }


def _work(workshop: Workshop) -> Document | None:
    """What the last refresh made anew, and the memory it took; None before the first."""
    with workshop.catalog.begin() as connection:
        last = last_refreshes(connection, most=1)
    return last[0].document.get("work") if last else None
