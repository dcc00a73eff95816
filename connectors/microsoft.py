"""Microsoft Advertising: customer lists, bid adjustments for them, and what they brought.

Members are hashed addresses, a thousand per call, taken at once; what was recognised shows within
two days as the list's size in search. A list of any size can be made, but serves nobody below 300
people. Adjustments are per cent on the link between a list and a campaign or ad group.
Look-alikes are grown by Microsoft itself and cannot be asked for, so that ability is absent.

Facts: Microsoft Advertising REST API v13, as of autumn 2026. UNVERIFIED marks what the documents
leave open.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute

from audiences.model import AudienceRef, Batch, ListState, Opened, Receipt, Recipe, Refusal, Verb
from bids.model import BidObject, CorrectionChange, CorrectionReceipt, Level, PresentCorrection
from config.audiences import Identifier
from config.platforms import Account
from connectors import microsoft_reports as reports
from connectors.base import (
    BidLimits,
    Connector,
    CorrectsBids,
    Limits,
    ReportsSpend,
    SpendRow,
    Strategy,
)
from connectors.errors import (
    ConnectorError,
    ContractBroken,
    ListGone,
    RuleRefused,
    Transient,
    Unsure,
)
from connectors.http import Ask, Door, Effect, Surroundings
from connectors.microsoft_wire import (
    BAD_ITEM,
    SANDBOX_ACCOUNT,
    NameTaken,
    Said,
    by_index,
    credentials_for,
    error_of,
    is_of_whole_call,
    item_errors,
    judge,
    kind_of,
    tokens_for,
)
from connectors.recipes import MICROSOFT
from connectors.yandex_audience import origin_for

T = TypeVar("T")
compute: Any = pa.compute

VERSION = "v13"
VERSION_ENDS: date | None = None
"""No end is announced for REST v13; SOAP, which is not used here, ends on 2027-01-31."""
CAMPAIGNS = ("https://campaign.api.bingads.microsoft.com/", "CampaignManagement")
REPORTING = ("https://reporting.api.bingads.microsoft.com/", "Reporting")

ITEMS_PER_CALL = 1_000
DAYS = range(1, 391)
FOREVER = -1
"""Membership duration of a list whose members stay."""
SERVED_FROM = 300
"""People recognised in a network, below which it does not use the list."""
CAMPAIGNS_PER_CALL = 100
GROUPS_PER_CALL = 1_000
CAMPAIGN_TYPES = "Search, Shopping, DynamicSearchAds, Audience, Hotel, PerformanceMax, App"
"""Left out, only campaigns of search would be found."""

ACTS_ON = {  # BidMultiplier, guides/budget-bid-strategies
    "EnhancedCpc": "bid",
    "ManualCpc": "bid",
    "MaxClicks": "ignored",  # the multiplier only informs these
    "MaxConversions": "ignored",
    "TargetCpa": "ignored",
    "TargetRoas": "ignored",
    "MaxConversionValue": "ignored",  # UNVERIFIED: not named there, taken as alike
}
INHERITED = "InheritFromParent"
LONG_NAME = "BiddingScheme"
"""Ends the names of some strategies in Microsoft's models; in answers too: UNVERIFIED."""

DUPLICATE, BOTH_LEVELS = 4521, 4522
NOT_FOUND = frozenset({4526, 4151})
EXPLAINED = {
    BOTH_LEVELS: "one campaign takes corrections on itself or on its ad groups, not on both",
    DUPLICATE: "somebody set it meanwhile; plan again",
}


@dataclass(frozen=True)
class Wire:
    """How a level is written."""

    name: str
    per_call: int

    @property
    def path(self) -> str:
        return f"{self.name}Criterions"

    @property
    def id(self) -> str:
        return f"{self.name}Id"

    @property
    def ids(self) -> str:
        return f"{self.name}CriterionIds"


WIRE = {Level.CAMPAIGN: Wire("Campaign", 100), Level.AD_GROUP: Wire("AdGroup", 1_000)}


@dataclass(frozen=True)
class Standing:
    """How an object's campaign bids, and whether the object shows ads to its lists only."""

    campaign: str
    scheme: str
    only_lists: bool


class Microsoft(Connector, CorrectsBids, ReportsSpend):
    """One ad account (`login`) of one manager account."""

    platform: ClassVar[str] = "microsoft"
    limits: ClassVar[Limits] = Limits(
        source="ApplyCustomerListUserData, CustomerList, guides/entity-limits (v13, 2026-08)",
        kinds=frozenset({Identifier.EMAIL}),
        batch_size=800,  # 1,000 addresses per call, and some people have more than one
        min_members=SERVED_FROM,
        title_length=128,
    )
    recipe: ClassVar[Recipe] = MICROSOFT
    bid_limits: ClassVar[BidLimits] = BidLimits(
        source="BidMultiplier, AddCampaignCriterions, AddAdGroupCriterions (v13, 2026-08)",
        lowest=-90,
        highest=900,
        levels=frozenset(Level),
        per_object=1_000,  # UNVERIFIED: an account may have 20 million associations
    )

    def __init__(self, account: Account, around: Surroundings) -> None:
        if not account.sandbox and not (account.login or "").isdigit():
            raise RuleRefused(
                f"account {account.name}: login is not the number of an ad account.",
                act="Set login to the number after aid= in the address of the web interface.",
            )
        secrets = credentials_for(account, around)
        self._account = account.login or SANDBOX_ACCOUNT
        self._accepts_terms = secrets.accepts_terms
        self._around = around
        self._campaign_of_group: dict[str, str] = {}
        headers = {
            "DeveloperToken": secrets.developer_token.get_secret_value(),
            "CustomerId": secrets.customer_id,
            "CustomerAccountId": self._account,
        }
        if secrets.api_revision:
            headers["Api-Revision"] = secrets.api_revision
        tokens = tokens_for(account, around, secrets)

        def door(origin: str, service: str) -> Door:
            base = origin_for(account, around, self.platform, origin)
            address = f"{base}{service}/{account.api_version or VERSION}/"
            return Door(address, surroundings=around, tokens=tokens, judge=judge, headers=headers)

        self._door = door(*CAMPAIGNS)
        self._reporting = door(*REPORTING)

    @classmethod
    def connect(cls, account: Account, around: Surroundings) -> Self:
        return cls(account, around)

    def check(self) -> None:
        """Whether the terms of Customer Match are accepted shows only when people are sent."""
        self._audiences(None)

    def find(self, audience: AudienceRef) -> str | None:
        """Names are unique; whether case counts is UNVERIFIED, so it does not here."""
        title = audience.title.casefold()
        found = [
            int(one["Id"])
            for one in self._audiences(None)
            if one is not None and str(one.get("Name", "")).casefold() == title
        ]
        return str(min(found)) if found else None

    def find_or_create(self, audience: AudienceRef, first: Batch) -> Opened:
        """An empty list; raises RuleRefused for days of membership that there are not."""
        if (found := self.find(audience)) is not None:
            return Opened(found)
        days = audience.membership_days or FOREVER
        if days != FOREVER and days not in DAYS:
            raise RuleRefused(
                f"{audience}: membership_days is {days}.",
                act=f"Microsoft keeps members {DAYS[0]} to {DAYS[-1]} days, or for ever.",
            )
        wish = {
            "Type": "CustomerList",
            "Name": audience.title,
            "Description": "",
            "MembershipDuration": days,
            "ParentId": self._account,
            "Scope": "Account",
        }
        body = {"Audiences": [wish]}
        ask = Ask("POST", "Audiences", json=body, effect=Effect.TWICE)
        try:
            made = self._door.once(lambda: self._make(ask), lambda: self.find(audience))
        except NameTaken:
            if (found := self.find(audience)) is None:
                raise
            made = found
        return Opened(made)

    def add(self, list_id: str, batch: Batch) -> Receipt:
        return self._apply(list_id, batch, "Add")

    def remove(self, list_id: str, batch: Batch) -> Receipt:
        return self._apply(list_id, batch, "Remove")

    def state(self, list_id: str) -> ListState:
        """The list takes changes at any time; `matched` is not known for its first two days."""
        (one,) = self._audiences([list_id])
        if one is None:
            raise ListGone(f"customer list {list_id} is not in the account any more.")
        search, network = (_count(one.get(key)) for key in ("SearchSize", "AudienceNetworkSize"))
        known = [size for size in (search, network) if size is not None]
        return ListState(
            list_id,
            ready=max(known, default=0) >= SERVED_FROM,
            settled=True,
            matched=max(known, default=None),
            said=f"search {_shown(search)}, audience network {_shown(network)}",
        )

    def delete(self, list_id: str) -> None:
        ask = Ask("DELETE", "Audiences", json={"AudienceIds": [list_id]}, effect=Effect.SAME)
        for said in item_errors(self._door.send(ask).body):
            if kind_of(said) is not ListGone:
                raise error_of(ask, said)

    # Bids

    def condition_for(self, list_id: str, title: str) -> str:
        """Adjustments name the list itself. Raises ListGone if it is not there."""
        if self.find_condition(list_id, title) is None:
            raise ListGone(f"customer list {list_id} (list {title!r}) is not in the account.")
        return list_id

    def find_condition(self, list_id: str, title: str) -> str | None:
        try:
            (one,) = self._audiences([list_id])
        except ListGone:
            return None
        return None if one is None else list_id

    def read_corrections(self, objects: Sequence[BidObject]) -> tuple[PresentCorrection, ...]:
        """Of customer lists only: nothing of ours is of another kind."""
        return tuple(found for one in objects for found in self._read(one))

    def write_corrections(
        self, changes: Sequence[CorrectionChange]
    ) -> tuple[CorrectionReceipt, ...]:
        """Removals go first, so that a campaign can change its level.

        Once something was sent no receipt is lost: a failure then becomes the reason of the
        changes that were not sent. Before that it is raised.
        """
        receipts: dict[int, CorrectionReceipt] = {}
        failure: ConnectorError | None = None
        something_sent = False
        for send, some in self._sendings(changes):
            these = [changes[place] for place in some]
            try:
                if failure is None:
                    receipts.update(zip(some, send(these), strict=True))
                    something_sent |= send not in (_nothing_to_do, _out_of_range)
                    continue
            except ConnectorError as fault:
                if not something_sent:
                    raise
                failure = fault
            said = f"failed: {failure}"
            receipts.update((place, _refused(changes[place], said)) for place in some)
        return tuple(receipts[place] for place in range(len(changes)))

    def strategies(self, objects: Sequence[BidObject]) -> tuple[Strategy, ...]:
        """A group bids as its campaign does unless it says otherwise."""
        standing = self._standing(objects)
        return tuple(
            Strategy(one, name, ACTS_ON.get(name, "unknown"))
            for one in objects
            for name in [standing[one].scheme if one in standing else ""]
        )

    def spend(self, objects: Sequence[BidObject], first: date, last: date) -> tuple[SpendRow, ...]:
        """Of people in associated lists only, list by list; somebody in two lists counts twice."""
        campaigns = self._campaigns_of(objects)
        there = [one for one in objects if one in campaigns]
        return tuple(
            row
            for level in Level
            for some in _chunks(
                [one for one in there if one.level is level], reports.OBJECTS_PER_REPORT
            )
            for row in self._report(level, some, campaigns, first, last)
        )

    # What follows knows the wire.

    def _audiences(self, ids: Sequence[str] | None) -> list[dict[str, Any] | None]:
        """Customer lists: all, or these, with None for one that is not there."""
        body = {"Type": "CustomerList", "AudienceIds": ids}
        ask = Ask("POST", "Audiences/QueryByIds", json=body)
        answer = self._door.send(ask).body
        for said in item_errors(answer):
            raise error_of(ask, said)
        found = _list_in(ask, answer, "Audiences")
        return found if ids is None or len(found) == len(ids) else [None for _ in ids]

    def _make(self, ask: Ask) -> str:
        answer = self._door.send(ask).body
        for said in item_errors(answer):
            raise error_of(ask, said)
        ids = _list_in(ask, answer, "AudienceIds")
        if len(ids) != 1 or not isinstance(ids[0], str):
            raise ContractBroken(f"{ask}: the answer has no id.")
        return ids[0]

    def _apply(self, list_id: str, batch: Batch, action: str) -> Receipt:
        """One call per thousand addresses; a batch that ends half-way is unsure, never refused."""
        emails = batch.members["email"].combine_chunks()
        items = compute.list_flatten(emails)
        owners = compute.list_parent_indices(emails).to_numpy()
        errors: dict[int, Said] = {}
        for start in range(0, len(items), ITEMS_PER_CALL):
            some = items.slice(start, ITEMS_PER_CALL).to_pylist()
            try:
                told = self._send_items(list_id, action, some)
            except ConnectorError as fault:
                if start == 0 or isinstance(fault, Unsure):
                    raise
                raise Unsure(f"{fault} The batch was sent in part.") from None
            errors |= {start + place: said for place, said in told.items()}
        return _receipt(batch, owners, errors)

    def _send_items(self, list_id: str, action: str, items: list[str]) -> dict[int, Said]:
        """Errors of single addresses by place; raises what is wrong with the whole call."""
        change: dict[str, Any] = {
            "AudienceId": list_id,
            "ActionType": action,
            "CustomerListItemSubType": "Email",
            "CustomerListItems": items,
        }
        if self._accepts_terms:
            change["AcceptCustomerMatchTerm"] = True
        ask = Ask(
            "POST",
            "CustomerListUserData/Apply",
            json={"CustomerListUserData": change},
            effect=Effect.SAME,
        )
        errors = item_errors(self._door.send(ask).body)
        for said in errors:
            if is_of_whole_call(said):
                raise error_of(ask, said)
        return by_index(ask, errors, len(items))

    def _read(self, where: BidObject) -> Iterator[PresentCorrection]:
        wire = WIRE[where.level]
        body = {wire.id: where.object_id, "CriterionType": "CustomerList", wire.ids: None}
        ask = Ask("POST", f"{wire.path}/QueryByIds", json=body)
        answer = self._door.send(ask).body
        for said in item_errors(answer):
            raise error_of(ask, said)
        for one in _list_in(ask, answer, wire.path):
            if one and one.get("Type") == f"Biddable{wire.name}Criterion":
                bid = one.get("CriterionBid") or {}
                yield PresentCorrection(
                    where,
                    str(one["Criterion"]["AudienceId"]),
                    str(one["Id"]),
                    round(bid.get("Multiplier") or 0),
                )

    def _sendings(
        self, changes: Sequence[CorrectionChange]
    ) -> Iterator[tuple["Sender", Sequence[int]]]:
        """Who sends which changes, named by their places; a removal names one object per call."""
        kinds: list[tuple[Sender, Callable[[CorrectionChange], bool]]] = [
            (_nothing_to_do, _is_void),
            (_out_of_range, _is_out_of_range),
            (self._delete, lambda change: change.percent is None),
            (self._set, lambda change: change.correction_id is not None),
            (self._add, lambda change: True),
        ]
        left = list(range(len(changes)))
        for send, fits in kinds:
            mine = [place for place in left if fits(changes[place])]
            left = [place for place in left if not fits(changes[place])]
            together: dict[object, list[int]] = {}
            for place in mine:
                where = changes[place].object
                group = where if send == self._delete else where.level
                together.setdefault(group, []).append(place)
            for places in together.values():
                most = WIRE[changes[places[0]].object.level].per_call
                yield from ((send, some) for some in _chunks(places, most))

    def _delete(self, changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
        """What is gone already is as wanted."""
        where = changes[0].object
        wire = WIRE[where.level]
        body = {
            wire.id: where.object_id,
            "CriterionType": "Audience",
            wire.ids: [str(change.correction_id) for change in changes],
        }
        errors = self._change(Ask("DELETE", wire.path, json=body, effect=Effect.SAME), changes)[1]
        return [
            CorrectionReceipt(change, None, warning=str(said or ""))
            if said is None or said.code in NOT_FOUND
            else _refused(change, _explained(said))
            for change, said in _with(changes, errors)
        ]

    def _set(self, changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
        wire = WIRE[changes[0].object.level]
        items = [{**_bid(change), "Id": str(change.correction_id)} for change in changes]
        body = {"CriterionType": "Audience", wire.path: items}
        errors = self._change(Ask("PUT", wire.path, json=body, effect=Effect.SAME), changes)[1]
        return [
            CorrectionReceipt(change, change.correction_id)
            if said is None
            else _refused(change, _explained(said))
            for change, said in _with(changes, errors)
        ]

    def _add(self, changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
        """After a lost answer, what is there already is not added again."""
        standing = self._standing(sorted({change.object for change in changes}))
        done = {
            change: _refused(change, _ONLY_LISTS)
            for change in changes
            if change.object in standing and standing[change.object].only_lists
        }

        def act() -> list[CorrectionReceipt]:
            if left := [change for change in changes if change not in done]:
                done.update((one.change, one) for one in self._send_new(left))
            return [done[change] for change in changes]

        def look() -> list[CorrectionReceipt] | None:
            done.update(self._present([change for change in changes if change not in done]))
            return [done[one] for one in changes] if len(done) == len(set(changes)) else None

        return self._door.once(act, look)

    def _send_new(self, changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
        wire = WIRE[changes[0].object.level]
        items = [{**_bid(change), "Criterion": _criterion(change)} for change in changes]
        body = {"CriterionType": "Audience", wire.path: items}
        ask = Ask("POST", wire.path, json=body, effect=Effect.TWICE)
        answer, errors = self._change(ask, changes)
        ids = _list_in(ask, answer, wire.ids)
        if len(ids) != len(changes):
            raise ContractBroken(f"{ask}: {wire.ids} does not answer {len(changes)} items.")
        there = self._present([one for one, said in _with(changes, errors) if _is_duplicate(said)])
        return [
            there.get(change) or _verdict(ask, change, made, said)
            for (change, said), made in zip(_with(changes, errors), ids, strict=True)
        ]

    def _present(
        self, changes: Sequence[CorrectionChange]
    ) -> dict[CorrectionChange, CorrectionReceipt]:
        """Receipts of the changes that the platform shows as wanted."""
        there = {
            (one.object, one.condition_id, one.percent): one.correction_id
            for one in self.read_corrections(sorted({change.object for change in changes}))
        }
        keys = {
            change: (change.object, change.condition_id, change.percent or 0) for change in changes
        }
        return {
            change: CorrectionReceipt(change, there[key])
            for change, key in keys.items()
            if key in there
        }

    def _change(
        self, ask: Ask, changes: Sequence[CorrectionChange]
    ) -> tuple[dict[str, Any], dict[int, Said]]:
        answer = self._door.send(ask).body
        return answer, by_index(ask, item_errors(answer), len(changes))

    def _standing(self, objects: Sequence[BidObject]) -> dict[BidObject, Standing]:
        """As it is now, of the objects that are there."""
        campaign_of = self._campaigns_of(objects)
        campaigns = self._by_id(
            "Campaigns",
            {"AccountId": self._account, "CampaignType": CAMPAIGN_TYPES},
            "CampaignIds",
            sorted(set(campaign_of.values())),
            CAMPAIGNS_PER_CALL,
        )
        groups: dict[str, dict[str, Any]] = {}
        for campaign in sorted(set(campaign_of.values())):
            mine = [
                one.object_id
                for one, owner in campaign_of.items()
                if one.level is Level.AD_GROUP and owner == campaign
            ]
            owner_of = {"CampaignId": campaign}
            groups |= self._by_id("AdGroups", owner_of, "AdGroupIds", mine, GROUPS_PER_CALL)
        return {
            one: _standing_of(campaign, campaigns[campaign], groups.get(one.object_id, {}))
            for one, campaign in campaign_of.items()
            if campaign in campaigns
        }

    def _by_id(
        self, key: str, fixed: dict[str, Any], ids_key: str, ids: Sequence[str], most: int
    ) -> dict[str, dict[str, Any]]:
        """Objects by id; those that are not there come as null, with an error that says so."""
        found: dict[str, dict[str, Any]] = {}
        for some in _chunks(ids, most):
            ask = Ask("POST", f"{key}/QueryByIds", json={**fixed, ids_key: list(some)})
            answer = self._door.send(ask).body
            found |= {str(one["Id"]): one for one in _list_in(ask, answer, key) if one}
        return found

    def _campaigns_of(self, objects: Sequence[BidObject]) -> dict[BidObject, str]:
        """A group is asked for under its campaign only, so all campaigns are looked through."""
        missing = {one.object_id for one in objects if one.level is Level.AD_GROUP}
        missing -= self._campaign_of_group.keys()
        for campaign in self._all_campaigns() if missing else ():
            ask = Ask("POST", "AdGroups/QueryByCampaignId", json={"CampaignId": campaign})
            for group in _list_in(ask, self._door.send(ask).body, "AdGroups"):
                self._campaign_of_group[str(group["Id"])] = campaign
            if missing <= self._campaign_of_group.keys():
                break
        found = {one: one.object_id for one in objects if one.level is Level.CAMPAIGN}
        for one in objects:
            if one.level is Level.AD_GROUP and one.object_id in self._campaign_of_group:
                found[one] = self._campaign_of_group[one.object_id]
        return found

    def _all_campaigns(self) -> list[str]:
        body = {"AccountId": self._account, "CampaignType": CAMPAIGN_TYPES}
        ask = Ask("POST", "Campaigns/QueryByAccountId", json=body)
        return [str(one["Id"]) for one in _list_in(ask, self._door.send(ask).body, "Campaigns")]

    def _report(
        self,
        level: Level,
        objects: Sequence[BidObject],
        campaign_of: dict[BidObject, str],
        first: date,
        last: date,
    ) -> Iterator[SpendRow]:
        body = reports.request(self._account, level, objects, campaign_of, first, last)
        ask = Ask("POST", "GenerateReport/Submit", json=body)
        number = self._reporting.send(ask).body.get("ReportRequestId")
        if not isinstance(number, str):
            raise ContractBroken(f"{ask}: the answer has no ReportRequestId.")
        for _ in range(reports.DOWNLOADS):
            address = self._address(number)
            if address is None:
                return iter(())
            try:
                return reports.rows(self._download(address), level, objects)
            except reports.AddressDied as fault:
                died = fault
        raise Transient(f"a report could not be fetched: {died}")

    def _address(self, number: str) -> str | None:
        """Where a report lies once it is built; None if there is nothing in it."""
        ask = Ask("POST", "GenerateReport/Poll", json={"ReportRequestId": number})
        waited, turn = 0.0, 0
        while True:
            told = self._reporting.send(ask).body.get("ReportRequestStatus") or {}
            if told.get("Status") == "Success":
                address = told.get("ReportDownloadUrl")
                return str(address) if address else None
            if told.get("Status") == "Error":
                raise Transient(f"{ask}: the report could not be built.")
            if told.get("Status") != "Pending":
                raise ContractBroken(f"{ask}: the answer has no status.")
            pause = reports.PAUSES[min(turn, len(reports.PAUSES) - 1)]
            waited, turn = waited + pause, turn + 1
            if waited > reports.LONGEST_BUILD_SECONDS:
                raise Transient(f"{ask}: a report was not built within {waited:g} s.")
            self._reporting.sleep(pause)

    def _download(self, address: str) -> str:
        """Without our tokens: the address itself opens the file."""
        origin, ask = reports.download(address)
        door = Door(origin, surroundings=self._around, judge=reports.judge_download)
        return reports.text_of(door.send(ask).content)


Sender = Callable[[Sequence[CorrectionChange]], list[CorrectionReceipt]]

_ONLY_LISTS = (
    "it shows ads to its lists only (target and bid), so another list would change whom it "
    "reaches; set its audiences to bid only, or correct them by hand"
)


def _receipt(batch: Batch, owners: Any, errors: dict[int, Said]) -> Receipt:
    """Verdicts on addresses as verdicts on people.

    Added is who got in with one address at least; removed only who is out with all of them.
    """
    people = batch.members["person_id"]
    sent = np.bincount(owners, minlength=len(batch))
    bad = np.bincount(owners[sorted(errors)], minlength=len(batch))
    refused_here = bad == sent if batch.verb is Verb.ADD else bad > 0
    reasons = {int(owners[place]): said for place, said in sorted(errors.items())}
    refused = []
    for row in np.flatnonzero(refused_here | (sent == 0)):
        said = reasons.get(int(row))
        reason = "has no email" if said is None else str(said)
        temporary = said is not None and said.name not in BAD_ITEM
        refused.append(Refusal(str(people[int(row)]), reason, temporary))
    return Receipt(batch.key, len(batch) - len(refused), tuple(refused))


def _standing_of(campaign: str, told: dict[str, Any], group: dict[str, Any]) -> Standing:
    own = _scheme(group)
    scheme = _scheme(told) if own in ("", INHERITED) else own
    return Standing(campaign, scheme, _only_lists(told) or _only_lists(group))


def _scheme(told: dict[str, Any]) -> str:
    scheme = told.get("BiddingScheme") or {}
    return str(scheme.get("Type") or "").removesuffix(LONG_NAME)


def _only_lists(told: dict[str, Any]) -> bool:
    """Get tells only those groups of criteria that target and bid."""
    return any(
        detail.get("CriterionTypeGroup") == "Audience" and detail.get("TargetAndBid")
        for setting in told.get("Settings") or []
        if setting and setting.get("Type") == "TargetSetting"
        for detail in setting.get("Details") or []
    )


def _bid(change: CorrectionChange) -> dict[str, Any]:
    wire = WIRE[change.object.level]
    return {
        "Type": f"Biddable{wire.name}Criterion",
        wire.id: change.object.object_id,
        "CriterionBid": {"Type": "BidMultiplier", "Multiplier": change.percent},
    }


def _criterion(change: CorrectionChange) -> dict[str, Any]:
    return {
        "Type": "AudienceCriterion",
        "AudienceId": change.condition_id,
        "AudienceType": "CustomerList",
    }


def _is_void(change: CorrectionChange) -> bool:
    return change.percent is None and change.correction_id is None


def _is_out_of_range(change: CorrectionChange) -> bool:
    limits = Microsoft.bid_limits
    return change.percent is not None and not limits.lowest <= change.percent <= limits.highest


def _nothing_to_do(changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
    return [CorrectionReceipt(change, None) for change in changes]


def _out_of_range(changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
    limits = Microsoft.bid_limits
    said = f"Microsoft takes adjustments of {limits.lowest} to {limits.highest} %"
    return [_refused(change, said) for change in changes]


def _refused(change: CorrectionChange, said: str) -> CorrectionReceipt:
    return CorrectionReceipt(change, change.correction_id, refused=said)


def _verdict(ask: Ask, change: CorrectionChange, made: Any, said: Said | None) -> CorrectionReceipt:
    if said is not None:
        return _refused(change, _explained(said))
    if not isinstance(made, str):
        raise ContractBroken(f"{ask}: an item has neither an id nor an error.")
    return CorrectionReceipt(change, made)


def _is_duplicate(said: Said | None) -> bool:
    return said is not None and said.code == DUPLICATE


def _explained(said: Said) -> str:
    why = EXPLAINED.get(said.code)
    return f"{said}: {why}" if why else str(said)


def _with(
    changes: Sequence[CorrectionChange], errors: dict[int, Said]
) -> list[tuple[CorrectionChange, Said | None]]:
    return [(change, errors.get(place)) for place, change in enumerate(changes)]


def _list_in(ask: Ask, answer: dict[str, Any], key: str) -> list[Any]:
    found = answer.get(key)
    if not isinstance(found, list):
        raise ContractBroken(f"{ask}: the answer has no {key}.")
    return found


def _count(value: object) -> int | None:
    """Sizes are texts of digits, null before they are known."""
    return int(str(value)) if value is not None and str(value).isdigit() else None


def _shown(size: int | None) -> str:
    return "not known yet" if size is None else f"{size:,}"


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
