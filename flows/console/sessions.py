"""Sessions as signed cookies, tokens against forged forms, and patience with wrong passwords."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from audiences.snapshots import private_folder

SESSION_SECONDS = 12 * 3600
KEY_BYTES = 32


@dataclass(frozen=True)
class Session:
    """What a cookie says: a random name of its own, who logged in, and until when."""

    nonce: str
    name: str
    stamp: str
    ends: int
    """Seconds since 1970."""


class Signer:
    """Signs sessions with a key that never leaves the state folder."""

    def __init__(self, state: Path) -> None:
        self._key = _key(private_folder(state / "console") / "key")
        self._ended: dict[str, int] = {}

    def begin(self, now: float, name: str = "", stamp: str = "") -> Session:
        """A new session; the name is empty where nobody logged in."""
        return Session(secrets.token_urlsafe(18), name, stamp, int(now) + SESSION_SECONDS)

    def seal(self, session: Session) -> str:
        """The session as a cookie's value."""
        content = json.dumps([session.nonce, session.name, session.stamp, session.ends])
        body = base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")
        return f"{body}.{self._sign('session', body)}"

    def open(self, cookie: str, now: float) -> Session | None:
        """The session of a cookie; None if it is not ours, over, or was logged out."""
        body, _, signature = cookie.partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign("session", body).encode()):
            return None
        padded = body + "=" * (-len(body) % 4)
        session = Session(*json.loads(base64.urlsafe_b64decode(padded)))
        return session if session.ends > now and session.nonce not in self._ended else None

    def end(self, session: Session, now: float) -> None:
        """Log out: the cookie is good no more, even for somebody who copied it."""
        still = {nonce: ends for nonce, ends in self._ended.items() if ends > now}
        self._ended = {**still, session.nonce: session.ends}

    def token(self, session: Session) -> str:
        """What every form of this session carries."""
        return self._sign("form", session.nonce)

    def is_token(self, session: Session, token: str) -> bool:
        """Whether a form came from a page of this session."""
        return hmac.compare_digest(token.encode(), self.token(session).encode())

    def _sign(self, what: str, text: str) -> str:
        made = hmac.new(self._key, f"{what}:{text}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).decode().rstrip("=")


def _key(path: Path) -> bytes:
    """The key of a state folder, made once, mode 0600."""
    if not path.exists():
        part = path.with_suffix(f".{secrets.token_hex(4)}")
        part.touch(mode=0o600)
        part.write_bytes(secrets.token_bytes(KEY_BYTES))
        try:
            path.hardlink_to(part)  # of two that start at once, the first one's key stays
        except FileExistsError:
            pass
        finally:
            part.unlink()
    return path.read_bytes()


class Patience:
    """Counts failures by who failed; past `most` within `seconds` there is no further try."""

    def __init__(self, *, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._failed: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def wait(self, who: str, now: float) -> float:
        """Seconds until the next try is taken; 0 for at once."""
        with self._lock:
            times = self._recent(who, now)
            return times[0] + self._seconds - now if len(times) >= self._most else 0.0

    def failed(self, who: str, now: float) -> None:
        """Remember a failure."""
        with self._lock:
            if len(self._failed) > 10_000:  # a flood of names must not fill the memory
                self._failed = {
                    name: times
                    for name, times in self._failed.items()
                    if times and times[-1] > now - self._seconds
                }
            self._recent(who, now).append(now)

    def succeeded(self, who: str) -> None:
        """Forget the failures."""
        with self._lock:
            self._failed.pop(who, None)

    def _recent(self, who: str, now: float) -> deque[float]:
        times = self._failed.setdefault(who, deque())
        while times and times[0] <= now - self._seconds:
            times.popleft()
        return times
