"""Look-alikes: lists of similar people, grown from seeds of high-LTV buyers only."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from audiences.lookalikes import Grown, claim, grown_from, record_grown, record_size
from audiences.model import AudienceRef
from audiences.plan import AudiencePlan
from audiences.seeds import Age, Freshness
from config.audiences import Audience, Lookalike, Purpose
from connectors.base import GrowsLookalikes
from connectors.errors import ConnectorError, ListBusy, ListGone, QuotaGone, Throttled
from flows.documents import Document
from flows.lists import last_document, leased, ledger, reference, settled
from flows.scoring import refresh_days, seed_age
from flows.workshop import Workshop


@dataclass(frozen=True)
class Growth:
    """One look-alike that a seed should have; `there` once it is, `stale` when it grows old.

    `keeps_up`: whether its platform can have it follow the seed.
    """

    seed: AudienceRef
    reach: int
    title: str
    there: bool
    stale: bool = False
    keeps_up: bool = True

    @property
    def action(self) -> str:
        """What is done with it: 'grow', 'refresh', 'keep', or 'swap', which a person does."""
        if self.stale:
            return "refresh" if self.keeps_up else "swap"
        return "keep" if self.there else "grow"

    def as_json(self) -> Document:
        """The entry under "lookalikes" of a plan document."""
        return {
            "platform": self.seed.platform,
            "account": self.seed.account,
            "audience": self.seed.audience,
            "reach": self.reach,
            "title": self.title,
            "action": self.action,
        }


def plan_growth(workshop: Workshop, *, only: Collection[str] = ()) -> tuple[Growth, ...]:
    """Every look-alike that audiences.toml asks for, on accounts that can grow one."""
    wanted = []
    for audience, wish, account in _wished(workshop, only):
        seed = reference(workshop, audience, account)
        with workshop.catalog.begin() as connection:
            grown = grown_from(connection, seed)
        for reach in wish.reach:
            title = f"{seed.title}, look-alike {reach}"
            title = title[: workshop.lists_of(account).limits.title_length]
            one = grown.get(reach)
            age = _age(workshop, audience, one)
            stale = age is not None and age.freshness is not Freshness.FRESH
            keeps_up = _grows(workshop, account).keeps_up
            wanted.append(Growth(seed, reach, title, _is_there(one), stale, keeps_up))
    return tuple(wanted)


def ages(workshop: Workshop, wanted: Collection[Growth]) -> list[Document]:
    """How old the seed of each look-alike is, and the look-alike itself, for the plan document.

    Not part of a plan's fingerprint: a plan that waits for approval stays the same plan.
    """
    audiences = {one.name: one for one in workshop.project.audiences.audience}
    told = []
    for one in wanted:
        audience = audiences[one.seed.audience]
        with workshop.catalog.begin() as connection:
            grown = grown_from(connection, one.seed).get(one.reach)
        seed, own = seed_age(workshop, audience), _age(workshop, audience, grown)
        told.append(
            {
                "seed_age_days": seed.days if seed else None,
                "seed_freshness": seed.freshness.value if seed else None,
                "age_days": own.days if own else None,
                "freshness": own.freshness.value if own else None,
            }
        )
    return told


def seeds_now(workshop: Workshop) -> dict[str, Document]:
    """The seeds of the last refresh by audience, with the gates they passed and their age today."""
    told = (last_document(workshop) or {}).get("seeds", {})
    found = {}
    for audience in workshop.project.audiences.audience:
        if audience.purpose is not Purpose.SEED or audience.name not in told:
            continue
        age = seed_age(workshop, audience)
        found[audience.name] = {
            **told[audience.name],
            "age_days": age.days if age else None,
            "freshness": age.freshness.value if age else None,
        }
    return found


def age_notes(workshop: Workshop, wanted: Collection[Growth]) -> list[str]:
    """What a marketer must do about seeds and look-alikes that grow old."""
    notes = []
    for one, age in zip(wanted, ages(workshop, wanted), strict=True):
        for what, name in (("seed", "seed_freshness"), ("look-alike", "freshness")):
            if age[name] in (Freshness.DUE.value, Freshness.EXPIRED.value):
                days = age["seed_age_days" if what == "seed" else "age_days"]
                said = "a refresh is due" if age[name] == Freshness.DUE.value else "expired"
                which = f"{what} {one.seed}" + ("" if what == "seed" else f", reach {one.reach}")
                notes.append(f"{which}: {days} days old, {said}")
                if what == "look-alike" and one.action == "swap":
                    notes[-1] += f". {_how_to_swap(workshop, one)}"
    return list(dict.fromkeys(notes))


def _how_to_swap(workshop: Workshop, one: Growth) -> str:
    with workshop.catalog.begin() as connection:
        old = grown_from(connection, one.seed)[one.reach]
    return (
        f"{one.seed.platform} cannot be asked to refresh it. Make a new look-alike there from "
        f"the seed's list {old.seed_list}; keep {old.list_id} in the ad groups until the new one "
        f"is approved, put the new one in its place, then delete {old.list_id} there: the next "
        "`adsteer apply` grows ours anew"
    )


def grow_all(workshop: Workshop, wanted: Collection[Growth], plan: AudiencePlan) -> list[Document]:
    """Grow what is not there yet and refresh what grows old; a seed that is not ready waits, up to
    the account's patience. What only a person can swap is grown anew once it is deleted."""
    held = {one.audience for one in plan.lists if one.refused_by}
    todo = [one for one in wanted if one.action != "keep" and one.seed not in held]
    with leased(workshop, {one.seed.account for one in todo}):
        receipts = [
            _grow(workshop, one) if one.action == "grow" else _refresh(workshop, one)
            for one in todo
        ]
    return [one for one in receipts if one["outcome"] != "kept"]


def _refresh(workshop: Workshop, one: Growth) -> Document:
    """Have a look-alike follow its seed; one that is gone from the platform is grown anew."""
    with workshop.catalog.begin() as connection:
        list_id = grown_from(connection, one.seed)[one.reach].list_id
    receipt = {**one.as_json(), "list_id": list_id, "outcome": "waiting", "said": ""}
    try:
        _grower(workshop, one).refresh(str(list_id))
    except ListGone:
        return _grow(workshop, one)
    except (ListBusy, Throttled, QuotaGone) as error:
        return {**receipt, "said": str(error)}
    except ConnectorError as error:
        return {**receipt, "outcome": "failed", "said": str(error), "who": error.who}
    if one.action == "swap":
        # Nothing was refreshed: its age goes on, and so does the note that says what to do.
        return {**receipt, "outcome": "kept"}
    with workshop.catalog.begin() as connection:
        record_grown(connection, one.seed, one.reach, list_id=str(list_id), now=workshop.now())
    return {**receipt, "outcome": "done"}


def measure_sizes(workshop: Workshop) -> list[Document]:
    """Ask each platform how many people are in what grew from our seeds, and keep the answers.

    A platform that does not answer is told under "said"; what it said last stays.
    """
    told = []
    for audience, account, grown in grown_lists(workshop):
        size, said = None, ""
        try:
            size = workshop.lists_of(account).state(str(grown.list_id)).size
        except ConnectorError as error:
            said = str(error)
        if size is not None:
            ref = reference(workshop, audience, account)
            with workshop.catalog.begin() as connection:
                record_size(connection, ref, grown.reach, size=size, now=workshop.now())
        told.append(
            {
                "account": account,
                "audience": audience.name,
                "reach": grown.reach,
                "size": size,
                "said": said,
            }
        )
    return told


def grown_lists(workshop: Workshop) -> Iterator[tuple[Audience, str, Grown]]:
    """Every look-alike that is there: its seed's audience, the account, and what it is."""
    for audience, _, account in _wished(workshop, ()):
        with workshop.catalog.begin() as connection:
            grown = grown_from(connection, reference(workshop, audience, account))
        for one in sorted(grown.values(), key=lambda each: each.reach):
            if one.list_id is not None:
                yield audience, account, one


def _grow(workshop: Workshop, one: Growth) -> Document:
    seed_list = ledger(workshop).list_id(one.seed)
    receipt = {**one.as_json(), "list_id": None, "outcome": "waiting", "said": ""}
    if seed_list is None:
        return {**receipt, "said": "its seed is not on the platform yet"}
    with workshop.catalog.begin() as connection:
        claim(
            connection,
            one.seed,
            one.reach,
            title=one.title,
            seed_list=seed_list,
            now=workshop.now(),
        )
    workshop.checkpoint("look-alike claimed")
    try:
        list_id = _patiently(workshop, one, seed_list)
        workshop.checkpoint("look-alike grown")
    except (ListBusy, Throttled) as error:
        return {**receipt, "said": str(error)}
    except ConnectorError as error:
        return {**receipt, "outcome": "failed", "said": str(error), "who": error.who}
    with workshop.catalog.begin() as connection:
        record_grown(connection, one.seed, one.reach, list_id=list_id, now=workshop.now())
    return {**receipt, "list_id": list_id, "outcome": "done"}


def _patiently(workshop: Workshop, one: Growth, seed_list: str) -> str:
    """Grow as soon as the platform is done with the seed; raises ListBusy when patience ends."""
    settled(workshop, one.seed.account, seed_list)
    wish = _wish(workshop, one.seed.audience)
    return _grower(workshop, one).grow(seed_list, one.title, one.reach, wish)


def _grower(workshop: Workshop, one: Growth) -> GrowsLookalikes:
    return _grows(workshop, one.seed.account)


def _grows(workshop: Workshop, account: str) -> GrowsLookalikes:
    connector = workshop.lists_of(account)
    if not isinstance(connector, GrowsLookalikes):
        raise AssertionError(f"{account} was asked to grow what it cannot")
    return connector


def _age(workshop: Workshop, audience: Audience, grown: Grown | None) -> Age | None:
    """Age of a look-alike since it was grown or refreshed last."""
    if grown is None or grown.grown_at is None:
        return None
    return Age(max((workshop.now() - grown.grown_at).days, 0), refresh_days(audience))


def _wished(workshop: Workshop, only: Collection[str]) -> list[tuple[Audience, Lookalike, str]]:
    return [
        (audience, audience.lookalike, account)
        for audience in workshop.project.audiences.audience
        if audience.lookalike is not None and (not only or audience.name in only)
        for account in audience.accounts
        if isinstance(workshop.connectors[account], GrowsLookalikes)
    ]


def _wish(workshop: Workshop, name: str) -> Lookalike:
    audiences = {one.name: one for one in workshop.project.audiences.audience}
    wish = audiences[name].lookalike
    if wish is None:
        raise AssertionError(f"{name} asks for no look-alike")
    return wish


def _is_there(grown: Grown | None) -> bool:
    return grown is not None and grown.list_id is not None
