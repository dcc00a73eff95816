"""Bid corrections: what stands on the platforms, what the rules ask for, and how they get there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audiences.model import AudienceRef
from audiences.plan import AudiencePlan
from bids.automatic import AutomaticResult
from bids.corrections import BidPlan
from bids.deliver import BidReceipts, SegmentList, apply_bids, decide_undecided, refuse_stale
from bids.ledger import BidLedger
from bids.model import BidObject, FoundObject, Level, PresentCorrection
from bids.overlap import Cell
from bids.plan import caps_of, plan_bids, wanted_objects
from bids.switch import switched_off
from config.bid_rules import BidRulesFile, Rule
from connectors.base import BidLimits, CorrectsBids, NamesObjects, Strategy
from flows.documents import Document
from flows.gating import roll_ups_of
from flows.lists import last_document, leased, ledger, reference, settled
from flows.outlook import automatic, outlook
from flows.workshop import CannotRun, Workshop

Conditions = dict[tuple[str, str], str | None]


@dataclass(frozen=True)
class Standing:
    """What a bid plan is made on: read from the platforms, the same whatever the rules ask for."""

    objects: tuple[BidObject, ...]
    limits: Mapping[str, BidLimits]
    present: tuple[PresentCorrection, ...]
    conditions: Conditions
    strategies: tuple[Strategy, ...]
    found: tuple[FoundObject, ...] = ()
    """What patterns and labels were looked up in."""


def plan_corrections(workshop: Workshop, lists: AudiencePlan | None) -> tuple[BidPlan, Document]:
    """Plan every rule on every object that takes corrections; the plan and its outlook.

    `lists` is the plan of lists that is applied first, if there is one: a list that it makes can
    carry a correction in the same run.
    """
    return plan_on(workshop, read_standing(workshop, lists))


def read_standing(workshop: Workshop, lists: AudiencePlan | None) -> Standing:
    """Ask the platforms what stands where rules apply, or where a correction of ours may stand."""
    where = workshop.project.bid_rules.where
    platforms = {one.name: one.platform for one in workshop.project.platforms.account}
    found = tuple(_found(workshop))
    objects = wanted_objects(where, platforms, found)
    memory = BidLedger(workshop.catalog)
    conditions: Conditions = {}
    present: list[PresentCorrection] = []
    strategies: list[Strategy] = []
    limits: dict[str, BidLimits] = {}
    for account in sorted({place.account for place in where}):
        connector = workshop.bids_of(account)
        limits[account] = connector.bid_limits
        present += connector.read_corrections(_objects_of(account, objects, memory))
        strategies += connector.strategies([one for one in objects if one.account == account])
        conditions |= _conditions(workshop, account, connector, memory, lists)
    return Standing(objects, limits, tuple(present), conditions, tuple(strategies), found)


def plan_on(
    workshop: Workshop, standing: Standing, cells: Sequence[Cell] | None = None
) -> tuple[BidPlan, Document]:
    """Plan the project's rules on what stands; `cells` as `outlook` takes them. Asks nobody."""
    results: dict[str, AutomaticResult] = {}
    for account, taken in standing.limits.items():
        here = [one for one in standing.present if one.object.account == account]
        made = automatic(workshop, account, here, taken)
        if made is not None:
            results[account] = made
    plan = plan_bids(
        _rules_with_lists(workshop),
        objects=standing.objects,
        limits=standing.limits,
        present=standing.present,
        conditions=standing.conditions,
        recorded=BidLedger(workshop.catalog).recorded(),
        now=workshop.now(),
        automatic={
            (account, segment): correction
            for account, made in results.items()
            for segment, correction in made.corrections.items()
        },
        strategies=standing.strategies,
        switched_off=switched_off(workshop.catalog),
        caps=_caps(workshop, standing),
    )
    return plan, outlook(workshop, plan, standing.strategies, results, cells)


def _caps(workshop: Workshop, standing: Standing) -> Mapping[BidObject, tuple[int, int]]:
    platforms = {one.name: one.platform for one in workshop.project.platforms.account}
    return caps_of(workshop.project.bid_rules.where, platforms, standing.found)


def roll_up_notes(workshop: Workshop) -> list[str]:
    """Which correction speaks for the people of segments too small for a list of their own."""
    rules = {rule.segment: rule.correction for rule in workshop.project.bid_rules.rule}
    notes = []
    for account, within in _rolled_up(workshop).items():
        for small, to in sorted(within.items()):
            if small in rules:
                bid = rules.get(to, "none")
                asked = f"{bid:+d} %" if isinstance(bid, int) else str(bid)
                notes.append(
                    f"{account}: people of {small} are in the list of {to}, so its correction "
                    f"({asked}) is theirs; the rule of {small} rests until it has people enough."
                )
    return notes + _rules_without_lists(workshop)


def _rules_without_lists(workshop: Workshop) -> list[str]:
    file = workshop.project.bid_rules
    missing: dict[str, list[str]] = {}
    for rule in file.rule:
        for account in _accounts_of(file, rule):
            if not _has_list(workshop, account, rule.segment):
                missing.setdefault(account, []).append(rule.segment)
    return [
        f"{account}: no list, so no correction, of {', '.join(segments)}: audiences.toml does not "
        "name the account there."
        for account, segments in sorted(missing.items())
    ]


def _rules_with_lists(workshop: Workshop) -> BidRulesFile:
    """The rules, where they can act: not in an account that has no list of the segment, and not
    for segments whose people are in another segment's list."""
    file = workshop.project.bid_rules
    within = _rolled_up(workshop)
    rules = []
    for rule in file.rule:
        here = _accounts_of(file, rule)
        own = tuple(
            account
            for account in here
            if rule.segment not in within.get(account, {})
            and _has_list(workshop, account, rule.segment)
        )
        if own == here:
            rules.append(rule)
        elif own:
            rules.append(rule.model_copy(update={"accounts": own}))
    return file.model_copy(update={"rule": tuple(rules)})


def _accounts_of(file: BidRulesFile, rule: Rule) -> tuple[str, ...]:
    return rule.accounts or tuple(sorted({place.account for place in file.where}))


def _has_list(workshop: Workshop, account: str, segment: str) -> bool:
    """Whether audiences.toml keeps a list of the segment where the account takes its lists."""
    source = workshop.project.account(account).lists_from or account
    return any(
        one.name == segment and source in one.accounts
        for one in workshop.project.audiences.audience
    )


def _rolled_up(workshop: Workshop) -> dict[str, Mapping[str, str]]:
    """By account that takes corrections: the roll-ups of the account whose lists it uses."""
    rolled = roll_ups_of(last_document(workshop))
    accounts = sorted({place.account for place in workshop.project.bid_rules.where})
    return {
        account: rolled.get(workshop.project.account(account).lists_from or account, {})
        for account in accounts
    }


def wait_for_lists(workshop: Workshop) -> None:
    """Wait until the platforms are done with lists that corrections need, as accounts allow."""
    for account in sorted({place.account for place in workshop.project.bid_rules.where}):
        source = workshop.project.account(account).lists_from or account
        lists = [one.list_id for one in _segment_lists(workshop, account).values()]
        settled(workshop, source, *lists)


def settle_interrupted(workshop: Workshop) -> int:
    """Look up what became of corrections whose answer a dead run never recorded. How many."""
    memory = BidLedger(workshop.catalog)
    accounts = {one.account for one in memory.undecided()}
    with leased(workshop, accounts):
        return sum(
            decide_undecided(account, workshop.bids_of(account), memory, now=workshop.now())
            for account in sorted(accounts)
        )


def refuse_stale_corrections(workshop: Workshop, plan: BidPlan) -> None:
    """Raise StalePlan if a correction on the platform is not what the plan saw."""
    for account in sorted({row.object.account for row in plan.corrections}):
        rows = [row for row in plan.sends(approved=True) if row.object.account == account]
        objects = sorted({row.object for row in rows})
        if objects:
            refuse_stale(rows, workshop.bids_of(account).read_corrections(objects))


def apply_corrections(
    workshop: Workshop, plan: BidPlan, *, run: str, approved_by: str | None
) -> list[BidReceipts]:
    """Send a bid plan, account by account, and read back what took."""
    memory = BidLedger(workshop.catalog)
    accounts = sorted({row.object.account for row in plan.corrections})
    with leased(workshop, accounts):
        return [
            apply_bids(
                plan,
                workshop.bids_of(account),
                memory,
                account=account,
                lists=_segment_lists(workshop, account),
                now=workshop.now(),
                run=run,
                approved_by=approved_by,
                waiting=_not_ready(workshop, plan, account),
                checkpoint=workshop.checkpoint,
            )
            for account in accounts
        ]


def _not_ready(workshop: Workshop, plan: BidPlan, account: str) -> dict[str, str]:
    """Segments of corrections to be sent whose list the platform cannot use yet, with its word.

    A list that was made a moment ago is waited for, as long as its account allows.
    """
    new = {row.segment for row in plan.sends(approved=True) if row.condition_id is None}
    segment_lists = _segment_lists(workshop, account)
    waiting = dict.fromkeys(new - set(segment_lists), "its list is not on the platform")
    source = workshop.project.account(account).lists_from or account
    ids = {name: segment_lists[name].list_id for name in sorted(new & set(segment_lists))}
    states = settled(workshop, source, *ids.values())
    late = {
        name: states[list_id].said for name, list_id in ids.items() if not states[list_id].ready
    }
    return waiting | {name: f"its list is {said} on the platform" for name, said in late.items()}


def _found(workshop: Workshop) -> list[FoundObject]:
    """What platforms list, where a rule names objects by pattern or label; nothing otherwise."""
    found: list[FoundObject] = []
    for account, level in sorted(
        {
            (place.account, place.level)
            for place in workshop.project.bid_rules.where
            if place.name_like or place.label
        }
    ):
        connector = workshop.connectors[account]
        if not isinstance(connector, NamesObjects):
            raise CannotRun(
                f"account {account} does not list its objects: name them by id in bid_rules.toml."
            )
        found += connector.objects(Level(level))
    return found


def _objects_of(account: str, objects: tuple[BidObject, ...], memory: BidLedger) -> list[BidObject]:
    """What to read: where rules apply now, and where a correction of ours may still stand."""
    ours = {row.object for row in memory.recorded(account)}
    return sorted({one for one in objects if one.account == account} | ours)


def _conditions(
    workshop: Workshop,
    account: str,
    connector: CorrectsBids,
    memory: BidLedger,
    lists: AudiencePlan | None,
) -> Conditions:
    """By segment: what names its list here, or None where that is still to be made."""
    conditions: Conditions = {}
    source = workshop.lists_of(workshop.project.account(account).lists_from or account)
    for segment, one in _segment_lists(workshop, account).items():
        condition = memory.condition(account, one.list_id)
        if condition is None and source.state(one.list_id).ready:
            condition = connector.find_condition(one.list_id, one.title)
            conditions[account, segment] = condition
        elif condition is not None:
            conditions[account, segment] = condition
    for segment in _to_be_made(workshop, account, lists):
        conditions.setdefault((account, segment), None)
    return conditions


def _segment_lists(workshop: Workshop, account: str) -> Mapping[str, SegmentList]:
    """The lists that hold the segments' people: the audience named like the segment."""
    memory = ledger(workshop)
    lists = {}
    for segment, ref in _references(workshop, account).items():
        list_id = memory.list_id(ref)
        if list_id is not None:
            lists[segment] = SegmentList(list_id, ref.title)
    return lists


def _to_be_made(workshop: Workshop, account: str, lists: AudiencePlan | None) -> list[str]:
    """Segments whose list the plan of lists makes before corrections are sent."""
    if lists is None:
        return []
    making = {one.audience for one in lists.lists if one.to_send()}
    return [name for name, ref in _references(workshop, account).items() if ref in making]


def _references(workshop: Workshop, account: str) -> dict[str, AudienceRef]:
    source = workshop.project.account(account).lists_from or account
    audiences = {one.name: one for one in workshop.project.audiences.audience}
    return {
        rule.segment: reference(workshop, audiences[rule.segment], source)
        for rule in workshop.project.bid_rules.rule
        if rule.segment in audiences and source in audiences[rule.segment].accounts
    }
