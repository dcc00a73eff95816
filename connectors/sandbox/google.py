"""The Data Manager API of Google on the wire, as the sandbox plays it: lists and their members.

Source: Data Manager API v1 (google-ads-datamanager 0.9.4), limits and quotas of its documents.
"""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from connectors.sandbox import google_lists as lists
from connectors.sandbox import google_members as members
from connectors.sandbox import google_outcomes as outcomes
from connectors.sandbox.frame import Platform, View, fault_of
from connectors.sandbox.google_call import (
    DATA_SCOPE,
    NAME,
    Violation,
    bearer,
    data_body,
    data_refusal,
    reachable,
    seed_customers,
)
from connectors.sandbox.google_shapes import INGEST, REMOVE, REMOVE_ALL, USER_LIST, faults, named
from connectors.sandbox.store import Document
from connectors.sandbox.world import World

PER_MINUTE = 300
PER_DAY = {"Ingestion": 100_000, "Management": 50_000}
BODIES = {"ingest": INGEST, "remove": REMOVE, "removeAll": REMOVE_ALL}
LOGIN_ACCOUNT = "accountTypes/GOOGLE_ADS/accounts/"
WRONG_HEADERS = ("login-customer-id", "developer-token")
"""Of the other API. What the real service makes of them is not known; here they are refused."""


def refuse(kind: str, status: int) -> tuple[int, Any]:
    """The platform's words for a fault of the frame."""
    limits = {
        "throttle": "IngestionMutateRequestsPerMinutePerProject",
        "quota_gone": "IngestionMutateRequestsPerDayPerProject",
    }
    if kind in limits:
        return 429, data_body(429, "RESOURCE_EXHAUSTED", [], quota_limit=limits[kind])
    code, reason = {
        "expired_token": (401, "ACCESS_TOKEN_EXPIRED"),
        "revoked_token": (401, "ACCESS_TOKEN_REVOKED"),
        "no_rights": (403, "PERMISSION_DENIED"),
        "not_found": (status, "NOT_FOUND"),
    }.get(kind, (503 if kind == "error_inside" else status, "INTERNAL_ERROR"))
    return 200 if kind == "error_inside" else code, data_body(code, reason, [])


def operation(method: str, path: str, body: Any) -> str:
    """E.g. audienceMembers:ingest, requestStatus:retrieve, userLists.create."""
    parts = path.split("/")[1:]
    if "userLists" not in parts:
        return parts[-1] if parts else "root"
    one = parts[-1] != "userLists"
    named = {"GET": "get" if one else "list", "POST": "create", "PATCH": "update"}
    return f"userLists.{named.get(method, method.lower())}"


def admit(world: World, request: Request, service: str, kind: str) -> str:
    """The login of the token, counted against the quotas of the project; raises Refused."""
    login, scoped = bearer(world, request, DATA_SCOPE)
    if not login:
        raise data_refusal(401, "ACCESS_TOKEN_EXPIRED")
    if not scoped:
        raise data_refusal(403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT")
    for name in WRONG_HEADERS:
        if name in request.headers:
            raise data_refusal(400, "INVALID_ARGUMENT", Violation(name, "INVALID_ARGUMENT"))
    if world.settings.quotas:
        with world.transaction():
            count(world, service, kind)
    return login


def count(world: World, service: str, kind: str) -> None:
    store, now, name = world.store(NAME), world.now(), f"{service}{kind}"
    for span, most, text in ((60, PER_MINUTE, "Minute"), (86_400, PER_DAY[service], "Day")):
        if store.marked(name, since=now - span) >= most:
            limit = f"{service}{kind}RequestsPer{text}PerProject"
            raise data_refusal(429, "RESOURCE_EXHAUSTED", quota_limit=limit)
    store.mark(name, at=now)


async def body_of(request: Request, shape: Any) -> Document:
    """The JSON body, as the parser takes it; raises Refused."""
    try:
        body = await request.json()
    except ValueError:
        raise data_refusal(400, "INVALID_ARGUMENT") from None
    wrong = [Violation(where, "INVALID_ARGUMENT", said) for where, said in faults(body, shape)]
    if wrong:
        raise data_refusal(400, "INVALID_ARGUMENT", *wrong)
    return dict(named(body, shape))


async def act(world: World, work: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Work in one transaction, off the event loop."""

    def within() -> Any:
        with world.transaction():
            return work(world, *given, **named)

    return await run_in_threadpool(within)


def router(world: World) -> APIRouter:
    routes = APIRouter(prefix="/v1")
    member_routes(world, routes)
    list_routes(world, routes)
    return routes


def member_routes(world: World, routes: APIRouter) -> None:
    @routes.post("/audienceMembers:{verb}")
    async def _members(request: Request, verb: str) -> View:
        if verb not in BODIES:
            raise data_refusal(404, "NOT_FOUND")
        login = admit(world, request, "Ingestion", "Mutate")
        body = await body_of(request, BODIES[verb])
        fault = fault_of(request)
        return dict(
            await act(
                world,
                members.receive,
                login,
                body,
                verb,
                fails=fault == "processing_failed",
                partial=fault == "partial",
            )
        )

    @routes.get("/requestStatus:retrieve")
    async def _status(request: Request) -> View:
        admit(world, request, "Ingestion", "Read")
        return dict(await act(world, outcomes.status, request.query_params.get("requestId", "")))


def customer_of(world: World, request: Request, customer: str) -> int:
    """The account in the path, if the login may use it; raises Refused."""
    kind = "Read" if request.method == "GET" else "Mutate"
    login = admit(world, request, "Management", kind)
    header = request.headers.get("login-account")
    through = None if header is None else header.removeprefix(LOGIN_ACCOUNT)
    if not customer.isdigit() or len(customer) != 10:
        raise data_refusal(400, "INVALID_ARGUMENT", Violation("parent", "INVALID_RESOURCE_NAME"))
    if not reachable(world.store(NAME), login, customer, through):
        raise data_refusal(403, "PERMISSION_DENIED")
    return int(customer)


def list_routes(world: World, routes: APIRouter) -> None:
    collection = "/accountTypes/GOOGLE_ADS/accounts/{customer}/userLists"

    def dry(request: Request) -> bool:
        return request.query_params.get("validateOnly") == "true"

    @routes.get(collection)
    async def _list(request: Request, customer: str) -> View:
        number = customer_of(world, request, customer)
        return dict(await act(world, lists.page, number, dict(request.query_params)))

    @routes.post(collection)
    async def _create(request: Request, customer: str) -> View:
        number = customer_of(world, request, customer)
        body = await body_of(request, USER_LIST)
        return dict(await act(world, lists.create, number, body, dry=dry(request)))

    @routes.get(collection + "/{one}")
    async def _get(request: Request, customer: str, one: int) -> View:
        number = customer_of(world, request, customer)

        def get(world: World) -> View:
            return lists.shown(world, lists.own(world, number, one))

        return dict(await act(world, get))

    @routes.patch(collection + "/{one}")
    async def _update(request: Request, customer: str, one: int) -> View:
        number = customer_of(world, request, customer)
        body = await body_of(request, USER_LIST)
        mask = request.query_params.get("updateMask", "")
        return dict(await act(world, lists.change, number, one, mask, body, dry=dry(request)))

    @routes.delete(collection + "/{one}")
    async def _delete(request: Request, customer: str, one: int) -> View:
        number = customer_of(world, request, customer)
        return dict(await act(world, lists.delete, number, one, dry=dry(request)))


def seed(world: World) -> None:
    seed_customers(world.store(NAME))
    lists.seed(world)


PLATFORM = Platform(
    name=NAME,
    router=router,
    operation=operation,
    refuse=refuse,
    seed=seed,
    lists=lists.lists,
    members=lists.members,
    forget=lists.forget,
)
