"""Accepted against matched: what platforms tell of our lists once they have worked on them."""

from datetime import timedelta

from audiences.matches import Match, keep_match, keep_outcome, known_members, open_references
from audiences.model import AudienceRef
from connectors.base import Connector, TellsOutcomes
from connectors.errors import ConnectorError
from flows.documents import Document
from flows.lists import ledger, reference
from flows.workshop import Workshop

FIRST_LOOK = timedelta(minutes=30)
"""Before that, no platform has finished with a request (Google's advice)."""


def ask(workshop: Workshop) -> list[Document]:
    """Ask every list of ours for its size and match, and requests for their outcome; record both.

    A platform that does not answer is told in the document, and does not stop the others.
    """
    return [
        _look(workshop, ref, list_id)
        for audience in workshop.project.audiences.audience
        for account in audience.accounts
        if (list_id := ledger(workshop).list_id(ref := reference(workshop, audience, account)))
    ]


def _look(workshop: Workshop, ref: AudienceRef, list_id: str) -> Document:
    connector = workshop.lists_of(ref.account)
    try:
        one = _matched(workshop, ref, list_id, connector)
        _outcomes(workshop, ref, connector)
    except ConnectorError as error:
        return {**_named(ref, list_id), "said": str(error), "who": error.who}
    told = {"members": one.members, "size": one.size, "matched": one.matched}
    return {**_named(ref, list_id), **told, "share": one.share, "said": one.said}


def _named(ref: AudienceRef, list_id: str) -> Document:
    return {
        "platform": ref.platform,
        "account": ref.account,
        "audience": ref.audience,
        "list_id": list_id,
        **dict.fromkeys(("members", "size", "matched", "share")),
        "who": "",
    }


def _matched(workshop: Workshop, ref: AudienceRef, list_id: str, connector: Connector) -> Match:
    state = connector.state(list_id)
    with workshop.catalog.begin() as connection:
        members = known_members(connection, ref)
        one = Match(workshop.now(), list_id, members, state.size, state.matched, state.said)
        keep_match(connection, ref, one)
    return one


def _outcomes(workshop: Workshop, ref: AudienceRef, connector: Connector) -> None:
    if not isinstance(connector, TellsOutcomes):
        return
    now = workshop.now()
    with workshop.catalog.begin() as connection:
        waiting = open_references(connection, ref, now=now, after=FIRST_LOOK)
    for batch, reference_of in waiting:
        told = connector.outcome(reference_of)
        dropped = "; ".join(f"{people:,} x {reason}" for reason, people in told.dropped)
        with workshop.catalog.begin() as connection:
            keep_outcome(
                connection, batch, at=now, done=told.done, matched=told.matched, dropped=dropped
            )
