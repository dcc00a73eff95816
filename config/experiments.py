"""experiments.toml: what is tried on whom, against whom it is held, and what is expected of it."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from config.model import Name, Written


class Metric(StrEnum):
    """What is measured per person, from the orders."""

    REVENUE = "revenue"
    MARGIN = "margin"
    BUYERS = "buyers"
    AVERAGE_ORDER = "average_order"


class Experiment(Written):
    """People of segments, parted by a hash: most of them steered, some held out of every list."""

    name: Name = Field(description="Name of the experiment; also the salt of its hash.")
    segments: tuple[Name, ...] = Field(
        default=(),
        description="Base segments or overlays whose people take part; everybody if left out.",
    )
    share: float = Field(gt=0, le=0.5, description="Share held out of every list. Never change it.")
    starts: date = Field(description="First day; whoever is or comes into the segments takes part.")
    days: int = Field(default=28, ge=7, le=366, description="How long it lasts.")
    looks: int = Field(
        default=4,
        ge=1,
        le=8,
        description="Planned looks at the result, evenly spread; it may end early at each of them.",
    )
    metric: Metric = Field(default=Metric.REVENUE, description="What is compared per person.")
    expected_lift: float = Field(
        default=0.1, gt=0, le=10, description="Lift it is made to see: 0.1 is 10 % more."
    )
    winsorize: float = Field(
        default=0.99,
        gt=0.5,
        le=1,
        description="Quantile of buyers' amounts above which they are cut; 1 cuts nothing.",
    )
    history_days: int = Field(
        default=90, ge=0, le=366, description="Days before the start used by CUPED; 0 for none."
    )

    @property
    def ends(self) -> date:
        """Last day that counts."""
        return self.starts + timedelta(days=self.days)

    @model_validator(mode="after")
    def _each_segment_once(self) -> Self:
        if len(set(self.segments)) < len(self.segments):
            raise ValueError("each segment once")
        return self


class Hypothesis(Written):
    """Segment + offer + channel + timing, what is expected of them, and who finds out."""

    name: Name = Field(description="Name of the hypothesis.")
    segment: Name = Field(description="Base segment or overlay it is about.")
    offer: str = Field(min_length=1, description="What these people are offered.")
    channel: str = Field(min_length=1, description="Where they meet it.")
    timing: str = Field(min_length=1, description="When, or after what.")
    expected_lift: float = Field(ge=-1, le=10, description="Expected effect: 0.1 is 10 % more.")
    experiment: Name | None = Field(
        default=None, description="The experiment that decides it; without one it stays open."
    )
    because: str = Field(default="", description="Why it is thought to be so.")

    @property
    def sentence(self) -> str:
        """The hypothesis in one line."""
        return (
            f"{self.segment}: {self.offer}, on {self.channel}, {self.timing}: "
            f"{self.expected_lift:+.0%}"
        )


class ExperimentsFile(Written):
    """experiments.toml."""

    experiment: tuple[Experiment, ...] = Field(default=(), description="What is tried.")
    hypothesis: tuple[Hypothesis, ...] = Field(default=(), description="What is believed.")
