"""Rows of Python in a table of the engine, for tests."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.util import gen_name

from audiences.tables import CONTACT_ROWS, ORDER_ROWS


def table(
    engine: ibis.BaseBackend, schema: ibis.Schema, rows: Iterable[Mapping[str, Any]]
) -> ir.Table:
    """A table of the engine with this schema; columns a row leaves out are null."""
    full = [{name: row.get(name) for name in schema.names} for row in rows]
    content = pa.Table.from_pylist(full, schema=schema.to_pyarrow())
    return engine.create_table(gen_name("given"), ibis.memtable(content), temp=True)


def contacts(engine: ibis.BaseBackend, *rows: Mapping[str, Any]) -> ir.Table:
    """CONTACT_ROWS; `id` names a row, the rest is filled in."""
    base = {"source": "crm", "file": "contacts.csv", "line": 1, "consent_ads": "unknown"}
    ids = ({"row_id": str(row["id"]), "contact_id": str(row["id"])} for row in rows)
    return table(
        engine, CONTACT_ROWS, [base | named | row for named, row in zip(ids, rows, strict=True)]
    )


def orders(engine: ibis.BaseBackend, *rows: Mapping[str, Any]) -> ir.Table:
    """ORDER_ROWS; numbered in order, 100 paid on 2026-03-01 unless told."""
    base = {"source": "crm", "file": "orders.csv", "state": "paid", "ordered_on": date(2026, 3, 1)}
    numbered = (
        base | {"order_id": f"o{place}", "line": place, "amount": Decimal(100)} | row
        for place, row in enumerate(rows)
    )
    return table(engine, ORDER_ROWS, numbered)


def rows_of(engine: ibis.BaseBackend, expression: ir.Table) -> list[dict[str, Any]]:
    """The rows of a table, in no order."""
    rows: list[dict[str, Any]] = engine.to_pyarrow(expression).to_pylist()
    return rows
