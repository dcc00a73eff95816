"""Yandex Audience: lists of people, and look-alikes grown from them.

A list ("segment") is born in two steps, upload and confirm, out of its first members, and takes no
change while it is processed (up to two hours). There is no request for one segment: the list of
all is read. Batches are large on purpose, because every change closes the list for a while.

Facts: the Audience API reference, data requirements, quotas and errors at yandex.ru/dev/audience,
as of September 2026. UNVERIFIED marks what the documents leave open.
"""

from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from audiences.model import AudienceRef, Batch, Opened, Receipt, Recipe
from config.audiences import Identifier
from config.platforms import Account
from config.settings import Credentials
from connectors import recipes
from connectors.base import ApiVersion, Connector, Limits, ReplacesWhole
from connectors.counted import meter_for
from connectors.errors import ContractBroken, ListGone, ListTooSmall, RuleRefused, Unsure
from connectors.facts import facts_of
from connectors.http import Ask, Door, Effect, Surroundings
from connectors.members_csv import MembersCsv
from connectors.origins import origin_for
from connectors.upload import FileUpload
from connectors.yandex_account import yandex_tokens
from connectors.yandex_lookalikes import YandexLookalikes
from connectors.yandex_segments import (
    CHANGE,
    CHANGING,
    NEW,
    READ,
    NoChanges,
    count_of,
    judge,
    segment_of,
)

ORIGIN = "https://api-audience.yandex.ru/"
FACTS = facts_of("yandex_audience")

COLUMNS = (Identifier.PHONE, Identifier.EMAIL)
"""The header is checked strictly; `phone,email` is one of the two documented ones."""
MAX_FILE_BYTES = FACTS.whole("file_bytes")


class YandexChoices(Credentials):
    """What is no secret, and still one account's own."""

    contact_rule: Literal["yandex_audience", "yandex_canonical"] = Field(
        default="yandex_audience",
        description="How an e-mail is written before hashing: as it is, or as Metrica writes it.",
    )


class YandexAudience(YandexLookalikes, Connector, ReplacesWhole):
    """One Yandex account with Audience segments made of CRM contacts."""

    platform: ClassVar[str] = "yandex_audience"
    versions: ClassVar[tuple[ApiVersion, ...]] = FACTS.versions
    limits: ClassVar[Limits] = FACTS.limits(
        kinds=frozenset({Identifier.EMAIL, Identifier.PHONE}), born_with_members=True
    )
    recipe: ClassVar[Recipe] = recipes.YANDEX

    @classmethod
    def connect(cls, account: Account, around: Surroundings) -> "YandexAudience":
        """One with the account's rule for contacts."""
        door = Door(
            origin_for(account, around, cls.platform, ORIGIN)
            + f"{account.api_version or 'v1'}/management/",
            surroundings=around,
            tokens=yandex_tokens(account, around),
            scheme="OAuth",
            judge=judge,
            meter=meter_for(account, around, FACTS.quotas),
        )
        given = around.secrets.get(account.name)
        choices = YandexChoices.read(account.secrets_prefix, around.folder, given)
        canonical = choices.contact_rule == YandexAudienceCanonical.recipe.name
        return (YandexAudienceCanonical if canonical else cls)(door)

    def check(self) -> None:
        self._door.send(Ask("GET", "segments", query={"limit": 1}, counts=READ))

    def find(self, audience: AudienceRef) -> str | None:
        """The oldest where several have the title: Audience does not keep names apart."""
        found = [
            int(segment["id"])
            for segment in self._segments()
            if segment.get("name") == audience.title
            and segment.get("type", "uploading") == "uploading"
        ]
        return str(min(found)) if found else None

    def find_or_create(self, audience: AudienceRef, first: Batch) -> Opened:
        """Raises ListTooSmall under 100 records, before anything is sent."""
        if (found := self.find(audience)) is not None:
            return Opened(found)
        upload = MembersCsv(first, COLUMNS)
        self._large_enough(str(audience), upload)
        draft = self._upload(upload)
        self._confirm(draft, audience.title)
        return Opened(str(draft), upload.receipt())

    def add(self, list_id: str, batch: Batch) -> Receipt:
        return self._modify(list_id, MembersCsv(batch, COLUMNS), "addition")

    def remove(self, list_id: str, batch: Batch) -> Receipt:
        # Another file than the one that added the same people: `no_changes` is said of the file,
        # and whether it minds the direction is UNVERIFIED.
        file = MembersCsv(batch, COLUMNS, last_line_end=False)
        return self._modify(list_id, file, "subtraction")

    def replace(self, list_id: str, batch: Batch) -> Receipt:
        """The id stays, so corrections in Direct keep working.

        Raises ListTooSmall under 100 records, before anything is sent.
        """
        # Turned by one row: the very same people may have been the last file that was added.
        rows = batch.members
        turned = pa.concat_tables([rows.slice(1), rows.slice(0, 1)])
        file = MembersCsv(Batch(batch.key, batch.verb, turned), COLUMNS)
        self._large_enough(f"segment {list_id}", file)
        return self._modify(list_id, file, "replace")

    def rename(self, list_id: str, title: str) -> bool:
        ask = Ask(
            "PUT",
            "segment/{id}",
            gaps={"id": list_id},
            json={"segment": {"name": title}},
            effect=Effect.SAME,
            counts=CHANGE,
        )
        segment_of(ask, self._door.send(ask))
        return True

    def changes_counted(self, seconds: float) -> int:
        return self._door.counted("change", seconds)

    def delete(self, list_id: str) -> None:
        ask = Ask("DELETE", "segment/{id}", gaps={"id": list_id}, effect=Effect.SAME, counts=CHANGE)
        try:
            answer = self._door.send(ask)
        except ListGone:
            return
        if answer.body != {"success": True}:
            raise ContractBroken(f"{ask}: the answer is not success.")

    # What follows knows the wire.

    def _large_enough(self, name: str, file: MembersCsv) -> None:
        if file.rows < self.limits.min_members:
            raise ListTooSmall(
                f"{name}: {file.rows} records, Yandex Audience makes no list of fewer "
                f"than {self.limits.min_members}.",
                act="Widen the audience or drop it for this account.",
            )

    def _upload(self, file: MembersCsv) -> int:
        before = {segment["id"] for segment in self._segments()}
        ask = Ask(
            "POST",
            "segments/upload_csv_file",
            body=_body(file),
            effect=Effect.TWICE,
            counts=CHANGE,
        )
        return self._door.once(
            lambda: int(segment_of(ask, self._door.send(ask))["id"]),
            lambda: self._lost_draft(before, file.rows),
        )

    def _lost_draft(self, before: set[int], rows: int) -> int | None:
        """The draft our lost upload left: new since we looked, without a name, of our size.

        More than one such draft could be somebody else's people, so nothing is taken then.
        """
        drafts = [
            int(segment["id"])
            for segment in self._segments()
            if segment["id"] not in before
            and segment.get("status") == NEW
            and not segment.get("name")
            and count_of(segment.get("item_quantity")) == rows
        ]
        if len(drafts) > 1:
            raise Unsure(
                f"{len(drafts)} unconfirmed uploads look like ours; none of them is taken."
            )
        return drafts[0] if drafts else None

    def _confirm(self, draft: int, title: str) -> None:
        body = {
            "segment": {
                "id": draft,
                "name": title,
                "hashed": True,
                "hashing_alg": "SHA256",
                "content_type": "crm",
                "device_matching_type": "CROSS_DEVICE",
            }
        }
        ask = Ask(
            "POST",
            "segment/{id}/confirm",
            gaps={"id": draft},
            query={"check_size": "true"},
            json=body,
            effect=Effect.TWICE,
            counts=CHANGE,
        )
        self._door.once(
            lambda: segment_of(ask, self._door.send(ask)),
            lambda: self._if(str(draft), lambda segment: segment.get("status") != NEW),
        )

    def _modify(self, list_id: str, file: MembersCsv, how: str) -> Receipt:
        if file.rows == 0:
            return file.receipt()
        before = self._settled(list_id)
        ask = Ask(
            "POST",
            "segment/{id}/modify_data",
            gaps={"id": list_id},
            # A difference may be small, and leaving must stay possible for a list of any size.
            query={
                "modification_type": how,
                "check_size": "true" if how == "replace" else "false",
            },
            body=_body(file),
            effect=Effect.TWICE,
            counts=CHANGE,
        )

        def changed(segment: dict[str, Any]) -> bool:
            stamp = "uploading_last_modify_time"
            return segment.get("status") == CHANGING or segment.get(stamp) != before.get(stamp)

        try:
            self._door.once(
                lambda: segment_of(ask, self._door.send(ask)),
                lambda: self._if(list_id, changed),
            )
        except NoChanges:
            pass  # the very same file is the list's last one: a repeated request that had arrived
        except RuleRefused:
            self._settled(list_id)  # processing may have begun meanwhile: then it is busy
            raise
        return file.receipt()


class YandexAudienceCanonical(YandexAudience):
    """E-mails as Yandex's own tag writes them; whether Audience does so is UNVERIFIED."""

    recipe: ClassVar[Recipe] = recipes.YANDEX_CANONICAL


def _body(file: MembersCsv) -> FileUpload:
    if file.size > MAX_FILE_BYTES:
        raise ContractBroken(f"a batch of {len(file.batch)} people is more than 1 GB.")
    return FileUpload(file.chunks, file.size)
