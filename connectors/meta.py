"""Meta: custom audiences, look-alikes, bid corrections by value rules, insights.

A list is a custom audience made empty, then filled by requests of at most 10,000 rows. Meta takes
changes at any time and shows their effect hours later, as a rounded range of matched people.

Facts: Marketing API v26.0 documentation and the official SDK 26.0.3, as of November 2026.
UNVERIFIED marks what they leave open.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from hashlib import sha256
from json import dumps
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
from connectors import meta_bids as bids
from connectors import meta_insights as insights
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
from connectors.errors import (
    ConnectorError,
    ContractBroken,
    ListBusy,
    ListGone,
    OperatorError,
    RuleRefused,
    SeedRefused,
    TermsNotAccepted,
    Unsure,
)
from connectors.facts import facts_of
from connectors.http import Door, Effect, Surroundings, redact
from connectors.meta_members import VALUE, JsonBody, UserRows
from connectors.meta_wire import ACTS_OF, Graph, LastingToken, WrongParameter, judge, proof_of
from connectors.recipes import META
from connectors.yandex_audience import SANDBOX_TOKEN, origin_for

log = logging.getLogger(__name__)

T = TypeVar("T")

ORIGIN = "https://graph.facebook.com/"
FACTS = facts_of("meta")
VERSION = FACTS.spoken()
WARN_DAYS = 90
SANDBOX_ACCOUNT = "700100200300"

ACCOUNT = "act_{account}"
AUDIENCES = ACCOUNT + "/customaudiences"
AD_SETS = ACCOUNT + "/adsets"
RULE_SETS = ACCOUNT + "/value_rule_set"
DELETE_RULE_SET = ("{id}/delete_rule_set", "{id}/deleteruleset")
"""The documents say the first, the SDK 26.0.3 the second."""

TERMS = "custom_audience_tos"  # UNVERIFIED: its key in tos_accepted
STATE_FIELDS = (
    "id,operation_status,delivery_status,approximate_count_lower_bound,"
    "approximate_count_upper_bound"
)
AD_SET_FIELDS = (
    "id,bid_strategy,bid_adjustments,value_rule_set_id,value_rules_applied,campaign{bid_strategy}"
)
RULE_SET_FIELDS = "id,name,status,rules{name,adjust_sign,adjust_value,status,criterias}"

GONE = ("ARCHIVED", "DELETED")

READY, EMPTY, REPLACING, POPULATING, FLAGGED = 200, 410, 414, 441, (470, 471)
BUSY = frozenset({REPLACING, POPULATING})
DELIVERS = 200

RETENTION_DAYS = FACTS.whole("retention_days")
SEED_PEOPLE = FACTS.whole("seed_people")
RATIOS = {1: 0.01, 2: 0.02, 3: 0.03, 4: 0.05, 5: 0.10}
"""Share of a country's people by reach; Meta takes 0.01 to 0.20."""


class MetaCredentials(Credentials):
    """Secrets of a Meta ad account."""

    token: SecretStr = Field(description="Access token, best of a system user, ads_management.")
    app_secret: SecretStr | None = Field(
        default=None, description="Secret of the app, where the app requires proof of it."
    )


class Meta(Connector, GrowsLookalikes, CorrectsBids, NamesObjects, ReportsSpend):
    """One Meta ad account (`login`: its id, with or without act_)."""

    platform: ClassVar[str] = "meta"
    versions: ClassVar[tuple[ApiVersion, ...]] = FACTS.versions
    limits: ClassVar[Limits] = FACTS.limits(
        kinds=frozenset({Identifier.EMAIL, Identifier.PHONE, Identifier.EXTERNAL_ID}),
        takes_worth=True,
    )
    recipe: ClassVar[Recipe] = META
    bid_limits: ClassVar[BidLimits] = FACTS.bid_limits(levels=frozenset({Level.AD_GROUP}))

    def __init__(self, graph: Graph, account: Account, around: Surroundings) -> None:
        self._graph = graph
        self._name = account.name
        self._gaps = {"account": account_id(account)}
        self._now = around.now
        self._version = account.api_version or VERSION
        self._value_based: dict[str, bool] = {}

    @classmethod
    def connect(cls, account: Account, around: Surroundings) -> Self:
        if account.sandbox:
            secrets = MetaCredentials.model_construct(token=SecretStr(SANDBOX_TOKEN))
        else:
            given = around.secrets.get(account.name)
            secrets = MetaCredentials.read(account.secrets_prefix, around.folder, given)
        origin = origin_for(account, around, cls.platform, ORIGIN)
        door = Door(
            f"{origin}{account.api_version or VERSION}/",
            surroundings=around,
            tokens=LastingToken(secrets.token),
            judge=judge,
        )
        proof = ""
        if secrets.app_secret is not None:
            token = secrets.token.get_secret_value()
            proof = proof_of(secrets.app_secret.get_secret_value(), token)
        return cls(Graph(door, proof), account, around)

    @property
    def usage(self) -> float:
        """How full the fullest of the account's quotas is, in per cent, as Meta told last."""
        return self._graph.usage

    def check(self) -> None:
        ends = FACTS.ends(self._version)
        if ends is not None and (ends - self._now().date()).days < WARN_DAYS:
            log.warning("account %s: Meta serves %s until %s", self._name, self._version, ends)
        fields = {"fields": "id,name,tos_accepted"}
        answer = self._graph.get(ACCOUNT, gaps=self._gaps, query=fields)
        terms = answer.get("tos_accepted")
        if isinstance(terms, dict) and terms.get(TERMS, 1) in (0, "0", False):
            raise TermsNotAccepted(
                f"account {self._name}: the custom audience terms are not accepted.",
                act=ACTS_OF[(200, 1870090)],
            )

    # Lists

    def find(self, audience: AudienceRef) -> str | None:
        """The oldest where several have the title: Meta does not keep names apart."""
        found = [
            int(one["id"])
            for one in self._audiences("id,name,subtype")
            if one.get("name") == audience.title and one.get("subtype") == "CUSTOM"
        ]
        return str(min(found)) if found else None

    def find_or_create(self, audience: AudienceRef, first: Batch) -> Opened:
        """The list is value based where the first batch has a column `value`."""
        days = audience.membership_days
        if days is not None and not 1 <= days <= RETENTION_DAYS:
            raise RuleRefused(
                f"{audience}: membership_days {days} is not 1 to {RETENTION_DAYS}.",
                act="Leave membership_days out: then nobody drops out of a Meta list.",
            )
        body: dict[str, object] = {
            "name": audience.title,
            "subtype": "CUSTOM",
            "customer_file_source": "USER_PROVIDED_ONLY",
        }
        if days is not None:
            body["retention_days"] = days
        if VALUE in first.members.column_names:
            body["is_value_based"] = True

        def make() -> str:
            made = self._graph.post(AUDIENCES, gaps=self._gaps, json=body, effect=Effect.TWICE)
            return _id(AUDIENCES, made)

        found = self.find(audience)
        return Opened(found or self._graph.once(make, lambda: self.find(audience)))

    def add(self, list_id: str, batch: Batch) -> Receipt:
        return self._carry("POST", list_id, batch)

    def remove(self, list_id: str, batch: Batch) -> Receipt:
        return self._carry("DELETE", list_id, batch)

    def state(self, list_id: str) -> ListState:
        """Meta never tells how many it holds; `matched` is the lower end of its rounded range."""
        answer = self._graph.get("{id}", gaps={"id": list_id}, query={"fields": STATE_FIELDS})
        code, said = _status(answer, "operation_status")
        delivery, _ = _status(answer, "delivery_status")
        low = str(answer.get("approximate_count_lower_bound", -1))
        return ListState(
            list_id,
            ready=code == READY and delivery == DELIVERS,
            settled=code not in BUSY,
            matched=int(low) if low.isdigit() else None,
            said=f"{code} {said}".strip(),
        )

    def rename(self, list_id: str, title: str) -> bool:
        self._graph.change({"id": list_id}, {"name": title})
        return True

    def delete(self, list_id: str) -> None:
        try:
            self._graph.delete({"id": list_id})
        except ListGone:
            return

    # Look-alikes

    def grow(self, seed_id: str, title: str, reach: int, wish: Lookalike) -> str:
        """`reach` 1 to 5 is 1, 2, 3, 5 and 10 % of the people of `wish.countries`.

        Meta keeps a look-alike in use fresh by itself, about every three days.
        """
        if not wish.countries or reach not in RATIOS:
            raise RuleRefused(
                f"look-alike {title!r}: Meta must know the countries, and reach is 1 to 5.",
                act="Set countries = ['UA', ...] under the audience's lookalike.",
            )
        if (found := self._grown(seed_id, title, reach)) is not None:
            return found
        self._refuse_seed(seed_id)
        spec = {"type": "custom_ratio", "ratio": RATIOS[reach], **_where(wish.countries)}
        body = {
            "name": title,
            "subtype": "LOOKALIKE",
            "origin_audience_id": seed_id,
            "lookalike_spec": dumps(spec),  # a text: that is how Meta takes it
        }

        def make() -> str:
            made = self._graph.post(AUDIENCES, gaps=self._gaps, json=body, effect=Effect.TWICE)
            return _id(AUDIENCES, made)

        try:
            return self._graph.once(make, lambda: self._grown(seed_id, title, reach))
        except WrongParameter as fault:
            raise SeedRefused(str(fault)) from None

    def refresh(self, lookalike_id: str) -> None:
        """Meta refreshes a look-alike in use by itself; one that is not has nobody to reach."""
        self._graph.get("{id}", gaps={"id": lookalike_id}, query={"fields": "id"})

    def _refuse_seed(self, seed_id: str) -> None:
        seed = self.state(seed_id)
        if not seed.settled:
            raise ListBusy(f"audience {seed_id} is {seed.said}; nothing grows from it yet.")
        code = int(seed.said.split()[0])
        few = seed.matched is not None and seed.matched < SEED_PEOPLE
        if few or code == EMPTY or code in FLAGGED:
            raise SeedRefused(
                f"audience {seed_id} is {seed.said}, {seed.matched or 0} or more people are "
                f"matched: Meta grows look-alikes from {SEED_PEOPLE} people on.",
                act="Widen the seed.",
            )

    def _grown(self, seed_id: str, title: str, reach: int) -> str | None:
        """A look-alike with this title of an older seed is another one."""
        for one in self._audiences("id,name,subtype,lookalike_spec"):
            spec = one.get("lookalike_spec") or {}
            origins = {str(origin.get("id")) for origin in spec.get("origin") or []}
            if (
                (one.get("name"), one.get("subtype")) == (title, "LOOKALIKE")
                and seed_id in origins
                and round(100 * float(spec.get("ratio", 0))) == round(100 * RATIOS[reach])
            ):
                return str(one["id"])
        return None

    # Bid corrections

    def condition_for(self, list_id: str, title: str) -> str:
        """The list's own id; the list is given an audience label that nothing else uses.

        Raises OperatorError if the list is not in this account, RuleRefused if no label is free.
        """
        standing = bids.Standing({}, {}, self._labels())
        if list_id not in standing.labels:
            raise OperatorError(
                f"audience {list_id} (list {title!r}) is not in account {self._name}.",
                act="Share it with this ad account, or let lists_from name the right one.",
            )
        if standing.label_of(list_id) is None:
            label = replace(standing, rule_sets=self._rule_sets()).free_label(title)
            if label is None:
                raise RuleRefused(
                    f"list {title!r}: all {len(bids.LABELS)} audience labels are in use.",
                    act="Correct fewer segments, or take labels off audiences in Ads Manager.",
                )
            labels = [*standing.labels[list_id], label]
            body = {"audience_labels": labels}
            self._graph.change({"id": list_id}, body)
        return list_id

    def find_condition(self, list_id: str, title: str) -> str | None:
        known = bids.Standing({}, {}, self._labels())
        return list_id if known.label_of(list_id) is not None else None

    def read_corrections(self, objects: Sequence[BidObject]) -> tuple[PresentCorrection, ...]:
        """Value rules by label and bid multipliers; rules that ask for more are not shown."""
        if not objects:
            return ()
        standing = self._standing()
        return tuple(
            PresentCorrection(one, condition, correction, percent)
            for one in objects
            if (ad_set := _ad_set(standing, one)) is not None
            for condition, (correction, percent) in standing.corrections_of(ad_set).items()
        )

    def write_corrections(
        self, changes: Sequence[CorrectionChange]
    ) -> tuple[CorrectionReceipt, ...]:
        """Ad set by ad set; ad sets that share a set of ours and change alike change in one go.

        Once something was sent no receipt is lost: a failure then becomes the reason of the
        changes that were not sent. Before that it is raised. 0 % is no rule at all at Meta.
        """
        if not changes:
            return ()
        standing = self._standing()
        said = "there is no such ad set in the ad account"
        receipts = {change: _refused(change, said) for change in changes}
        todo = {
            ad_set.id: bids.decide(
                standing, ad_set, [one for one in changes if one.object == target]
            )
            for target in dict.fromkeys(change.object for change in changes)
            if (ad_set := _ad_set(standing, target)) is not None
        }
        in_place = bids.in_place(standing, todo)
        failure: ConnectorError | None = None
        sent = False
        for one in todo.values():
            why = failure
            try:
                if failure is None:
                    before, standing = standing, self._move(standing, one, in_place)
                    sent |= standing is not before
            except WrongParameter as fault:
                why = fault  # Meta does not take it for this ad set: the others go on
            except ConnectorError as fault:
                if not sent:
                    raise
                why = failure = fault
            missing = None if standing.has(one) else why
            receipts |= {change: _receipt(change, one, missing) for change in one.changes}
        if failure is None:
            self._tidy(standing)
        return tuple(receipts[change] for change in changes)

    def strategies(self, objects: Sequence[BidObject]) -> tuple[Strategy, ...]:
        standing = self._standing() if objects else None
        found = [_ad_set(standing, one) if standing else None for one in objects]
        return tuple(_strategy(one, ad_set) for one, ad_set in zip(objects, found, strict=True))

    def objects(self, level: Level) -> tuple[FoundObject, ...]:
        """Ad sets by name; corrections hang on nothing else here."""
        if level is not Level.AD_GROUP:
            return ()
        query = {"fields": "id,name,status"}
        rows = self._graph.pages(AD_SETS, gaps=self._gaps, query=query)
        return tuple(
            FoundObject(BidObject(self._name, self.platform, level, str(one["id"])), one["name"])
            for one in rows
            if one.get("status") not in GONE and one.get("id") and one.get("name")
        )

    # Reports

    def spend(self, objects: Sequence[BidObject], first: date, last: date) -> tuple[SpendRow, ...]:
        """Final after 28 days; purchases by Meta's own attribution, none is zero."""
        return tuple(insights.spend(self._graph, self._gaps, objects, first, last))

    # What follows knows the wire.

    def _audiences(self, fields: str) -> Iterator[dict[str, Any]]:
        return self._graph.pages(AUDIENCES, gaps=self._gaps, query={"fields": fields})

    def _carry(self, method: str, list_id: str, batch: Batch) -> Receipt:
        """One request, or a session of several where people have many identifiers."""
        with_value = VALUE in batch.members.column_names and method == "POST"
        users = UserRows(batch, with_value and self._is_value_based(list_id))
        parts = list(users.parts())
        session = session_id(batch, self._now().isoformat())
        bad: list[str] = []
        reference = ""
        for place, (rows, data) in enumerate(parts, start=1):
            last = place == len(parts)
            ticket = {"session_id": session, "batch_seq": place, "last_batch_flag": last}
            body = _users_body(users.schema, data, ticket if len(parts) > 1 else None)
            try:
                answer = self._graph.carry(method, "{id}/users", gaps={"id": list_id}, body=body)
                bad += _verdict(answer, rows)
            except ConnectorError as fault:
                if place == 1:
                    raise
                said = f"{place - 1} of {len(parts)} requests of a batch were taken: {fault}"
                raise Unsure(said) from None
            reference = str(answer.get("session_id", ""))
        return users.receipt(bad, reference)

    def _is_value_based(self, list_id: str) -> bool:
        if list_id not in self._value_based:
            fields = {"fields": "id,is_value_based"}
            answer = self._graph.get("{id}", gaps={"id": list_id}, query=fields)
            self._value_based[list_id] = answer.get("is_value_based") is True
        return self._value_based[list_id]

    def _standing(self) -> bids.Standing:
        ad_sets = self._graph.pages(AD_SETS, gaps=self._gaps, query={"fields": AD_SET_FIELDS})
        by_id = {one.id: one for one in _parsed(bids.ad_set_of, ad_sets)}
        return bids.Standing(by_id, self._rule_sets(), self._labels())

    def _labels(self) -> dict[str, tuple[str, ...]]:
        rows = self._audiences("id,audience_labels")
        return {str(one["id"]): tuple(one.get("audience_labels") or ()) for one in rows}

    def _rule_sets(self) -> dict[str, bids.RuleSet]:
        rows = self._graph.pages(RULE_SETS, gaps=self._gaps, query={"fields": RULE_SET_FIELDS})
        there = [one for one in rows if one.get("status") != "DELETED"]
        return {one.id: one for one in _parsed(bids.rule_set_of, there)}

    def _move(
        self, standing: bids.Standing, decided: bids.Decided, in_place: Mapping[str, bids.RuleSet]
    ) -> bids.Standing:
        """Send what an ad set shall have; the standing afterwards."""
        ad_set = decided.ad_set
        if standing.has(decided):
            return standing
        if decided.multipliers is not None:
            body: dict[str, object] = {"bid_adjustments": bids.adjustments(decided.multipliers)}
            moved = replace(ad_set, multipliers=decided.multipliers)
        elif (anew := in_place.get(ad_set.rule_set_id or "")) is not None:
            self._graph.change({"id": anew.id}, anew.as_json())
            return replace(standing, rule_sets={**standing.rule_sets, anew.id: anew})
        elif not decided.rules:
            body = {"value_rules_applied": False}  # with an id beside it, it would attach again
            moved = replace(ad_set, rule_set_id=None)
        else:
            standing, rule_set = self._set_with(standing, decided.rules)
            body = {"value_rule_set_id": rule_set, "value_rules_applied": True}
            moved = replace(ad_set, rule_set_id=rule_set)
        self._graph.change({"id": ad_set.id}, body)
        return replace(standing, ad_sets={**standing.ad_sets, ad_set.id: moved})

    def _set_with(
        self, standing: bids.Standing, rules: tuple[bids.Rule, ...]
    ) -> tuple[bids.Standing, str]:
        """A rule set with exactly these rules, found or made."""
        found = bids.with_rules(standing.rule_sets, rules)
        if found is not None:
            return standing, found
        if len(standing.rule_sets) >= bids.SETS_PER_ACCOUNT:
            standing = self._tidy(standing)
        if len(standing.rule_sets) >= bids.SETS_PER_ACCOUNT:
            raise RuleRefused(
                f"account {self._name} has {len(standing.rule_sets)} value rule sets, all in use.",
                act="Correct the same on all ad sets, or delete sets in Ads Manager.",
            )
        wanted = bids.RuleSet("", bids.set_name(rules), rules)
        body = {**wanted.as_json(), "product_type": "AUDIENCE"}

        def make() -> str:
            made = self._graph.post(RULE_SETS, gaps=self._gaps, json=body, effect=Effect.TWICE)
            return _id(RULE_SETS, made)

        made = self._graph.once(make, lambda: bids.with_rules(self._rule_sets(), rules))
        known = {**standing.rule_sets, made: replace(wanted, id=made)}
        return replace(standing, rule_sets=known), made

    def _tidy(self, standing: bids.Standing) -> bids.Standing:
        """Delete sets of ours that no ad set follows; one that stays does no harm."""
        kept = dict(standing.rule_sets)
        for one in standing.unused():
            try:
                self._delete_set(one.id)
                del kept[one.id]
            except ConnectorError as fault:
                log.warning("value rule set %s was not deleted: %s", one.id, fault)
        return replace(standing, rule_sets=kept)

    def _delete_set(self, number: str) -> None:
        try:
            self._graph.change({"id": number}, {}, DELETE_RULE_SET[0])
        except ListGone:
            return
        except ContractBroken:
            self._graph.change({"id": number}, {}, DELETE_RULE_SET[1])


def _parsed(parse: Callable[[dict[str, Any]], T], rows: Iterable[dict[str, Any]]) -> list[T]:
    try:
        return [parse(one) for one in rows]
    except (KeyError, ValueError, TypeError, AttributeError):
        raise ContractBroken("a rule set or an ad set is not of the documented form.") from None


def _where(countries: Sequence[str]) -> dict[str, Any]:
    """One country is named plainly, several as places."""
    if len(countries) == 1:
        return {"country": countries[0]}
    return {"location_spec": {"geo_locations": {"countries": list(countries)}}}


def account_id(account: Account) -> str:
    """Digits of the ad account. Raises RuleRefused without a login."""
    login = account.login or (SANDBOX_ACCOUNT if account.sandbox else "")
    digits = login.removeprefix("act_")
    if not digits.isdigit():
        raise RuleRefused(
            f"account {account.name}: login is not the id of an ad account.",
            act="Set login to the id that Ads Manager shows, such as act_1234567890.",
        )
    return digits


def session_id(batch: Batch, moment: str) -> int:
    """A positive 64-bit number, another one whenever a batch is sent again."""
    return int.from_bytes(sha256(f"{batch.key} {moment}".encode()).digest()[:8], "big") >> 1 or 1


def _users_body(schema: list[str], data: bytes, session: dict[str, int] | None) -> JsonBody:
    head = f'{{"payload": {{"schema": {dumps(schema)}, "data": '.encode()
    tail = b"}}" if session is None else b'}, "session": ' + dumps(session).encode() + b"}"
    return JsonBody(head + data + tail)


def _verdict(answer: dict[str, Any], rows: int) -> list[str]:
    """The cells that Meta calls invalid, as far as it names them (100 at most)."""
    received, invalid = answer.get("num_received"), answer.get("num_invalid_entries")
    if not str(received).isdigit() or not str(invalid).isdigit():
        raise ContractBroken("{id}/users: the answer does not say how many were received.")
    if int(str(received)) < rows:
        raise Unsure(f"{{id}}/users: Meta says it received {received} of {rows} rows.")
    samples = answer.get("invalid_entry_samples") or {}
    if int(str(invalid)) > len(samples):
        log.warning("Meta calls %s rows invalid and names %s of them.", invalid, len(samples))
    if isinstance(samples, dict):
        return [str(one) for pair in samples.items() for one in pair]
    return [str(one) for one in samples]


def _status(answer: dict[str, Any], name: str) -> tuple[int, str]:
    status = answer.get(name)
    if not isinstance(status, dict) or not str(status.get("code")).isdigit():
        raise ContractBroken(f"GET {{id}}: the answer has no {name}.")
    return int(status["code"]), redact(str(status.get("description", "")))


def _id(path: str, answer: dict[str, Any]) -> str:
    if not str(answer.get("id", "")).isdigit():
        raise ContractBroken(f"POST {path}: the answer has no id.")
    return str(answer["id"])


def _strategy(one: BidObject, ad_set: bids.AdSet | None) -> Strategy:
    if ad_set is None:
        return Strategy(one, "", "unknown")
    taken, because = bids.takes(ad_set) or (None, "")
    acts_on = bids.ACTS_ON.get(ad_set.strategy, "unknown")
    return Strategy(one, ad_set.strategy, acts_on, taken, because)


def _ad_set(standing: bids.Standing, one: BidObject) -> bids.AdSet | None:
    return standing.ad_sets.get(one.object_id) if one.level is Level.AD_GROUP else None


def _refused(change: CorrectionChange, said: str) -> CorrectionReceipt:
    return CorrectionReceipt(change, change.correction_id, refused=said)


def _receipt(
    change: CorrectionChange, decided: bids.Decided, failure: ConnectorError | None
) -> CorrectionReceipt:
    if change in decided.refused:
        return _refused(change, decided.refused[change])
    if failure is not None:
        return _refused(change, f"failed: {failure}")
    gone = change.percent is None or (change.percent == 0 and decided.rules is not None)
    warning = "0 % is no value rule: it was taken out" if gone and change.percent == 0 else ""
    name = decided.names[change]
    kept = None if gone else bids.correction_id(decided.ad_set, name)
    return CorrectionReceipt(change, kept, warning=warning)
