"""The kinds of exports: which typed columns each gives, and what may be wrong with a row of it."""

from collections.abc import Collection
from datetime import date

import ibis
import ibis.expr.types as ir

from audiences import cells
from audiences.contact_kinds import aggregate_columns, contact_columns
from audiences.faults import (
    MONEY,
    Builder,
    Fault,
    Values,
    any_of,
    blank,
    consent,
    currency_of,
    filled,
    numbers,
    or_null,
    out_of_range,
    unread,
    words_of,
)
from audiences.tables import COSTS, EVENT_ROWS, ORDER_ROWS
from config.exports import Export, ExportKind
from config.presets import COMMON, load_preset

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


PRICE = "price"
"""Of one item of a line: price times items is what the line comes to."""


def is_priced_by_line(columns: Collection[str]) -> bool:
    """Whether what an order comes to is told by the prices of its lines alone."""
    return PRICE in columns and "amount" not in columns


def order_columns(
    texts: ir.Table, values: Values, export: Export, as_of: date
) -> tuple[Values, list[Fault]]:
    money = tuple(c for c in MONEY if c in values)
    told = (PRICE, "items") if is_priced_by_line(values) else ("amount",)
    faults = [
        *blank(texts, values, "order_id", "ordered_on", *told),
        *unread(texts, values, ("ordered_on",), "a date"),
        *unread(texts, values, (*money, "items"), "a number"),
        *out_of_range(values, ("ordered_on",), as_of),
    ]
    gross = _line_comes_to(values) if is_priced_by_line(values) else values["amount"]
    net = gross - values["refunded"].fill_null(0).abs() if "refunded" in values else gross
    state = _state(values.get("state"), net, export)
    if out := [_is_marked(texts, values[c], c, export) for c in OUT if c in values]:
        state = any_of(out).ifelse("cancelled", state)
    columns = {
        name: or_null(values, name, str(kind))
        for name, kind in ORDER_ROWS.items()
        if name not in ("source", "file", "line", "state", "amount", "margin", "consent_ads")
    }
    columns["state"] = state
    said, said_fault = consent(values, export)
    faults += said_fault
    columns["consent_ads"] = said.nullif("unknown")
    columns["amount"] = ibis.ifelse(state == "returned", -net.abs(), net).cast(cells.MONEY)
    margin = or_null(values, "margin", "decimal(18, 2)")
    if "margin" not in values and "cost" in values:
        margin = net - values["cost"]
    columns["margin"] = margin.cast(cells.MONEY)
    columns["currency"] = (
        or_null(values, "currency", "string")
        .upper()
        .fill_null(ibis.literal(export.currency, type="string"))
    )
    return columns, faults


def _line_comes_to(values: Values) -> ir.DecimalValue:
    items = values["items"] if "items" in values else ibis.literal(1)
    return (values[PRICE] * items.fill_null(1)).cast(cells.MONEY)


OUT = ("cancelled_on", "test")
"""Columns that take an order out by being filled in: a day, a yes, a reason."""


def _is_marked(
    texts: ir.Table, value: ir.StringValue, column: str, export: Export
) -> ir.BooleanValue:
    """Whether a cell says anything but no; zero dates such as 00.00.0000 say nothing."""
    no = value.lower().isin(words_of(export, "no")) | value.re_search(r"^[0 .:/-]*$")
    return (filled(texts, column) & ~no).fill_null(False)


def _state(said: ir.Value | None, net: ir.DecimalValue, export: Export) -> ir.StringValue:
    """paid, cancelled or returned. Where the paid states are named, every other one is left out.

    Where no state is named, by the project or its preset, the usual words for none are.
    """
    signed = ibis.ifelse(net < 0, "returned", "paid")
    if said is None:
        return signed
    paid, out, back = (words_of(export, name) for name in ("paid", "cancelled", "returned"))
    if not (paid or out or back):
        out = [word.lower() for word in load_preset(COMMON).values.cancelled]
    return ibis.cases(
        (said.isin(out), "cancelled"),
        (said.isin(back), "returned"),
        (said.isin(paid) | said.isnull(), signed),
        else_=signed if not paid else ibis.literal("cancelled"),
    )


def _order_line(
    texts: ir.Table, values: Values, export: Export, as_of: date
) -> tuple[Values, list[Fault]]:
    faults = [*blank(texts, values, "order_id", "amount"), *numbers(texts, values)]
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
        *blank(texts, values, "ts", "kind"),
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
        *blank(texts, values, "date", "platform", "campaign_id", "cost"),
        *unread(texts, values, ("date",), "a date"),
        *numbers(texts, values),
        *out_of_range(values, ("date",), as_of),
        Fault(values["cost"] < 0, "cost", "is less than nothing"),
    ]
    columns = {
        name: or_null(values, name, str(kind)) for name, kind in COSTS.items() if name != "source"
    }
    if export.vat_percent:
        columns["cost"] = (columns["cost"] / float(1 + export.vat_percent / 100)).round(2)
    money = {name: columns[name].cast(cells.MONEY) for name in ("cost", "revenue")}
    return columns | money | {"currency": currency_of(values, export)}, faults


BUILDERS: dict[ExportKind, Builder] = {
    ExportKind.CONTACTS: contact_columns,
    ExportKind.ORDERS: order_columns,
    ExportKind.AGGREGATE: aggregate_columns,
    ExportKind.ORDER_LINES: _order_line,
    ExportKind.EVENTS: _event,
    ExportKind.COSTS: _cost,
}
