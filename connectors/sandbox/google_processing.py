"""Processing of the played Google: what was received becomes the list's when the clock has run.

Whoever was last sent longer ago than the membership duration leaves the list.
"""

import numpy as np

from connectors.sandbox.google_call import NAME
from connectors.sandbox.store import DIGEST, Document, Rows, Store, digests, without
from connectors.sandbox.world import World


def catch_up(world: World, found: Document) -> Document:
    """The list with everything that has been processed by now, and nobody whose time is over."""
    store, left = world.store(NAME), []
    for number in found["pending"]:
        asked = store.get("request", number)
        if asked is None or asked["ready_at"] > world.now():
            left.append(number)
        elif not asked["fails"]:
            apply(store, found, asked)
    over = world.now() - float(str(found["membershipDuration"]).removesuffix("s"))
    oldest = found["oldest"]
    if oldest is not None and oldest < over:
        apply(store, found, {"verb": "removeAll", "as_of": over})
        oldest = min(ingested_at(store, found, over), default=None)
    if (left, oldest) != (found["pending"], found["oldest"]):
        counted = found["counted"] or left != found["pending"]
        found = {**found, "pending": left, "oldest": oldest, "counted": counted}
        store.put("list", int(found["id"]), found)
    return found


def ingested_at(store: Store, found: Document, since: float) -> list[float]:
    """Moments at which somebody was sent to the list."""
    return [
        float(asked["received_at"])
        for asked in store.all("request")
        if asked["verb"] == "ingest"
        and int(found["id"]) in asked["lists"]
        and asked["received_at"] >= since
    ]


def apply(store: Store, found: Document, asked: Document) -> None:
    number = int(found["id"])
    if asked["verb"] == "removeAll":
        kept = added_since(store, found, asked["as_of"])
        present = store.members(number)
        store.change_members(number, "replace", without(present, without(digests(present), kept)))
    elif asked["verb"] == "remove":
        store.change_members(number, "remove", digests(store.members(-asked["number"])))
    else:
        store.change_members(number, "add", store.members(-asked["number"]))


def added_since(store: Store, found: Document, moment: float) -> Rows:
    """Digests that were sent to the list at or after a moment."""
    sent = [
        digests(store.members(-asked["number"]))
        for asked in store.all("request")
        if asked["verb"] == "ingest"
        and int(found["id"]) in asked["lists"]
        and asked["received_at"] >= moment
    ]
    return np.unique(np.concatenate([np.empty(0, dtype=f"S{DIGEST}"), *sent]))


def figures(world: World, found: Document) -> tuple[int, int]:
    """People in a list, and those Google knows by any of their identifiers."""
    rows = world.store(NAME).members(int(found["id"]))
    if not len(rows):
        return 0, 0
    known = world.known(rows.view(f"S{DIGEST}")).reshape(len(rows), -1)
    return len(rows), int(known.any(axis=1).sum())
