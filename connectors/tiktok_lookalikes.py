"""Look-alikes of TikTok: three sizes, in the regions where the advertiser's ads are shown.

Facts: TikTok's OpenAPI files dmp_custom_audience_lookalike_* (2026-02), help pages of 2024.
"""

from contextlib import suppress

from config.audiences import Lookalike
from connectors.base import ExcludesLists, GrowsLookalikes
from connectors.errors import ListBusy, RuleRefused, SeedRefused
from connectors.http import Effect
from connectors.tiktok_audiences import FACTS, TikTokAudiences
from connectors.tiktok_groups import GROUPS_PER_PAGE, TikTokGroups
from connectors.tiktok_wire import DONE_BEFORE, BadParameter, text_of

MIN_SEED = FACTS.whole("seed_people")
SIZES = {1: "NARROW", 2: "BALANCED", 3: "BALANCED", 4: "BROAD", 5: "BROAD"}
"""Reach to `audience_size`: TikTok has three steps, and nothing by value."""


class TikTokLookalikes(TikTokAudiences, TikTokGroups, GrowsLookalikes, ExcludesLists):
    """Look-alikes of one advertiser."""

    where_to_exclude = "TikTok Ads Manager: the ad group, Targeting, Audience, Exclude"

    def grow(self, seed_id: str, title: str, reach: int, wish: Lookalike) -> str:
        """In the regions where the advertiser's ad groups are shown, on all devices.

        TikTok wants a region and cannot keep the seed's own shares: `wish` has no word in it.
        """
        if reach not in SIZES:
            raise RuleRefused(f"look-alike {title!r}: reach {reach} is not 1 to 5.")
        size = SIZES[reach]
        if (found := self._grown(seed_id, title, size)) is not None:
            return found
        self._can_be_seed(seed_id)
        body = {
            "custom_audience_name": title,
            "lookalike_spec": {
                "source_audience_id": seed_id,
                "include_source": False,
                "mobile_os": "ALL",
                "placements": ["TikTok"],
                "location_ids": self._regions(title),
                "audience_size": size,
            },
        }
        try:
            return self._wire.door.once(
                lambda: self._create("dmp/custom_audience/lookalike/create/", body),
                lambda: self._grown(seed_id, title, size),
            )
        except (BadParameter, RuleRefused) as fault:
            raise SeedRefused(str(fault)) from None

    def refresh(self, lookalike_id: str) -> None:
        """TikTok refreshes one that an active ad group uses, twice a week; this does it for any."""
        body = {"custom_audience_ids": [lookalike_id]}
        with suppress(*DONE_BEFORE):
            self._wire.post("dmp/custom_audience/lookalike/update/", body, Effect.SAME)

    def excluded(self, ad_group: str) -> frozenset[str]:
        found = self._groups("adgroup_ids", [ad_group])
        if ad_group not in found:
            raise RuleRefused(
                f"ad group {ad_group} is not in the account.",
                act="Name the ad groups that show the look-alike under shown_in.",
            )
        return found[ad_group].excluded

    def exclude(self, list_id: str, ad_group: str) -> None:
        """TikTok adds the list to those that the ad group leaves out."""
        self.excluded(ad_group)
        body = {
            "adgroup_ids": [ad_group],
            "custom_audience_id": list_id,
            "action_mode": "Apply",
            "usage_mode": "Exclude",
        }
        with suppress(*DONE_BEFORE):
            self._wire.post("dmp/custom_audience/apply/", body, Effect.SAME)

    # What follows knows the wire.

    def _grown(self, seed_id: str, title: str, size: str) -> str | None:
        """A look-alike with this title of an older seed is another one."""
        named = [text_of(one, "audience_id", "list") for one in self._named(title)]
        for number, one in self._details(named).items():
            spec = one.get("lookalike_spec") or {}
            if (spec.get("source_audience_id"), spec.get("audience_size")) == (seed_id, size):
                return number
        return None

    def _can_be_seed(self, seed_id: str) -> None:
        seed = self.state(seed_id)
        if not seed.settled:
            raise ListBusy(f"list {seed_id} is still calculated; nothing grows from it yet.")
        if (seed.matched or 0) < MIN_SEED:
            raise SeedRefused(
                f"list {seed_id} has {seed.matched or 0} matched users.",
                act=f"Widen the seed so that TikTok finds at least {MIN_SEED} of its people.",
            )

    def _regions(self, title: str) -> list[str]:
        fields = ["adgroup_id", "location_ids"]
        groups = self._wire.pages("adgroup/get/", GROUPS_PER_PAGE, fields=fields)
        found = sorted({str(region) for one in groups for region in one.get("location_ids") or []})
        if not found:
            raise RuleRefused(
                f"look-alike {title!r}: TikTok wants regions, and no ad group has any.",
                act="Make an ad group for the regions where the look-alike shall be found.",
            )
        return found
