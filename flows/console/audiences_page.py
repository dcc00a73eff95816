"""Audiences: what is in every list, what the platform took of it, how old it is, when it runs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi.responses import RedirectResponse, Response
from sqlalchemy import func, select

from audiences.records import BATCHES, KNOWN_KIND, LISTS
from audiences.snapshots import SNAPSHOTS
from config.audiences import Audience
from flows import freshness
from flows.console import jobs
from flows.console.asked import Asked
from flows.console.rendering import page
from flows.gating import segment_of
from flows.workshop import Workshop


def audiences(asked: Asked) -> Response:
    """One row per list, by platform."""
    with asked.console.workshop() as workshop:
        project = workshop.project
        told = jobs.kept(workshop.state, "platforms") or {"at": None, "lists": {}}
        batches = _batches(workshop)
        ages = _ages(workshop)
        rows = [
            {
                **_row(workshop, one, account, batches.get((account, one.name), [])),
                **_answer(told["lists"], account, one.name),
                **ages[f"{account}/{one.name}"],
            }
            for one in project.audiences.audience
            for account in one.accounts
        ]
        accounts = sorted({row["account"] for row in rows})
        return page(
            asked,
            "audiences.html",
            project=project,
            by_account={name: [row for row in rows if row["account"] == name] for name in accounts},
            platforms={name: project.account(name).platform for name in accounts},
            asked_at=datetime.fromisoformat(told["at"]) if told["at"] else None,
            zone=project.adsteer.shop.time_zone,
        )


def start_asking(asked: Asked) -> Response:
    """Ask the platforms how many people they count and recognise."""
    jobs.start(asked, "ask", jobs.ask_platforms)
    return RedirectResponse("/audiences", 303)


def counts(workshop: Workshop) -> Mapping[str, int]:
    """How many lists are ours, and how many people are in them as far as we know."""
    ours = select(func.count()).select_from(LISTS).where(LISTS.c.state == "ours")
    held = select(func.coalesce(func.sum(SNAPSHOTS.c.rows), 0)).where(
        SNAPSHOTS.c.kind == KNOWN_KIND, SNAPSHOTS.c.current
    )
    with workshop.catalog.begin() as connection:
        return {
            "lists": int(connection.execute(ours).scalar_one()),
            "members": int(connection.execute(held).scalar_one()),
        }


def _row(
    workshop: Workshop, audience: Audience, account: str, batches: list[Mapping[str, Any]]
) -> dict[str, Any]:
    """What our memory holds of one list."""
    with workshop.catalog.begin() as connection:
        mine = (LISTS.c.account == account) & (LISTS.c.audience == audience.name)
        record = connection.execute(select(LISTS).where(mine)).mappings().first()
        name = f"{account}/{audience.name}"
        known = (SNAPSHOTS.c.kind == KNOWN_KIND) & (SNAPSHOTS.c.name == name) & SNAPSHOTS.c.current
        rows = connection.execute(select(SNAPSHOTS.c.rows).where(known)).scalar()
    settled = [one for one in batches if one["state"] == "settled"]
    last = max((one["plan"] for one in batches[-1:]), default="")
    return {
        "account": account,
        "audience": audience.name,
        "title": audience.title or audience.name,
        "purpose": audience.purpose.value,
        "people": audience.people,
        "segment": segment_of(audience, workshop.project.audience_rules[audience.name]),
        "state": record["state"] if record else "none",
        "list_id": record["list_id"] if record else None,
        "size": rows,
        "accepted": sum(one["accepted"] or 0 for one in settled if one["verb"] == "add"),
        "refused": sum(one["refused"] or 0 for one in settled if one["plan"] == last),
        "unsure": sum(one["people"] for one in batches if one["state"] != "settled"),
        "sent_at": max((one["settled_at"] for one in settled), default=None),
    }


def _ages(workshop: Workshop) -> dict[str, dict[str, Any]]:
    """By account/audience: whether the list is too old, and when a schedule next sees to it."""
    now = workshop.now()
    return {
        one.name: {"stale": one.is_stale(now), "next": one.next_run}
        for one in freshness.things(workshop)
        if one.kind in ("audiences", "seeds")
    }


def _batches(workshop: Workshop) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """Every batch by account and audience, in the order of sending."""
    grouped: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    with workshop.catalog.begin() as connection:
        rows = connection.execute(select(BATCHES).order_by(BATCHES.c.intended_at, BATCHES.c.number))
        for row in rows.mappings():
            grouped.setdefault((row["account"], row["audience"]), []).append(dict(row))
    return grouped


def _answer(lists: Mapping[str, Any], account: str, name: str) -> dict[str, Any]:
    """What the platform last said of the list."""
    told = lists.get(f"{account}/{name}", {})
    return {
        "on_platform": told.get("size"),
        "matched": told.get("matched"),
        "said": told.get("said", ""),
    }
