"""Look-alikes of the played TikTok: grown of a source, calculated anew on request."""

import hashlib

import numpy as np

from connectors.sandbox.store import DIGEST, Document, Rows, digests
from connectors.sandbox.tiktok_audiences import (
    LOOKALIKE,
    MAX_IDS,
    MAX_NAME,
    cover,
    make,
    note,
    own,
    rows_of,
)
from connectors.sandbox.tiktok_call import BAD_PARAMETER, Call, CallError, texts_in
from connectors.sandbox.tiktok_files import WIDTH

MIN_SOURCE = 100
SPEC = (
    *("source_audience_id", "include_source", "mobile_os"),
    *("placements", "location_ids", "audience_size"),
)
SYSTEMS = ("ALL", "ANDROID", "IOS")
PLACEMENTS = ("TikTok", "TopBuzz & BuzzVideo", "Pangle")
SIZES = {"NARROW": 5_000, "BALANCED": 10_000, "BROAD": 20_000}
"""Users that a look-alike of each size gets here."""


def grow(call: Call) -> Document:
    name = call.text("custom_audience_name", most=MAX_NAME)
    spec = call.structure("lookalike_spec")
    if not isinstance(spec, dict) or set(spec) != set(SPEC):
        raise CallError(BAD_PARAMETER, f"lookalike_spec needs {', '.join(SPEC)}")
    check_spec(spec)
    source = own(call, str(spec["source_audience_id"]))
    if source["audience_type"] == LOOKALIKE:
        raise CallError(BAD_PARAMETER, "A look-alike is no source.")
    if cover(call.world, source) < MIN_SOURCE:
        raise CallError(BAD_PARAMETER, f"The source has fewer than {MIN_SOURCE} users.")
    rows = similar(SIZES[spec["audience_size"]], rows_of(call.world, source))
    return {"custom_audience_id": make(call, name, LOOKALIKE, rows, lookalike_spec=spec)}


def check_spec(spec: Document) -> None:
    places = texts_in(spec["placements"], "placements", 1, len(PLACEMENTS))
    if (
        not isinstance(spec["include_source"], bool)
        or spec["mobile_os"] not in SYSTEMS
        or spec["audience_size"] not in SIZES
        or not set(places) <= set(PLACEMENTS)
    ):
        raise CallError(BAD_PARAMETER, "lookalike_spec holds an unknown value")
    texts_in(spec["location_ids"], "location_ids", 1, 3000)


def similar(count: int, source: Rows) -> Rows:
    """Users by lot, without the source's own."""
    found = [hashlib.sha256(f"sandbox tiktok user {n}".encode()).digest() for n in range(count)]
    people = np.setdiff1d(np.array(found, dtype=f"S{DIGEST}"), digests(source))
    wide = np.zeros((len(people), WIDTH), dtype=f"S{DIGEST}")
    wide[:, 0] = people
    return wide.view(f"S{WIDTH * DIGEST}").ravel()


def refresh(call: Call) -> Document:
    """Calculate look-alikes anew from what their sources hold now."""
    for text in call.texts("custom_audience_ids", 1, MAX_IDS):
        found = own(call, text)
        if found["audience_type"] != LOOKALIKE:
            raise CallError(BAD_PARAMETER, "Only a look-alike is refreshed.")
        own(call, str(found["lookalike_spec"]["source_audience_id"]))
        found["cover"] = cover(call.world, found)
        found["ready_at"] = call.world.now() + call.world.settings.processing_seconds
        note(call, found, "Refresh")
    return {}
