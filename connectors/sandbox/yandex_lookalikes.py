"""Look-alikes of Yandex Audience: grown from a processed segment of the same account.

The people found are those of an invented population nearest by lot, without the source's own.
"""

import hashlib

import numpy as np

from connectors.sandbox.frame import View
from connectors.sandbox.store import DIGEST, Document, Rows, digests
from connectors.sandbox.world import World
from connectors.sandbox.yandex_segments import FIRST_ID
from connectors.sandbox.yandex_states import NAME, iso, refusal, shown, start, status

# UNVERIFIED choices
LOOKALIKE_SOURCE_NOT_READY = (400, "invalid_parameter")
NOT_OWN_SOURCE = (400, "invalid_parameter")
POPULATION = 20_000
"""People outside all lists that look-alikes are drawn from."""
LOOKALIKE_SHARE = 0.05
"""Share of the population per step of lookalike_value."""


def grow(world: World, login: str, wish: Document) -> View:
    store = world.store(NAME)
    for key in ("name", "lookalike_link", "lookalike_value"):
        if key not in wish:
            raise refusal(400, "missing_parameter", f"segment.{key} is needed.")
    value = wish["lookalike_value"]
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 5:
        raise refusal(400, "invalid_parameter", "segment.lookalike_value is a number from 1 to 5.")
    if isinstance(wish["lookalike_link"], bool) or not isinstance(wish["lookalike_link"], int):
        raise refusal(400, "invalid_parameter", "segment.lookalike_link is the id of a segment.")
    flags = {
        k: wish.get(k, True) for k in ("maintain_device_distribution", "maintain_geo_distribution")
    }
    if not all(isinstance(flag, bool) for flag in flags.values()):
        raise refusal(400, "invalid_parameter", "segment.maintain_* are booleans.")
    source = store.get("segment", wish["lookalike_link"])
    if source is None:
        raise refusal(404, "not_found", "There is no source segment.")
    if source["owner"] != login:
        raise refusal(*NOT_OWN_SOURCE, "The source is not a segment of this account.")
    if status(source, world.now()) != "processed":
        raise refusal(*LOOKALIKE_SOURCE_NOT_READY, "The source is not processed.")
    number = store.next_id("segment", first=FIRST_ID)
    people = similar(value, store.members(source["id"], width=2 * DIGEST))
    store.change_members(number, "replace", people)
    segment = {
        "type": "lookalike",
        "id": number,
        "name": wish["name"],
        "create_time": iso(world.now()),
        "owner": login,
        "lookalike_link": source["id"],
        "lookalike_value": value,
        **flags,
    }
    start(world, segment, "is_processed", {"cookies_matched_quantity": 2 * len(people)})
    store.put("segment", number, segment)
    return shown(store, segment, world.now())


def similar(value: int, source: Rows) -> Rows:
    """Digests of the population nearest by lot, wider with `value`, without the source's own."""
    taken = int(POPULATION * LOOKALIKE_SHARE * value)
    found = [hashlib.sha256(f"sandbox person {n}".encode()).digest() for n in range(taken)]
    people = np.array(found, dtype=f"S{DIGEST}")
    return np.setdiff1d(people, digests(source))
