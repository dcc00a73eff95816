"""Ranks that are functions of the data: equals stay together, whatever the order of rows."""

import ibis
import ibis.expr.types as ir

from audiences.engines import engine_under

SCORES = 5
_HIBERNATING, _AT_RISK, _LOYAL, _POTENTIAL = (
    "hibernating",
    "at_risk",
    "loyal",
    "potential_loyalist",
)
RF_GRID: dict[tuple[int, int], str] = {
    **{(r, f): _HIBERNATING for r in (1, 2) for f in (1, 2)},
    **{(r, f): _AT_RISK for r in (1, 2) for f in (3, 4)},
    **{(r, 5): "cannot_lose" for r in (1, 2)},
    **{(3, f): "about_to_sleep" for f in (1, 2)},
    (3, 3): "need_attention",
    **{(r, f): _LOYAL for r in (3, 4) for f in (4, 5)},
    (4, 1): "promising",
    (5, 1): "new",
    **{(r, f): _POTENTIAL for r in (4, 5) for f in (2, 3)},
    **{(5, f): "champions" for f in (4, 5)},
}
"""The 5 x 5 grid of the notebooks, total and exclusive: (recency score, frequency score)."""


def best(table: ir.Table, column: str, most: int) -> ir.Table:
    """At most `most` rows of the highest `column`; equals stay or go together."""
    ranked = engine_under(table).placed(table, column, descending=True)
    among_peers = ibis.window(group_by=ranked.place)
    ranked = ranked.mutate(peers=ranked.count().over(among_peers))
    return ranked.filter(ranked.place + ranked.peers <= most).select(*table.columns)


def score(table: ir.Table, column: str, name: str, *, descending: bool = False) -> ir.Table:
    """`table` with a score 1..5: min(5, 1 + floor(5 x #{strictly before} / N)).

    Scores may be skipped.
    """
    placed = engine_under(table).placed(table, column, descending=descending)
    found = (placed.place * SCORES / placed.all_rows + 1).floor().cast("int64")
    return placed.select(*table.columns, **{name: found})


def rf_grid(segmented: ir.Table) -> ir.Table:
    """Person_id, r_score, f_score, rf_label of every buyer of a SEGMENTED table.

    An extra label for people who know the grid; bids are not built on it.
    """
    buyers = segmented.filter(segmented.orders > 0)
    figures = buyers.select("person_id", "recency_days", "orders")
    by_recency = score(figures, "recency_days", "r_score", descending=True)
    scored = score(by_recency, "orders", "f_score").select("person_id", "r_score", "f_score")
    cells = [
        ((scored.r_score == r) & (scored.f_score == f), label) for (r, f), label in RF_GRID.items()
    ]
    return scored.mutate(rf_label=ibis.cases(*cells, else_=ibis.null("string")))


def auc(table: ir.Table, score_column: str, outcome: str) -> float | None:
    """Chance that a row with the outcome (1) scores above one without (0); equals count half.

    None where all rows have the same outcome. Rows without a score are left out.
    """
    known = table.filter(table[score_column].notnull())
    cells = known.group_by(known[score_column].name("at")).aggregate(
        ones=known[outcome].sum().cast("int64"), rows=known.count().cast("int64")
    )
    cells = cells.mutate(zeros=cells.rows - cells.ones)
    below = ibis.cumulative_window(order_by=cells["at"])
    cells = cells.mutate(zeros_below=cells.zeros.sum().over(below).cast("int64") - cells.zeros)
    sums = cells.aggregate(
        won=(cells.ones * (2 * cells.zeros_below + cells.zeros)).sum().cast("float64"),
        ones=cells.ones.sum(),
        zeros=cells.zeros.sum(),
    )
    row = sums.to_pyarrow().to_pylist()[0]
    if not row["ones"] or not row["zeros"]:
        return None
    return float(row["won"] / (2 * row["ones"] * row["zeros"]))
