"""The vocabulary of people and lists: values only, shared by everything that thinks or talks.

A plain contact has no type here on purpose: it exists inside the engine between reading and
hashing, and what leaves the engine is digests.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

import pyarrow as pa

from config.audiences import Identifier, Purpose

MEMBERS = pa.schema(
    [
        pa.field("person_id", pa.string(), nullable=False),
        pa.field("email", pa.list_(pa.string()), nullable=False),
        pa.field("phone", pa.list_(pa.string()), nullable=False),
        pa.field("external_id", pa.list_(pa.string()), nullable=False),
    ]
)
"""One row per person: all digests of one kind side by side, in the recipe's form, sorted."""


WORTH = pa.field("value", pa.float64())
"""One more column of a seed's rows, for a platform that takes it: what the person is worth."""


class Segment(StrEnum):
    """The base segments, in the order in which they are decided."""

    LOST = "lost"
    VIP = "vip"
    VIP_AT_RISK = "vip_at_risk"
    LOYAL = "loyal"
    AT_RISK = "at_risk"
    SLEEPING = "sleeping"
    DRIFTING = "drifting"
    NEW = "new"
    PROMISING = "promising"
    REGISTERED = "registered"
    SLEEPING_REGISTERED = "sleeping_registered"


class PhoneForm(StrEnum):
    """How a platform wants a phone number before hashing."""

    E164 = "e164"
    """With plus: +79995551111."""
    DIGITS = "digits"
    """Country code and digits, no plus: 79995551111."""


class EmailStep(StrEnum):
    """What a platform does to an address before hashing, beyond trim and lower-case."""

    GMAIL_DOTS = "gmail_dots"
    """Dots leave the local part at gmail.com and googlemail.com."""
    GMAIL_DOMAIN = "gmail_domain"
    """googlemail.com becomes gmail.com."""
    PLUS_TAG = "plus_tag"
    """From the first plus sign on, the local part is cut."""
    GMAIL_PLUS_TAG = "gmail_plus_tag"
    """The same, at gmail.com and googlemail.com only."""
    GMAIL_COM_DOTS = "gmail_com_dots"
    """Dots leave the local part at gmail.com only."""
    GMAIL_COM_PLUS_TAG = "gmail_com_plus_tag"
    """The local part is cut from the first plus sign on, at gmail.com only."""
    DOTS = "dots"
    """Dots leave the local part at every domain."""
    LEADING_PLUS = "leading_plus"
    """A plus sign in front of the address is dropped."""
    YANDEX_DOMAIN = "yandex_domain"
    """Every domain of Yandex becomes yandex.ru."""
    YANDEX_HYPHENS = "yandex_hyphens"
    """At a domain of Yandex, dots of the local part become hyphens."""
    ONLY_LATIN = "only_latin"
    """An address in other than ASCII is no identifier."""
    ONLY_LETTERS_DIGITS = "only_letters_digits"
    """All but a-z, 0-9, full stop and hyphen leave the address."""


class Digest(StrEnum):
    """What a platform takes a contact's text through; always written in lower-case hex."""

    SHA256 = "sha256"
    MD5 = "md5"
    """Reversible by trying all phone numbers: only for a platform that knows nothing better."""


@dataclass(frozen=True)
class Recipe:
    """How one platform wants contacts written and hashed: data, declared by its connector.

    E-mail is always trimmed and lower-cased first, a phone always made E.164 first, then the steps
    in their order; what is empty after them is no identifier. An external id is taken as it is.
    `source` names the platform's page.
    """

    name: str
    source: str
    kinds: frozenset[Identifier]
    phone: PhoneForm = PhoneForm.DIGITS
    email: tuple[EmailStep, ...] = ()
    digest: Digest = Digest.SHA256


class Verb(StrEnum):
    """What a batch does to a list."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"
    """The list holds these people afterwards and nobody else."""


@dataclass(frozen=True)
class AudienceRef:
    """An audience on one account: what a list is found by."""

    account: str
    platform: str
    audience: str
    purpose: Purpose
    title: str
    membership_days: int | None = None

    def __str__(self) -> str:
        return f"{self.account}/{self.audience}"


@dataclass(frozen=True, eq=False)
class Batch:
    """What one request carries: one verb, members as an Arrow table of schema MEMBERS.

    `key` is the same for the same content of the same plan, so it names the batch in the ledger.
    """

    key: str
    verb: Verb
    members: pa.Table = field(repr=False)

    def __len__(self) -> int:
        return int(self.members.num_rows)


@dataclass(frozen=True, order=True)
class Refusal:
    """One member the platform did not take. The reason never holds the contact."""

    person_id: str
    reason: str
    temporary: bool = False


@dataclass(frozen=True)
class Receipt:
    """What the platform said of one batch: accepted + refused = people in the batch."""

    batch: str
    accepted: int
    refused: tuple[Refusal, ...] = ()
    reference: str = ""
    """The platform's own id of the request, for its support."""


@dataclass(frozen=True)
class Opened:
    """A list that is ready to take batches.

    `receipt` is the verdict on the first batch where the platform makes a list out of its first
    members (`Limits.born_with_members`) and made it now; else None: that batch is still to be sent.
    """

    list_id: str
    receipt: Receipt | None = None


@dataclass(frozen=True)
class ListState:
    """What a platform tells of a list of ours."""

    list_id: str
    ready: bool
    settled: bool
    """False while the platform is still working on it and takes no change."""
    size: int | None = None
    """Members as the platform counts them."""
    matched: int | None = None
    """People it recognised: accepted is not matched."""
    said: str = ""
    """The platform's own word for the state."""


@dataclass(frozen=True)
class Snapshot:
    """A set of rows as they stood: a Parquet file that the catalog calls current."""

    kind: str
    path: str
    as_of: date
    made_at: datetime
    rows: int
