"""Running the sandbox: in a thread for tests, in a process of its own for rehearsals."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from connectors.sandbox.app import create_app
from connectors.sandbox.world import Settings, World

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Running:
    """A sandbox that answers at `url`; `world` is what is behind it."""

    url: str
    world: World


def bind(port: int) -> tuple[socket.socket, str]:
    """A listening socket on loopback and its URL; port 0 takes a free one."""
    listening = socket.create_server((HOST, port), backlog=128)
    # Accepted connections inherit it. asyncio sets it only on sockets that name their protocol;
    # without it every answer on a kept connection waits some 40 ms for an acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening, f"http://{HOST}:{listening.getsockname()[1]}"


def server(world: World) -> uvicorn.Server:
    """A quiet server: no access log, so no path, header or body is ever written down."""
    return uvicorn.Server(
        uvicorn.Config(
            create_app(world),
            log_level="critical",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
    )


@contextmanager
def run_in_thread(
    path: Path | None = None, *, settings: Settings | None = None
) -> Iterator[Running]:
    """A sandbox on a free port for the time of the block."""
    world = World(path, settings=settings)
    listening, url = bind(0)
    running = server(world)
    thread = threading.Thread(target=running.run, args=([listening],), daemon=True)
    thread.start()
    try:
        # The socket listens already: requests that come before the server is up wait in it.
        yield Running(url, world)
    finally:
        running.should_exit = True
        thread.join(timeout=10)
        listening.close()
        world.close()
