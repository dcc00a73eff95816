"""segments.toml: the base model's settings, gates and overlays."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from config.labels import SEGMENTS
from config.model import Labels, Name, Share, Written


class Base(Written):
    """The base segments: total, exclusive, first match wins (eleven of them)."""

    state: str = Field(
        default="rhythm",
        pattern="^(rhythm|model|days|lifecycle)$",
        description="What calls a person active, slipping, asleep or lost.",
    )
    quantiles: tuple[float, float, float] = Field(
        default=(0.80, 0.95, 0.99),
        description="Quantiles of past silences at which slipping, asleep and lost begin.",
    )
    days: tuple[int, int, int] = Field(
        default=(90, 180, 365), description="Day limits, when state is 'days'."
    )
    vip_share: float = Field(
        default=0.10, gt=0, lt=1, description="Top share of buyers by value that is VIP."
    )
    value_window_days: int = Field(
        default=365, ge=1, description="Days before the last purchase that count as value."
    )
    margin_rate: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Margin per unit of revenue where orders carry none; revenue counts without.",
    )
    net_returns: bool = Field(
        default=False,
        description="Value is taken net of returns; they count by returner_share either way.",
    )
    acquisition_costs: dict[str, float] = Field(
        default_factory=dict,
        description="Cost of winning one customer by first channel, in shop currency, such as "
        "{ yandex = 900, email = 0 }; other channels cost what the exports of costs say.",
    )
    lifecycle_days: int = Field(
        default=60, ge=1, description="Silence from which a person is leaving, for 'lifecycle'."
    )
    churn_days: int = Field(
        default=14,
        ge=1,
        le=365,
        description="Days of which churn_risk is the chance that nothing is bought in them.",
    )
    lost_history_factor: float = Field(
        default=1.5,
        ge=0,
        description="Lost is switched on when history spans this many times a first buyer's limit; "
        "0 has it always on.",
    )
    registered_days: int | None = Field(
        default=None, ge=1, description="Days a registration stays new; measured if left out."
    )
    wholesale_quantile: float | None = Field(
        default=0.995,
        gt=0,
        le=1,
        description="Buyers above it in value or items are wholesale, never VIP; 1 is off.",
    )
    returner_share: Share = Field(
        default=0.5,
        description="Returned share of value from which a buyer is never VIP; 1 is off.",
    )

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not 0 < self.quantiles[0] < self.quantiles[1] < self.quantiles[2] < 1:
            raise ValueError("quantiles that rise, between 0 and 1")
        if any(cost < 0 for cost in self.acquisition_costs.values()):
            raise ValueError("acquisition_costs of 0 or more")
        if not 0 < self.days[0] < self.days[1] < self.days[2]:
            raise ValueError("days that rise, above 0")
        return self


class TooSmall(StrEnum):
    """What happens to a segment under its gate."""

    ROLL_UP = "roll_up"
    REFUSE = "refuse"


class TooFew(StrEnum):
    """What happens to the whole base under its gate of buyers or history."""

    REFUSE = "refuse"
    LIFECYCLE = "lifecycle"


class Gates(Written):
    """How much data a statement about people needs."""

    buyers: int = Field(default=500, ge=1, description="Buyers without which no segments are made.")
    history_days: int = Field(default=180, ge=1, description="Days of orders needed.")
    sessions_per_month: int = Field(
        default=10_000, ge=0, description="Sessions needed before behaviour rules count."
    )
    segment_share: Share = Field(
        default=0.02, description="Least share of the base for a segment that is exported."
    )
    too_few: TooFew = Field(
        default=TooFew.REFUSE,
        description="With too few buyers or days: refuse, or fall back to three stages.",
    )
    too_small: TooSmall = Field(
        default=TooSmall.ROLL_UP, description="What happens to a segment under its gate."
    )


class History(Written):
    """How segments are followed over time."""

    retention_days: int = Field(
        default=90, ge=1, description="Days in which a person must buy to count as retained."
    )
    every_days: int = Field(default=30, ge=1, description="Days between two points of a chart.")
    points: int = Field(default=7, ge=2, le=60, description="Points of a chart, the last is today.")
    compare_days: int = Field(
        default=182, ge=1, description="How long ago 'loyal now against then' looks."
    )
    targets: dict[Name, Share] = Field(
        default_factory=lambda: {
            "vip": 0.75,
            "loyal": 0.50,
            "promising": 0.25,
            "new": 0.15,
            "sleeping": 0.10,
        },
        description="Share of a segment that should be retained.",
    )

    @model_validator(mode="after")
    def _known_segments(self) -> Self:
        unknown = sorted(set(self.targets) - set(SEGMENTS))
        if unknown:
            raise ValueError(f"base segments as targets; {unknown[0]!r} is none")
        return self


class Overlay(Written):
    """A set of people that may cut across the base segments."""

    name: Name = Field(description="Name, used in audiences and rules.")
    rule: str = Field(description="SQL condition over the documented features.")
    labels: Labels | None = Field(default=None, description="Labels for the screen.")
    not_in: tuple[Name, ...] = Field(
        default=(), description="Audiences whose members are left out (frequency guard)."
    )


class SegmentsFile(Written):
    """segments.toml."""

    base: Base = Field(default=Base(), description="Settings of the base segments.")
    gates: Gates = Field(default=Gates(), description="How much data is needed.")
    history: History = Field(default=History(), description="How segments are followed over time.")
    overlay: tuple[Overlay, ...] = Field(default=(), description="Sets that cut across.")
