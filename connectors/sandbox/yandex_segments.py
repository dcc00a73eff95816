"""Segments of Yandex Audience: uploaded, confirmed, changed by files, processed again.

Rows of a segment are digests: phone and e-mail side by side, or one device id. Rows of a draft
wait in two forms, hashed under the segment's id and plain under its negative, until confirm says
which is meant.
"""

import hashlib

import numpy as np

from connectors.sandbox.frame import View
from connectors.sandbox.store import DIGEST, Document, digests
from connectors.sandbox.world import LOGIN, World
from connectors.sandbox.yandex_files import Records
from connectors.sandbox.yandex_states import NAME, figures, iso, own, refusal, shown, start, status

MIN_RECORDS = 100
REPROCESS_OF_SEGMENT, REPROCESS_OF_LOGIN = 2, 20
DAY = 86400.0
FIRST_ID = 5_001_001
FOREIGN_SEGMENT = 4_900_001
"""A segment of the account that somebody made by hand; nobody else may touch it."""

# UNVERIFIED choices, gathered here so that a recording of the real service changes one line.
CONFIRMED_TWICE = (400, "invalid_parameter")
TOO_FEW_RECORDS = (400, "invalid_parameter")
NOT_SETTLED = (400, "invalid_parameter")
OTHER_FORM = (400, "invalid_parameter")
OTHER_HEADER = (400, "header_validation_error")
FIRST_FILE_COUNTS_AS = ("addition", "replace")
"""With which modifications the uploaded file, sent again, is 'the same file'."""

SETTLED = ("processed", "few_data")
STATED = ("name", "hashed", "content_type")


def upload(world: World, login: str, records: Records) -> View:
    store = world.store(NAME)
    number = store.next_id("segment", first=FIRST_ID)
    store.change_members(number, "replace", records.hashed)
    store.change_members(-number, "replace", records.plain)
    segment = {
        "type": "uploading",
        "id": number,
        "create_time": iso(world.now()),
        "owner": login,
        "hashed": records.looks_hashed,
        "used_hashing_alg": records.guessed_algorithm,
        "content_type": records.content_type,
        "phase": "uploaded",
        "ready_at": 0.0,
        "figures": {},
        "shown": {},
        "columns": list(records.columns),
        "count": records.count,
        "md5": records.md5_values,
        "last_file": {"sha256": records.sha256, "types": list(FIRST_FILE_COUNTS_AS)},
    }
    store.put("segment", number, segment)
    return shown(store, segment, world.now())


def confirm(
    world: World, login: str, number: int, wish: Document, *, check_size: bool, fails: bool
) -> View:
    store = world.store(NAME)
    segment = own(store, number, login)
    if segment["phase"] != "uploaded":
        raise refusal(*CONFIRMED_TWICE, "The segment is confirmed already.")
    check_wish(wish, segment)
    if check_size and segment["count"] < MIN_RECORDS:
        raise refusal(*TOO_FEW_RECORDS, f"At least {MIN_RECORDS} records are needed.")
    rows = store.members(number if wish["hashed"] else -number, width=2 * DIGEST)
    if not wish["hashed"]:
        store.change_members(number, "replace", rows)
    store.drop_members(-number)
    segment |= {key: wish[key] for key in STATED}
    segment["used_hashing_alg"] = wish.get("hashing_alg") if wish["hashed"] else None
    segment["device_matching_type"] = wish.get("device_matching_type", "CROSS_DEVICE")
    segment["uploading_last_modify_time"] = iso(world.now())
    if fails:
        segment["fails"] = True
    start(world, segment, "is_processed", figures(world, rows, segment["count"]))
    store.put("segment", number, segment)
    return shown(store, segment, world.now())


def check_wish(wish: Document, segment: Document) -> None:
    """The confirm body against the contract and against the file; raises Refused."""
    for key in STATED:
        if key not in wish or wish[key] in ("", None):
            raise refusal(400, "missing_parameter", f"segment.{key} is needed.")
    if wish.get("id", segment["id"]) != segment["id"]:
        raise refusal(400, "invalid_parameter", "segment.id is not the id of the path.")
    if not isinstance(wish["name"], str) or not isinstance(wish["hashed"], bool):
        raise refusal(400, "invalid_parameter", "segment.name is a text, segment.hashed a boolean.")
    if wish["content_type"] not in ("crm", "idfa_gaid", "mac"):
        raise refusal(400, "invalid_parameter", "Unknown segment.content_type.")
    if (wish["content_type"] == "crm") != (segment["content_type"] == "crm"):
        raise refusal(400, "invalid_parameter", "The file is not of this content_type.")
    if wish.get("device_matching_type", "CROSS_DEVICE") not in ("CROSS_DEVICE", "IN_DEVICE"):
        raise refusal(400, "invalid_parameter", "Unknown segment.device_matching_type.")
    if wish["hashed"] and wish.get("hashing_alg") not in ("MD5", "SHA256"):
        raise refusal(400, "invalid_parameter", "segment.hashing_alg must be SHA256.")
    if wish["hashed"] and (wish["hashing_alg"] == "MD5" or segment["md5"]):
        raise refusal(400, "invalid_parameter", "MD5 is not accepted since 2025-01-01.")


def modify(
    world: World, login: str, number: int, records: Records, *, how: str, check_size: bool
) -> View:
    store = world.store(NAME)
    segment = own(store, number, login)
    if status(segment, world.now()) not in SETTLED or segment["type"] != "uploading":
        raise refusal(*NOT_SETTLED, "The segment takes no changes in its present status.")
    last = segment["last_file"]
    if last["sha256"] == records.sha256 and how in last["types"]:
        raise refusal(400, "no_changes", "The file is the same as the last one.")
    if list(records.columns) != segment["columns"]:
        raise refusal(*OTHER_HEADER, "The header is not that of the first file.")
    if records.looks_hashed != segment["hashed"]:
        raise refusal(*OTHER_FORM, "The values are not in the form of the first file.")
    before = store.members(number, width=2 * DIGEST)
    given = records.hashed if segment["hashed"] else records.plain
    if how == "subtraction":
        store.change_members(number, "remove", digests(given))
    else:
        store.change_members(number, "add" if how == "addition" else "replace", given)
    rows = store.members(number, width=2 * DIGEST)
    if check_size and len(rows) < MIN_RECORDS:
        raise refusal(*TOO_FEW_RECORDS, f"At least {MIN_RECORDS} records must stay.")
    segment["last_file"] = {"sha256": records.sha256, "types": [how]}
    segment["uploading_last_modify_time"] = iso(world.now())
    bad = records.count - len(given) if how != "subtraction" else 0
    was = figures(world, before, len(before)) if not segment["figures"] else segment["figures"]
    start(world, segment, "is_updated", figures(world, rows, len(rows) + bad), shown=was)
    store.put("segment", number, segment)
    return shown(store, segment, world.now())


def reprocess(world: World, login: str, number: int) -> View:
    store, now = world.store(NAME), world.now()
    segment = own(store, number, login)
    if status(segment, now) not in SETTLED:
        raise refusal(400, "reprocess_wrong_status", "The segment is not settled.")
    for name, most in (
        (f"reprocess {number}", REPROCESS_OF_SEGMENT),
        (f"reprocess of {login}", REPROCESS_OF_LOGIN),
    ):
        if store.marked(name, since=now - DAY) >= most:
            raise refusal(429, "quota", f"Reprocessing: at most {most} in 24 hours.")
        store.mark(name, at=now)
    start(world, segment, "is_updated", segment["figures"], shown=segment["figures"])
    store.put("segment", number, segment)
    return {"success": True}


def rename(world: World, login: str, number: int, wish: Document) -> View:
    store = world.store(NAME)
    segment = own(store, number, login)
    if not isinstance(wish.get("name"), str) or not wish["name"]:
        raise refusal(400, "missing_parameter", "segment.name is needed.")
    segment["name"] = wish["name"]
    store.put("segment", number, segment)
    return shown(store, segment, world.now())


def forget(world: World, number: int) -> bool:
    store = world.store(NAME)
    if store.get("segment", number) is None:
        return False
    store.drop("segment", number)
    store.drop_members(number)
    store.drop_members(-number)
    return True


def seed(world: World) -> None:
    """The account's own past: a segment made by hand, ready and in use."""
    store = world.store(NAME)
    if store.get("segment", FOREIGN_SEGMENT) is not None:
        return
    found = [hashlib.sha256(f"made by hand {n}".encode()).digest() for n in range(400)]
    rows = np.unique(np.array(found, dtype=f"S{2 * DIGEST}"))
    store.change_members(FOREIGN_SEGMENT, "replace", rows)
    segment: Document = {
        "type": "uploading",
        "id": FOREIGN_SEGMENT,
        "name": "made by hand",
        "create_time": iso(world.now()),
        "owner": LOGIN,
        "hashed": True,
        "used_hashing_alg": "SHA256",
        "content_type": "crm",
        "columns": ["phone", "email"],
        "count": len(rows),
        "md5": 0,
        "last_file": {"sha256": "", "types": []},
    }
    start(world, segment, "is_processed", figures(world, rows, len(rows)))
    segment["ready_at"] = world.now()
    store.put("segment", FOREIGN_SEGMENT, segment)


def lists(world: World) -> list[View]:
    """Segments for the control door; `member_count` counts people (records)."""
    store = world.store(NAME)
    return [
        {
            **shown(store, segment, world.now()),
            "member_count": len(store.members(segment["id"])),
        }
        for segment in store.all("segment")
    ]


def members(world: World, found: View, most: int | None = None) -> list[str]:
    """Digests of a segment as hex; numpy drops trailing zero bytes, which are put back."""
    rows = world.store(NAME).members(found["id"])
    some = rows if most is None else rows[:most]
    return [bytes(d).ljust(DIGEST, b"\0").hex() for d in digests(some)][:most]
