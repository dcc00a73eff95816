"""The pinned versions work together: a scheduler that schedules nothing looks healthy otherwise."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.prefect_server import ask, free_port, stop, wait_for

CREATE = """
from contextlib import suppress

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists
from prefect.schedules import Cron

@flow
def hourly(): ...

if __name__ == "__main__":
    with suppress(ObjectAlreadyExists), get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="canary", type="process"))
    hourly.from_source(source=".", entrypoint="canary.py:hourly").to_deployment(
        "canary", work_pool_name="canary", schedules=[Cron("0 * * * *", slug="hourly")]
    ).apply()
"""


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
        ask("GET", f"{environment['PREFECT_API_URL']}/health")
        yield environment
    finally:
        stop(process)


@pytest.mark.slow
def test_the_pinned_versions_create_scheduled_runs(server: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "canary.py").write_text(CREATE)
    create = [sys.executable, "canary.py"]
    wait_for(lambda: subprocess.run(create, env=server, cwd=tmp_path, check=False).returncode == 0)
    url = f"{server['PREFECT_API_URL']}/flow_runs/count"
    scheduled = {"state": {"type": {"any_": ["SCHEDULED"]}}}
    wait_for(lambda: ask("POST", url, flow_runs=scheduled) > 0)
