"""Yandex Audience as the sandbox plays it; source: Yandex Audience API reference, 2025-2026.

A segment is a document in the store (its wire fields plus what the state machine needs) and rows
of digests: phone and e-mail side by side, or one device id. Rows of a draft wait in two forms,
hashed under the segment's id and plain under its negative, until confirm says which is meant.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from connectors.sandbox.frame import Platform, Refused, View, fault_of
from connectors.sandbox.store import DIGEST, Document, Rows, Store, digests
from connectors.sandbox.world import TOKEN, World
from connectors.sandbox.yandex_files import BadFile, Records, read_crm, read_ids

NAME = "yandex_audience"
MIN_RECORDS = 100
MIN_REACH = 100
MAX_UPLOAD_BYTES = 10**9
DEFAULT_LIMIT = 10_000
REQUESTS_PER_SECOND = 30
REQUESTS_PER_DAY = 5000
CHANGES = ((60.0, 10, "10 per minute"), (3600.0, 100, "100 per hour"))
CHANGES_PER_DAY = 500
REPROCESS_OF_SEGMENT, REPROCESS_OF_LOGIN = 2, 20
MOSCOW = 3 * 3600
DAY = 86400.0
FIRST_ID = 5_001_001
FOREIGN_SEGMENT = 4_900_001
"""A segment of the account that somebody made by hand; nobody else may touch it."""

# UNVERIFIED choices, gathered here so that a recording of the real service changes one line.
UNKNOWN_TOKEN = (403, "invalid_token")
EXPIRED = (401, "unauthorized")
CONFIRMED_TWICE = (400, "invalid_parameter")
TOO_FEW_RECORDS = (400, "invalid_parameter")
NOT_SETTLED = (400, "invalid_parameter")
LOOKALIKE_SOURCE_NOT_READY = (400, "invalid_parameter")
NOT_OWN_SOURCE = (400, "invalid_parameter")
OTHER_FORM = (400, "invalid_parameter")
OTHER_HEADER = (400, "header_validation_error")
ORPHANED_LOOKALIKE = "processing_failed"
FIRST_FILE_COUNTS_AS = ("addition", "replace")
"""With which modifications the uploaded file, sent again, is 'the same file'."""
QUOTA_WAIT: int | None = None
"""Seconds in Retry-After of a quota refusal; the header may be absent."""
POPULATION = 20_000
"""People outside all lists that look-alikes are drawn from."""
LOOKALIKE_SHARE = 0.05
"""Share of the population per step of lookalike_value."""

SETTLED = ("processed", "few_data")
STATED = ("name", "hashed", "content_type")
MODIFICATIONS = ("addition", "subtraction", "replace")
INNER = {"phase", "ready_at", "figures", "shown", "columns", "last_file", "count", "md5"}


def refusal(status: int, kind: str, message: str, **headers: str) -> Refused:
    error = {"error_type": kind, "message": message, "location": ""}
    return Refused(status, {"errors": [error], "code": status, "message": message}, headers)


def refuse(kind: str, status: int) -> tuple[int, Any]:
    """The platform's words for a fault of the frame."""
    code, error_type, message = {
        "throttle": (429, "quota", "Too many requests."),
        "quota_gone": (429, "quota", "The daily quota is used up."),
        "expired_token": (*EXPIRED, "The token has expired."),
        "revoked_token": (*UNKNOWN_TOKEN, "The token is not valid."),
        "no_rights": (403, "access_denied", "No rights for this operation."),
        "not_found": (status, "not_found", "There is nothing at this address."),
    }.get(kind, (503 if kind == "error_inside" else status, "backend_error", "Try again later."))
    body = refusal(code, error_type, message).body
    return 200 if kind == "error_inside" else code, body


def operation(method: str, path: str, body: Any) -> str:
    """E.g. list, upload_csv_file, confirm, modify_data, rename, delete."""
    parts = [part for part in path.split("/")[2:] if not part.isdigit()]
    if parts == ["segments"]:
        return "list"
    if parts == ["segment"]:
        return {"PUT": "rename", "DELETE": "delete"}.get(method, method.lower())
    return ".".join(parts[1:]) or "root"


# Who asks, and how often


def admit(world: World, request: Request, *, change: bool) -> str:
    """The login of the token, counted against the quotas; raises Refused."""
    login = authorize(world, request.headers.get("authorization", ""))
    if world.settings.quotas:
        with world.transaction():
            count_request(world, login, request.client.host if request.client else "", change)
    return login


def authorize(world: World, header: str) -> str:
    scheme, _, text = header.partition(" ")
    if scheme != "OAuth" or not text:
        raise refusal(401, "unauthorized", "Authorization: OAuth <token> is needed.")
    token = world.token(text)
    if token is not None and token["state"] == "expired":
        raise refusal(*EXPIRED, "The token has expired.")
    if token is None or token["state"] != "valid":
        raise refusal(*UNKNOWN_TOKEN, "The token is not valid.")
    return str(token["login"])


def count_request(world: World, login: str, address: str, change: bool) -> None:
    store, now = world.store(NAME), world.now()
    midnight = now - (now + MOSCOW) % DAY
    group = f"writes of {login}" if change else f"reads of {login}"
    limits = [
        (f"address {address}", now - 1, REQUESTS_PER_SECOND, "30 requests per second"),
        (group, midnight, REQUESTS_PER_DAY, "5000 requests per day"),
    ]
    if change:
        limits += [(group, now - span, most, text) for span, most, text in CHANGES]
        limits += [(group, midnight, CHANGES_PER_DAY, "500 changes per day")]
    for name, since, most, text in limits:
        if store.marked(name, since=since) >= most:
            wait = {} if QUOTA_WAIT is None else {"Retry-After": str(QUOTA_WAIT)}
            raise refusal(429, "quota", f"Quota exceeded: {text}.", **wait)
    store.mark(f"address {address}", at=now, keep=1)
    store.mark(group, at=now, keep=DAY)


# Segments


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def figures(world: World, rows: Rows, count: int) -> Document:
    """Match feedback as a function of the members: percentages are texts, as on the wire."""
    columns = rows.view(f"S{DIGEST}").reshape(len(rows), -1)
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


# Operations; each runs inside one transaction


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


# The wire


def flag(text: str | None, name: str) -> bool:
    if text not in (None, "true", "false"):
        raise refusal(400, "invalid_parameter", f"{name} is true or false.")
    return text != "false"


def whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdigit():
        raise refusal(400, "invalid_parameter", f"{name} is a whole number.")
    return int(text)


async def wish_of(request: Request) -> Document:
    """The object under `segment` in a JSON body."""
    try:
        body = await request.json()
    except ValueError:
        raise refusal(400, "query_error", "The body is not JSON.") from None
    wish = body.get("segment") if isinstance(body, dict) else None
    if not isinstance(wish, dict):
        raise refusal(400, "missing_parameter", "segment is needed.")
    return wish


async def records_of(request: Request, read: Callable[..., Records]) -> Records:
    """The part named `file`, spooled to disk and read off the event loop; raises Refused."""
    if int(request.headers.get("content-length", "0")) > MAX_UPLOAD_BYTES:
        raise refusal(400, "invalid_uploading", "The file is larger than 1 GB.")
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise refusal(400, "missing_parameter", "A multipart part named file is needed.")
    part = (await request.form()).get("file")
    if not isinstance(part, UploadFile):
        raise refusal(400, "missing_parameter", "A multipart part named file is needed.")
    if (part.size or 0) > MAX_UPLOAD_BYTES:
        raise refusal(400, "invalid_uploading", "The file is larger than 1 GB.")
    file: IO[bytes] = part.file
    try:
        return await run_in_threadpool(read, file, every_second=fault_of(request) == "partial")
    except BadFile as error:
        raise refusal(400, error.kind, str(error)) from None


def router(world: World) -> APIRouter:
    routes = APIRouter(prefix="/v1/management")

    async def act(work: Callable[..., View], *given: Any, **named: Any) -> View:
        def within() -> View:
            with world.transaction():
                return work(world, *given, **named)

        return await run_in_threadpool(within)

    async def segment_after(work: Callable[..., View], *given: Any, **named: Any) -> View:
        return {"segment": await act(work, *given, **named)}

    @routes.get("/segments")
    async def _list(request: Request) -> View:
        login = admit(world, request, change=False)
        limit, offset = whole(request, "limit", DEFAULT_LIMIT), whole(request, "offset", 0)
        store = world.store(NAME)
        own_ones = [s for s in store.all("segment") if s["owner"] == login]
        if "pixel" in request.query_params:
            own_ones = [s for s in own_ones if s["type"] == "pixel"]
        page = own_ones[offset : offset + limit]
        return {"segments": [shown(store, segment, world.now()) for segment in page]}

    @routes.post("/segments/upload_file")
    async def _upload_file(request: Request) -> View:
        login = admit(world, request, change=True)
        return await segment_after(upload, login, await records_of(request, read_ids))

    @routes.post("/segments/upload_csv_file")
    async def _upload_csv_file(request: Request) -> View:
        login = admit(world, request, change=True)
        return await segment_after(upload, login, await records_of(request, read_crm))

    @routes.post("/segment/{number}/confirm")
    async def _confirm(request: Request, number: int) -> View:
        login = admit(world, request, change=True)
        check = flag(request.query_params.get("check_size"), "check_size")
        fails = fault_of(request) == "processing_failed"
        wish = await wish_of(request)
        return await segment_after(confirm, login, number, wish, check_size=check, fails=fails)

    @routes.post("/segment/{number}/modify_data")
    async def _modify(request: Request, number: int) -> View:
        login = admit(world, request, change=True)
        check = flag(request.query_params.get("check_size"), "check_size")
        how = request.query_params.get("modification_type", "")
        if how not in MODIFICATIONS:
            raise refusal(400, "invalid_parameter", "modification_type is not known.")
        segment = own(world.store(NAME), number, login)
        read = read_crm if segment.get("content_type") == "crm" else read_ids
        records = await records_of(request, read)
        return await segment_after(modify, login, number, records, how=how, check_size=check)

    @routes.post("/segments/create_lookalike")
    async def _grow(request: Request) -> View:
        login = admit(world, request, change=True)
        return await segment_after(grow, login, await wish_of(request))

    @routes.put("/segment/{number}")
    async def _rename(request: Request, number: int) -> View:
        login = admit(world, request, change=True)
        return await segment_after(rename, login, number, await wish_of(request))

    @routes.put("/segment/{number}/reprocess")
    async def _reprocess(request: Request, number: int) -> View:
        login = admit(world, request, change=True)
        return await act(reprocess, login, number)

    @routes.delete("/segment/{number}")
    async def _delete(request: Request, number: int) -> View:
        login = admit(world, request, change=True)
        own(world.store(NAME), number, login)
        await act(forget, number)
        return {"success": True}

    return routes


def seed(world: World) -> None:
    """The account's own past: a segment made by hand, ready and in use."""
    store = world.store(NAME)
    if store.get("segment", FOREIGN_SEGMENT) is not None:
        return
    token = world.token(TOKEN)
    found = [hashlib.sha256(f"made by hand {n}".encode()).digest() for n in range(400)]
    rows = np.unique(np.array(found, dtype=f"S{2 * DIGEST}"))
    store.change_members(FOREIGN_SEGMENT, "replace", rows)
    segment: Document = {
        "type": "uploading",
        "id": FOREIGN_SEGMENT,
        "name": "made by hand",
        "create_time": iso(world.now()),
        "owner": token["login"] if token else "",
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
    """Segments for the control door, with digests as hex."""
    store = world.store(NAME)
    return [
        {
            **shown(store, segment, world.now()),
            "members": [d.hex() for d in members_of(store, segment["id"])],
        }
        for segment in store.all("segment")
    ]


def members_of(store: Store, number: int) -> list[bytes]:
    """Full 32-byte digests: numpy drops trailing zero bytes, which are put back."""
    return [bytes(d).ljust(DIGEST, b"\0") for d in digests(store.members(number))]


PLATFORM = Platform(
    name=NAME,
    router=router,
    operation=operation,
    refuse=refuse,
    seed=seed,
    lists=lists,
    forget=forget,
)
