"""The same job by hand: exports to segments and digests in pandas, in polars, in plain DuckDB SQL.

They are what somebody writes in an afternoon: addresses lowered, phones cut to digits with 8 made
7, orders summed by contact, thirds of recency and frequency, SHA-256, Parquet. They resolve no
identities, refuse no rows, keep no memory, and say nothing of what they left out.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from benchmarks._shop import AS_OF


def in_pandas(folder: Path) -> int:
    """Rows read."""
    import pandas as pd

    cards = pd.read_csv(folder / "exports" / "contacts.csv", sep=";", dtype=str)
    files = sorted((folder / "exports" / "orders").glob("*.csv"))
    orders = pd.concat([pd.read_csv(path, sep=";", parse_dates=["ordered_on"]) for path in files])
    paid = orders[orders.status == "paid"]
    known = paid.groupby("contact_id").agg(
        last=("ordered_on", "max"), orders=("order_id", "count"), revenue=("amount", "sum")
    )
    known["recency"] = (pd.Timestamp(AS_OF) - known["last"]).dt.days
    known["segment"] = (
        pd.qcut(known.recency.rank(method="first"), 3, labels=["r", "l", "o"]).astype(str)
        + pd.qcut(known.orders.rank(method="first"), 3, labels=["1", "2", "3"]).astype(str)
    )  # fmt: skip
    digits = cards.phone.str.replace(r"\D", "", regex=True).str.replace(r"^8", "7", regex=True)
    cards["email_sha"] = _hashed(cards.email.str.strip().str.lower())
    cards["phone_sha"] = _hashed(digits)
    made = cards.merge(known, left_on="contact_id", right_index=True, how="left")
    made.drop(columns=["email", "phone"]).to_parquet(folder / "pandas.parquet")
    return len(cards) + len(orders)


def _hashed(texts: "object") -> list[str | None]:
    return [
        hashlib.sha256(text.encode()).hexdigest() if isinstance(text, str) else None
        for text in texts  # type: ignore[attr-defined]
    ]


def in_polars(folder: Path) -> int:
    """Rows read."""
    import polars as pl

    cards = pl.read_csv(folder / "exports" / "contacts.csv", separator=";", infer_schema=False)
    orders = pl.scan_csv(
        folder / "exports" / "orders" / "*.csv", separator=";", try_parse_dates=True
    )
    rows = orders.select(pl.len()).collect().item()
    known = (
        orders.filter(pl.col("status") == "paid")
        .group_by("contact_id")
        .agg(last=pl.col("ordered_on").max(), orders=pl.len(), revenue=pl.col("amount").sum())
        .with_columns(recency=(pl.lit(AS_OF) - pl.col("last")).dt.total_days())
        .with_columns(
            segment=pl.concat_str(
                pl.col("recency").rank("ordinal").qcut(3, labels=["r", "l", "o"]).cast(pl.String),
                pl.col("orders").rank("ordinal").qcut(3, labels=["1", "2", "3"]).cast(pl.String),
            )
        )
        .collect()
    )
    digits = pl.col("phone").str.replace_all(r"\D", "").str.replace(r"^8", "7")
    made = cards.with_columns(
        email_sha=_polars_hash(cards.select(pl.col("email").str.strip_chars().str.to_lowercase())),
        phone_sha=_polars_hash(cards.select(digits)),
    )
    made.join(known, on="contact_id", how="left").drop("email", "phone").write_parquet(
        folder / "polars.parquet"
    )
    return len(cards) + rows


def _polars_hash(texts: "object") -> "object":
    import polars as pl

    return pl.Series(_hashed(texts.to_series()))  # type: ignore[attr-defined]


def in_sql(folder: Path) -> int:
    """Rows read."""
    import duckdb

    made = duckdb.connect(config={"memory_limit": "1000MB"})
    made.execute("SET enable_progress_bar = false")
    exports = folder / "exports"
    made.execute(
        f"""COPY (
            WITH known AS (
                SELECT contact_id, max(ordered_on) AS last, count(*) AS orders,
                       sum(amount) AS revenue, DATE '{AS_OF}' - max(ordered_on) AS recency
                FROM read_csv('{exports}/orders/*.csv') WHERE status = 'paid' GROUP BY contact_id
            ), ranked AS (
                SELECT *, ntile(3) OVER (ORDER BY recency) || '-' || ntile(3) OVER (ORDER BY orders)
                       AS segment FROM known
            )
            SELECT cards.* EXCLUDE (email, phone), ranked.* EXCLUDE (contact_id),
                   sha256(lower(trim(email))) AS email_sha,
                   sha256(regexp_replace(regexp_replace(phone, '\\D', '', 'g'), '^8', '7'))
                       AS phone_sha
            FROM read_csv('{exports}/contacts.csv', all_varchar = true) AS cards
            LEFT JOIN ranked USING (contact_id)
        ) TO '{folder}/sql.parquet' (FORMAT parquet)"""
    )
    counted = f"SELECT count(*) FROM read_csv('{exports}/%s', all_varchar = true)"
    names = ("contacts.csv", "orders/*.csv")
    return sum(int(made.execute(counted % name).fetchall()[0][0]) for name in names)


YARDSTICKS: dict[str, Callable[[Path], int]] = {
    "hand-written DuckDB SQL": in_sql,
    "polars": in_polars,
    "pandas": in_pandas,
}
