"""Kinds of exports whose rows are people: customer cards, and customers with their sums."""

from datetime import date

import ibis
import ibis.expr.types as ir

from audiences.consents import ENTRIES, entry
from audiences.faults import (
    Fault,
    Values,
    any_of,
    blank,
    consent,
    currency_of,
    numbers,
    or_null,
    out_of_range,
    unread,
)
from audiences.tables import CONTACT_ROWS
from config.consents import COLUMN, consent_of
from config.exports import Export

MOST_ORDERS = 10_000
"""Orders of one customer above which a sum is no customer's."""
MALE = ("m", "male", "м", "муж", "мужской", "ч", "чоловік", "чоловіча", "1")
FEMALE = ("f", "female", "ж", "жен", "женский", "жінка", "жіноча", "2")


def contact_columns(
    texts: ir.Table, values: Values, export: Export, as_of: date
) -> tuple[Values, list[Fault]]:
    days = ("registered_on", "last_activity_on", "consent_on", "birth_date")
    said, said_fault = consent(values, export)
    others, other_faults = _other_consents(values, export)
    named = [
        values[c].notnull() for c in ("contact_id", "external_id", "email", "phone") if c in values
    ]
    nobody = ~any_of(named)
    faults = [
        Fault(nobody, "contact_id", "no id, e-mail or phone", shown=False),
        *unread(texts, values, days, "a date"),
        *out_of_range(values, days, as_of),
        *said_fault,
        *other_faults,
    ]
    made = ("source", "row_id", "file", "line", "consent_ads", "consents", "gender")
    columns = {
        name: or_null(values, name, str(kind))
        for name, kind in CONTACT_ROWS.items()
        if name not in made
    }
    columns["gender"] = _gender(or_null(values, "gender", "string"))
    columns["consent_ads"] = said
    columns["consents"] = others
    return columns, faults


def _gender(text: ir.StringValue) -> ir.StringValue:
    return ibis.cases(
        (text.isin(MALE), "male"), (text.isin(FEMALE), "female"), else_=ibis.null("string")
    )


def _other_consents(values: Values, export: Export) -> tuple[ir.Value, list[Fault]]:
    """What a row says to consents other than that to ads, as entries of column `consents`."""
    said, faults = [], []
    for name in sorted(filter(None, map(consent_of, values))):
        told, fault = consent(values, export, COLUMN + name)
        faults += fault
        cases = ((told == word, entry(name, word)) for word in ("yes", "no"))
        said.append(ibis.cases(*cases, else_=ibis.null("string")))
    if not said:
        return ibis.null(ENTRIES), []
    return ibis.array(said).filter(lambda text: text.notnull()), faults


def aggregate_columns(
    texts: ir.Table, values: Values, export: Export, as_of: date
) -> tuple[Values, list[Fault]]:
    """A contact, and beside it what is known of all its orders together."""
    columns, faults = contact_columns(texts, values, export, as_of)
    days = ("first_ordered_on", "last_ordered_on")
    count, last = values["orders"], values["last_ordered_on"]
    first = or_null(values, "first_ordered_on", "date")
    faults += [
        *blank(texts, values, "orders"),
        *numbers(texts, values),
        *unread(texts, values, days, "a date"),
        *out_of_range(values, days, as_of),
        Fault((count < 0) | (count > MOST_ORDERS), "orders", "is no customer's count of orders"),
        Fault((count > 0) & last.isnull(), "last_ordered_on", "is empty", shown=False),
        Fault((count > 0) & values["amount"].isnull(), "amount", "is empty", shown=False),
        Fault(first > last, "last_ordered_on", "lies before the first order"),
    ]
    none = ibis.null("string")
    columns["contact_id"] = ibis.coalesce(columns["contact_id"], columns["external_id"], none)
    return columns | {
        "first_ordered_on": first,
        "last_ordered_on": last,
        "orders": count,
        "amount": values["amount"],
        "category": or_null(values, "category", "string"),
        "channel": or_null(values, "channel", "string"),
        "currency": currency_of(values, export),
    }, faults
