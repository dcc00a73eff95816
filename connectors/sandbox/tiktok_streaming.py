"""The streaming (segment) API of the played TikTok, which partners use: rows of digests at once."""

from typing import Any

import numpy as np

from connectors.sandbox.store import DIGEST, Document, Rows
from connectors.sandbox.tiktok_audiences import (
    MAX_IDS,
    MAX_NAME,
    PARTNER,
    cover,
    forget,
    make,
    own,
)
from connectors.sandbox.tiktok_call import (
    BAD_PARAMETER,
    NO_RIGHTS,
    Call,
    CallError,
    is_id,
    texts_in,
)
from connectors.sandbox.tiktok_files import WIDTH

STREAMED_TYPES = (
    *("EMAIL_SHA256", "PHONE_SHA256", "IDFA_SHA256", "AAID_SHA256"),
    *("IDFA_MD5", "AAID_MD5"),
)
MAX_STREAMED = 10_000
"""UNVERIFIED."""


def segment_audience(call: Call) -> Document:
    action = call.choice("action", ("create", "delete"))
    if action == "delete":
        found = own(call, call.text("delete_audience_id"))
        forget(call.world, int(found["audience_id"]))
        return {}
    name = call.text("custom_audience_name", most=MAX_NAME)
    nobody = np.empty(0, dtype=f"S{WIDTH * DIGEST}")
    return {"audience_id": make(call, name, PARTNER, nobody)}


def segment_mapping(call: Call) -> Document:
    """Add or delete members of many audiences; no replace, no verdict by row."""
    verb = {"add": "add", "delete": "remove"}[call.choice("action", ("add", "delete"))]
    for one in call.texts("advertiser_ids", 1, MAX_IDS):
        account = call.store.get("advertiser", int(one)) if is_id(one) else None
        if account is None or account["login"] != call.login:
            raise CallError(NO_RIGHTS, "advertiser_ids: not of this business account")
    schema = call.texts("id_schema", 1, len(STREAMED_TYPES))
    if len(set(schema)) != len(schema) or not set(schema) <= set(STREAMED_TYPES):
        raise CallError(BAD_PARAMETER, "id_schema: known types without repeats")
    rows = call.structure("batch_data")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_STREAMED:
        raise CallError(BAD_PARAMETER, f"batch_data: 1 to {MAX_STREAMED} rows")
    gathered: dict[str, list[bytes]] = {}
    for row in rows:
        if not isinstance(row, list) or len(row) != len(schema):
            raise CallError(BAD_PARAMETER, "batch_data: a cell per entry of id_schema")
        for kind, cell in zip(schema, row, strict=True):
            for audience in streamed_to(call, kind, cell):
                gathered.setdefault(audience, []).append(bytes.fromhex(cell["id"]))
    for audience, found in gathered.items():
        stream(call, audience, verb, np.unique(np.array(found, dtype=f"S{DIGEST}")))
    return {}


def streamed_to(call: Call, kind: str, cell: Any) -> list[str]:
    """The audiences a cell names; an empty cell names none."""
    if cell == {}:
        return []
    if not isinstance(cell, dict) or set(cell) != {"id", "audience_ids"}:
        raise CallError(BAD_PARAMETER, "batch_data: a cell is {} or has id and audience_ids")
    length = 64 if kind.endswith("SHA256") else 32
    value = cell["id"]
    if not isinstance(value, str) or len(value) != length or set(value) - set("0123456789abcdef"):
        raise CallError(BAD_PARAMETER, f"batch_data: {kind} is not a digest")
    named = texts_in(cell["audience_ids"], "audience_ids", 1, MAX_IDS)
    if any(own(call, one)["audience_type"] != PARTNER for one in named):
        raise CallError(BAD_PARAMETER, "audience_ids: not a streamed audience")
    return named


def stream(call: Call, audience: str, verb: str, found: Rows) -> None:
    kept = own(call, audience)
    kept["cover"] = cover(call.world, kept)
    kept["ready_at"] = call.world.now() + call.world.settings.processing_seconds
    wide = np.zeros((len(found), WIDTH), dtype=f"S{DIGEST}")
    wide[:, 0] = found
    rows = wide.view(f"S{WIDTH * DIGEST}").ravel()
    change: Rows = found if verb == "remove" else rows
    call.store.change_members(int(audience), "remove" if verb == "remove" else "add", change)
    call.store.put("audience", int(audience), kept)
