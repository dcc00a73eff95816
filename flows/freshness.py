"""Freshness is what is promised, not green runs: how old each thing is, and how old it may get.

A thing is fresh from the moment at which a run left it as the rules want it: a list or an account
whose delivery was held back or failed keeps growing old, whatever colour the run had.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from audiences.lookalikes import grown_from
from audiences.model import AudienceRef
from audiences.watching import Condition, forget_subjects, in_step, mark_in_step
from config.audiences import Lookalike, Purpose
from config.cadence import next_run
from config.project import Project
from config.schedules import Schedule
from flows import alerting
from flows.documents import Document
from flows.workshop import Workshop

Kind = Literal["segments", "audiences", "seeds", "lookalikes", "corrections", "measurement"]

WITHOUT_SCHEDULE: dict[Kind, timedelta] = {
    "segments": timedelta(days=2),
    "audiences": timedelta(days=10),
    "seeds": timedelta(days=30),
    "lookalikes": timedelta(days=30),
    "corrections": timedelta(days=14),
    "measurement": timedelta(days=2),
}
OLDEST_SEED = timedelta(days=30)
"""A look-alike grown from an older seed finds people like those of last season."""

SHARE_OF_WAIT, GRACE = 1.5, timedelta(hours=2)

FLOWS: dict[Kind, frozenset[str]] = {
    "segments": frozenset({"refresh", "steer"}),
    "audiences": frozenset({"sync", "steer"}),
    "seeds": frozenset({"sync", "steer"}),
    "lookalikes": frozenset({"sync", "steer"}),
    "corrections": frozenset({"adjust", "steer"}),
    "measurement": frozenset({"measure", "steer"}),
}
APPLYING = frozenset({"audiences", "seeds", "lookalikes", "corrections"})


OF_AUDIENCES = frozenset({"audiences", "seeds", "lookalikes"})


@dataclass(frozen=True)
class Thing:
    """Something with an age: `name` is account/audience, of a look-alike with its reach, an
    account, or `segments`."""

    kind: Kind
    name: str
    at: datetime | None
    limit: timedelta
    next_run: datetime | None

    def as_json(self, now: datetime) -> Document:
        """The entry under "things" of the status document."""
        age = None if self.at is None else (now - self.at).total_seconds() / 3600
        return {
            "kind": self.kind,
            "name": self.name,
            "at": _said(self.at),
            "age_hours": None if age is None else round(age, 1),
            "limit_hours": round(self.limit.total_seconds() / 3600, 1),
            "state": "never" if self.at is None else "stale" if self.is_stale(now) else "fresh",
            "next_run": _said(self.next_run),
        }

    def is_stale(self, now: datetime) -> bool:
        """Whether it is older than it may get; what never was in step is not called stale."""
        return self.at is not None and now - self.at > self.limit


def things(workshop: Workshop) -> list[Thing]:
    """Everything that the rules keep in step, with its age and limit; asks no platform."""
    return [
        _thing(workshop, kind, name, at)
        for kind in FLOWS
        for name, at in _ages(workshop, kind).items()
    ]


def watch(workshop: Workshop) -> list[str]:
    """Tell of what got stale and of what is fresh again; what is stale, as sentences."""
    now, said, known = workshop.now(), [], []
    for one in things(workshop):
        subject, named = f"fresh/{one.kind}/{one.name}", _named(one)
        known.append(subject)
        if one.at is None:
            continue
        if one.is_stale(now):
            text = f"Last in step {_hours(now - one.at)} ago; the limit is {_hours(one.limit)}."
            said.append(f"Too old: {named}. {text}")
            said += alerting.tell(workshop, subject, Condition.STALE, text, named=named)
        else:
            said += alerting.tell(workshop, subject, Condition.RECOVERED, named=named)
    forget_subjects(workshop.catalog, "fresh", known)
    return said


def refreshed(workshop: Workshop) -> None:
    """The segments are as the exports have them."""
    mark_in_step(workshop.catalog, "segments", ["segments"], now=workshop.now())


def measured(workshop: Workshop, accounts: list[str]) -> None:
    """What was spent on these accounts was read."""
    mark_in_step(workshop.catalog, "measurement", accounts, now=workshop.now())


def applied(workshop: Workshop, document: Document, *, with_bids: bool) -> None:
    """Mark the lists and accounts that this delivery left as the plan wants them."""
    approved = bool(document["approved"])
    held = {_key(one) for one in document["audiences"] if one["refused_by"] and not approved}
    waits = {_key(one) for one in document["audiences"] if one["waiting"]}
    lists: dict[Kind, list[str]] = {"audiences": [], "seeds": []}
    seeds = _seeds(workshop.project)
    for one in document["receipts"]["audiences"]:
        if one["outcome"] == "done" and _key(one) not in held | waits:
            lists["seeds" if one["audience"] in seeds else "audiences"].append(_key(one))
    for kind, names in lists.items():
        mark_in_step(workshop.catalog, kind, names, now=workshop.now())
    if with_bids:
        wrong = {one["account"] for one in document["bids"] if one["refused_by"] and not approved}
        wrong |= {one["account"] for one in document["bids"] if one["action"] == "wait"}
        wrong |= {one["account"] for one in document["receipts"]["bids"] if not one["accepted"]}
        names = [name for name in _bid_accounts(workshop.project) if name not in wrong]
        mark_in_step(workshop.catalog, "corrections", names, now=workshop.now())


def _thing(workshop: Workshop, kind: Kind, name: str, at: datetime | None) -> Thing:
    covering = list(_covering(workshop.project, kind, name))
    zone = workshop.project.adsteer.shop.time_zone
    coming = [next_run(one.cron, workshop.now(), zone) for one in covering]
    soonest = min((one for one in coming if one is not None), default=None)
    return Thing(kind, name, at, _limit(workshop.project, kind, name, covering), soonest)


def _limit(project: Project, kind: Kind, name: str, covering: list[Schedule]) -> timedelta:
    if kind == "lookalikes":
        return timedelta(days=_refresh_days(project, _audience_in(name)))
    written = getattr(project.adsteer.freshness, kind)
    if written is not None:
        limit = timedelta(hours=written)
    elif covering:
        limit = min(one.longest_gap for one in covering) * SHARE_OF_WAIT + GRACE
    else:
        limit = WITHOUT_SCHEDULE[kind]
    return min(limit, OLDEST_SEED) if kind == "seeds" else limit


def _covering(project: Project, kind: Kind, name: str) -> Iterator[Schedule]:
    """The schedules that keep a thing in step."""
    audience = _audience_in(name)
    for one in project.schedules.schedule:
        applies = one.apply or kind not in APPLYING
        meant = not one.only or kind not in OF_AUDIENCES or audience in one.only
        if one.flow in FLOWS[kind] and applies and meant:
            yield one


def _ages(workshop: Workshop, kind: Kind) -> dict[str, datetime | None]:
    """When each thing of a kind that the rules name was last in step."""
    if kind == "lookalikes":
        return _grown(workshop)
    project, known = workshop.project, in_step(workshop.catalog, kind)
    if kind == "segments":
        names = ["segments"]
    elif kind == "corrections":
        names = _bid_accounts(project)
    elif kind == "measurement":  # which accounts report, only their connectors know
        names = [one.name for one in project.platforms.account if one.name in known]
    else:
        wanted = Purpose.SEED if kind == "seeds" else Purpose.RETARGETING
        names = [
            f"{account}/{one.name}"
            for one in project.audiences.audience
            if one.purpose is wanted
            for account in one.accounts
        ]
    return {name: known.get(name) for name in names}


def _grown(workshop: Workshop) -> dict[str, datetime | None]:
    """When each look-alike that is there was grown or refreshed last."""
    found = {}
    for audience in workshop.project.audiences.audience:
        if audience.lookalike is None:
            continue
        for account in audience.accounts:
            platform = workshop.project.account(account).platform
            seed = AudienceRef(account, platform, audience.name, audience.purpose, "")
            with workshop.catalog.begin() as connection:
                grown = grown_from(connection, seed)
            for reach in audience.lookalike.reach:
                if reach in grown and grown[reach].list_id is not None:
                    found[f"{account}/{audience.name} {reach}"] = grown[reach].grown_at
    return found


def _audience_in(name: str) -> str:
    """The audience of account/audience, or of account/audience and a reach."""
    return name.rpartition("/")[2].partition(" ")[0]


def _refresh_days(project: Project, name: str) -> int:
    audience = next(one for one in project.audiences.audience if one.name == name)
    return (audience.lookalike or Lookalike()).refresh_days


def _seeds(project: Project) -> frozenset[str]:
    return frozenset(one.name for one in project.audiences.audience if one.purpose is Purpose.SEED)


def _bid_accounts(project: Project) -> list[str]:
    return sorted({place.account for place in project.bid_rules.where})


def _key(one: Document) -> str:
    return f"{one['account']}/{one['audience']}"


def _named(one: Thing) -> str:
    words = {
        "segments": "the segments",
        "audiences": f"list {one.name}",
        "seeds": f"seed {one.name}",
        "lookalikes": f"look-alike {one.name}",
        "corrections": f"bid corrections of {one.name}",
        "measurement": f"spend of {one.name}",
    }
    return words[one.kind]


def _hours(wait: timedelta) -> str:
    hours = wait.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.1f} days"


def _said(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
