"""What may be wrong with a row, and the words that the kinds of exports share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir

from config.exports import Export
from config.presets import load_preset

DAYS = (
    "birth_date", "registered_on", "last_activity_on", "consent_on", "ordered_on",
    "first_ordered_on", "last_ordered_on", "date", "ts",
)  # fmt: skip
MONEY = ("amount", "price", "discount", "margin", "cost", "refunded", "revenue")
COUNTS = ("items", "orders", "clicks", "impressions", "conversions")
IDS = ("contact_id", "external_id", "order_id")
EARLIEST = date(1995, 1, 1)
EARLIEST_BIRTH = date(1900, 1, 1)

FUTURE = "lies in the future"
"""The one reason for which a row is refused on one day and may be accepted on another."""


@dataclass(frozen=True)
class Fault:
    """Why a row is refused: the first that holds is told."""

    holds: ir.BooleanValue
    column: str
    reason: str
    shown: bool = True


Values = dict[str, ir.Value]
Builder = Callable[[ir.Table, Values, Export, date], tuple[Values, list[Fault]]]
"""What makes the columns of a kind, and what may be wrong with a row, out of texts and values.

Of each mapped column c the table has: c, its cell; t_c, its text or null; f_c, whether it says
anything; v_c, its value.
"""


def or_null(values: Values, name: str, kind: str) -> ir.Value:
    return values.get(name, ibis.null(kind.removeprefix("!")))


def filled(texts: ir.Table, column: str) -> ir.BooleanValue:
    """Whether a cell says anything."""
    return texts[f"f_{column}"]


def unread(texts: ir.Table, values: Values, columns: tuple[str, ...], what: str) -> list[Fault]:
    return [
        Fault(filled(texts, c) & values[c].isnull(), c, f"is not {what}")
        for c in columns
        if c in values
    ]


def out_of_range(values: Values, columns: tuple[str, ...], as_of: date) -> list[Fault]:
    faults = []
    for c in columns:
        if c in values:
            first = EARLIEST_BIRTH if c == "birth_date" else EARLIEST
            faults.append(Fault(values[c] > ibis.literal(as_of), c, FUTURE))
            early = values[c] < ibis.literal(first)
            faults.append(Fault(early, c, f"lies before {first.year}"))
    return faults


def any_of(conditions: list[ir.BooleanValue]) -> ir.BooleanValue:
    either = conditions[0]
    for condition in conditions[1:]:
        either = either | condition
    return either


def words_of(export: Export, name: str) -> list[str]:
    """The project's words; the preset's where the project did not say, and beside the defaults."""
    own = tuple(getattr(export.values, name))
    preset = getattr(load_preset(export.preset).values, name) if export.preset else ()
    written = name in export.values.model_fields_set
    return [text.strip().lower() for text in (own if written else (*preset, *own))]


def consent(
    values: Values, export: Export, column: str = "consent_ads"
) -> tuple[ir.StringValue, list[Fault]]:
    if column not in values:
        return ibis.literal("unknown"), []
    said = values[column]
    consent = ibis.cases(
        (said.isin(words_of(export, "yes")), "yes"),
        (said.isin(words_of(export, "no")), "no"),
        (said.isnull() | said.isin(("unknown", "неизвестно", "невідомо", "-", "null")), "unknown"),
        else_=ibis.null("string"),
    )
    fault = Fault(consent.isnull(), column, "is neither yes nor no")
    return consent.fill_null("unknown"), [fault]


def blank(texts: ir.Table, values: Values, *columns: str) -> list[Fault]:
    return [
        Fault(values[c].isnull() & ~filled(texts, c), c, "is empty", shown=False)
        for c in columns
        if c in values
    ]


def numbers(texts: ir.Table, values: Values) -> list[Fault]:
    return unread(texts, values, (*MONEY, *COUNTS), "a number")


def currency_of(values: Values, export: Export) -> ir.StringValue:
    given = or_null(values, "currency", "string").upper()
    return given.fill_null(ibis.literal(export.currency, type="string"))
