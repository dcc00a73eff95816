"""What an account may still send: one meter per account, fed by the quotas a platform declares."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from connectors.errors import QuotaGone


@dataclass(frozen=True)
class Quota:
    """At most `amount` requests of a group in any `seconds`; a request may count in many groups."""

    group: str
    amount: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.amount} '{self.group}' requests in {self.seconds:g} s"


class Meter:
    """Counts the requests of one account, waits out a short quota, refuses on a long one.

    Every request in a sliding window is remembered, so a quota is never passed, whatever the
    bursts. Failed requests count, as they do on the platforms. Other programs on the same account
    are not seen: the platform's own refusal stays the last word.
    """

    def __init__(
        self,
        quotas: Iterable[Quota],
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        longest_wait: float = 90,
    ) -> None:
        self._windows: dict[Quota, deque[float]] = {quota: deque() for quota in quotas}
        self._clock = clock
        self._sleep = sleep
        self._longest_wait = longest_wait
        self._lock = threading.Lock()

    def spend(self, groups: Iterable[str], weight: int = 1) -> None:
        """Count one request, as `weight` many; raises QuotaGone if its turn comes later than the
        longest wait. One that weighs more than a whole quota goes alone: the platform decides."""
        spent_on = frozenset(groups)
        with self._lock:
            while (wait := self._wait(spent_on, weight)) > 0:
                self._sleep(wait)
            now = self._clock()
            for quota, window in self._windows.items():
                if quota.group in spent_on:
                    window.extend([now] * weight)

    def used(self, quota: Quota) -> int:
        """Requests counted in the window that ends now."""
        with self._lock:
            self._forget(quota, self._clock())
            return len(self._windows[quota])

    def _wait(self, groups: frozenset[str], weight: int) -> float:
        now = self._clock()
        longest = 0.0
        for quota, window in self._windows.items():
            if quota.group not in groups:
                continue
            self._forget(quota, now)
            too_many = min(len(window) + weight - quota.amount, len(window))
            if too_many <= 0:
                continue
            wait = window[too_many - 1] + quota.seconds - now
            if wait > self._longest_wait:
                raise QuotaGone(
                    f"our own count says {quota} are used up.",
                    act="What is left waits for a later run.",
                    retry_after=wait,
                )
            longest = max(longest, wait)
        return longest

    def _forget(self, quota: Quota, now: float) -> None:
        window = self._windows[quota]
        while window and window[0] + quota.seconds <= now:
            window.popleft()
