"""History: the story of every list and every bid, and the way back."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select

from audiences.records import LISTS
from bids.switch import switched_off
from flows import bid_undo, loop
from flows.console import jobs
from flows.console.asked import Asked, Refused
from flows.console.rendering import page
from flows.history import history as stories
from flows.workshop import Workshop

MOST_RUNS = 30


def history(asked: Asked) -> Response:
    """What was sent and changed, when, by which plan, who let it pass."""
    query = asked.request.query_params
    with asked.console.workshop() as workshop:
        project = workshop.project
        names = [(one.name, place) for one in project.audiences.audience for place in one.accounts]
        ours = _ours(workshop)
        account, _, name = query.get("list", "").partition("/")
        chosen = (name, account)
        if chosen not in names:
            chosen = next((one for one in names if one in ours), names[0] if names else ("", ""))
        told = stories(workshop, *chosen)["lists"] if names else []
        return page(
            asked,
            "history.html",
            project=project,
            names=names,
            chosen=chosen,
            story=told[0] if told else None,
            runs=_runs(bid_undo.history(workshop)),
            off=sorted(switched_off(workshop.catalog)),
            zone=project.adsteer.shop.time_zone,
        )


def _ours(workshop: Workshop) -> set[tuple[str, str]]:
    """Lists that are on a platform, by audience and account."""
    query = select(LISTS.c.audience, LISTS.c.account).where(LISTS.c.list_id.is_not(None))
    with workshop.catalog.begin() as connection:
        return {(row.audience, row.account) for row in connection.execute(query)}


def lists_back(asked: Asked) -> Response:
    """Plan lists back to what they held at a moment; the plan is looked at before it is sent."""
    with asked.console.workshop() as workshop:
        zone = ZoneInfo(workshop.project.adsteer.shop.time_zone)
    try:
        local = datetime.fromisoformat(asked.form.get("to", ""))
    except ValueError:
        raise Refused(422, "problem.moment") from None
    to = local.replace(tzinfo=zone).astimezone(UTC)

    def do(workshop: Workshop) -> dict[str, Any]:
        return loop.rollback(workshop, to)

    jobs.start(asked, "rollback", do, why=f"{to:%Y-%m-%d %H:%M} UTC")
    return RedirectResponse("/plan", 303)


def bids_back(asked: Asked) -> Response:
    """Bids to the state that an earlier run left, at once."""
    run, why = asked.form.get("run", ""), _reason(asked)
    jobs.start(asked, "bids.back", jobs.bids_back(run, asked.visitor.name), why=f"{run}: {why}")
    return RedirectResponse("/history", 303)


def kill(asked: Asked) -> Response:
    """Every correction of ours away, and none until it is switched on again."""
    jobs.start(asked, "kill", jobs.kill(asked.visitor.name), why=_reason(asked))
    return RedirectResponse("/history", 303)


def revive(asked: Asked) -> Response:
    """Let rules move bids again."""
    with asked.console.workshop() as workshop:
        bid_undo.revive(workshop)
        asked.console.record(workshop, asked.visitor, "revive", said=_reason(asked))
    return RedirectResponse("/history", 303)


def _reason(asked: Asked) -> str:
    why = asked.form.get("why", "").strip()
    if not why:
        raise Refused(422, "problem.reason")
    return why[:500]


def _runs(changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Changes of bids, run by run, the last one first."""
    runs: dict[str, dict[str, Any]] = {}
    for one in changes:
        made = runs.setdefault(
            one["run"] or one["plan"],
            {"at": datetime.fromisoformat(one["at"]), "approved_by": set(), "changes": []},
        )
        made["changes"].append(one)
        if one["approved_by"]:
            made["approved_by"].add(one["approved_by"])
    newest = list(runs.items())[::-1][:MOST_RUNS]
    return [
        {"run": name, **made, "approved_by": sorted(made["approved_by"])} for name, made in newest
    ]
