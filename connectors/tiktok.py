"""TikTok: customer-file audiences, look-alikes, bids of ad groups, reports.

A list is made out of an uploaded file; its id stays through every change. Uploading does nothing by
itself, so it may be repeated; only making a list is looked up first. TikTok tells how many users it
matched, not how many were sent, and takes no change that leaves fewer than 1,000 of them.

Facts: TikTok's published OpenAPI files (February 2026), its SDK 1.1.3, help pages of 2025, and for
what these leave out the comments of a public Go client (July 2026). UNVERIFIED marks what is open.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Self, TypeVar

from pydantic import Field, SecretStr

from audiences.model import AudienceRef, Batch, ListState, Opened, Receipt, Recipe
from bids.model import (
    BidObject,
    CorrectionChange,
    CorrectionReceipt,
    FoundObject,
    Level,
    PresentCorrection,
)
from config.audiences import Identifier, Lookalike
from config.platforms import Account
from config.settings import Credentials
from connectors import recipes
from connectors import tiktok_reports as reports
from connectors.base import (
    ApiVersion,
    BidLimits,
    Connector,
    CorrectsBids,
    GrowsLookalikes,
    Limits,
    NamesObjects,
    ReportsSpend,
    SpendRow,
    Strategy,
)
from connectors.chunks import chunks
from connectors.errors import (
    ConnectorError,
    ContractBroken,
    ListBusy,
    ListGone,
    ListTooSmall,
    QuotaGone,
    RuleRefused,
    SeedRefused,
)
from connectors.facts import facts_of
from connectors.http import Door, Effect, Surroundings, redact
from connectors.members_csv import MembersCsv, compute
from connectors.quota import Meter
from connectors.tiktok_bids import (
    BID_FIELDS,
    FIELDS,
    AdGroup,
    NoBase,
    base_of,
    bid_at,
    group_for,
    in_step,
    of_object,
    percent_between,
    single_groups,
)
from connectors.tiktok_wire import DONE_BEFORE, BadParameter, Wire, judge, text_of, understood
from connectors.upload import FileUpload
from connectors.yandex_audience import SANDBOX_TOKEN, origin_for

T = TypeVar("T")

ORIGIN = "https://business-api.tiktok.com/"
FACTS = facts_of("tiktok")
VERSION = FACTS.spoken()
SANDBOX_ADVERTISER = "7000000001"

COLUMNS = {Identifier.EMAIL: "email_SHA256", Identifier.PHONE: "phone_SHA256"}
MANY_TYPES = "MULTIPLE_TYPES"
"""A person is one line; that a cell may be empty is UNVERIFIED."""
MAX_FILE_BYTES = FACTS.whole("file_bytes")
LISTS_PER_PAGE = FACTS.whole("lists_per_page")
GROUPS_PER_PAGE = FACTS.whole("ad_groups_per_page")
IDS_PER_GET = FACTS.whole("ids_per_get")
HISTORY_SIZE = FACTS.whole("history")
REPLACE_EVERY_SECONDS = FACTS.number("seconds_between_replacements")

MIN_SEED = FACTS.whole("seed_people")
SIZES = {1: "NARROW", 2: "BALANCED", 3: "BALANCED", 4: "BROAD", 5: "BROAD"}
"""Reach to `audience_size`: TikTok has three steps, and nothing by value."""


class TikTokCredentials(Credentials):
    """Secrets of a TikTok advertiser."""

    token: SecretStr = Field(
        description="Long-term access token with audience, ads and reporting permissions."
    )


class TikTok(Connector, GrowsLookalikes, CorrectsBids, NamesObjects, ReportsSpend):
    """One advertiser (`login` is its id)."""

    platform: ClassVar[str] = "tiktok"
    versions: ClassVar[tuple[ApiVersion, ...]] = FACTS.versions
    limits: ClassVar[Limits] = FACTS.limits(
        kinds=frozenset(COLUMNS),
        born_with_members=True,
        # A list lives 365 days from its last use or change; members do not age one by one.
        membership_days=None,
    )
    recipe: ClassVar[Recipe] = recipes.TIKTOK
    bid_limits: ClassVar[BidLimits] = FACTS.bid_limits(levels=frozenset(Level))

    def __init__(self, account: str, wire: Wire, around: Surroundings) -> None:
        self._account = account
        self._wire = wire
        self._now = around.now
        self._replaced: dict[str, datetime] = {}

    @classmethod
    def connect(cls, account: Account, around: Surroundings) -> Self:
        """Raises RuleRefused without an advertiser id, ConfigError without a token."""
        advertiser = account.login or (SANDBOX_ADVERTISER if account.sandbox else "")
        if not advertiser.isdigit():
            raise RuleRefused(
                f"account {account.name}: TikTok needs the advertiser's id.",
                act="Set `login` of the account to the id, digits only.",
            )
        door = Door(
            origin_for(account, around, cls.platform, ORIGIN),
            surroundings=around,
            judge=judge,
            meter=Meter(FACTS.quotas, clock=around.clock, sleep=around.sleep),
            # The token of an advertiser does not age, so nothing renews it.
            headers={"Access-Token": _token(account, around)},
        )
        wire = Wire(door, account.api_version or VERSION, advertiser)
        return cls(account.name, wire, around)

    def check(self) -> None:
        """The audiences, then the ad groups: two permissions of the developer app."""
        self._wire.get("dmp/custom_audience/list/", page_size=1)
        self._wire.get("adgroup/get/", fields=["adgroup_id"], page_size=1)

    # Lists

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
        wait = REPLACE_EVERY_SECONDS - self._seconds_since_replaced(list_id)
        if wait > 0:
            raise QuotaGone(
                f"list {list_id} was replaced in the last 24 hours.",
                act="It is replaced again in a later run.",
                retry_after=wait,
            )
        receipt = self._change(list_id, batch, "REPLACE")
        self._replaced[list_id] = self._now()
        return receipt

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
        word = "usable" if ready else "expired" if expired else "not usable yet"
        return ListState(
            list_id,
            ready=ready,
            settled=ready or failed or expired,
            matched=_count(one.get("cover_num")),
            said=redact(str(one.get("error_msg") or one.get("msg") or word)),
        )

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

    # Look-alikes

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

    # Bids

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
            receipts.append(_refused(change, failure))
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

    # Spend

    def spend(self, objects: Sequence[BidObject], first: date, last: date) -> tuple[SpendRow, ...]:
        """By the list that an ad group is shown to now; None: to more or to everybody.

        Revenue is that of web and app purchases. Deleted ad groups are left out.
        """
        campaigns = self._campaigns(objects)
        meant: dict[str, list[tuple[BidObject, AdGroup]]] = {}
        for one in objects:
            for group in of_object(one, campaigns[one]):
                meant.setdefault(group.id, []).append((one, group))
        totals: dict[tuple[date, BidObject, str | None], SpendRow] = {}
        for row in self._report(sorted(meant), first, last):
            with understood(reports.PATH):
                for one, group in meant[reports.group_of(row)]:
                    line = reports.spend_row(one, group.segment, row)
                    key = (line.day, one, group.segment)
                    totals[key] = reports.together(totals[key], line) if key in totals else line
        return tuple(totals.values())

    # What follows knows the wire.

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

    def _change(self, list_id: str, batch: Batch, action: str) -> Receipt:
        file = _file(batch)
        if file.rows == 0:
            return file.receipt()
        body = {
            "custom_audience_id": list_id,
            "file_paths": [self._upload(file)],
            "action": action,
        }
        try:
            _, request = self._wire.post("dmp/custom_audience/update/", body, Effect.SAME)
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

    def _seconds_since_replaced(self, list_id: str) -> float:
        """By TikTok's own history; the word it uses there is UNVERIFIED, so ours counts too."""
        history = self._details([list_id]).get(list_id, {}).get("audience_history", [])
        moments = [
            _moment(one.get("opt_time"))
            for one in history
            if "REPLACE" in f"{one.get('action')} {one.get('action_detail')}".upper()
        ]
        known = [one for one in [*moments, self._replaced.get(list_id)] if one is not None]
        return (self._now() - max(known)).total_seconds() if known else REPLACE_EVERY_SECONDS

    def _expired(self, one: Mapping[str, Any]) -> bool:
        moment = _moment(one.get("expired_time"))
        return moment is not None and moment <= self._now()

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

    def _corrected(
        self, change: CorrectionChange, campaign: Sequence[AdGroup], written: dict[str, Decimal]
    ) -> CorrectionReceipt:
        """The receipt of one change; `written` then holds the ad group's bid."""
        percent = change.percent
        limits = self.bid_limits
        if percent is not None and not limits.lowest <= percent <= limits.highest:
            return _refused(change, f"corrections are {limits.lowest} to {limits.highest} % here")
        try:
            group = group_for(change.object, change.condition_id, campaign)
            base = base_of(group, campaign)
            bid = bid_at(base, percent or 0)
            if bid != written.get(group.id, group.bid):
                self._bid(group, bid)
                written[group.id] = bid
        except (NoBase, BadParameter, RuleRefused, ListGone) as fault:
            return _refused(change, str(fault))
        if percent is None:
            return CorrectionReceipt(change, None)
        return CorrectionReceipt(change, group.id, warning=in_step(base, bid, percent))

    def _bid(self, group: AdGroup, bid: Decimal) -> None:
        body = {"adgroup_id": group.id, BID_FIELDS[group.event]: float(bid)}
        try:
            self._wire.post("adgroup/update/", body, Effect.SAME)
        except DONE_BEFORE:
            return

    def _report(self, groups: Sequence[str], first: date, last: date) -> Iterator[dict[str, Any]]:
        """Rows by ad group and day."""
        for some in chunks(groups, IDS_PER_GET):
            for start, end in reports.spans(first, last):
                query = reports.query(some, start, end)
                yield from self._wire.pages(reports.PATH, reports.ROWS_PER_PAGE, **query)


def _token(account: Account, around: Surroundings) -> str:
    """A sandbox account has the sandbox's token and needs no secrets."""
    if account.sandbox:
        return SANDBOX_TOKEN
    given = around.secrets.get(account.name)
    secrets = TikTokCredentials.read(account.secrets_prefix, around.folder, given)
    return secrets.token.get_secret_value()


def _file(batch: Batch) -> MembersCsv:
    """Only columns that hold something: an empty one says nothing."""
    held = [one for one in COLUMNS if _holds(batch, one)] or list(COLUMNS)
    return MembersCsv(batch, tuple(held), names=tuple(COLUMNS[one] for one in held))


def _holds(batch: Batch, column: Identifier) -> bool:
    longest = compute.max(compute.list_value_length(batch.members[column])).as_py()
    return bool(longest)


def _refused(change: CorrectionChange, said: str) -> CorrectionReceipt:
    return CorrectionReceipt(change, change.correction_id, refused=said)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _moment(value: object) -> datetime | None:
    """A time as TikTok writes it, in GMT."""
    try:
        return datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
