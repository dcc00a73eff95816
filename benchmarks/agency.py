"""Many small shops on one machine: a hundred projects through the flows, and what a start costs."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks._measure import Spent, apart, peak_megabytes, spent
from config.init import write_starter
from config.sample import write_sample_exports

PROJECTS, QUICK_PROJECTS = 100, 5
ROOT = Path(__file__).parents[1]
STARTS = {"adsteer --help": ["--help"], "adsteer segments": ["segments"]}


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
        for name, words in STARTS.items():
            yield _line(name, _started([*words], folders[0]), "its process, imports and all")


def _all(folders: list[Path]) -> tuple[float, Spent, Spent]:
    from flows.refreshing import refresh
    from flows.workshop import open_workshop

    def every() -> None:
        for folder in folders:
            with open_workshop(folder) as workshop:
                refresh(workshop)

    idle = peak_megabytes()
    return idle, spent(every)[1], spent(every)[1]


def _started(words: list[str], folder: Path) -> Spent:
    project = [] if "--help" in words else ["-p", str(folder)]
    command = [sys.executable, "-m", "flows", *words, *project]
    run = subprocess.run
    return spent(lambda: run(command, cwd=ROOT, check=True, capture_output=True))[1]


def _line(what: str, cost: Spent | None, said: str) -> dict[str, object]:
    return {
        "what": what,
        "seconds": f"{cost.wall:.1f}" if cost else "",
        "CPU s": f"{cost.cpu:.2f}" if cost else "",
        "that is": said,
    }
