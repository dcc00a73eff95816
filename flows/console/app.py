"""The console as a web application: who may ask what, headers, and where the pages are.

No page holds a script or a style of its own, so the content security policy allows neither; every
asset comes from this program. A form is taken only with the token of its session.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.faults import ConfigError
from flows.console.asked import HERE, Asked, Console, Refused, Route
from flows.console.entering import keep_session, language_of, local, session_of, visitor_of
from flows.console.pages import ROUTES
from flows.console.rendering import problem
from flows.console.work import Busy
from flows.mending import told_plainly
from flows.workshop import CannotRun

LARGEST_FORM = 256 * 1024
"""Bytes; the largest form is the table of rules."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


def make_app(console: Console) -> ASGIApp:
    """The application of a project. Raises ConfigError, and CannotRun without a single user."""
    if not console.door.is_open and not console.users.all():
        raise CannotRun(
            "whoever comes by this address must log in, and there is nobody yet who could: "
            "add the first person with `adsteer user add NAME --role approver`."
        )
    _ = console.signer  # its key and the project's settings: what is wrong shows now, not at a page
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    for route in ROUTES:
        app.add_api_route(
            route.path, _endpoint(console, route), methods=[route.method], response_model=None
        )
    return Strict(app, console)


@dataclass(frozen=True)
class Strict:
    """Around everything: the name we are called by, the size of a form, headers of every answer."""

    app: ASGIApp
    console: Console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)

        async def strictly(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self.console.door.is_https(connection):
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        refused = self._refused(connection)
        if refused is not None:
            await refused(scope, receive, strictly)
            return
        await self.app(scope, receive, strictly)

    def _refused(self, asked: HTTPConnection) -> Response | None:
        if not self.console.door.is_called(asked.headers.get("host", "")):
            text = "This console is not known by that name. See --public-name in docs/console.md."
            return PlainTextResponse(text, 421)
        length = asked.headers.get("content-length", "0")
        chunked = "transfer-encoding" in asked.headers
        if chunked or not length.isdigit() or int(length) > LARGEST_FORM:
            return PlainTextResponse("The form is too large.", 413)
        return None


def _endpoint(console: Console, route: Route) -> Callable[[Request], Awaitable[Response]]:
    """Who asks, whether they may, whether the form is one of ours; only then the page itself."""

    async def endpoint(request: Request) -> Response:
        form = await request.form() if route.method == "POST" else {}
        typed = {name: value for name, value in form.items() if isinstance(value, str)}
        return await run_in_threadpool(_answer, console, route, request, typed)

    return endpoint


def _answer(console: Console, route: Route, request: Request, typed: Mapping[str, str]) -> Response:
    session, fresh = session_of(console, request)
    visitor = visitor_of(console, request, session)
    asked = Asked(console, request, visitor, session, language_of(console, request), typed)
    try:
        _check(asked, route)
        response = route.handler(asked)
    except Refused as refused:
        if refused.status == 401 and route.method == "GET":
            response = RedirectResponse(f"/login?to={quote(local(request.url.path))}", 303)
        else:
            response = problem(asked, asked.say(refused.key), refused.status)
        if refused.wait:
            response.headers["Retry-After"] = str(int(refused.wait) + 1)
    except Busy:
        response = problem(asked, asked.say("problem.busy"), 409)
    except ConfigError as error:
        response = problem(asked, asked.say("problem.settings"), 409, map(str, error.faults))
    except Exception as error:
        text = told_plainly(error)
        if not text:
            raise
        response = problem(asked, text, 409)
    if fresh and "set-cookie" not in response.headers:
        keep_session(asked, response, session)
    return response


def _check(asked: Asked, route: Route) -> None:
    """Raises Refused for whoever may not."""
    if asked.request.method == "POST":
        if asked.request.headers.get("sec-fetch-site", "same-origin") == "cross-site":
            raise Refused(403, "problem.token")
        if not asked.console.signer.is_token(asked.session, asked.form.get("token", "")):
            raise Refused(403, "problem.token")
    if route.role is None:
        return
    if not asked.visitor.name:
        raise Refused(401, "problem.login")
    if not asked.visitor.may(route.role):
        raise Refused(403, "problem.role")
