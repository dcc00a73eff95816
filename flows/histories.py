"""Segments over time: sizes, migration, retention, the retention matrix, the churn-risk list.

Everything is worked out anew from the orders of the last refresh, so a shop sees its past on the
first day; what a person's segment was on the day itself is in `stories` (features previous_segment
and days_in_segment).
"""

import csv
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import ibis
import ibis.expr.types as ir

from audiences.concentration import concentration
from audiences.history import (
    Cell,
    Rate,
    churn_risk,
    migration,
    retention,
    retention_matrix,
)
from audiences.segments import Segmentation, sizes
from audiences.snapshots import private_folder, stream
from config.labels import SEGMENTS
from flows.documents import Document
from flows.gating import segment_gated
from flows.pictures import chart_file, history_charts
from flows.workshop import CannotRun, Workshop

LOYAL = ("vip", "loyal")
"""Who counts as loyal in 'loyal now against then'."""


def history(workshop: Workshop, as_of: date, *, since: date | None = None) -> Document:
    """The history document up to a day; raises CannotRun before the first refresh.

    since: the other day of the moves, `compare_days` before if left out. Retention, and with it the
    matrix, is of the latest day whose period has ended. Raises CannotRun for a `since` before the
    first order or not before `as_of`.
    """
    settings = workshop.project.segments.history
    tables = {kind: workshop.table(kind) for kind in ("occasions", "returns", "people")}
    first = _first_day(tables["occasions"])
    days = _points(as_of, first, settings.every_days, settings.points)
    measured = [day - timedelta(days=settings.retention_days) for day in days]
    compared = max(as_of - timedelta(days=settings.compare_days), first)
    if since is not None:
        if not first <= since < as_of:
            raise CannotRun(f"moves are told since a day from {first} on and before {as_of}.")
        compared = since
    wanted = sorted({*days, compared, *(day for day in measured if day >= first)})
    made = {day: segment_of_day(workshop, tables, day) for day in wanted}
    bought = tables["occasions"].filter(tables["occasions"].day <= ibis.literal(as_of))
    newest = bought.day.max().to_pyarrow().as_py()
    period = timedelta(days=settings.retention_days)
    rates = {
        day: retention(made[day].table, bought, as_of=day, days=settings.retention_days)
        for day in measured
        if day in made and day + period <= newest
    }
    now = made[as_of]
    latest = max(rates) if rates else None
    return {
        "as_of": as_of.isoformat(),
        "currency": workshop.project.adsteer.shop.currency,
        "labels": {name: workshop.project.label(name) for name in SEGMENTS},
        "sizes": [
            {"day": day.isoformat(), "people": _people(made[day])} for day in days if day in made
        ],
        "migration": _migration(made[compared], now),
        "loyal": _loyal(made[compared], now),
        "retention_days": settings.retention_days,
        "retention": _retention(rates, settings.targets),
        "matrix": None
        if latest is None
        else _matrix(made, sorted(rates), bought, settings.retention_days),
        "concentration": [list(point) for point in concentration(now.table)],
        "churn_risk": _churn_risk(workshop, now),
        "notes": list(now.notes),
    }


def history_with_charts(workshop: Workshop, as_of: date, *, since: date | None = None) -> Document:
    """The history document, its pictures kept as files named under "charts"."""
    document = history(workshop, as_of, since=since)
    folder = workshop.project.folder
    charts = {
        name: str(chart_file(workshop, name).relative_to(folder))
        for name in history_charts(workshop, document)
    }
    return {**document, "charts": charts}


def segment_of_day(workshop: Workshop, tables: Mapping[str, ir.Table], day: date) -> Segmentation:
    """Everybody who was known on that day: registered or bought by then."""
    people = tables["people"]
    bought = (
        tables["occasions"].group_by("person_id").aggregate(first=tables["occasions"].day.min())
    )
    with_first = people.left_join(bought, "person_id").drop("person_id_right")
    known_since = ibis.least(
        ibis.coalesce(with_first["first"], with_first.registered_on),
        ibis.coalesce(with_first.registered_on, with_first["first"]),
    )
    # Somebody of whom no day is known was always there.
    there = ibis.coalesce(known_since <= ibis.literal(day), ibis.literal(value=True))
    known = with_first.filter(there).drop("first")
    return segment_gated(workshop, {**tables, "people": known}, day)


def _points(as_of: date, first: date, every: int, points: int) -> list[date]:
    """Days of the chart, oldest first; none before the first order."""
    days = [as_of - timedelta(days=every * back) for back in range(points)]
    return sorted(day for day in days if day >= first) or [as_of]


def _first_day(occasions: ir.Table) -> date:
    first: date | None = occasions.day.min().to_pyarrow().as_py()
    if first is None:
        raise CannotRun("there is no order yet, so there is no history.")
    return first


def _people(made: Segmentation) -> dict[str, int]:
    return {str(name): size.people for name, size in sizes(made.table).items()}


def _migration(before: Segmentation, after: Segmentation) -> Document:
    rows = migration(before.table, after.table).to_pyarrow().to_pylist()
    return {
        "from": before.as_of.isoformat(),
        "to": after.as_of.isoformat(),
        "moves": rows,
    }


def _loyal(before: Segmentation, after: Segmentation) -> Document:
    """Loyal then, loyal now, and how many are in both."""
    then = before.table.filter(before.table.segment.isin(LOYAL)).select("person_id")
    now = after.table.filter(after.table.segment.isin(LOYAL)).select("person_id")
    stayed = now.semi_join(then, "person_id")
    counted = {
        name: int(table.count().to_pyarrow().as_py())
        for name, table in (("then", then), ("now", now), ("stayed", stayed))
    }
    return {
        "from": before.as_of.isoformat(),
        "to": after.as_of.isoformat(),
        **counted,
        "new": counted["now"] - counted["stayed"],
        "gone": counted["then"] - counted["stayed"],
    }


def _retention(
    rates: Mapping[date, Mapping[str, Rate]], targets: Mapping[str, float]
) -> list[Document]:
    """A line per day and segment. `verdict` compares the interval, not the bare share."""
    return [
        {
            "day": day.isoformat(),
            "segment": name,
            "people": rate.people,
            "bought": rate.bought,
            "share": rate.share,
            "low": rate.low,
            "high": rate.high,
            "target": targets.get(name),
            "verdict": verdict(rate, targets.get(name)),
        }
        for day, found in sorted(rates.items())
        for name in SEGMENTS
        if (rate := found.get(name)) is not None
    ]


def verdict(rate: Rate, target: float | None) -> str | None:
    """Above or below only where the whole interval is; else the people are too few to say."""
    if target is None:
        return None
    if rate.low >= target:
        return "above"
    return "below" if rate.high < target else "near"


def _matrix(
    made: Mapping[date, Segmentation], measured: Sequence[date], occasions: ir.Table, days: int
) -> Document:
    """The retention matrix of the last of `measured`, with the change since the one before."""
    day = measured[-1]
    earlier = measured[-2] if len(measured) > 1 else None
    cells = retention_matrix(
        made[day].table,
        occasions,
        as_of=day,
        days=days,
        before=made[earlier].table if earlier else None,
    )
    return {
        "day": day.isoformat(),
        "before": earlier.isoformat() if earlier else None,
        "cells": [_cell(cell) for cell in cells],
    }


def _cell(cell: Cell) -> Document:
    return {
        "count_class": cell.count_class,
        "state": cell.state,
        "people": cell.rate.people,
        "share": cell.rate.share,
        "low": cell.rate.low,
        "high": cell.rate.high,
        "revenue": round(cell.revenue, 2),
        "change": cell.change,
    }


def _churn_risk(workshop: Workshop, made: Segmentation) -> Document:
    """The list of people to call: their ids, why, and what they are worth; no contacts, no digests.

    Ids are ours (`adsteer explain ID` tells the rest); who calls finds the contact in the CRM,
    which keeps that right where it is.
    """
    calls = churn_risk(made.table)
    worth = made.table.select("person_id", "segment", "orders", "recency_days", "value")
    rows = calls.inner_join(worth, "person_id").order_by([ibis.desc("value"), "person_id"])
    path = workshop.state / "reports" / f"churn-risk-{made.as_of}.csv"
    people = _write_csv(workshop, path, rows)
    return {"people": people, "file": str(path.relative_to(workshop.project.folder))}


def _write_csv(workshop: Workshop, path: Path, rows: ir.Table) -> int:
    private_folder(path.parent)
    path.touch(mode=0o600)
    written = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(rows.columns)
        for batch in stream(workshop.engine, rows):
            writer.writerows(zip(*(column.to_pylist() for column in batch.columns), strict=True))
            written += batch.num_rows
    return written
