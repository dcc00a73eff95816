"""Look-alikes in VK Ads: switched on per account, because nobody could try them.

The resource is guarded by the permission `use_lookalike_audiences`, the current public documents
no longer describe it, and the body of its create request is UNVERIFIED: it is `_creation` below
and nothing else knows it. Segments still name such audiences, with the reach in people.
Facts: VK Ads API documentation, SegmentRelations (2026-04), help pages of its forerunner on
look-alikes, error bodies that its clients recorded.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from config.audiences import Lookalike
from connectors.base import GrowsLookalikes
from connectors.errors import ContractBroken, ListBusy, RuleRefused, SeedRefused
from connectors.facts import facts_of
from connectors.http import Ask, Effect
from connectors.vk_segments import VkSegments, refuse_busy
from connectors.vk_uploads import POLL_SECONDS
from connectors.vk_wire import InUse, code_of, whole

AUDIENCES = "api/v2/remarketing/lookalike_audiences.json"
AUDIENCE = "api/v2/remarketing/lookalike_audiences/{id}.json"
RELATION = "remarketing_lookalike_audience"
FEWEST_MATCHED = facts_of("vk").whole("seed_people")
REACH = {1: 300_000, 2: 600_000, 3: 1_000_000, 4: 2_000_000, 5: 3_000_000}
"""People per step of reach. Ours: the documents show 300,000 in an example and no bounds."""
LOADED, PENDING, USELESS = "loaded", "pending", ("failed", "archived")
"""UNVERIFIED but for the first two: what a look-alike is when nothing came of it."""


def _creation(title: str, users_list: int) -> dict[str, Any]:
    """UNVERIFIED: by analogy with relations of segments."""
    return {"name": title, "source_id": users_list}


class VkLookalikes(VkSegments, GrowsLookalikes):
    """Look-alikes as segments: they can be targeted and corrected like any list."""

    keeps_up = False
    where_to_exclude = "VK Ads: Audiences, a segment of the look-alike with the list as a negative"

    def grow(self, seed_id: str, title: str, reach: int, wish: Lookalike) -> str:
        """Grown from the seed's list with more matched people; regions and devices: no say in VK.

        Raises CredentialsRefused where the account lacks the permission.
        """
        if reach not in REACH:
            raise RuleRefused(f"look-alike {title!r}: reach {reach} is not 1 to 5.")
        seed = self._seed(seed_id)
        known = self._audiences_named(title, seed)
        serving = {str(number) for number, serves in known.items() if serves}
        for segment in self._segments_named(title):
            if not serving.isdisjoint(self._grown_in(segment)):
                return segment
        self._clear_away(known)
        params = {
            "source_id": self._make_audience(title, seed),
            "reach": REACH[reach],
            "type": "positive",
        }
        return self._make_segment(title, [{"object_type": RELATION, "params": params}])

    def refresh(self, lookalike_id: str) -> None:
        """VK knows no such request; whether a look-alike follows its source is UNVERIFIED.

        Raises ListBusy while VK works on it, SeedRefused if nothing came of it.
        """
        for one in self._grown_in(lookalike_id):
            status = self._lookalike(one)
            if status == PENDING:
                raise ListBusy(f"look-alike {one} is {status}.", retry_after=POLL_SECONDS)
            if status in USELESS:
                raise SeedRefused(
                    f"look-alike {one} is {status}: the ad groups of segment {lookalike_id} are "
                    "stopped.",
                    act="Widen the seed, delete the look-alike's segment in VK Ads and run again.",
                )

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

    def _grown_in(self, segment: str) -> list[str]:
        """Look-alikes that a segment names. UNVERIFIED: that object_id is the look-alike's id."""
        return [
            str((one.get("params") or {}).get("source_id", one.get("object_id")))
            for one in self._relations(segment)
            if one.get("object_type") == RELATION
        ]

    def _lookalike(self, number: str) -> str:
        """Its status."""
        ask = Ask("GET", AUDIENCE, gaps={"id": number})
        one = self._door.send(ask).body
        return code_of(one.get("status")) if isinstance(one, dict) else "unnamed"

    def _clear_away(self, audiences: Iterable[int]) -> None:
        """Look-alikes of ours without a segment of ours: of an attempt that ended between the two,
        or of a segment that somebody deleted. One in a segment of somebody's stays."""
        for one in audiences:
            with suppress(InUse):
                self._delete(AUDIENCE, one)

    def _make_audience(self, title: str, users_list: int) -> int:
        before = self._audiences_named(title, users_list)
        ask = Ask("POST", AUDIENCES, json=_creation(title, users_list), effect=Effect.TWICE)

        def act() -> int:
            made = self._door.send(ask).body
            number = whole(made.get("id")) if isinstance(made, dict) else None
            if number is None:
                raise ContractBroken(f"{ask}: the answer has no id.")
            if made.get("status") in USELESS:
                raise SeedRefused(f"look-alike {title!r} is {made['status']}.")
            return number

        def look() -> int | None:
            found = self._audiences_named(title, users_list)
            return next((one for one in found if one not in before), None)

        return self._door.once(act, look)

    def _audiences_named(self, title: str, users_list: int) -> dict[int, bool]:
        """Look-alikes with this title, and whether they serve; one of an older seed is another one.

        UNVERIFIED: that its source is told; where it is not, the title is enough.
        """
        return {
            int(one["id"]): one.get("status") not in USELESS
            for one in self._all(AUDIENCES, {})
            if one.get("name") == title and whole(one.get("source_id")) in (None, users_list)
        }
