"""Segments of VK Ads on the wire: formulas over sources, which ad groups target.

Facts: VK Ads API documentation, Segments and SegmentRelations v2 (2026-06).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from config.audiences import Identifier
from connectors.errors import ContractBroken, ListBusy, ListGone
from connectors.http import Ask, Effect
from connectors.vk_uploads import MARKS, POLL_SECONDS, READY, TYPES, WORKING, VkUploads
from connectors.vk_wire import items_of, whole

SEGMENTS = "api/v2/remarketing/segments.json"
SEGMENT = "api/v2/remarketing/segments/{id}.json"
USERS_LIST = "remarketing_users_list"
RELATIONS = "api/v2/remarketing/segments/{id}/relations.json"


class VkSegments(VkUploads):
    """Segments of one account, and our users lists in them."""

    def _segments_named(self, title: str) -> list[str]:
        """The oldest first, where several have the title: VK does not keep names apart."""
        found = self._all(SEGMENTS, {"_name": title})
        numbers = sorted(int(one["id"]) for one in found if one.get("name") == title)
        return [str(number) for number in numbers]

    def _make_segment(self, title: str, relations: Sequence[Mapping[str, Any]]) -> str:
        """A new segment of those in any of the relations."""
        before = set(self._segments_named(title))
        body = {"name": title, "pass_condition": 1, "relations": list(relations)}
        ask = Ask("POST", SEGMENTS, json=body, effect=Effect.TWICE)

        def act() -> str:
            made = self._door.send(ask).body
            if not isinstance(made, dict) or whole(made.get("id")) is None:
                raise ContractBroken(f"{ask}: the answer has no id.")
            return str(made["id"])

        def look() -> str | None:
            fresh = [one for one in self._segments_named(title) if one not in before]
            return fresh[0] if fresh else None

        return self._door.once(act, look)

    def _lists_of(
        self, segment: str, *, some_may_be_gone: bool = False
    ) -> dict[Identifier, dict[str, Any]]:
        """Our users lists of a segment; relations that people added are not ours."""
        found: dict[Identifier, dict[str, Any]] = {}
        for source in _users_lists(self._relations(segment)):
            try:
                one = self._list(source)
            except ListGone:
                if some_may_be_gone:
                    continue
                raise
            for kind, mark in MARKS.items():
                if str(one.get("name", "")).endswith(mark) and one.get("type") == TYPES[kind]:
                    found[kind] = one
        if not found and not some_may_be_gone:
            raise ListGone(
                f"segment {segment} has none of our lists any more.",
                act="Somebody took them out of it, or renamed them.",
            )
        return {kind: found[kind] for kind in TYPES if kind in found}

    def _is_dead(self, segment: str) -> bool:
        """Whether nothing is left of it but users lists that VK deleted."""
        relations = self._relations(segment)
        if not relations or any(one.get("object_type") != USERS_LIST for one in relations):
            return False
        for source in _users_lists(relations):
            try:
                self._list(source)
            except ListGone:
                continue
            return False
        return True

    def _relations(self, segment: str) -> list[dict[str, Any]]:
        ask = Ask("GET", RELATIONS, gaps={"id": segment})
        return items_of(ask, self._door.send(ask))


def _users_lists(relations: Sequence[Mapping[str, Any]]) -> list[object]:
    """UNVERIFIED: that object_id of an answer is the source's id."""
    return [
        (one.get("params") or {}).get("source_id", one.get("object_id"))
        for one in relations
        if one.get("object_type") == USERS_LIST
    ]


def states(one: Mapping[str, Any]) -> list[str]:
    """The list's own status and those of its differences."""
    history = [str(diff.get("status", READY)) for diff in one.get("history") or ()]
    return [str(one["status"]), *(word for word in history if word in WORKING)]


def refuse_busy(one: Mapping[str, Any]) -> None:
    """UNVERIFIED how VK orders differences of a list that is still worked on: we wait."""
    busy = [word for word in states(one) if word in WORKING]
    if busy:
        raise ListBusy(
            f"users list {one['id']} is still {busy[0]}; it takes no change now.",
            retry_after=POLL_SECONDS,
        )
