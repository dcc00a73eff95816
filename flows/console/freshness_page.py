"""Freshness: how old each thing that the rules keep in step is, and how old it may get."""

from datetime import timedelta

from fastapi.responses import Response

from flows import alerting, freshness, journal
from flows.console.asked import Asked
from flows.console.rendering import page
from flows.freshness import Thing
from flows.workshop import Workshop

RUNS_SHOWN = 20


def fresh(asked: Asked) -> Response:
    """Every segment set, list, seed and correction with its age, the troubles, the last runs."""
    with asked.console.workshop() as workshop:
        now = workshop.now()
        return page(
            asked,
            "freshness.html",
            project=workshop.project,
            rows=[(one, _state(one, one.is_stale(now))) for one in freshness.things(workshop)],
            troubles=alerting.known_troubles(workshop),
            runs=journal.runs(workshop)[:RUNS_SHOWN],
            zone=workshop.project.adsteer.shop.time_zone,
            hours=_hours,
        )


def too_old(workshop: Workshop) -> int:
    """How many things are past their limit."""
    now = workshop.now()
    return sum(one.is_stale(now) for one in freshness.things(workshop))


def _state(one: Thing, is_stale: bool) -> str:
    if one.at is None:
        return "never"
    return "stale" if is_stale else "fresh"


def _hours(span: timedelta) -> int:
    return round(span.total_seconds() / 3600)
