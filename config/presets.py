"""The CRM systems whose exports we know by their headers: data in presets/*.toml."""

import tomllib
from functools import cache
from pathlib import Path

from pydantic import Field

from config.exports import ExportKind
from config.model import Written

FOLDER = Path(__file__).parent / "presets"
COMMON = "common"
"""Not a system: headers that any system may use, known beside every preset."""
ALIASES = {"1c": "onec", "bitrix24": "bitrix"}
"""Names people use for a preset; a name in a project file cannot begin with a digit."""


class PresetValues(Written):
    """How this system writes yes, no and the states of an order."""

    yes: tuple[str, ...] = Field(default=(), description="Consent given.")
    no: tuple[str, ...] = Field(default=(), description="Consent refused.")
    paid: tuple[str, ...] = Field(default=(), description="States that count.")
    cancelled: tuple[str, ...] = Field(default=(), description="States left out.")
    returned: tuple[str, ...] = Field(default=(), description="States of returns.")


class Preset(Written):
    """One system: canonical column = headers it may have, the likeliest first."""

    title: str = Field(description="What people call it.")
    header_row: str = Field(
        pattern="^(known|synonyms)$", description="Whether its header row was seen."
    )
    source: str = Field(description="Where the headers are from, and what is not verified.")
    zone: str | None = Field(default=None, description="Zone of its times; the shop's if left out.")
    several_rows: bool = Field(default=False, description="An order may take several rows.")
    contacts: dict[str, tuple[str, ...]] = Field(description="Headers of people.")
    orders: dict[str, tuple[str, ...]] = Field(description="Headers of orders.")
    aggregate: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Headers of sums per customer, beside those of people."
    )
    order_lines: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Headers of order lines."
    )
    events: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Headers of behaviour."
    )
    costs: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Headers of advertising costs."
    )
    values: PresetValues = Field(default=PresetValues(), description="Its words.")

    def headers(self, kind: ExportKind) -> dict[str, tuple[str, ...]]:
        """Headers by canonical column for one kind of export."""
        own: dict[str, tuple[str, ...]] = getattr(self, kind.value)
        return {**self.contacts, **own} if kind is ExportKind.AGGREGATE else own


def preset_names() -> list[str]:
    """Names that `preset = ...` takes."""
    return sorted(path.stem for path in FOLDER.glob("*.toml") if path.stem != COMMON)


@cache
def load_preset(name: str) -> Preset:
    """One preset by name or alias. Raises KeyError with the known names."""
    path = FOLDER / f"{ALIASES.get(name, name)}.toml"
    if not path.is_file():
        raise KeyError(f"unknown preset {name!r}; known: {', '.join(preset_names())}")
    return Preset.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
