"""The starter project on its sample exports, refreshed in this process; no platform is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config.init import write_starter
from config.sample import write_sample_exports
from flows import loop
from flows.workshop import Workshop, open_workshop

NOW = datetime(2011, 12, 9, 20, tzinfo=UTC)


def make_project(folder: Path) -> Path:
    """Write the project with its exports."""
    write_starter(folder)
    write_sample_exports(folder)
    return folder


@contextmanager
def opened(folder: Path) -> Iterator[Workshop]:
    """The project's workshop at a fixed moment."""
    with open_workshop(folder, now=lambda: NOW) as workshop:
        yield workshop


def refreshed(folder: Path) -> dict[str, Any]:
    """Make the project and refresh it; the refresh document."""
    with opened(make_project(folder)) as workshop:
        return loop.refresh(workshop)


def edit(folder: Path, file: str, old: str, new: str) -> None:
    """Change a settings file as a person would; `old` must be there."""
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
