"""A platform that takes corrections, in memory: it remembers, refuses and can be cut off."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bids.model import BidObject, CorrectionChange, CorrectionReceipt, Level, PresentCorrection

CAMPAIGN = BidObject("direct", "yandex_direct", Level.CAMPAIGN, "710")
GROUP = BidObject("direct", "yandex_direct", Level.AD_GROUP, "5001")


@dataclass(frozen=True)
class YandexLimits:
    lowest: int = -100
    highest: int = 1200
    levels: frozenset[Level] = frozenset(Level)
    per_object: int = 100


@dataclass
class MemoryPlatform:
    """Corrections by object and condition, as the account would hold them."""

    held: dict[tuple[BidObject, str], PresentCorrection] = field(default_factory=dict)
    conditions: dict[str, str] = field(default_factory=dict)
    refuse: dict[str, str] = field(default_factory=dict)
    forget: set[str] = field(default_factory=set)
    requests: int = 0
    next_id: int = 1

    def put(self, object: BidObject, condition_id: str, percent: int) -> None:
        key = (object, condition_id)
        if key in self.held:
            self.held[key] = replace(self.held[key], percent=percent)
        else:
            self.held[key] = PresentCorrection(object, condition_id, str(self.next_id), percent)
            self.next_id += 1

    def values(self) -> dict[tuple[str, str], int]:
        return {
            (object.object_id, condition): one.percent
            for (object, condition), one in self.held.items()
        }

    def condition_for(self, list_id: str, title: str) -> str:
        return self.conditions.setdefault(list_id, f"c-{list_id}")

    def read_corrections(self, objects: Sequence[BidObject]) -> tuple[PresentCorrection, ...]:
        return tuple(one for one in self.held.values() if one.object in objects)

    def write_corrections(
        self, changes: Sequence[CorrectionChange]
    ) -> tuple[CorrectionReceipt, ...]:
        self.requests += 1
        return tuple(self._write(change) for change in changes)

    def _write(self, change: CorrectionChange) -> CorrectionReceipt:
        key = (change.object, change.condition_id)
        if change.segment in self.refuse:
            return CorrectionReceipt(change, None, refused=self.refuse[change.segment])
        if change.segment in self.forget:
            return CorrectionReceipt(change, "0", warning="10160: will not be applied")
        if change.percent is None:
            del self.held[key]
            return CorrectionReceipt(change, None)
        if change.correction_id is None and key in self.held:
            return CorrectionReceipt(change, None, refused="9800: duplicate")
        self.put(change.object, change.condition_id, change.percent)
        return CorrectionReceipt(change, self.held[key].correction_id)
