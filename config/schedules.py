"""schedules.toml: what runs when."""

from typing import Literal

from pydantic import Field

from config.model import Name, Written


class Schedule(Written):
    """One cadence."""

    name: Name = Field(description="Name of the deployment.")
    flow: Literal["refresh", "sync", "adjust", "measure", "steer"] = Field(
        description="Flow to run."
    )
    cron: str = Field(description="Cron expression, in the shop's time zone.")
    apply: bool = Field(default=False, description="Apply the plan; a plan alone if false.")


class SchedulesFile(Written):
    """schedules.toml."""

    schedule: tuple[Schedule, ...] = Field(default=(), description="The cadences.")
