"""The kinds of exports: which typed columns each gives, and what may be wrong with a row of it."""

from datetime import date

import ibis
import ibis.expr.types as ir

from audiences import cells
from audiences.tables import COSTS, EVENT_ROWS
from audiences.typed import (
    COUNTS,
    MONEY,
    Builder,
    Fault,
    Values,
    any_of,
    contact_columns,
    filled,
    or_null,
    order_columns,
    out_of_range,
    unread,
)
from config.exports import Export, ExportKind

MOST_ORDERS = 10_000
"""Orders of one customer above which a sum is no customer's."""

ORDER_LINES = ibis.schema(
    {
        "source": "!string",
        "order_id": "!string",
        "category": "string",
        "items": "int64",
        "amount": "decimal(18, 2)",
        "cost": "decimal(18, 2)",
    }
)
"""One row per line of an order."""


def _blank(texts: ir.Table, values: Values, *columns: str) -> list[Fault]:
    return [
        Fault(values[c].isnull() & ~filled(texts, c), c, "is empty", shown=False)
        for c in columns
        if c in values
    ]


def _numbers(texts: ir.Table, values: Values) -> list[Fault]:
    return unread(texts, values, (*MONEY, *COUNTS), "a number")


def _currency(values: Values, export: Export) -> ir.StringValue:
    given = or_null(values, "currency", "string").upper()
    return given.fill_null(ibis.literal(export.currency, type="string"))


def _aggregate(
    texts: ir.Table, values: Values, export: Export, as_of: date
) -> tuple[Values, list[Fault]]:
    """A contact, and beside it what is known of all its orders together."""
    columns, faults = contact_columns(texts, values, export, as_of)
    days = ("first_ordered_on", "last_ordered_on")
    count, last = values["orders"], values["last_ordered_on"]
    first = or_null(values, "first_ordered_on", "date")
    faults += [
        *_blank(texts, values, "orders"),
        *_numbers(texts, values),
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
        "currency": _currency(values, export),
    }, faults


def _order_line(
    texts: ir.Table, values: Values, export: Export, as_of: date
) -> tuple[Values, list[Fault]]:
    faults = [*_blank(texts, values, "order_id", "amount"), *_numbers(texts, values)]
    category = or_null(values, "category", "string")
    columns = {
        name: or_null(values, name, str(kind))
        for name, kind in ORDER_LINES.items()
        if name not in ("source", "category")
    }
    sku = or_null(values, "sku", "string")
    return columns | {"category": ibis.coalesce(category, sku)}, faults


def _event(
    texts: ir.Table, values: Values, export: Export, as_of: date
) -> tuple[Values, list[Fault]]:
    day = values["ts"].cast("date")
    named = [values[c].notnull() for c in ("contact_id", "email", "phone") if c in values]
    faults = [
        *_blank(texts, values, "ts", "kind"),
        Fault(~any_of(named), "contact_id", "no id, e-mail or phone", shown=False),
        *unread(texts, values, ("ts",), "a date"),
        *out_of_range({"ts": day}, ("ts",), as_of),
    ]
    columns = {
        name: or_null(values, name, str(kind))
        for name, kind in EVENT_ROWS.items()
        if name not in ("source", "file", "line", "ts")
    }
    return columns | {"ts": values["ts"], "kind": values["kind"].lower()}, faults


def _cost(
    texts: ir.Table, values: Values, export: Export, as_of: date
) -> tuple[Values, list[Fault]]:
    faults = [
        *_blank(texts, values, "date", "platform", "campaign_id", "cost"),
        *unread(texts, values, ("date",), "a date"),
        *_numbers(texts, values),
        *out_of_range(values, ("date",), as_of),
        Fault(values["cost"] < 0, "cost", "is less than nothing"),
    ]
    columns = {
        name: or_null(values, name, str(kind)) for name, kind in COSTS.items() if name != "source"
    }
    if export.vat_percent:
        columns["cost"] = (columns["cost"] / float(1 + export.vat_percent / 100)).round(2)
    money = {name: columns[name].cast(cells.MONEY) for name in ("cost", "revenue")}
    return columns | money | {"currency": _currency(values, export)}, faults


BUILDERS: dict[ExportKind, Builder] = {
    ExportKind.CONTACTS: contact_columns,
    ExportKind.ORDERS: order_columns,
    ExportKind.AGGREGATE: _aggregate,
    ExportKind.ORDER_LINES: _order_line,
    ExportKind.EVENTS: _event,
    ExportKind.COSTS: _cost,
}
