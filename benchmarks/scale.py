"""What a refresh of a very large shop would ask of a Spark cluster: a plan on paper.

`python -m benchmarks.scale` prints it as it stands in docs/scale.md. Nothing is run: rows and
widths follow from the assumptions at the top and from what the code shuffles, rates per core are
planning figures to be replaced by those of a day on one's own cluster.
"""

from collections.abc import Iterator
from dataclasses import dataclass

CARDS = 100_000_000
"""Rows of contacts."""
ORDERS = 5_000_000_000
ROWS_A_PERSON = 1.6
CONTACTS_A_CARD = 1.7
"""E-mail addresses and phones."""
DAYS_A_ORDER = 0.9
"""Purchase occasions per order: what somebody buys on one day is one."""
RECIPES = 4
"""Platforms that want contacts hashed in different ways."""
LISTED = 0.6
"""Share of people who are in some list."""
ROUNDS = 4
"""Rounds of large-star and small-star: people have few cards, so chains are short."""

CORES = 400
SHUFFLED_BY_CORE = 25e6
"""Bytes that a core writes, encrypts, sends and reads again in a second."""
CORE_HOUR = 0.05
"""Price of a core for an hour, with its memory and disk, in dollars."""
IDLE = 0.35
"""Share of the cluster's time lost to skew, waiting and starting."""


@dataclass(frozen=True)
class Stage:
    """One step: rows it works on, bytes per row that cross the network, rows a core does."""

    name: str
    rows: float
    shuffled: float
    """Bytes per row, all shuffles of the step together."""
    rate: float
    """Rows per second and core, without shuffling."""

    @property
    def shuffle(self) -> float:
        return self.rows * self.shuffled

    @property
    def core_hours(self) -> float:
        return (self.rows / self.rate + self.shuffle / SHUFFLED_BY_CORE) / 3600


def stages() -> list[Stage]:
    """The steps of a refresh in their order."""
    people, days = CARDS / ROWS_A_PERSON, ORDERS * DAYS_A_ORDER
    contacts = CARDS * CONTACTS_A_CARD
    return [
        Stage("read and type contacts", CARDS, 0, 60_000),
        Stage("read and type orders", ORDERS, 0, 120_000),
        Stage("the last row of every card and order", CARDS + ORDERS, 120, 250_000),
        Stage("read contacts out of cells, hash keys", contacts, 40, 100_000),
        Stage("judge keys: crowds, families, strangers", contacts, 160, 150_000),
        Stage("connect rows", contacts * ROUNDS, 3 * 24, 400_000),
        Stage("name people, keep their keys", CARDS + contacts, 220, 120_000),
        Stage("orders to people", ORDERS, 3 * 90, 150_000),
        Stage("orders to occasions", ORDERS, 70, 300_000),
        Stage("gaps and features", days, 5 * 45, 150_000),
        Stage("calibrate, rank, cut", people, 14 * 24, 100_000),
        Stage("value, scores, segments, stories", people, 12 * 120, 25_000),
        Stage("digests", contacts * RECIPES, 110, 100_000),
        Stage("lists: wanted against known", people * LISTED * RECIPES, 3 * 210, 100_000),
    ]


def run(*, quick: bool) -> Iterator[dict[str, object]]:
    """A row per stage, and the whole."""
    for one in stages():
        yield {
            "stage": one.name,
            "rows, million": f"{one.rows / 1e6:,.0f}",
            "shuffled, GB": f"{one.shuffle / 1e9:,.0f}",
            "core hours": f"{one.core_hours:,.1f}",
        }
    hours = sum(one.core_hours for one in stages())
    yield {
        "stage": "the whole",
        "rows, million": "",
        "shuffled, GB": f"{sum(one.shuffle for one in stages()) / 1e9:,.0f}",
        "core hours": f"{hours:,.0f}",
    }


def summary() -> str:
    """Time and price of one refresh on the assumed cluster."""
    hours = sum(one.core_hours for one in stages())
    paid = hours / (1 - IDLE)
    return (
        f"On {CORES} cores, {IDLE:.0%} of their time lost: {paid / CORES * 60:,.0f} minutes, "
        f"{paid:,.0f} core hours paid, about ${paid * CORE_HOUR:,.0f} a refresh. Typed orders held "
        f"on the cluster's disks: about {ORDERS * 60 / 1e9:,.0f} GB."
    )


def as_markdown() -> str:
    """The plan as docs/scale.md shows it."""
    rows = list(run(quick=True))
    head = list(rows[0])
    lines = [f"| {' | '.join(head)} |", f"| --- |{' ---: |' * (len(head) - 1)}"]
    lines += [f"| {' | '.join(str(cell) for cell in row.values())} |" for row in rows]
    return "\n".join([*lines, "", summary()])


if __name__ == "__main__":
    print(as_markdown())
