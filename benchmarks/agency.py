"""Many small shops on one machine: a hundred projects through the flows, and what a start costs.

A no-change run of a small project is to take 3 CPU seconds at most after the imports, `--help` 0.5
and a plan on the starter 5, imports and all. The commands have run before: Python keeps compiled
what it imports.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks._measure import Spent, apart, peak_megabytes, spent
from config.init import write_starter
from config.sample import write_sample_exports

PROJECTS, QUICK_PROJECTS = 100, 2
ROOT = Path(__file__).parents[1]
STARTS = {"adsteer --help": ["--help"], "adsteer plan, on the starter": ["plan"]}
PATIENCE = 60.0


def run(*, quick: bool) -> Iterator[dict[str, object]]:
    """One small project after the other in one process; then two commands by themselves."""
    count = QUICK_PROJECTS if quick else PROJECTS
    with tempfile.TemporaryDirectory() as made:
        folders = [Path(made) / f"shop{number}" for number in range(count)]
        for folder in folders:
            write_starter(folder)
            write_sample_exports(folder)
        idle, first, again = apart(_all, folders)
        yield _line("memory once imported, idle", None, f"{idle:,.0f} MB")
        yield _line(
            f"{count} projects, first refresh", first, f"{first.cpu / count:.2f} CPU s each"
        )
        yield _line(f"{count} projects, nothing new", again, f"{again.cpu / count:.2f} CPU s each")
        with sandbox() as url:
            settings = {"ADSTEER_SANDBOX_URL": url, "PYTHONPYCACHEPREFIX": f"{made}/compiled"}
            _started(["plan"], folders[0], settings)
            for name, words in STARTS.items():
                cost = _started(words, folders[0], settings)
                yield _line(name, cost, "its process, imports and all")


def _all(folders: list[Path]) -> tuple[float, Spent, Spent]:
    from flows.refreshing import refresh
    from flows.workshop import open_workshop

    def every() -> None:
        for folder in folders:
            with open_workshop(folder) as workshop:
                refresh(workshop)

    idle = peak_megabytes()
    return idle, spent(every)[1], spent(every)[1]


def _started(words: list[str], folder: Path, settings: dict[str, str]) -> Spent:
    project = [] if "--help" in words else ["-p", str(folder)]
    command = [sys.executable, "-m", "flows", *words, *project]
    around = {**os.environ, **settings}
    around.pop("PYTHONDONTWRITEBYTECODE", None)
    run = partial(subprocess.run, command, cwd=ROOT, env=around, check=True, capture_output=True)
    return spent(run)[1]


@contextmanager
def sandbox() -> Iterator[str]:
    """Every platform, played by a process of its own; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "flows", "sandbox", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return


def _line(what: str, cost: Spent | None, said: str) -> dict[str, object]:
    return {
        "what": what,
        "seconds": f"{cost.wall:.1f}" if cost else "",
        "CPU s": f"{cost.cpu:.2f}" if cost else "",
        "that is": said,
    }
