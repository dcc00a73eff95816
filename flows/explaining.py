"""Why a person is where they are, and what follows: the answer of `adsteer explain`.

A contact is hashed before anything is looked up and appears nowhere in the answer or an error.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import ibis.expr.types as ir

from audiences.consents import answer, names
from audiences.contacts import hash_one
from audiences.explaining import Trace, base_rules, derived_rules, next_states, trace
from audiences.refreshes import last_refreshes
from audiences.staging import keep
from bids.ledger import BidLedger
from config.audiences import Audience, Identifier
from config.consents import ADS
from config.features import FEATURES
from connectors.base import Connector
from flows import why_not
from flows.documents import Document
from flows.gating import roll_ups_of, segment_of
from flows.lists import described_now, ledger, reference
from flows.why_not import as_list_sees, is_held_out
from flows.workshop import CannotRun, Workshop


def explain(workshop: Workshop, who: str) -> Document:
    """Everything that is known and decided about one person, given by id or by contact.

    Raises CannotRun before the first refresh, and where nobody or several people are meant.
    """
    person_id = find_person(workshop, who.strip())
    described = described_now(workshop)
    person = keep(described.filter(described.person_id == person_id))
    row = person.to_pyarrow().to_pylist()[0]
    refreshed = _refreshed(workshop)
    features = {name: row[name] for name in FEATURES}
    audiences = list(_audiences(workshop, person, row, refreshed))
    return {
        "person": person_id,
        "as_of": refreshed["as_of"],
        "currency": workshop.project.adsteer.shop.currency,
        "segment": {
            "name": row["segment"],
            "label": workshop.project.label(row["segment"]),
            "previous": row["previous_segment"],
            "days": row["days_in_segment"],
            "entered_by": row["entered_by"],
        },
        "consent": row["consent_ads"],
        "consents": _consents(workshop, person),
        "held_out": is_held_out(workshop, person),
        "features": {
            name: {
                "value": _plain(value),
                "unit": FEATURES[name].unit,
                "description": FEATURES[name].description,
            }
            for name, value in features.items()
        },
        "limits": _limits(refreshed, features),
        "rules": _rules(workshop, person, row, refreshed),
        "terms": [
            {"term": name, **_told(found)}
            for name, found in trace(person, derived_rules(refreshed["cuts"])).items()
        ],
        "overlays": list(_overlays(workshop, person, row)),
        "audiences": audiences,
        "bids": list(_bids(workshop, audiences)),
    }


def find_person(workshop: Workshop, who: str) -> str:
    """The id of the person that an id or a contact leads to; raises CannotRun."""
    segments = workshop.table("segments")
    if segments.filter(segments.person_id == who).count().to_pyarrow().as_py():
        return who
    kinds = [Identifier.EMAIL] if "@" in who else [Identifier.PHONE, Identifier.EXTERNAL_ID]
    found: set[str] = set()
    for connector in _recipes(workshop):
        digests = workshop.table("digests", connector.recipe.name)
        for kind in kinds:
            if kind in connector.recipe.kinds:
                found |= set(_holders(workshop, connector, digests, kind, who))
    if len(found) == 1:
        return found.pop()
    if found:
        raise CannotRun(
            f"{len(found)} people have this contact: {', '.join(sorted(found)[:5])}. "
            "Give one of these ids."
        )
    raise CannotRun(
        "nobody of the last refresh has this id or contact. Contacts are looked up by the digests "
        "of accounts in use; run `adsteer refresh` if the person is new."
    )


def _holders(
    workshop: Workshop, connector: Connector, digests: ir.Table, kind: Identifier, who: str
) -> Iterator[str]:
    regions = workshop.project.adsteer.shop.phone_regions
    for digest in hash_one(kind, who, connector.recipe, regions):
        mine = digests.filter(digests[kind.value].contains(digest))
        yield from mine.person_id.to_pyarrow().to_pylist()


def _recipes(workshop: Workshop) -> list[Connector]:
    """A connector for each recipe whose digests the last refresh kept."""
    by_recipe = {
        one.recipe.name: one for one in workshop.connectors.values() if isinstance(one, Connector)
    }
    return [one for name, one in by_recipe.items() if workshop.find_snapshot("digests", name)]


def _refreshed(workshop: Workshop) -> Mapping[str, Any]:
    with workshop.catalog.begin() as connection:
        last = last_refreshes(connection, most=1)
    if not last or "cuts" not in last[0].document:
        raise CannotRun("nothing is known yet. Run `adsteer refresh` first.")
    return last[0].document


def _consents(workshop: Workshop, person: ir.Table) -> Document:
    """What the person said to every consent beside that to ads, asked for or given."""
    asked = workshop.project.audiences.consent.named
    others = sorted({*names(person), *asked} - {ADS})
    if not others:
        return {}
    told = person.select(**{name: answer(person, name) for name in others})
    return dict(told.to_pyarrow().to_pylist()[0])


def _limits(refreshed: Mapping[str, Any], features: Mapping[str, Any]) -> Document:
    """Where the base draws the lines that this person is measured against."""
    days = next_states(
        features,
        refreshed["calibration"],
        states_by=refreshed["states_by"],
        limits=refreshed.get("limits_days", ()),
    )
    cuts = refreshed["cuts"]
    return {
        "states_by": refreshed["states_by"],
        "vip_from": cuts["vip_from"],
        "loyal_from_orders": cuts["n_loyal"],
        "silence_days": {name: round(value, 1) for name, value in days.items()},
    }


def _rules(
    workshop: Workshop, person: ir.Table, row: Mapping[str, Any], refreshed: Mapping[str, Any]
) -> list[Document]:
    """The rules of the base segments in their order, up to the one that decided."""
    rules = base_rules(
        states_by=refreshed["states_by"],
        as_of=workshop.snapshot("segments").as_of,
        registered_days=refreshed["cuts"]["registered_days"],
    )
    traces = trace(person, {str(name): rule for name, rule in rules})
    told = []
    for name, found in traces.items():
        decided = name == row["segment"]
        told.append(
            {
                "segment": name,
                "label": workshop.project.label(name),
                **_told(found),
                "decided": decided,
            }
        )
        if decided:
            break
    return told


def _overlays(workshop: Workshop, person: ir.Table, row: Mapping[str, Any]) -> Iterator[Document]:
    """Every overlay: in or not, and the audience that keeps the person out (frequency guard)."""
    project = workshop.project
    guards = {one.name: one.not_in for one in project.segments.overlay}
    for name, found in trace(person, project.overlay_rules).items():
        rules = {other: project.audience_rules[other] for other in guards[name]}
        kept_out = [other for other, seen in trace(person, rules).items() if seen.holds]
        yield {
            "overlay": name,
            "in": row[name],
            "kept_out_by": kept_out if found.holds else [],
            **_told(found),
        }


def _told(found: Trace) -> Document:
    return {
        "rule": found.text,
        "holds": found.holds,
        "parts": [
            {
                "text": part.text,
                "holds": part.holds,
                "saw": {name: _plain(value) for name, value in part.saw.items()},
            }
            for part in found.parts
        ],
    }


def _audiences(
    workshop: Workshop,
    person: ir.Table,
    row: Mapping[str, Any],
    refreshed: Mapping[str, Any],
) -> Iterator[Document]:
    """Every audience on every account: in or not, and why."""
    rules = workshop.project.audience_rules
    traces = trace(person, rules)
    held_out = is_held_out(workshop, person)
    rolled = roll_ups_of(refreshed)
    for audience in workshop.project.audiences.audience:
        picked = refreshed.get("seeds", {}).get(audience.name, {})
        for account in audience.accounts:
            within = rolled.get(account, {})
            own = segment_of(audience, rules[audience.name])
            seen = trace(as_list_sees(person, own, within), {"rule": rules[audience.name]})["rule"]
            why = list(
                why_not.obstacles(
                    workshop, person, row, audience, account, seen, own, within, held_out, picked
                )
            )
            told = traces[audience.name]
            taken = seen.holds and not told.holds
            yield {
                "audience": audience.name,
                "account": account,
                "purpose": audience.purpose.value,
                "in": not why,
                "why_not": why,
                "because": f"{row['segment']} is exported within {own}" if taken else "",
                **_told(told),
                "standing": _standing(workshop, audience, account, row["person_id"]),
            }


def _standing(workshop: Workshop, audience: Audience, account: str, person_id: str) -> str | None:
    """What the ledger believes: in, unsure or refused; None where the person was never sent."""
    known = ledger(workshop).base(reference(workshop, audience, account)).known
    found = known.filter(known.person_id == person_id).standing.to_pyarrow().to_pylist()
    return found[0] if found else None


def _bids(workshop: Workshop, audiences: list[Document]) -> Iterator[Document]:
    """Corrections that act on this person's clicks: those of the lists the person is in."""
    file = workshop.project.bid_rules
    recorded = BidLedger(workshop.catalog).recorded()
    member_of = {(one["account"], one["audience"]) for one in audiences if one["in"]}
    for place in sorted({place.account for place in file.where}):
        source = workshop.project.account(place).lists_from or place
        for rule in file.rule:
            if (source, rule.segment) not in member_of:
                continue
            if rule.accounts and place not in rule.accounts:
                continue
            yield {
                "account": place,
                "segment": rule.segment,
                "correction": rule.correction,
                "set": {
                    f"{one.object.level} {one.object.object_id}": one.percent
                    for one in recorded
                    if one.object.account == place
                    and one.segment == rule.segment
                    and one.percent is not None
                },
            }


def _plain(value: Any) -> Any:
    """A value as JSON holds it."""
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
