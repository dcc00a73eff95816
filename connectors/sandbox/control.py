"""The control door under /_sandbox, and the page for people at /.

The door shows what the platforms hold, moves the clock, changes settings and asks for faults. It
is how tests and rehearsals see the effect of what was sent; no connector knows it.
"""

import dataclasses
from collections.abc import Sequence
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import TypeAdapter, ValidationError

from connectors.sandbox.faults import Fault
from connectors.sandbox.frame import Platform, View
from connectors.sandbox.market import ADAPTER as MARKET
from connectors.sandbox.market import put_market
from connectors.sandbox.world import Settings, World
from connectors.sandbox.yandex_call import NAME as YANDEX_DIRECT

PREFIX = 6
"""Characters of a digest that the page shows."""
SHOWN_MEMBERS = 12
FAULT: TypeAdapter[Fault] = TypeAdapter(Fault)
SETTINGS: TypeAdapter[Settings] = TypeAdapter(Settings)


def state(world: World, platforms: Sequence[Platform], *, members: bool) -> View:
    """Everything the world holds; member digests in full only where they are asked for."""
    return {
        "now": world.now(),
        "settings": dataclasses.asdict(world.settings),
        "platforms": {
            platform.name: {
                "lists": [
                    {
                        **found,
                        **({"members": platform.members(world, found)} if members else {}),
                    }
                    for found in platform.lists(world)
                ],
                "bids": platform.bids(world),
            }
            for platform in platforms
        },
        "requests": world.requests(),
        "faults": [
            {**dataclasses.asdict(fault), "left": left} for fault, left in world.faults.waiting()
        ],
    }


def table(rows: Sequence[View], empty: str) -> str:
    """Rows as an HTML table, columns in the order in which they first appear."""
    if not rows:
        return f"<p>{escape(empty)}</p>"
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(row.get(name, '')))}</td>" for name in names) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def short(world: World, platform: Platform, found: View) -> View:
    """A list as the page shows it: a few members, six characters of each."""
    members = platform.members(world, found, most=SHOWN_MEMBERS)
    kept = {k: v for k, v in found.items() if not isinstance(v, list | dict)}
    return {**kept, "members": " ".join(digest[:PREFIX] for digest in members)}


def page(world: World, platforms: Sequence[Platform]) -> str:
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>adsteer sandbox</title>",
        "<style>body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}"
        "td,th{border:1px solid #ccc;padding:2px 6px;text-align:left}</style>",
        "<h1>adsteer sandbox</h1>",
    ]
    for platform in platforms:
        parts.append(f"<h2>{escape(platform.name)}</h2><h3>Lists</h3>")
        parts.append(table([short(world, platform, f) for f in platform.lists(world)], "No lists."))
        parts.append("<h3>Bids</h3>" + table(platform.bids(world), "No bids."))
    recent = [dataclasses.asdict(logged) for logged in reversed(world.recent)]
    waiting = [{**dataclasses.asdict(f), "left": left} for f, left in world.faults.waiting()]
    parts.append("<h2>Requests</h2>" + table(world.requests(), "None yet."))
    parts.append("<h3>The latest</h3>" + table(recent[:30], "None yet."))
    parts.append("<h2>Faults to come</h2>" + table(waiting, "None.") + "</html>")
    return "".join(parts)


def router(world: World, platforms: Sequence[Platform]) -> APIRouter:
    routes = APIRouter()
    view_routes(world, platforms, routes)
    misbehaviour_routes(world, routes)
    market_routes(world, routes)
    command_routes(world, platforms, routes)
    return routes


def view_routes(world: World, platforms: Sequence[Platform], routes: APIRouter) -> None:
    @routes.get("/", response_class=HTMLResponse)
    def _page() -> str:
        with world.transaction():
            return page(world, platforms)

    @routes.get("/_sandbox/state")
    def _state(members: bool = True) -> View:
        with world.transaction():
            return state(world, platforms, members=members)


def misbehaviour_routes(world: World, routes: APIRouter) -> None:
    @routes.post("/_sandbox/faults", response_model=None)
    async def _fault(request: Request) -> Response:
        try:
            fault = FAULT.validate_python(await request.json())
        except ValidationError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        world.faults.add(fault)
        return JSONResponse(dataclasses.asdict(fault))

    @routes.delete("/_sandbox/faults")
    def _no_faults() -> View:
        world.faults.clear()
        return {"faults": []}


def market_routes(world: World, routes: APIRouter) -> None:
    @routes.post("/_sandbox/market", response_model=None)
    async def _market(request: Request) -> Response:
        try:
            market = MARKET.validate_python(await request.json())
        except ValidationError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        with world.transaction():
            put_market(world.store(YANDEX_DIRECT), market)
        return JSONResponse({"success": True})


def command_routes(world: World, platforms: Sequence[Platform], routes: APIRouter) -> None:
    by_name = {platform.name: platform for platform in platforms}

    @routes.post("/_sandbox/clock")
    def _clock(seconds: float) -> View:
        world.move_clock(seconds)
        return {"now": world.now()}

    @routes.post("/_sandbox/settings", response_model=None)
    async def _settings(request: Request) -> Response:
        wish: dict[str, Any] = await request.json()
        try:
            checked = SETTINGS.validate_python(dataclasses.asdict(world.settings) | wish)
            world.change(**{name: getattr(checked, name) for name in wish})
        except ValidationError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse(dataclasses.asdict(world.settings))

    @routes.post("/_sandbox/tokens", response_model=None)
    async def _token(request: Request) -> Response:
        wish: dict[str, Any] = await request.json()
        try:
            with world.transaction():
                world.put_token(wish.pop("token"), **wish)
        except (KeyError, TypeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse({"success": True})

    @routes.delete("/_sandbox/lists/{platform}/{number}", response_model=None)
    def _forget(platform: str, number: int) -> Response:
        with world.transaction():
            gone = platform in by_name and by_name[platform].forget(world, number)
        return JSONResponse({"deleted": gone}, status_code=200 if gone else 404)

    @routes.post("/_sandbox/reset")
    def _reset() -> View:
        with world.transaction():
            world.reset()
            for platform in platforms:
                platform.seed(world)
        return {"success": True}
