"""Measuring: seconds, memory, work in a process of its own."""

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
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
