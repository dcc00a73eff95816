"""What every test with a live Prefect server needs: it is slow and often busy, and must be stopped.

On SQLite Prefect answers 503 to a caller who comes while it is writing, and its start takes half a
minute on a loaded machine: every request is repeated, every wait has minutes.
"""

import socket
import subprocess
import time
from collections.abc import Callable
from typing import Any, TypeVar

import requests

PATIENCE = 600.0
BUSY = (429, 500, 502, 503)

Found = TypeVar("Found")


def ask(method: str, url: str, **body: Any) -> Any:
    """The JSON answer of Prefect's API; asked again while it is busy, being started or restarted.

    A create that was done before its answer got lost may so be done twice: fine for flow runs.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            answer = requests.request(
                method, url, json=None if method == "GET" else body, timeout=60
            )
        except requests.RequestException:
            answer = None
        if answer is not None and answer.status_code not in BUSY:
            answer.raise_for_status()
            return answer.json() if answer.content else None
        assert time.monotonic() < deadline, f"{method} {url}: not answered in {PATIENCE:g} s"
        time.sleep(1)


def wait_for(condition: Callable[[], Found], *, seconds: float = PATIENCE) -> Found:
    """What the condition gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.5)
    return found


def stop(process: "subprocess.Popen[Any]", *, seconds: float = PATIENCE) -> int:
    """End a process by SIGTERM, or by SIGKILL if it does not listen; its exit status."""
    process.terminate()
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
