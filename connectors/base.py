"""What a connector is. This page is the manual for whoever adds a platform.

A connector speaks for one account on one platform, synchronously, one request at a time; splitting
into batches, recording and resuming is `delivery`'s job, retrying is `http`'s. Everything the
engine needs to know beforehand is data (`Limits`, `Recipe`, `BidLimits`); what only some platforms
can do is a small abstract class of its own. The engine never asks for a platform's name.

Rules every method keeps:

- It raises nothing but the classes in `errors`, each of which says who must act.
- HTTP 200 is not success: per-item verdicts are read and come back as data.
- A list is looked up before it is made again: a create may have happened though no answer came.
- Nothing it raises, returns as text or logs holds a contact, a digest, a secret or a token.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar

from audiences.model import AudienceRef, Batch, ListState, Opened, Receipt, Recipe
from bids.model import (
    BidObject,
    CorrectionChange,
    CorrectionReceipt,
    FoundObject,
    Level,
    PresentCorrection,
)
from config.audiences import Identifier, Lookalike


@dataclass(frozen=True)
class ApiVersion:
    """A version of a platform's API that a connector speaks. `ends` None: no end is announced."""

    api: str
    version: str
    ends: date | None
    source: str


@dataclass(frozen=True)
class Limits:
    """What a platform's lists can take. `source` names the page the figures come from."""

    source: str
    kinds: frozenset[Identifier]
    batch_size: int
    """People per request."""
    min_members: int
    """Under this the platform does not make or serve the list."""
    min_difference: int = 0
    """Changes smaller than this are gathered until there are enough."""
    takes_worth: bool = False
    """Batches of a seed may have the column model.WORTH; no other platform is told it."""
    born_with_members: bool = False
    """A list is made out of its first batch; there is no empty list."""
    membership_days: int | None = None
    """After this many days a member drops out unless sent again; None: never."""
    replace_hours: float = 0
    """Where a list can be replaced whole: at least so long between two replacements."""
    title_length: int = 250
    max_in_flight: int = 1
    """Batches that may be under way to one list at once."""
    changes_per_minute: int | None = None
    changes_per_hour: int | None = None
    changes_per_day: int | None = None
    expected_match: float = 0.5
    """Share of people a platform usually recognises, for size gates before anything is known."""


class Connector(ABC):
    """One account on one platform that keeps lists of people."""

    platform: ClassVar[str]
    limits: ClassVar[Limits]
    recipe: ClassVar[Recipe]

    @abstractmethod
    def check(self) -> None:
        """Raise an error that says who must act if this account cannot be worked with."""

    @abstractmethod
    def find(self, audience: AudienceRef) -> str | None:
        """Id of the list with this title, or None. A pure look-up."""

    @abstractmethod
    def find_or_create(self, audience: AudienceRef, first: Batch) -> Opened:
        """Find the list, or make it; `first` is the first batch that will be added.

        Platforms that make a list out of its members send `first` and return its receipt.
        """

    @abstractmethod
    def add(self, list_id: str, batch: Batch) -> Receipt:
        """Add people. Sending the same batch twice leaves them in the list once."""

    @abstractmethod
    def remove(self, list_id: str, batch: Batch) -> Receipt:
        """Remove people by the digests that added them."""

    @abstractmethod
    def state(self, list_id: str) -> ListState:
        """What the platform tells of the list; raises ListGone if it is not there."""

    @abstractmethod
    def rename(self, list_id: str, title: str) -> bool:
        """Give the list this title; twice is as once. False where it can only keep the old one.

        Raises ListGone, and RuleRefused where another list has the title and titles are unique.
        """

    @abstractmethod
    def delete(self, list_id: str) -> None:
        """Delete the list; one that is gone already is no error."""

    def changes_counted(self, seconds: float) -> int:
        """Changes of lists that our own meter counted in so many seconds before now.

        By whichever process, for the quotas in `limits`; 0 where we do not count them.
        """
        return 0


class ReplacesWhole(ABC):
    """A platform where one request says who is in a list: everybody in it and nobody else.

    Only where the platform's documents have such a request, and where the list holds the old
    people or the new ones and never fewer than both have in common.
    """

    @abstractmethod
    def replace(self, list_id: str, batch: Batch) -> Receipt:
        """The list holds these people afterwards, under the same id; twice is as once.

        Raises RuleRefused if the platform does not take it so; the list is then as it was.
        """


class GrowsLookalikes(ABC):
    """A platform that grows a list of similar people out of a seed list."""

    keeps_up: ClassVar[bool] = True
    """Whether a look-alike follows its seed, by itself or by `refresh`. Where not, a person swaps
    an old one for a new one: `refresh` then only looks whether it is there."""

    where_to_exclude: ClassVar[str] = ""
    """Where a person has a look-alike's ads not shown to a list: menus, so UNVERIFIED."""

    @abstractmethod
    def grow(self, seed_id: str, title: str, reach: int, wish: Lookalike) -> str:
        """Id of the look-alike with this title, made if it is not there.

        Raises ListBusy while the seed is not ready, SeedRefused if it cannot serve as one.
        """

    @abstractmethod
    def refresh(self, lookalike_id: str) -> None:
        """Have the look-alike follow what its seed holds now; twice is as once.

        Where the platform does so by itself, or knows no such request, it is only looked whether
        the look-alike is there. Raises ListGone if not, ListBusy while it is worked on.
        """


class ExcludesLists(ABC):
    """A platform on which an ad group can be kept from showing its ads to the people of a list."""

    @abstractmethod
    def excluded(self, ad_group: str) -> frozenset[str]:
        """Ids of the lists whose people the ad group leaves out.

        Raises RuleRefused where the account has no such ad group.
        """

    @abstractmethod
    def exclude(self, list_id: str, ad_group: str) -> None:
        """Have an ad group leave out the people of a list, beside whom it leaves out already.

        Twice is as once. Raises RuleRefused where the ad group cannot.
        """


@dataclass(frozen=True)
class Outcome:
    """What became of a request that a platform took first and worked on later."""

    reference: str
    """As the receipt of the request has it."""
    done: bool
    dropped: tuple[tuple[str, int], ...] = ()
    """The platform's reasons, and how many people each cost; it does not say who."""
    matched: str = ""
    """How many it recognised, in its own words; empty while it does not say."""


class TellsOutcomes(ABC):
    """A platform that answers first and tells later what became of a request."""

    @abstractmethod
    def outcome(self, reference: str) -> Outcome:
        """What became of the request whose receipt has this reference."""


@dataclass(frozen=True)
class BidLimits:
    """What corrections a platform takes, in per cent against neutral."""

    source: str
    lowest: int
    highest: int
    levels: frozenset[Level]
    per_object: int
    """Corrections of this kind one object can hold."""


@dataclass(frozen=True)
class Strategy:
    """How a campaign bids, and so what a correction acts on."""

    object: BidObject
    name: str
    acts_on: str
    """'bid', 'target_cpa', 'target_drr', 'ignored' or 'unknown'."""
    takes: tuple[int, int] | None = None
    """Lowest and highest per cent this object takes, where that is less than its platform does."""
    because: str = ""
    """Why it takes no more."""


class CorrectsBids(ABC):
    """A platform where a bid can be corrected for the people in a list."""

    bid_limits: ClassVar[BidLimits]

    @abstractmethod
    def check(self) -> None:
        """Raise an error that says who must act if this account cannot be worked with."""

    @abstractmethod
    def condition_for(self, list_id: str, title: str) -> str:
        """Id by which corrections name a list here, found by title or made."""

    @abstractmethod
    def find_condition(self, list_id: str, title: str) -> str | None:
        """The same, but only looked up: None where there is none. Changes nothing."""

    @abstractmethod
    def read_corrections(self, objects: Sequence[BidObject]) -> tuple[PresentCorrection, ...]:
        """Every audience correction on these objects, ours or not."""

    @abstractmethod
    def write_corrections(
        self, changes: Sequence[CorrectionChange]
    ) -> tuple[CorrectionReceipt, ...]:
        """Send changes; one receipt per change, in their order."""

    @abstractmethod
    def strategies(self, objects: Sequence[BidObject]) -> tuple[Strategy, ...]:
        """How each object's campaign bids."""


class NamesObjects(ABC):
    """A platform that lists its campaigns and ad groups by name, for rules that name patterns."""

    @abstractmethod
    def objects(self, level: Level) -> tuple[FoundObject, ...]:
        """Every object of a level that could take corrections, ended and archived ones not."""


@dataclass(frozen=True)
class SpendRow:
    """One day of one object, for one condition (None: without correction)."""

    day: date
    object: BidObject
    condition_id: str | None
    impressions: int
    clicks: int
    cost: Decimal
    conversions: Decimal | None
    revenue: Decimal | None


class ReportsSpend(ABC):
    """A platform that reports what was spent and what came of it."""

    @abstractmethod
    def spend(self, objects: Sequence[BidObject], first: date, last: date) -> tuple[SpendRow, ...]:
        """Daily figures, first and last day included; amounts in the account's currency."""
