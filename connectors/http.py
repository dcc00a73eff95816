"""The one door to the network: timeout, retry, quota, redaction; nobody else calls `requests`.

A connector says what it asks (`Ask`) and what sending it twice would do (`Effect`); the door does
the rest. It logs the method, the path with its gaps unfilled, the status and the time, never a
header or a body; of an answer only the platform's own id of the request.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from json import JSONDecodeError, loads
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import requests
from pydantic import SecretStr
from requests.auth import AuthBase
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    wait_exponential_jitter,
    wait_random,
)
from urllib3.exceptions import NewConnectionError

from connectors.errors import (
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    ListBusy,
    ListGone,
    Throttled,
    Transient,
    Unsure,
    VersionGone,
)
from connectors.quota import Meter

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
READ_SECONDS = 120.0
ATTEMPTS = 5
PATIENCE_SECONDS = 300.0
"""Longest time one request may spend waiting between its attempts."""

LOOKS = 3
"""How often a change whose answer was lost is looked for and, if it is not there, sent again."""

T = TypeVar("T")

DECISIONS: dict[int, type[ConnectorError]] = {
    401: CredentialsRefused,
    403: CredentialsRefused,
    404: ListGone,
    408: Transient,
    410: VersionGone,
    425: Transient,
    429: Throttled,
    500: Transient,
    502: Transient,
    503: Transient,
    504: Transient,
}
"""Status to error, where a platform has no better word of its own; the rest is ContractBroken."""


class Effect(Enum):
    """What sending a request twice does."""

    NONE = "reads"
    SAME = "changes, and twice is as once"
    TWICE = "changes, and twice is twice: whoever asks must look before asking again"


@dataclass(frozen=True)
class Surroundings:
    """What connectors of one project need from outside. Share one among all of them."""

    sandbox_url: str | None = None
    folder: Path = Path()
    """The project's folder: `.env` and `secrets/` are looked for here."""
    secrets: Mapping[str, Mapping[str, SecretStr]] = field(default_factory=dict, repr=False)
    """What a secret store has, by account and field."""
    state: Path | None = None
    """Folder for what a connector must remember because its platform does not; None: nowhere."""
    shared: dict[str, Any] = field(default_factory=dict, repr=False)
    """What accounts with the same secrets share: their tokens."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    calendar: Callable[[], float] = time.time
    """Seconds that all processes count alike; a sandbox's may pass faster than ours."""
    timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS)


class Body(Protocol):
    """A body that can be sent again from its start."""

    content_type: str

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...


@dataclass(frozen=True)
class Ask:
    """One request. `path` is a template: `segment/{id}`, filled from `gaps`."""

    method: str
    path: str
    gaps: Mapping[str, str | int] = field(default_factory=dict)
    query: Mapping[str, str | int] = field(default_factory=dict)
    json: object = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    body: Body | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    effect: Effect = Effect.NONE
    counts: tuple[str, ...] = ()
    """Quota groups it is counted in."""
    weight: int = 1
    """How many requests it counts for there."""
    is_json: bool = True
    """Whether a successful answer must be JSON."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Reply:
    """An answer. `body` is the parsed JSON, or None where there is none."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    text: str = field(repr=False)
    body: Any = field(repr=False)
    retry_after: float | None = None
    content: bytes = field(default=b"", repr=False)
    """The answer's own bytes, for what is no text."""


Judge = Callable[[Ask, Reply], None]
"""Raises the error an answer stands for, or lets it pass."""


Trace = Callable[[Reply], str]
"""Where an answer has the platform's own id of the request; '' where it has none."""


class Tokens(Protocol):
    """Where a token comes from; see `oauth`."""

    def current(self) -> str: ...

    def renew(self, stale: str) -> bool: ...


class TokenExpired(CredentialsRefused):
    """The platform does not take this token; a renewed one may do."""


class TimedSession(requests.Session):
    """A session that cannot forget its timeout and does not carry a token to another address."""

    def __init__(self, timeout: tuple[float, float]) -> None:
        super().__init__()
        self._timeout = timeout

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = kwargs.get("timeout") or self._timeout
        kwargs["allow_redirects"] = False
        return super().send(request, **kwargs)


class _Header(AuthBase):
    """Sets Authorization. As `auth` it also keeps ~/.netrc from replacing it."""

    def __init__(self, value: str | None) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._value is not None:
            request.headers["Authorization"] = self._value
        return request


class Door:
    """Requests to one origin for one account."""

    def __init__(
        self,
        origin: str,
        *,
        surroundings: Surroundings,
        tokens: Tokens | None = None,
        scheme: str = "Bearer",
        judge: Judge | None = None,
        meter: Meter | None = None,
        headers: Mapping[str, str] | None = None,
        trace: Trace | None = None,
    ) -> None:
        self._origin = origin.rstrip("/") + "/"
        sandbox = surroundings.sandbox_url
        self._rehearsing = sandbox is not None and self._origin.startswith(sandbox)
        self._tokens = tokens
        self._scheme = scheme
        self._judge = judge or judge_by_status
        self._meter = meter
        self._trace = trace or (lambda reply: "")
        self._clock = surroundings.clock
        self._now = surroundings.now
        self.sleep = surroundings.sleep
        self._session = TimedSession(surroundings.timeout)
        self._session.headers.update(headers or {})
        self.requests = 0
        """Requests that left, repeated ones included."""

    def send(self, ask: Ask) -> Reply:
        """Ask, and ask again where that is harmless. Raises classes of `errors` only.

        Unsure means that a change may have happened: always so where the last word on a
        change is a 5xx, a cut or a timeout, and with Effect.TWICE after the first of these.
        """
        doubts: list[Unsure] = []

        def once() -> Reply:
            try:
                return self._with_fresh_token(ask)
            except Unsure as doubt:
                doubts.append(doubt)
                raise

        retrying = Retrying(
            retry=retry_if_exception(lambda fault: _harmless(fault, ask.effect)),
            wait=_wait,
            stop=_enough,
            sleep=self.sleep,
            reraise=True,
        )
        try:
            return retrying(once)
        except Transient as fault:
            if doubts and not isinstance(fault, Unsure):
                raise doubts[-1] from None
            raise
        except ConnectorError as fault:
            fault.in_doubt = bool(doubts)
            raise

    def counted(self, group: str, seconds: float) -> int:
        """Requests of a quota group in so many seconds before now, as far as our meter knows."""
        return 0 if self._meter is None else self._meter.counted(group, seconds)

    def once(self, act: Callable[[], T], look: Callable[[], T | None]) -> T:
        """Act; where nobody knows whether it happened, look before acting again.

        `look` returns what acting would have, or None if it did not happen.
        """
        for turn in range(LOOKS):
            try:
                return act()
            except Unsure as fault:
                last = fault
            self.sleep(2.0**turn)
            if (seen := look()) is not None:
                return seen
        raise last

    def _with_fresh_token(self, ask: Ask) -> Reply:
        if self._tokens is None:
            return self._send_once(ask, None)
        token = self._tokens.current()
        try:
            return self._send_once(ask, token)
        except TokenExpired:
            if not self._tokens.renew(token):
                raise
        return self._send_once(ask, self._tokens.current())

    def _send_once(self, ask: Ask, token: str | None) -> Reply:
        if self._meter is not None:
            self._meter.spend(ask.counts, ask.weight)
        self.requests += 1
        started = self._clock()
        status: int | str = "no answer"
        trace = ""
        try:
            response = self._exchange(ask, token)
            status = response.status_code
            reply = self._read(response)
            trace = _plain(self._trace(reply))
        finally:
            log.debug("%s -> %s in %.2f s %s", ask, status, self._clock() - started, trace)
        try:
            self._judge(ask, reply)
        except ConnectorError as fault:
            fault.trace = trace
            raise
        if ask.is_json and reply.body is None:
            raise interrupted(ask, "answered something that is not JSON")
        return reply

    def _exchange(self, ask: Ask, token: str | None) -> requests.Response:
        gaps = {name: quote(str(value), safe="") for name, value in ask.gaps.items()}
        headers = dict(ask.headers)
        if ask.body is not None:
            headers["Content-Type"] = ask.body.content_type
        try:
            return self._session.request(
                ask.method,
                self._origin + ask.path.format_map(gaps),
                params=dict(ask.query),
                json=ask.json,
                data=ask.form if ask.body is None else ask.body,  # an iterable with a length
                headers=headers,
                auth=_Header(None if token is None else f"{self._scheme} {token}"),
            )
        except requests.RequestException as fault:
            # The cause is cut off: it holds the request, and with it the token.
            raise _line_fault(ask, fault, self._rehearsing) from None

    def _read(self, response: requests.Response) -> Reply:
        text = response.content.decode("utf-8", errors="replace")
        try:
            body = loads(text)
        except JSONDecodeError:
            body = None
        # By the platform's own clock, where it tells the time: ours may be wrong.
        now = _date(response.headers.get("Date")) or self._now()
        wait = retry_after(response.headers.get("Retry-After"), now)
        return Reply(response.status_code, response.headers, text, body, wait, response.content)


def trace_in_header(name: str) -> Trace:
    """The id of a request in this header of its answer."""
    return lambda reply: reply.headers.get(name, "")


def _plain(trace: str) -> str:
    """An id as it is; anything that may be more than an id is not repeated."""
    return trace if re.fullmatch(r"[\w-]{1,40}", trace, re.ASCII) else ""


def judge_by_status(ask: Ask, reply: Reply) -> None:
    """Pass 2xx; raise what DECISIONS says of anything else."""
    if not 200 <= reply.status < 300:
        raise error_for_status(ask, reply)


def error_for_status(ask: Ask, reply: Reply, said: str = "") -> ConnectorError:
    """The error of a status, with the platform's words redacted."""
    kind = TokenExpired if reply.status == 401 else DECISIONS.get(reply.status, ContractBroken)
    text = f"{ask}: HTTP {reply.status}{': ' + redact(said) if said else ''}."
    if kind is Transient:
        return interrupted(ask, f"answered HTTP {reply.status}", after=reply.retry_after)
    return kind(text, act=ACTS.get(kind, ""), retry_after=reply.retry_after)


ACTS: dict[type[ConnectorError], str] = {
    TokenExpired: "Authorise the account again and put the new token into its secrets.",
    CredentialsRefused: "Give the account's user the rights, or use another user's token.",
    VersionGone: "Update adsteer, or set api_version of the account to one that is served.",
    ContractBroken: "This is a fault of adsteer: please report it with this text.",
}


def interrupted(ask: Ask, what: str, *, after: float | None = None) -> Transient:
    """The error of a request whose effect nobody knows: Unsure for a change."""
    if ask.effect is Effect.NONE:
        return Transient(f"{ask}: {what}.", retry_after=after)
    return Unsure(f"{ask}: {what}; the change may have happened.", retry_after=after)


def _line_fault(ask: Ask, fault: requests.RequestException, rehearsing: bool) -> ConnectorError:
    name = type(fault).__name__
    if isinstance(fault, requests.ConnectTimeout) or _never_connected(fault):
        act = "Is the sandbox running? Start it with `adsteer sandbox`." if rehearsing else ""
        return Transient(f"{ask}: no connection ({name}).", act=act)
    if isinstance(
        fault,
        requests.ConnectionError
        | requests.Timeout
        | requests.exceptions.ChunkedEncodingError
        | requests.exceptions.ContentDecodingError,
    ):
        return interrupted(ask, f"the connection broke ({name})")
    return ContractBroken(f"{ask}: the request could not be made ({name}).")


def _never_connected(fault: requests.RequestException) -> bool:
    inner = fault.args[0] if fault.args else None
    return isinstance(getattr(inner, "reason", None), NewConnectionError)


def _harmless(fault: BaseException, effect: Effect) -> bool:
    """A busy list takes minutes to hours: whoever asks for it comes back in a later round."""
    if isinstance(fault, ListBusy):
        return False
    if isinstance(fault, Unsure):
        return effect is not Effect.TWICE
    return isinstance(fault, Transient)


_backoff = wait_exponential_jitter(max=60)
_jitter = wait_random(0, 1)


def _wait(state: RetryCallState) -> float:
    """What the platform asked for and a little more; else exponential with jitter."""
    fault = state.outcome.exception() if state.outcome else None
    asked = getattr(fault, "retry_after", None)
    return _backoff(state) if asked is None else asked + _jitter(state)


def _enough(state: RetryCallState) -> bool:
    """Stop rather than knock earlier than asked, or longer than our patience."""
    waited = max(state.idle_for, state.seconds_since_start or 0)
    return state.attempt_number >= ATTEMPTS or waited + state.upcoming_sleep > PATIENCE_SECONDS


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds to wait, from seconds or an HTTP date; None if absent or unreadable."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        then = _date(header)
        if then is None:
            return None
        seconds = (then - now).total_seconds()
    return min(max(seconds, 0.0), 86_400.0) if seconds == seconds else None


def _date(header: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


_SECRET = re.compile(
    r"[^\s@\"'<>]+@[^\s@\"'<>]+"  # an address
    r"|\+?\d[\d\s().-]{8,}\d"  # a phone number (and a long id: ours stand in our own words)
    r"|[A-Za-z0-9_\-.~+/=]{24,}"  # a digest or a token
)


def redact(text: str) -> str:
    """A platform's words without anything that may be a contact, a digest or a token."""
    return " ".join(_SECRET.sub("…", text).split())[:300]
