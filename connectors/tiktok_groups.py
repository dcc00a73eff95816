"""What an ad group bids for a segment, read as per cent against everybody else's.

TikTok has no correction for an audience. A segment has an ad group of its own there, shown to the
segment's list only, and the ad group of the same campaign that is shown to everybody bids the
neutral price. So the base is recorded on TikTok itself, where people see it, and a correction is
the relation of the two bids.

A rule may name the campaign, and its corrections land on the ad groups of the segments; or one such
ad group.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from bids.model import BidObject, Level
from connectors.chunks import chunks
from connectors.facts import facts_of
from connectors.tiktok_wire import TikTokDoor, understood

FACTS = facts_of("tiktok")
GROUPS_PER_PAGE = FACTS.whole("ad_groups_per_page")
IDS_PER_GET = FACTS.whole("ids_per_filter")

STEP = Decimal(str(FACTS.number("bid_step")))

BID_FIELDS = {
    "CPC": "bid_price",
    "CPM": "bid_price",
    "CPV": "bid_price",
    "OCPM": "conversion_bid_price",
}
"""By billing event: what the bid is called."""

ACTS_ON = {"CPC": "bid", "CPM": "bid", "CPV": "bid", "OCPM": "target_cpa"}
NO_BID = "BID_TYPE_NO_BID"

FIELDS = (
    *("adgroup_id", "campaign_id", "billing_event", "optimization_goal", "bid_type"),
    *("bid_price", "conversion_bid_price", "roas_bid", "audience_ids", "excluded_audience_ids"),
)
"""What is read of an ad group."""


@dataclass(frozen=True)
class AdGroup:
    """Who an ad group is shown to, and what it bids.

    `bid` None: TikTok bids by itself, towards `aim` where a return on spend is asked for.
    """

    id: str
    campaign: str
    event: str
    goal: str
    bid_type: str
    bid: Decimal | None
    audiences: frozenset[str]
    excluded: frozenset[str]
    aim: Decimal | None = None

    @classmethod
    def read(cls, wire: Mapping[str, Any]) -> "AdGroup":
        event, bid_type = str(wire.get("billing_event", "")), str(wire.get("bid_type", ""))
        field = BID_FIELDS.get(event)
        amount = _money(wire.get(field)) if field and bid_type != NO_BID else None
        return cls(
            id=str(wire["adgroup_id"]),
            campaign=str(wire["campaign_id"]),
            event=event,
            goal=str(wire.get("optimization_goal", "")),
            bid_type=bid_type,
            bid=amount,
            audiences=frozenset(wire.get("audience_ids") or ()),
            excluded=frozenset(wire.get("excluded_audience_ids") or ()),
            aim=_money(wire.get("roas_bid")),
        )

    @property
    def segment(self) -> str | None:
        """The one list it is shown to."""
        (*only,) = self.audiences
        return only[0] if len(only) == 1 else None

    @property
    def strategy(self) -> str:
        """How it bids, in TikTok's words."""
        aim = " roas_bid" if self.bid is None and self.aim is not None else ""
        return f"{self.event} {self.bid_type}{aim}"

    @property
    def acts_on(self) -> str:
        """What a changed bid changes, in the words of `Strategy`."""
        return "ignored" if self.bid is None else ACTS_ON.get(self.event, "unknown")


def _money(value: object) -> Decimal | None:
    """An amount above nothing."""
    amount = Decimal(str(value or 0))
    return amount if amount > 0 else None


class NoBase(Exception):
    """There is no bid to correct, or none to correct against; the text says what to do."""


def of_object(target: BidObject, campaign: Iterable[AdGroup]) -> list[AdGroup]:
    """The ad groups of its campaign that an object means: itself, or all of them."""
    if target.level is Level.CAMPAIGN:
        return list(campaign)
    return [one for one in campaign if one.id == target.object_id]


def group_for(target: BidObject, condition: str, campaign: Sequence[AdGroup]) -> AdGroup:
    """The ad group that is shown to a list alone. Raises NoBase where there is not just one."""
    mine = of_object(target, campaign)
    shown = [one for one in mine if one.segment == condition]
    if len(shown) == 1:
        return shown[0]
    if not mine:
        raise NoBase(f"there is no such {str(target.level).replace('_', ' ')}")
    raise NoBase(
        ("several ad groups are" if shown else "no ad group here is")
        + " shown to this segment alone: make one ad group per segment, with its list as the only "
        "audience"
    )


def single_groups(target: BidObject, campaign: Sequence[AdGroup]) -> list[AdGroup]:
    """Ad groups of an object that are the only one shown to their list."""
    mine = of_object(target, campaign)
    segments = [one.segment for one in mine]
    return [one for one in mine if one.segment and segments.count(one.segment) == 1]


def base_of(group: AdGroup, campaign: Iterable[AdGroup]) -> Decimal:
    """The neutral bid for an ad group of a segment: that of the one shown to everybody.

    Where there are several, those that leave the segment's list out go first. Raises NoBase.
    """
    if group.bid is None:
        if group.aim is not None:
            raise NoBase(
                "the ad group asks for a return on spend (roas_bid), not for a bid: adsteer leaves "
                "that as it is"
            )
        raise NoBase("the ad group has no bid of its own: TikTok bids by itself")
    everybody = [
        one
        for one in campaign
        if one.id != group.id
        and not one.audiences
        and one.bid is not None
        and (one.event, one.goal) == (group.event, group.goal)
    ]
    without_them = [one for one in everybody if group.audiences <= one.excluded]
    bids = {one.bid for one in without_them or everybody if one.bid is not None}
    if not bids:
        raise NoBase(
            "the campaign has no ad group for everybody with the same goal and a bid: "
            "make one that leaves the segments' lists out; its bid is the neutral one"
        )
    if len(bids) > 1:
        raise NoBase(
            "the campaign has several ad groups for everybody with different bids: "
            "leave the segment's list out of the one whose bid is neutral"
        )
    return bids.pop()


def percent_between(bid: Decimal, base: Decimal) -> int:
    """The correction that a bid is, in whole per cent against the base."""
    exact = 100 * (bid - base) / base
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def bid_at(base: Decimal, percent: int) -> Decimal:
    """The bid of a correction, in whole steps and never nothing."""
    return max((base * (100 + percent) / 100).quantize(STEP, ROUND_HALF_UP), STEP)


def in_step(base: Decimal, bid: Decimal, percent: int) -> str:
    """Empty if the bid is the correction; else a warning that says how near it came."""
    near = percent_between(bid, base)
    if near == percent:
        return ""
    return f"bids go in steps of {STEP}: {bid} is {near:+d} % of {base}"


class TikTokGroups(TikTokDoor):
    """Ad groups of one advertiser."""

    def _groups(self, name: str, ids: Sequence[str]) -> dict[str, AdGroup]:
        """Ad groups by their own ids or by those of their campaigns."""
        path, fields = "adgroup/get/", list(FIELDS)
        found = {}
        for some in chunks(sorted(set(ids)), IDS_PER_GET):
            wanted = {name: list(some)}
            for one in self._wire.pages(path, GROUPS_PER_PAGE, filtering=wanted, fields=fields):
                with understood(path):
                    group = AdGroup.read(one)
                found[group.id] = group
        return found

    def _campaigns(self, objects: Sequence[BidObject]) -> dict[BidObject, list[AdGroup]]:
        """Every ad group of each object's campaign; none for an object that is not there."""
        named = [one.object_id for one in objects if one.level is Level.AD_GROUP]
        groups = self._groups("adgroup_ids", named)
        campaign_of = {
            one: one.object_id
            if one.level is Level.CAMPAIGN
            else groups[one.object_id].campaign
            if one.object_id in groups
            else ""
            for one in objects
        }
        held: dict[str, list[AdGroup]] = {}
        wanted = [number for number in campaign_of.values() if number]
        for group in self._groups("campaign_ids", wanted).values():
            held.setdefault(group.campaign, []).append(group)
        return {one: held.get(campaign_of[one], []) for one in objects}
