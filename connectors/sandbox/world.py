"""The world the played platforms live in: clock, people, accounts, settings, and what was asked.

The people model is a deterministic function of the digests: the same list always matches the
same share, on every run and machine.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, with_config

from connectors.sandbox.faults import Fault, Faults
from connectors.sandbox.store import DIGEST, Database, Document, Rows, Store

LOGIN = "shop"
"""The account that every default token belongs to."""
TOKEN = "sandbox-token"  # noqa: S105 - the well-known token of a rehearsal
EXPIRED_TOKEN = "expired-token"  # noqa: S105
REVOKED_TOKEN = "revoked-token"  # noqa: S105
REFRESH_TOKEN = "sandbox-refresh-token"  # noqa: S105
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105
RECENT_REQUESTS = 200

Mask = npt.NDArray[np.bool_]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class Settings:
    """How the world behaves; changed as a whole, by the command line or the control door."""

    processing_seconds: float = 7200.0
    """How long a platform works on a list, in seconds of the sandbox's clock."""
    speed: float = 1.0
    """Sandbox seconds per real second; 0 stops the clock."""
    quotas: bool = True
    """Whether request rates, daily quotas and points are enforced."""
    matched_share: float = 0.7
    """Share of digests the platforms know."""
    generous: bool = False
    """Every digest is known, and each brings a hundred anonymous ids: for small rehearsals."""
    latency: float = 0.0
    """Real seconds every answer takes longer."""
    production_style: bool = True
    """Yandex Direct: items that succeed carry an empty `Errors`, as production does."""
    legacy_uploads: bool = False
    """Google Ads: members may be uploaded there, as by who did so before April 2026."""
    delayed_visibility: bool = False
    """Yandex Direct: objects made a second ago are not found yet, as in its own sandbox."""


@dataclass(frozen=True)
class Logged:
    """One answered request; never its body."""

    at: float
    platform: str
    operation: str
    status: int
    fault: str


class World:
    """Everything there is behind the played platforms. `path` None keeps it in memory."""

    def __init__(self, path: Path | None = None, *, settings: Settings | None = None) -> None:
        self._database = Database(path)
        self.faults = Faults()
        self.recent: deque[Logged] = deque(maxlen=RECENT_REQUESTS)
        self._parallel: Counter[str] = Counter()
        self._parallel_lock = threading.Lock()
        self.settings = settings or Settings()
        self._frame = self.store("_frame")
        kept = self._frame.get("clock", 1)
        self._world_base = float(kept["offset"]) + time.time() if kept else time.time()
        self._real_base = time.monotonic()
        with self.transaction():
            self._seed_tokens()

    # Clock

    def now(self) -> float:
        """Seconds since the epoch by the sandbox's clock."""
        return self._world_base + (time.monotonic() - self._real_base) * self.settings.speed

    def move_clock(self, seconds: float) -> None:
        """Move the clock ahead (or back); kept in the state file."""
        self._rebase(self.now() + seconds)

    def change(self, **changes: Any) -> None:
        """Change settings by name; raises TypeError for a name there is not."""
        self._rebase(self.now())
        self.settings = replace(self.settings, **changes)

    def _rebase(self, moment: float) -> None:
        self._world_base, self._real_base = moment, time.monotonic()
        self._frame.put("clock", 1, {"offset": moment - time.time()})

    # Memory

    def store(self, platform: str) -> Store:
        return Store(self._database, platform)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One change of the world: committed at the end, undone by an exception."""
        with self._database.transaction():
            yield

    def reset(self) -> None:
        """Forget everything but settings and clock; the caller seeds the platforms again."""
        with self.transaction():
            for table in ("documents", "counters", "members", "marks"):
                self._database.execute(f"DELETE FROM {table}")
            self._database.folded.clear()
            self._rebase(self.now())
            self._seed_tokens()
        self.faults.clear()
        self.recent.clear()

    def close(self) -> None:
        self._database.close()

    # Accounts

    def _seed_tokens(self) -> None:
        if self.token(TOKEN) is None:
            self.put_token(TOKEN, refresh_token=REFRESH_TOKEN)
            self.put_token(EXPIRED_TOKEN, state="expired")
            self.put_token(REVOKED_TOKEN, state="revoked")

    def token(self, text: str) -> Document | None:
        """What is known of an access token; its `state` is valid, expired or revoked."""
        for kept in self._frame.all("token"):
            if kept["token"] == text:
                expires = kept["expires_at"]
                if kept["state"] == "valid" and expires is not None and expires <= self.now():
                    return {**kept, "state": "expired"}
                return kept
        return None

    def put_token(
        self,
        text: str,
        *,
        state: str = "valid",
        login: str = LOGIN,
        refresh_token: str | None = None,
        expires_in: float | None = None,
        scope: str = "",
    ) -> None:
        """Make or change a token; None for `expires_in` is a token that does not age.

        `scope` '' may do everything.
        """
        kept = next((k for k in self._frame.all("token") if k["token"] == text), None)
        number = kept["number"] if kept else self._frame.next_id("token", first=1)
        expires_at = None if expires_in is None else self.now() + expires_in
        self._frame.put(
            "token",
            number,
            {
                "number": number,
                "token": text,
                "state": state,
                "login": login,
                "refresh_token": refresh_token or (kept["refresh_token"] if kept else None),
                "expires_at": expires_at,
                "scope": scope,
            },
        )

    def token_by_refresh(self, refresh_token: str) -> Document | None:
        kept = [k for k in self._frame.all("token") if k["refresh_token"] == refresh_token]
        return self.token(kept[-1]["token"]) if kept else None

    def new_token_name(self) -> str:
        return f"{TOKEN}-{self._frame.next_id('token name', first=2)}"

    # People

    def known(self, found: Rows) -> Mask:
        """Which digests (dtype S32) the platforms know; zero bytes are nobody."""
        present: Mask = found != b""
        if self.settings.generous:
            return present
        lottery = octets(found)[:, 4:8].copy().view(">u4").ravel() / 2.0**32
        found_out: Mask = present & (lottery < self.settings.matched_share)
        return found_out

    def anonymous_ids(self, found: Rows) -> np.ndarray[Any, np.dtype[np.int64]]:
        """How many anonymous ids each known digest brings: one to three, a hundred if generous."""
        each = np.full(len(found), 100) if self.settings.generous else 1 + octets(found)[:, 8] % 3
        return np.where(self.known(found), each, 0).astype(np.int64)

    # What was asked

    @contextmanager
    def counted(self, platform: str) -> Iterator[int]:
        """The number of requests this platform is answering now, this one included."""
        with self._parallel_lock:
            self._parallel[platform] += 1
            present = self._parallel[platform]
        try:
            yield present
        finally:
            with self._parallel_lock:
                self._parallel[platform] -= 1

    def log(self, platform: str, operation: str, status: int, fault: Fault | None) -> None:
        self.recent.append(
            Logged(self.now(), platform, operation, status, fault.kind if fault else "")
        )
        with self.transaction():
            key = f"{platform} {operation} {status}"
            counts = self._frame.get("requests", 1) or {}
            counts[key] = counts.get(key, 0) + 1
            self._frame.put("requests", 1, counts)
            if self.settings.speed != 1.0:
                self._rebase(self.now())  # a restarted sandbox must not find its clock turned back

    def requests(self) -> list[dict[str, Any]]:
        """How often each operation was asked, by status."""
        counts = self._frame.get("requests", 1) or {}
        return [
            {"platform": p, "operation": o, "status": int(s), "count": n}
            for key, n in sorted(counts.items())
            for p, o, s in [key.split(" ")]
        ]


def octets(found: Rows) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The bytes of digests, one row per digest."""
    return np.ascontiguousarray(found).view(np.uint8).reshape(-1, DIGEST)
