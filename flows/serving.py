"""`adsteer serve`: what a schedule needs on one machine, started, watched and stopped together.

A Prefect server (unless PREFECT_API_URL names one), the deployments of schedules.toml, a worker.
What a person changed in the UI is never overwritten: a deployment is made once, afterwards only
what the code owns is brought up to date. Prefect's own `serve()` would write everything anew.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import httpx

from config.load import load_project
from flows import prefect_home
from flows.workshop import CannotRun

ROOT = Path(__file__).parent.parent
POOL = "adsteer"
RUNS_AT_ONCE = 4
LOOK_SECONDS = 1.0
SERVER_SECONDS = 600.0
STOP_SECONDS = 30.0


@dataclass
class Supervised:
    """A process that is started again when it dies."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(repr=False)
    process: subprocess.Popen[bytes] | None = None
    started: int = 0

    def keep_running(self) -> bool:
        """Start it if it does not run. True if it was started now."""
        if self.process is not None and self.process.poll() is None:
            return False
        self.process = subprocess.Popen(  # noqa: S603 - our own program with our own arguments
            self.command, env=dict(self.environment), cwd=ROOT
        )
        self.started += 1
        return True

    def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def serve(project: Path, *, port: int, once_ready: str = "") -> None:
    """Supervise until SIGTERM or Ctrl-C; `once_ready` is printed when runs can happen.

    Raises ConfigError for wrong settings, CannotRun if the server does not come up.
    """
    folder = project.resolve()
    loaded = load_project(folder)
    environment = settle_environment(loaded.state_folder, port)
    processes = []
    if "PREFECT_API_URL" not in os.environ:
        server = [sys.executable, "-m", "prefect", "server", "start"]
        processes.append(Supervised("server", server, environment))
    worker = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL]
    worker += ["--type", "process", "--limit", str(RUNS_AT_ONCE)]
    watched = Supervised("worker", worker, environment)
    stopping = _Stopping()
    try:
        for process in processes:
            process.keep_running()
        _wait_for(environment["PREFECT_API_URL"], stopping)
        _deploy(folder, environment)
        processes.append(watched)
        watched.keep_running()
        sys.stdout.write(once_ready.format(url=environment["PREFECT_API_URL"].removesuffix("/api")))
        sys.stdout.flush()
        while not stopping.asked:
            for process in processes:
                process.keep_running()
            time.sleep(LOOK_SECONDS)
    finally:
        for process in reversed(processes):  # the worker first, then its server
            process.stop()


class _Stopping:
    """Remembers that somebody asked us to stop."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


def settle_environment(state: Path, port: int) -> dict[str, str]:
    """What every process of one machine runs with; a set PREFECT_API_URL goes before the port."""
    prefect_home.settle(state)
    address = f"http://127.0.0.1:{port}/api"
    ours = {
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_API_URL": os.environ.get("PREFECT_API_URL", address),
        # In memory, a killed run would hold its place for ever.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
            "prefect.server.concurrency.lease_storage.filesystem"
        ),
        # SQLite has one writer at a time, and Prefect says 503 to whoever comes in between: write
        # seldom and in one piece, wait longer, and let its own client ask more often.
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "2",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "50",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
        "PREFECT_CLIENT_MAX_RETRIES": "8",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "audiences,bids,connectors,measurement",
        "PREFECT_LOGGING_LEVEL": "INFO",
    }
    return {**os.environ, **ours}


def _deploy(project: Path, environment: Mapping[str, str]) -> None:
    """In a process of its own: Prefect reads its settings when it is imported."""
    command = [sys.executable, "-m", "flows", "deploy", "--project", str(project)]
    done = subprocess.run(  # noqa: S603 - our own program with our own arguments
        command, env=dict(environment), cwd=ROOT, check=False
    )
    if done.returncode:
        raise CannotRun("the deployments could not be made; the reason is above.")


def _wait_for(url: str, stopping: _Stopping) -> None:
    deadline = time.monotonic() + SERVER_SECONDS
    while not stopping.asked:
        try:
            if httpx.get(f"{url}/health", timeout=5).is_success:
                return
        except httpx.HTTPError:
            pass  # not up yet
        if time.monotonic() > deadline:
            raise CannotRun(f"the Prefect server at {url} did not answer in {SERVER_SECONDS:g} s.")
        time.sleep(LOOK_SECONDS)
