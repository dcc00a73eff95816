"""Bid rules: the table, what is wrong while somebody types, what would follow, the diff, saving."""

import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastapi.responses import JSONResponse, RedirectResponse, Response

from audiences.refreshes import last_refreshes
from bids.ledger import BidLedger
from bids.overlap import Cell
from config.audiences import Purpose
from config.bid_rules import BidRulesFile, Rule
from config.labels import SEGMENTS
from config.project import Project
from flows import documents
from flows.bidding import Standing, plan_on, read_standing
from flows.console.asked import Asked, Refused
from flows.console.rendering import fragment, grouped, page
from flows.console.rules_form import FILE, Edited, Said, digest, edit, typed_of
from flows.mending import told_plainly
from flows.outlook import cells_of
from flows.workshop import Workshop

STANDING_SECONDS = 120.0
"""How long a preview works with what platforms said, so that typing does not ask them."""

ASKING = threading.Lock()
SAVING = threading.Lock()


@dataclass(frozen=True)
class Ground:
    """What previews are made on, and until when it is good."""

    standing: Standing
    cells: Sequence[Cell]
    until: float


def rules(asked: Asked) -> Response:
    """The table as it stands in the file."""
    with asked.console.workshop() as workshop:
        text = read_file(workshop.project)
        typed = typed_of(workshop.project.bid_rules)
        saved = "saved" in asked.request.query_params
        return _table(asked, workshop, text, typed, edit(workshop.project, text, typed), saved)


def preview(asked: Asked) -> Response:
    """Faults by field, and what the edited rules would do; asked for while somebody types."""
    with asked.console.workshop() as workshop:
        edited = edit(workshop.project, read_file(workshop.project), asked.form)
        answer: dict[str, Any] = {
            "faults": {name: told(asked, one) for name, one in edited.faults.items()},
            "general": list(edited.general),
        }
        if edited.rules is not None:
            answer["html"] = _preview(asked, workshop, edited.rules)
        return JSONResponse(answer)


def review(asked: Asked) -> Response:
    """What saving would change in the file, line by line."""
    with asked.console.workshop() as workshop:
        text = read_file(workshop.project)
        edited = edit(workshop.project, text, asked.form)
        if edited.rules is None:
            return _table(asked, workshop, text, asked.form, edited, saved=False)
        fields = {name: one for name, one in asked.form.items() if name != "token"}
        return page(
            asked,
            "review.html",
            project=workshop.project,
            diff=edited.diff(text),
            fields=fields,
            file=FILE,
        )


def save(asked: Asked) -> Response:
    """Write the file, if it is still the one that was looked at."""
    with asked.console.workshop() as workshop, SAVING:
        text = read_file(workshop.project)
        if digest(text) != asked.form.get("base", ""):
            raise Refused(409, "problem.moved")
        edited = edit(workshop.project, text, asked.form)
        if edited.rules is None:
            return _table(asked, workshop, text, asked.form, edited, saved=False)
        _write(workshop.project, edited.text)
        changed = "; ".join(_changes(workshop.project.bid_rules, edited.rules))
        asked.console.record(workshop, asked.visitor, "rules", said=changed)
        return RedirectResponse("/rules?saved=1", 303)


def told(asked: Asked, one: Said) -> str:
    """What is wrong, in the visitor's language."""
    return asked.say(one.key, **dict(one.figures)) if one.key else one.text


def read_file(project: Project) -> str:
    """The text of the file, its line ends as they are."""
    return (project.folder / FILE).read_bytes().decode("utf-8-sig")


def _table(
    asked: Asked,
    workshop: Workshop,
    text: str,
    typed: Mapping[str, str],
    edited: Edited,
    saved: bool,
) -> Response:
    project = workshop.project
    with workshop.catalog.begin() as connection:
        last = last_refreshes(connection, most=1)
    standing: dict[str, set[int]] = {}
    for one in BidLedger(workshop.catalog).recorded():
        if one.percent is not None:
            standing.setdefault(one.segment, set()).add(one.percent)
    faults = {name: told(asked, one) for name, one in edited.faults.items()}
    return page(
        asked,
        "rules.html",
        status=422 if faults or edited.general else 200,
        project=project,
        rules=project.bid_rules,
        typed=typed,
        faults=faults,
        general=edited.general,
        base=asked.form.get("base") or digest(text),
        people=last[0].document["segments"] if last else {},
        standing={name: sorted(values) for name, values in standing.items()},
        free=_without_rule(project),
        saved=saved,
    )


def _without_rule(project: Project) -> list[str]:
    """Segments and lists that a new rule can be about."""
    taken = {one.segment for one in project.bid_rules.rule}
    overlays = [one.name for one in project.segments.overlay]
    return [name for name in (*SEGMENTS, *overlays) if name not in taken]


def _preview(asked: Asked, workshop: Workshop, edited: BidRulesFile) -> str:
    try:
        ground = _ground(asked, workshop)
        plan, outlook = plan_on(_under(workshop, edited), ground.standing, ground.cells)
    except Exception as error:
        said = told_plainly(error)
        if not said:
            raise
        return fragment(asked, "preview.html", said=said, outlook=None, project=None)
    rows = documents.plan("", None, plan)["bids"]
    stay = sum(row["action"] == "keep" for row in rows)
    moving = grouped(row for row in rows if row["action"] != "keep")
    return fragment(
        asked,
        "preview.html",
        said="",
        rows=moving,
        stay=stay,
        outlook=outlook,
        project=workshop.project,
    )


def _ground(asked: Asked, workshop: Workshop) -> Ground:
    """What stands on the platforms, asked for once in a while and for every possible rule."""
    with ASKING:
        kept = asked.console.kept.get("ground")
        if isinstance(kept, Ground) and kept.until > time.monotonic():
            return kept
        project = workshop.project
        known = {one.segment for one in project.bid_rules.rule}
        lists = [
            one.name
            for one in project.audiences.audience
            if one.purpose is not Purpose.SEED and one.name not in known
        ]
        every = (*project.bid_rules.rule, *(Rule(segment=name, correction=0) for name in lists))
        wide = _under(workshop, project.bid_rules.model_copy(update={"rule": every}))
        standing = read_standing(wide, None)
        cells = cells_of(workshop, [*known, *lists])
        ground = Ground(standing, cells, time.monotonic() + STANDING_SECONDS)
        asked.console.kept["ground"] = ground
        return ground


def _under(workshop: Workshop, edited: BidRulesFile) -> Workshop:
    """The workshop as if the file were saved: one engine and the same connectors."""
    other = replace(workshop, project=replace(workshop.project, bid_rules=edited))
    vars(other).update(engine=workshop.engine, connectors=workshop.connectors)
    return other


def _write(project: Project, text: str) -> None:
    """In one step, so that a run which reads meanwhile sees the old file or the new one."""
    path = (project.folder / FILE).resolve()
    part = path.with_suffix(".part")
    part.write_bytes(text.encode())
    shutil.copymode(path, part)
    part.replace(path)


def _changes(before: BidRulesFile, after: BidRulesFile) -> list[str]:
    """What was changed, for the log: segment, from, to."""
    old = {one.segment: one for one in before.rule}
    new = {one.segment: one for one in after.rule}
    said = [f"{name}: {old[name].correction} removed" for name in old if name not in new]
    said += [
        f"{name}: {old[name].correction if name in old else 'none'} to {rule.correction}"
        for name, rule in new.items()
        if name not in old or old[name].correction != rule.correction
    ]
    limits = type(after.limits).model_fields
    said += [
        f"limits.{name}: {getattr(before.limits, name)} to {getattr(after.limits, name)}"
        for name in limits
        if getattr(before.limits, name) != getattr(after.limits, name)
    ]
    if before.enabled != after.enabled:
        said.append(f"enabled: {before.enabled} to {after.enabled}")
    return said or ["other keys"]
