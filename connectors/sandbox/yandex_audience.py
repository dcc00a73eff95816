"""Yandex Audience on the wire, as the sandbox plays it: who may ask, how often, and for what.

Source: Yandex Audience API reference, 2025-2026. The segments themselves are in yandex_segments.
"""

from collections.abc import Callable
from typing import IO, Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from connectors.sandbox import yandex_lookalikes as lookalikes
from connectors.sandbox import yandex_segments as segments
from connectors.sandbox import yandex_states as states
from connectors.sandbox.frame import Platform, View, fault_of
from connectors.sandbox.store import Document
from connectors.sandbox.world import World
from connectors.sandbox.yandex_files import BadFile, Records, read_crm, read_ids
from connectors.sandbox.yandex_segments import DAY
from connectors.sandbox.yandex_states import NAME, own, refusal

MAX_UPLOAD_BYTES = 10**9
DEFAULT_LIMIT = 10_000
REQUESTS_PER_SECOND = 30
REQUESTS_PER_DAY = 5000
CHANGES = ((60.0, 10, "10 per minute"), (3600.0, 100, "100 per hour"))
CHANGES_PER_DAY = 500
MOSCOW = 3 * 3600
MODIFICATIONS = ("addition", "subtraction", "replace")

# UNVERIFIED choices
UNKNOWN_TOKEN = (403, "invalid_token")
EXPIRED = (401, "unauthorized")
QUOTA_WAIT: int | None = None
"""Seconds in Retry-After of a quota refusal; the header may be absent."""


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
    midnight = now - (now + MOSCOW) % DAY - 0.001  # what happens at midnight is of the new day
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
    member_routes(world, routes)
    segment_routes(world, routes)
    return routes


async def act(world: World, work: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Work in one transaction, off the event loop."""

    def within() -> Any:
        with world.transaction():
            return work(world, *given, **named)

    return await run_in_threadpool(within)


def member_routes(world: World, routes: APIRouter) -> None:
    """Uploading, confirming, changing members."""

    @routes.post("/segments/upload_file")
    async def _upload_file(request: Request) -> View:
        login = admit(world, request, change=True)
        return {
            "segment": await act(world, segments.upload, login, await records_of(request, read_ids))
        }

    @routes.post("/segments/upload_csv_file")
    async def _upload_csv_file(request: Request) -> View:
        login = admit(world, request, change=True)
        return {
            "segment": await act(world, segments.upload, login, await records_of(request, read_crm))
        }

    @routes.post("/segment/{number}/confirm")
    async def _confirm(request: Request, number: int) -> View:
        login = admit(world, request, change=True)
        check = flag(request.query_params.get("check_size"), "check_size")
        fails = fault_of(request) == "processing_failed"
        wish = await wish_of(request)
        return {
            "segment": await act(
                world, segments.confirm, login, number, wish, check_size=check, fails=fails
            )
        }

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
        return {
            "segment": await act(
                world, segments.modify, login, number, records, how=how, check_size=check
            )
        }


def segment_routes(world: World, routes: APIRouter) -> None:
    """Listing, naming, growing, reprocessing, deleting."""

    @routes.get("/segments")
    async def _list(request: Request) -> View:
        login = admit(world, request, change=False)
        limit, offset = whole(request, "limit", DEFAULT_LIMIT), whole(request, "offset", 0)
        store = world.store(NAME)
        own_ones = [s for s in store.all("segment") if s["owner"] == login]
        if "pixel" in request.query_params:
            own_ones = [s for s in own_ones if s["type"] == "pixel"]
        page = own_ones[offset : offset + limit]
        return {"segments": [states.shown(store, segment, world.now()) for segment in page]}

    @routes.post("/segments/create_lookalike")
    async def _grow(request: Request) -> View:
        login = admit(world, request, change=True)
        return {"segment": await act(world, lookalikes.grow, login, await wish_of(request))}

    @routes.put("/segment/{number}")
    async def _rename(request: Request, number: int) -> View:
        login = admit(world, request, change=True)
        return {"segment": await act(world, segments.rename, login, number, await wish_of(request))}

    @routes.put("/segment/{number}/reprocess")
    async def _reprocess(request: Request, number: int) -> View:
        login = admit(world, request, change=True)
        return {**await act(world, segments.reprocess, login, number)}

    @routes.delete("/segment/{number}")
    async def _delete(request: Request, number: int) -> View:
        login = admit(world, request, change=True)
        own(world.store(NAME), number, login)
        await act(world, segments.forget, number)
        return {"success": True}


PLATFORM = Platform(
    name=NAME,
    router=router,
    operation=operation,
    refuse=refuse,
    seed=segments.seed,
    lists=segments.lists,
    members=segments.members,
    forget=segments.forget,
)
