"""A refresh for which there is nothing new: told again from the last one, in a moment at any size.

What a refresh gives is a function of the exports, the settings, the code, the day and what the last
refresh left. Where all that is the same, so is every row of every file, and only the figures that
compare with the refresh before are other: nothing has changed since.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from audiences.behaviour import moment_of
from audiences.exports import REJECTS_FILE
from audiences.forget_requests import requests
from audiences.origins import origins_of
from audiences.readings import CODE
from audiences.refreshes import Refresh, record_refresh
from audiences.snapshots import SNAPSHOTS
from audiences.staged import file_digest
from audiences.value_tests import believed_test
from config.exports import Export, ExportKind
from flows.documents import Document
from flows.footprint import Footprint
from flows.gating import roll_ups_of, rolled_up
from flows.workshop import Workshop

UNKNOWN = ""
"""Inputs that cannot be compared: a query has no content before it is asked."""


def inputs_of(workshop: Workshop) -> str:
    """SHA-256 of all that a refresh is made from, but for what the last one left; or UNKNOWN."""
    project = workshop.project
    with workshop.catalog.begin() as connection:
        asked = requests(connection)
        test = believed_test(connection, workshop.as_of)
    if any(one.query is not None for one in project.exports.export):
        return UNKNOWN
    if any(one.done_at is None or one.people for one in asked):
        return UNKNOWN  # who asked to be forgotten may have left the lists since
    listed = (
        Export(kind=ExportKind.CONTACTS, source="suppression", path=path)
        for path in project.exports.suppression
    )
    files = [
        (export.path, one.label, one.member, file_digest(one))
        for export in (*project.exports.export, *listed)
        for one in origins_of(export, project.folder)
    ]
    parts = [
        CODE,
        {path.name: _digest(path) for path in sorted(project.folder.glob("*.toml"))},
        files,
        workshop.as_of.isoformat(),
        _moment(workshop),
        workshop.seal is not None,
        [one.number for one in asked],
        None if test is None else [test.until.isoformat(), test.scale],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _moment(workshop: Workshop) -> str | None:
    """When behaviour is looked at; None where there is none."""
    if not any(one.kind is ExportKind.EVENTS for one in workshop.project.exports.export):
        return None
    zone = ZoneInfo(workshop.project.adsteer.shop.time_zone)
    now = workshop.now().astimezone(zone).replace(tzinfo=None)
    return moment_of(workshop.as_of, now).isoformat()


def nothing_new(workshop: Workshop, inputs: str, last: Refresh | None) -> bool:
    """Whether the last refresh was made from the same inputs, and all it left is still there."""
    if last is None or inputs == UNKNOWN or last.sources != inputs:
        return False
    if not (workshop.state / "rejects" / REJECTS_FILE).is_file():
        return False
    with workshop.catalog.begin() as connection:
        paths = list(connection.scalars(select(SNAPSHOTS.c.path).where(SNAPSHOTS.c.current)))
    return all((workshop.state / path).exists() for path in paths)


def told_again(workshop: Workshop, last: Refresh, taken: Footprint) -> Document:
    """The document of a refresh that changed nothing, recorded as one."""
    document = dict(last.document)
    files = len(last.document["exports"])
    everybody = {"files": files, "files_taken_over": files, "people_taken_over": last.people}
    document["work"] = {**everybody, **taken.told()}
    document["segments"] = {
        name: {**one, "change": 0} for name, one in last.document["segments"].items()
    }
    document["identity"] = {**last.document["identity"], "merged": 0, "split": 0}
    document["seeds"] = {
        name: {**one, "overlap_with_last": 1.0 if one["people"] else None}
        for name, one in last.document["seeds"].items()
    }
    people = {name: one["people"] for name, one in last.document["segments"].items()}
    document["roll_ups"] = rolled_up(workshop, people, roll_ups_of(last.document))
    before, now = _notes(last.document["roll_ups"]), _notes(document["roll_ups"])
    document["notes"] = _with_notes(last.document["notes"], before, now)
    with workshop.catalog.begin() as connection:
        record_refresh(connection, replace(last, made_at=workshop.now(), document=document))
    return document


def _notes(roll_ups: Mapping[str, Any]) -> list[str]:
    return [f"{account}: {note}" for account, one in roll_ups.items() for note in one["notes"]]


def _with_notes(notes: list[str], before: list[str], now: list[str]) -> list[str]:
    """The notes with those of the roll-ups, which stand together, replaced."""
    if not before:
        return notes if not now else [*notes, *now]
    place = next(n for n in range(len(notes)) if notes[n : n + len(before)] == before)
    return [*notes[:place], *now, *notes[place + len(before) :]]
