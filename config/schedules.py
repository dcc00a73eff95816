"""schedules.toml: what runs when."""

from datetime import timedelta
from typing import Literal

from pydantic import Field, field_validator

from config.cadence import PART, RANGES, longest_gap
from config.model import Name, Written


def _is_cron_field(text: str, allowed: tuple[int, int]) -> bool:
    """`*`, a number, a range, a step of them, or a list of these, within the field's range."""
    parts = [PART.fullmatch(part) for part in text.split(",")]
    numbers = [[int(each) for each in (part[2], part[3]) if each] for part in parts if part]
    within = all(allowed[0] <= number <= allowed[1] for each in numbers for number in each)
    return all(parts) and within and all(each == sorted(each) for each in numbers)


class Schedule(Written):
    """One cadence."""

    name: Name = Field(description="Name of the deployment.")
    flow: Literal["refresh", "follow", "sync", "adjust", "measure", "steer", "watch"] = Field(
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
        if len(fields) != len(RANGES) or not all(map(_is_cron_field, fields, RANGES)):
            raise ValueError("five cron fields: minute hour day month weekday, as in '30 6 * * 1'")
        return value

    @property
    def longest_gap(self) -> timedelta:
        """The longest wait between two runs."""
        return longest_gap(self.cron)


class SchedulesFile(Written):
    """schedules.toml."""

    schedule: tuple[Schedule, ...] = Field(default=(), description="The cadences.")
