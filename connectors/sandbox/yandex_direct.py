"""Yandex Direct as the sandbox plays it: JSON services v5 and v501, and the Reports service.

Source: Yandex Direct API documentation and recorded exchanges. The JSON services always answer
with HTTP 200; an error is the key `error` in the body.
"""

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from connectors.sandbox import (
    yandex_bids,
    yandex_campaigns,
    yandex_lists,
    yandex_points,
    yandex_targets,
)
from connectors.sandbox.frame import Platform, View, fault_of
from connectors.sandbox.store import Document
from connectors.sandbox.world import World
from connectors.sandbox.yandex_call import NAME, STRING, Call, CallError
from connectors.sandbox.yandex_reports import report

VERSIONS = ("v5", "v501")
MAX_PARALLEL = 5
SERVICES: dict[str, dict[str, Any]] = {
    "bidmodifiers": yandex_bids.METHODS,
    "retargetinglists": yandex_lists.LIST_METHODS,
    "audiencetargets": yandex_targets.TARGET_METHODS,
    "campaigns": yandex_campaigns.CAMPAIGN_METHODS,
    "adgroups": yandex_campaigns.GROUP_METHODS,
    "dictionaries": yandex_campaigns.DICTIONARY_METHODS,
}
CODE_OF_FAULT = {
    "throttle": 506,
    "error_inside": 1000,
    "quota_gone": 152,
    "expired_token": 53,
    "revoked_token": 53,
    "no_rights": 58,
}


def error_body(code: int, detail: str, request_id: str = "0") -> Document:
    return {
        "error": {
            "request_id": request_id,
            "error_code": code,
            "error_string": STRING.get(code, "Error"),
            "error_detail": detail,
        }
    }


def refuse(kind: str, status: int) -> tuple[int, Any]:
    """The platform's words: 200 for what the service itself refuses, else the gateway's status."""
    if kind == "throttle":
        return 429, error_body(506, "Too many requests")
    if kind in CODE_OF_FAULT:
        code = CODE_OF_FAULT[kind]
        return 200, error_body(code, STRING[code])
    return status, error_body(1002 if kind == "server_error" else 8000, "The request failed")


def operation(method: str, path: str, body: Any) -> str:
    """E.g. bidmodifiers.add; reports."""
    service = path.rpartition("/")[2] or "root"
    asked = body.get("method") if isinstance(body, dict) else None
    return f"{service}.{asked}" if isinstance(asked, str) and asked.isalpha() else service


def authorize(world: World, request: Request) -> str:
    """The login that is acted for; raises CallError 53, 54."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    token = world.token(text) if scheme == "Bearer" else None
    if token is None or token["state"] != "valid":
        raise CallError(53, "The token is missing, unknown or has expired")
    client = request.headers.get("client-login", token["login"])
    if client != token["login"]:
        raise CallError(54, "No rights for this Client-Login")
    return str(token["login"])


def read(raw: bytes) -> Document:
    try:
        body = json.loads(raw)
    except ValueError:
        raise CallError(8000, "The body is not JSON") from None
    if not isinstance(body, dict):
        raise CallError(8000, "The body is not an object")
    return body


def call_of(world: World, request: Request, raw: bytes, login: str) -> Call:
    """The call in a request; raises CallError 55, 8000."""
    version, service = request.path_params["version"], request.path_params["service"]
    body = read(raw)
    for name in body:
        if name not in ("method", "params"):
            raise CallError(8000, f"The request contains the unknown field {name}")
    methods = SERVICES.get(service)
    if methods is None or version not in VERSIONS:
        raise CallError(55, f"There is no service {service} here")
    method = body.get("method")
    if not isinstance(method, str):
        raise CallError(8000, "Required field method is missing")
    if method not in methods:
        raise CallError(55, f"Method {method} is not supported by {service}")
    params = body.get("params")
    if not isinstance(params, dict):
        raise CallError(8000, "Required field params is missing")
    store = world.store(NAME)
    partial = fault_of(request) == "partial"
    return Call(world, store, login, version, service, method, params, partial)


def answer(world: World, request: Request, raw: bytes) -> Response:
    """One call, all of it in one transaction: what it did and what it cost."""
    login, points = "", 0
    with world.transaction():
        request_id = str(world.store(NAME).next_id("request", first=8_000_000_000_000_001))
        try:
            login = authorize(world, request)
            if world.settings.quotas and request.scope["parallel"] > MAX_PARALLEL:
                raise CallError(506, f"At most {MAX_PARALLEL} requests at once")
            call = call_of(world, request, raw, login)
            if yandex_points.rest(world, NAME, login) < yandex_points.price(
                call.service, call.method
            ):
                raise CallError(152, "There are not enough points for this call")
            body: Document = {"result": SERVICES[call.service][call.method](call)}
            points = yandex_points.Bill(call.service, call.method, call.good, call.bad).points
        except CallError as error:
            body = error_body(error.code, error.detail, request_id)
            free = error.code in yandex_points.FREE_ERRORS
            points = 0 if free else yandex_points.FAILED_REQUEST
        units = yandex_points.charge(world, NAME, login, points)
    headers = {"RequestId": request_id, "Units": units, "Units-Used-Login": login}
    return JSONResponse(body, headers=headers if login else {"RequestId": request_id})


def report_answer(world: World, request: Request, raw: bytes) -> Response:
    """The Reports service: real HTTP statuses, no points."""
    with world.transaction():
        request_id = str(world.store(NAME).next_id("request", first=8_000_000_000_000_001))
        try:
            login = authorize(world, request)
            made = report(world, login, read(raw), dict(request.headers))
        except CallError as error:
            return JSONResponse(
                error_body(error.code, error.detail, request_id),
                status_code=400,
                headers={"RequestId": request_id},
            )
    return Response(
        made.text,
        status_code=made.status,
        media_type="text/tab-separated-values; charset=utf-8",
        headers={"RequestId": request_id, **made.headers},
    )


def router(world: World) -> APIRouter:
    routes = APIRouter()

    @routes.post("/json/{version}/reports")
    async def _reports(request: Request, version: str) -> Response:
        return await run_in_threadpool(report_answer, world, request, await request.body())

    @routes.post("/json/{version}/{service}")
    async def _call(request: Request, version: str, service: str) -> Response:
        return await run_in_threadpool(answer, world, request, await request.body())

    return routes


def lists(world: World) -> list[View]:
    return [
        {k: v for k, v in yandex_lists.list_view(world, one).items() if k not in ("login", "made")}
        for one in world.store(NAME).all("list")
    ]


def bids(world: World) -> list[View]:
    """Every bid modifier, then every audience target."""
    store = world.store(NAME)
    modifiers = [
        {**{k: m[k] for k in yandex_bids.FIELDS if k in m}, **m["adjustment"]}
        for m in store.all("modifier")
    ]
    return modifiers + store.all("target")


def forget(world: World, number: int) -> bool:
    """Deletes a retargeting list with what names it, as somebody in the web interface would."""
    store = world.store(NAME)
    if store.get("list", number) is None:
        return False
    store.drop("list", number)
    for modifier in store.all("modifier"):
        if modifier["adjustment"].get("RetargetingConditionId") == number:
            store.drop("modifier", modifier["Id"])
    for target in store.all("target"):
        if target.get("RetargetingListId") == number:
            store.drop("target", target["Id"])
    return True


PLATFORM = Platform(
    name=NAME,
    router=router,
    operation=operation,
    refuse=refuse,
    seed=yandex_campaigns.seed,
    lists=lists,
    bids=bids,
    forget=forget,
)
