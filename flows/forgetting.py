"""`adsteer forget`: somebody asked to be forgotten. What was typed is hashed and never shown."""

from audiences.forget_requests import Request, ask, known_by, named_by, requests
from flows.documents import Document
from flows.workshop import CannotRun, Workshop


def forget(workshop: Workshop, text: str) -> Document:
    """Record a request for one contact or id: an e-mail address, a phone, or an id as exported.

    The people it leads to leave every list at the next delivery, whatever guards say; the refresh
    after that removes them from all state. Raises CannotRun where the text is empty.
    """
    named = named_by(text, workshop.project.adsteer.shop)
    if not named:
        raise CannotRun("nothing to forget was given: an e-mail address, a phone or an id.")
    sources = sorted({one.source for one in workshop.project.exports.export})
    stored = workshop.find_snapshot("keys") is not None
    people = known_by(workshop.table("keys"), named, sources) if stored else set()
    with workshop.catalog.begin() as connection:
        number = ask(connection, named, people, workshop.now())
    return {"request": number, "people": len(people), "requests": forgotten(workshop)}


def forgotten(workshop: Workshop) -> list[Document]:
    """Every request and its proof; no contact, no digest, no person."""
    with workshop.catalog.begin() as connection:
        return [_shown(one) for one in requests(connection)]


def _shown(one: Request) -> Document:
    return {
        "request": one.number,
        "asked_at": one.asked_at.isoformat(),
        "done_at": one.done_at.isoformat() if one.done_at else None,
        "removed": list(one.proof),
    }
