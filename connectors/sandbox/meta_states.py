"""States of an audience of Meta as the sandbox plays them, and the clock that moves them.

What was uploaded becomes visible `processing_seconds` later; until then the bounds of before stay.
An audience is a document: its wire fields, and what the states need (`populated_at`, `matched`
people, `matched_before` as long as `visible_at` lies ahead).
"""

from typing import Any

import numpy as np

from connectors.sandbox.meta_call import Call
from connectors.sandbox.meta_members import WIDTH
from connectors.sandbox.store import DIGEST, Document, Rows
from connectors.sandbox.world import World

FIRST_AUDIENCE = 23_850_000_000_000_101

NORMAL, EMPTY, REPLACING, REPLACE_FAILED, POPULATING, FAILED, FLAGGED = (
    200,
    410,
    414,
    415,
    441,
    442,
    471,
)
WORDS = {
    NORMAL: "Normal",
    EMPTY: "Nothing has been uploaded",
    REPLACING: "The audience is being replaced",
    REPLACE_FAILED: "The replacement failed",
    POPULATING: "The audience is being populated",
    FAILED: "The audience could not be populated",
    FLAGGED: "The audience is restricted",
}

# UNVERIFIED choices
MIN_DELIVERY = 100
"""Matched people from which an audience is delivered to."""
ROUNDED_TO = 10
"""Bounds are rounded to this: how Meta rounds is not stated."""


def own(call: Call, number: Any) -> Document:
    return call.find("audience", number)


def status(audience: Document, now: float) -> int:
    """The code of operation_status."""
    if audience.get("flagged"):
        return FLAGGED
    if audience.get("replace_until", 0) > now:
        return REPLACING
    if until := audience.get("replace_open_until"):
        return REPLACING if now < until else REPLACE_FAILED
    if not audience.get("populated_at"):
        return EMPTY
    if now < audience["populated_at"]:
        return POPULATING
    return FAILED if audience.get("fails") else NORMAL


def bounds(audience: Document, now: float) -> tuple[int, int]:
    """The rounded range that is visible now; -1 where nothing was computed yet."""
    visible = audience["matched"] if now >= audience["visible_at"] else audience["matched_before"]
    if visible is None:
        return -1, -1
    low = visible // ROUNDED_TO * ROUNDED_TO
    return low, low + ROUNDED_TO if visible % ROUNDED_TO else low


def matched_now(audience: Document, now: float) -> int:
    """People matched as far as processing is over."""
    return int((audience["matched"] if now >= audience["visible_at"] else 0) or 0)


def children(call: Call, audience: Document) -> list[str]:
    number = str(audience["id"])
    return [str(one["id"]) for one in call.store.all("audience") if one.get("origin") == number]


def repopulate(call: Call, audience: Document, *, fails: bool = False) -> None:
    """Begin processing: the bounds that were visible stay visible until the clock has run."""
    rows = call.store.members(audience["id"], width=WIDTH)
    if call.now >= audience["visible_at"]:
        audience["matched_before"] = audience["matched"]
    audience["matched"] = matched(call.world, rows)
    audience["visible_at"] = call.now + call.world.settings.processing_seconds
    audience["populated_at"] = audience.get("populated_at") or audience["visible_at"]
    audience["time_content_updated"] = int(call.now)
    audience["fails"] = fails
    call.store.put("audience", audience["id"], audience)


def matched(world: World, rows: Rows) -> int:
    if not len(rows):
        return 0
    columns = rows.view(f"S{DIGEST}").reshape(len(rows), rows.dtype.itemsize // DIGEST)
    known = np.column_stack([world.known(np.ascontiguousarray(each)) for each in columns.T])
    return int(known.any(axis=1).sum())


def new(call: Call, account: Document, **fields: Any) -> Document:
    number = call.store.next_id("audience", first=FIRST_AUDIENCE)
    return {
        "id": number,
        "account": account["id"],
        "time_created": int(call.now),
        "time_updated": int(call.now),
        "matched": None,
        "matched_before": None,
        "visible_at": 0.0,
        **fields,
    }
