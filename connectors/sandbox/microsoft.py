"""Microsoft Advertising as the sandbox plays it: who may ask, and for what.

Source: Microsoft Advertising REST API v13, as of autumn 2026. The services of the real thing are
hosts of their own; here they are folders: CampaignManagement, Reporting, CustomerManagement.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from connectors.sandbox import microsoft_bids, microsoft_lists, microsoft_reports
from connectors.sandbox.frame import Platform, Refused, fault_of
from connectors.sandbox.microsoft_call import (
    ACCOUNT,
    CUSTOMER,
    DEVELOPER_TOKEN,
    GATEWAY,
    NAME,
    STATUS,
    VERSION,
    BadForm,
    Call,
    fault_body,
    fits,
    long,
    refusal,
)
from connectors.sandbox.store import Document
from connectors.sandbox.world import LOGIN, World

HEADERS = ("developertoken", "customerid", "customeraccountid")
RATE_SECONDS = 60.0
RATE = 1_000
"""Calls in any 60 seconds; the real number is not published: UNVERIFIED."""

Operation = tuple[Any, Callable[[Call], Document]]


def user(call: Call) -> Document:
    """The smallest call that proves credentials."""
    return {"User": {"Id": "7001", "CustomerId": str(call.customer)}, "CustomerRoles": []}


SERVICES: dict[str, Mapping[tuple[str, str], Operation]] = {
    "CampaignManagement": microsoft_lists.OPERATIONS | microsoft_bids.OPERATIONS,
    "Reporting": microsoft_reports.OPERATIONS,
    "CustomerManagement": {("POST", "User/Query"): ({"UserId": long}, user)},
}
TIMED_OUT = ("server_error", 504)
"""The fault that is told as the service tells it: 833 under HTTP 500."""
NAME_OF_FAULT = {
    "throttle": "CallRateExceeded",
    "quota_gone": "BulkServiceNoMoreCallsPermittedForTheTimePeriod",
    "expired_token": "AuthenticationTokenExpired",
    "revoked_token": "InvalidCredentials",
    "no_rights": "UserIsNotAuthorized",
    "error_inside": "InternalError",
}


def refuse(kind: str, status: int) -> tuple[int, Any]:
    """The platform's words for a fault of the frame; a gateway's own page is no JSON at all."""
    if kind == "not_found":
        return status, {"Message": "No HTTP resource was found."}
    name = "ServiceTimeOut" if (kind, status) == TIMED_OUT else NAME_OF_FAULT.get(kind)
    if name is None:
        return status, "<html><body>The service is unavailable.</body></html>"
    body = fault_body(name, "The call failed.", "fault", GATEWAY)
    return 200 if kind == "error_inside" else STATUS.get(name, 400), body


def operation(method: str, path: str, body: Any) -> str:
    """E.g. Audiences, Audiences.DELETE, CustomerListUserData.Apply, download."""
    parts = path.split("/")
    if parts[0] == "download":
        return "download"
    return ".".join([*parts[2:], *([] if method == "POST" else [method])]) or "root"


def answer(world: World, request: Request, service: str, path: str, body: Any) -> Response:
    """One call in one transaction; raises Refused."""
    with world.transaction():
        store = world.store(NAME)
        tracking = f"00000000-0000-0000-0000-{store.next_id('tracking', first=1):012d}"
        admit(world, request, tracking)
        if world.settings.quotas:
            count(world, tracking)
        form, work = SERVICES[service][(request.method, path)]
        try:
            fits(body, form)
        except BadForm as error:
            raise refusal("InvalidRequest", str(error), tracking=tracking, gateway=True) from None
        base = f"{str(request.base_url).rstrip('/')}/{NAME}/"
        call = Call(world, store, CUSTOMER, ACCOUNT, body, tracking, base, fault_of(request))
        return JSONResponse(work(call), headers={"TrackingId": tracking})


def admit(world: World, request: Request, tracking: str) -> None:
    """Token, developer token, customer and account; raises 109, 105, 116, 106."""

    def refused(name: str, message: str) -> Refused:
        return refusal(name, message, tracking=tracking, gateway=True)

    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if not text or any(not request.headers.get(name) for name in HEADERS):
        raise refused("RequestMissingHeaders", "A header is missing.")
    token = world.token(text) if scheme == "Bearer" else None
    if token is not None and token["state"] == "expired":
        raise refused("AuthenticationTokenExpired", "The token has expired.")
    developer = request.headers["developertoken"]
    if token is None or token["state"] != "valid" or developer != DEVELOPER_TOKEN:
        raise refused("InvalidCredentials", "The token is not valid.")
    asked = (request.headers["customerid"], request.headers["customeraccountid"])
    if asked != (str(CUSTOMER), str(ACCOUNT)) or token["login"] != LOGIN:
        raise refused("UserIsNotAuthorized", "The user has no access to this account.")


def count(world: World, tracking: str) -> None:
    store, now = world.store(NAME), world.now()
    if store.marked("calls", since=now - RATE_SECONDS) >= RATE:
        raise refusal("CallRateExceeded", "Too many calls.", tracking=tracking, gateway=True)
    store.mark("calls", at=now, keep=RATE_SECONDS)


def router(world: World) -> APIRouter:
    routes = APIRouter()

    @routes.get("/download/{ticket}/report.zip", response_model=None)
    async def _download(ticket: int, sig: str = "") -> Response:
        found = await run_in_threadpool(microsoft_reports.download, world, ticket, sig)
        if found is None:
            return Response("<Error>AuthenticationFailed</Error>", 403, media_type="text/xml")
        return Response(found, media_type="application/zip")

    for service, operations in SERVICES.items():
        for method, path in operations:
            add_route(world, routes, service, method, path)
    return routes


def add_route(world: World, routes: APIRouter, service: str, method: str, path: str) -> None:
    @routes.api_route(f"/{service}/{VERSION}/{path}", methods=[method], response_model=None)
    async def _call(request: Request) -> Response:
        try:
            body = await request.json()
        except ValueError:
            body = None
        return await run_in_threadpool(answer, world, request, service, path, body)


def seed(world: World) -> None:
    if world.store(NAME).get("audience", microsoft_lists.FOREIGN_LIST) is None:
        microsoft_lists.seed(world)
        microsoft_bids.seed(world)


PLATFORM = Platform(
    name=NAME,
    router=router,
    operation=operation,
    refuse=refuse,
    seed=seed,
    lists=microsoft_lists.lists,
    members=microsoft_lists.members,
    bids=microsoft_bids.bids,
    forget=microsoft_lists.forget,
)
