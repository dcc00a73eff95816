"""Small things a connector must remember because its platform does not: one JSON file each.

Shared by all processes of a machine: whoever changes it holds its lock, and a reader always finds
a whole file. Only its owner may read it.
"""

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from connectors.errors import ContractBroken


class Lock:
    """A file that one thread of one process holds at a time; a dead process holds nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._here = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else holds it for the time of the block."""
        with self._here:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
            finally:
                os.close(lock)


class KeptFile:
    """A JSON object at `path`; its folder is made when something is first kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock(path.with_suffix(".lock"))

    def read(self) -> dict[str, Any]:
        """What is kept; nothing where there is no file yet."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            kept = None
        if not isinstance(kept, dict):
            raise ContractBroken(f"{self._path.name} in the state folder is not what was kept.")
        return kept

    def write(self, kept: dict[str, Any]) -> None:
        """Replace the whole; call it under `held`."""
        fresh = self._path.with_suffix(".new")
        number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            json.dump(kept, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)

    def held(self) -> AbstractContextManager[None]:
        """Nobody else changes the file for the time of the block."""
        return self._lock.held()
