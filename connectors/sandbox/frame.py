"""What a played platform is, and what happens to every request before and after it is asked.

The frame knows no platform: it counts, delays, and spoils answers as the faults ask, in the words
the platform itself would use (`Platform.refuse`).
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Protocol

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.sandbox.faults import Fault
from connectors.sandbox.world import World

MAX_PEEK_BYTES = 64 * 2**20
"""JSON bodies are read whole to tell the operation; uploads are not read by the frame."""
HIDDEN = ("_sandbox", "")
"""First path segments that belong to the sandbox, not to a platform."""

View = dict[str, Any]


class MembersOf(Protocol):
    """Digests of a list as the control door asks for them."""

    def __call__(self, world: World, found: View, most: int | None = None) -> list[str]: ...


@dataclass(frozen=True)
class Platform:
    """One played platform."""

    name: str
    """Also the first segment of its paths and the name of its store."""
    router: Callable[[World], APIRouter]
    operation: Callable[[str, str, Any], str]
    """Names what is asked, without blanks: from method, path under the prefix, and JSON body."""
    refuse: Callable[[str, int], tuple[int, Any]]
    """Status and body in the platform's words for a fault kind or 'not_found', given a status."""
    headers: Callable[[str], dict[str, str]] = lambda kind: {}
    """Headers of the answer to a fault kind, beside its body."""
    seed: Callable[[World], None] = lambda world: None
    """Puts in place what the account holds before anybody works with it."""
    lists: Callable[[World], list[View]] = lambda world: []
    """What the control door shows of every list; `member_count` where there are members."""
    members: MembersOf = lambda world, found, most=None: []
    """Digests of one of `lists` as hex, sorted; at most `most` of them."""
    bids: Callable[[World], list[View]] = lambda world: []
    forget: Callable[[World, int], bool] = lambda world, number: False
    """Deletes a list behind the client's back; False if there is none."""


class Refused(Exception):
    """An answer that is not what was asked for, in the platform's words."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers or {}


def fault_of(request: Request) -> str:
    """The kind of fault that the platform itself must play in this request, or ''."""
    return str(request.scope.get("fault", ""))


@dataclass
class Spoiled:
    """What the client gets in place of the platform's answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False

    async def give(self, send: Send) -> None:
        """Send it; a cut answer promises more than it holds, so the server hangs up."""
        promised = len(self.body) + (1 if self.cut else 0)
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(promised),
            **self.headers,
        }
        raw = [(k.lower().encode(), v.encode()) for k, v in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        await send({"type": "http.response.body", "body": self.body, "more_body": self.cut})


SILENT = {"slow", "partial", "processing_failed"}
"""Faults under which the answer is the platform's own."""


@dataclass(frozen=True)
class Frame:
    """ASGI middleware around all platforms."""

    app: ASGIApp
    world: World
    platforms: dict[str, Platform]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        name, _, path = scope["path"].lstrip("/").partition("/")
        platform = self.platforms.get(name)
        if platform is None:
            await self.app(scope, receive, send)
            return
        with self.world.counted(name) as parallel:
            scope["parallel"] = parallel
            body, receive = await peek(scope, receive)
            operation = platform.operation(scope["method"], path, body)
            fault = self.world.faults.take(name, operation)
            if self.world.settings.latency:
                await asyncio.sleep(self.world.settings.latency)
            answer = await self._answer(platform, fault, scope, receive)
            # Counted before it leaves: who has the answer finds the request in the log.
            self.world.log(name, operation, answer.status, fault)
            await answer.give(send)

    async def _answer(
        self, platform: Platform, fault: Fault | None, scope: Scope, receive: Receive
    ) -> "Answer | Spoiled":
        answer = Answer()
        if fault is None or fault.kind in SILENT or fault.after_effect:
            scope["fault"] = fault.kind if fault else ""
            await self.app(scope, receive, answer.take)
        if fault is None or fault.kind in SILENT:
            if fault is not None and fault.kind == "slow":
                await asyncio.sleep(fault.seconds)
            return answer
        return spoil(fault, platform, answer)


class Answer:
    """What the platform answered, held back until the frame lets it go."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self._messages: list[Message] = []

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.body += message.get("body", b"")
        self._messages.append(message)

    async def give(self, send: Send) -> None:
        for message in self._messages:
            await send(message)


def spoil(fault: Fault, platform: Platform, answer: Answer) -> Spoiled:
    """The spoiled answer for a fault, in the platform's words where it has any."""
    if fault.kind in ("cut", "malformed"):
        whole = answer.body or b'{"result": {"answer": "cut in the middle"}}'
        return Spoiled(200, whole[: len(whole) // 2], cut=fault.kind == "cut")
    status, body = platform.refuse(fault.kind, fault.status)
    headers = platform.headers(fault.kind)
    if fault.retry_after is not None:
        # By the wall clock, like the Date header beside it: the sandbox's own may be moved.
        moment = datetime.now(UTC) + timedelta(seconds=fault.retry_after)
        headers["Retry-After"] = (
            f"{fault.retry_after:g}"
            if fault.retry_after_form == "seconds"
            else format_datetime(moment, usegmt=True)
        )
    return Spoiled(status, json.dumps(body).encode(), headers)


async def peek(scope: Scope, receive: Receive) -> tuple[Any, Receive]:
    """The JSON body (None if it is none), and a `receive` that tells it again."""
    headers = dict(scope["headers"])
    if b"json" not in headers.get(b"content-type", b""):
        return None, receive
    whole = b""
    while True:
        message = await receive()
        whole += message.get("body", b"")
        if not message.get("more_body") or len(whole) > MAX_PEEK_BYTES:
            break
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": whole, "more_body": False}

    try:
        return json.loads(whole), again
    except ValueError:
        return None, again


async def refused(request: Request, error: Exception) -> Response:
    """Turns Refused into its answer."""
    if not isinstance(error, Refused):
        raise error
    return JSONResponse(error.body, status_code=error.status, headers=error.headers)


def wrong_path(platforms: dict[str, Platform]) -> Callable[[Request, Exception], Any]:
    """Answers unknown paths and methods in the words of the platform they were asked of."""

    async def answer(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        platform = platforms.get(request.url.path.lstrip("/").partition("/")[0])
        if platform is None:
            return JSONResponse({"error": "no such door in the sandbox"}, status_code=status)
        status, body = platform.refuse("not_found", status)
        return JSONResponse(body, status_code=status)

    return answer
