"""`adsteer serve` as a process: schedules become runs, what dies is restarted, UI edits survive."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.prefect_server import ask, free_port, stop, wait_for
from tests.support.starter import make_starter

ROOT = Path(__file__).parent.parent

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("serve")]


class Served:
    """A project that is being served."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}/api"

    def ask(self, method: str, path: str, **body: Any) -> Any:
        return ask(method, f"{self.url}/{path}", **body)

    def deployments(self) -> dict[str, Any]:
        return {one["name"]: one for one in self.ask("POST", "deployments/filter")}

    def ended(self, run: str) -> str | None:
        """How a flow run ended, or None while it goes on."""
        state = self.ask("GET", f"flow_runs/{run}")["state_type"]
        return state if state in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

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


@contextmanager
def serving(project: Path, port: int) -> Iterator[Served]:
    environment = {n: v for n, v in os.environ.items() if not n.startswith("PREFECT_")}
    said = project.parent / "said.log"
    command = [sys.executable, "-m", "flows", "serve", "-p", str(project), "--port", str(port)]
    with said.open("w") as log:  # a pipe that nobody empties would stop the server one day
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_for(lambda: "Runs, plans" in said.read_text() or process.poll() is not None)
        assert process.poll() is None, said.read_text()[-3000:]
        yield Served(process, port)
    finally:
        stop(process)
    assert process.returncode == 0, said.read_text()[-3000:]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_starter(tmp_path_factory.mktemp("served") / "shop")


def test_serving_from_the_first_start_to_the_second(project: Path) -> None:
    """One test, because a start takes half a minute: made, run, killed, restarted, kept."""
    port = free_port()
    with serving(project, port) as served:
        made = served.deployments()
        assert {"lifecycle_daily", "bids_weekly", "seeds"} <= set(made)
        scheduled = {"state": {"type": {"any_": ["SCHEDULED"]}}}
        wait_for(lambda: served.ask("POST", "flow_runs/count", flow_runs=scheduled))

        daily = made["lifecycle_daily"]
        run = served.ask("POST", f"deployments/{daily['id']}/create_flow_run")
        ended = wait_for(lambda: served.ended(run["id"]))
        assert ended == "COMPLETED"

        before = served.children()
        os.kill(before["worker"], signal.SIGKILL)
        wait_for(lambda: served.children().get("worker") not in (None, before["worker"]))

        (schedule,) = daily["schedules"]
        edit = f"deployments/{daily['id']}/schedules/{schedule['id']}"
        served.ask("PATCH", edit, active=False)
    with serving(project, port) as served:
        (schedule,) = served.deployments()["lifecycle_daily"]["schedules"]
        assert schedule["active"] is False
        assert set(served.deployments()) == set(made)
