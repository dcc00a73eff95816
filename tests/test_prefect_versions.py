"""The pinned versions work together: a scheduler that schedules nothing looks healthy otherwise."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

CREATE = """
from prefect import flow
from prefect.schedules import Cron
from prefect.client.orchestration import get_client

@flow
def hourly(): ...

if __name__ == "__main__":
    with get_client(sync_client=True) as client:
        from prefect.client.schemas.actions import WorkPoolCreate
        client.create_work_pool(WorkPoolCreate(name="canary", type="process"))
    hourly.from_source(source=".", entrypoint="canary.py:hourly").to_deployment(
        "canary", work_pool_name="canary", schedules=[Cron("0 * * * *", slug="hourly")]
    ).apply()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A Prefect server of its own on loopback; yields the environment that points to it."""
    port = free_port()
    environment = {
        **os.environ,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: answers(environment["PREFECT_API_URL"]), seconds=90)
        yield environment
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=2).ok
    except requests.RequestException:
        return False


def wait_for(condition, *, seconds: float) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.5)


@pytest.mark.slow
def test_the_pinned_versions_create_scheduled_runs(server: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "canary.py").write_text(CREATE)
    subprocess.run(
        [sys.executable, "canary.py"], env=server, cwd=tmp_path, check=True, capture_output=True
    )
    query = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    url = f"{server['PREFECT_API_URL']}/flow_runs/count"
    wait_for(lambda: requests.post(url, json=query, timeout=10).json() > 0, seconds=90)
