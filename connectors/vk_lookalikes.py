"""Look-alikes in VK Ads: switched on per account, because nobody could try them.

The resource is guarded by the permission `use_lookalike_audiences`, the current public documents
no longer describe it, and the body of its create request is UNVERIFIED: it is `_creation` below
and nothing else knows it. Segments still name such audiences, with the reach in people.
Facts: VK Ads API documentation, SegmentRelations (2026-04), help pages of its forerunner on
look-alikes, error bodies that its clients recorded.
"""

from typing import Any

from config.audiences import Lookalike
from connectors.base import GrowsLookalikes
from connectors.errors import ContractBroken, RuleRefused, SeedRefused
from connectors.facts import facts_of
from connectors.http import Ask, Effect
from connectors.vk_segments import VkSegments, refuse_busy
from connectors.vk_wire import whole

AUDIENCES = "api/v2/remarketing/lookalike_audiences.json"
FEWEST_MATCHED = facts_of("vk").whole("seed_people")
REACH = {1: 300_000, 2: 600_000, 3: 1_000_000, 4: 2_000_000, 5: 3_000_000}
"""People per step of reach. Ours: the documents show 300,000 in an example and no bounds."""
USELESS = ("failed", "archived")


def _creation(title: str, users_list: int) -> dict[str, Any]:
    """UNVERIFIED: by analogy with relations of segments."""
    return {"name": title, "source_id": users_list}


class VkLookalikes(VkSegments, GrowsLookalikes):
    """Look-alikes as segments: they can be targeted and corrected like any list."""

    def grow(self, seed_id: str, title: str, reach: int, wish: Lookalike) -> str:
        """Grown from the seed's list with more matched people; regions and devices: no say in VK.

        Raises CredentialsRefused where the account lacks the permission.
        """
        if reach not in REACH:
            raise RuleRefused(f"look-alike {title!r}: reach {reach} is not 1 to 5.")
        seed = self._seed(seed_id)
        if (found := self._segment_named(title)) is not None:
            return found
        audience = self._audience(title, seed)
        params = {"source_id": audience, "reach": REACH[reach], "type": "positive"}
        relation = {"object_type": "remarketing_lookalike_audience", "params": params}
        return self._make_segment(title, [relation])

    def refresh(self, lookalike_id: str) -> None:
        """VK knows no such request; whether a look-alike follows its source is UNVERIFIED."""
        self._relations(lookalike_id)

    def _seed(self, seed_id: str) -> int:
        lists = list(self._lists_of(seed_id).values())
        for one in lists:
            refuse_busy(one)
        best = max(lists, key=lambda one: whole(one.get("matched_ids_count")) or 0)
        matched = whole(best.get("matched_ids_count")) or 0
        if matched < FEWEST_MATCHED:
            raise SeedRefused(
                f"segment {seed_id}: VK recognised {matched} people; nothing grows from fewer "
                f"than {FEWEST_MATCHED}.",
                act="Widen the seed.",
            )
        return int(best["id"])

    def _audience(self, title: str, users_list: int) -> int:
        if (found := self._audience_named(title)) is not None:
            return found
        ask = Ask("POST", AUDIENCES, json=_creation(title, users_list), effect=Effect.TWICE)

        def act() -> int:
            made = self._door.send(ask).body
            number = whole(made.get("id")) if isinstance(made, dict) else None
            if number is None:
                raise ContractBroken(f"{ask}: the answer has no id.")
            if made.get("status") in USELESS:
                raise SeedRefused(f"look-alike {title!r} is {made['status']}.")
            return number

        return self._door.once(act, lambda: self._audience_named(title))

    def _audience_named(self, title: str) -> int | None:
        """One of an attempt that ended before the segment was made."""
        for one in self._all(AUDIENCES, {}):
            if one.get("name") == title and one.get("status") not in USELESS:
                return int(one["id"])
        return None
