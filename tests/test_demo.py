"""The demo as a user starts it: twice, and killed in the middle of delivery."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.base import Connector
from connectors.registry import PLATFORMS
from connectors.sandbox.server import run_in_thread

ROOT = Path(__file__).parent.parent
START_SECONDS = 900

pytestmark = pytest.mark.slow


def command(folder: Path, *, market: bool = False) -> list[str]:
    rehearsal = "--market" if market else "--no-market"
    return [sys.executable, "-m", "flows", "demo", str(folder), "--json", rehearsal]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}


def demo(folder: Path, *, market: bool = False) -> dict[str, Any]:
    done = subprocess.run(
        command(folder, market=market),
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


def killed_demo(folder: Path, *, after_batches: int) -> None:
    """A demo ended by SIGKILL once so many batches are recorded as settled."""
    process = subprocess.Popen(
        command(folder),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + START_SECONDS
    try:
        while settled_batches(folder) < after_batches:
            assert process.poll() is None, "the demo ended before it was to be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        # Prefect's temporary server outlives a demo that was killed: do not leave it behind.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def settled_batches(folder: Path) -> int:
    catalog = folder / ".adsteer" / "catalog.db"
    if not catalog.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{catalog}?mode=ro", uri=True, timeout=5) as connection:
            query = "select count(*) from batches where state = 'settled'"
            return int(connection.execute(query).fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # the table is not there yet


def on_the_platforms(folder: Path) -> dict[str, Any]:
    """What the sandbox holds for us, by names: lists with members, corrections by list."""
    with run_in_thread(folder / "sandbox.db") as running:
        url = f"{running.url}/_sandbox/state"
        platforms = requests.get(url, params={"members": "1"}, timeout=120).json()["platforms"]
    lists = {
        (platform, name): one.get("members", one.get("type"))
        for platform, held in platforms.items()
        for one in held["lists"]
        if (name := one.get("name"))
    }
    bids = {platform: len(held["bids"]) for platform, held in platforms.items()}
    return {"lists": lists, "bids": bids, "direct": by_name(platforms["yandex_direct"])}


def by_name(direct: dict[str, Any]) -> list[Any]:
    """Corrections with the name of their list instead of ids, which may differ from run to run."""
    names = {one["Id"]: one["Name"] for one in direct["lists"]}
    return sorted(
        (
            one["Level"],
            one["CampaignId"],
            one.get("AdGroupId", 0),
            names.get(one.get("RetargetingConditionId"), one["Type"]),
            one["BidModifier"],
        )
        for one in direct["bids"]
    )


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean") / "demo"
    document = demo(folder, market=True)
    assert document["market"]["earlier"] is False
    receipts = document["sync"]["receipts"]["audiences"]
    assert sum(one["accepted"] for one in receipts) > 5000
    assert "</html>" in Path(document["report"]).read_text("utf-8")
    keep_lists = {name for name, one in PLATFORMS.items() if issubclass(one, Connector)}
    assert {one["platform"] for one in receipts if one["accepted"]} == keep_lists
    assert sum(one["accepted"] for one in document["adjust"]["receipts"]["bids"]) > 0
    return folder


def test_a_second_demo_sends_nothing(clean: Path) -> None:
    before = on_the_platforms(clean)
    document = demo(clean, market=True)
    assert document["market"]["earlier"] is True
    assert document["market"]["corrections"]["gain"] > 0
    for part in ("sync", "adjust"):
        receipts = document[part]["receipts"]
        assert not any(one["accepted"] + one["unsure"] for one in receipts["audiences"])
        assert not any(one["accepted"] for one in receipts["bids"])
        assert not receipts["lookalikes"]
    assert on_the_platforms(clean) == before


def test_a_demo_killed_twice_ends_where_a_whole_one_does(clean: Path, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    for after_batches in (1, 7):  # the second in the run that makes good what the first left
        killed_demo(folder, after_batches=after_batches)
    demo(folder)
    assert on_the_platforms(folder) == on_the_platforms(clean)


def test_what_the_demo_keeps_is_private(clean: Path) -> None:
    for path in (clean / ".adsteer").rglob("*"):
        if path.is_file() and "prefect" not in path.parts:
            assert path.stat().st_mode & 0o077 == 0, path
    assert (clean / ".adsteer").stat().st_mode & 0o077 == 0


def test_the_demo_left_tables_in_prefect(clean: Path) -> None:
    database = clean / ".adsteer" / "prefect" / "prefect.db"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        keys = {key for (key,) in connection.execute("select key from artifact")}
        flows = {name for (name,) in connection.execute("select name from flow")}
    assert {"segments", "exports", "audience-plan", "bid-plan", "audience-receipts"} <= keys
    assert {"steer", "refresh", "sync", "adjust"} <= flows
