"""Customer files of TikTok: uploaded, made into an audience, added, removed, replaced.

Uploading does nothing by itself, so it may be repeated; only making a list is looked up first.
TikTok takes no change that leaves fewer than 1,000 matched users.
Facts: TikTok's OpenAPI files dmp_custom_audience_* (2026-02), help pages of 2025.
"""

import hashlib
from contextlib import suppress
from datetime import datetime

from audiences.model import AudienceRef, Batch, Opened, Receipt
from config.audiences import Identifier
from connectors.base import Connector, ReplacesWhole
from connectors.errors import ConnectorError, ContractBroken, ListGone, ListTooSmall, QuotaGone
from connectors.http import Effect
from connectors.members_csv import MembersCsv, compute
from connectors.tiktok_audiences import FACTS, TikTokAudiences, moment_of
from connectors.tiktok_wire import DONE_BEFORE, BadParameter, text_of, understood
from connectors.upload import FileUpload

COLUMNS = {Identifier.EMAIL: "email_SHA256", Identifier.PHONE: "phone_SHA256"}
MANY_TYPES = "MULTIPLE_TYPES"
"""A person is one line; that a cell may be empty is UNVERIFIED."""
MAX_FILE_BYTES = FACTS.whole("file_bytes")
REPLACE_EVERY_SECONDS = FACTS.number("seconds_between_replacements")


class TikTokLists(TikTokAudiences, Connector, ReplacesWhole):
    """Lists of people of one advertiser."""

    def find(self, audience: AudienceRef) -> str | None:
        """The oldest where several have the title: TikTok does not keep names apart."""
        named = self._named(audience.title)
        with understood("dmp/custom_audience/list/"):
            found = [int(one["audience_id"]) for one in named if not one.get("lookalike_spec")]
        return str(min(found)) if found else None

    def find_or_create(self, audience: AudienceRef, first: Batch) -> Opened:
        """Raises ListTooSmall under 1,000 people, before anything is sent."""
        if (found := self.find(audience)) is not None:
            return Opened(found)
        file = _file(first)
        self._large_enough(str(audience), file)
        body = {
            "custom_audience_name": audience.title,
            "calculate_type": MANY_TYPES,
            "file_paths": [self._upload(file)],
        }
        made = self._wire.door.once(
            lambda: self._create("dmp/custom_audience/create/", body), lambda: self.find(audience)
        )
        return Opened(made, file.receipt())

    def add(self, list_id: str, batch: Batch) -> Receipt:
        return self._change(list_id, batch, "APPEND")

    def remove(self, list_id: str, batch: Batch) -> Receipt:
        """Raises ListTooSmall if fewer than 1,000 users would be left."""
        return self._change(list_id, batch, "REMOVE")

    def replace(self, list_id: str, batch: Batch) -> Receipt:
        """The list holds these people only afterwards, under the same id.

        Raises ListTooSmall under 1,000 people, QuotaGone within 24 hours of the last replacement.
        """
        self._large_enough(f"list {list_id}", _file(batch))
        before = self._last_replaced(list_id)
        since = (self._now() - before).total_seconds() if before else REPLACE_EVERY_SECONDS
        if since < REPLACE_EVERY_SECONDS:
            raise QuotaGone(
                f"list {list_id} was replaced in the last 24 hours.",
                act="It is replaced again in a later run.",
                retry_after=REPLACE_EVERY_SECONDS - since,
            )

        def look() -> Receipt | None:
            """TikTok's history tells a replacement that was not there before."""
            seen = self._last_replaced(list_id)
            return _file(batch).receipt() if seen is not None and seen != before else None

        receipt = self._wire.door.once(
            lambda: self._change(list_id, batch, "REPLACE", Effect.TWICE), look
        )
        self._replaced[list_id] = self._now()
        return receipt

    def rename(self, list_id: str, title: str) -> bool:
        body = {"custom_audience_id": list_id, "custom_audience_name": title}
        with suppress(*DONE_BEFORE):
            self._wire.post("dmp/custom_audience/update/", body, Effect.SAME)
        return True

    def delete(self, list_id: str) -> None:
        try:
            self._wire.post(
                "dmp/custom_audience/delete/", {"custom_audience_ids": [list_id]}, Effect.SAME
            )
        except (ListGone, *DONE_BEFORE):
            return

    # What follows knows the wire.

    def _upload(self, file: MembersCsv) -> str:
        if file.size > MAX_FILE_BYTES:
            raise ContractBroken(f"a batch of {len(file.batch)} people is more than 1 GB.")
        signature = hashlib.md5(usedforsecurity=False)
        for chunk in file.chunks():
            signature.update(chunk)
        fields = {
            "advertiser_id": self._wire.advertiser,
            "file_signature": signature.hexdigest(),
            "calculate_type": MANY_TYPES,
        }
        path = "dmp/custom_audience/file/upload/"
        body = FileUpload(file.chunks, file.size, fields=fields)
        return text_of(self._wire.upload(path, body), "file_path", path)

    def _change(
        self, list_id: str, batch: Batch, action: str, effect: Effect = Effect.SAME
    ) -> Receipt:
        file = _file(batch)
        if file.rows == 0:
            return file.receipt()
        body = {
            "custom_audience_id": list_id,
            "file_paths": [self._upload(file)],
            "action": action,
        }
        try:
            _, request = self._wire.post("dmp/custom_audience/update/", body, effect)
        except DONE_BEFORE:
            return file.receipt()
        except BadParameter as fault:
            raise self._why_not(list_id, len(batch), action, fault) from None
        return file.receipt(request)

    def _why_not(
        self, list_id: str, people: int, action: str, fault: BadParameter
    ) -> ConnectorError:
        """TikTok has no code for a list that would be too small: its own size tells.

        How many of these people it knows is not told, so the least that may be left counts.
        """
        matched = self.state(list_id).matched or 0
        least = {"APPEND": matched, "REMOVE": matched - people, "REPLACE": 0}[action]
        if least >= self.limits.min_members:
            return fault
        return ListTooSmall(
            f"list {list_id}: {action} of {people} people is refused; it has {matched} matched "
            f"users, and TikTok keeps no fewer than {self.limits.min_members}.",
            act="Widen the audience, or delete the list if those people must leave now.",
        )

    def _large_enough(self, name: str, file: MembersCsv) -> None:
        people = file.receipt().accepted
        if people < self.limits.min_members:
            raise ListTooSmall(
                f"{name}: {people} people, TikTok takes no list of fewer than "
                f"{self.limits.min_members}.",
                act="Widen the audience or drop it for this account.",
            )

    def _last_replaced(self, list_id: str) -> datetime | None:
        """By TikTok's own history; the word it uses there is UNVERIFIED, so ours counts too."""
        history = self._details([list_id]).get(list_id, {}).get("audience_history", [])
        moments = [
            moment_of(one.get("opt_time"))
            for one in history
            if "REPLACE" in f"{one.get('action')} {one.get('action_detail')}".upper()
        ]
        known = [one for one in [*moments, self._replaced.get(list_id)] if one is not None]
        return max(known, default=None)


def _file(batch: Batch) -> MembersCsv:
    """Only columns that hold something: an empty one says nothing."""
    held = [one for one in COLUMNS if _holds(batch, one)] or list(COLUMNS)
    return MembersCsv(batch, tuple(held), names=tuple(COLUMNS[one] for one in held))


def _holds(batch: Batch, column: Identifier) -> bool:
    longest = compute.max(compute.list_value_length(batch.members[column])).as_py()
    return bool(longest)
