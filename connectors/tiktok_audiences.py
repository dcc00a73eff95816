"""Custom audiences of TikTok as they are read: which there are, and what each tells.

Facts: TikTok's OpenAPI files dmp_custom_audience_list and _get (2026-02); comments of a public Go
client for what the details mean.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from audiences.model import ListState
from connectors.chunks import chunks
from connectors.errors import ListGone
from connectors.facts import facts_of
from connectors.http import Effect, redact
from connectors.tiktok_wire import TikTokDoor, text_of

FACTS = facts_of("tiktok")
LISTS_PER_PAGE = FACTS.whole("lists_per_page")
IDS_PER_GET = FACTS.whole("ids_per_get")
HISTORY_SIZE = FACTS.whole("history")


class TikTokAudiences(TikTokDoor):
    """Audiences of one advertiser."""

    def state(self, list_id: str) -> ListState:
        """TikTok counts matched users only; `settled` tells that it has done so once.

        A list takes changes while it is calculated.
        """
        one = self._details([list_id]).get(list_id)
        if one is None:
            raise ListGone(
                f"audience {list_id} is not in the account any more.",
                act="Somebody deleted it, or it expired, or the token is another advertiser's.",
            )
        ready, failed = one.get("is_valid") is True, bool(one.get("error_msg"))
        expired = self._expired(one)
        told = one.get("error_msg") or one.get("msg")
        return ListState(
            list_id,
            ready=ready,
            settled=ready or failed or expired,
            matched=_count(one.get("cover_num")),
            said=redact(str(told)) if told else self._word(one),
        )

    # What follows knows the wire.

    def _word(self, one: Mapping[str, Any]) -> str:
        """Ours, where TikTok says nothing of an audience."""
        if one.get("is_valid") is not True:
            return "expired" if self._expired(one) else "not usable yet"
        end = moment_of(one.get("expired_time"))
        if one.get("is_expiring") and end is not None:
            return f"usable until {end:%Y-%m-%d} unless it is used or changed"
        return "usable"

    def _named(self, title: str) -> list[dict[str, Any]]:
        """The account's own audiences of this name; others may share theirs with it."""
        return [
            one
            for one in self._wire.pages("dmp/custom_audience/list/", LISTS_PER_PAGE)
            if one.get("name") == title and one.get("is_creator", True)
        ]

    def _details(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """`audience_details` of those that are there, by id, with `audience_history`."""
        found = {}
        for some in chunks(ids, IDS_PER_GET):
            try:
                data = self._wire.get(
                    "dmp/custom_audience/get/",
                    custom_audience_ids=list(some),
                    history_size=HISTORY_SIZE,
                )
            except ListGone:  # UNVERIFIED: an empty list or code 40007
                continue
            for one in data.get("list") or []:
                details = one.get("audience_details") or {}
                history = {"audience_history": one.get("audience_history") or []}
                found[text_of(details, "audience_id", "get")] = {**details, **history}
        return found

    def _create(self, path: str, body: Mapping[str, object]) -> str:
        data, _ = self._wire.post(path, body, Effect.TWICE)
        return text_of(data, "custom_audience_id", path)

    def _expired(self, one: Mapping[str, Any]) -> bool:
        moment = moment_of(one.get("expired_time"))
        return moment is not None and moment <= self._now()


def moment_of(value: object) -> datetime | None:
    """A time as TikTok writes it, in GMT."""
    try:
        return datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None
