"""schedules.toml: what runs when."""

import re
from typing import Literal

from pydantic import Field, field_validator

from config.model import Name, Written

_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_PART = re.compile(r"(\*|(\d+)(?:-(\d+))?)(?:/([1-9]\d*))?")


def _is_cron_field(text: str, allowed: tuple[int, int]) -> bool:
    """`*`, a number, a range, a step of them, or a list of these, within the field's range."""
    parts = [_PART.fullmatch(part) for part in text.split(",")]
    numbers = [[int(each) for each in (part[2], part[3]) if each] for part in parts if part]
    within = all(allowed[0] <= number <= allowed[1] for each in numbers for number in each)
    return all(parts) and within and all(each == sorted(each) for each in numbers)


class Schedule(Written):
    """One cadence."""

    name: Name = Field(description="Name of the deployment.")
    flow: Literal["refresh", "follow", "sync", "adjust", "measure", "steer"] = Field(
        description="Flow to run."
    )
    cron: str = Field(description="Cron expression, in the shop's time zone.")
    apply: bool = Field(default=False, description="Apply the plan; a plan alone if false.")
    only: tuple[Name, ...] = Field(
        default=(), description="Audiences this run is about; all of them if left out."
    )

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, value: str) -> str:
        fields = value.split()
        if len(fields) != len(_RANGES) or not all(map(_is_cron_field, fields, _RANGES)):
            raise ValueError("five cron fields: minute hour day month weekday, as in '30 6 * * 1'")
        return value


class SchedulesFile(Written):
    """schedules.toml."""

    schedule: tuple[Schedule, ...] = Field(default=(), description="The cadences.")
