"""A run in a process of its own that is killed at its n-th step, and what comes after.

The steps are those of the delivery and the ledger, and every effect on the platform before its
answer arrives. SIGKILL gives nothing a chance to tidy up.
"""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from audiences.catalog import open_catalog
from audiences.plan import load_plan
from audiences.planning import ListLimits
from tests.support.audience_run import People, Run
from tests.support.memory_platform import Answer, MemoryConnector, Platform
from tests.support.warm import compile_differences, import_late

FOREIGN = {"a stranger's list": {"e1", "stranger"}}


def open_run(folder: Path) -> Run:
    """The run of a process, which ends with it."""
    return Run(
        open_catalog(f"sqlite:///{folder / 'catalog.sqlite'}"),
        folder / "state",
        owner=f"{os.getpid()}",
        is_dead=lambda owner: not Path("/proc", owner).exists(),
    )


def open_platform(folder: Path) -> Platform:
    """The platform, which outlives every process."""
    platform = Platform(folder / "platform.json")
    if not platform.titles:
        platform.titles["a stranger's list"] = "L0"
        platform.lists["L0"] = set(FOREIGN["a stranger's list"])
    return platform


class Queued(MemoryConnector):
    """One whose platform takes several requests at once and works on one after the other."""

    turn = threading.Lock()

    def _request(self, what: str, effect: Callable[[], Answer]) -> Answer:
        with self.turn:
            return super()._request(what, effect)


def connector_for(
    folder: Path,
    *,
    born: bool,
    together: int = 1,
    on_effect: Callable[[str], None] = lambda _what: None,
) -> MemoryConnector:
    """A connector on the platform, which takes so many requests at once."""
    limits = replace(MemoryConnector.limits, born_with_members=born, max_in_flight=together)
    return Queued(open_platform(folder), limits=limits, on_effect=on_effect)


def make_plan(folder: Path, people: People, *, batch_size: int = 3) -> None:
    """Plan what every copy of the folder is to apply."""
    run = open_run(folder)
    plan = run.plan(people, limits=ListLimits(batch_size))
    (folder / "fingerprint").write_text(plan.fingerprint)
    run.catalog.dispose()


def planned(folder: Path) -> str:
    """Fingerprint of that plan."""
    return (folder / "fingerprint").read_text()


def run_and_die(folder: Path, born: bool, at: int, together: int = 1) -> None:
    """Apply the plan in this process; killed at step `at`, or never if there are fewer."""
    steps, counting = 0, threading.Lock()

    def step(name: str) -> None:
        nonlocal steps
        with counting:
            steps += 1
            if steps == at:
                os.kill(os.getpid(), signal.SIGKILL)

    run = open_run(folder)
    plan = load_plan(run.state, planned(folder))
    connector = connector_for(folder, born=born, together=together, on_effect=step)
    run.apply(plan, connector, checkpoint=step)


import_late()  # once, for all processes that start from this one
compile_differences()
