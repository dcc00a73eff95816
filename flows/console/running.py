"""Serving the console: one process and no access log, so no form is ever written down."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn

from flows.console.app import make_app
from flows.console.asked import Console
from flows.console.door import Door
from flows.workshop import CannotRun

STOP_SECONDS = 5


def prefect_address() -> str:
    """Where Prefect's pages are, from PREFECT_API_URL; empty without a server."""
    return os.environ.get("PREFECT_API_URL", "").removesuffix("/").removesuffix("/api")


def serve(folder: Path, door: Door, *, once_ready: str = "") -> None:
    """Serve until SIGTERM or Ctrl-C; `once_ready` is printed with the address when pages answer.

    The supervisor of `adsteer serve` starts it as a child: `python -m flows console --project D
    --port N`, with PREFECT_API_URL in its environment, so that pages link to the runs.

    Raises ConfigError for wrong settings, CannotRun where the port is taken or nobody could log in.
    """
    console = Console(folder.resolve(), door, prefect_address())
    running = server(console)
    listening, url = bind(door)
    if once_ready:
        print(once_ready.format(url=url), flush=True)
    running.run([listening])


def server(console: Console) -> uvicorn.Server:
    """The server of a console; proxies' own headers are not believed."""
    return uvicorn.Server(
        uvicorn.Config(
            make_app(console),
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )


def bind(door: Door) -> tuple[socket.socket, str]:
    """A listening socket and its address; port 0 takes a free one. Raises CannotRun."""
    family = socket.AF_INET6 if ":" in door.host else socket.AF_INET
    try:
        listening = socket.create_server((door.host, door.port), family=family, backlog=128)
    except OSError as error:
        raise CannotRun(
            f"the console cannot listen on {door.host}, port {door.port} ({error.strerror}): "
            "say another one with --port."
        ) from None
    shown = f"[{door.host}]" if ":" in door.host else door.host
    return listening, f"http://{shown}:{listening.getsockname()[1]}"


@dataclass(frozen=True)
class Running:
    """A console that answers at `url`."""

    url: str
    console: Console


@contextmanager
def run_in_thread(folder: Path, door: Door | None = None) -> Iterator[Running]:
    """A console on a free port for the time of the block: for screenshots and tests."""
    wanted = replace(door or Door(), port=0)
    console = Console(folder.resolve(), wanted, prefect_address())
    running = server(console)
    listening, url = bind(wanted)
    thread = threading.Thread(target=running.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield Running(url, console)
    finally:
        running.should_exit = True
        thread.join(timeout=3 * STOP_SECONDS)
        listening.close()
