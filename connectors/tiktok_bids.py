"""Corrections of TikTok: the bid of a segment's own ad group, and the names of ad groups.

Facts: TikTok's SDK 1.1.3 (AdgroupUpdateBody); limits and names from a public Go client (2026-07).
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

from bids.model import (
    BidObject,
    CorrectionChange,
    CorrectionReceipt,
    FoundObject,
    Level,
    PresentCorrection,
)
from connectors.base import BidLimits, CorrectsBids, NamesObjects, Strategy
from connectors.errors import ConnectorError, ListGone, RuleRefused
from connectors.http import Effect
from connectors.in_turn import refused
from connectors.tiktok_audiences import FACTS, TikTokAudiences
from connectors.tiktok_groups import (
    BID_FIELDS,
    GROUPS_PER_PAGE,
    AdGroup,
    NoBase,
    TikTokGroups,
    base_of,
    bid_at,
    group_for,
    in_step,
    of_object,
    percent_between,
    single_groups,
)
from connectors.tiktok_wire import DONE_BEFORE, BadParameter, text_of


class TikTokBids(TikTokAudiences, TikTokGroups, CorrectsBids, NamesObjects):
    """Bids of ad groups, in per cent of everybody else's."""

    bid_limits: ClassVar[BidLimits] = FACTS.bid_limits(levels=frozenset(Level))

    def condition_for(self, list_id: str, title: str) -> str:
        """An ad group names the list itself. Raises ListGone."""
        self.state(list_id)
        return list_id

    def find_condition(self, list_id: str, title: str) -> str | None:
        return list_id if list_id in self._details([list_id]) else None

    def read_corrections(self, objects: Sequence[BidObject]) -> tuple[PresentCorrection, ...]:
        """Of ad groups shown to one list, whose bid is not everybody else's."""
        campaigns = self._campaigns(objects)
        found = []
        for one in objects:
            for group in single_groups(one, campaigns[one]):
                try:
                    base = base_of(group, campaigns[one])
                except NoBase:
                    continue
                percent = percent_between(group.bid or base, base)
                if percent and group.segment:
                    found.append(PresentCorrection(one, group.segment, group.id, percent))
        return tuple(found)

    def write_corrections(
        self, changes: Sequence[CorrectionChange]
    ) -> tuple[CorrectionReceipt, ...]:
        """A bid is sent as an amount, so sending it again is harmless; no correction is the base.

        Once something was sent no receipt is lost: a failure then becomes the reason of the
        changes that were not sent. Before that it is raised.
        """
        campaigns = self._campaigns([one.object for one in changes])
        written: dict[str, Decimal] = {}
        receipts: list[CorrectionReceipt] = []
        failure = ""
        for change in changes:
            if not failure:
                try:
                    receipts.append(self._corrected(change, campaigns[change.object], written))
                    continue
                except ConnectorError as fault:
                    if not written:
                        raise
                    failure = f"failed: {fault}"
            receipts.append(refused(change, failure))
        return tuple(receipts)

    def strategies(self, objects: Sequence[BidObject]) -> tuple[Strategy, ...]:
        """A campaign bids as its ad groups do, if they agree."""
        campaigns = self._campaigns(objects)
        found = []
        for one in objects:
            groups = of_object(one, campaigns[one])
            acts_on = {group.acts_on for group in groups}
            name = ", ".join(sorted({group.strategy for group in groups}))
            found.append(Strategy(one, name, acts_on.pop() if len(acts_on) == 1 else "unknown"))
        return tuple(found)

    def objects(self, level: Level) -> tuple[FoundObject, ...]:
        """Ad groups that are not deleted, or the campaigns that have such; there are no labels.

        That an ad group tells its campaign's name stands in a public Go client only.
        """
        named = ("adgroup_id", "adgroup_name")
        if level is Level.CAMPAIGN:
            named = ("campaign_id", "campaign_name")
        found: dict[str, str] = {}
        for one in self._wire.pages("adgroup/get/", GROUPS_PER_PAGE, fields=list(named)):
            number, name = (text_of(one, field, "adgroup/get/") for field in named)
            found[number] = name
        return tuple(
            FoundObject(BidObject(self._account, self.platform, level, number), name)
            for number, name in sorted(found.items())
        )

    # What follows knows the wire.

    def _corrected(
        self, change: CorrectionChange, campaign: Sequence[AdGroup], written: dict[str, Decimal]
    ) -> CorrectionReceipt:
        """The receipt of one change; `written` then holds the ad group's bid."""
        percent = change.percent
        limits = self.bid_limits
        if percent is not None and not limits.lowest <= percent <= limits.highest:
            return refused(change, f"corrections are {limits.lowest} to {limits.highest} % here")
        try:
            group = group_for(change.object, change.condition_id, campaign)
            base = base_of(group, campaign)
            bid = bid_at(base, percent or 0)
            if bid != written.get(group.id, group.bid):
                self._bid(group, bid)
                written[group.id] = bid
        except (NoBase, BadParameter, RuleRefused, ListGone) as fault:
            return refused(change, str(fault))
        if percent is None:
            return CorrectionReceipt(change, None)
        return CorrectionReceipt(change, group.id, warning=in_step(base, bid, percent))

    def _bid(self, group: AdGroup, bid: Decimal) -> None:
        body = {"adgroup_id": group.id, BID_FIELDS[group.event]: float(bid)}
        try:
            self._wire.post("adgroup/update/", body, Effect.SAME)
        except DONE_BEFORE:
            return
