"""Google's token endpoint as the sandbox plays it: refresh token in, access token of an hour out.

A refresh token stays the same, and an access token lives on beside its successors. Service
accounts' signed assertions and the authorization page are not played.
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from connectors.sandbox.frame import Platform, Refused
from connectors.sandbox.google_call import ADS_SCOPE, DATA_SCOPE
from connectors.sandbox.store import Document
from connectors.sandbox.world import CLIENT_ID, CLIENT_SECRET, World

TOKEN_LIFE = 3599


def refuse(kind: str, status: int) -> tuple[int, Any]:
    return {
        "throttle": (429, {"error": "rate_limit_exceeded"}),
        "server_error": (status, {"error": "internal_failure"}),
        "error_inside": (200, {"error": "internal_failure"}),
        "not_found": (status, {"error": "not_found"}),
    }.get(kind, (400, {"error": "invalid_grant", "error_description": "Bad Request"}))


def refresh(world: World, refresh_token: str) -> Document:
    with world.transaction():
        kept = world.token_by_refresh(refresh_token)
        if kept is None or kept["state"] == "revoked":
            said = "Token has been expired or revoked."
            raise Refused(400, {"error": "invalid_grant", "error_description": said})
        scope = kept.get("scope") or ""
        name = world.new_token_name()
        world.put_token(name, login=kept["login"], expires_in=TOKEN_LIFE, scope=scope)
    return {
        "access_token": name,
        "expires_in": TOKEN_LIFE,
        "scope": scope or f"{ADS_SCOPE} {DATA_SCOPE}",
        "token_type": "Bearer",
    }


def router(world: World) -> APIRouter:
    routes = APIRouter()

    @routes.post("/token")
    async def _token(request: Request) -> Document:
        form = {k: v for k, v in (await request.form()).items() if isinstance(v, str)}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            raise Refused(401, {"error": "invalid_client"})
        if form.get("grant_type") != "refresh_token":
            raise Refused(400, {"error": "unsupported_grant_type"})
        if not form.get("refresh_token"):
            raise Refused(400, {"error": "invalid_request"})
        return await run_in_threadpool(refresh, world, form["refresh_token"])

    return routes


PLATFORM = Platform(
    name="google_oauth",
    router=router,
    operation=lambda method, path, body: path.replace("/", ".") or "root",
    refuse=refuse,
)
