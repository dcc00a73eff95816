"""Coming in: sessions, passwords, a proxy's word, the language of the pages."""

import time

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from config.faults import ConfigError
from config.load import load_project
from flows.console import texts
from flows.console.asked import Asked, Console, Refused
from flows.console.door import STRANGER, Visitor, at_home, known
from flows.console.sessions import SESSION_SECONDS, Session

LANGUAGE_COOKIE = "adsteer_language"


def session_of(console: Console, request: Request) -> tuple[Session, bool]:
    """The session of a request, and whether it had to be begun."""
    now = time.time()
    cookie = request.cookies.get(console.cookie, "")
    session = console.signer.open(cookie, now) if cookie else None
    return (session, False) if session is not None else (console.signer.begin(now), True)


def visitor_of(console: Console, request: Request, session: Session) -> Visitor:
    door = console.door
    if door.is_open:
        return at_home()
    vouched = door.vouched(request)
    if vouched:
        return known(console.users.all().get(vouched))
    user = console.users.all().get(session.name) if session.name else None
    return known(user) if user is not None and user.stamp == session.stamp else STRANGER


def keep_session(asked: Asked, response: Response, session: Session) -> None:
    """Give the session to the browser."""
    response.set_cookie(
        asked.console.cookie,
        asked.console.signer.seal(session),
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="lax",
        secure=asked.console.door.is_https(asked.request),
        path="/",
    )


def log_in(asked: Asked) -> Response:
    """Check a password; a new session in place of the stranger's, so that none can be planted."""
    console, now = asked.console, time.time()
    name = asked.form.get("name", "").strip()
    address = console.door.address(asked.request)
    both = f"{name}@{address}"  # nobody can lock a person out from elsewhere
    wait = max(console.by_name.wait(both, now), console.by_address.wait(address, now))
    if wait:
        raise Refused(429, "problem.patience", wait)
    user = console.users.verified(name, asked.form.get("password", ""))
    with console.workshop() as workshop:
        if user is None:
            console.by_name.failed(both, now)
            console.by_address.failed(address, now)
            # whatever was typed as a name may be somebody's password or address: it is not kept
            console.record(workshop, STRANGER, "login.failed", said=f"from {address}")
            raise Refused(403, "problem.password")
        console.record(workshop, known(user), "login", said=f"from {address}")
    console.by_name.succeeded(both)
    response = RedirectResponse(local(asked.form.get("to", "/")), 303)
    keep_session(asked, response, console.signer.begin(now, user.name, user.stamp))
    return response


def log_out(asked: Asked) -> Response:
    """End the session on this side too."""
    asked.console.signer.end(asked.session, time.time())
    response = RedirectResponse("/login", 303)
    response.delete_cookie(asked.console.cookie, path="/")
    return response


def choose_language(asked: Asked) -> Response:
    """Remember a language in the browser and go back to where it was chosen."""
    chosen = asked.form.get("language", "")
    response = RedirectResponse(local(asked.form.get("to", "/")), 303)
    if chosen in texts.LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE,
            chosen,
            max_age=365 * 86400,
            httponly=True,
            samesite="lax",
            secure=asked.console.door.is_https(asked.request),
        )
    return response


def language_of(console: Console, request: Request) -> str:
    """Chosen in the browser, or the browser's own, or the shop's."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in texts.LANGUAGES:
        return chosen
    wanted = request.headers.get("accept-language", "")[:200]
    for part in wanted.split(","):
        name = part.split(";")[0].strip().split("-")[0].lower()
        if name in texts.LANGUAGES:
            return name
    try:
        return load_project(console.folder).adsteer.shop.language
    except ConfigError:  # the page says what is wrong
        return "en"


def local(path: str) -> str:
    """A path of ours to go to, and nothing that a browser takes for another host."""
    fine = path.startswith("/") and not path.startswith(("//", "/\\")) and "\\" not in path
    return path if fine and path.isprintable() else "/"
