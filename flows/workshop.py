"""Everything a run works with, opened once and closed together."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir
import sqlalchemy as sa

from audiences.catalog import open_catalog
from audiences.engine import open_backend
from audiences.ledger import Checkpoint, no_checkpoint
from audiences.model import Snapshot
from audiences.sealing import Seal
from audiences.snapshots import current_snapshot, open_rows, private_folder
from config.load import load_project
from config.platforms import Account
from config.project import Project
from config.settings import Settings
from connectors.base import Connector, CorrectsBids
from connectors.http import Surroundings
from connectors.registry import connect
from flows.rehearsal import mixed_up


class CannotRun(Exception):
    """Something a run needs is not there yet; the text says what to do first."""


@dataclass(frozen=True)
class Workshop:
    """A project with its engine, its catalog and a clock."""

    project: Project
    settings: Settings
    catalog: sa.Engine = field(repr=False)
    now: Callable[[], datetime] = field(repr=False)
    checkpoint: Checkpoint = field(default=no_checkpoint, repr=False)
    """Called between two steps of a run with the name of the one that is done."""

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
    def engine(self) -> ibis.BaseBackend:
        """An empty engine, made when it is first needed; CannotRun without what it needs."""
        try:
            return open_backend(self.project.adsteer.engine, self.state / "scratch")
        except ImportError as missing:
            raise CannotRun(
                "the engine is spark, but its extra is not installed "
                f"({missing.name}): pip install -e '.[spark]'. It needs Java 17 too."
            ) from None

    def find_snapshot(self, kind: str, name: str = "") -> Snapshot | None:
        """The current snapshot of a kind, or None before the first."""
        with self.catalog.begin() as connection:
            return current_snapshot(connection, self.state, kind=kind, name=name)

    def snapshot(self, kind: str, name: str = "") -> Snapshot:
        """The current snapshot of a kind; raises CannotRun before the first."""
        found = self.find_snapshot(kind, name)
        if found is None:
            raise CannotRun(
                f"there is no snapshot of {kind} {name}".rstrip()
                + " yet. Run `adsteer refresh` first."
            )
        return found

    def table(self, kind: str, name: str = "") -> ir.Table:
        """The rows of the current snapshot of a kind."""
        return self.read(self.snapshot(kind, name))

    def read(self, snapshot: Snapshot) -> ir.Table:
        """The rows of a snapshot, opened with the project's key if they are encrypted."""
        return open_rows(self.engine, Path(snapshot.path), self.seal)

    @cached_property
    def seal(self) -> Seal | None:
        """What encrypts the project's files; None where no key is set."""
        key = self.settings.encryption_key
        return None if key is None else Seal.of(key.get_secret_value())

    def databases(self) -> dict[str, str]:
        """URLs of the databases that exports name, by the name of their variable."""
        names = {one.database for one in self.project.exports.export if one.database}
        return {name: os.environ[name] for name in sorted(names) if name in os.environ}

    @cached_property
    def connectors(self) -> dict[str, Connector | CorrectsBids]:
        """A connector per account of platforms.toml; nothing is sent by making them."""
        accounts = self.project.platforms.account
        if wrong := mixed_up(self.state, accounts):
            raise CannotRun(wrong)
        return {one.name: connect(one, self.around(one)) for one in accounts}

    def lists_of(self, account: str) -> Connector:
        """The connector of an account that keeps lists; raises CannotRun for another."""
        connector = self.connectors[account]
        if not isinstance(connector, Connector):
            raise CannotRun(f"account {account} keeps no lists: take it out of audiences.toml.")
        return connector

    def bids_of(self, account: str) -> CorrectsBids:
        """The connector of an account that takes corrections; raises CannotRun for another."""
        connector = self.connectors[account]
        if not isinstance(connector, CorrectsBids):
            raise CannotRun(
                f"account {account} takes no bid corrections: take it out of bid_rules.toml."
            )
        return connector

    def around(self, account: Account) -> Surroundings:
        """Clocks and addresses for an account; a sandbox's time may run faster than ours."""
        speed = self.settings.sandbox_speed if account.sandbox else 1.0
        ahead = (self.now() - datetime.now(UTC)).total_seconds()  # a rehearsal's day is not today
        return Surroundings(
            sandbox_url=self.settings.sandbox_url,
            folder=self.project.folder,
            state=self.state / "connectors",
            clock=lambda: time.monotonic() * speed,
            sleep=lambda seconds: time.sleep(seconds / speed),
            now=self.now,
            calendar=lambda: time.time() * speed + ahead,
        )


@contextmanager
def open_workshop(
    folder: Path,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    checkpoint: Checkpoint = no_checkpoint,
) -> Iterator[Workshop]:
    """Load the project in `folder` and open its catalog.

    `checkpoint` is told of every step of a run as soon as it is done: a crash test kills there.

    Raises ConfigError for what a person wrote wrong.
    """
    settings = Settings.load(folder)
    project = load_project(folder)
    private_folder(project.state_folder)
    url = settings.catalog.get_secret_value() if settings.catalog else project.catalog_url
    workshop = Workshop(project, settings, open_catalog(url), now, checkpoint)
    try:
        yield workshop
    finally:
        workshop.catalog.dispose()
        if "engine" in vars(workshop):
            workshop.engine.disconnect()
