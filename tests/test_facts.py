"""Limits, versions and dates: one file per platform, every line with its source and its month."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

import connectors
from connectors.facts import Facts, facts_of
from connectors.registry import PLATFORMS

FOLDER = Path(connectors.__file__).parent


def test_every_platform_has_its_file_and_no_file_is_left_over():
    assert {path.stem for path in FOLDER.glob("*.toml")} == set(PLATFORMS)


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_a_fact_is_one_line_with_source_and_month(platform):
    """A line alone says the value, where it is written and when that was read."""
    lines = (FOLDER / f"{platform}.toml").read_text(encoding="utf-8").splitlines()
    facts = [line for line in lines if "{" in line]
    assert facts
    for line in facts:
        assert "source = " in line, line
        assert "read = " in line, line
    found = facts_of(platform)
    every = [
        *found.apis,
        *found.rates,
        *found.lists.values(),
        *found.corrections.values(),
        *found.requests.values(),
    ]
    assert len(every) == len(facts)
    assert all(one.read.day == 1 and one.read <= datetime.now(UTC).date() for one in every)


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_the_connector_declares_what_the_file_says(platform):
    facts, connector = facts_of(platform), PLATFORMS[platform]
    assert connector.versions == facts.versions
    for name, one in facts.lists.items():
        assert getattr(connector.limits, name) == one.value, name
    for name, one in facts.corrections.items():
        assert getattr(connector.bid_limits, name) == one.value, name


def test_a_line_without_a_source_or_with_a_strange_word_is_refused():
    text = (FOLDER / "google.toml").read_text(encoding="utf-8")
    whole = tomllib.loads(text)
    for spoiled in ({"value": 1, "read": "2026-11-01"}, {**whole["lists"]["batch_size"], "x": 1}):
        with pytest.raises(ValidationError):
            Facts.model_validate({**whole, "lists": {"batch_size": spoiled}})


def test_a_version_that_is_not_known_has_no_end():
    facts = facts_of("google")
    assert facts.ends("v22") is not None
    assert facts.ends("v1") is facts.ends("v99") is None
