"""Google's token endpoint as the sandbox plays it: refresh token in, access token of an hour out.

A refresh token stays the same, and an access token lives on beside its successors. Service
accounts' signed assertions and the authorization page are not played.
"""

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from connectors.sandbox.frame import Platform, Refused
from connectors.sandbox.google_call import ADS_SCOPE, DATA_SCOPE
from connectors.sandbox.oauth import check_client, form_of, operation, refresh_token_of, refusals
from connectors.sandbox.store import Document
from connectors.sandbox.world import World

TOKEN_LIFE = 3599


refuse = refusals(
    often="rate_limit_exceeded", broken="internal_failure", unknown="not_found", grant="Bad Request"
)


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
        form = await form_of(request)
        check_client((form.get("client_id"), form.get("client_secret")), 401)
        return await run_in_threadpool(refresh, world, refresh_token_of(form))

    return routes


PLATFORM = Platform(
    name="google_oauth",
    router=router,
    operation=operation,
    refuse=refuse,
)
