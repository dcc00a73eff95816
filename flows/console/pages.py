"""Overview, segments, a person, data quality, the audit log; and the list of every page."""

import threading
from collections.abc import Mapping
from typing import Any

from fastapi.responses import JSONResponse, RedirectResponse, Response

from audiences.actions import Action, last_actions
from audiences.refreshes import Refresh, last_refreshes
from bids.ledger import BidLedger
from bids.switch import switched_off
from config.faults import ConfigError
from flows import explaining, measuring, pictures, why_not
from flows.console import audiences_page, freshness_page, history_page, jobs, plan_page
from flows.console.asked import Asked, Refused, Route
from flows.console.entering import choose_language, log_in, log_out
from flows.console.rendering import page
from flows.console.rules_page import preview, review, rules, save
from flows.workshop import CannotRun, Workshop

DRAWING = threading.Lock()
"""Matplotlib's settings belong to the process."""

PICTURES = ("segment-sizes", "segment-migration", "segment-retention", "value-concentration")
CHART_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


def overview(asked: Asked) -> Response:
    """What there is, what it brings, and what waits for somebody."""
    with asked.console.workshop() as workshop:
        refreshed = _last(workshop)
        money, faults = _money(workshop)
        recorded = [one for one in BidLedger(workshop.catalog).recorded() if one.percent]
        newest = plan_page.newest(workshop)
        return page(
            asked,
            "overview.html",
            project=workshop.project,
            refreshed=refreshed,
            document=refreshed.document if refreshed else None,
            money=money,
            money_days=measuring.WINDOW_DAYS,
            faults=faults,
            lists=audiences_page.counts(workshop),
            corrections=len(recorded),
            plan=newest,
            off=sorted(switched_off(workshop.catalog)),
            stale_days=_stale_days(workshop, refreshed),
            too_old=freshness_page.too_old(workshop),
            actions=_lately(workshop),
        )


def segments(asked: Asked) -> Response:
    """Size, share, money, change."""
    with asked.console.workshop() as workshop:
        refreshed = _last(workshop)
        money, faults = _money(workshop)
        standing: dict[str, set[int]] = {}
        for one in BidLedger(workshop.catalog).recorded():
            if one.percent is not None:
                standing.setdefault(one.segment, set()).add(one.percent)
        drawn = [name for name in PICTURES if pictures.chart_file(workshop, name).exists()]
        return page(
            asked,
            "segments.html",
            project=workshop.project,
            refreshed=refreshed,
            document=refreshed.document if refreshed else None,
            order=pictures.ORDER,
            standing={name: sorted(values) for name, values in standing.items()},
            money=money,
            faults=faults,
            pictures=drawn,
        )


def chart(asked: Asked) -> Response:
    """A picture as SVG: the segments, or one of those over time."""
    name = asked.request.path_params["name"]
    with asked.console.workshop() as workshop:
        if name == "segments":
            svg = _segments_chart(asked, workshop)
        elif name in PICTURES and pictures.chart_file(workshop, name).exists():
            svg = pictures.chart_file(workshop, name).read_text(encoding="utf-8")
        else:
            raise Refused(404, "problem.missing")
    return Response(svg, media_type="image/svg+xml", headers=CHART_HEADERS)


def _segments_chart(asked: Asked, workshop: Workshop) -> str:
    """Drawn once per refresh and set of rules."""
    refreshed = _last(workshop)
    if refreshed is None:
        raise Refused(404, "problem.missing")
    key = (refreshed.made_at, workshop.project.bid_rules)
    kept = asked.console.kept.get("chart")
    if kept is None or kept[0] != key:
        with DRAWING:
            kept = (key, pictures.segments_chart(workshop, refreshed.document))
        asked.console.kept["chart"] = kept
    return str(kept[1])


def person(asked: Asked) -> Response:
    """Ask about a person; the contact travels in the form alone and comes back nowhere."""
    with asked.console.workshop() as workshop:
        return page(asked, "person.html", project=workshop.project, told=None, said="", shown=str)


def explain(asked: Asked) -> Response:
    """Why a person is where they are."""
    who = asked.form.get("who", "").strip()
    with asked.console.workshop() as workshop:
        told, said = None, ""
        if not who:
            said = asked.say("person.empty")
        else:
            try:
                told = explaining.explain(workshop, who)
            except CannotRun as error:
                said = str(error)
        about = told["person"] if told else "nobody found"
        asked.console.record(workshop, asked.visitor, "explain", said=about)
        return page(
            asked,
            "person.html",
            status=200 if told else 404,
            project=workshop.project,
            told=told,
            said=said,
            shown=why_not.shown,
        )


def quality(asked: Asked) -> Response:
    """What was read, what was refused and for what, what the base is like."""
    with asked.console.workshop() as workshop:
        refreshed = _last(workshop)
        return page(
            asked,
            "quality.html",
            project=workshop.project,
            refreshed=refreshed,
            document=refreshed.document if refreshed else None,
            check=jobs.kept(workshop.state, "check"),
            stale_days=_stale_days(workshop, refreshed),
        )


def log(asked: Asked) -> Response:
    """Who did what."""
    with asked.console.workshop() as workshop:
        lines = last_actions(workshop.catalog, most=500)
        return page(asked, "log.html", project=workshop.project, lines=lines)


def login(asked: Asked) -> Response:
    """The form, for whoever is not in yet."""
    if asked.visitor.name:
        return RedirectResponse("/", 303)
    to = asked.request.query_params.get("to", "/")
    return page(asked, "login.html", to=to, said="")


def enter(asked: Asked) -> Response:
    """Log in, or say at the form why not."""
    try:
        return log_in(asked)
    except Refused as refused:
        said, to = asked.say(refused.key), asked.form.get("to", "/")
        response = page(asked, "login.html", status=refused.status, to=to, said=said)
        if refused.wait:
            response.headers["Retry-After"] = str(int(refused.wait) + 1)
        return response


def state(asked: Asked) -> Response:
    """How far the present work is; a page asks again and again while something runs."""
    job = asked.console.work.job
    if job is None or not job.runs:
        return JSONResponse({"runs": False})
    return JSONResponse({"runs": True, "step": job.step})


def start_refresh(asked: Asked) -> Response:
    jobs.start(asked, "refresh", jobs.refresh)
    return RedirectResponse("/", 303)


def start_check(asked: Asked) -> Response:
    jobs.start(asked, "check", jobs.check)
    return RedirectResponse("/quality", 303)


def start_drawing(asked: Asked) -> Response:
    jobs.start(asked, "draw", jobs.draw)
    return RedirectResponse("/segments", 303)


def health(asked: Asked) -> Response:
    """For whoever watches the process."""
    return JSONResponse({"well": True})


def _last(workshop: Workshop) -> Refresh | None:
    with workshop.catalog.begin() as connection:
        last = last_refreshes(connection, most=1)
    return last[0] if last else None


def _money(workshop: Workshop) -> tuple[Mapping[str, Any] | None, list[str]]:
    """What was spent and what came of it; what is wrong where accounts are not set up yet."""
    try:
        return measuring.money(workshop), []
    except ConfigError as error:
        return None, [str(fault) for fault in error.faults]


def _stale_days(workshop: Workshop, refreshed: Refresh | None) -> int | None:
    """Age of the newest order, if that is past its limit."""
    if refreshed is None or refreshed.newest_order is None:
        return None
    days = (workshop.as_of - refreshed.newest_order).days
    return days if days > workshop.project.audiences.guards.max_source_age_days else None


def _lately(workshop: Workshop) -> list[Action]:
    """The last deeds; an end that went well is not one."""
    lines = last_actions(workshop.catalog, most=30)
    return [one for one in lines if not (one.what.endswith(".end") and one.said == "done")][:6]


ROUTES = [
    Route("GET", "/health", None, health),
    Route("GET", "/login", None, login),
    Route("POST", "/login", None, enter),
    Route("POST", "/logout", None, log_out),
    Route("POST", "/language", None, choose_language),
    Route("GET", "/", "viewer", overview),
    Route("GET", "/state", "viewer", state),
    Route("GET", "/segments", "viewer", segments),
    Route("GET", "/charts/{name}.svg", "viewer", chart),
    Route("GET", "/person", "viewer", person),
    Route("POST", "/person", "viewer", explain),
    Route("GET", "/audiences", "viewer", audiences_page.audiences),
    Route("POST", "/audiences/ask", "editor", audiences_page.start_asking),
    Route("GET", "/rules", "viewer", rules),
    Route("POST", "/rules/preview", "viewer", preview),
    Route("POST", "/rules/review", "editor", review),
    Route("POST", "/rules/save", "editor", save),
    Route("GET", "/plan", "viewer", plan_page.plan),
    Route("POST", "/plan", "editor", plan_page.start_planning),
    Route("GET", "/plan/{fingerprint}", "viewer", plan_page.plan),
    Route("POST", "/plan/{fingerprint}/approve", "approver", plan_page.approve),
    Route("POST", "/plan/{fingerprint}/reject", "approver", plan_page.reject),
    Route("POST", "/plan/{fingerprint}/apply", "approver", plan_page.start_applying),
    Route("GET", "/history", "viewer", history_page.history),
    Route("POST", "/history/lists", "approver", history_page.lists_back),
    Route("POST", "/history/bids", "approver", history_page.bids_back),
    Route("POST", "/history/kill", "approver", history_page.kill),
    Route("POST", "/history/revive", "approver", history_page.revive),
    Route("GET", "/freshness", "viewer", freshness_page.fresh),
    Route("GET", "/quality", "viewer", quality),
    Route("GET", "/log", "viewer", log),
    Route("POST", "/refresh", "editor", start_refresh),
    Route("POST", "/check", "editor", start_check),
    Route("POST", "/draw", "editor", start_drawing),
]
"""Every page and action; a role is demanded on the server, whatever a page shows."""
