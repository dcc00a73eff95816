"""Measuring: seconds, memory, work in a process of its own."""

import multiprocessing
import resource
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

Made = TypeVar("Made")
Given = ParamSpec("Given")


def row(figure: str, value: float, unit: str, wanted: str = "") -> dict[str, object]:
    """A line of the table: what was measured, and what it should be on two idle cores."""
    return {"figure": figure, "value": f"{value:,.4g}", "unit": unit, "wanted": wanted}


def timed(work: Callable[[], Made]) -> tuple[Made, float]:
    """What `work` answers and the seconds it took."""
    start = time.perf_counter()
    made = work()
    return made, time.perf_counter() - start


@dataclass(frozen=True)
class Spent:
    """What a piece of work took."""

    wall: float
    """Seconds of the clock."""
    cpu: float
    """Seconds of all threads, and of processes that were started and have ended."""
    peak: float
    """MB this process had at most while it ran, looked at SAMPLES times a second."""


SAMPLES = 50


def spent(work: Callable[[], Made]) -> tuple[Made, Spent]:
    """What `work` answers and what it took."""
    over, sizes = threading.Event(), [_megabytes()]

    def look() -> None:
        while not over.wait(1 / SAMPLES):
            sizes.append(_megabytes())

    watch = threading.Thread(target=look, daemon=True)
    watch.start()
    start, cpu = time.perf_counter(), _cpu_seconds()
    try:
        made = work()
    finally:
        wall, cpu = time.perf_counter() - start, _cpu_seconds() - cpu
        over.set()
        watch.join()
    return made, Spent(wall, cpu, max(sizes))


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _megabytes() -> float:
    statm = Path("/proc/self/statm")
    pages = int(statm.read_text().split()[1]) if statm.is_file() else 0
    return pages * resource.getpagesize() / 1024**2


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
