"""`python -m connectors.sandbox`: the sandbox as a process; one JSON line says where it listens."""

import argparse
import json
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from connectors.sandbox.server import bind, server
from connectors.sandbox.world import Settings, World


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m connectors.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--state", type=Path, help="file that keeps the state; else in memory")
    parser.add_argument("--speed", type=float, default=1.0, help="sandbox seconds per second")
    parser.add_argument("--processing-seconds", type=float, default=7200.0)
    parser.add_argument("--matched-share", type=float, default=0.7)
    parser.add_argument("--generous", action="store_true", help="every digest is known")
    parser.add_argument("--no-quotas", action="store_true", help="no rates, quotas or points")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds added to each answer")
    parser.add_argument(
        "--follow-parent", action="store_true", help="exit when standard input closes"
    )
    return parser.parse_args(given)


def _one_line(url: str) -> None:
    sys.stdout.write(json.dumps({"url": url}) + "\n")
    sys.stdout.flush()


def main(
    command_line: Sequence[str] | None = None, once_bound: Callable[[str], None] = _one_line
) -> None:
    """Serve until told to stop; the arguments are those of the process if left out.

    `once_bound` is told the address before the first request is taken.
    """
    given = arguments(command_line)
    world = World(
        given.state,
        settings=Settings(
            processing_seconds=given.processing_seconds,
            speed=given.speed,
            quotas=not given.no_quotas,
            matched_share=given.matched_share,
            generous=given.generous,
            latency=given.latency,
        ),
    )
    listening, url = bind(given.port)
    running = server(world)

    def follow() -> None:
        sys.stdin.buffer.read()
        running.should_exit = True

    if given.follow_parent:
        threading.Thread(target=follow, daemon=True).start()
    once_bound(url)
    running.run(sockets=[listening])
    world.close()


if __name__ == "__main__":
    main()
