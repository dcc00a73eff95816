"""What every request to the played VK Ads goes through: token, rates, envelopes, pages.

Source: VK Ads API documentation, Authorization and Overview, 2026. UNVERIFIED marks what it leaves
open.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from connectors.sandbox.frame import Refused, View
from connectors.sandbox.store import Document, Store
from connectors.sandbox.world import World

NAME = "vk"

WINDOWS = (("RPS", 1), ("Hourly", 3600), ("Daily", 86_400))
MOSCOW = 3 * 3600
LIMITS = {"RPS": 30, "Hourly": 10_000, "Daily": 100_000}
"""UNVERIFIED: they differ per method and per user; only the live headers count."""
LIST_LIMITS: dict[tuple[str, str], dict[int, int]] = {
    ("v2", "READ"): {60: 1},
    ("v2", "CREATE"): {3600: 0},
    ("v3", "READ"): {3600: 200},
    ("v3", "CREATE"): {3600: 10},
    ("all", "READ"): {3600: 200},
    ("all", "CREATE"): {60: 1},
}
"""Of users lists, as the documented sample of throttling.json has them."""

PAGE, MOST = 20, 50


def refusal(status: int, code: str, message: str = "", **more: Any) -> Refused:
    return Refused(status, {"error": {"code": code, "message": message or code, **more}})


def invalid(**fields: Any) -> Refused:
    """400: one code, or a list of faults, per field."""
    shown = {
        name: one if isinstance(one, list) else {"code": one, "message": one}
        for name, one in fields.items()
    }
    return refusal(400, "validation_failed", "validation failed", fields=shown)


def unauthorized(code: str) -> Refused:
    """401 has a flat body and names the error in a header as well."""
    header = {"WWW-Authenticate": f'Bearer realm="api", error="{code}"'}
    return Refused(401, {"code": code, "message": code.replace("_", " ")}, header)


STATE_CODES = {"expired": "expired_token", "revoked": "revoked_token", "blocked": "invalid_user"}


def login_of(world: World, header: str) -> str:
    scheme, _, text = header.partition(" ")
    token = world.token(text) if scheme == "Bearer" and text else None
    if token is None:
        raise unauthorized("invalid_token")
    if token["state"] != "valid":
        raise unauthorized(STATE_CODES.get(token["state"], "invalid_token"))
    return str(token["login"])


@dataclass(frozen=True)
class Call:
    """One request of one account."""

    world: World
    store: Store
    login: str
    request: Request

    @property
    def now(self) -> float:
        return self.world.now()

    def mine(self, kind: str) -> list[Document]:
        return [one for one in self.store.all(kind) if one["owner"] == self.login]

    def own(self, kind: str, number: int, resource: str) -> Document:
        """404 for what is not there or belongs to somebody else."""
        found = self.store.get(kind, number)
        if found is None or found["owner"] != self.login:
            raise refusal(404, "not_found", f"{resource} not found", resource=resource)
        return found

    async def body(self) -> Document:
        try:
            body = await self.request.json()
        except ValueError:
            raise refusal(400, "invalid_json") from None
        if not isinstance(body, dict):
            raise refusal(400, "validation_failed", "an object is expected")
        return body

    def number(self, name: str, default: int, most: int) -> int:
        text = self.request.query_params.get(name, str(default))
        if not text.isdigit() or int(text) > most:
            raise invalid(**{name: "invalid_value"})
        return int(text)

    def ids(self, name: str) -> list[int] | None:
        """Numbers of a comma list; None where it is not given."""
        text = self.request.query_params.get(name)
        if text is None:
            return None
        if not all(part.isdigit() for part in text.split(",")):
            raise invalid(**{name: "invalid_value"})
        return [int(part) for part in text.split(",")]

    def page(self, found: Iterable[View], *, most: int = MOST) -> View:
        rows = list(found)
        limit, offset = self.number("limit", PAGE, most), self.number("offset", 0, 10**9)
        items = rows[offset : offset + limit]
        if fields := self.request.query_params.get("fields"):
            items = [{k: v for k, v in row.items() if k in fields.split(",")} for row in items]
        return {"count": len(rows), "offset": offset, "limit": limit, "items": items}


# Rates


def start_of(now: float, seconds: int) -> float:
    """Where the calendar window of this length began, in Moscow."""
    return now - (now + MOSCOW) % seconds


def used(call: Call, name: str, seconds: int) -> int:
    # A mark on the very edge belongs to the window it opens.
    return call.store.marked(name, since=start_of(call.now, seconds) - 1e-6)


def rate_headers(call: Call) -> dict[str, str]:
    headers = {}
    for window, seconds in WINDOWS:
        most = LIMITS[window]
        left = max(0, most - used(call, f"rate {call.login}", seconds))
        headers[f"X-RateLimit-{window}-Limit"] = str(most)
        headers[f"X-RateLimit-{window}-Remaining"] = str(left)
    return headers


def count_request(call: Call) -> None:
    """429 when a window is used up; else one more is used."""
    name = f"rate {call.login}"
    for window, seconds in WINDOWS:
        if call.world.settings.quotas and used(call, name, seconds) >= LIMITS[window]:
            raise refusal(429, "rate_limit_exceeded", f"{window} limit is used up")
    call.store.mark(name, at=call.now, keep=86_400)


def count_list_request(call: Call, version: str, action: str) -> None:
    """The limits of users lists, which the rate headers do not show."""
    if not call.world.settings.quotas:
        return
    for of in (version, "all"):
        name = f"lists {call.login} {of} {action}"
        for seconds, most in LIST_LIMITS[of, action].items():
            if used(call, name, seconds) >= most:
                raise refusal(429, "throttled", f"{most} in {seconds} s are used up")
    for of in (version, "all"):
        call.store.mark(f"lists {call.login} {of} {action}", at=call.now, keep=3600)


def throttling(call: Call) -> View:
    """Limits and what is left of them; keyed by the window's seconds."""
    shown: View = {}
    for (version, action), limits in LIST_LIMITS.items():
        name = f"lists {call.login} {version} {action}"
        left = {
            str(seconds): max(0, most - used(call, name, seconds))
            if call.world.settings.quotas
            else most
            for seconds, most in limits.items()
        }
        shown.setdefault(version, {})[action] = {
            "limits": {str(seconds): most for seconds, most in limits.items()},
            "remaining": left,
        }
    return {"REMARKETINGUSERSLIST": shown}


# Routes


def counted(world: World) -> type[APIRoute]:
    """Routes behind the token, each request counted; every answer carries the rate headers."""

    class Counted(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Any]:
            handle = super().get_route_handler()

            async def answer(request: Request) -> Response:
                login = login_of(world, request.headers.get("authorization", ""))
                call = Call(world, world.store(NAME), login, request)
                request.state.call = call
                try:
                    with world.transaction():
                        count_request(call)
                    response: Response = await handle(request)
                except Refused as refused:
                    refused.headers.update(rate_headers(call))
                    raise
                response.headers.update(rate_headers(call))
                return response

            return answer

    return Counted


def text_of(moment: float) -> str:
    """A moment as VK Ads prints it: Moscow time, without a zone."""
    return datetime.fromtimestamp(moment + MOSCOW, UTC).strftime("%Y-%m-%d %H:%M:%S")


def call_of(request: Request) -> Call:
    found: Call = request.state.call
    return found
