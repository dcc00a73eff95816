"""VK Ads (ads.vk.com) on the wire, as the sandbox plays it: paths, words, and what is seeded.

Source: VK Ads API documentation, 2026, and help pages of its forerunner myTarget. The forerunner's
host answers reads of v2 under the prefix `legacy`.
"""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from starlette.datastructures import UploadFile

from connectors.sandbox import vk_groups as groups
from connectors.sandbox import vk_lists as lists
from connectors.sandbox import vk_lookalikes as grown
from connectors.sandbox import vk_oauth as oauth
from connectors.sandbox import vk_segments as segments
from connectors.sandbox import vk_statistics as statistics
from connectors.sandbox.frame import Platform, View, fault_of
from connectors.sandbox.vk_call import (
    NAME,
    call_of,
    count_list_request,
    counted,
    refusal,
    throttling,
    unauthorized,
)
from connectors.sandbox.world import World

VERBS = {"GET": ("find", "read"), "POST": ("create", "update"), "DELETE": ("delete", "delete")}


def operation(method: str, path: str, body: Any) -> str:
    """E.g. users_lists.create, segments.relations.find, ad_groups.update, oauth2.token.create."""
    parts = path.removeprefix("legacy/").split("/")[2:]
    names = [part.removesuffix(".json") for part in parts if part != "remarketing"]
    words = [name for name in names if not name.replace(",", "").isdigit()]
    several, single = VERBS.get(method, (method.lower(), method.lower()))
    return ".".join([*words, single if names and names[-1] not in words else several])


def refuse(kind: str, status: int) -> tuple[int, Any]:
    """The platform's words for a fault of the frame; those of 429 and 500 are UNVERIFIED."""
    if kind in ("expired_token", "revoked_token"):
        return 401, unauthorized(kind).body
    code, word = {
        "throttle": (429, "rate_limit_exceeded"),
        "quota_gone": (429, "daily_limit_exceeded"),
        "no_rights": (403, "access_denied"),
        "not_found": (status, "not_found"),
        "error_inside": (200, "internal_error"),
    }.get(kind, (status, "internal_error"))
    return code, refusal(code, word).body


def headers(kind: str) -> dict[str, str]:
    """What the answer of a fault says beside its body."""
    if kind in ("expired_token", "revoked_token"):
        return unauthorized(kind).headers
    windows = {"throttle": "RPS", "quota_gone": "Daily"}
    return {f"X-RateLimit-{windows[kind]}-Remaining": "0"} if kind in windows else {}


def router(world: World) -> APIRouter:
    whole = APIRouter()
    whole.include_router(oauth.routes(world))
    inner = APIRouter(route_class=counted(world))
    list_routes(world, inner)
    segment_routes(world, inner)
    relation_routes(world, inner)
    lookalike_routes(world, inner)
    group_routes(world, inner)
    read_routes(world, inner)
    whole.include_router(inner)
    legacy = APIRouter(prefix="/legacy", route_class=counted(world))
    for route in inner.routes:
        if (
            isinstance(route, APIRoute)
            and "GET" in (route.methods or ())
            and route.path.startswith("/api/v2/")
        ):
            legacy.add_api_route(route.path, route.endpoint, methods=["GET"])
    whole.include_router(legacy)
    return whole


async def act(world: World, work: Callable[..., Any], *given: Any) -> Any:
    """Work in one transaction, off the event loop."""

    def within() -> Any:
        with world.transaction():
            return work(*given)

    return await run_in_threadpool(within)


def list_routes(world: World, routes: APIRouter) -> None:
    @routes.get("/api/{version}/remarketing/users_lists.json")
    async def _find(request: Request, version: str) -> View:
        call = call_of(request)
        await act(world, count_list_request, call, known(version), "READ")
        found = await act(world, lists.find, call)
        return {"items": call.page(found)["items"]}

    @routes.post("/api/{version}/remarketing/users_lists.json")
    async def _create(request: Request, response: Response, version: str) -> View:
        call = call_of(request)
        await act(world, count_list_request, call, known(version), "CREATE")
        form = await request.form()
        file = form.get("file")
        content = await file.read() if isinstance(file, UploadFile) else None
        texts = {k: v for k, v in form.items() if isinstance(v, str)}
        if version == "v2":
            texts = lists.fields_of_v2(texts)
        partial = fault_of(request) == "partial"
        made: View = await act(world, lists.create, call, texts, content, partial)
        if version == "v2":
            response.status_code = 201
            return {**made, "status": "loading"}
        return made

    @routes.get("/api/v3/remarketing/users_lists/{number}.json")
    async def _read(request: Request, number: int) -> View:
        call = call_of(request)
        await act(world, count_list_request, call, "v3", "READ")
        one = call.own("list", number, "RemarketingUsersList")
        shown: View = await act(world, lists.shown, world, call.store, one)
        return shown

    @routes.post("/api/v3/remarketing/users_lists/{number}.json", status_code=204)
    async def _rename(request: Request, number: int) -> None:
        call = call_of(request)
        await act(world, lists.rename, call, number, await call.body())

    @routes.delete("/api/v3/remarketing/users_lists/{number}.json", status_code=204)
    async def _delete(request: Request, number: int) -> None:
        await act(world, lists.delete, call_of(request), number)


def known(version: str) -> str:
    if version not in ("v2", "v3"):
        raise refusal(404, "not_found", "unknown version")
    return version


def segment_routes(world: World, routes: APIRouter) -> None:
    path = "/api/v2/remarketing/segments"

    @routes.get(f"{path}.json")
    async def _find(request: Request) -> View:
        return {**await act(world, segments.find, call_of(request))}

    @routes.post(f"{path}.json")
    async def _create(request: Request) -> View:
        call = call_of(request)
        return {**await act(world, segments.create, call, await call.body())}

    @routes.post(path + "/{number}.json", status_code=201)
    async def _update(request: Request, number: int) -> View:
        call = call_of(request)
        return {**await act(world, segments.update, call, number, await call.body())}

    @routes.delete(path + "/{number}.json", status_code=204)
    async def _delete(request: Request, number: int) -> None:
        await act(world, segments.delete, call_of(request), number)


def relation_routes(world: World, routes: APIRouter) -> None:
    path = "/api/v2/remarketing/segments/{number}/relations"

    @routes.get(path + ".json")
    async def _find(request: Request, number: int) -> View:
        return {**await act(world, segments.relations, call_of(request), number)}

    @routes.post(path + ".json")
    async def _add(request: Request, number: int) -> View:
        call = call_of(request)
        return {**await act(world, segments.add_relations, call, number, await call.body())}

    @routes.post(path + "/{place}.json", status_code=204)
    async def _change(request: Request, number: int, place: int) -> None:
        call = call_of(request)
        await act(world, segments.change_relation, call, number, place, await call.body())

    @routes.delete(path + "/{places}.json", status_code=204)
    async def _drop(request: Request, number: int, places: str) -> None:
        await act(world, segments.drop_relations, call_of(request), number, places)


def lookalike_routes(world: World, routes: APIRouter) -> None:
    path = "/api/v2/remarketing/lookalike_audiences"

    @routes.get(f"{path}.json")
    async def _find(request: Request) -> View:
        return {**await act(world, grown.lookalikes, call_of(request))}

    @routes.post(f"{path}.json")
    async def _grow(request: Request) -> View:
        call = call_of(request)
        return {**await act(world, grown.grow, call, await call.body())}

    @routes.get(path + "/{number}.json")
    async def _read(request: Request, number: int) -> View:
        return {**await act(world, grown.lookalike, call_of(request), number)}

    @routes.delete(path + "/{number}.json", status_code=204)
    async def _drop(request: Request, number: int) -> None:
        await act(world, grown.drop_lookalike, call_of(request), number)


def group_routes(world: World, routes: APIRouter) -> None:
    @routes.post("/api/v2/ad_groups/mass_action.json", status_code=204)
    async def _update_many(request: Request) -> None:
        items = await request.json()
        await act(world, groups.update_many, call_of(request), items)

    @routes.post("/api/v2/ad_groups/{number}.json", status_code=204)
    async def _update(request: Request, number: int) -> None:
        call = call_of(request)
        await act(world, groups.update, call, number, await call.body())


def read_routes(world: World, routes: APIRouter) -> None:
    @routes.get("/api/v2/ad_groups.json")
    async def _groups(request: Request) -> View:
        return {**await act(world, groups.find, call_of(request))}

    @routes.get("/api/v2/ad_plans.json")
    async def _plans(request: Request) -> View:
        return {**await act(world, groups.plans, call_of(request))}

    @routes.get("/api/v2/currencies.json")
    async def _currencies(request: Request) -> View:
        return groups.currencies()

    @routes.get("/api/v2/throttling.json")
    async def _throttling(request: Request) -> View:
        return {**await act(world, throttling, call_of(request))}

    @routes.get("/api/v2/statistics/{kind}/{period}.json")
    async def _statistics(request: Request, kind: str, period: str) -> View:
        return {**await act(world, statistics.v2, call_of(request), kind, period)}

    @routes.get("/api/v3/statistics/{kind}/day.json")
    async def _paged_statistics(request: Request, kind: str) -> View:
        return {**await act(world, statistics.v3, call_of(request), kind)}


# What the control door sees


def seed(world: World) -> None:
    oauth.seed(world)
    if world.store(NAME).get("segment", segments.FOREIGN_SEGMENT) is None:
        lists.seed(world)
        segments.seed(world)
        groups.seed(world)


def shown_lists(world: World) -> list[View]:
    """Base lists, and segments with the people who pass."""
    store = world.store(NAME)
    bases = [
        {**lists.shown(world, store, one), "kind": "users_list"}
        for one in store.all("list")
        if not one["base"]
    ]
    made = [
        {**segments.shown(one), "kind": "segment", "lists": [r["source"] for r in one["relations"]]}
        for one in store.all("segment")
    ]
    rows = {one["id"]: len(people_of(world, one)) for one in (*bases, *made)}
    return [{**one, "member_count": rows[one["id"]]} for one in (*made, *bases)]


def people_of(world: World, found: View) -> Any:
    store = world.store(NAME)
    if found["kind"] == "segment":
        return segments.people(store, found["id"])
    return store.members(found["id"])


def members(world: World, found: View, most: int | None = None) -> list[str]:
    return lists.hexadecimal(people_of(world, found)[:most])


def forget(world: World, number: int) -> bool:
    store = world.store(NAME)
    if segments.forget(store, number):
        return True
    segments.lose_source(store, number)
    return lists.forget(store, number)


PLATFORM = Platform(
    name=NAME,
    router=router,
    operation=operation,
    refuse=refuse,
    headers=headers,
    seed=seed,
    lists=shown_lists,
    members=members,
    bids=groups.bids,
    forget=forget,
)
