"""The Google Ads API on the wire, as the sandbox plays it: mutates and queries.

Source: Google Ads API v26 (google-ads 34.0.0), its REST documents, quotas and errors.
"""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from connectors.sandbox import google_criteria as criteria
from connectors.sandbox import google_uploads as uploads
from connectors.sandbox import google_user_lists as lists
from connectors.sandbox import google_value_rules as rules
from connectors.sandbox.frame import Platform, Refused, View, fault_of
from connectors.sandbox.google_call import (
    ADS_SCOPE,
    NAME,
    Change,
    Failure,
    Violation,
    ads_body,
    ads_refusal,
    bearer,
    data_body,
    failure_detail,
    reachable,
)
from connectors.sandbox.google_gaql import PAGE
from connectors.sandbox.google_rows import answer
from connectors.sandbox.google_shapes import (
    ADD_OPERATIONS,
    CREATE_JOB,
    MUTATES,
    RUN,
    SEARCH,
    SEARCH_STREAM,
    UPLOAD,
    camel,
    faults,
    named,
)
from connectors.sandbox.store import Document
from connectors.sandbox.world import World

VERSIONS = ("v23", "v24", "v25", "v26")
"""Served in November 2026; v22 ended on 7 October 2026."""
MAX_OPERATIONS = 10_000
DAILY_OPERATIONS = 15_000
"""Of the access level Basic; every mutated item and every query is one."""
RETRY_DELAY = "5s"


def refuse(kind: str, status: int) -> tuple[int, Any]:
    """The platform's words for a fault of the frame."""
    code, category, error = {
        "throttle": (429, "quotaError", "RESOURCE_TEMPORARILY_EXHAUSTED"),
        "quota_gone": (429, "quotaError", "RESOURCE_EXHAUSTED"),
        "expired_token": (401, "authenticationError", "OAUTH_TOKEN_EXPIRED"),
        "revoked_token": (401, "authenticationError", "OAUTH_TOKEN_REVOKED"),
        "no_rights": (403, "authorizationError", "USER_PERMISSION_DENIED"),
        "not_found": (status, "requestError", "RESOURCE_NOT_FOUND"),
    }.get(kind, (500 if kind == "error_inside" else status, "internalError", "TRANSIENT_ERROR"))
    delay = {"quotaErrorDetails": {"rateScope": "ACCOUNT", "retryDelay": RETRY_DELAY}}
    details = delay if kind == "throttle" else {}
    body = ads_body(code, (None, Failure(category, error, details=details)))
    return 200 if kind == "error_inside" else code, body


def operation(method: str, path: str, body: Any) -> str:
    """E.g. campaignCriteria.create, googleAds:search.user_list; the first operation names all."""
    last = path.rpartition("/")[2] or "root"
    if not isinstance(body, dict):
        return last
    if last.endswith(":mutate"):
        some = body.get("operations")
        first = some[0] if isinstance(some, list) and some and isinstance(some[0], dict) else {}
        verb = next((one for one in ("create", "update", "remove") if one in first), "mutate")
        return f"{last.removesuffix(':mutate')}.{verb}"
    source = str(body.get("query", "")).partition(" FROM ")[2].split(" ")[0]
    return f"{last}.{source}" if source.replace("_", "").isalpha() else last


def admit(world: World, request: Request, version: str, customer: str) -> int:
    """The customer that is acted for; raises Refused."""
    if version not in VERSIONS:
        raise ads_refusal(400, "requestError", "UNSUPPORTED_VERSION", version)
    login, scoped = bearer(world, request, ADS_SCOPE)
    if not login:
        raise ads_refusal(401, "authenticationError", "OAUTH_TOKEN_INVALID")
    if not scoped:
        raise Refused(403, data_body(403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", []))
    if not customer.isdigit() or len(customer) != 10:
        raise ads_refusal(400, "requestError", "INVALID_CUSTOMER_ID")
    through = request.headers.get("login-customer-id")
    if through is not None and (not through.isdigit() or len(through) != 10):
        raise ads_refusal(400, "headerError", "INVALID_LOGIN_CUSTOMER_ID")
    if not reachable(world.store(NAME), login, customer, through):
        raise ads_refusal(403, "authorizationError", "USER_PERMISSION_DENIED")
    return int(customer)


def count(world: World, operations: int) -> None:
    """Count against the day; raises Refused when it is used up."""
    if not world.settings.quotas:
        return
    store, now = world.store(NAME), world.now()
    if store.marked("operations", since=now - 86_400) + operations > DAILY_OPERATIONS:
        raise ads_refusal(429, "quotaError", "RESOURCE_EXHAUSTED", "operations per day")
    store.mark("operations", at=now, weight=operations)


async def body_of(request: Request, shape: Any) -> Document:
    """The JSON body, as the parser takes it; raises Refused."""
    try:
        body = await request.json()
    except ValueError:
        raise Refused(400, ads_body(400, message="The body is not JSON.")) from None
    wrong = [Violation(where, "INVALID_ARGUMENT", said) for where, said in faults(body, shape)]
    if wrong:
        raise Refused(400, data_body(400, "INVALID_ARGUMENT", wrong))
    return dict(named(body, shape))


def mutate(
    world: World,
    customer: int,
    collection: str,
    version: str,
    body: Document,
    *,
    every_second: bool,
) -> View:
    """All operations in one transaction; without partialFailure one failure undoes them all."""
    operations, partial = body.get("operations", []), bool(body.get("partialFailure"))
    if not operations:
        raise ads_refusal(400, "requestError", "OPERATION_REQUIRED")
    if len(operations) > MAX_OPERATIONS:
        raise ads_refusal(400, "requestError", "TOO_MANY_MUTATE_OPERATIONS")
    count(world, len(operations))
    results: list[View] = []
    failures: list[tuple[int | None, Failure]] = []
    for place, one in enumerate(operations):
        try:
            if every_second and place % 2:
                raise Failure("mutateError", "MUTATE_NOT_ALLOWED")
            name = perform(world, customer, collection, one)
            results.append({"resourceName": name})
        except Failure as failure:
            failures.append((place, failure))
            results.append({})
    if failures and not partial:
        raise Refused(400, ads_body(400, *failures, version=version))
    view: View = {"results": results}
    if failures:
        said = {"code": 3, "message": "Multiple errors in 'details'."}
        view["partialFailureError"] = {**said, "details": [failure_detail(version, failures)]}
    if body.get("validateOnly"):
        view.pop("results")
        raise Refused(200, view)  # undoes what the operations did
    return view


def search(world: World, customer: int, body: Document, *, stream: bool) -> Any:
    count(world, 1)
    if "pageSize" in body:
        raise ads_refusal(400, "requestError", "PAGE_SIZE_NOT_SUPPORTED")
    token = body.get("pageToken") or "0"
    if not token.isdigit():
        raise ads_refusal(400, "requestError", "INVALID_PAGE_TOKEN")
    try:
        rows, mask = answer(world, customer, body.get("query", ""))
    except Failure as failure:
        raise Refused(400, stream_error(ads_body(400, (None, failure)), stream)) from None
    if stream:
        return [{"results": rows, "fieldMask": mask, "requestId": "r-0"}] if rows else []
    end = int(token) + PAGE
    more = {"nextPageToken": str(end)} if end < len(rows) else {}
    page = rows[int(token) : end]
    return {**({"results": page} if page else {}), "fieldMask": mask, **more}


def stream_error(body: Document, stream: bool) -> Any:
    """UNVERIFIED: errors of searchStream come in an array."""
    return [body] if stream else body


async def act(world: World, work: Callable[..., Any], *given: Any, **named: Any) -> Response:
    """Work in one transaction, off the event loop; every answer tells its request id."""

    def within() -> Any:
        with world.transaction():
            return work(world, *given, **named)

    return JSONResponse(await run_in_threadpool(within), headers={"request-id": "r-0"})


def router(world: World) -> APIRouter:
    routes = APIRouter()

    @routes.post("/{version}/customers/{customer}/googleAds:{how}")
    async def _search(request: Request, version: str, customer: str, how: str) -> Response:
        number = admit(world, request, version, customer)
        if how not in ("search", "searchStream"):
            raise Refused(404, ads_body(404))
        stream = how == "searchStream"
        body = await body_of(request, SEARCH_STREAM if stream else SEARCH)
        return await act(world, search, number, body, stream=stream)

    @routes.post("/{version}/customers/{customer}/{collection}:mutate")
    async def _mutate(request: Request, version: str, customer: str, collection: str) -> Response:
        number = admit(world, request, version, customer)
        if collection not in MUTATES:
            raise Refused(404, ads_body(404))
        body = await body_of(request, MUTATES[collection])
        partial = fault_of(request) == "partial" and bool(body.get("partialFailure"))
        return await act(world, mutate, number, collection, version, body, every_second=partial)

    upload_routes(world, routes)
    return routes


def upload_routes(world: World, routes: APIRouter) -> None:
    jobs = "/{version}/customers/{customer}/offlineUserDataJobs"

    def allowed(request: Request, version: str, customer: str) -> int:
        number = admit(world, request, version, customer)
        uploads.permit(world)
        return number

    @routes.post("/{version}/customers/{customer}:uploadUserData")
    async def _upload(request: Request, version: str, customer: str) -> Response:
        number = allowed(request, version, customer)
        return await act(world, uploads.upload, number, await body_of(request, UPLOAD))

    @routes.post(jobs + ":create")
    async def _job(request: Request, version: str, customer: str) -> Response:
        number = allowed(request, version, customer)
        return await act(world, uploads.create_job, number, await body_of(request, CREATE_JOB))

    @routes.post(jobs + "/{job}:addOperations")
    async def _add(request: Request, version: str, customer: str, job: str) -> Response:
        number = allowed(request, version, customer)
        body = await body_of(request, ADD_OPERATIONS)
        return await act(world, uploads.add_operations, number, job, body)

    @routes.post(jobs + "/{job}:run")
    async def _run(request: Request, version: str, customer: str, job: str) -> Response:
        number = allowed(request, version, customer)
        await body_of(request, RUN)
        fails = fault_of(request) == "processing_failed"
        return await act(world, uploads.run, number, job, fails=fails)


Verbs = tuple[
    Callable[[Change], str] | None,
    Callable[[Change, list[str]], str] | None,
    Callable[[Change, str], str] | None,
]
VERBS: dict[str, Verbs] = {
    "userLists": (lists.create_list, lists.update_list, lists.remove_list),
    "campaignCriteria": (
        criteria.create_criterion,
        criteria.update_criterion,
        criteria.remove_criterion,
    ),
    "adGroupCriteria": (
        criteria.create_criterion,
        criteria.update_criterion,
        criteria.remove_criterion,
    ),
    "campaigns": (None, criteria.update_setting, None),
    "adGroups": (None, criteria.update_setting, None),
    "conversionValueRules": (rules.create_rule, None, rules.remove_rule),
    "conversionValueRuleSets": (rules.create_rule_set, None, rules.remove_rule),
}
"""Create, update, remove of every collection that is played. Each checks its operation before it
writes anything, so a refused one leaves no trace."""


def perform(world: World, customer: int, collection: str, operation: Document) -> str:
    """Do one operation; the resource name it concerns. Raises Failure."""
    create, update, remove = VERBS[collection]
    body: Any = operation.get("create") or operation.get("update") or {}
    change = Change(world, customer, collection, body)
    if "create" in operation and create is not None:
        return create(change)
    if "update" in operation and update is not None:
        mask = [camel(path) for path in operation.get("updateMask", "").split(",") if path]
        if not mask:
            raise Failure("fieldMaskError", "FIELD_MASK_MISSING", path=("update_mask",))
        return update(change, mask)
    if "remove" in operation and remove is not None:
        return remove(change, str(operation["remove"]))
    raise Failure("requestError", "OPERATION_REQUIRED")


def bids(world: World) -> list[View]:
    store = world.store(NAME)
    return [
        {"level": level, **one}
        for level, kind in (("campaign", "campaignCriteria"), ("ad_group", "adGroupCriteria"))
        for one in store.all(kind)
    ]


PLATFORM = Platform(
    name="google_ads",
    router=router,
    operation=operation,
    refuse=refuse,
    seed=criteria.seed,
    bids=bids,
)
