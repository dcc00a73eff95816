"""The manual says what the program does."""

import re
from datetime import date
from pathlib import Path

from typer.testing import CliRunner

from flows.cli import app
from flows.platform_page import calendar, line_counts, table
from flows.worked_example import as_markdown, worked_example
from tests.support.command_names import commands_known

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


def test_the_line_counts_are_about_true() -> None:
    """Within a quarter: the page need not change with every line."""
    page = (DOCS / "platforms.md").read_text(encoding="utf-8")
    told = page.split("<!-- lines -->")[1].split("<!-- /lines -->")[0].strip().splitlines()
    counted = line_counts().splitlines()
    assert told[:2] == counted[:2]
    for one, other in zip(told[2:], counted[2:], strict=True):
        name, *there = one.strip("| ").split(" | ")
        assert name == other.strip("| ").split(" | ")[0]
        for number, real in zip(there, other.strip("| ").split(" | ")[1:], strict=True):
            assert 0.75 <= int(number) / int(real) <= 1.33, one


def test_the_calendar_knows_a_version_that_an_account_asks_for() -> None:
    pinned = [("google", "v22"), ("google", "v26"), ("vk", "v9")]
    dues = calendar({"google"}, date(2026, 9, 1), pinned=pinned)
    assert [due.version.version for due in dues] == ["v22", "v26", "v1"]
    assert (dues[0].days_left, dues[0].warns) == (36, True)


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
    assert commands_named() <= commands_known()
    assert {"init", "check", "refresh", "plan", "apply"} <= commands_named()


def test_every_page_the_readme_links_exists() -> None:
    for link in re.findall(r"\]\((docs/[^)#]+)", README.read_text(encoding="utf-8")):
        assert (DOCS.parent / link).is_file(), link


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    assert commands_known() >= {"plan", "apply"}
    for name in commands_known():
        assert f" {name} " in shown
