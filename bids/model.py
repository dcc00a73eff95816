"""The vocabulary of bids: absolute corrections in whole per cent against neutral."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """What a correction hangs on."""

    CAMPAIGN = "campaign"
    AD_GROUP = "ad_group"


@dataclass(frozen=True, order=True)
class BidObject:
    """A campaign or ad group that takes corrections."""

    account: str
    platform: str
    level: Level
    object_id: str

    def __str__(self) -> str:
        return f"{self.account}/{self.level} {self.object_id}"


@dataclass(frozen=True)
class FoundObject:
    """A campaign or ad group as the platform lists it, for name patterns and labels."""

    object: BidObject
    name: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class PresentCorrection:
    """A correction as the platform shows it now.

    `condition_id` is what the correction names there (Yandex Direct: a retargeting list);
    `percent` is against neutral: -30 means 30 % lower, 0 means no change.
    """

    object: BidObject
    condition_id: str
    correction_id: str
    percent: int


class Action(StrEnum):
    """What a bid plan does with one correction."""

    ADD = "add"
    SET = "set"
    KEEP = "keep"
    REMOVE = "remove"
    DRIFT = "drift"
    """Somebody changed it by hand: shown, left alone unless the rule enforces."""
    WAIT = "wait"
    """Its list is not ready yet, its cooldown is not over or its data are too thin."""


@dataclass(frozen=True)
class WantedCorrection:
    """A correction as a rule asks for it, on an object, for a segment's list."""

    object: BidObject
    segment: str
    percent: int


@dataclass(frozen=True)
class CorrectionChange:
    """One change to send: `percent` None removes the correction."""

    object: BidObject
    segment: str
    condition_id: str
    correction_id: str | None
    percent: int | None


@dataclass(frozen=True)
class CorrectionReceipt:
    """What the platform said of one change; `refused` is its reason, empty when it took it."""

    change: CorrectionChange
    correction_id: str | None
    refused: str = ""
    warning: str = ""
