"""Exports to segments: read, resolve, segment, and keep it all as one set of snapshots."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

import ibis.expr.types as ir

from audiences.attribution import attribute
from audiences.exports import (
    CONTACTS_TABLE,
    EVENTS_TABLE,
    ORDERS_TABLE,
    REJECTS_FILE,
    REJECTS_TABLE,
    FileRead,
    read_exports,
)
from audiences.forgetting import look_for, settle, without
from audiences.layers import drop
from audiences.people import People, build_people
from audiences.readings import Readings
from audiences.refreshes import Refresh, last_refreshes
from audiences.segments import Segmentation
from audiences.suppression import suppressed_in
from config.exports import ExportKind
from config.labels import SEGMENTS
from flows.committing import commit, costs_read, write_all
from flows.documents import Document
from flows.experimenting import power_notes
from flows.footprint import Footprint, footprint
from flows.gating import (
    gate_document,
    judge_base,
    roll_ups_document,
    roll_ups_of,
    segment_gated,
)
from flows.holding import assign
from flows.reusing import leave, leave_nothing, past_of, reused
from flows.scoring import described_people, pick_seeds, score, seed_document
from flows.unchanged import UNKNOWN, inputs_of, nothing_new, told_again
from flows.workshop import Workshop

MOST_REASONS = 12
"""Kinds of rejected rows that are shown; all of them are in the file."""


def refresh(workshop: Workshop) -> Document:
    """Read every export and make people, segments, digests and seeds current, all at once.

    Raises ExportRefused before anything is changed.
    """
    limit = workshop.project.adsteer.engine.memory_limit
    with footprint(workshop.state / "scratch", limit) as taken:
        return _refresh(workshop, taken)


def _refresh(workshop: Workshop, taken: Footprint) -> Document:
    inputs, last = inputs_of(workshop), _last_refresh(workshop)
    if last is not None and nothing_new(workshop, inputs, last):
        return told_again(workshop, last, taken)
    engine, project, as_of = workshop.engine, workshop.project, workshop.as_of
    shop = project.adsteer.shop
    readings = Readings.of(workshop.state, shop, as_of, workshop.seal)
    reading = read_exports(
        engine,
        project.exports,
        project.folder,
        shop,
        as_of,
        workshop.databases(),
        refused=workshop.state / "rejects",
        kept=readings,
        past=past_of(workshop),
    )
    rejects = workshop.state / "rejects" / REJECTS_FILE
    everybody = build_people(
        engine,
        shop,
        engine.table(CONTACTS_TABLE),
        reading.carried or engine.table(ORDERS_TABLE),
        previous_keys=_previous_keys(workshop),
        suppressed=suppressed_in(engine, project.exports, project.folder, shop.phone_regions),
    )
    doing = look_for(
        engine,
        workshop.catalog,
        workshop.state,
        everybody,
        engine.table(CONTACTS_TABLE),
        workshop.seal,
    )
    people = without(everybody, doing)
    tables = {
        "occasions": people.occasions,
        "returns": people.returns,
        "people": people.people,
    }
    behaviour = _behaviour(workshop, people)
    if engine.name == "duckdb":  # nobody asks for them any more; the rest has their memory
        for rows in (CONTACTS_TABLE, EVENTS_TABLE):
            drop(engine, rows)
    made = segment_gated(workshop, tables, as_of)
    rolled = roll_ups_document(workshop, made, roll_ups_of(last.document if last else None))
    costs = next(costs_read(workshop), None)
    scored = score(workshop, made, people.occasions, people.people, behaviour, costs)
    described = described_people(workshop, made.table, people.people, scored.scores, made.as_of)
    assigned = assign(workshop, described, people.resolution.naming)
    picked = list(pick_seeds(workshop, made, people.people, scored))
    seeds = {one.name: seed for one, seed in picked}
    document = {
        **segments_document(workshop, made, last.document["segments"] if last else None),
        "exports": [file_document(file) for file in reading.files],
        "rejects": str(rejects.relative_to(project.folder)),
        "reasons": reject_reasons(workshop),
        "identity": identity_document(people),
        "seeds": {one.name: seed_document(workshop, one, seed, made.as_of) for one, seed in picked},
        "roll_ups": rolled,
        "behaviour": scored.behaviour,
        "value_model": {"usable": not scored.faults, "faults": list(scored.faults)},
    }
    document["notes"] += [
        f"{account}: {note}" for account, one in rolled.items() for note in one["notes"]
    ]
    document["notes"] += scored.behaviour["notes"] if scored.behaviour else []
    document["notes"] += scored.notes
    document["notes"] += power_notes(workshop, described, people.occasions)
    if inputs_of(workshop) != inputs:
        inputs = UNKNOWN  # a file was written anew while it was read
    now = workshop.now()
    files = write_all(workshop, people, made, scored, seeds, behaviour, assigned, now)
    document["work"] = {**reused(reading, readings, people), **taken.told()}
    commit(
        workshop,
        files,
        people,
        document,
        as_of=made.as_of,
        now=now,
        newest_order=reading.newest_order,
        inputs=inputs,
    )
    settle(workshop.catalog, workshop.state, doing, workshop.now(), workshop.seal)
    if doing.anybody:
        readings.clear()
        leave_nothing(workshop)
    else:
        readings.settle(workshop.now())
        leave(workshop, reading, people)
    return document


def segments_at(workshop: Workshop, as_of: date) -> Document:
    """The segments of any day, from the orders of the last refresh.

    Raises CannotRun before the first refresh.
    """
    tables = {kind: workshop.table(kind) for kind in ("occasions", "returns", "people")}
    made = segment_gated(workshop, tables, as_of)
    last = _last_refresh(workshop)
    before = last.document["segments"] if last and last.as_of != as_of else None
    return segments_document(workshop, made, before)


def segments_document(
    workshop: Workshop, made: Segmentation, before: Mapping[str, Any] | None
) -> Document:
    """The segments document; `before` holds the segments of an earlier one."""
    table = made.table
    sums = table.group_by("segment").agg(
        people=table.count(), revenue=table.revenue.sum(), value=table.value.sum()
    )
    rows = {row["segment"]: row for row in sums.to_pyarrow().to_pylist()}
    people = sum(row["people"] for row in rows.values())
    revenue = sum(row["revenue"] for row in rows.values())
    nobody = {"people": 0, "revenue": 0.0, "value": 0.0}
    segments = {}
    for name in SEGMENTS:
        row = rows.get(name, nobody)
        segments[name] = {
            "label": workshop.project.label(name),
            "people": row["people"],
            "share": row["people"] / people if people else 0.0,
            "revenue": round(row["revenue"], 2),
            "revenue_share": row["revenue"] / revenue if revenue else 0.0,
            "value": round(row["value"], 2),
            "change": row["people"] - before[name]["people"] if before else None,
        }
    gate = judge_base(workshop, made)
    return {
        "as_of": made.as_of.isoformat(),
        "currency": workshop.project.adsteer.shop.currency,
        "people": people,
        "segments": segments,
        "calibration": _calibration(made),
        "cuts": asdict(made.cuts),
        "states_by": made.states_by,
        "limits_days": list(made.limits),
        "gate": gate_document(gate),
        "notes": [*gate.notes, *made.notes],
    }


def _calibration(made: Segmentation) -> Document | None:
    found = made.calibration
    if found is None:
        return None
    return {
        "mu0": found.mu0,
        "sw2": found.sw2,
        "sb2": found.sb2,
        "thresholds": list(found.thresholds),
        "n_loyal": found.n_loyal,
        "limits_days": list(made.limits),
        "lost_on": made.lost_on,
    }


def _previous_keys(workshop: Workshop) -> ir.Table | None:
    found = workshop.find_snapshot("keys")
    return workshop.read(found) if found else None


def _behaviour(workshop: Workshop, people: People) -> ir.Table | None:
    """What people did, schema EVENTS, where the project exports it."""
    engine, project = workshop.engine, workshop.project
    if not any(one.kind is ExportKind.EVENTS for one in project.exports.export):
        return None
    rows, contacts = engine.table(EVENTS_TABLE), engine.table(CONTACTS_TABLE)
    return attribute(engine, rows, contacts, people, project.adsteer.shop.phone_regions)


def file_document(file: FileRead) -> Document:
    return {
        "file": file.file,
        "kind": file.kind.value,
        "read": file.read,
        "accepted": file.accepted,
        "rejected": file.rejected,
        "unknown_columns": list(file.unknown),
    }


def reject_reasons(workshop: Workshop) -> list[Document]:
    rejects = workshop.engine.table(REJECTS_TABLE)
    by_reason = rejects.group_by("file", "column", "reason").agg(rows=rejects.count())
    first = by_reason.order_by(by_reason.rows.desc(), "file", "column", "reason")
    return list(first.limit(MOST_REASONS).to_pyarrow().to_pylist())


def identity_document(people: People) -> Document:
    report = people.identity
    return {
        "rows": report.rows,
        "people": report.people,
        "merged": report.merged,
        "split": report.split,
        "conflicts": report.conflicts,
        "too_big": list(report.big),
        "junk_keys": dict(report.junk),
        "orders": people.orders,
        "orders_unattributed": people.orders_unattributed,
    }


def _last_refresh(workshop: Workshop) -> Refresh | None:
    with workshop.catalog.begin() as connection:
        last = last_refreshes(connection, most=1)
    return last[0] if last else None
