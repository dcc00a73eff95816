"""How much memory a run took, and how much of it lay on the disk: looked at while it goes on.

What is told is the most at once, seen every twentieth of a second: a shorter peak may be missed.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.documents import Document

EVERY_SECONDS = 0.05
MEMORY = Path("/proc/self/statm")
"""Pages of this process; a system without it tells no memory."""


class Footprint:
    """The most memory and spilled bytes seen so far."""

    def __init__(self, scratch: Path, memory_limit: str) -> None:
        self._scratch = scratch
        self._limit = memory_limit
        self._memory = 0
        self._spilled = 0
        self._done = threading.Event()

    def look(self) -> None:
        """See what there is now."""
        self._memory = max(self._memory, _resident())
        self._spilled = max(self._spilled, _size(self._scratch))

    def told(self) -> Document:
        """The most so far, in bytes, and what the engine was allowed before it spills."""
        self.look()
        return {
            "memory_bytes": self._memory or None,
            "spilled_bytes": self._spilled,
            "memory_limit": self._limit,
        }

    def watch(self) -> None:
        """Look until `stop`."""
        while not self._done.wait(EVERY_SECONDS):
            self.look()

    def stop(self) -> None:
        """End `watch`."""
        self._done.set()


@contextmanager
def footprint(scratch: Path, memory_limit: str) -> Iterator[Footprint]:
    """Look at this process and at the folder `scratch`, where its engine spills."""
    made = Footprint(scratch, memory_limit)
    thread = threading.Thread(target=made.watch, name="footprint", daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.stop()
        thread.join()


def _resident() -> int:
    try:
        pages = int(MEMORY.read_text(encoding="ascii").split()[1])
    except FileNotFoundError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _size(folder: Path) -> int:
    """Bytes of the files in a folder; one that goes meanwhile counts nothing."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    total += entry.stat().st_size
                except FileNotFoundError:
                    continue
    except FileNotFoundError:
        return 0
    return total
