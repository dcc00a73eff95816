"""Microsoft's identity platform as the sandbox plays it: refreshing tokens.

Source: Microsoft Advertising, Get access and refresh tokens. The authorization page itself is for
people and is not played.
"""

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from connectors.sandbox.frame import Platform, Refused
from connectors.sandbox.oauth import check_client, form_of, operation, refresh_token_of, refusals
from connectors.sandbox.store import Document
from connectors.sandbox.world import World

TOKEN_LIFE = 3_600
SCOPE = "https://ads.microsoft.com/msads.manage"
USED = "-"
"""What stands where a refresh token was: each is good for one use (the strict reading)."""


refuse = refusals(
    often="temporarily_unavailable",
    broken="server_error",
    unknown="invalid_request",
    grant="AADSTS70000",
)


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
        form = await form_of(request)
        check_client((form.get("client_id"), form.get("client_secret")), 401)
        given = refresh_token_of(form)
        if SCOPE not in form.get("scope", "").split():
            raise Refused(400, {"error": "invalid_scope"})
        return await run_in_threadpool(refresh, world, given)

    return routes


PLATFORM = Platform(
    name="microsoft_oauth",
    router=router,
    operation=operation,
    refuse=refuse,
)
