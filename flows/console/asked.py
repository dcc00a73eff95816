"""What every page works with: the project's console, and one request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from audiences.actions import Action, record_action
from config.load import load_project
from flows.console import texts
from flows.console.door import Door, Visitor
from flows.console.sessions import Patience, Session, Signer
from flows.console.users import Users
from flows.console.work import Work
from flows.workshop import Workshop, open_workshop

HERE = Path(__file__).parent


class Refused(Exception):
    """A request that is not answered; `status` and a key of the catalogue say why."""

    def __init__(self, status: int, key: str, wait: float = 0) -> None:
        super().__init__(key)
        self.status, self.key, self.wait = status, key, wait


@dataclass(frozen=True)
class Console:
    """One project's console: its folder, its door, and what lives as long as the process."""

    folder: Path
    door: Door
    prefect_url: str = ""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), repr=False)

    @cached_property
    def state(self) -> Path:
        """The state folder of the project."""
        return load_project(self.folder).state_folder

    @cached_property
    def users(self) -> Users:
        return Users(self.state)

    @cached_property
    def signer(self) -> Signer:
        return Signer(self.state)

    @cached_property
    def work(self) -> Work:
        return Work(self.now)

    @cached_property
    def by_name(self) -> Patience:
        """Five wrong passwords for a name from an address, then a quarter of an hour of rest."""
        return Patience(most=5, seconds=900)

    @cached_property
    def by_address(self) -> Patience:
        return Patience(most=20, seconds=900)

    @cached_property
    def kept(self) -> dict[str, Any]:
        """What pages keep between requests, by their own names."""
        return {}

    @property
    def cookie(self) -> str:
        """Cookies of one host are shared by its ports: every project has a name of its own."""
        return "adsteer_" + sha256(str(self.folder.resolve()).encode()).hexdigest()[:8]

    def workshop(self, step: Callable[[str], None] | None = None) -> Any:
        """The project's workshop, opened anew: the files may have changed since the last page."""
        if step is None:
            return open_workshop(self.folder, now=self.now)
        return open_workshop(self.folder, now=self.now, checkpoint=step)

    def record(
        self, workshop: Workshop, visitor: Visitor, what: str, *, plan: str = "", said: str = ""
    ) -> None:
        """One line of the audit log."""
        line = Action(self.now(), visitor.name or "–", visitor.role, what, plan, said)
        record_action(workshop.catalog, line)


@dataclass(frozen=True)
class Asked:
    """One request, as a page sees it."""

    console: Console
    request: Request
    visitor: Visitor
    session: Session
    language: str
    form: Mapping[str, str]

    def say(self, key: str, **figures: Any) -> str:
        """A text of the catalogue in the visitor's language."""
        return texts.text(self.language, key, **figures)


Handler = Callable[[Asked], Response]


@dataclass(frozen=True)
class Route:
    """A page or an action and the least role that may ask for it; None is for everybody."""

    method: str
    path: str
    role: str | None
    handler: Handler
