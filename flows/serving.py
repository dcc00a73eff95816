"""`adsteer serve`: what a schedule needs on one machine, started, watched and stopped together.

A Prefect server (unless PREFECT_API_URL names one), the deployments of schedules.toml, a worker,
the console. What a person changed in the UI is never overwritten: a deployment is made once,
afterwards only what the code owns is brought up to date. Prefect's own `serve()` would write
everything anew.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

import httpx
from pydantic import Field, SecretStr

from config.load import load_project
from config.settings import Credentials
from flows import prefect_home
from flows.supervising import Supervised, say
from flows.workshop import CannotRun

ROOT = Path(__file__).parent.parent
POOL = "adsteer"
RUNS_AT_ONCE = 4
LOOK_SECONDS = 1.0
SERVER_SECONDS = 600.0
HERE_ALONE = frozenset({"127.0.0.1", "localhost", "::1"})


class ServerSecrets(Credentials):
    """Prefect's own variables, which may stand in the project's .env too."""

    auth_string: SecretStr | None = Field(
        default=None, description="user:password that Prefect's API and UI ask for."
    )


def serve(project: Path, *, host: str = "127.0.0.1", port: int = 4200) -> None:
    """Supervise until SIGTERM or Ctrl-C; the addresses are printed when runs can happen.

    Raises ConfigError for wrong settings, CannotRun if the server does not come up, or would
    listen to others without a password.
    """
    folder = project.resolve()
    loaded = load_project(folder)
    secrets = ServerSecrets.read("PREFECT_SERVER_API_", folder)
    environment = settle_environment(
        loaded.state_folder, host=host, port=port, password=secrets.auth_string
    )
    processes = []
    if "PREFECT_API_URL" not in os.environ:
        processes.append(Supervised("server", _prefect("server", "start"), environment))
    stopping = _Stopping()
    try:
        for process in processes:
            process.keep_running()
        _wait_for(environment["PREFECT_API_URL"], stopping)
        if not stopping.asked:
            _deploy(folder, environment)
        processes += _afterwards(folder, environment)
        while not stopping.asked:
            for process in processes:
                process.keep_running()
            if all(process.started for process in processes) and not stopping.told:
                stopping.told = _tell_addresses(environment, processes)
            time.sleep(LOOK_SECONDS)
    finally:
        for process in reversed(processes):  # the worker before its server
            process.stop()


def settle_environment(
    state: Path, *, host: str = "127.0.0.1", port: int, password: SecretStr | None = None
) -> dict[str, str]:
    """What every process of one machine runs with; a set PREFECT_API_URL goes before the port.

    Raises CannotRun for an address that others reach, without a password.
    """
    if host not in HERE_ALONE and password is None and "PREFECT_API_URL" not in os.environ:
        raise CannotRun(
            f"others could reach {host}: Prefect's API would let anybody start runs. Set "
            "PREFECT_SERVER_API_AUTH_STRING=user:password in the environment or in .env, put a "
            "reverse proxy with TLS in front, or leave --host out."
        )
    prefect_home.settle(state)
    reached = host if host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104 - compared only
    address = f"http://{f'[{reached}]' if ':' in reached else reached}:{port}/api"
    return {**os.environ, **_ours(host, port, address), **_passwords(password)}


def _ours(host: str, port: int, address: str) -> dict[str, str]:
    return {
        "PREFECT_SERVER_API_HOST": host,
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
        "PREFECT_LOGGING_EXTRA_LOGGERS": "audiences,bids,connectors,measurement,flows",
        "PREFECT_LOGGING_LEVEL": "INFO",
    }


def _passwords(password: SecretStr | None) -> dict[str, str]:
    """For the server, and for those of us who ask it; an own choice of the client's stays."""
    if password is None:
        return {}
    text = password.get_secret_value()
    client = os.environ.get("PREFECT_API_AUTH_STRING", text)
    return {"PREFECT_SERVER_API_AUTH_STRING": text, "PREFECT_API_AUTH_STRING": client}


class _Stopping:
    """Remembers that somebody asked us to stop."""

    def __init__(self) -> None:
        self.asked = self.told = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


def _prefect(*words: str) -> list[str]:
    return [sys.executable, "-m", "prefect", *words]


def _afterwards(project: Path, environment: Mapping[str, str]) -> list[Supervised]:
    """What needs the deployments: the worker; and the console, which needs nothing but us."""
    start = ("worker", "start", "--pool", POOL, "--type", "process", "--limit", str(RUNS_AT_ONCE))
    console = [sys.executable, "-m", "flows", "console", "--project", str(project)]
    started = [Supervised("worker", _prefect(*start), environment)]
    return [*started, Supervised("console", console, environment)] if has_console() else started


def has_console() -> bool:
    """Whether this program has the command `console`."""
    from flows.cli import app

    return any(
        one.callback and one.callback.__name__ == "console" for one in app.registered_commands
    )


def _tell_addresses(environment: Mapping[str, str], processes: list[Supervised]) -> bool:
    api = environment["PREFECT_API_URL"]
    say(f"Runs, plans and receipts (Prefect): {api.removesuffix('/api')}")
    if any(process.name == "console" for process in processes):
        host = environment.get("ADSTEER_CONSOLE_HOST", "127.0.0.1")
        port = environment.get("ADSTEER_CONSOLE_PORT", "4210")
        say(f"Rules, plans and approvals (console): http://{host}:{port}")
    say("Stop with Ctrl-C.")
    return True


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
