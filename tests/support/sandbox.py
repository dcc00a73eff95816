"""The sandbox as tests see it: through its control door only, never through its code."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import requests

from config.platforms import Account
from connectors.registry import connect
from connectors.sandbox.server import Running, run_in_thread
from connectors.sandbox.world import Settings
from tests.support.surroundings import Clock, surroundings

ACCOUNT = "shop"
DAY = 86_400.0


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox."""

    url: str

    def connector(self, platform: str, *, seconds: float = 0.5, **account: Any) -> Any:
        """A fresh connector with so much patience for an answer.

        When it waits, the sandbox's clock moves and nobody waits.
        """
        written = Account(name=ACCOUNT, platform=platform, sandbox=True, **account)
        clock = Moving(box=self)
        return connect(written, surroundings(clock, sandbox_url=self.url, timeout=(5, seconds)))

    def lists(self, platform: str) -> list[dict[str, Any]]:
        return list(self._state()["platforms"][platform]["lists"])

    def bids(self, platform: str) -> list[dict[str, Any]]:
        return list(self._state()["platforms"][platform]["bids"])

    def members(self, platform: str, list_id: str) -> set[str]:
        (one,) = [row for row in self.lists(platform) if str(row["id"]) == list_id]
        return set(one["members"])

    def fault(self, kind: str, platform: str, operation: str | None, **more: Any) -> None:
        fault = {"kind": kind, "platform": platform, "operation": operation, **more}
        self._ask("POST", "faults", json=fault)

    def no_more_faults(self) -> None:
        self._ask("DELETE", "faults")

    def faults_left(self) -> list[dict[str, Any]]:
        return list(self._state()["faults"])

    def forget(self, platform: str, list_id: str) -> None:
        self._ask("DELETE", f"lists/{platform}/{list_id}")

    def settle(self) -> None:
        """Let everything finish that is being worked on, and quotas return."""
        self.move_clock(DAY + 1)

    def move_clock(self, seconds: float) -> None:
        self._ask("POST", "clock", params={"seconds": seconds})

    def change(self, **settings: Any) -> None:
        self._ask("POST", "settings", json=settings)

    def token(self, token: str, **more: Any) -> None:
        self._ask("POST", "tokens", json={"token": token, **more})

    def reset(self) -> None:
        self._ask("POST", "reset")
        self.no_more_faults()

    def _state(self) -> dict[str, Any]:
        return dict(self._ask("GET", "state"))

    def _ask(self, method: str, door: str, **more: Any) -> Any:
        answer = requests.request(method, f"{self.url}/_sandbox/{door}", timeout=120, **more)
        answer.raise_for_status()
        return answer.json()


@dataclass
class Moving(Clock):
    """A clock that takes the sandbox's along."""

    box: Sandbox = field(kw_only=True)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.box.move_clock(seconds)


@contextmanager
def sandbox() -> Iterator[Sandbox]:
    with run_in_thread() as running:
        yield Sandbox(running.url.rstrip("/"))


def fresh(server: Running, **settings: Any) -> Running:
    """The same server with a new world behind it; quotas are off unless a test asks."""
    server.world.change(**asdict(Settings(quotas=False)) | settings)
    requests.post(f"{server.url}/_sandbox/reset", timeout=20).raise_for_status()
    return server
