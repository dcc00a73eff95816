"""Campaigns and ad groups of Google Ads: how each level is written, and queries about some of them.

Facts: as in google_wire. UNVERIFIED marks what the documents leave open.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bids.model import BidObject, Level
from connectors.chunks import chunks
from connectors.errors import RuleRefused
from connectors.google_ads import Ads
from connectors.google_wire import FACTS

OBJECTS_PER_QUERY = FACTS.whole("objects_per_query")


@dataclass(frozen=True)
class Place:
    """How a level is written: in queries, in resource names, in JSON."""

    name: str
    collection: str
    json: str
    within: tuple[str, ...]
    """Levels whose audiences concern it: its own, and those below."""
    open: str
    """Condition of what could take a correction."""

    @property
    def criterion(self) -> str:
        return f"{self.name}_criterion"

    @property
    def criteria(self) -> str:
        return f"{self.json}Criteria"


PLACES = {
    Level.CAMPAIGN: Place(
        "campaign",
        "campaigns",
        "campaign",
        ("campaign", "ad_group"),
        "campaign.advertising_channel_type IN ('SEARCH', 'SHOPPING')",
    ),
    Level.AD_GROUP: Place(
        "ad_group", "adGroups", "adGroup", ("ad_group",), "ad_group.status != 'REMOVED'"
    ),
}


def rows_of(
    ads: Ads, place: Place, objects: Sequence[BidObject], query: str, where: str = ""
) -> Iterator[tuple[BidObject, Mapping[str, Any]]]:
    """Rows of a query that names the object's id, each with its object."""
    by_id = {number_in(one.object_id): one for one in objects}
    for some in chunks(sorted(by_id), OBJECTS_PER_QUERY):
        ids = ", ".join(str(one) for one in some)
        condition = f"{where} AND " if where else ""
        for row in ads.search(f"{query} WHERE {condition}{place.name}.id IN ({ids})"):
            number = int(row[place.json]["id"])
            if number in by_id:
                yield by_id[number], row


def number_in(text: str) -> int:
    """An id for a query. Raises RuleRefused, because ids of objects are written by hand."""
    if not text.isdecimal():
        raise RuleRefused(
            f"{text!r} is not an id of Google Ads.",
            act="Write the digits that Google Ads shows, without hyphens.",
        )
    return int(text)


def tail_of(name: object) -> str:
    """The id at the end of a resource name."""
    return str(name).rpartition("/")[2]
