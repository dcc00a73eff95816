"""The report's table of seeds: how good they are, and what grew from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import ibis.expr.types as ir
from sqlalchemy import Connection

from audiences.lookalikes import Grown
from audiences.model import Snapshot
from audiences.snapshots import snapshot_at
from config.audiences import Audience, Purpose
from flows.documents import Document
from flows.scoring import seed_age
from flows.seeding import grown_lists
from flows.spending import Source, window_rows
from flows.workshop import Workshop
from measurement.money import Sums, against, sums_by, total
from measurement.tables import Cell, Kind, Note, Table, columns

COLUMNS = columns(
    seed=Kind.TEXT,
    seed_people=Kind.COUNT,
    base_people=Kind.COUNT,
    seed_share=Kind.SHARE,
    seed_age=Kind.COUNT,
    freshness=Kind.NAME,
    seed_aov=Kind.MONEY,
    aov_ratio=Kind.RATIO,
    last_seed_aov_ratio=Kind.RATIO,
    overlap_with_last=Kind.SHARE,
    account=Kind.TEXT,
    reach=Kind.COUNT,
    result_people=Kind.COUNT,
    expansion=Kind.NUMBER,
    result_age=Kind.COUNT,
    drr=Kind.PERCENT,
    drr_ratio=Kind.RATIO,
)


REACH = [column.name for column in COLUMNS].index("reach")


@dataclass(frozen=True)
class _Orders:
    """What the people of a set spend per purchase occasion."""

    people: int
    average: float | None


def seeds_table(workshop: Workshop, refreshed: Document, sources: Sequence[Source]) -> Table:
    """A row per look-alike, or per seed where nothing grew yet; `refreshed` says how seeds are."""
    base = _orders(workshop.table("segments"))
    rows = window_rows(sources)
    spent = {key[0]: one for key, one in sums_by(rows, "segment").items()}
    lines: list[tuple[Cell, ...]] = []
    seeds = [one for one in workshop.project.audiences.audience if one.purpose is Purpose.SEED]
    for audience in seeds:
        told = refreshed.get("seeds", {}).get(audience.name)
        if told is None or workshop.find_snapshot("seed", audience.name) is None:
            continue
        mine = _seed_cells(workshop, audience, told, base)
        money = _money_cells(spent.get(audience.name), total(rows))
        grown = [one for one in grown_lists(workshop) if one[0].name == audience.name]
        for _, account, one in grown:
            lines.append((*mine, *_grown_cells(workshop, account, one, told["people"]), *money))
        if not grown:
            lines.append((*mine, *[None] * 5, *money))
    notes = [] if lines else [Note("no_seeds")]
    if any(line[REACH] is not None and line[REACH + 1] is None for line in lines):
        notes.append(Note("size_unknown"))
    return Table("seeds", COLUMNS, tuple(lines), tuple(notes))


def _seed_cells(
    workshop: Workshop, audience: Audience, told: Mapping[str, Any], base: _Orders
) -> tuple[Cell, ...]:
    segmented = workshop.table("segments")
    seed = _orders(segmented.semi_join(workshop.table("seed", audience.name), "person_id"))
    last = _last_seed(workshop, audience)
    before = None if last is None else _orders(segmented.semi_join(last, "person_id"))
    age = seed_age(workshop, audience)
    return (
        audience.name,
        told["people"],
        base.people,
        told["share"],
        age.days if age else None,
        age.freshness.value if age else None,
        seed.average,
        _ratio(seed.average, base.average),
        _ratio(seed.average, before.average) if before else None,
        told["overlap_with_last"],
    )


def _last_seed(workshop: Workshop, audience: Audience) -> ir.Table | None:
    """The seed before the current one, where its file is still kept."""
    current = workshop.find_snapshot("seed", audience.name)
    if current is None:
        return None
    with workshop.catalog.begin() as connection:
        before = _before(connection, workshop, audience.name, current.made_at)
    return None if before is None else workshop.read(before)


def _before(
    connection: Connection, workshop: Workshop, name: str, made_at: datetime
) -> Snapshot | None:
    moment = made_at - timedelta(microseconds=1)
    return snapshot_at(connection, workshop.state, kind="seed", name=name, moment=moment)


def _grown_cells(
    workshop: Workshop, account: str, one: Grown, seed_people: int
) -> tuple[Cell, ...]:
    expansion = one.size / seed_people if one.size is not None and seed_people else None
    age = None if one.grown_at is None else max((workshop.now() - one.grown_at).days, 0)
    return account, one.reach, one.size, expansion, age


def _money_cells(spent: Sums | None, whole: Sums) -> tuple[Cell, ...]:
    """Cost share of what was spent under the seed's name, and the whole's over it."""
    return (None, None) if spent is None else (spent.drr, against(whole, spent)[0])


def _orders(segmented: ir.Table) -> _Orders:
    sums = segmented.aggregate(
        people=segmented.count(),
        orders=segmented.orders.sum(),
        cents=(segmented.revenue * 100).round().cast("int64").sum(),
    )
    row = sums.to_pyarrow().to_pylist()[0]
    return _Orders(row["people"], row["cents"] / 100 / row["orders"] if row["orders"] else None)


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None
