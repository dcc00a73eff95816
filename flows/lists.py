"""Lists on the platforms: who is wanted where, the plan, and its delivery."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from audiences.choosing import choose, members, withdrawn
from audiences.difference import under_former_ids
from audiences.forget_requests import leaving
from audiences.gates import Verdict
from audiences.guards import refuse_list, refuse_source
from audiences.leases import Lease, leave_lease, take_lease
from audiences.ledger import Ledger
from audiences.model import AudienceRef, ListState
from audiences.plan import AudiencePlan, ListPlan, Refused
from audiences.planning import Guard, ListLimits, Wanted, plan_audiences
from audiences.rebuilds import NEW
from audiences.refreshes import last_refreshes, source_figures
from audiences.renaming import take_over
from audiences.seeds import Freshness
from audiences.snapshots import held
from audiences.unions import stacked
from config.audiences import Audience, Purpose
from connectors.base import Connector, ReplacesWhole
from flows.gating import roll_ups_of, segment_of
from flows.holding import without_held
from flows.ownership import is_alive, is_dead, owner
from flows.scoring import described_people, seed_age
from flows.workshop import Workshop

POLL_SECONDS = 60.0
"""Between two looks at a list that the platform works on; it is minutes to hours about it."""


def ledger(workshop: Workshop) -> Ledger:
    """The lists' memory of this project."""
    return Ledger(
        workshop.catalog,
        workshop.engine,
        workshop.state,
        workshop.now,
        checkpoint=workshop.checkpoint,
        seal=workshop.seal,
    )


def plan_lists(
    workshop: Workshop, *, only: Collection[str] = (), also: Iterable[Wanted] = ()
) -> AudiencePlan:
    """Plan every audience, or those named, on every account it is bound to, and `also` these.

    A plan that a dead run left open is closed first. Raises CannotRun before the first refresh and
    AccountBusy while another run works on one of the accounts.
    """
    with held(workshop.engine, _as_asked(workshop, only)) as described:
        return plan_wanted(workshop, [*wanted_lists(workshop, only, described), *also])


def plan_wanted(workshop: Workshop, wanted: Sequence[Wanted]) -> AudiencePlan:
    """Plan these lists, without whoever is held out; raises as `plan_lists`."""
    memory = ledger(workshop)
    wanted = [one if one.left_behind else _without_held(workshop, one) for one in wanted]
    with leased(workshop, {one.audience.account for one in wanted}) as leases:
        for one in wanted:
            lease = leases[one.audience.account]
            if (former := _former(workshop, one.audience)) is not None:
                memory.recover(former, lease)
                take_over(workshop.catalog, one.audience, former, lease, clock=workshop.now)
            memory.recover(one.audience, lease)
    plan = plan_audiences(
        workshop.engine,
        wanted,
        memory.base,
        state=workshop.state,
        as_of=workshop.as_of,
        guard=_refusals(workshop),
        seal=workshop.seal,
    )
    memory.keep(plan)
    workshop.checkpoint("plan kept")
    return plan


def _former(workshop: Workshop, ref: AudienceRef) -> AudienceRef | None:
    """The list under the name that the rules gave it before, if they tell one."""
    for audience in _audiences(workshop):
        if audience.name == ref.audience and audience.formerly is not None:
            return replace(ref, audience=audience.formerly)
    return None


def _without_held(workshop: Workshop, one: Wanted) -> Wanted:
    if isinstance(one.members, Path):
        raise TypeError("flows plan lists of tables")
    return replace(one, members=without_held(workshop, one.members))


def wanted_lists(
    workshop: Workshop, only: Collection[str], described: ir.Table | None = None
) -> Iterator[Wanted]:
    """Who is wanted in which list, of people as they are now or as they were `described`."""
    project = workshop.project
    described = described_now(workshop) if described is None else described
    forgotten = leaving(workshop.catalog)
    if forgotten:
        described = described.filter(~described.person_id.isin(forgotten))
    rolled = roll_ups_of(last_document(workshop))
    for audience in project.audiences.audience:
        if only and audience.name not in only:
            continue
        for account in audience.accounts:
            connector = workshop.lists_of(account)
            ref = reference(workshop, audience, account)
            seen, notes = _rolled(workshop, described, audience, ref, rolled.get(account, {}))
            chosen = _chosen(workshop, seen, audience, asked_by(workshop, ref))
            digests = workshop.table("digests", connector.recipe.name)
            yield Wanted(
                audience=ref,
                limits=limits_of(connector, audience),
                members=members(chosen, digests, identifiers=audience.identifiers),
                withdrawn=opposed(workshop, ref),
                notes=notes,
            )


def _as_asked(workshop: Workshop, only: Collection[str]) -> ir.Table:
    """Everybody with what the conditions of these audiences ask for, and no more."""
    rules = workshop.project.audience_rules
    asked = {"person_id", "segment", "consent_ads", "consents"}
    asked |= {
        column
        for name, rule in rules.items()
        if not only or name in only
        for column in rule.columns
    }
    described = described_now(workshop)
    return described.select(*(name for name in described.columns if name in asked))


def described_now(workshop: Workshop) -> ir.Table:
    """Everybody of the last refresh with every feature and overlay."""
    scores = workshop.table("scores") if workshop.find_snapshot("scores") else None
    as_of = workshop.snapshot("segments").as_of
    segmented, people = workshop.table("segments"), workshop.table("people")
    return described_people(workshop, segmented, people, scores, as_of)


def _rolled(
    workshop: Workshop,
    described: ir.Table,
    audience: Audience,
    ref: AudienceRef,
    within: Mapping[str, str],
) -> tuple[ir.Table, tuple[str, ...]]:
    """`described` as the list of a segment sees it after roll-up, and what to say of it.

    A list takes in the small segments that are exported within its own. The list of such a small
    segment is not made; one that is there already stays in step with its own people, so that
    nothing has to be emptied, and only its correction goes (`flows.bidding`).
    """
    name = segment_of(audience, workshop.project.audience_rules[audience.name])
    if name is None:
        return described, ()
    if name in within:
        if ledger(workshop).list_id(ref) is None:
            note = f"{name} is too small for a list of its own: its people are in {within[name]}"
            return described.filter(ibis.literal(value=False)), (note,)
        note = f"{name} is under its gate: its people are in {within[name]} too, and bid by it"
        return described, (note,)
    taken = sorted(small for small, to in within.items() if to == name)
    if not taken:
        return described, ()
    segment = ibis.ifelse(described.segment.isin(taken), name, described.segment)
    return described.mutate(segment=segment), (f"holds {', '.join(taken)} too: under their gate",)


def asked_by(workshop: Workshop, ref: AudienceRef) -> tuple[str, ...]:
    """The consents that people of a list have given: those of its purpose and its platform."""
    return workshop.project.audiences.consent.asked(ref.purpose, ref.platform)


def opposed(workshop: Workshop, ref: AudienceRef) -> ir.Table:
    """Who must leave a list whatever else is known of them: column person_id.

    They took back a consent that the list asks for, under the id they have now or had when the
    list took them, or asked to be forgotten.
    """
    people = workshop.table("people")
    gone = withdrawn(people, asked=asked_by(workshop, ref))
    recipe = workshop.lists_of(ref.account).recipe.name
    if workshop.find_snapshot("digests", recipe) is not None:
        known, digests = ledger(workshop).known(ref), workshop.table("digests", recipe)
        gone = stacked(gone, under_former_ids(known, people, gone, digests))
    forgotten = leaving(workshop.catalog)
    if forgotten:
        gone = stacked(gone, ibis.memtable({"person_id": forgotten}))
    return gone.distinct()


def _chosen(
    workshop: Workshop, described: ir.Table, audience: Audience, asked: Collection[str]
) -> ir.Table:
    """People of an audience; of a seed, those the last refresh picked who still say yes."""
    condition = workshop.project.audience_rules[audience.name]
    if audience.purpose is not Purpose.SEED:
        return choose(described, condition, asked=asked)
    picked = workshop.table("seed", audience.name).select("person_id")
    return picked.semi_join(choose(described, condition, asked=asked), "person_id")


def _refusals(workshop: Workshop) -> Guard:
    """The guard of every list: what is wrong with the source, with a seed, with the plan."""
    with workshop.catalog.begin() as connection:
        refreshes = last_refreshes(connection)
    figures = source_figures(refreshes)
    guards = workshop.project.audiences.guards
    source = refuse_source(figures, guards, as_of=workshop.as_of) if figures else ()
    document = refreshes[0].document if refreshes else {}
    seeds = document.get("seeds", {})
    rules = workshop.project.audience_rules
    of_segment = {one.name: segment_of(one, rules[one.name]) for one in _audiences(workshop)}
    gate = document.get("gate", {})
    ages = {
        one.name: seed_age(workshop, one)
        for one in _audiences(workshop)
        if one.purpose is Purpose.SEED
    }

    def guard(plan: ListPlan, wanted: Wanted) -> Iterator[Refused]:
        if wanted.left_behind:
            return
        yield from source
        listed = plan.audience.audience.removesuffix(NEW)
        if gate.get("verdict") == Verdict.REFUSE:
            yield Refused("base_gate", " ".join(gate["notes"]))
        behaviour = document.get("behaviour") or {}
        if listed in behaviour.get("audiences", ()):
            yield Refused("behaviour_gate", " ".join(behaviour["notes"]))
        short = document.get("roll_ups", {}).get(plan.audience.account, {}).get("refused", ())
        name = of_segment[listed]
        if name in short:
            yield Refused(
                "segment_gate", f"{name} is under its gate and [gates] too_small is 'refuse'"
            )
        age = ages.get(listed)
        if age is not None and age.freshness is Freshness.EXPIRED:
            yield Refused("seed_expired", f"the seed is {age}. Run `adsteer refresh`.")
        for text in seeds.get(listed, {}).get("refused_by", ()):
            yield Refused("seed_refused", text)
        yield from refuse_list(plan, guards, minimum=wanted.limits.min_members)

    return guard


def _audiences(workshop: Workshop) -> tuple[Audience, ...]:
    return workshop.project.audiences.audience


def last_document(workshop: Workshop) -> Mapping[str, Any] | None:
    with workshop.catalog.begin() as connection:
        refreshes = last_refreshes(connection, most=1)
    return refreshes[0].document if refreshes else None


def reference(workshop: Workshop, audience: Audience, account: str) -> AudienceRef:
    """What the list of an audience on an account is found by."""
    connector = workshop.lists_of(account)
    title = audience.title or f"{workshop.project.adsteer.shop.name}: {audience.name}"
    return AudienceRef(
        account=account,
        platform=connector.platform,
        audience=audience.name,
        purpose=audience.purpose,
        title=title[: connector.limits.title_length],
        membership_days=audience.membership_days or connector.limits.membership_days,
    )


def limits_of(connector: Connector, audience: Audience | None = None) -> ListLimits:
    """What planning needs of a platform, and of what the rules say of an audience if there is one.

    Of a list without an audience nobody is sent again before the platform drops them.
    """
    limits = connector.limits
    days = [] if audience is None else [audience.membership_days, limits.membership_days]
    return ListLimits(
        batch_size=limits.batch_size,
        min_members=limits.min_members,
        min_difference=limits.min_difference,
        membership_days=min((each for each in days if each), default=None),
        replaces=bool(audience and audience.replace) and isinstance(connector, ReplacesWhole),
        replace_hours=limits.replace_hours,
    )


def settled(workshop: Workshop, account: str, *list_ids: str) -> dict[str, ListState]:
    """States of lists once the platform is done with all, or the account's patience ends."""
    connector, settings = workshop.lists_of(account), workshop.project.account(account)
    around = workshop.around(settings)
    deadline = around.clock() + settings.wait_minutes * 60
    while True:
        states = {list_id: connector.state(list_id) for list_id in list_ids}
        done = all(state.settled for state in states.values())
        if done or around.clock() + POLL_SECONDS > deadline:
            return states
        around.sleep(POLL_SECONDS)


@contextmanager
def leased(workshop: Workshop, accounts: Collection[str]) -> Iterator[dict[str, Lease]]:
    """Hold the leases of accounts, in one order for everybody; raises AccountBusy."""
    with ExitStack() as stack:
        leases = {}
        for account in sorted(accounts):
            lease = take_lease(
                workshop.catalog,
                account,
                owner(),
                now=workshop.now(),
                is_dead=is_dead,
                is_alive=is_alive,
            )
            stack.callback(leave_lease, workshop.catalog, lease)
            leases[account] = lease
        yield leases
