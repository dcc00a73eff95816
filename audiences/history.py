"""Segments over time: who moved where, who stayed a buyer, and since when each is what they are."""

import math
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

NORMAL_95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""

STORIES = ibis.schema(
    {
        "person_id": "!string",
        "segment": "!string",
        "previous_segment": "string",  # null before the first change
        "entered_on": "!date",
        "entered_by": "!string",  # first_seen, purchase or silence
        "orders": "!int64",
    }
)
"""One row per person: the present segment and how the person came into it."""

CHURN_RISK = (("loyal", "slipping"), ("loyal", "asleep"), ("first", "slipping"))
"""Count class and state of the people to call: loyal ones and first buyers who fall silent."""


@dataclass(frozen=True)
class Rate:
    """A share of people with its Wilson interval (95 %)."""

    people: int
    bought: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Cell:
    """One cell of the retention matrix."""

    count_class: str
    """first, developing, loyal; vip, whose people are not in the other three; never_bought."""
    state: str | None
    """None for people who never bought."""
    rate: Rate
    revenue: float
    """What the cell's people bought in the period."""
    change: int | None
    """People against the snapshot before; None without one."""


def wilson(bought: int, people: int) -> Rate:
    """Share and Wilson score interval; of nobody it is 0 with the interval 0 to 1."""
    if people == 0:
        return Rate(0, 0, 0.0, 0.0, 1.0)
    z2 = NORMAL_95**2
    share = bought / people
    middle = (share + z2 / (2 * people)) / (1 + z2 / people)
    spread = share * (1 - share) / people + z2 / (4 * people**2)
    half = NORMAL_95 * math.sqrt(spread) / (1 + z2 / people)
    return Rate(people, bought, share, max(0.0, middle - half), min(1.0, middle + half))


def migration(before: ir.Table, after: ir.Table) -> ir.Table:
    """Columns before, after, people, share, of two SEGMENTED tables.

    `share` is of the segment's people who are in both snapshots, so it sums to 1 for each
    `before`. Entrants have a null `before`, leavers a null `after`, and both a null share.
    """
    was = before.select("person_id", before=before.segment)
    now = after.select("person_id", after=after.segment)
    moves = was.outer_join(now, "person_id")
    counted = moves.group_by("before", "after").aggregate(people=moves.count())
    stayed = counted.before.notnull() & counted.after.notnull()
    row = ibis.window(group_by=[counted.before, counted.after.notnull()])
    share = counted.people / counted.people.sum().over(row)
    shared = counted.mutate(share=ibis.ifelse(stayed, share, ibis.null("float64")))
    return shared.order_by(["before", "after"])


def retention(
    segmented: ir.Table, occasions: ir.Table, *, as_of: date, days: int
) -> dict[str, Rate]:
    """Share of each segment at `as_of` that bought in the `days` days after it.

    Raises ValueError where the orders end before the period does.
    """
    both = _with_purchases(segmented, occasions, as_of, days)
    rows = both.group_by("segment").aggregate(people=both.count(), bought=both.bought.sum())
    return {
        row["segment"]: wilson(row["bought"], row["people"])
        for row in rows.order_by("segment").to_pyarrow().to_pylist()
    }


def retention_matrix(
    segmented: ir.Table,
    occasions: ir.Table,
    *,
    as_of: date,
    days: int,
    before: ir.Table | None = None,
) -> tuple[Cell, ...]:
    """Count class by state: people, share that bought in `days` days, revenue, change.

    Raises ValueError where the orders end before the period does.
    """
    both = _with_purchases(segmented, occasions, as_of, days)
    lined = both.mutate(line=_line(both))
    rows = lined.group_by("line", "state").aggregate(
        people=lined.count(), bought=lined.bought.sum(), revenue=lined.spent.sum()
    )
    rows = rows.order_by("line", "state")
    earlier = None if before is None else _cell_sizes(before)
    return tuple(
        Cell(
            count_class=row["line"],
            state=row["state"],
            rate=wilson(row["bought"], row["people"]),
            revenue=row["revenue"],
            change=None
            if earlier is None
            else row["people"] - earlier.get((row["line"], row["state"]), 0),
        )
        for row in rows.to_pyarrow().to_pylist()
    )


def churn_risk(segmented: ir.Table) -> ir.Table:
    """Person_id, count_class, state of the people to call before they are gone."""
    cells = [
        (segmented.count_class == count_class) & (segmented.state == state)
        for count_class, state in CHURN_RISK
    ]
    return segmented.filter(ibis.or_(*cells)).select("person_id", "count_class", "state")


def carry_on(stories: ir.Table | None, segmented: ir.Table, *, as_of: date) -> ir.Table:
    """Tell each person's story (schema STORIES) up to a new snapshot.

    stories: the answer of the snapshot before, or None for the first. Who is seen for the first
    time entered at `as_of`; who changed did so by a purchase, or by keeping silent.
    """
    today = ibis.literal(as_of)
    now = segmented.select("person_id", "segment", "orders")
    if stories is None:
        return now.select(
            "person_id",
            "segment",
            previous_segment=ibis.null("string"),
            entered_on=today,
            entered_by=ibis.literal("first_seen"),
            orders=now.orders,
        )
    told = stories.rename(
        was="segment", before="previous_segment", since="entered_on", by="entered_by", had="orders"
    )
    both = now.left_join(told, "person_id").drop("person_id_right")
    new, same = both.was.isnull(), both.was == both.segment
    return both.select(
        "person_id",
        "segment",
        previous_segment=ibis.ifelse(same, both.before, both.was),
        entered_on=ibis.ifelse(same, both.since, today),
        entered_by=ibis.cases(
            (new, "first_seen"),
            (same, both.by),
            (both.orders > both.had, "purchase"),
            else_="silence",
        ),
        orders=both.orders,
    )


def _with_purchases(segmented: ir.Table, occasions: ir.Table, as_of: date, days: int) -> ir.Table:
    until = as_of + timedelta(days=days)
    newest = occasions.day.max().to_pyarrow().as_py()
    if newest is None or newest < until:
        raise ValueError(f"orders end on {newest}; retention of {as_of} needs them up to {until}")
    rows = occasions.filter(
        occasions.day > ibis.literal(as_of), occasions.day <= ibis.literal(until)
    )
    later = rows.group_by("person_id").aggregate(spent=rows.revenue.sum())
    both = segmented.left_join(later, "person_id").drop("person_id_right")
    return both.mutate(bought=both.spent.notnull().cast("int64"), spent=both.spent.fill_null(0.0))


def _line(segmented: ir.Table) -> ir.StringValue:
    return ibis.cases(
        (segmented.orders == 0, "never_bought"),
        (segmented.is_vip, "vip"),
        else_=segmented.count_class,
    )


def _cell_sizes(segmented: ir.Table) -> dict[tuple[str, str | None], int]:
    lined = segmented.mutate(line=_line(segmented))
    rows = lined.group_by("line", "state").aggregate(people=lined.count())
    return {(row["line"], row["state"]): row["people"] for row in rows.to_pyarrow().to_pylist()}
