"""A small shop beside a sandbox in a thread, worked on through the commands."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors.sandbox.server import run_in_thread
from connectors.sandbox.world import Settings
from flows.cli import app
from tests.support.sandbox import Sandbox
from tests.support.small_shop import SmallShop, people_of

SPEED = 3600


@dataclass
class Rehearsal:
    """The shop, the platform, and the last answer of a command."""

    shop: SmallShop
    box: Sandbox

    def run(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """A command's JSON document; it must end with this exit status."""
        result = CliRunner().invoke(app, [*arguments, "--project", str(self.shop.folder), "--json"])
        said = f"{result.output}\n{result.exception!r}"
        assert result.exit_code == code, said
        assert result.exception is None or isinstance(result.exception, SystemExit), said
        text = result.stdout
        return json.loads(text) if text.lstrip().startswith("{") else {"said": result.output}

    def tell(self, *arguments: str) -> str:
        """What a command prints for a person."""
        result = CliRunner().invoke(app, [*arguments, "--project", str(self.shop.folder)])
        assert result.exit_code in (0, 1), result.output
        return " ".join(result.output.split())

    def members(self, name: str) -> set[str]:
        """What the list of this title holds on the platform."""
        title = f"Small shop: {name}"
        (one,) = [row for row in self.box.lists("yandex_audience") if row["name"] == title]
        return set(one["members"])

    def titles(self) -> list[str]:
        return sorted(row["name"] for row in self.box.lists("yandex_audience"))


@contextmanager
def rehearse(folder: Path, patch: pytest.MonkeyPatch, people: int = 240) -> Iterator[Rehearsal]:
    """A written, refreshed shop with one list for the cities A to D."""
    settings = Settings(processing_seconds=300, speed=SPEED, quotas=False)
    with run_in_thread(settings=settings) as running:
        patch.setenv("ADSTEER_SANDBOX_URL", running.url)
        patch.setenv("ADSTEER_SANDBOX_SPEED", str(SPEED))
        patch.delenv("ADSTEER_ENCRYPTION_KEY", raising=False)
        patch.delenv("ADSTEER_CATALOG", raising=False)
        shop = SmallShop(folder, people_of(people), {"north": "ABCD"})
        shop.write()
        yield Rehearsal(shop, Sandbox(running.url.rstrip("/")))
