"""Who belongs in an audience: conditions over features, consent, holdout, and what can be sent."""

from collections.abc import Collection, Mapping
from datetime import date
from types import MappingProxyType

import ibis
import ibis.expr.types as ir

from audiences.consents import agrees, refuses
from audiences.model import MEMBERS
from audiences.tables import SCORES
from config.audiences import Identifier
from config.consents import ADS
from config.rules import Condition


def describe(
    segmented: ir.Table,
    people: ir.Table,
    *,
    as_of: date,
    overlays: Mapping[str, Condition],
    scores: ir.Table | None = None,
    left_out: Mapping[str, Collection[Condition]] = MappingProxyType({}),
) -> ir.Table:
    """One row per person with every feature a rule may name, and a boolean per overlay.

    segmented, people, scores: tables SEGMENTED, PEOPLE and SCORES of one engine, one row per person
    each; without scores their features are unknown. left_out: by overlay, the conditions of
    audiences whose people are not in it (frequency guard).
    """
    about = people.mutate(
        age_years=_years(people.birth_date, as_of),
        registered_days=_days(people.registered_on, as_of),
    )
    described = segmented.inner_join(about, "person_id").drop("birth_date")
    if scores is None:
        nothing = {name: ibis.null(kind(nullable=True)) for name, kind in SCORES.items()}
        del nothing["person_id"]
        described = described.mutate(**nothing)
    else:
        described = described.left_join(scores, "person_id").drop("person_id_right")
    described = described.mutate(
        **{name: condition.to_ibis(described) for name, condition in overlays.items()}
    )
    # An audience that keeps people out may itself be made of overlays, never of one that has
    # people kept out: the checks of the files refuse that.
    guarded = {
        name: described[name] & ~ibis.or_(*(other.to_ibis(described) for other in others))
        for name, others in left_out.items()
        if others
    }
    return described.mutate(**guarded) if guarded else described


def choose(
    described: ir.Table, condition: Condition, *, asked: Collection[str] = (ADS,)
) -> ir.Table:
    """People for whom the condition holds and who gave every consent asked for: column person_id.

    Unknown consent is no consent.
    """
    willing = described.filter(agrees(described, asked))
    return willing.filter(condition.to_ibis(willing)).select("person_id")


def withdrawn(people: ir.Table, *, asked: Collection[str] = (ADS,)) -> ir.Table:
    """People who said no to ads, or to another consent that a list asks for: column person_id.

    They leave the list whatever guards say.
    """
    return people.filter(refuses(people, asked)).select("person_id")


def members(
    chosen: ir.Table, digests: ir.Table, *, identifiers: Collection[Identifier]
) -> ir.Table:
    """The digests of the chosen people, of the named kinds alone: schema MEMBERS.

    People of whom no such digest is known cannot be sent and are left out.
    """
    empty = ibis.literal([], type="array<string>")
    kinds = {
        name: digests[name] if Identifier(name) in identifiers else empty
        for name in MEMBERS.names[1:]
    }
    table = digests.semi_join(chosen, "person_id").select("person_id", **kinds)
    return table.filter(ibis.or_(*(table[name].length() > 0 for name in kinds)))


def _days(day: ir.DateColumn, as_of: date) -> ir.IntegerColumn:
    return ibis.literal(as_of).delta(day, unit="day")


def _years(born: ir.DateColumn, as_of: date) -> ir.IntegerColumn:
    """Full years: the birthday counts only once it has come."""
    had_birthday = (born.month() * 100 + born.day()) <= as_of.month * 100 + as_of.day
    return as_of.year - born.year() - had_birthday.ifelse(0, 1)
