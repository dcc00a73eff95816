"""A process that is kept alive, and that does not outlive us."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
STOP_SECONDS = 30.0
LONGEST_PAUSE = 60.0
SETTLED_SECONDS = 300.0
"""A process that lived so long did not die at its start: the next pause is short again."""

PR_SET_PDEATHSIG = 1
"""prctl(2), Linux: the signal a process gets when the thread that started it is gone."""


@dataclass
class Supervised:
    """A process that is started again when it dies, the sooner the longer it lived."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    process: "subprocess.Popen[bytes] | None" = None
    started: int = 0
    pause: float = 1.0
    _began: float = 0.0
    _again_at: float | None = None

    def keep_running(self) -> bool:
        """Start it if it does not run and its pause is over. True if it was started now."""
        if self.process is not None and self.process.poll() is None:
            return False
        now = self.clock()
        if self.process is not None and self._again_at is None:
            lived = now - self._began
            self.pause = 1.0 if lived > SETTLED_SECONDS else min(self.pause * 2, LONGEST_PAUSE)
            self._again_at = now + self.pause
            status = self.process.returncode
            say(f"The {self.name} ended with status {status}; again in {self.pause:.0f} s.")
        if self._again_at is not None and now < self._again_at:
            return False
        self.process = subprocess.Popen(  # noqa: S603 - our own program with our own arguments
            self.command, env=dict(self.environment), cwd=ROOT, preexec_fn=_dies_with(os.getpid())
        )
        self._began, self._again_at = now, None
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


def say(line: str) -> None:
    """A line for whoever looks at the terminal or the journal of the service."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _dies_with(parent: int) -> Callable[[], None] | None:
    """What a child does before it becomes its program: ask for SIGTERM when we are killed.

    Linux alone can; elsewhere a supervisor that is killed leaves its children behind.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def follow() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # killed between the fork and the line above
            os.kill(os.getpid(), signal.SIGTERM)

    return follow
