"""Bid corrections at Meta, read and written: value rule sets and multipliers of ad sets.

What an ad set takes is decided in `meta_bids`, of rules as `meta_rules` has them; here it travels.
Facts: Marketing API v26.0, Value Rules and Bid Multipliers; SDK 26.0.3; as of November 2026.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

from bids.model import (
    BidObject,
    CorrectionChange,
    CorrectionReceipt,
    FoundObject,
    Level,
    PresentCorrection,
)
from connectors import meta_bids as bids
from connectors.base import BidLimits, CorrectsBids, NamesObjects, Strategy
from connectors.errors import ConnectorError, ContractBroken, ListGone, OperatorError, RuleRefused
from connectors.http import Effect
from connectors.meta_account import ACCOUNT, FACTS, PLATFORM, MetaAccount, id_of
from connectors.meta_rules import (
    LABELS,
    SETS_PER_ACCOUNT,
    Rule,
    RuleSet,
    rule_set_of,
    set_name,
    with_rules,
)
from connectors.meta_wire import WrongParameter

log = logging.getLogger(__name__)

T = TypeVar("T")

AD_SETS = ACCOUNT + "/adsets"
RULE_SETS = ACCOUNT + "/value_rule_set"
DELETE_RULE_SET = ("{id}/delete_rule_set", "{id}/deleteruleset")
"""The documents say the first, the SDK 26.0.3 the second."""
AD_SET_FIELDS = (
    "id,bid_strategy,bid_adjustments,value_rule_set_id,value_rules_applied,campaign{bid_strategy}"
)
RULE_SET_FIELDS = "id,name,status,rules{name,adjust_sign,adjust_value,status,criterias}"
GONE = ("ARCHIVED", "DELETED")


class MetaCorrections(MetaAccount, CorrectsBids, NamesObjects):
    """Ad sets take corrections: by value rules where their strategy follows them."""

    bid_limits: ClassVar[BidLimits] = FACTS.bid_limits(levels=frozenset({Level.AD_GROUP}))

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
                    f"list {title!r}: all {len(LABELS)} audience labels are in use.",
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
            FoundObject(BidObject(self._name, PLATFORM, level, str(one["id"])), one["name"])
            for one in rows
            if one.get("status") not in GONE and one.get("id") and one.get("name")
        )

    # What follows knows the wire.

    def _standing(self) -> bids.Standing:
        ad_sets = self._graph.pages(AD_SETS, gaps=self._gaps, query={"fields": AD_SET_FIELDS})
        by_id = {one.id: one for one in _parsed(bids.ad_set_of, ad_sets)}
        return bids.Standing(by_id, self._rule_sets(), self._labels())

    def _labels(self) -> dict[str, tuple[str, ...]]:
        rows = self._audiences("id,audience_labels")
        return {str(one["id"]): tuple(one.get("audience_labels") or ()) for one in rows}

    def _rule_sets(self) -> dict[str, RuleSet]:
        rows = self._graph.pages(RULE_SETS, gaps=self._gaps, query={"fields": RULE_SET_FIELDS})
        there = [one for one in rows if one.get("status") != "DELETED"]
        return {one.id: one for one in _parsed(rule_set_of, there)}

    def _move(
        self,
        standing: bids.Standing,
        decided: bids.Decided,
        in_place: Mapping[str, RuleSet],
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
        self, standing: bids.Standing, rules: tuple[Rule, ...]
    ) -> tuple[bids.Standing, str]:
        """A rule set with exactly these rules, found or made."""
        found = with_rules(standing.rule_sets, rules)
        if found is not None:
            return standing, found
        if len(standing.rule_sets) >= SETS_PER_ACCOUNT:
            standing = self._tidy(standing)
        if len(standing.rule_sets) >= SETS_PER_ACCOUNT:
            raise RuleRefused(
                f"account {self._name} has {len(standing.rule_sets)} value rule sets, all in use.",
                act="Correct the same on all ad sets, or delete sets in Ads Manager.",
            )
        wanted = RuleSet("", set_name(rules), rules)
        body = {**wanted.as_json(), "product_type": "AUDIENCE"}

        def make() -> str:
            made = self._graph.post(RULE_SETS, gaps=self._gaps, json=body, effect=Effect.TWICE)
            return id_of(RULE_SETS, made)

        made = self._graph.once(make, lambda: with_rules(self._rule_sets(), rules))
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
