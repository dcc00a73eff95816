"""Tokens of the played VK Ads: five per client and user, refreshed in place.

Source: VK Ads API documentation, Authorization, 2026. The consent page is for people and is not
played; its codes are made by the control of a test, as documents of kind `code`.
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from connectors.sandbox.frame import View
from connectors.sandbox.store import Document, Store
from connectors.sandbox.vk_call import NAME, refusal, unauthorized
from connectors.sandbox.world import CLIENT_ID, CLIENT_SECRET, LOGIN, REFRESH_TOKEN, TOKEN, World

TOKEN_LIFE = 86_400
IDLE_LIFE = 30 * 86_400
TOKENS_PER_USER = 5
SCOPE = "read_ads read_payments create_ads"
CLIENTS = {LOGIN: 1, "client-of-agency": 2}
"""Users an agency's token can be asked for, by login, with their ids."""


def seed(world: World) -> None:
    """The well-known token is one of the account's five."""
    store = world.store(NAME)
    if not store.all("token"):
        remember(world, store, LOGIN, TOKEN, REFRESH_TOKEN)


def remember(world: World, store: Store, login: str, access: str, refresh: str) -> Document:
    number = store.next_id("token", first=1)
    token = {
        "number": number,
        "login": login,
        "access": access,
        "refresh": refresh,
        "used_at": world.now(),
    }
    store.put("token", number, token)
    return token


def give(world: World, login: str) -> Document:
    """A new token, or 403 when there are five, whatever their state."""
    store = world.store(NAME)
    if sum(one["login"] == login for one in store.all("token")) >= TOKENS_PER_USER:
        raise refusal(403, "token_limit_exceeded", "Active access token limit reached")
    name = world.new_token_name()
    world.put_token(name, login=login, expires_in=TOKEN_LIFE)
    return remember(world, store, login, name, f"refresh-{name}")


def refresh(world: World, text: str) -> Document:
    """A new access token in place of the old one, which stops working at once."""
    store = world.store(NAME)
    token = next((one for one in store.all("token") if one["refresh"] == text), None)
    if token is None or world.now() - token["used_at"] > IDLE_LIFE:
        raise unauthorized("invalid_token")
    kept = world.token(token["access"])
    if kept is not None and kept["state"] == "revoked":
        raise unauthorized("revoked_token")
    world.put_token(token["access"], login=token["login"], state="replaced")
    token["access"] = world.new_token_name()
    token["used_at"] = world.now()
    world.put_token(token["access"], login=token["login"], expires_in=TOKEN_LIFE)
    store.put("token", token["number"], token)
    return token


def delete(world: World, login: str) -> None:
    """All tokens of a user; the way out of the limit."""
    store = world.store(NAME)
    for token in store.all("token"):
        if token["login"] == login:
            world.put_token(token["access"], login=login, state="deleted")
            store.drop("token", token["number"])


async def form_of(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0]
    if kind != "application/x-www-form-urlencoded":
        raise refusal(400, "invalid_request", "a form is expected")
    return {k: v for k, v in (await request.form()).items() if isinstance(v, str)}


def answer(world: World, form: dict[str, str]) -> View:
    with world.transaction():
        flow = form.get("grant_type")
        if form.get("client_id") != CLIENT_ID:
            raise unauthorized("invalid_client")
        if flow != "authorization_code" and form.get("client_secret") != CLIENT_SECRET:
            raise unauthorized("invalid_client")
        if flow == "refresh_token":
            return shown(refresh(world, form.get("refresh_token", "")), str(TOKEN_LIFE))
        if flow == "client_credentials":
            return shown(give(world, LOGIN), str(TOKEN_LIFE))
        if flow == "agency_client_credentials":
            return shown(give(world, client_of(form)), str(TOKEN_LIFE))
        if flow == "authorization_code":
            token = give(world, by_code(world, form.get("code", "")))
            return {**shown(token, TOKEN_LIFE), "scope": SCOPE.split()}
        raise refusal(400, "unsupported_grant_type")


def client_of(form: dict[str, str]) -> str:
    """By login or by id."""
    return user_of(form.get("agency_client_name"), form.get("agency_client_id"))


def user_of(login: str | None, number: str | None) -> str:
    for name, its_number in CLIENTS.items():
        if login == name or (login is None and number == str(its_number)):
            return name
    raise unauthorized("invalid_user")


def by_code(world: World, code: str) -> str:
    """A code works once, and for an hour."""
    kept = kept_code(world, code)
    world.store(NAME).drop("code", kept["number"])
    return str(kept["login"])


def kept_code(world: World, code: str) -> Document:
    for kept in world.store(NAME).all("code"):
        if kept["code"] == code and world.now() <= kept["made_at"] + 3600:
            return kept
    raise unauthorized("invalid_token")


def code_info(world: World, form: dict[str, str]) -> View:
    """Whose consent a code is; it can still be used afterwards (UNVERIFIED)."""
    refuse_strangers(form)
    with world.transaction():
        login = kept_code(world, form.get("code", ""))["login"]
    return {"user": {"id": CLIENTS.get(login, 0), "username": login, "types": ["advertiser"]}}


def refuse_strangers(form: dict[str, str]) -> None:
    if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
        raise unauthorized("invalid_client")


def shown(token: Document, expires_in: Any) -> View:
    """`expires_in` is a text in one flow and a number in another."""
    return {
        "access_token": token["access"],
        "token_type": "bearer",
        "scope": SCOPE,
        "expires_in": expires_in,
        "refresh_token": token["refresh"],
    }


def routes(world: World) -> APIRouter:
    router = APIRouter(prefix="/api/v2/oauth2")

    @router.post("/token.json")
    async def _token(request: Request) -> View:
        return await run_in_threadpool(answer, world, await form_of(request))

    @router.post("/token/delete.json", status_code=204)
    async def _delete(request: Request) -> None:
        form = await form_of(request)
        refuse_strangers(form)
        whose = {"username", "user_id"} & form.keys()
        login = user_of(form.get("username"), form.get("user_id")) if whose else LOGIN
        with world.transaction():
            delete(world, login)

    @router.post("/code_info.json")
    async def _code_info(request: Request) -> View:
        return await run_in_threadpool(code_info, world, await form_of(request))

    return router
