"""Microsoft's identity platform as the sandbox plays it: refreshing tokens.

Source: Microsoft Advertising, Get access and refresh tokens. The authorization page itself is for
people and is not played.
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from connectors.sandbox.frame import Platform, Refused
from connectors.sandbox.store import Document
from connectors.sandbox.world import CLIENT_ID, CLIENT_SECRET, World

TOKEN_LIFE = 3_600
SCOPE = "https://ads.microsoft.com/msads.manage"
USED = "-"
"""What stands where a refresh token was: each is good for one use (the strict reading)."""


def refuse(kind: str, status: int) -> tuple[int, Any]:
    return {
        "throttle": (429, {"error": "temporarily_unavailable"}),
        "server_error": (status, {"error": "server_error"}),
        "error_inside": (200, {"error": "server_error"}),
        "not_found": (status, {"error": "invalid_request"}),
    }.get(kind, (400, {"error": "invalid_grant", "error_description": "AADSTS70000"}))


def refresh(world: World, refresh_token: str) -> Document:
    """A new pair; the old access token lives on to its own end."""
    with world.transaction():
        kept = world.token_by_refresh(refresh_token)
        if refresh_token == USED or kept is None or kept["state"] == "revoked":
            raise Refused(400, {"error": "invalid_grant", "error_description": "AADSTS70000"})
        name = world.new_token_name()
        fresh = f"{refresh_token.partition('.')[0]}.{name}"
        left = None if kept["expires_at"] is None else kept["expires_at"] - world.now()
        world.put_token(
            kept["token"],
            state=kept["state"],
            login=kept["login"],
            refresh_token=USED,
            expires_in=left,
        )
        world.put_token(name, login=kept["login"], refresh_token=fresh, expires_in=TOKEN_LIFE)
    return {
        "token_type": "Bearer",
        "scope": SCOPE,
        "expires_in": TOKEN_LIFE,
        "access_token": name,
        "refresh_token": fresh,
    }


def router(world: World) -> APIRouter:
    routes = APIRouter()

    @routes.post("/{tenant}/oauth2/v2.0/token")
    async def token(request: Request, tenant: str) -> Document:
        form = {k: v for k, v in (await request.form()).items() if isinstance(v, str)}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            raise Refused(401, {"error": "invalid_client"})
        if form.get("grant_type") != "refresh_token":
            raise Refused(400, {"error": "unsupported_grant_type"})
        if SCOPE not in form.get("scope", "").split():
            raise Refused(400, {"error": "invalid_scope"})
        if not form.get("refresh_token"):
            raise Refused(400, {"error": "invalid_request"})
        return await run_in_threadpool(refresh, world, form["refresh_token"])

    return routes


PLATFORM = Platform(
    name="microsoft_oauth",
    router=router,
    operation=lambda method, path, body: path.replace("/", ".") or "root",
    refuse=refuse,
)
