"""Who belongs in an audience: conditions over features, consent, holdout, and what can be sent."""

from collections.abc import Collection, Mapping
from datetime import date

import ibis
import ibis.expr.types as ir

from audiences.model import MEMBERS
from config.audiences import Identifier
from config.rules import Condition


def describe(
    segmented: ir.Table, people: ir.Table, *, as_of: date, overlays: Mapping[str, Condition]
) -> ir.Table:
    """One row per person with every feature a rule may name, and a boolean per overlay.

    segmented, people: tables SEGMENTED and PEOPLE of one engine, one row per person each.
    """
    about = people.mutate(
        age_years=_years(people.birth_date, as_of),
        registered_days=_days(people.registered_on, as_of),
    )
    described = segmented.inner_join(about, "person_id").drop("birth_date")
    return described.mutate(
        **{name: condition.to_ibis(described) for name, condition in overlays.items()}
    )


def choose(described: ir.Table, condition: Condition) -> ir.Table:
    """People for whom the condition holds and who said yes to ads: column person_id.

    Unknown consent is no consent.
    """
    willing = described.filter(described.consent_ads == "yes")
    return willing.filter(condition.to_ibis(willing)).select("person_id")


def withdrawn(people: ir.Table) -> ir.Table:
    """People who said no to ads: column person_id. They leave every list, whatever guards say."""
    return people.filter(people.consent_ads == "no").select("person_id")


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
