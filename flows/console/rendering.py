"""Pages out of templates: every value is escaped, every text comes from the catalogue."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from config.labels import SEGMENT_LABELS
from config.project import Project
from flows.console import texts
from flows.console.asked import HERE, Asked

NAVIGATION = (
    ("/", "overview"),
    ("/segments", "segments"),
    ("/audiences", "audiences"),
    ("/rules", "rules"),
    ("/plan", "plan"),
    ("/history", "history"),
    ("/freshness", "freshness"),
    ("/quality", "quality"),
    ("/person", "person"),
    ("/log", "log"),
)
"""Paths of the menu and their names in the catalogue."""


@cache
def environment() -> Environment:
    """The templates; a name that is missing is an error, not an empty place."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["languages"] = texts.LANGUAGES
    made.globals["navigation"] = NAVIGATION
    return made


def fragment(asked: Asked, template: str, **values: Any) -> str:
    """A piece of a page."""
    return environment().get_template(template).render(_given(asked), **values)


def page(asked: Asked, template: str, *, status: int = 200, **values: Any) -> Response:
    """A whole page."""
    values.setdefault("project", None)
    return HTMLResponse(fragment(asked, template, **values), status)


def problem(asked: Asked, said: str, status: int, faults: Iterable[str] = ()) -> Response:
    """What went wrong, in a page of its own."""
    return page(asked, "problem.html", status=status, said=said, faults=list(faults))


def label(project: Project, name: str, language: str) -> str:
    """What a segment or an overlay is called in a language; its name if it has no label."""
    overlays = {one.name: one.labels for one in project.segments.overlay}
    labels = SEGMENT_LABELS.get(name) or overlays.get(name)
    return str(getattr(labels, language)) if labels else name.replace("_", " ")


def grouped(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Corrections of a plan document: those of one segment that go alike are one line."""
    lines: dict[tuple[object, ...], dict[str, Any]] = {}
    for row in rows:
        codes = tuple(no["code"] for no in row["refused_by"])
        key = (row["segment"], row["present"], row["wanted"], row["action"], codes, row["reason"])
        line = lines.setdefault(key, {**row, "places": []})
        line["places"].append(row)
    return list(lines.values())


def _given(asked: Asked) -> Mapping[str, Any]:
    """What every template may use."""
    language = asked.language
    console = asked.console

    def when(moment: datetime | None, zone: str = "UTC") -> str:
        local = moment.astimezone(ZoneInfo(zone)) if moment else None
        return f"{local:%Y-%m-%d %H:%M}" if local else "–"

    return {
        "asked": asked,
        "language": language,
        "path": asked.request.url.path,
        "visitor": asked.visitor,
        "open_door": console.door.is_open,
        "prefect_url": console.prefect_url,
        "token": console.signer.token(asked.session),
        "job": console.work.job if asked.visitor.name else None,
        "t": asked.say,
        "has_text": texts.has,
        "number": lambda value, digits=0: texts.number(language, value, digits),
        "signed": lambda value, digits=0: texts.signed(language, value, digits),
        "percent": lambda share, digits=1: texts.percent(language, share, digits),
        "correction": lambda value: texts.correction(language, value),
        "ago": lambda moment: texts.age(language, moment, console.now()),
        "when": when,
        "label": lambda project, name: label(project, name, language),
    }
