"""TikTok's business API on the wire, as the sandbox plays it: who may ask, and for what.

HTTP 200 always, whatever happened: `code` in the envelope tells. Source: TikTok's published OpenAPI
files and SDK (v1.3), its help pages of 2025, and a Go client that repeats the reference.
"""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile

from connectors.sandbox import tiktok_audiences as audiences
from connectors.sandbox import tiktok_call as api
from connectors.sandbox import (
    tiktok_files,
    tiktok_groups,
    tiktok_lookalikes,
    tiktok_reports,
    tiktok_streaming,
)
from connectors.sandbox.frame import Platform, fault_of
from connectors.sandbox.store import Document
from connectors.sandbox.tiktok_call import Call, CallError, Upload, envelope, is_id
from connectors.sandbox.world import LOGIN, World

VERSION = "v1.3"
ADVERTISER, SECOND_ADVERTISER = 7_000_000_001, 7_000_000_002
"""Two advertisers of one business account."""
APP_ID, SECRET = "sandbox-app", "sandbox-secret"
AUTH_CODE = "sandbox-auth-code"
AUTH_CODE_LIFE = 3600.0
UPLOAD = "dmp/custom_audience/file/upload/"

Operation = Callable[[Call], Document | tuple[int, Document]]

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("POST", UPLOAD): tiktok_files.upload,
    ("POST", "dmp/custom_audience/create/"): audiences.create,
    ("POST", "dmp/custom_audience/update/"): audiences.update,
    ("POST", "dmp/custom_audience/delete/"): audiences.delete,
    ("GET", "dmp/custom_audience/list/"): audiences.list_,
    ("GET", "dmp/custom_audience/get/"): audiences.get,
    ("POST", "dmp/custom_audience/apply/"): tiktok_groups.apply,
    ("POST", "dmp/custom_audience/lookalike/create/"): tiktok_lookalikes.grow,
    ("POST", "dmp/custom_audience/lookalike/update/"): tiktok_lookalikes.refresh,
    ("POST", "segment/audience/"): tiktok_streaming.segment_audience,
    ("POST", "segment/mapping/"): tiktok_streaming.segment_mapping,
    ("GET", "adgroup/get/"): tiktok_groups.get,
    ("POST", "adgroup/update/"): tiktok_groups.update,
    ("POST", "adgroup/budget/update/"): tiktok_groups.update_budgets,
    ("GET", "report/integrated/get/"): tiktok_reports.report,
}
WITHOUT_ADVERTISER = ("segment/mapping/",)
"""They name their advertisers in a list."""


def refuse(kind: str, status: int) -> tuple[int, Any]:
    """The platform's words for a fault of the frame."""
    code, message = {
        "throttle": (api.THROTTLED, "Requests are too frequent."),
        # No quota of the day is documented: this is the nearest there is.
        "quota_gone": (api.TOO_OFTEN, "Frequency control."),
        "expired_token": (api.EXPIRED, "The access token has expired."),
        "revoked_token": (api.BAD_TOKEN, "The access token is not valid."),
        "no_rights": (api.NO_RIGHTS, "No permission to operate this advertiser."),
        "not_found": (api.NO_ROUTE, "There is no such path."),
        "error_inside": (api.TIMED_OUT, "The audience service timed out."),
    }.get(kind, (api.SYSTEM, "System error."))
    return (status if kind == "server_error" else 200), envelope(code, message, "0")


def operation(method: str, path: str, body: Any) -> str:
    """E.g. dmp.custom_audience.update, adgroup.update."""
    parts = [part for part in path.split("/") if part][2:]
    return ".".join(parts) or "root"


def authorize(world: World, request: Request) -> str:
    """The login of the token; raises CallError."""
    text = request.headers.get("access-token", "")
    if not text:
        raise CallError(api.NO_TOKEN, "Access-Token is missing.")
    token = world.token(text)
    if token is not None and token["state"] == "expired":
        raise CallError(api.EXPIRED, "The access token has expired.")
    if token is None or token["state"] != "valid":
        raise CallError(api.BAD_TOKEN, "The access token is not valid.")
    return str(token["login"])


async def given_of(request: Request, path: str) -> tuple[dict[str, Any], UploadFile | None]:
    """Fields by name, and the file of an upload; raises CallError."""
    if request.method == "GET":
        return dict(request.query_params), None
    kind = request.headers.get("content-type", "")
    if path == UPLOAD:
        if not kind.startswith("multipart/form-data"):
            raise CallError(api.BAD_PARAMETER, "multipart/form-data is needed")
        form = await request.form()
        file = form.get("file")
        fields = {k: v for k, v in form.items() if isinstance(v, str)}
        return fields, file if isinstance(file, UploadFile) else None
    try:
        body = await request.json() if "json" in kind else None
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise CallError(api.BAD_PARAMETER, "The body is not a JSON object.")
    return body, None


def called(
    world: World, request: Request, path: str, given: dict[str, Any], upload: Upload | None
) -> tuple[int, Document]:
    """Code and data of one call; raises CallError."""
    if path == "oauth2/access_token/" and request.method == "POST":
        return api.OK, exchange(world, given)
    login = authorize(world, request)
    if path == "oauth2/advertiser/get/" and request.method == "GET":
        return api.OK, advertisers(world, login, given)
    asked = OPERATIONS.get((request.method, path))
    if asked is None:
        raise CallError(api.NO_ROUTE, "There is no such path.")
    store = world.store(api.NAME)
    advertiser = given.get("advertiser_id")
    if path in WITHOUT_ADVERTISER and isinstance(given.get("advertiser_ids"), list):
        advertiser = next(iter(given["advertiser_ids"]), None)
    account = store.get("advertiser", int(str(advertiser))) if is_id(advertiser) else None
    if account is None or account["login"] != login:
        raise CallError(api.NO_RIGHTS, "No permission to operate this advertiser.")
    call = Call(world, store, login, str(advertiser), given, request.method == "GET", upload)
    done = asked(call)
    code, data = done if isinstance(done, tuple) else (api.OK, done)
    return (api.PARTLY if fault_of(request) == "partial" else code), data


def exchange(world: World, given: dict[str, Any]) -> Document:
    """A long-lived token for an authorization code: valid an hour, used once."""
    if (given.get("app_id"), given.get("secret")) != (APP_ID, SECRET):
        raise CallError(api.BAD_PARAMETER, "app_id and secret do not fit.")
    store = world.store(api.NAME)
    code = store.get("auth code", 1)
    usable = code is not None and code["text"] == given.get("auth_code")
    if code is None or not usable or world.now() > code["made"] + AUTH_CODE_LIFE:
        raise CallError(api.BAD_AUTH_CODE, "The auth_code is wrong, used or too old.")
    store.drop("auth code", 1)
    name = world.new_token_name()
    world.put_token(name)
    ids = [one["advertiser_id"] for one in store.all("advertiser") if one["login"] == LOGIN]
    # Numbers of permissions: which is which is UNVERIFIED.
    return {"access_token": name, "scope": [1, 2, 3, 4], "advertiser_ids": ids}


def advertisers(world: World, login: str, given: dict[str, Any]) -> Document:
    if (given.get("app_id"), given.get("secret")) != (APP_ID, SECRET):
        raise CallError(api.BAD_PARAMETER, "app_id and secret do not fit.")
    names = ("advertiser_id", "advertiser_name")
    found = [one for one in world.store(api.NAME).all("advertiser") if one["login"] == login]
    return {"list": [{name: one[name] for name in names} for one in found]}


def answer(
    world: World, request: Request, path: str, given: dict[str, Any], file: UploadFile | None
) -> Document:
    """The envelope of one call, all of it in one transaction; a refusal undoes it."""
    upload = tiktok_files.read(given, file) if path == UPLOAD else None
    with world.transaction():
        number = world.store(api.NAME).next_id("request", first=2_026_000_000_001)
    try:
        with world.transaction():
            code, data = called(world, request, path, given, upload)
    except CallError as fault:
        return envelope(fault.code, str(fault), str(number))
    return envelope(code, "Partial success" if code else "OK", str(number), data)


def router(world: World) -> APIRouter:
    routes = APIRouter()

    @routes.api_route("/open_api/{version}/{path:path}", methods=["GET", "POST"])
    async def _call(request: Request, version: str, path: str) -> JSONResponse:
        if version != VERSION:
            return JSONResponse(envelope(api.WRONG_VERSION, "The API version is not served.", "0"))
        try:
            given, file = await given_of(request, path)
        except CallError as fault:
            return JSONResponse(envelope(fault.code, str(fault), "0"))
        return JSONResponse(await run_in_threadpool(answer, world, request, path, given, file))

    return routes


def seed(world: World) -> None:
    """Two advertisers, what they hold, and an authorization code that nobody used yet."""
    store = world.store(api.NAME)
    if store.get("advertiser", ADVERTISER) is not None:
        return
    for number, name in ((ADVERTISER, "Shop"), (SECOND_ADVERTISER, "Shop, second account")):
        body = {"advertiser_id": str(number), "advertiser_name": name, "login": LOGIN}
        store.put("advertiser", number, body)
    store.put("auth code", 1, {"text": AUTH_CODE, "made": world.now()})
    audiences.seed(world, str(ADVERTISER))
    tiktok_groups.seed(world, str(ADVERTISER))


PLATFORM = Platform(
    name=api.NAME,
    router=router,
    operation=operation,
    refuse=refuse,
    seed=seed,
    lists=audiences.lists,
    members=audiences.members,
    bids=tiktok_groups.bids,
    forget=audiences.forget,
)
