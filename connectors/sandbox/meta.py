"""Meta's Marketing API on the wire, as the sandbox plays it: who may ask, and where things are.

Source: Marketing API documentation (v26.0) and the specifications of its SDK. Objects tell their
kind by the first two digits of their ids; that is the sandbox's own way, not Meta's.
"""

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from connectors.sandbox import meta_audiences as audiences
from connectors.sandbox import meta_bids as bids
from connectors.sandbox import meta_insights as insights
from connectors.sandbox import meta_users as users
from connectors.sandbox.frame import Platform, Refused, fault_of
from connectors.sandbox.meta_call import (
    NAME,
    UNKNOWN_PATH,
    Act,
    Call,
    Usage,
    count,
    decoded,
    refusal,
    refuse_if_over,
)
from connectors.sandbox.meta_members import WIDTH
from connectors.sandbox.store import Document
from connectors.sandbox.world import CLIENT_SECRET, LOGIN, World

VERSIONS: dict[str, str | None] = {
    "v23.0": "2026-06-09",
    "v24.0": "2026-10-06",
    "v25.0": None,
    "v26.0": None,
}
"""Day from which a version is no longer served; None: not announced. UNVERIFIED: a copied table."""
APP_SECRET = CLIENT_SECRET

ACCOUNT, ACCOUNT_WITHOUT_TERMS = 700_100_200_300, 700_100_200_301
FOREIGN_AUDIENCE = 23_840_000_000_000_001
FOREIGN_RULE_SET = 84_000_000_000_000_001
CAMPAIGN, BUDGET_CAMPAIGN = 12_010_000_000_000_001, 12_010_000_000_000_002
AD_SET, BID_CAP_AD_SET, COST_CAP_AD_SET, ROAS_AD_SET, FIRST_OF_TWO, SECOND_OF_TWO = (
    12_020_000_000_000_001 + n for n in range(6)
)
"""The last two are in a campaign that holds the budget."""

# UNVERIFIED choices
WRONG_PROOF = 100
TERMS_KEY = "custom_audience_tos"
TERMS_ID = "2"
ACCOUNT_FIELDS = ("id", "account_id", "name", "currency", "tos_accepted")


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
    ("GET", "value_rule_set"): ("rule_sets.list", "ads_management", bids.sets),
    ("POST", "value_rule_set"): ("rule_sets.create", "ads_management", bids.create_set),
    ("GET", "adsets"): ("adsets.list", "ads_management", bids.ad_sets),
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
    ("84", "POST", ""): ("rule_set.update", "ads_management", bids.update_set),
    ("84", "POST", "delete_rule_set"): ("rule_set.delete", "ads_management", bids.delete_set),
    ("12", "GET", ""): ("adset.read", "ads_management", bids.read_ad_set),
    ("12", "POST", ""): ("adset.update", "ads_management", bids.update_ad_set),
    ("12", "GET", "insights"): ("insights", "ads_insights", insights.insights),
    ("12", "POST", "insights"): ("insights.order", "ads_insights", insights.order),
    ("60", "GET", ""): ("run.read", "ads_insights", insights.run_status),
    ("60", "GET", "insights"): ("run.rows", "ads_insights", insights.run_rows),
}
"""By the first digits of the id, verb and edge: operation, quota group, what is done."""


def read_account(call: Call, number: str) -> Document:
    account = call.account(number)
    shown = {
        "id": f"act_{account['id']}",
        "account_id": account["id"],
        "name": account["name"],
        "currency": account["currency"],
        "tos_accepted": {TERMS_KEY: int(account["terms"])},
    }
    return call.shown(shown, ACCOUNT_FIELDS)


def terms(call: Call, number: str) -> Document:
    account = call.account(number)
    return call.page([{"id": TERMS_ID, "type": TERMS_KEY}] if account["terms"] else [])


def accept_terms(call: Call, number: str) -> Document:
    """What somebody does in Ads Manager; both kinds of terms at once (UNVERIFIED)."""
    account = call.account(number)
    call.required("tos_id", (str, int), "an id")
    accepted = {**account, "terms": True, "value_terms": True}
    call.store.put("account", int(account["id"]), accepted)
    return {"success": True}


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


async def params_of(request: Request) -> Document:
    """Parameters of query, form and JSON body together; the body wins."""
    found = decoded(request.query_params)
    kind = request.headers.get("content-type", "")
    if "json" in kind:
        try:
            body = await request.json()
        except ValueError:
            raise refusal(100, "The body is not JSON") from None
        if isinstance(body, dict):
            found |= {**body, "_json_body": True}
    elif "form" in kind:
        form = await request.form()
        found |= decoded({key: value for key, value in form.items() if isinstance(value, str)})
    return found


def authorize(world: World, header: str, params: Document) -> str:
    """The login of the token in the header or the parameter; raises Refused."""
    scheme, _, text = header.partition(" ")
    if scheme != "Bearer" or not text:
        text = str(params.get("access_token") or "")
    token = world.token(text)
    if token is None:
        raise refusal(190, "Invalid OAuth access token.", status=401)
    if token["state"] != "valid":
        subcode = 463 if token["state"] == "expired" else 460
        raise refusal(190, "Error validating access token.", subcode=subcode, status=401)
    proof = params.get("appsecret_proof")
    if proof is not None and proof != proof_of(text):
        raise refusal(WRONG_PROOF, "Invalid appsecret_proof provided in the API argument")
    return str(token["login"])


def proof_of(token: str) -> str:
    return hmac.new(APP_SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()


def check_version(version: str, now: float) -> None:
    if version not in VERSIONS:
        raise refusal(2635, "You are calling a version that does not exist")
    end = VERSIONS[version]
    if end is not None and datetime.fromtimestamp(now, UTC).date().isoformat() >= end:
        raise refusal(2635, "You are calling a deprecated version of the Ads API")


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


# What is there from the start


def seed(world: World) -> None:
    """Two ad accounts, one without accepted terms; things made by hand; four ad sets."""
    store = world.store(NAME)
    if store.get("account", ACCOUNT) is not None:
        return
    for number, terms in ((ACCOUNT, True), (ACCOUNT_WITHOUT_TERMS, False)):
        account = {
            "id": str(number),
            "login": LOGIN,
            "name": "Sandbox shop",
            "currency": "EUR",
            "terms": terms,
            "value_terms": terms,
            "tier": "standard_access",
        }
        store.put("account", number, account)
    seed_audience(world)
    seed_bids(world)


def seed_audience(world: World) -> None:
    store = world.store(NAME)
    found = [hashlib.sha256(f"made by hand {n}".encode()).digest() for n in range(400)]
    rows = np.unique(np.array(found, dtype=f"S{WIDTH}"))
    store.change_members(FOREIGN_AUDIENCE, "replace", rows)
    matched = audiences.matched(world, rows)
    store.put(
        "audience",
        FOREIGN_AUDIENCE,
        {
            "id": FOREIGN_AUDIENCE,
            "account": str(ACCOUNT),
            "name": "made by hand",
            "subtype": "CUSTOM",
            "customer_file_source": "USER_PROVIDED_ONLY",
            "audience_labels": ["AT_RISK"],
            "time_created": 0,
            "time_updated": 0,
            "matched": matched,
            "matched_before": matched,
            "visible_at": 0.0,
            "populated_at": 1.0,
        },
    )


def seed_bids(world: World) -> None:
    store = world.store(NAME)
    label = {
        "id": "85000000000000001",
        "criteria_type": "AUDIENCE_LABEL",
        "operator": "CONTAINS",
        "criteria_values": ["AT_RISK"],
        "criteria_value_types": ["NONE"],
    }
    age = {**label, "id": "85000000000000002", "criteria_type": "AGE", "criteria_values": ["18-24"]}
    rules = [
        {"id": "85000000000000003", "name": "win back", "adjust_sign": "INCREASE",
         "adjust_value": 20, "status": "ACTIVE", "criterias": [label]},
        {"id": "85000000000000004", "name": "students", "adjust_sign": "DECREASE",
         "adjust_value": 15, "status": "ACTIVE", "criterias": [age]},
    ]  # fmt: skip
    rule_set = {
        "id": FOREIGN_RULE_SET,
        "account": str(ACCOUNT),
        "name": "by hand",
        "status": "ACTIVE",
        "product_type": "AUDIENCE",
        "rules": rules,
    }
    store.put("rule_set", FOREIGN_RULE_SET, rule_set)
    by_hand = {"user_groups": {"custom_audience": {str(FOREIGN_AUDIENCE): 0.8, "default": 1.0}}}
    settings: dict[int, Document] = {
        AD_SET: {
            "bid_strategy": "LOWEST_COST_WITHOUT_CAP",
            "value_rule_set_id": str(FOREIGN_RULE_SET),
            "value_rules_applied": True,
        },
        BID_CAP_AD_SET: {
            "bid_strategy": "LOWEST_COST_WITH_BID_CAP",
            "bid_amount": 250,
            "bid_adjustments": by_hand,
        },
        COST_CAP_AD_SET: {"bid_strategy": "COST_CAP", "bid_amount": 1200},
        ROAS_AD_SET: {
            "bid_strategy": "LOWEST_COST_WITH_MIN_ROAS",
            "bid_constraints": {"roas_average_floor": 20_000},
        },
    }
    settings |= {one: {"daily_budget": None} for one in (FIRST_OF_TWO, SECOND_OF_TWO)}
    campaigns: dict[int, Document] = {
        CAMPAIGN: {"id": CAMPAIGN, "account": str(ACCOUNT)},
        BUDGET_CAMPAIGN: {
            "id": BUDGET_CAMPAIGN,
            "account": str(ACCOUNT),
            "bid_strategy": "LOWEST_COST_WITHOUT_CAP",
            "daily_budget": 20_000,
        },
    }
    for number, campaign in campaigns.items():
        store.put("campaign", number, campaign)
    for number, given in settings.items():
        ad_set = {
            "id": number,
            "account": str(ACCOUNT),
            "name": f"Prospecting {number % 10}",
            "campaign_id": str(CAMPAIGN if number < FIRST_OF_TWO else BUDGET_CAMPAIGN),
            "status": "ACTIVE",
            "daily_budget": 5000,
            "targeting": {"geo_locations": {"countries": ["DE"]}},
            "value_rule_set_id": None,
            "value_rules_applied": False,
            **given,
        }
        store.put("adset", number, ad_set)


PLATFORM = Platform(
    name=NAME,
    router=router,
    operation=operation,
    refuse=refuse_fault,
    seed=seed,
    lists=audiences.lists,
    members=audiences.members,
    bids=bids.bids,
    forget=audiences.forget,
)
