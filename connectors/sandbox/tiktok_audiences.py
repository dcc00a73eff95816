"""Custom audiences of the played TikTok, and the customer files that they are made of.

Users appear in `cover_num` after a delay only, and fewer of them than lines were sent.
"""

import hashlib
from typing import Any

import numpy as np

from connectors.sandbox.frame import View
from connectors.sandbox.store import DIGEST, Document, Rows, digests
from connectors.sandbox.tiktok_call import (
    BAD_PARAMETER,
    NAME,
    NOT_FOUND,
    NOTHING_TO_UPDATE,
    TOO_OFTEN,
    Call,
    CallError,
    is_id,
    stamp,
)
from connectors.sandbox.tiktok_files import (
    MULTIPLE,
    SINGLE_TYPES,
    WIDTH,
    users_of,
)
from connectors.sandbox.world import World

FIRST_ID = 190_000_001
FOREIGN_LIST = 180_000_001
MIN_MATCHED = 1000
MAX_NAME = 128
KEPT_DAYS = 365
EXPIRING_DAYS = 60
DAY = 86_400.0
MAX_IDS = 100
SUB_TYPES = ("NORMAL", "REACH_FREQUENCY")
ACTIONS = {"APPEND": "add", "REMOVE": "remove", "REPLACE": "replace"}
CREATE_TYPES = [kind for kind in SINGLE_TYPES if not kind.startswith("MAID_")] + [MULTIPLE]
CUSTOMER_FILE, LOOKALIKE, PARTNER = "Customer File Audience", "Lookalike Audience", "Partner"
# UNVERIFIED choices
TOO_SMALL = BAD_PARAMETER
"""Code of an update that would leave fewer than MIN_MATCHED."""
REPLACE_EVERY = DAY
REPLACED_TOO_SOON = TOO_OFTEN
CALCULATING = "The audience is being calculated."
SMALL = f"The audience has fewer than {MIN_MATCHED} matched users."

INNER = {"advertiser", "ready_at", "cover", "kept_days", "history", "created", "replaced"}


def own(call: Call, text: str) -> Document:
    """The audience, or CallError: another advertiser's does not exist for this one."""
    found = call.store.get("audience", int(text)) if is_id(text) else None
    if found is None or found["advertiser"] != call.advertiser:
        raise CallError(NOT_FOUND, "There is no such audience.")
    return found


def rows_of(world: World, found: Document) -> Rows:
    return world.store(NAME).members(int(found["audience_id"]), width=WIDTH * DIGEST)


def matched(world: World, rows: Rows) -> int:
    """Users of whom at least one identifier is known."""
    columns = rows.view(f"S{DIGEST}").reshape(len(rows), WIDTH)
    known = np.column_stack([world.known(np.ascontiguousarray(one)) for one in columns.T])
    return int(known.any(axis=1).sum())


def cover(world: World, found: Document) -> int:
    if world.now() < found["ready_at"]:
        return int(found["cover"])
    return matched(world, rows_of(world, found))


def shown(world: World, found: Document) -> View:
    """An audience as `list` and `get` show it."""
    now = world.now()
    calculating = now < found["ready_at"] and not found["cover"]
    users = cover(world, found)
    expires = found["created"] + found["kept_days"] * DAY
    small = not calculating and users < MIN_MATCHED
    return {
        **{k: v for k, v in found.items() if k not in INNER},
        "cover_num": users,
        "is_valid": not calculating and not small and now < expires,
        "is_expiring": now < expires <= now + EXPIRING_DAYS * DAY,
        "is_creator": True,
        "shared": False,
        "is_auto_refresh": False,
        "create_time": stamp(found["created"]),
        "expired_time": stamp(expires),
        "msg": CALCULATING if calculating else "",
        "error_msg": SMALL if small else "",
    }


def make(call: Call, name: str, kind: str, rows: Rows, **more: Any) -> str:
    """Put an audience in place, to be calculated; its id."""
    number = call.store.next_id("audience", first=FIRST_ID)
    now = call.world.now()
    call.store.change_members(number, "replace", rows)
    found = {
        "audience_id": str(number),
        "name": name,
        "audience_type": kind,
        "advertiser": call.advertiser,
        "audience_sub_type": "NORMAL",
        "calculate_type": "",
        "created": now,
        "kept_days": KEPT_DAYS,
        "ready_at": now + call.world.settings.processing_seconds,
        "cover": 0,
        "history": [],
        "replaced": None,
        **more,
    }
    note(call, found, "Create")
    return str(number)


def note(call: Call, found: Document, action: str) -> None:
    """Keep an audience with one more line of its history, newest first."""
    line = {
        "action": action,
        "action_detail": "",
        "editor": "open_api",
        "msg": "",
        "opt_time": stamp(call.world.now()),
    }
    found["history"] = [line, *found["history"]][:MAX_IDS]
    call.store.put("audience", int(found["audience_id"]), found)


# Customer files


def create(call: Call) -> Document:
    name = call.text("custom_audience_name", most=MAX_NAME)
    kind = call.choice("calculate_type", CREATE_TYPES)
    sub_type = call.choice("audience_sub_type", SUB_TYPES, "NORMAL")
    kept = call.number("retention_in_days", KEPT_DAYS, 1, KEPT_DAYS)
    if not isinstance(call.given.get("audience_enhancement", False), bool):
        raise CallError(BAD_PARAMETER, "audience_enhancement is a boolean")
    rows = users_of(call, kind)
    more = {"calculate_type": kind, "audience_sub_type": sub_type, "kept_days": kept}
    return {"custom_audience_id": make(call, name, CUSTOMER_FILE, rows, **more)}


def update(call: Call) -> Document:
    """Rename, change files, or turn to reach and frequency; raises CallError."""
    found = own(call, call.text("custom_audience_id"))
    name = call.text("custom_audience_name", most=MAX_NAME, needed=False)
    given = "file_paths" in call.given
    if "audience_sub_type" in call.given:
        # Changes to other fields are ignored then.
        found["audience_sub_type"] = call.choice("audience_sub_type", SUB_TYPES[1:])
        note(call, found, "Update")
        return {}
    if not name and not given:
        raise CallError(NOTHING_TO_UPDATE, "custom_audience_name or file_paths is needed")
    if given:
        change_files(call, found, call.choice("action", ACTIONS, "REPLACE"))
    found["name"] = name or found["name"]
    note(call, found, call.given.get("action", "REPLACE") if given else "Rename")
    return {}


def change_files(call: Call, found: Document, action: str) -> None:
    if found["audience_type"] != CUSTOMER_FILE:
        raise CallError(BAD_PARAMETER, "Only a customer file audience takes files.")
    given, now = users_of(call, found["calculate_type"]), call.world.now()
    last = found["replaced"]
    if action == "REPLACE" and last is not None and now < last + REPLACE_EVERY:
        raise CallError(REPLACED_TOO_SOON, "An audience is replaced once in 24 hours.")
    number = int(found["audience_id"])
    before = cover(call.world, found)
    # Undone with the transaction if the size then refuses it.
    verb = ACTIONS[action]
    if verb == "remove":
        call.store.change_members(number, "remove", digests(given))
    else:
        call.store.change_members(number, "add" if verb == "add" else "replace", given)
    if matched(call.world, rows_of(call.world, found)) < MIN_MATCHED:
        raise CallError(TOO_SMALL, SMALL)
    found["cover"] = before
    found["ready_at"] = now + call.world.settings.processing_seconds
    if action == "REPLACE":
        found["replaced"] = now


def delete(call: Call) -> Document:
    ids = call.texts("custom_audience_ids", 1, MAX_IDS)
    for one in [own(call, text) for text in ids]:
        forget(call.world, int(one["audience_id"]))
    return {}


def list_(call: Call) -> Document:
    ids = call.texts("custom_audience_ids", 1, MAX_IDS, needed=False)
    found = [
        shown(call.world, one)
        for one in call.store.all("audience")
        if one["advertiser"] == call.advertiser and (not ids or one["audience_id"] in ids)
    ]
    return call.page(found, MAX_IDS)


def get(call: Call) -> Document:
    """Details and history; an id that is not there is left out (UNVERIFIED)."""
    ids = call.texts("custom_audience_ids", 1, MAX_IDS)
    size = call.number("history_size", MAX_IDS, 1, MAX_IDS)
    return {
        "list": [
            {
                "audience_details": shown(call.world, one),
                "audience_history": one["history"][:size],
            }
            for one in call.store.all("audience")
            if one["advertiser"] == call.advertiser and one["audience_id"] in ids
        ]
    }


# What the account holds, and the control door


def seed(world: World, advertiser: str) -> None:
    """An audience made by hand, ready and in use."""
    store = world.store(NAME)
    if store.get("audience", FOREIGN_LIST) is not None:
        return
    found = [hashlib.sha256(f"tiktok by hand {n}".encode()).digest() for n in range(1600)]
    store.change_members(
        FOREIGN_LIST, "replace", np.unique(np.array(found, dtype=f"S{WIDTH * DIGEST}"))
    )
    body = {
        "audience_id": str(FOREIGN_LIST),
        "name": "made by hand",
        "audience_type": CUSTOMER_FILE,
        "advertiser": advertiser,
        "audience_sub_type": "NORMAL",
        "calculate_type": "EMAIL_SHA256",
        "created": world.now() - 1,
        "kept_days": KEPT_DAYS,
        "ready_at": world.now(),
        "cover": 0,
        "history": [],
        "replaced": None,
    }
    store.put("audience", FOREIGN_LIST, body)


def lists(world: World) -> list[View]:
    """Audiences for the control door; `member_count` counts users."""
    return [
        {
            "id": int(one["audience_id"]),
            **shown(world, one),
            "member_count": len(rows_of(world, one)),
        }
        for one in world.store(NAME).all("audience")
    ]


def members(world: World, found: View, most: int | None = None) -> list[str]:
    """Digests as hex; numpy drops trailing zero bytes, which are put back."""
    rows = world.store(NAME).members(int(found["id"]), width=WIDTH * DIGEST)
    some = rows if most is None else rows[:most]
    return [bytes(one).ljust(DIGEST, b"\0").hex() for one in digests(some)][:most]


def forget(world: World, number: int) -> bool:
    store = world.store(NAME)
    if store.get("audience", number) is None:
        return False
    store.drop("audience", number)
    store.drop_members(number)
    return True
