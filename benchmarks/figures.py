"""What a benchmark answers: figures, some of them with a limit."""

import importlib
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

Made = TypeVar("Made")
Given = ParamSpec("Given")


@dataclass(frozen=True)
class Figure:
    """One measured number. `most` and `least` are limits; None is no limit."""

    name: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the figure is within its limits."""
        above = self.least is None or self.value >= self.least
        return above and (self.most is None or self.value <= self.most)


def timed(work: Callable[[], Made]) -> tuple[Made, float]:
    """What `work` answers and the seconds it took."""
    start = time.perf_counter()
    made = work()
    return made, time.perf_counter() - start


def peak_megabytes() -> float:
    """The most memory this program ever had, in MB; 0 where the system does not tell.

    Not getrusage: that also counts what the process was before it became this program.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def apart(work: Callable[Given, Made], *given: Given.args, **named: Given.kwargs) -> Made:
    """What `work` answers in a new process, whose memory is its own."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as processes:
        return processes.submit(work, *given, **named).result()


def figures_of(name: str, quick: bool) -> list[Figure]:
    """The figures of one benchmark module."""
    return list(importlib.import_module(f"benchmarks.{name}").bench(quick=quick))
