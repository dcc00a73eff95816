"""The typed rows of all files of a run as one table per kind: contacts, orders, events, costs."""

from collections.abc import Collection, Sequence
from datetime import date
from functools import partial, reduce

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
from ibis import _
from ibis.backends.duckdb import Backend

from audiences import cells
from audiences.engines import Keep, engine_under
from audiences.kinds import ORDER_LINES
from audiences.layers import drop, layer, new_table
from audiences.refusals import ExportRefused
from audiences.staging import keep
from audiences.tables import CONTACT_ROWS, COSTS, EVENT_ROWS, ORDER_ROWS
from config.exports import ExportKind, Rate
from config.shop import Shop

CONTACTS_TABLE = "contact_rows"
ORDERS_TABLE = "order_rows"
EVENTS_TABLE = "event_rows"
COSTS_TABLE = "cost_rows"

USUAL_GAP_DAYS = 30.0
"""Days between two orders of a customer of whom only sums are known, where no customer tells."""

Rows = dict[ExportKind, list[ir.Table]]


def assemble(
    engine: Backend, rows: Rows, shop: Shop, rates: Sequence[Rate], *, orders: bool = True
) -> frozenset[ExportKind]:
    """Make the four tables, or three of them without the `orders`.

    Gives the kinds whose rows must stay as they were read: nothing had to be changed in them, so
    they are looked at where they lie. Raises ExportRefused for amounts in a currency without a
    rate.
    """
    sums = rows.get(ExportKind.AGGREGATE, [])
    _write_contacts(engine, [*rows.get(ExportKind.CONTACTS, []), *sums])
    stay: frozenset[ExportKind] = frozenset()
    if orders:
        told = [*rows.get(ExportKind.ORDERS, []), *map(_orders_of, sums)]
        lines = rows.get(ExportKind.ORDER_LINES, [])
        if _lie_ready(engine, told, lines, shop, rates):
            layer(engine, ORDERS_TABLE, all_rows([_of_orders(table) for table in told], ORDER_ROWS))
            stay = frozenset({ExportKind.ORDERS})
        else:
            write_orders(engine, ORDERS_TABLE, told, lines, shop, rates)
    _write_plain(engine, EVENTS_TABLE, rows.get(ExportKind.EVENTS, []), EVENT_ROWS)
    costs = [
        _in_shop_currency(table, "costs", "date", ("cost", "revenue"), shop, rates)
        for table in rows.get(ExportKind.COSTS, [])
    ]
    _write_plain(engine, COSTS_TABLE, costs, COSTS)
    return stay


_ORDER_COLUMNS = (*ORDER_ROWS.names, "currency")
_ORDER_MONEY = ("amount", "discount", "margin")


def _columns(table: ir.Table, names: Collection[str]) -> ir.Table:
    return table.select(*names)


def all_rows(tables: Sequence[ir.Table], schema: ibis.Schema) -> ir.Table:
    """The tables under each other; an empty one of the schema where there are none."""
    if not tables:
        return ibis.memtable([], schema=schema)
    return reduce(lambda one, other: one.union(other), tables)


def _gathered(
    engine: Backend, name: str, tables: Sequence[ir.Table], names: Collection[str]
) -> ir.Table:
    """The named columns of all tables in a new one: a union of a hundred files is slow to plan."""
    first, *rest = (_columns(table, names) for table in tables)
    gathered = new_table(engine, name, first)
    kinds = dict(gathered.schema())
    for table in rest:
        engine.raw_sql(f'INSERT INTO "{name}" {engine.compile(table.cast(kinds))}')
    return gathered


def _write_plain(
    engine: Backend, name: str, tables: Sequence[ir.Table], schema: ibis.Schema
) -> None:
    if not tables:
        new_table(engine, name, schema=schema)
        return
    rows = all_rows([_columns(table, schema.names) for table in tables], schema)
    new_table(engine, name, rows.cast(dict(schema)))


def _write_contacts(engine: Backend, tables: Sequence[ir.Table]) -> None:
    """CONTACT_ROWS; a row id is the contact id where that names one row of its source only."""
    if not tables:
        new_table(engine, CONTACTS_TABLE, schema=CONTACT_ROWS)
        return
    names = [name for name in CONTACT_ROWS.names if name != "row_id"]
    rows = all_rows([_columns(table, names) for table in tables], CONTACT_ROWS)
    place = rows.file + ":" + rows.line.cast("string")
    own = rows.contact_id.notnull() & (_place_among_its_like(engine, rows) == 0)
    rows = rows.mutate(row_id=ibis.ifelse(own, rows.contact_id, place))
    new_table(engine, CONTACTS_TABLE, rows.select(*CONTACT_ROWS.names).cast(dict(CONTACT_ROWS)))


def _place_among_its_like(engine: Backend, rows: ir.Table) -> ir.IntegerValue:
    """How many rows of its source with its contact id lie before a row: mostly there are none."""
    key = ibis.struct({"source": rows.source, "contact_id": rows.contact_id}).hash()
    counted = (
        rows.filter(rows.contact_id.notnull()).group_by(key.name("key")).aggregate(n=_.count())
    )
    if engine.to_pyarrow(counted.filter(counted.n > 1).limit(1)).num_rows == 0:
        return ibis.literal(0)
    return ibis.row_number().over(group_by=["source", "contact_id"], order_by=["file", "line"])


# Orders


FEW = 4
"""Tables that may be looked at together, each time anew; a union of many is slow to plan."""


def _lie_ready(
    engine: Backend,
    tables: Sequence[ir.Table],
    lines: Sequence[ir.Table],
    shop: Shop,
    rates: Sequence[Rate],
) -> bool:
    """Whether nothing has to be changed in the rows of orders: then they need not be copied."""
    if engine.name != "duckdb" or lines or not 0 < len(tables) <= FEW:
        return False
    rows = all_rows([_columns(table, _ORDER_COLUMNS) for table in tables], ORDER_ROWS)
    if _in_shop_currency(rows, "orders", "ordered_on", _ORDER_MONEY, shop, rates) is not rows:
        return False
    twice = _told_twice(_keyed(rows)).limit(1)
    return bool(engine.to_pyarrow(twice).num_rows == 0)


def _of_orders(table: ir.Table) -> ir.Table:
    return _columns(table, ORDER_ROWS.names).cast(_nullable(ORDER_ROWS))


def _nullable(schema: ibis.Schema) -> dict[str, dt.DataType]:
    return {name: kind.copy(nullable=True) for name, kind in schema.items()}


def write_orders(
    engine: Backend,
    name: str,
    tables: Sequence[ir.Table],
    lines: Sequence[ir.Table],
    shop: Shop,
    rates: Sequence[Rate],
) -> ir.Table:
    """ORDER_ROWS as table `name`: a row per order and per return, the last row that tells of it.

    Raises ExportRefused for amounts in a currency without a rate.
    """
    if not tables:
        return new_table(engine, name, schema=ORDER_ROWS)
    every = _gathered(engine, "every_order_row", tables, _ORDER_COLUMNS)
    rows = _in_shop_currency(every, "orders", "ordered_on", _ORDER_MONEY, shop, rates)
    last = _told_last(rows)
    told = _with_lines(last, lines) if lines else last
    written = new_table(engine, name, told.select(*ORDER_ROWS.names).cast(dict(ORDER_ROWS)))
    drop(engine, "every_order_row")
    return written


def _told_last(rows: ir.Table) -> ir.Table:
    """Of the rows that tell of one order, or of one return, the last: its file's, then its line's.

    Only orders that are told twice are put in order: they are few among all.
    """
    keyed = _keyed(rows)
    several = keep(_told_twice(keyed))
    later = ibis.row_number().over(
        group_by=list(_order_key(rows).values()),
        order_by=[ibis.desc("file"), ibis.desc("line")],
    )
    twice = keyed.semi_join(several, "order")
    last = twice.mutate(later=later).filter(_.later == 0).drop("later")
    return keyed.anti_join(several, "order").union(last).drop("order")


def _keyed(rows: ir.Table) -> ir.Table:
    return rows.mutate(order=ibis.struct(_order_key(rows)).hash())


def _told_twice(keyed: ir.Table) -> ir.Table:
    counted = keyed.group_by("order").aggregate(rows=_.count())
    return counted.filter(counted.rows > 1).select("order")


def _order_key(rows: ir.Table) -> dict[str, ir.Value]:
    return {"source": rows.source, "order_id": rows.order_id, "back": rows.state == "returned"}


def _with_lines(orders: ir.Table, lines: Sequence[ir.Table]) -> ir.Table:
    """What the lines tell where the order itself does not: category, items, margin.

    The category is that of the order's largest line that has one; the cost counts where every
    line has one.
    """
    every = all_rows([_columns(table, ORDER_LINES.names) for table in lines], ORDER_LINES)
    size = ibis.struct({"amount": every.amount.abs(), "category": every.category})
    summed = every.group_by("source", "order_id").aggregate(
        line_category=every.category.argmax(size, where=every.category.notnull()),
        line_items=every["items"].sum(),
        line_cost=(every.cost.count() == every.count()).ifelse(every.cost.sum(), None),
    )
    both = orders.left_join(summed, ["source", "order_id"])
    earned = ibis.ifelse(both.state == "paid", both.amount - both.line_cost, None)
    return both.mutate(
        category=ibis.coalesce(both.category, both.line_category),
        items=ibis.coalesce(both["items"], both.line_items),
        margin=ibis.coalesce(both.margin, earned.cast(cells.MONEY)),
    )


def _orders_of(sums: ir.Table) -> ir.Table:
    """The orders that a customer's sums stand for.

    They are spread evenly from the first to the last order. Where the first is not known their
    distance is the middle one of the customers of whom it is. Category and channel are those of the
    last one. Cents that cannot be shared out go to it too.
    """
    bought = keep(sums.filter(sums.orders > 0))
    work = engine_under(bought)
    gaps = bought.select(gap=_gap(bought))
    middle = work.quantiles(gaps, "gap", (0.5,))[0]
    return work.by_row(bought, partial(_spread, usual=middle or USUAL_GAP_DAYS), _as_it_is)


def _gap(bought: ir.Table) -> ir.FloatingValue:
    """Days between two orders, where the first is known."""
    span = bought.last_ordered_on.delta(bought.first_ordered_on, unit="day")
    return span / (bought.orders - 1).nullif(0)


def _as_it_is(table: ir.Table) -> ir.Table:
    return table


def _spread(engine: Backend, bought: ir.Table, into: Keep, *, usual: float) -> ir.Table:
    gap = ibis.coalesce(_gap(bought), usual)
    numbered = bought.mutate(gap=gap, back=ibis.range(bought.orders).unnest())
    last = numbered.back == 0
    share = (numbered.amount * 100 / numbered.orders).floor().cast("int64")
    rest = numbered.amount * 100 - share * (numbered.orders - 1)
    days = (numbered.back * numbered.gap).round().cast("int64")
    day = numbered.last_ordered_on - days.as_interval("D")
    none, text = ibis.null("decimal(18, 2)"), ibis.null("string")
    place = numbered.file + ":" + numbered.line.cast("string")
    orders = numbered.select(
        "source",
        "file",
        "line",
        "contact_id",
        "email",
        "phone",
        "currency",
        order_id=place + "#" + (numbered.orders - numbered.back).cast("string"),
        ordered_on=day.cast("string").substr(0, 10).cast("date"),
        state=ibis.literal("paid"),
        amount=(ibis.ifelse(last, rest, share) / 100).cast(cells.MONEY),
        discount=none,
        margin=none,
        items=ibis.null("int64"),
        category=ibis.ifelse(last, numbered.category, text),
        channel=ibis.ifelse(last, numbered.channel, text),
        consent_ads=text,
    )
    return into(orders)


# Currencies


def _in_shop_currency(
    rows: ir.Table,
    what: str,
    day: str,
    money: Sequence[str],
    shop: Shop,
    rates: Sequence[Rate],
) -> ir.Table:
    """Amounts in the shop's currency, each by the rate of its day."""
    found = rows.filter(rows.currency.notnull()).currency.as_table().distinct()
    codes = {str(row["currency"]) for row in found.to_pyarrow().to_pylist()} - {shop.currency}
    without = sorted(codes - {rate.currency for rate in rates})
    if without:
        raise ExportRefused(
            what,
            f"amounts are in currencies other than {shop.currency} that have no rate",
            f"Export them in {shop.currency}, or give rates: [[rate]] with currency, day, rate.",
        )
    if not codes:
        return rows
    worth = _periods([rate for rate in rates if rate.currency in codes])
    both = rows.left_join(
        worth,
        [
            rows.currency == worth.rated,
            rows[day] >= worth.from_day,
            rows[day] < worth.until_day,
        ],
    )
    foreign = both.currency.notnull() & (both.currency != shop.currency)
    early = both.filter(foreign & both.worth.isnull()).count().to_pyarrow().as_py()
    if early:
        raise ExportRefused(
            what,
            f"{early:,} amounts lie before the first rate of their currency",
            "Give an earlier [[rate]].",
        )
    turned = {
        name: ibis.ifelse(foreign, (both[name] * both.worth).round(2), both[name]).cast(cells.MONEY)
        for name in money
    }
    return both.mutate(**turned).select(*rows.columns)


def _periods(rates: Sequence[Rate]) -> ir.Table:
    """(rated, from_day, until_day, worth): the days on which each rate holds."""
    ordered = sorted(rates, key=lambda rate: (rate.currency, rate.day))
    ends = [
        after.day if after is not None and after.currency == rate.currency else _NEVER
        for rate, after in zip(ordered, [*ordered[1:], None], strict=True)
    ]
    rows = [
        {"rated": rate.currency, "from_day": rate.day, "until_day": end, "worth": rate.rate}
        for rate, end in zip(ordered, ends, strict=True)
    ]
    schema = {"rated": "string", "from_day": "date", "until_day": "date", "worth": "decimal(18, 8)"}
    return ibis.memtable(rows, schema=ibis.schema(schema))


_NEVER = date(9999, 12, 31)
