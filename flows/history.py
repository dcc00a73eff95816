"""A list's story in words: made, sent, refused, unsure, approved, adopted, swapped."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import select

from audiences.matches import OUTCOMES, Match, matches_of
from audiences.model import AudienceRef
from audiences.rebuilds import NEW
from audiences.records import APPROVALS, BATCHES, KNOWN_KIND, LISTS, OLD, REFUSALS, old_list
from audiences.snapshots import SNAPSHOTS
from config.audiences import Purpose
from flows.curating import find
from flows.documents import Document
from flows.leftovers import named
from flows.lists import ledger, reference
from flows.workshop import Workshop

DOING = {"add": "adding", "remove": "removing", "replace": "replacing all with"}
MOST_REASONS = 5
"""Different reasons of refused people that one batch tells."""


def history(workshop: Workshop, name: str | None = None, account: str | None = None) -> Document:
    """The story of one list, or of all: counts and names, no people. Oldest first."""
    left = [one for one in _left_behind(workshop) if account in (None, one.account)]
    if name is None:
        refs = [*_ruled(workshop, account), *left]
    else:
        refs = [one for one in left if one.audience == name] or [find(workshop, name, account)]
    return {"lists": [_story(workshop, ref) for ref in refs]}


def _ruled(workshop: Workshop, account: str | None) -> list[AudienceRef]:
    return [
        reference(workshop, one, place)
        for one in workshop.project.audiences.audience
        for place in one.accounts
        if account in (None, place)
    ]


def _left_behind(workshop: Workshop) -> list[AudienceRef]:
    """Lists that the rules do not name any more, whether they are still there or not."""
    sent = select(BATCHES.c.account, BATCHES.c.audience).distinct()
    with workshop.catalog.begin() as connection:
        pairs = sorted((row.account, row.audience) for row in connection.execute(sent))
    platforms = {one.name: one.platform for one in workshop.project.platforms.account}
    known = named(workshop)
    return [
        AudienceRef(account, platforms[account], audience, Purpose.RETARGETING, "")
        for account, audience in pairs
        if (account, audience) not in known
        and account in platforms
        and not audience.endswith((NEW, OLD))
    ]


def _story(workshop: Workshop, ref: AudienceRef) -> Document:
    with workshop.catalog.begin() as connection:
        mine = (LISTS.c.account == ref.account) & (LISTS.c.audience == ref.audience)
        record = connection.execute(select(LISTS).where(mine)).mappings().first()
        old = (LISTS.c.account == ref.account) & (LISTS.c.audience == old_list(ref).audience)
        kept = connection.execute(select(LISTS.c.list_id).where(old)).scalar()
    events = sorted(_events(workshop, ref), key=lambda one: one["at"])
    return {
        "platform": ref.platform,
        "account": ref.account,
        "audience": ref.audience,
        "list_id": record["list_id"] if record else None,
        "state": _state(dict(record) if record else None, sent=bool(events)),
        "old_list": kept,
        "events": events,
    }


def _state(record: Mapping[str, Any] | None, *, sent: bool) -> str:
    if record is None:
        return "deleted" if sent else "nothing was ever sent"
    if record["state"] == "ours" and record["add_only"]:
        return "adopted: people are added, nobody is removed until removals are allowed"
    return {
        "planned": "not asked for yet",
        "creating": "may have been made: it is looked up in the next run",
        "ours": "ours",
        "gone": "deleted on the platform behind our back",
        "retired": "replaced by a rebuilt list",
    }[record["state"]]


def _events(workshop: Workshop, ref: AudienceRef) -> Iterator[Document]:
    batches = ledger(workshop).history(ref)
    for batch in batches:
        at = batch["intended_at"]
        yield _event(at, _said(batch, _reasons(workshop, batch["key"])), batch["plan"])
    yield from _told_later(workshop, ref)
    plans = {batch["plan"] for batch in batches}
    with workshop.catalog.begin() as connection:
        approved = select(APPROVALS).where(APPROVALS.c.fingerprint.in_(plans))
        for row in connection.execute(approved.order_by(APPROVALS.c.id)).mappings():
            text = f"{row['who']} let a plan pass that guards had refused: {row['why']}"
            yield _event(row["at"], text, row["fingerprint"])
        this = (SNAPSHOTS.c.kind == KNOWN_KIND) & (SNAPSHOTS.c.name == str(ref))
        for row in connection.execute(select(SNAPSHOTS).where(this)).mappings():
            yield _event(row["made_at"], f"the ledger then knew {row['rows']:,} members", "")


def _told_later(workshop: Workshop, ref: AudienceRef) -> Iterator[Document]:
    """Accepted is not matched: what the platform recognised, and what became of requests."""
    with workshop.catalog.begin() as connection:
        looks = matches_of(connection, ref)
        query = select(OUTCOMES, BATCHES.c.reference, BATCHES.c.plan).join(BATCHES)
        mine = (BATCHES.c.account == ref.account) & (BATCHES.c.audience == ref.audience)
        outcomes = connection.execute(query.where(mine)).mappings().all()
    for one in looks:
        yield _event(one.at, _recognised(one), "")
    for row in outcomes:
        text = f"request {row['reference']}: {'done' if row['done'] else 'still worked on'}"
        text += f", {row['matched'].lower()} % recognised" if row["matched"] else ""
        yield _event(row["at"], text + (f"; dropped {row['dropped']}" * bool(row["dropped"])), "")


def _recognised(one: Match) -> str:
    parts = [f"{one.members:,} people accepted"]
    if one.size is not None:
        parts.append(f"the platform counts {one.size:,}")
    share = f" ({one.share:.0%})" if one.share is not None else ""
    matched = "not told yet" if one.matched is None else f"{one.matched:,}{share}"
    return ", ".join([*parts, f"recognised: {matched}"])


def _said(batch: Mapping[str, Any], reasons: list[tuple[str, int]]) -> str:
    what = DOING[batch["verb"]]
    who = f"{batch['people']:,} {'person' if batch['people'] == 1 else 'people'}"
    if batch["state"] != "settled":
        return f"{what} {who}: sent, or about to be, and no answer came; they count as unsure"
    text = f"{what} {who}: {batch['accepted']:,} accepted"
    if batch["refused"]:
        text += f", {batch['refused']:,} refused"
    if reasons:
        text += " (" + "; ".join(f"{number:,} x {reason}" for reason, number in reasons) + ")"
    if batch["tries"] > 1:
        text += f", in {batch['tries']} tries"
    return text + (f"; the platform's reference is {batch['reference']}" * bool(batch["reference"]))


def _reasons(workshop: Workshop, key: str) -> list[tuple[str, int]]:
    with workshop.catalog.begin() as connection:
        rows = connection.execute(select(REFUSALS.c.reason).where(REFUSALS.c.batch == key))
        counted: dict[str, int] = {}
        for row in rows:
            counted[row.reason] = counted.get(row.reason, 0) + 1
    return sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:MOST_REASONS]


def _event(at: Any, text: str, plan: str) -> Document:
    return {"at": at.strftime("%Y-%m-%d %H:%M:%S UTC"), "text": text, "plan": plan[:12]}
