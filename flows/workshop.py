"""Everything a run works with, opened once and closed together."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from ibis.backends.duckdb import Backend

from audiences.catalog import open_catalog
from audiences.engine import open_engine
from audiences.snapshots import private_folder
from config.load import load_project
from config.project import Project
from config.settings import Settings


class CannotRun(Exception):
    """Something a run needs is not there yet; the text says what to do first."""


@dataclass(frozen=True)
class Workshop:
    """A project with its engine, its catalog and a clock."""

    project: Project
    settings: Settings
    catalog: sa.Engine = field(repr=False)
    now: Callable[[], datetime] = field(repr=False)

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.project.state_folder

    @property
    def as_of(self) -> date:
        """The snapshot day: fixed in adsteer.toml, or today in the shop's time zone."""
        shop = self.project.adsteer.shop
        return shop.as_of or self.now().astimezone(ZoneInfo(shop.time_zone)).date()

    @cached_property
    def engine(self) -> Backend:
        """An empty engine, made when it is first needed."""
        return open_engine(self.project.adsteer.engine, self.state / "scratch")


@contextmanager
def open_workshop(
    folder: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[Workshop]:
    """Load the project in `folder` and open its catalog.

    Raises ConfigError for what a person wrote wrong.
    """
    settings = Settings.load(folder)
    project = load_project(folder)
    private_folder(project.state_folder)
    url = settings.catalog.get_secret_value() if settings.catalog else project.catalog_url
    workshop = Workshop(project, settings, open_catalog(url), now)
    try:
        yield workshop
    finally:
        workshop.catalog.dispose()
        if "engine" in vars(workshop):
            workshop.engine.disconnect()
