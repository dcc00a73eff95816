"""Yandex Direct: bid corrections for the people of Audience segments.

A correction names a retargeting list, and a retargeting list of ours names one Audience segment.
The answer's HTTP status says little: errors come with status 200, for a whole request under
`error`, for one item under `Errors`; production sends an empty `Errors` with success.

Facts: Direct API documents at yandex.ru/dev/direct/doc, its WSDL, and recorded exchanges, as of
September 2026. UNVERIFIED marks what they leave open.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Self, TypeVar

from bids.model import (
    BidObject,
    CorrectionChange,
    CorrectionReceipt,
    FoundObject,
    Level,
    PresentCorrection,
)
from config.platforms import Account
from connectors import yandex_reports as reports
from connectors.base import (
    ApiVersion,
    BidLimits,
    CorrectsBids,
    NamesObjects,
    ReportsSpend,
    SpendRow,
    Strategy,
)
from connectors.chunks import chunks
from connectors.errors import (
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    ListGone,
    OperatorError,
    QuotaGone,
    RuleRefused,
    Throttled,
    Transient,
    VersionGone,
)
from connectors.facts import facts_of
from connectors.http import ACTS as ACTS_OF
from connectors.http import (
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
from connectors.in_turn import Step, anything, write_in_turn
from connectors.yandex_audience import origin_for, yandex_tokens

T = TypeVar("T")

ORIGIN = "https://api.direct.yandex.com/"
FACTS = facts_of("yandex_direct")
VERSION = FACTS.spoken()
"""Unified campaigns exist in v501 only; the shapes are those of v5."""

PATH = "json/{version}/{service}"
REPORTS = "reports"

CAMPAIGNS_PER_GET = FACTS.whole("campaigns_per_get")
GROUPS_PER_GET = FACTS.whole("ad_groups_per_get")
OBJECTS_PER_GET = FACTS.whole("objects_per_get")
OPEN_STATES = ["ON", "OFF", "SUSPENDED"]
"""States of campaigns whose bids can still matter."""
ITEMS_PER_CALL = FACTS.whole("items_per_call")
PAGE = 1000
TITLE_LENGTH = FACTS.whole("title_length")
VISIBLE_AFTER_SECONDS = 5.0
"""Yandex's own sandbox finds an object some seconds after it was made (error 8800 before)."""

NEUTRAL = 100
"""BidModifier is the coefficient in per cent: 70 lowers by 30 %."""

NOT_FOUND = 8800
ERRORS: dict[int, type[ConnectorError]] = {  # dev/direct/doc/concepts/errors-list
    52: Transient,
    55: VersionGone,  # our methods are documented: a version without them is not ours
    500: Transient,
    1000: Transient,
    1001: Transient,
    1002: Transient,
    56: Throttled,
    506: Throttled,
    9000: Throttled,
    152: QuotaGone,
    53: TokenExpired,
    54: CredentialsRefused,
    58: CredentialsRefused,
    513: CredentialsRefused,
    3000: CredentialsRefused,
    3001: CredentialsRefused,
    1003: OperatorError,
    1004: OperatorError,
    1020: OperatorError,
    3500: RuleRefused,
    3600: RuleRefused,
    5003: RuleRefused,
    5004: RuleRefused,
    5005: RuleRefused,
    6000: RuleRefused,
    7001: RuleRefused,
    8300: RuleRefused,
    8301: RuleRefused,
    8303: RuleRefused,
    NOT_FOUND: ListGone,
}
"""Code to error; every other code means that our request is wrong (ContractBroken)."""

ACTS: dict[int, str] = {
    54: "Give the token's user access to the campaigns, or set the account's login.",
    58: "Ask for API access of the application in Direct's settings and wait for approval.",
    152: "Points return through the day; what is left waits for a later run.",
    513: "The token's user has no Direct account: use another user's token.",
}

ACTS_ON: dict[str, str] = {  # yandex.ru/support/direct, bids-adjustment
    "HIGHEST_POSITION": "bid",
    "AVERAGE_CPC": "bid",
    "WB_MAXIMUM_CLICKS": "bid",
    "WB_MAXIMUM_CONVERSION_RATE": "bid",
    "AVERAGE_CPA": "target_cpa",
    "PAY_FOR_CONVERSION": "target_cpa",
    "AVERAGE_CRR": "target_drr",
    "PAY_FOR_CONVERSION_CRR": "target_drr",
}


@dataclass(frozen=True)
class Points:
    """Direct's quota, from the header `Units: spent/rest/daily`."""

    spent: int
    rest: int
    daily: int


class YandexDirect(CorrectsBids, NamesObjects, ReportsSpend):
    """One Direct account, or one client of an agency (`login`)."""

    platform: ClassVar[str] = "yandex_direct"
    versions: ClassVar[tuple[ApiVersion, ...]] = FACTS.versions
    bid_limits: ClassVar[BidLimits] = FACTS.bid_limits(levels=frozenset(Level))

    def __init__(self, account: Account, around: Surroundings) -> None:
        self._account = account.name
        self._now = around.now
        self._just_made: set[str] = set()
        """Conditions that the next change may not find yet."""
        self._version = account.api_version or VERSION
        headers = {"Accept-Language": "en"}
        if account.login:
            headers["Client-Login"] = account.login
        self._door = Door(
            origin_for(account, around, self.platform, ORIGIN),
            surroundings=around,
            tokens=yandex_tokens(account, around),
            judge=self._judge,
            headers=headers,
        )
        self.points: Points | None = None
        """As the last answer told."""
        self.points_spent = 0
        """By this connector since it was made."""

    @classmethod
    def connect(cls, account: Account, around: Surroundings) -> Self:
        return cls(account, around)

    def check(self) -> None:
        params = {"SelectionCriteria": {}, "FieldNames": ["Id"], "Page": {"Limit": 1, "Offset": 0}}
        self._call("campaigns", "get", params)

    def condition_for(self, list_id: str, title: str) -> str:
        """Raises OperatorError while this login does not see the segment."""
        found = self._door.once(
            lambda: self.find_condition(list_id, title) or self._add_condition(list_id, title),
            lambda: self.find_condition(list_id, title),
        )
        seen = self._availability(found)
        if seen is None and found in self._just_made:
            self._door.sleep(VISIBLE_AFTER_SECONDS)
            seen = self._availability(found)
        if seen != "YES":
            raise OperatorError(
                f"Direct does not see Audience segment {list_id} (list {title!r}).",
                act="Wait until it is processed; if it is, share it with this Direct login.",
            )
        return found

    def find_condition(self, list_id: str, title: str) -> str | None:
        """A list with this title that names another segment is another one."""
        wanted = (title[:TITLE_LENGTH], [_rule_for(list_id)])
        params = {"FieldNames": ["Id", "Name", "Rules"]}
        for one in self._pages("retargetinglists", params, "RetargetingLists"):
            if (one.get("Name"), _plain_rules(one)) == wanted:
                return str(one["Id"])
        return None

    def read_corrections(self, objects: Sequence[BidObject]) -> tuple[PresentCorrection, ...]:
        return tuple(
            correction
            for level, wire in WIRE.items()
            for some in chunks([one for one in objects if one.level is level], wire.per_get)
            for correction in self._read(wire, some)
        )

    def write_corrections(
        self, changes: Sequence[CorrectionChange]
    ) -> tuple[CorrectionReceipt, ...]:
        """Removals go first, because an object holds 100."""
        return write_in_turn(
            changes,
            self.bid_limits,
            remove=Step(self._delete, anything, _items_per_call),
            set_=Step(self._set, anything, _items_per_call),
            add=Step(self._add, anything, _items_per_call),
        )

    def strategies(self, objects: Sequence[BidObject]) -> tuple[Strategy, ...]:
        """A group bids as its campaign does."""
        campaign_of = self._campaigns_of(objects)
        bidding = self._bidding(sorted(set(campaign_of.values())))
        return tuple(
            Strategy(one, name, ACTS_ON.get(name, "unknown"))
            for one in objects
            for name in [bidding.get(campaign_of.get(one, 0), "")]
        )

    def objects(self, level: Level) -> tuple[FoundObject, ...]:
        """Campaigns that are on, off or suspended, and their groups; Direct has no labels."""
        campaigns = {"SelectionCriteria": {"States": OPEN_STATES}, "FieldNames": ["Id", "Name"]}
        found = {int(one["Id"]): one for one in self._pages("campaigns", campaigns, "Campaigns")}
        if level is Level.CAMPAIGN:
            return self._found(level, found.values())
        groups: list[dict[str, Any]] = []
        for some in chunks(sorted(found), WIRE[Level.CAMPAIGN].per_get):
            params = {
                "SelectionCriteria": {"CampaignIds": list(some)},
                "FieldNames": ["Id", "Name"],
            }
            groups += self._pages("adgroups", params, "AdGroups")
        return self._found(level, groups)

    def _found(self, level: Level, listed: Iterable[dict[str, Any]]) -> tuple[FoundObject, ...]:
        return tuple(
            FoundObject(
                BidObject(self._account, self.platform, level, str(one["Id"])), str(one["Name"])
            )
            for one in listed
        )

    def spend(self, objects: Sequence[BidObject], first: date, last: date) -> tuple[SpendRow, ...]:
        """Amounts with VAT. Revenue counts the goals chosen in the campaigns' settings only."""
        return tuple(
            row
            for level, wire in WIRE.items()
            for some in chunks(
                [one for one in objects if one.level is level], reports.OBJECTS_PER_REPORT
            )
            for row in self._report(wire, some, first, last)
        )

    # What follows knows the wire.

    def _availability(self, condition: str) -> str | None:
        params = {
            "SelectionCriteria": {"Ids": [int(condition)]},
            "FieldNames": ["Id", "IsAvailable"],
        }
        seen = self._call("retargetinglists", "get", params).get("RetargetingLists")
        return str(seen[0].get("IsAvailable")) if seen else None

    def _report(
        self, wire: "Wire", objects: Sequence[BidObject], first: date, last: date
    ) -> Iterator[SpendRow]:
        ask = Ask(
            "POST",
            PATH,
            gaps={"version": self._version, "service": REPORTS},
            json={"params": reports.parameters(wire.id, objects, first, last, self._now())},
            headers=reports.HEADERS,
            is_json=False,
        )
        waited = 0.0
        while (reply := self._door.send(ask)).status in reports.BUILDING:
            wait = _seconds(reply.headers.get("retryIn"))
            waited += wait
            if waited > reports.LONGEST_BUILD_SECONDS:
                raise Transient(f"a report was not built within {waited:g} s.")
            self._door.sleep(wait)
        return reports.rows(reply.text, wire.id, objects)

    def _delete(self, changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
        """What is gone already is as wanted."""
        ids = [int(str(change.correction_id)) for change in changes]
        results = self._change(
            "delete", {"SelectionCriteria": {"Ids": ids}}, "DeleteResults", len(ids), Effect.SAME
        )
        return [
            CorrectionReceipt(change, None, warning=_texts(result, "Errors"))
            if _codes(result) == {NOT_FOUND}
            else _verdict(change, result)
            for change, result in zip(changes, results, strict=True)
        ]

    def _set(self, changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
        items = [
            {"Id": int(str(change.correction_id)), "BidModifier": NEUTRAL + (change.percent or 0)}
            for change in changes
        ]
        results = self._change(
            "set", {"BidModifiers": items}, "SetResults", len(items), Effect.SAME
        )
        return [_verdict(*pair) for pair in zip(changes, results, strict=True)]

    def _add(self, changes: Sequence[CorrectionChange]) -> list[CorrectionReceipt]:
        """After a lost answer, what is there already is not added again."""
        done: dict[CorrectionChange, CorrectionReceipt] = {}

        def act() -> list[CorrectionReceipt]:
            left = [change for change in changes if change not in done]
            too_early = send(left)
            if too_early:
                self._door.sleep(VISIBLE_AFTER_SECONDS)
                self._just_made.clear()
                send(too_early)
            return [done[change] for change in changes]

        def send(some: Sequence[CorrectionChange]) -> list[CorrectionChange]:
            """Those come back whose condition is so new that Direct does not find it yet."""
            items = [_modifier(change) for change in some]
            results = self._change(
                "add", {"BidModifiers": items}, "AddResults", len(items), Effect.TWICE
            )
            done.update((one, _verdict(one, said)) for one, said in zip(some, results, strict=True))
            return [
                one
                for one, said in zip(some, results, strict=True)
                if _codes(said) == {NOT_FOUND} and one.condition_id in self._just_made
            ]

        def look() -> list[CorrectionReceipt] | None:
            there = {
                (one.object, one.condition_id, one.percent): one.correction_id
                for one in self.read_corrections(sorted({change.object for change in changes}))
            }
            for change in changes:
                key = (change.object, change.condition_id, change.percent or 0)
                if key in there:
                    done[change] = CorrectionReceipt(change, there[key])
            return [done[one] for one in changes] if len(done) == len(set(changes)) else None

        return self._door.once(act, look)

    def _change(
        self, method: str, params: object, key: str, count: int, effect: Effect
    ) -> list[dict[str, Any]]:
        results = self._call("bidmodifiers", method, params, effect).get(key)
        if not isinstance(results, list) or len(results) != count:
            raise ContractBroken(f"bidmodifiers.{method}: {key} does not answer {count} items.")
        return results

    def _read(self, wire: "Wire", objects: Sequence[BidObject]) -> Iterator[PresentCorrection]:
        by_id = {one.object_id: one for one in objects}
        params = {
            "SelectionCriteria": {
                wire.ids: [int(one) for one in by_id],
                "Levels": [wire.level],
                "Types": ["RETARGETING_ADJUSTMENT"],
            },
            "FieldNames": ["Id", "CampaignId", "AdGroupId", "Level", "Type"],
            "RetargetingAdjustmentFieldNames": ["RetargetingConditionId", "BidModifier"],
        }
        for item in self._pages("bidmodifiers", params, "BidModifiers"):
            adjustment = item["RetargetingAdjustment"]
            yield PresentCorrection(
                by_id[str(item[wire.id])],
                str(adjustment["RetargetingConditionId"]),
                str(item["Id"]),
                int(adjustment["BidModifier"]) - NEUTRAL,
            )

    def _add_condition(self, list_id: str, title: str) -> str:
        item = {"Name": title[:TITLE_LENGTH], "Type": "RETARGETING", "Rules": [_rule_for(list_id)]}
        params = {"RetargetingLists": [item]}
        results = self._call("retargetinglists", "add", params, Effect.TWICE).get("AddResults")
        if not isinstance(results, list) or len(results) != 1:
            raise ContractBroken("retargetinglists.add: AddResults does not answer 1 item.")
        if results[0].get("Errors"):
            code = min(_codes(results[0]))
            kind = ERRORS.get(code, RuleRefused)
            raise kind(f"list {title!r}: {_texts(results[0], 'Errors')}.", act=ACTS.get(code, ""))
        made = str(results[0]["Id"])
        self._just_made.add(made)
        return made

    def _campaigns_of(self, objects: Sequence[BidObject]) -> dict[BidObject, int]:
        groups = {int(one.object_id): one for one in objects if one.level is Level.AD_GROUP}
        found = {one: int(one.object_id) for one in objects if one.level is Level.CAMPAIGN}
        for some in chunks(sorted(groups), OBJECTS_PER_GET):
            params = {"SelectionCriteria": {"Ids": some}, "FieldNames": ["Id", "CampaignId"]}
            for group in self._pages("adgroups", params, "AdGroups"):
                found[groups[group["Id"]]] = group["CampaignId"]
        return found

    def _bidding(self, campaigns: Sequence[int]) -> dict[int, str]:
        strategies = {"TextCampaignFieldNames": ["BiddingStrategy"]}
        if self._version != "v5":
            strategies["UnifiedCampaignFieldNames"] = ["BiddingStrategy"]
        found = {}
        for some in chunks(campaigns, OBJECTS_PER_GET):
            params = {
                "SelectionCriteria": {"Ids": some},
                "FieldNames": ["Id", "Type", "State"],
                **strategies,
            }
            for campaign in self._pages("campaigns", params, "Campaigns"):
                found[campaign["Id"]] = _strategy_name(campaign)
        return found

    def _pages(self, service: str, params: Mapping[str, object], key: str) -> Iterator[Any]:
        """Items of every page; an empty answer may lack the key."""
        offset = 0
        while True:
            page = {"Limit": PAGE, "Offset": offset}
            result = self._call(service, "get", {**params, "Page": page})
            yield from result.get(key) or []
            if "LimitedBy" not in result:
                return
            offset = int(result["LimitedBy"])

    def _call(
        self, service: str, method: str, params: object, effect: Effect = Effect.NONE
    ) -> dict[str, Any]:
        ask = Ask(
            "POST",
            PATH,
            gaps={"version": self._version, "service": service},
            json={"method": method, "params": params},
            effect=effect,
        )
        answer = self._door.send(ask).body
        result = answer.get("result") if isinstance(answer, dict) else None
        if not isinstance(result, dict):
            raise ContractBroken(f"{service}.{method}: the answer has no result.")
        return result

    def _judge(self, ask: Ask, reply: Reply) -> None:
        self._count_points(reply.headers.get("Units", ""))
        error = reply.body.get("error") if isinstance(reply.body, dict) else None
        if isinstance(error, dict):
            raise _request_error(ask, reply, error)
        if reply.status in (404, 410):
            raise VersionGone(
                f"{ask}: HTTP {reply.status}; {self._version} is not served here.",
                act="Update adsteer, or set api_version of the account to one that is served.",
            )
        if not 200 <= reply.status < 300:
            raise error_for_status(ask, reply)
        finished = ask.gaps["service"] == REPORTS and reply.status not in reports.BUILDING
        if finished and not reports.is_whole(reply.text):
            raise interrupted(ask, "a report arrived in part")

    def _count_points(self, header: str) -> None:
        parts = header.split("/")
        if len(parts) == 3 and all(part.strip().isdigit() for part in parts):
            self.points = Points(*(int(part) for part in parts))
            self.points_spent += self.points.spent


@dataclass(frozen=True)
class Wire:
    """How a level is written."""

    level: str
    id: str
    ids: str
    per_get: int


WIRE = {
    Level.CAMPAIGN: Wire("CAMPAIGN", "CampaignId", "CampaignIds", CAMPAIGNS_PER_GET),
    Level.AD_GROUP: Wire("AD_GROUP", "AdGroupId", "AdGroupIds", GROUPS_PER_GET),
}


def _rule_for(list_id: str) -> dict[str, Any]:
    return {"Operator": "ALL", "Arguments": [{"ExternalId": int(list_id)}]}


def _plain_rules(retargeting_list: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rules without MembershipLifeSpan, which says nothing about an Audience segment."""
    return [
        {
            "Operator": rule.get("Operator"),
            "Arguments": [
                {"ExternalId": argument.get("ExternalId")} for argument in rule["Arguments"]
            ],
        }
        for rule in retargeting_list.get("Rules") or []
    ]


def _modifier(change: CorrectionChange) -> dict[str, Any]:
    return {
        WIRE[change.object.level].id: int(change.object.object_id),
        "RetargetingAdjustments": [
            {
                "RetargetingConditionId": int(change.condition_id),
                "BidModifier": NEUTRAL + (change.percent or 0),
            }
        ],
    }


def _items_per_call(change: CorrectionChange) -> int:
    return ITEMS_PER_CALL


def _verdict(change: CorrectionChange, result: Mapping[str, Any]) -> CorrectionReceipt:
    """One item's result: `Ids` from add, `Id` from set and delete."""
    warning = _texts(result, "Warnings")
    if result.get("Errors"):
        return CorrectionReceipt(
            change, change.correction_id, refused=_texts(result, "Errors"), warning=warning
        )
    if change.percent is None:
        return CorrectionReceipt(change, None, warning=warning)
    ids = result.get("Ids") or [result.get("Id")]
    if not isinstance(ids[0], int):
        raise ContractBroken("bidmodifiers: a result has neither an id nor errors.")
    return CorrectionReceipt(change, str(ids[0]), warning=warning)


def _texts(result: Mapping[str, Any], key: str) -> str:
    """The platform's codes and words; an empty list is the same as none."""
    return "; ".join(
        f"{one.get('Code')} {redact(str(one.get('Message', '')))}" for one in result.get(key) or []
    )


def _codes(result: Mapping[str, Any]) -> set[int]:
    return {int(one.get("Code", 0)) for one in result.get("Errors") or []}


def _request_error(ask: Ask, reply: Reply, error: Mapping[str, Any]) -> ConnectorError:
    code = int(error.get("error_code", 0))
    words = f"{error.get('error_string', '')}: {error.get('error_detail', '')}"
    said = f"{ask.gaps['service']}: error {code}: {redact(words)}"
    kind = ERRORS.get(code, ContractBroken)
    if kind is Transient:
        return interrupted(ask, said, after=reply.retry_after)
    act = ACTS.get(code) or ACTS_OF.get(kind, "")
    return kind(f"{said}.", act=act, retry_after=reply.retry_after)


def _strategy_name(campaign: Mapping[str, Any]) -> str:
    """The strategy in search, or in networks where search does not serve."""
    for kind in ("TextCampaign", "UnifiedCampaign"):
        strategy = (campaign.get(kind) or {}).get("BiddingStrategy") or {}
        for place in ("Search", "Network"):
            name = (strategy.get(place) or {}).get("BiddingStrategyType", "")
            if name and name != "SERVING_OFF":
                return str(name)
    return ""


def _seconds(header: str | None) -> float:
    """`retryIn` of a report, kept within reason."""
    if header is None or not header.strip().isdigit():
        return reports.WAIT_SECONDS
    return min(max(float(header), 1.0), 600.0)
