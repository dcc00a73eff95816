"""Long work beside the pages: one thing at a time, in a thread; the page shows how far it is.

Runs of an account are kept apart by the lease in the catalog. A lease belongs to a process, so
within this one the single thread keeps them apart.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from config.faults import ConfigError
from flows.mending import told_plainly

Document = dict[str, Any]
Step = Callable[[str], None]


class Busy(Exception):
    """Something else is being done."""


@dataclass(frozen=True)
class Job:
    """One piece of work and how it stands."""

    what: str
    who: str
    began: datetime
    step: str = ""
    ended: datetime | None = None
    failed: str = ""
    """Why it failed, ready to be shown; empty otherwise."""
    document: Document | None = None

    @property
    def runs(self) -> bool:
        """True while it is being done."""
        return self.ended is None


class Work:
    """At most one job at a time; the last one is remembered."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._job: Job | None = None

    @property
    def job(self) -> Job | None:
        """The present job, or the last one."""
        return self._job

    def start(
        self,
        what: str,
        who: str,
        do: Callable[[Step], Document],
        *,
        done: Callable[[Job], None],
    ) -> None:
        """Begin; `do` is told where to report its steps, `done` sees the job as it ended.

        Raises Busy while another job runs.
        """
        with self._lock:
            if self._job is not None and self._job.runs:
                raise Busy
            self._job = Job(what, who, self._clock())
        threading.Thread(target=self._run, args=(do, done), name=f"console {what}").start()

    def _run(self, do: Callable[[Step], Document], done: Callable[[Job], None]) -> None:
        job = self._job
        assert job is not None  # noqa: S101  it was set before this thread began
        try:
            ended = replace(job, document=do(self._step), ended=self._clock())
        except ConfigError as error:
            ended = replace(job, failed=str(error), ended=self._clock())
        except Exception as error:
            text = told_plainly(error)
            if not text:
                logging.getLogger(__name__).exception("%s failed", job.what)
                text = f"{type(error).__name__}: this is a fault of adsteer; its log says more."
            ended = replace(job, failed=text, ended=self._clock())
        try:
            done(ended)
        finally:
            self._job = ended

    def _step(self, name: str) -> None:
        if self._job is not None:
            self._job = replace(self._job, step=name)
