"""Shops made from rows or from the saved real data, as tables of a DuckDB session."""

from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pandas as pd

from audiences.tables import OCCASIONS, PEOPLE, RETURNS

FILES = Path(__file__).parents[1] / "data"

EMPTY = {
    "discount": 0.0,
    "margin": None,
    "items": 0,
    "category": None,
    "channel": None,
}


@dataclass(frozen=True, eq=False)
class Shop:
    occasions: ir.Table
    returns: ir.Table
    people: ir.Table


def shop(
    occasions: pd.DataFrame,
    returns: pd.DataFrame | None = None,
    people: pd.DataFrame | None = None,
) -> Shop:
    """Load frames, filling in the columns that are left out; people default to the buyers."""
    engine = ibis.duckdb.connect()
    rows = occasions.assign(
        orders=occasions.get("orders", 1),
        **{name: occasions.get(name, value) for name, value in EMPTY.items()},
    )
    if people is None:
        people = pd.DataFrame({"person_id": rows["person_id"].unique()})
    back = returns if returns is not None else pd.DataFrame(columns=["person_id", "day", "amount"])
    people = people.assign(**{name: people.get(name) for name in PEOPLE if name not in people})
    people["consent_ads"] = people["consent_ads"].fillna("yes")
    return Shop(
        _load(engine, "occasions", rows, OCCASIONS),
        _load(engine, "returns", back, RETURNS),
        _load(engine, "people", people, PEOPLE),
    )


def online_retail() -> Shop:
    """UCI Online Retail: one occasion per customer and day with amount above zero."""
    orders = pd.read_csv(
        FILES / "online_retail" / "online_retail_orders.csv.gz",
        dtype={"customer_id": str},
        parse_dates=["invoice_ts"],
    )
    orders["day"] = orders["invoice_ts"].dt.date
    bought = orders[~orders["is_return"] & (orders["amount"] > 0)]
    back = orders[orders["is_return"]]
    returns = back.groupby(["customer_id", "day"], as_index=False).agg(amount=("amount", "sum"))
    returns["amount"] = -returns["amount"]
    returns = returns.rename(columns={"customer_id": "person_id"})
    everyone = pd.DataFrame({"person_id": sorted(orders["customer_id"].unique())})
    return shop(_by_day(bought), returns, everyone)


def cdnow() -> Shop:
    """CDNOW, all 23,570 customers; days with nothing paid are occasions of the data set."""
    rows = pd.read_csv(FILES / "cdnow" / "cdnow_master.csv.gz", dtype={"customer_id": str})
    rows["day"] = pd.to_datetime(rows["date"]).dt.date
    return shop(_by_day(rows.rename(columns={"cds": "items"})))


def cdnow_sample() -> Shop:
    """The 1/10 sample of the literature: 2,357 customers, days in whole."""
    rows = pd.read_csv(
        FILES / "cdnow" / "cdnow_sample.csv.gz", dtype={"master_customer_id": str}
    ).rename(columns={"master_customer_id": "customer_id", "cds": "items"})
    rows["day"] = pd.to_datetime(rows["date"]).dt.date
    return shop(_by_day(rows))


def complete_journey() -> Shop:
    """Complete Journey 2.0, 2017: one occasion per household and day with something paid."""
    rows = pd.read_csv(
        FILES / "complete_journey" / "baskets.csv.gz",
        dtype={"household_id": str},
        parse_dates=["ts"],
    ).rename(columns={"household_id": "customer_id", "sales_value": "amount", "lines": "items"})
    rows["day"] = rows["ts"].dt.date
    return shop(_by_day(rows[rows["amount"] > 0]))


def _by_day(rows: pd.DataFrame) -> pd.DataFrame:
    days = rows.groupby(["customer_id", "day"], as_index=False).agg(
        revenue=("amount", "sum"), items=("items", "sum"), orders=("amount", "size")
    )
    return days.rename(columns={"customer_id": "person_id"})


def _load(engine: ibis.BaseBackend, name: str, rows: pd.DataFrame, schema: ibis.Schema) -> ir.Table:
    loose = ibis.schema({column: kind(nullable=True) for column, kind in schema.items()})
    table = ibis.memtable(rows[list(schema)], schema=loose)
    return engine.create_table(name, table)
