"""Yandex Audience: lists of people, and look-alikes grown from them.

A list ("segment") is born in two steps, upload and confirm, out of its first members, and takes no
change while it is processed (up to two hours). There is no request for one segment: the list of
all is read. Batches are large on purpose, because every change closes the list for a while.

Facts: the Audience API reference, data requirements, quotas and errors at yandex.ru/dev/audience,
as of September 2026. UNVERIFIED marks what the documents leave open.
"""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Self

from pydantic import Field, SecretStr

from audiences.model import (
    AudienceRef,
    Batch,
    ListState,
    Opened,
    PhoneForm,
    Receipt,
    Recipe,
)
from config.audiences import Identifier, Lookalike
from config.platforms import Account
from config.settings import Credentials
from connectors.base import (
    ApiVersion,
    Connector,
    GrowsLookalikes,
    Limits,
)
from connectors.errors import (
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    ListBusy,
    ListGone,
    ListTooSmall,
    QuotaGone,
    RuleRefused,
    SeedRefused,
    Throttled,
    Unsure,
    VersionGone,
)
from connectors.facts import facts_of
from connectors.http import (
    ACTS,
    Ask,
    Door,
    Effect,
    Reply,
    Surroundings,
    TokenExpired,
    error_for_status,
    interrupted,
    redact,
)
from connectors.kept import KeptFile
from connectors.members_csv import MembersCsv
from connectors.oauth import (
    Grant,
    GrantStore,
    KeptGrant,
    OAuthTokens,
    TokenStore,
    judge_token_answer,
)
from connectors.quota import Meter
from connectors.upload import FileUpload

ORIGIN = "https://api-audience.yandex.ru/"
OAUTH_ORIGIN = "https://oauth.yandex.ru/"
SANDBOX_TOKEN = "sandbox-token"  # noqa: S105  # opens nothing but our own sandbox

FACTS = facts_of("yandex_audience")
READ = ("any", "read")
CHANGE = ("any", "write", "change")

COLUMNS = (Identifier.PHONE, Identifier.EMAIL)
"""The header is checked strictly; `phone,email` is one of the two documented ones."""
MAX_FILE_BYTES = FACTS.whole("file_bytes")
PAGE = 1000

NEW, READY, CHANGING = "uploaded", "processed", "is_updated"
BUSY = frozenset({NEW, "is_processed", CHANGING})
FEW, FAILED = "few_data", "processing_failed"
SETTLED = frozenset({READY, FEW, FAILED})

LONG_QUOTA_WORDS = ("day", "daily", "hour", "сут", "час", "дн")
"""Words by which a 429 names a quota that does not return soon. UNVERIFIED: no list of texts."""


class YandexCredentials(Credentials):
    """Secrets of a Yandex account, for Audience and Direct alike."""

    token: SecretStr = Field(description="OAuth token with audience:read and audience:write.")
    refresh_token: SecretStr | None = Field(default=None, description="To renew the token with.")
    client_id: str = Field(default="", description="Id of the OAuth application.")
    client_secret: SecretStr | None = Field(default=None, description="Its secret.")


def yandex_tokens(account: Account, around: Surroundings) -> OAuthTokens:
    """The account's tokens; a sandbox account has the sandbox's and needs no secrets.

    Accounts with the same secrets share them, so that a token is renewed once for all.
    Raises ConfigError that names the missing variable.
    """
    if account.sandbox:
        token = SecretStr(SANDBOX_TOKEN)
        secrets = YandexCredentials.model_construct(token=token)
        name = "sandbox"
    else:
        name = account.secrets_prefix
        given = around.secrets.get(account.name)
        secrets = YandexCredentials.read(name, around.folder, given)
    key = f"yandex {name}"
    if key not in around.shared:
        around.shared[key] = _store(secrets, around, name)
    return OAuthTokens(
        around.shared[key],
        Door(
            origin_for(account, around, "yandex_oauth", OAUTH_ORIGIN),
            surroundings=around,
            judge=judge_token_answer,
        ),
        "token",
        secrets.client_id,
        secrets.client_secret,
    )


def _store(secrets: YandexCredentials, around: Surroundings, name: str) -> GrantStore:
    """In a file of the project's state: Yandex may give another refresh token with each renewal,
    and another run must not use up the old one beside us."""
    first = Grant(secrets.token, secrets.refresh_token)
    if around.state is None or secrets.refresh_token is None:
        return TokenStore(first)
    file = KeptFile(around.state / f"yandex-{name.lower()}token.json")
    return KeptGrant(first, file, client_id=secrets.client_id)


def origin_for(account: Account, around: Surroundings, name: str, real: str) -> str:
    """Where requests of this account go."""
    if not account.sandbox:
        return real
    if around.sandbox_url is None:
        raise RuleRefused(
            f"account {account.name} is a sandbox account, but no sandbox address is set.",
            act="Start `adsteer sandbox` and set its address, or remove `sandbox = true`.",
        )
    return f"{around.sandbox_url.rstrip('/')}/{name}/"


class YandexAudience(Connector, GrowsLookalikes):
    """One Yandex account with Audience segments made of CRM contacts."""

    platform: ClassVar[str] = "yandex_audience"
    versions: ClassVar[tuple[ApiVersion, ...]] = FACTS.versions
    limits: ClassVar[Limits] = FACTS.limits(
        kinds=frozenset({Identifier.EMAIL, Identifier.PHONE}), born_with_members=True
    )
    recipe: ClassVar[Recipe] = Recipe(
        name="yandex_audience",
        source="yandex.ru/dev/audience/ru/intro/data-requirements (2026-09)",
        kinds=frozenset({Identifier.EMAIL, Identifier.PHONE}),
        phone=PhoneForm.DIGITS,
    )

    def __init__(self, door: Door) -> None:
        self._door = door

    @classmethod
    def connect(cls, account: Account, around: Surroundings) -> Self:
        door = Door(
            origin_for(account, around, cls.platform, ORIGIN)
            + f"{account.api_version or 'v1'}/management/",
            surroundings=around,
            tokens=yandex_tokens(account, around),
            scheme="OAuth",
            judge=judge,
            meter=Meter(FACTS.quotas, clock=around.clock, sleep=around.sleep),
        )
        return cls(door)

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
        if upload.rows < self.limits.min_members:
            raise ListTooSmall(
                f"{audience}: {upload.rows} records, Yandex Audience makes no list of fewer "
                f"than {self.limits.min_members}.",
                act="Widen the audience or drop it for this account.",
            )
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

    def state(self, list_id: str) -> ListState:
        segment = self._segment(list_id)
        said = str(segment.get("status", ""))
        if said not in BUSY | SETTLED:
            raise ContractBroken(f"segment {list_id}: unknown status {redact(said)!r}.")
        return ListState(
            list_id,
            ready=said == READY,
            settled=said in SETTLED,
            size=_count(segment.get("item_quantity")),
            matched=_count(segment.get("matched_quantity")),
            said=said,
        )

    def rename(self, list_id: str, title: str) -> bool:
        ask = Ask(
            "PUT",
            "segment/{id}",
            gaps={"id": list_id},
            json={"segment": {"name": title}},
            effect=Effect.SAME,
            counts=CHANGE,
        )
        _segment_of(ask, self._door.send(ask))
        return True

    def delete(self, list_id: str) -> None:
        ask = Ask("DELETE", "segment/{id}", gaps={"id": list_id}, effect=Effect.SAME, counts=CHANGE)
        try:
            answer = self._door.send(ask)
        except ListGone:
            return
        if answer.body != {"success": True}:
            raise ContractBroken(f"{ask}: the answer is not success.")

    def grow(self, seed_id: str, title: str, reach: int, wish: Lookalike) -> str:
        """`reach` 1 (closest) to 5 (widest) is Audience's own scale of accuracy."""
        if not 1 <= reach <= 5:
            raise RuleRefused(f"look-alike {title!r}: reach {reach} is not 1 to 5.")
        if (found := self._grown(seed_id, title, reach)) is not None:
            return found
        seed = self.state(seed_id)
        if not seed.settled:
            raise ListBusy(f"segment {seed_id} is still {seed.said}; nothing grows from it yet.")
        if not seed.ready:
            raise SeedRefused(
                f"segment {seed_id} is {seed.said}: nothing can grow from it.",
                act="Widen the seed so that Yandex finds at least 100 of its people.",
            )
        body = {
            "segment": {
                "name": title,
                "lookalike_link": int(seed_id),
                "lookalike_value": reach,
                "maintain_device_distribution": wish.keep_devices,
                "maintain_geo_distribution": wish.keep_geo,
            }
        }
        ask = Ask(
            "POST", "segments/create_lookalike", json=body, effect=Effect.TWICE, counts=CHANGE
        )
        try:
            return self._door.once(
                lambda: str(_segment_of(ask, self._door.send(ask))["id"]),
                lambda: self._grown(seed_id, title, reach),
            )
        except RuleRefused as fault:
            raise SeedRefused(str(fault), act=fault.act) from None

    def refresh(self, lookalike_id: str) -> None:
        """Audience recomputes one that a campaign uses; this does it for any, twice a day."""
        ask = Ask(
            "PUT",
            "segment/{id}/reprocess",
            gaps={"id": lookalike_id},
            effect=Effect.TWICE,
            counts=CHANGE,
        )

        def act() -> bool:
            if self._door.send(ask).body != {"success": True}:
                raise ContractBroken(f"{ask}: the answer is not success.")
            return True

        begun = self._door.once(
            act, lambda: bool(self._if(lookalike_id, lambda one: one["status"] in BUSY)) or None
        )
        assert begun  # noqa: S101  an act that failed raised

    # What follows knows the wire.

    def _segments(self) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            query = {"limit": PAGE, "offset": offset}
            ask = Ask("GET", "segments", query=query, counts=READ)
            answer = self._door.send(ask).body
            page = answer.get("segments") if isinstance(answer, dict) else None
            if not isinstance(page, list):
                raise ContractBroken(f"{ask}: the answer has no segments.")
            yield from page
            if len(page) < PAGE:
                return
            offset += PAGE

    def _segment(self, list_id: str) -> dict[str, Any]:
        for segment in self._segments():
            if str(segment.get("id")) == list_id:
                return segment
        raise ListGone(
            f"segment {list_id} is not in the account any more.",
            act="Somebody deleted it, or the token belongs to another login.",
        )

    def _grown(self, seed_id: str, title: str, reach: int) -> str | None:
        """A look-alike with this title of an older seed is another one."""
        for segment in self._segments():
            if segment.get("type") == "lookalike" and (
                segment.get("name"),
                str(segment.get("lookalike_link")),
                segment.get("lookalike_value"),
            ) == (title, seed_id, reach):
                return str(segment["id"])
        return None

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
            lambda: int(_segment_of(ask, self._door.send(ask))["id"]),
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
            and _count(segment.get("item_quantity")) == rows
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
            lambda: _segment_of(ask, self._door.send(ask)),
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
            query={"modification_type": how, "check_size": "false"},
            body=_body(file),
            effect=Effect.TWICE,
            counts=CHANGE,
        )

        def changed(segment: dict[str, Any]) -> bool:
            stamp = "uploading_last_modify_time"
            return segment.get("status") == CHANGING or segment.get(stamp) != before.get(stamp)

        try:
            self._door.once(
                lambda: _segment_of(ask, self._door.send(ask)),
                lambda: self._if(list_id, changed),
            )
        except NoChanges:
            pass  # the very same file is the list's last one: a repeated request that had arrived
        except RuleRefused:
            self._settled(list_id)  # processing may have begun meanwhile: then it is busy
            raise
        return file.receipt()

    def _settled(self, list_id: str) -> dict[str, Any]:
        segment = self._segment(list_id)
        if segment.get("status") not in SETTLED:
            said = redact(str(segment.get("status")))
            raise ListBusy(f"segment {list_id} is {said}; it takes no change now.")
        return segment

    def _if(
        self, list_id: str, happened: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any] | None:
        segment = self._segment(list_id)
        return segment if happened(segment) else None


def _body(file: MembersCsv) -> FileUpload:
    if file.size > MAX_FILE_BYTES:
        raise ContractBroken(f"a batch of {len(file.batch)} people is more than 1 GB.")
    return FileUpload(file.chunks, file.size)


def _segment_of(ask: Ask, reply: Reply) -> dict[str, Any]:
    segment = reply.body.get("segment") if isinstance(reply.body, dict) else None
    if not isinstance(segment, dict) or not isinstance(segment.get("id"), int):
        raise ContractBroken(f"{ask}: the answer has no segment with an id.")
    return segment


def _count(value: object) -> int | None:
    """Numbers come as numbers or as strings."""
    try:
        return int(float(str(value)))
    except (ValueError, OverflowError):
        return None


class NoChanges(RuleRefused):
    """The same file again: counted as done."""


ERRORS: dict[str, type[ConnectorError]] = {  # yandex.com/dev/audience/en/concept/errors
    "no_changes": NoChanges,
    "invalid_parameter": RuleRefused,
    "targeted_quota": RuleRefused,
    "reprocess_wrong_status": ListBusy,
    "unauthorized": TokenExpired,
    "access_denied": CredentialsRefused,
    "invalid_token": CredentialsRefused,
    "not_found": ListGone,
    "conflict": RuleRefused,
}


def judge(ask: Ask, reply: Reply) -> None:
    """Audience errors come with their HTTP status and a list of typed errors."""
    if 200 <= reply.status < 300:
        return
    kind, said = _first_error(reply)
    if reply.status == 429:
        raise _over_quota(ask, reply, said)
    if reply.status == 404 and (not kind or "{id}" not in ask.path):
        raise VersionGone(
            f"{ask}: HTTP 404 that is not Audience's own.",
            act="Update adsteer, or set api_version of the account to one that is served.",
        )
    if reply.status >= 500:
        raise interrupted(ask, f"answered HTTP {reply.status}", after=reply.retry_after)
    if kind in ERRORS:
        fault = ERRORS[kind]
        said = f"{ask}: {kind}: {redact(said)}."
        raise fault(said, act=ACTS.get(fault, ""), retry_after=reply.retry_after)
    raise error_for_status(ask, reply, f"{kind} {said}")


def _first_error(reply: Reply) -> tuple[str, str]:
    try:
        first = reply.body["errors"][0]
        return str(first["error_type"]), str(first.get("message", ""))
    except (TypeError, KeyError, IndexError, AttributeError):
        return "", ""


def _over_quota(ask: Ask, reply: Reply, said: str) -> ConnectorError:
    """A quota of hours is not waited for: failed requests count against it too."""
    long = any(word in said.lower() for word in LONG_QUOTA_WORDS)
    kind = QuotaGone if long else Throttled
    return kind(f"{ask}: over quota: {redact(said)}.", retry_after=reply.retry_after)
