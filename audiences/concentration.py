"""How much of the revenue how few people bring."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

SHARES = (0.01, 0.05, 0.10, 0.20, 0.30, 0.40, 0.50, 0.60, 0.70, 0.80, 0.90, 1.0)


def concentration(
    table: ir.Table, column: str = "revenue", shares: Sequence[float] = SHARES
) -> tuple[tuple[float, float], ...]:
    """(share of buyers, share of `column` that the best of them bring), for each of `shares`.

    Buyers of equal worth are counted as far as the share reaches into them, so the answer does
    not depend on the order of rows. Empty where nobody bought.
    """
    paid = table.filter(table[column] > 0)
    # Sums of whole cents are the same in any order.
    cents = paid.select(cents=(paid[column] * 100).round().cast("int64"))
    worth = cents.group_by("cents").aggregate(people=cents.count())
    above = ibis.cumulative_window(order_by=worth.cents.desc())
    sums = worth.select(
        "cents",
        "people",
        people_to_here=worth.people.sum().over(above).cast("int64"),
        cents_to_here=(worth.people * worth.cents).sum().over(above).cast("int64"),
    )
    total = sums.aggregate(people=sums.people_to_here.max(), cents=sums.cents_to_here.max())
    row = total.to_pyarrow().to_pylist()[0]
    if not row["people"]:
        return ()
    found = []
    for share in shares:
        wanted = share * row["people"]
        reached = sums.filter(sums.people_to_here >= wanted).order_by("people_to_here").limit(1)
        one = reached.to_pyarrow().to_pylist()[0]
        cents_held = one["cents_to_here"] - (one["people_to_here"] - wanted) * one["cents"]
        found.append((share, cents_held / row["cents"]))
    return tuple(found)
