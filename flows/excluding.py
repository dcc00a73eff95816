"""Existing customers kept out of look-alikes: by request where a platform takes one, else said.

A platform leaves out the seed's own people, not the other customers. The ad groups that show a
look-alike are not ours, so they are named under `shown_in`, and only ever one list is added to what
each leaves out; nothing is taken off again.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from audiences.model import AudienceRef
from config.audiences import Audience, Lookalike
from connectors.base import Connector, ExcludesLists, GrowsLookalikes
from connectors.errors import ConnectorError
from flows.documents import Document
from flows.lists import leased, ledger, reference
from flows.workshop import Workshop


@dataclass(frozen=True)
class Exclusion:
    """A list that an ad group shall leave out.

    `action`: 'exclude'; 'keep' where it does so already; 'unknown' where the platform would not
    tell, for the reason in `said`.
    """

    seed: AudienceRef
    other: AudienceRef
    ad_group: str
    action: str
    said: str = ""

    def as_json(self) -> Document:
        """The entry under "exclusions" of a plan document."""
        return {
            "platform": self.seed.platform,
            "account": self.seed.account,
            "audience": self.seed.audience,
            "exclude": self.other.audience,
            "ad_group": self.ad_group,
            "action": self.action,
            "said": self.said,
        }


def plan_exclusions(workshop: Workshop, *, only: Collection[str] = ()) -> tuple[Exclusion, ...]:
    """Every exclusion that audiences.toml asks for, against what the ad groups leave out now."""
    found = []
    for seed, other, wish, connector in _wanted(workshop, only):
        if not isinstance(connector, ExcludesLists):
            continue
        list_id = ledger(workshop).list_id(other)
        for number in wish.shown_in.get(seed.account, ()):
            ad_group, action, said = str(number), "exclude", ""
            try:
                if list_id is not None and list_id in connector.excluded(ad_group):
                    action = "keep"
            except ConnectorError as error:
                action, said = "unknown", str(error)
            found.append(Exclusion(seed, other, ad_group, action, said))
    return tuple(found)


def exclude_all(workshop: Workshop, wanted: Collection[Exclusion]) -> list[Document]:
    """Ask for what the plan says; a list that is not on its platform yet waits for the next run."""
    todo = [one for one in wanted if one.action == "exclude"]
    with leased(workshop, {one.seed.account for one in todo}):
        return [_exclude(workshop, one) for one in todo]


def exclusion_notes(workshop: Workshop, *, only: Collection[str] = ()) -> list[str]:
    """What a person must do: which list to leave out where, on accounts where we do not."""
    notes = []
    for seed, other, wish, connector in _wanted(workshop, only):
        list_id = ledger(workshop).list_id(other)
        able = isinstance(connector, ExcludesLists)
        if list_id is None or (able and wish.shown_in.get(seed.account)):
            continue
        where = connector.where_to_exclude if isinstance(connector, GrowsLookalikes) else ""
        ours = f", or name the ad groups under shown_in.{seed.account} and adsteer does it"
        notes.append(
            f"{seed}: exclude list {list_id} ({other.title}) in the ad groups that show its "
            f"look-alikes, so that they reach new people only ({where}){ours * able}."
        )
    return notes


def _exclude(workshop: Workshop, one: Exclusion) -> Document:
    receipt = {**one.as_json(), "list_id": None, "outcome": "waiting"}
    list_id = ledger(workshop).list_id(one.other)
    if list_id is None:
        return {**receipt, "said": f"list {one.other.audience} is not on the platform yet"}
    connector = workshop.lists_of(one.seed.account)
    if not isinstance(connector, ExcludesLists):
        raise AssertionError(f"{one.seed.account} was asked to exclude what it cannot")
    try:
        connector.exclude(list_id, one.ad_group)
    except ConnectorError as error:
        return {**receipt, "outcome": "failed", "said": str(error), "who": error.who}
    return {**receipt, "list_id": list_id, "outcome": "done"}


def _wanted(
    workshop: Workshop, only: Collection[str]
) -> Iterator[tuple[AudienceRef, AudienceRef, Lookalike, Connector]]:
    """Each seed with a look-alike and the list to leave out, on each account that grows one."""
    audiences: dict[str, Audience] = {one.name: one for one in workshop.project.audiences.audience}
    for audience in audiences.values():
        wish = audience.lookalike
        if wish is None or wish.exclude is None or (only and audience.name not in only):
            continue
        for account in audience.accounts:
            connector = workshop.connectors[account]
            if isinstance(connector, Connector) and isinstance(connector, GrowsLookalikes):
                seed = reference(workshop, audience, account)
                other = reference(workshop, audiences[wish.exclude], account)
                yield seed, other, wish, connector
