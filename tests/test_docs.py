"""The manual says what the program does."""

import re
from datetime import date
from pathlib import Path

from typer.testing import CliRunner

from flows.cli import app
from flows.platform_page import calendar, table
from flows.worked_example import as_markdown, worked_example

DOCS = Path(__file__).parent.parent / "docs"
README = DOCS.parent / "README.md"


def test_the_worked_example_is_the_programs() -> None:
    page = (DOCS / "bids.md").read_text(encoding="utf-8")
    shown = page.split("<!-- example -->")[1].split("<!-- /example -->")[0].strip()
    assert shown == as_markdown(worked_example())
    assert "+69 %" in page
    at_risk = next(one for one in worked_example()["rows"] if one["segment"] == "at_risk")
    assert round(at_risk["in_the_end"]) == 69


def test_the_table_of_platforms_is_the_connectors() -> None:
    page = (DOCS / "platforms.md").read_text(encoding="utf-8")
    shown = page.split("<!-- platforms -->")[1].split("<!-- /platforms -->")[0].strip()
    assert shown == table()


def test_the_calendar_warns_before_a_version_ends() -> None:
    ends = next(due for due in calendar({"google"}, date(2027, 9, 1)) if due.days_left is not None)
    assert ends.days_left == 61
    assert ends.warns
    assert not any(due.warns for due in calendar({"google"}, date(2027, 1, 1)))


def commands_named() -> set[str]:
    pages = [README, *DOCS.glob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    return set(re.findall(r"(?:`|bin/)adsteer ([a-z]+)", text))


def test_every_command_the_manual_names_exists() -> None:
    known = {one.callback.__name__ for one in app.registered_commands if one.callback}
    assert commands_named() <= known
    assert {"init", "check", "refresh", "plan", "apply"} <= commands_named()


def test_every_page_the_readme_links_exists() -> None:
    for link in re.findall(r"\]\((docs/[^)#]+)", README.read_text(encoding="utf-8")):
        assert (DOCS.parent / link).is_file(), link


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    for one in app.registered_commands:
        assert one.callback is not None
        assert one.callback.__name__ in shown
