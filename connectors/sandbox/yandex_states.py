"""States and figures of a segment of Yandex Audience: what is visible, and from when.

A segment is a document in the store: its wire fields plus what the state machine needs (`phase`,
`ready_at`, `figures` to come, `shown` until then).
"""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from connectors.sandbox.frame import Refused, View
from connectors.sandbox.store import DIGEST, Document, Rows, Store
from connectors.sandbox.world import World

NAME = "yandex_audience"
MIN_REACH = 100
INNER = {"phase", "ready_at", "figures", "shown", "columns", "last_file", "count", "md5"}

# UNVERIFIED choice
ORPHANED_LOOKALIKE = "processing_failed"


def refusal(status: int, kind: str, message: str, **headers: str) -> Refused:
    error = {"error_type": kind, "message": message, "location": ""}
    return Refused(status, {"errors": [error], "code": status, "message": message}, headers)


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def figures(world: World, rows: Rows, count: int) -> Document:
    """Match feedback as a function of the members: percentages are texts, as on the wire."""
    columns = rows.view(f"S{DIGEST}").reshape(len(rows), rows.dtype.itemsize // DIGEST)
    known = np.column_stack([world.known(column) for column in columns.T])
    reach = sum(int(world.anonymous_ids(np.ascontiguousarray(c)).sum()) for c in columns.T)
    matched = int(known.any(axis=1).sum())
    return {
        "item_quantity": count,
        "valid_unique_quantity": len(rows),
        "valid_unique_percentage": f"{100 * len(rows) / count:.2f}" if count else "0.00",
        "matched_quantity": matched,
        "matched_percentage": f"{100 * matched / len(rows):.2f}" if len(rows) else "0.00",
        "cookies_matched_quantity": reach,
    }


def status(segment: Document, now: float) -> str:
    if segment["phase"] not in ("is_processed", "is_updated") or now < segment["ready_at"]:
        return str(segment["phase"])
    if segment.get("fails"):
        return "processing_failed"
    enough = segment["figures"]["cookies_matched_quantity"] >= MIN_REACH
    return "processed" if enough else "few_data"


def shown(store: Store, segment: Document, now: float) -> View:
    """A segment as the API shows it: match figures appear when processing is over."""
    state = status(segment, now)
    known = segment["shown"] if state in ("is_processed", "is_updated") else segment["figures"]
    if state == "uploaded":
        known = {}
    if segment["type"] == "lookalike" and store.get("segment", segment["lookalike_link"]) is None:
        state = ORPHANED_LOOKALIKE
    children = [s["id"] for s in store.all("segment") if s.get("lookalike_link") == segment["id"]]
    return {
        **{k: v for k, v in segment.items() if k not in INNER and k != "fails"},
        "status": state,
        "has_guests": False,
        "guest_quantity": 0,
        "can_create_dependent": state == "processed",
        "has_derivatives": bool(children),
        "derivatives": children,
        "guest": False,
        **known,
    }


def own(store: Store, number: int, login: str) -> Document:
    """The segment, or Refused: another account's segments do not exist for this one."""
    segment = store.get("segment", number)
    if segment is None or segment["owner"] != login:
        raise refusal(404, "not_found", "There is no such segment.")
    return segment


def start(world: World, segment: Document, phase: str, new: Document, **shown_now: Any) -> None:
    """Begin processing: what was visible stays visible until the clock has run."""
    segment["shown"] = shown_now.get("shown", {})
    segment["phase"], segment["figures"] = phase, new
    segment["ready_at"] = world.now() + world.settings.processing_seconds


def usable(world: World, number: int, login: str) -> bool:
    """Whether Direct sees the segment under this login and can show ads to it."""
    segment = world.store(NAME).get("segment", number)
    return (
        segment is not None
        and segment["owner"] == login
        and shown(world.store(NAME), segment, world.now())["status"] == "processed"
    )
