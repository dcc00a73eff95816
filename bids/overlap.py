"""What a person in several lists meets, and what a campaign's strategy makes of it.

How a platform combines corrections is data (`COMBINATIONS`). From the corrections on an object and
the counts of people by the set of lists they are in follows the effective correction of each
segment, which rules are dead, cancelled or reversed, and the exclusive list that repairs it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import groupby
from math import fsum, prod
from types import MappingProxyType

from bids.corrections import BidPlan, BidsBy
from bids.model import BidObject, Level

AUDIENCE = "audience"
"""The type of correction that this project sets; devices, regions and so on are other types."""


class Winner(StrEnum):
    """Which of several matching corrections of one type counts."""

    HIGHEST = "highest"
    FIRST = "first"
    """In the order of the rules on the platform."""
    FURTHEST = "furthest"
    """The one furthest from neutral."""


@dataclass(frozen=True)
class Combination:
    """How one platform combines corrections. `source` names its page; see `verified`."""

    source: str
    winner: Winner
    group_replaces_campaign: bool
    """A group's corrections replace the campaign's of the same type; else one level only."""
    verified: bool = True
    """False where the page does not say it: then it is an assumption, and reports say so."""


COMBINATIONS: Mapping[str, Combination] = MappingProxyType(
    {
        "yandex_direct": Combination(
            "yandex.md 5.4: largest coefficient wins, group replaces campaign, types multiply",
            Winner.HIGHEST,
            group_replaces_campaign=True,
        ),
        # UNVERIFIED winner: google.md 5.1 only says that lists with bids stand on one level.
        "google": Combination(
            "google.md 5.1: one level only; which list wins is UNVERIFIED",
            Winner.HIGHEST,
            group_replaces_campaign=False,
            verified=False,
        ),
        # UNVERIFIED winner: microsoft.md 5.1 only says that criteria stand on one level (4522).
        "microsoft": Combination(
            "microsoft.md 5.1: one level only; which list wins is UNVERIFIED",
            Winner.HIGHEST,
            group_replaces_campaign=False,
            verified=False,
        ),
        "meta": Combination(
            "meta.md 5.1: value rules, first matching rule wins, no match is neutral",
            Winner.FIRST,
            group_replaces_campaign=False,
        ),
        "meta_multipliers": Combination(
            "meta.md 5.2: a person in several audiences gets the most significant factor",
            Winner.FURTHEST,
            group_replaces_campaign=False,
        ),
    }
)

NO_CORRECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "vk": "one ad group per segment, its max_price or budget (vk.md 6)",
        "tiktok": "one ad group per segment, its bid (tiktok.md 5)",
    }
)
"""Platforms without corrections for lists, and what is moved instead, in the same per cent."""


@dataclass(frozen=True)
class Met:
    """A correction that a person may meet, in whole per cent against neutral."""

    segment: str
    percent: int
    level: Level = Level.CAMPAIGN
    type: str = AUDIENCE
    order: int = 0
    """Place among the platform's rules, where the first one wins."""

    @property
    def factor(self) -> Decimal:
        return 1 + Decimal(self.percent) / 100


def met_after(
    plan: BidPlan, campaign: BidObject, group: BidObject | None = None, *, approved: bool = False
) -> tuple[Met, ...]:
    """Our corrections that people meet in a campaign, and in one of its groups, after a plan."""
    found = []
    for row in plan.corrections:
        percent = row.after(approved=approved)
        if row.object in (campaign, group) and percent is not None:
            found.append(Met(row.segment, percent, row.object.level))
    return tuple(found)


def counts_of(met: Iterable[Met], how: Combination) -> tuple[Met, ...]:
    """The corrections that apply to a person who meets all of these: one of each type."""
    ordered = sorted(met, key=lambda one: (one.type, one.order, one.segment, one.percent))
    return tuple(
        _winner(list(group), how) for _, group in groupby(ordered, key=lambda one: one.type)
    )


def _winner(met: Sequence[Met], how: Combination) -> Met:
    on_group = [one for one in met if one.level is Level.AD_GROUP]
    heard = on_group if on_group and how.group_replaces_campaign else met
    if how.winner is Winner.FIRST:
        return heard[0]
    if how.winner is Winner.FURTHEST:
        return max(heard, key=lambda one: abs(one.percent))
    return max(heard, key=lambda one: one.percent)


def effective_factor(met: Iterable[Met], how: Combination) -> Decimal:
    """The factor on what the strategy lets a correction act on; types multiply."""
    return prod((one.factor for one in counts_of(met, how)), start=Decimal(1))


@dataclass(frozen=True)
class Cell:
    """People who are in exactly these lists, of those that an object corrects for."""

    segments: frozenset[str]
    people: int


class Verdict(StrEnum):
    """What overlaps leave of a rule."""

    AS_ASKED = "as asked"
    WEAKENED = "weakened"
    CANCELLED = "cancelled"
    """Its people are left within the tolerance of neutral."""
    REVERSED = "reversed"
    """Its people are moved the other way."""
    DEAD = "dead"
    """It decides nobody's bid."""


@dataclass(frozen=True)
class ExclusiveList:
    """The list that repairs a rule: these people without those of another segment."""

    of: str
    without: str
    people: int
    """How many leave `of`'s list."""

    def __str__(self) -> str:
        return f"list '{self.of} without {self.without}' ({self.people:,} people fewer)"


@dataclass(frozen=True)
class EffectiveCorrection:
    """A rule after overlaps. `effective` is the mean correction of its people, in per cent."""

    segment: str
    asked: int
    effective: float
    people: int
    decides: int
    """People whose bid this rule decides."""
    verdict: Verdict
    beaten_by: tuple[str, ...] = ()
    repairs: tuple[ExclusiveList, ...] = ()

    @property
    def sentence(self) -> str:
        """The row in words a marketer reads."""
        text = (
            f"{self.segment}: asked {self.asked:+d} %, effective {self.effective:+.0f} %, "
            f"{self.verdict}"
        )
        if self.beaten_by:
            text += f"; outvoted by {', '.join(self.beaten_by)}"
        if self.repairs:
            text += f"; repair: {'; '.join(str(one) for one in self.repairs)}"
        return text


def after_overlaps(
    met: Sequence[Met], cells: Sequence[Cell], how: Combination, *, tolerance: float = 5.0
) -> tuple[EffectiveCorrection, ...]:
    """Every audience correction on an object (and its campaign) after overlaps, sorted by segment.

    cells: disjoint; people in none of the lists may be left out. tolerance: per cent around
    neutral that count as cancelled, and around the asked value that count as asked.
    """
    shadowed = _shadowed(met, how)
    rows = []
    for one in sorted(met, key=lambda row: (row.segment, row.level)):
        if one.type == AUDIENCE:
            mine = [cell for cell in cells if one.segment in cell.segments and cell.people]
            decided = [(cell, _decides(met, cell, how)) for cell in mine]
            rows.append(_effective(one, decided, tolerance, shadowed=one in shadowed))
    return tuple(rows)


def _shadowed(met: Sequence[Met], how: Combination) -> frozenset[Met]:
    """Campaign corrections that a group's corrections of the same type replace altogether."""
    types = {one.type for one in met if one.level is Level.AD_GROUP}
    if not how.group_replaces_campaign:
        return frozenset()
    return frozenset(one for one in met if one.level is Level.CAMPAIGN and one.type in types)


def _decides(met: Sequence[Met], cell: Cell, how: Combination) -> Met | None:
    """The audience correction that decides for the people of a cell, if any is heard."""
    shadowed = _shadowed(met, how)
    heard = [
        one
        for one in met
        if one.type == AUDIENCE and one.segment in cell.segments and one not in shadowed
    ]
    return counts_of(heard, how)[0] if heard else None


def _effective(
    one: Met,
    decided: Sequence[tuple[Cell, Met | None]],
    tolerance: float,
    *,
    shadowed: bool,
) -> EffectiveCorrection:
    people = sum(cell.people for cell, _ in decided)
    mine = sum(cell.people for cell, by in decided if by == one)
    effective = (
        fsum(cell.people * (by.percent if by else 0) for cell, by in decided) / people
        if people
        else float(one.percent)
    )
    lost: dict[str, int] = {}
    for cell, by in decided:
        if by is not None and by.segment != one.segment and by.percent != one.percent:
            lost[by.segment] = lost.get(by.segment, 0) + cell.people
    verdict = _verdict(one.percent, effective, tolerance, people=people, mine=mine)
    if shadowed:
        verdict = Verdict.DEAD
    repairs = (
        ()
        if verdict is Verdict.AS_ASKED
        else tuple(
            ExclusiveList(winner, one.segment, count) for winner, count in sorted(lost.items())
        )
    )
    return EffectiveCorrection(
        one.segment, one.percent, effective, people, mine, verdict, tuple(sorted(lost)), repairs
    )


def _verdict(asked: int, effective: float, tolerance: float, *, people: int, mine: int) -> Verdict:
    if not people or abs(effective - asked) <= tolerance:
        return Verdict.AS_ASKED
    if asked * effective < 0 and abs(effective) > tolerance:
        return Verdict.REVERSED
    if asked and abs(effective) <= tolerance:
        return Verdict.CANCELLED
    return Verdict.WEAKENED if mine else Verdict.DEAD


class ActsOn(StrEnum):
    """What a strategy lets a correction act on (`connectors.base.Strategy.acts_on`)."""

    BID = "bid"
    TARGET_CPA = "target_cpa"
    TARGET_DRR = "target_drr"
    IGNORED = "ignored"
    UNKNOWN = "unknown"


_WORDS: Mapping[ActsOn, str] = MappingProxyType(
    {
        ActsOn.BID: "a correction acts on the bid",
        ActsOn.TARGET_CPA: "a correction acts on the target CPA, and on the fee per conversion",
        ActsOn.TARGET_DRR: "a correction acts on the target cost share (DRR)",
        ActsOn.IGNORED: "a correction is ignored or only informs the automatic bid",
        ActsOn.UNKNOWN: "what a correction does is not known; watch it before trusting it",
    }
)


def corrected(base: Decimal, acts_on: ActsOn, factor: Decimal) -> Decimal | None:
    """Bid, target CPA or target DRR after a correction, in the unit of `base`.

    The base itself where corrections are ignored, None where it is not known.
    """
    if acts_on is ActsOn.UNKNOWN:
        return None
    return base if acts_on is ActsOn.IGNORED else base * factor


def strategy_sentence(strategy: BidsBy) -> str:
    """What an object's strategy does with a correction, for the plan."""
    known = strategy.acts_on in set(ActsOn)
    acts_on = ActsOn(strategy.acts_on) if known else ActsOn.UNKNOWN
    less = f"; {strategy.because}" if strategy.takes is not None else ""
    return f"{strategy.object}: strategy {strategy.name}: {_WORDS[acts_on]}{less}"


def possible_on(platform: str) -> str:
    """Whether corrections are possible on a platform, and what does the same where they are not."""
    if platform in COMBINATIONS:
        return f"corrections are possible on {platform}"
    if platform in NO_CORRECTIONS:
        return f"no corrections for lists on {platform}; instead: {NO_CORRECTIONS[platform]}"
    return f"corrections are not possible on {platform}"
