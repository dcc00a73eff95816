"""Clocks that only tests move."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from connectors.http import Surroundings

START = datetime(2026, 9, 1, 12, tzinfo=UTC)


@dataclass
class Clock:
    """Time passes by sleeping only, and nobody waits for it."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)


def surroundings(clock: Clock | None = None, **more: object) -> Surroundings:
    clock = clock or Clock()
    known = {"clock": clock, "calendar": clock, "sleep": clock.sleep, "now": clock.now}
    return Surroundings(**(known | more))  # type: ignore[arg-type]
