"""One run of the program in a process of its own, ready to be killed.

The fork server has this module loaded, so that a child starts warm: nothing here may start a
thread when it is imported.
"""

import faulthandler
import json
import os
import resource
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flows.cli
import flows.command
import flows.documents
import flows.lists
import flows.loop
import flows.show
from flows.workshop import open_workshop
from tests.support.warm import compile_differences, import_late


@dataclass(frozen=True)
class Misfortune:
    """What befalls one run from inside; `kill_at` counts steps from 1."""

    kill_at: int | None = None
    jump_at: int | None = None
    jump: timedelta = timedelta()
    """How far the machine's clock is set on, or back, at that step."""
    most_bytes: int | None = None
    """No file may grow longer: what a full disk does."""


def run(
    folder: Path,
    settings: Mapping[str, str],
    verb: str,
    fingerprint: str | None,
    befalls: Misfortune,
) -> None:
    """`adsteer refresh` or `adsteer apply` in this process; the exit code is the program's."""
    _settle(folder, settings)
    if befalls.most_bytes is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (befalls.most_bytes, befalls.most_bytes))
    clock = [timedelta()]
    steps = [0]

    def step(_name: str) -> None:
        steps[0] += 1
        if steps[0] == befalls.jump_at:
            clock[0] = befalls.jump
        if steps[0] == befalls.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with (
        flows.command.said_plainly(),
        open_workshop(
            folder, now=lambda: datetime.now(UTC) + clock[0], checkpoint=step
        ) as workshop,
    ):
        if verb == "refresh":
            flows.loop.refresh(workshop)
        else:
            document = flows.loop.apply(workshop, fingerprint)
            (folder / "last.json").write_text(json.dumps(document["fingerprint"]))


def command_line(folder: Path, settings: Mapping[str, str], arguments: list[str]) -> None:
    """`python -m flows ARGUMENTS`, as a shell would run it."""
    _settle(folder, settings)
    sys.argv = ["adsteer", *arguments]
    flows.cli.main()


def finish(folder: Path, settings: Mapping[str, str]) -> None:
    """Two quiet runs: the first makes good, the second must find nothing to do.

    Writes what the ledger then believes into believed.json.
    """
    _settle(folder, settings)
    with open_workshop(folder) as workshop:
        first = flows.loop.apply(workshop)
    with open_workshop(folder) as workshop:
        second = flows.loop.plan(workshop)
        memory = flows.lists.ledger(workshop)
        believed = {}
        for audience in workshop.project.audiences.audience:
            for account in audience.accounts:
                ref = flows.lists.reference(workshop, audience, account)
                known = workshop.engine.to_pyarrow(memory.known(ref)).to_pylist()
                believed[audience.name] = {
                    "list_id": memory.list_id(ref),
                    "rows": known,
                    "batches": [_batch(one) for one in memory.history(ref)],
                }
    report = {
        "failed": flows.summaries.has_failed(first),
        "still_to_send": flows.documents.sends(second),
        "bids": second["bids"],
        "lookalikes": second["lookalikes"],
        "lists": believed,
    }
    (folder / "believed.json").write_text(json.dumps(report, default=str))


def _batch(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("key", "state", "people", "accepted", "refused")}


def _settle(folder: Path, settings: Mapping[str, str]) -> None:
    os.environ.update(settings)
    log = os.open(folder / "child.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    faulthandler.enable(2)  # a process that dies without a word shall leave one


import_late()  # once, for all processes that start from this one
compile_differences()
