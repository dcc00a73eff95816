"""Misbehaviour on request: what the next answers of a platform shall suffer."""

import threading
from dataclasses import dataclass
from typing import Literal

from pydantic import ConfigDict, with_config

Kind = Literal[
    "throttle",
    "server_error",
    "cut",
    "slow",
    "malformed",
    "error_inside",
    "partial",
    "processing_failed",
    "expired_token",
    "revoked_token",
    "no_rights",
    "quota_gone",
]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class Fault:
    """One kind of misbehaviour for the next `times` requests that fit.

    `platform` and `operation` None fit all. `after_effect` says whether the platform did what was
    asked before it failed to say so (server_error, cut, malformed). `partial` fails every second
    item (Yandex Audience: every second row), `processing_failed` the list that is confirmed.
    """

    kind: Kind
    platform: str | None = None
    operation: str | None = None
    times: int = 1
    status: int = 503
    after_effect: bool = False
    retry_after: float | None = None
    retry_after_form: Literal["seconds", "date"] = "seconds"
    seconds: float = 1.0

    def fits(self, platform: str, operation: str) -> bool:
        return self.platform in (None, platform) and self.operation in (None, operation)


class Faults:
    """The faults that wait for a request, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._queue.append((fault, fault.times))

    def take(self, platform: str, operation: str) -> Fault | None:
        """The first fault that fits, counted down; None for a good day."""
        with self._lock:
            for place, (fault, left) in enumerate(self._queue):
                if fault.fits(platform, operation):
                    if left > 1:
                        self._queue[place] = (fault, left - 1)
                    else:
                        del self._queue[place]
                    return fault
        return None

    def waiting(self) -> list[tuple[Fault, int]]:
        """The faults still to come, with how often."""
        with self._lock:
            return list(self._queue)

    def clear(self) -> None:
        with self._lock:
            self._queue.clear()
