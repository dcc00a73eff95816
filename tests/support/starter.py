"""The starter project in a folder of a test, with its sandbox; time in it runs fast."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.init import write_starter
from config.sample import write_sample_exports
from connectors.sandbox.server import Running, run_in_thread
from connectors.sandbox.world import Settings

SPEED = 3600.0


def make_starter(folder: Path) -> Path:
    """The starter with its sample exports, as `adsteer init` makes it."""
    write_starter(folder)
    write_sample_exports(folder)
    return folder


@contextmanager
def starter_sandbox(patch: pytest.MonkeyPatch, state: Path | None = None) -> Iterator[Running]:
    """The sandbox that a starter project of this test talks to."""
    settings = Settings(processing_seconds=300, speed=SPEED)
    with run_in_thread(state, settings=settings) as running:
        patch.setenv("ADSTEER_SANDBOX_URL", running.url)
        patch.setenv("ADSTEER_SANDBOX_SPEED", str(SPEED))
        yield running
