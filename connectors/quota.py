"""What an account may still send: one meter per account, fed by the quotas a platform declares."""

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import takewhile
from typing import Protocol

from connectors.errors import QuotaGone


@dataclass(frozen=True)
class Quota:
    """At most `amount` requests of a group in any `seconds`; a request may count in many groups."""

    group: str
    amount: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.amount} '{self.group}' requests in {self.seconds:g} s"


def most_of(quotas: Iterable[Quota]) -> dict[str, int]:
    """How many requests of each group have to be remembered."""
    most: dict[str, int] = {}
    for quota in quotas:
        most[quota.group] = max(quota.amount, most.get(quota.group, 0))
    return most


class Moments(Protocol):
    """When requests of a group were counted, in seconds of the meter's clock, oldest first."""

    def held(self) -> AbstractContextManager[object]:
        """Nobody else counts for the time of the block; the rest is called in one."""

    def settle(self, group: str, now: float) -> None:
        """What was counted later than now, by a clock that was set back since, was counted now."""

    def last_but(self, group: str, place: int) -> float | None:
        """The moment of the last request for place 1, of the one before for 2; None if none."""

    def since(self, group: str, moment: float) -> int:
        """How many were counted after that moment."""

    def add(self, group: str, now: float, weight: int) -> None:
        """Count a request that weighs so many."""


class RememberedMoments:
    """Moments for as long as this process lives."""

    def __init__(self, most: Mapping[str, int]) -> None:
        self._moments = {group: deque[float](maxlen=2 * each) for group, each in most.items()}
        self._lock = threading.Lock()

    def held(self) -> AbstractContextManager[object]:
        return self._lock

    def settle(self, group: str, now: float) -> None:
        """A clock that one process sees never goes back."""

    def last_but(self, group: str, place: int) -> float | None:
        moments = self._moments[group]
        return moments[-place] if len(moments) >= place else None

    def since(self, group: str, moment: float) -> int:
        return sum(1 for _ in takewhile(lambda one: one > moment, reversed(self._moments[group])))

    def add(self, group: str, now: float, weight: int) -> None:
        self._moments[group].extend([now] * weight)


class Meter:
    """Counts the requests of one account, waits out a short quota, refuses on a long one.

    Every request in a sliding window is remembered, so a quota is never passed, whatever the
    bursts. A request is counted before it leaves, and failed ones count, as they do on the
    platforms. What is counted where `moments` are kept on the disk, other processes see too (see
    `counted`); other programs on the same account are not seen: the platform's own refusal stays
    the last word.
    """

    def __init__(
        self,
        quotas: Iterable[Quota],
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        longest_wait: float = 90,
        moments: Moments | None = None,
    ) -> None:
        self._quotas = tuple(quotas)
        self._groups = most_of(self._quotas)
        self._moments = moments or RememberedMoments(self._groups)
        self._clock = clock
        self._sleep = sleep
        self._longest_wait = longest_wait

    def spend(self, groups: Collection[str], weight: int = 1) -> None:
        """Count one request, as `weight` many; raises QuotaGone if its turn comes later than the
        longest wait. One that weighs more than a whole quota goes alone: the platform decides."""
        counted = [group for group in self._groups if group in groups]
        while counted and (wait := self._wait_or_count(counted, weight)) > 0:
            self._sleep(wait)

    def used(self, quota: Quota) -> int:
        """Requests counted in the window that ends now."""
        return self.counted(quota.group, quota.seconds)

    def counted(self, group: str, seconds: float) -> int:
        """Requests of a group in so many seconds before now."""
        with self._moments.held():
            now = self._clock()
            self._moments.settle(group, now)
            return self._moments.since(group, now - seconds)

    def _wait_or_count(self, groups: Collection[str], weight: int) -> float:
        """Seconds until there is room; 0 where there is and the request is counted."""
        with self._moments.held():
            now = self._clock()
            for group in groups:
                self._moments.settle(group, now)
            asked = [quota for quota in self._quotas if quota.group in groups]
            wait = max(self._wait(quota, now, weight) for quota in asked)
            if wait <= 0:
                for group in groups:
                    self._moments.add(group, now, weight)
            return wait

    def _wait(self, quota: Quota, now: float, weight: int) -> float:
        first = self._moments.last_but(quota.group, max(quota.amount - weight + 1, 1))
        wait = 0.0 if first is None else first + quota.seconds - now
        if wait > self._longest_wait:
            raise QuotaGone(
                f"our own count says {quota} are used up.",
                act="What is left waits for a later run.",
                retry_after=wait,
            )
        return wait
