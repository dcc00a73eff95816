"""Who said yes to what. Fails closed: silence is no yes, and one no anywhere is a no.

People carry `consent_ads` (yes, no, unknown) and, in `consents`, what they said to every other
consent that an export has a column for: entries such as "analytics=yes". A no to ads is a no to
everything: whoever takes it back leaves every list, whatever else they said.
"""

from collections.abc import Collection

import ibis
import ibis.expr.types as ir
from ibis import _

from config.consents import ADS

ENTRIES = "array<string>"
"""The type of column `consents`."""


def entry(name: str, said: str) -> str:
    """How an answer is written in column `consents`."""
    return f"{name}={said}"


def answer(people: ir.Table, name: str) -> ir.StringValue:
    """yes, no or unknown, per person."""
    if name == ADS:
        return people.consent_ads
    return ibis.cases(
        (_holds(people, entry(name, "no")), "no"),
        (_holds(people, entry(name, "yes")), "yes"),
        else_="unknown",
    )


def agrees(people: ir.Table, asked: Collection[str]) -> ir.BooleanValue:
    """Whether a person may be used where these consents are asked for."""
    yes = [answer(people, name) == "yes" for name in sorted(asked)]
    return ibis.and_(people.consent_ads != "no", *yes)


def refuses(people: ir.Table, asked: Collection[str]) -> ir.BooleanValue:
    """Whether a person said no to ads, or to something that is asked for."""
    no = [answer(people, name) == "no" for name in sorted(asked) if name != ADS]
    return ibis.or_(people.consent_ads == "no", *no)


def gathered(rows: ir.Table) -> ir.Table:
    """(person_id, consents): what the rows of each person say together; rows have both columns."""
    spoken = rows.filter(rows.consents.notnull())
    said = spoken.select("person_id", entry=spoken.consents.unnest())
    return said.group_by("person_id").aggregate(consents=_.entry.collect(distinct=True).sort())


def names(people: ir.Table) -> tuple[str, ...]:
    """The consents beside that to ads of which anybody has said anything; sorted."""
    if "consents" not in people.columns:
        return ()
    spoken = people.filter(people.consents.notnull())
    found = spoken.select(entry=spoken.consents.unnest()).distinct()
    return tuple(
        sorted({text.partition("=")[0] for text in found.to_pyarrow()["entry"].to_pylist()})
    )


def _holds(people: ir.Table, text: str) -> ir.BooleanValue:
    # people kept by an earlier version have said nothing but to ads
    if "consents" not in people.columns:
        return ibis.literal(value=False)
    return people.consents.contains(text).fill_null(False)
