"""`adsteer serve` as a process: schedules become runs, what dies is restarted, UI edits survive."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.starter import make_starter
from tests.test_prefect_versions import free_port

ROOT = Path(__file__).parent.parent

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("serve")]


class Served:
    """A project that is being served."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}/api"

    def post(self, path: str, **body: Any) -> Any:
        """Ask the Prefect server, which says 503 while it is busy writing."""
        for _ in range(20):
            answer = requests.post(f"{self.url}/{path}", json=body, timeout=30)
            if answer.status_code not in (500, 503):
                break
            time.sleep(1)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def deployments(self) -> dict[str, Any]:
        return {one["name"]: one for one in self.post("deployments/filter")}

    def children(self) -> dict[str, int]:
        """Process ids by what they are: server and worker."""
        listed = subprocess.run(
            ["ps", "--ppid", str(self.process.pid), "-o", "pid=,args="],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        return {
            name: int(line.split()[0])
            for line in listed
            for name in ("server", "worker")
            if f"prefect {name} start" in line
        }


def wait_for(condition: Callable[[], Any], *, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.5)
    return found


@contextmanager
def serving(project: Path, port: int) -> Iterator[Served]:
    environment = {n: v for n, v in os.environ.items() if not n.startswith("PREFECT_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "flows", "serve", "-p", str(project), "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Runs, plans"):
                break
        assert process.poll() is None, "serve ended before it was ready"
        yield Served(process, port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)
    assert process.returncode == 0


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_starter(tmp_path_factory.mktemp("served") / "shop")


def test_serving_from_the_first_start_to_the_second(project: Path) -> None:
    """One test, because a start takes half a minute: made, run, killed, restarted, kept."""
    port = free_port()
    with serving(project, port) as served:
        made = served.deployments()
        assert {"lifecycle_daily", "bids_weekly", "seeds"} <= set(made)
        query = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
        wait_for(lambda: served.post("flow_runs/count", **query), seconds=120)

        daily = made["lifecycle_daily"]
        run = served.post(f"deployments/{daily['id']}/create_flow_run")
        state = f"{served.url}/flow_runs/{run['id']}"
        wait_for(
            lambda: (
                requests.get(state, timeout=30).json()["state_type"]
                in ("COMPLETED", "FAILED", "CRASHED")
            ),
            seconds=240,
        )
        assert requests.get(state, timeout=30).json()["state_type"] == "COMPLETED"

        before = served.children()
        os.kill(before["worker"], signal.SIGKILL)
        wait_for(
            lambda: served.children().get("worker") not in (None, before["worker"]), seconds=60
        )

        (schedule,) = daily["schedules"]
        edit = f"{served.url}/deployments/{daily['id']}/schedules/{schedule['id']}"
        requests.patch(edit, json={"active": False}, timeout=30).raise_for_status()
    with serving(project, port) as served:
        (schedule,) = served.deployments()["lifecycle_daily"]["schedules"]
        assert schedule["active"] is False
        assert set(served.deployments()) == set(made)
