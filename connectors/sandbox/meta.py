"""Meta's Marketing API on the wire, as the sandbox plays it: its edges, and what stands at them.

Source: Marketing API documentation (v26.0) and the specifications of its SDK. Objects tell their
kind by the first two digits of their ids; that is the sandbox's own way, not Meta's.
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from connectors.sandbox import meta_ad_sets as ad_sets
from connectors.sandbox import meta_audiences as audiences
from connectors.sandbox import meta_insights as insights
from connectors.sandbox import meta_users as users
from connectors.sandbox import meta_value_rules as rules
from connectors.sandbox.frame import Platform, Refused, fault_of
from connectors.sandbox.meta_access import VERSIONS, authorize, check_version, params_of
from connectors.sandbox.meta_account import accept_terms, read_account, terms
from connectors.sandbox.meta_call import (
    NAME,
    UNKNOWN_PATH,
    Act,
    Call,
    Usage,
    count,
    refusal,
    refuse_if_over,
)
from connectors.sandbox.meta_seed import seed
from connectors.sandbox.store import Document
from connectors.sandbox.world import World


def refuse_fault(kind: str, status: int) -> tuple[int, Any]:
    """The platform's words for a fault of the frame."""
    code, subcode, answered, message = {
        "throttle": (17, 2446079, 400, "User request limit reached"),
        "quota_gone": (80003, None, 400, "There have been too many calls to this ad-account."),
        "expired_token": (190, 463, 401, "Error validating access token: session has expired"),
        "revoked_token": (190, 460, 401, "Error validating access token: it was invalidated"),
        "no_rights": (200, None, 403, "Requires ads_management permission"),
        "not_found": (UNKNOWN_PATH, None, 400, "Unknown path components"),
        "error_inside": (2, None, 200, "Service temporarily unavailable"),
    }.get(kind, (2, None, status, "Service temporarily unavailable"))
    transient = code == 2 and kind != "error_inside"
    told = refusal(code, message, subcode=subcode, status=answered, is_transient=transient)
    return told.status, told.body


# What is asked


ACCOUNT_EDGES: dict[tuple[str, str], tuple[str, str, Act]] = {
    ("GET", "customaudiences"): ("audiences.list", "custom_audience", audiences.listed),
    ("POST", "customaudiences"): ("audiences.create", "custom_audience", audiences.create),
    ("DELETE", "usersofanyaudience"): (
        "users.remove_everywhere",
        "custom_audience",
        users.remove_everywhere,
    ),
    ("GET", "value_rule_set"): ("rule_sets.list", "ads_management", rules.sets),
    ("POST", "value_rule_set"): ("rule_sets.create", "ads_management", rules.create_set),
    ("GET", "adsets"): ("adsets.list", "ads_management", ad_sets.ad_sets),
    ("GET", "insights"): ("insights", "ads_insights", insights.insights),
    ("POST", "insights"): ("insights.order", "ads_insights", insights.order),
}
OBJECT_EDGES: dict[tuple[str, str, str], tuple[str, str, Act]] = {
    ("23", "GET", ""): ("audience.read", "custom_audience", audiences.read),
    ("23", "POST", ""): ("audience.update", "custom_audience", audiences.update),
    ("23", "DELETE", ""): ("audience.delete", "custom_audience", audiences.delete),
    ("23", "POST", "users"): ("users.add", "custom_audience", users.add),
    ("23", "DELETE", "users"): ("users.remove", "custom_audience", users.remove),
    ("23", "POST", "usersreplace"): ("users.replace", "custom_audience", users.replace),
    ("23", "GET", "sessions"): ("sessions.list", "custom_audience", users.sessions),
    ("84", "POST", ""): ("rule_set.update", "ads_management", rules.update_set),
    ("84", "POST", "delete_rule_set"): ("rule_set.delete", "ads_management", rules.delete_set),
    ("12", "GET", ""): ("adset.read", "ads_management", ad_sets.read_ad_set),
    ("12", "POST", ""): ("adset.update", "ads_management", ad_sets.update_ad_set),
    ("12", "GET", "insights"): ("insights", "ads_insights", insights.insights),
    ("12", "POST", "insights"): ("insights.order", "ads_insights", insights.order),
    ("60", "GET", ""): ("run.read", "ads_insights", insights.run_status),
    ("60", "GET", "insights"): ("run.rows", "ads_insights", insights.run_rows),
}
"""By the first digits of the id, verb and edge: operation, quota group, what is done."""

ACCOUNT_EDGES["GET", "customaudiencestos"] = ("terms.list", "custom_audience", terms)
ACCOUNT_EDGES["POST", "customaudiencestos"] = ("terms.accept", "custom_audience", accept_terms)


def edge_of(method: str, path: str) -> tuple[str, str, Act] | None:
    """What stands at a path below the version, or None."""
    number, _, edge = path.strip("/").partition("/")
    if number.startswith("act_"):
        if not edge and method == "GET":
            return "account.read", "ads_management", read_account
        return ACCOUNT_EDGES.get((method, edge))
    return OBJECT_EDGES.get((number[:2], method, edge))


def operation(method: str, path: str, body: Any) -> str:
    """E.g. audiences.create, lookalikes.create, users.add, adset.update."""
    _, _, below = path.partition("/")
    given = body if isinstance(body, dict) else {}
    if method == "POST" and given.get("method") == "delete":
        method = "DELETE"
    found = edge_of(method, below)
    if found is None:
        return "unknown"
    if found[0] == "audiences.create" and given.get("subtype") == "LOOKALIKE":
        return "lookalikes.create"
    return found[0]


# Who asks


def router(world: World) -> APIRouter:
    routes = APIRouter()

    @routes.api_route("/{version}/{path:path}", methods=["GET", "POST", "DELETE"])
    async def _graph(request: Request, version: str, path: str) -> JSONResponse:
        params = await params_of(request)
        method = request.method
        if method == "POST" and params.get("method") == "delete":
            method = "DELETE"
        login = authorize(world, request.headers.get("authorization", ""), params)
        check_version(version, world.now())
        call = Call(world, login, params, fault_of(request))
        answer = await run_in_threadpool(answered, call, method, path)
        if end := VERSIONS[version]:
            answer.headers["X-Ad-Api-Version-Warning"] = f"{version} is served until {end}"
        return answer

    return routes


def answered(call: Call, method: str, path: str) -> JSONResponse:
    """Act in one transaction; what was asked is counted even where it is refused."""
    number = path.strip("/").partition("/")[0]
    found = edge_of(method, path)
    if found is None:
        raise refusal(UNKNOWN_PATH, "Unknown path components")
    _, group, act = found
    usage: Usage | None = None
    account: Document | None = None
    try:
        with call.world.transaction():
            account = account_of(call, number)
            usage = count(call, account, group, write=method != "GET")
        if call.world.settings.quotas:
            with call.world.transaction():
                refuse_if_over(call, account, usage)
        with call.world.transaction():
            return JSONResponse(act(call, number), headers=usage.headers(account["id"]))
    except Refused as refused:
        if usage is not None and account is not None:
            refused.headers |= usage.headers(account["id"])
        raise


KINDS = {"23": "audience", "84": "rule_set", "12": "adset", "60": "run"}


def account_of(call: Call, number: str) -> Document:
    """The ad account whose quota a request takes from."""
    if number.startswith("act_"):
        return call.account(number)
    return call.account(call.find(KINDS[number[:2]], number)["account"])


PLATFORM = Platform(
    name=NAME,
    router=router,
    operation=operation,
    refuse=refuse_fault,
    seed=seed,
    lists=audiences.lists,
    members=audiences.members,
    bids=ad_sets.bids,
    forget=audiences.forget,
)
