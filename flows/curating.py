"""What a person does to one list: adopt it, roll it back, build it anew."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime

from audiences import adoption, rebuilds
from audiences.consents import agrees
from audiences.model import AudienceRef
from audiences.plan import AudiencePlan
from audiences.planning import Wanted
from audiences.records import old_list
from flows.documents import Document
from flows.lists import asked_by, leased, ledger, plan_wanted, reference, settled, wanted_lists
from flows.workshop import CannotRun, Workshop


def find(workshop: Workshop, name: str, account: str | None = None) -> AudienceRef:
    """The list of an audience; raises CannotRun where the name or the account is not one."""
    audiences = {one.name: one for one in workshop.project.audiences.audience}
    if name not in audiences:
        raise CannotRun(f"there is no audience {name}. Known: {', '.join(sorted(audiences))}.")
    accounts = audiences[name].accounts
    if account is None and len(accounts) == 1:
        account = accounts[0]
    if account not in accounts:
        raise CannotRun(f"{name}: say which account: {', '.join(accounts)}.")
    return reference(workshop, audiences[name], account)


def adopt(workshop: Workshop, name: str, account: str | None, list_id: str) -> Document:
    """Take over a list that is on the platform already; raises ListGone if it is not."""
    ref = find(workshop, name, account)
    state = workshop.lists_of(ref.account).state(list_id)
    with leased(workshop, {ref.account}) as leases:
        adoption.adopt(workshop.catalog, ref, list_id, leases[ref.account], clock=workshop.now)
    return {**_named(ref), "list_id": list_id, "size": state.size, "removals": "not allowed"}


def allow_removals(workshop: Workshop, name: str, account: str | None) -> Document:
    """Let people whom we sent leave an adopted list again."""
    ref = find(workshop, name, account)
    with leased(workshop, {ref.account}) as leases:
        adoption.allow_removals(workshop.catalog, ref, leases[ref.account], clock=workshop.now)
    list_id = ledger(workshop).list_id(ref)
    return {**_named(ref), "list_id": list_id, "size": None, "removals": "allowed"}


def plan_rollback(workshop: Workshop, to: datetime, *, only: Collection[str] = ()) -> AudiencePlan:
    """Plan lists back to what they held at a moment.

    Nobody comes back who no longer gives the consents that the list asks for. Raises CannotRun
    where nothing is kept of that moment for any of the lists.
    """
    then = list(_as_they_were(workshop, to, only))
    if not then:
        raise CannotRun(
            f"no list has a state kept from {to:%Y-%m-%d %H:%M} UTC or before "
            f"(keep_days = {workshop.project.adsteer.state.keep_days})."
        )
    return plan_wanted(workshop, then)


def _as_they_were(workshop: Workshop, to: datetime, only: Collection[str]) -> Iterator[Wanted]:
    memory = ledger(workshop)
    people = workshop.table("people")
    for one in wanted_lists(workshop, only):
        before = memory.members_at(one.audience, to)
        if before is not None:
            asked = asked_by(workshop, one.audience)
            willing = people.filter(agrees(people, asked)).select("person_id")
            yield replace(one, members=before.semi_join(willing, "person_id"))


def rebuild(workshop: Workshop, name: str, account: str | None) -> tuple[AudienceRef, AudiencePlan]:
    """The plan of a new list beside the old one; the same in every run until the swap."""
    ref = find(workshop, name, account)
    if rebuilds.retired(workshop.catalog, ref) is not None:
        raise CannotRun(
            f"{ref}: the list that the last rebuild replaced is still kept. When nothing uses it: "
            "adsteer rebuild --delete-old."
        )
    connector = workshop.lists_of(ref.account)
    longest = connector.limits.title_length
    with leased(workshop, {ref.account}) as leases:
        new = rebuilds.new_list(
            workshop.catalog, ref, longest, leases[ref.account], clock=workshop.now
        )
    (wanted,) = (one for one in wanted_lists(workshop, (name,)) if one.audience == ref)
    return new, plan_wanted(workshop, [replace(wanted, audience=new)])


def finish_rebuild(workshop: Workshop, name: str, account: str | None) -> Document:
    """Verify the new list and swap it in, or say why not yet. Nothing of the old one changes."""
    ref = find(workshop, name, account)
    new, rest = rebuild(workshop, name, account)
    memory = ledger(workshop)
    list_id = memory.list_id(new)
    document = {**_named(ref), "list_id": list_id, "kept": memory.list_id(ref), "swapped": False}
    if list_id is None or not rest.is_empty or rest.lists[0].waiting:
        return {**document, "said": "the new list is not complete yet: run rebuild again"}
    people = rest.lists[0].counts.keep
    state = settled(workshop, ref.account, list_id)[list_id]
    if not state.ready:
        return {**document, "said": f"the new list is {state.said}: run rebuild again"}
    if state.size is not None and state.size < people:
        return {
            **document,
            "said": f"the platform counts {state.size:,} in the new list, {people:,} were taken: "
            "the old one stays. Run rebuild again, or look at the new list on the platform",
        }
    with leased(workshop, {ref.account}) as leases:
        old = rebuilds.swap(workshop.catalog, ref, new, leases[ref.account], clock=workshop.now)
    return {**document, "kept": old, "swapped": True, "said": f"{people:,} people, verified"}


def delete_old(workshop: Workshop, name: str, account: str | None) -> Document:
    """Delete the list that a rebuild replaced; one that was adopted is only let go of."""
    ref = find(workshop, name, account)
    old = rebuilds.retired(workshop.catalog, ref)
    if old is None:
        raise CannotRun(f"{ref}: there is no replaced list.")
    with leased(workshop, {ref.account}) as leases:
        ledger(workshop).recover(old_list(ref), leases[ref.account])
        if not old.adopted:
            workshop.lists_of(ref.account).delete(old.list_id)
        rebuilds.forget_retired(workshop.catalog, ref, leases[ref.account], clock=workshop.now)
    serves = ledger(workshop).list_id(ref)
    said = f"list {old.list_id} is deleted"
    if old.adopted:
        said = (
            f"list {old.list_id} was there before this project: it stays on the platform, and "
            "nothing more is sent to it"
        )
    return {**_named(ref), "list_id": serves, "kept": None, "swapped": True, "said": said}


def _named(ref: AudienceRef) -> Document:
    return {"platform": ref.platform, "account": ref.account, "audience": ref.audience}
