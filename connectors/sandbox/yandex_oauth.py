"""Yandex OAuth as the sandbox plays it: token refresh, source: Yandex ID documentation.

The authorization page itself is for people and is not played.
"""

import base64
import binascii

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from connectors.sandbox.frame import Platform, Refused
from connectors.sandbox.oauth import check_client, form_of, operation, refresh_token_of, refusals
from connectors.sandbox.store import Document
from connectors.sandbox.world import World

TOKEN_LIFE = 31_536_000
"""Seconds; about a year is seen in practice, the contract is what `expires_in` says."""
PLENTY_OF_LIFE = TOKEN_LIFE / 2
"""A token with more life than this comes back unchanged (UNVERIFIED: where the line is)."""
OLD_REFRESH_TOKEN_DIES = True
"""UNVERIFIED: whether a used refresh token still works. The strict reading is played."""

USED = "-"
"""What stands where a refresh token was."""


refuse = refusals(
    often="too_many_requests", broken="backend_error", unknown="not_found", grant="refused"
)


def client(request: Request, form: dict[str, str]) -> tuple[str, str]:
    """Client id and secret from HTTP Basic or from the body."""
    scheme, _, coded = request.headers.get("authorization", "").partition(" ")
    if scheme != "Basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        name, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Refused(400, {"error": "invalid_client"}) from None
    return name, secret


def refresh(world: World, refresh_token: str) -> Document:
    with world.transaction():
        kept = world.token_by_refresh(refresh_token)
        if refresh_token == USED or kept is None or kept["state"] == "revoked":
            raise Refused(400, {"error": "invalid_grant", "error_description": "expired_token"})
        left = None if kept["expires_at"] is None else kept["expires_at"] - world.now()
        unchanged = kept["state"] == "valid" and (left is None or left > PLENTY_OF_LIFE)
        name = kept["token"] if unchanged else world.new_token_name()
        fresh = f"{refresh_token.partition('.')[0]}.{name}" if not unchanged else refresh_token
        life = left if unchanged and left is not None else TOKEN_LIFE
        if not unchanged:
            world.put_token(name, login=kept["login"], refresh_token=fresh, expires_in=TOKEN_LIFE)
            if OLD_REFRESH_TOKEN_DIES:
                world.put_token(kept["token"], state="expired", refresh_token=USED)
    return {
        "token_type": "bearer",
        "access_token": name,
        "expires_in": int(life),
        "refresh_token": fresh,
        "scope": "audience:read audience:write direct:api",
    }


def router(world: World) -> APIRouter:
    routes = APIRouter()

    @routes.post("/token")
    async def token(request: Request) -> Document:
        form = await form_of(request)
        check_client(client(request, form), 400)
        return await run_in_threadpool(refresh, world, refresh_token_of(form))

    return routes


PLATFORM = Platform(
    name="yandex_oauth",
    router=router,
    operation=operation,
    refuse=refuse,
)
