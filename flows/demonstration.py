"""The demo: a project on real orders, the sandbox beside it, the whole loop through Prefect."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from audiences.snapshots import private_folder
from config.init import write_starter
from config.load import load_project
from config.sample import write_sample_exports
from flows import prefect_home

SPEED = 600
"""The sandbox's time runs this much faster than ours, so that its quotas by the minute and hour are
kept and nobody waits for them."""

PROCESSING_SECONDS = 300
"""Sandbox seconds a list is processed; the real platform says up to two hours."""

START_SECONDS = 60


def run(folder: Path, *, quiet: bool = False, market: bool = True) -> dict[str, Any]:
    """Make the project if it is not there, run the loop against the sandbox, tell what happened.

    The sandbox remembers in a file of the project, so a second run finds what the first one left.
    With `market`, twelve weeks are rehearsed beside it; a second run tells the same of them again.
    """
    screen = Console(stderr=True, quiet=quiet)
    if not (folder / "adsteer.toml").exists():
        screen.print(f"Making a project in {folder} on the orders of UCI Online Retail ...")
        write_starter(folder)
        write_sample_exports(folder)
    screen.print("Starting the sandbox of the ad platforms on this machine ...")
    with sandbox(folder / "sandbox.db") as url:
        os.environ["ADSTEER_SANDBOX_URL"] = url
        os.environ["ADSTEER_SANDBOX_SPEED"] = str(SPEED)
        prefect_home.settle(folder / ".adsteer")
        screen.print("Running the flow 'steer': exports, segments, lists, bids ...")
        from flows.steer import steer

        document = steer(str(folder), apply=True)
    if market:
        document["market"] = _market(folder, screen)
        document["market"]["report"] = _market_report(folder / "market")
    screen.print("Writing the report ...")
    from flows.report_page import write_report
    from flows.workshop import open_workshop

    with open_workshop(folder) as workshop:
        report = write_report(workshop)["file"]
    chart = folder / ".adsteer" / "reports" / "segments.svg"
    return {"project": str(folder), "chart": str(chart), "report": report, **document}


def _market(folder: Path, screen: Console) -> dict[str, Any]:
    """What a rehearsal on a market with known truth gave, now or in an earlier run."""
    told = folder / ".adsteer" / "reports" / "market.json"
    if told.exists():
        found = json.loads(told.read_text(encoding="utf-8"))
        return {**found, "earlier": True}
    screen.print("Rehearsing twelve weeks on a market whose truth is known ...")
    from flows.rehearsing import rehearse

    document = rehearse(folder / "market")
    private_folder(told.parent)
    part = told.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    part.replace(told)
    return {**document, "earlier": False}


def _market_report(folder: Path) -> str:
    """Write the report of a rehearsal as of its own last day, long past by our clock."""
    from flows.report_page import write_report
    from flows.workshop import open_workshop

    last = load_project(folder).adsteer.shop.as_of
    if last is None:
        raise AssertionError("a rehearsal fixes its day")
    moment = datetime.combine(last, datetime.min.time(), UTC) + timedelta(hours=3)
    with open_workshop(folder, now=lambda: moment) as workshop:
        return str(write_report(workshop)["file"])


@contextmanager
def sandbox(state: Path) -> Iterator[str]:
    """A sandbox process for as long as the block lasts; yields its address.

    It ends by itself when this process is gone, however that went.
    """
    command = [sys.executable, "-m", "connectors.sandbox", "--port", "0", "--follow-parent"]
    command += ["--state", str(state), "--speed", str(SPEED)]
    command += ["--processing-seconds", str(PROCESSING_SECONDS)]
    process = subprocess.Popen(  # noqa: S603 - our own program with our own arguments
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
        text=True,
    )
    try:
        first = process.stdout.readline() if process.stdout else ""
        if not first:
            raise RuntimeError("the sandbox did not start; its error is above")
        yield str(json.loads(first)["url"])
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)
