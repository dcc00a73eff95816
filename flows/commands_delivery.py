"""Commands that plan, let pass and send: lists and corrections, forward and back."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from flows.command import (
    DONE,
    HERE,
    REFUSED,
    WRONG,
    Document,
    Json,
    ProjectFolder,
    at_work,
    leave,
    stop,
    tell,
)

app = typer.Typer()
command = partial(app.command, rich_help_panel="Plan, approve, send, take back")


@command()
def plan(
    project: ProjectFolder = HERE,
    only: Annotated[list[str] | None, typer.Option(help="Only this audience; repeatable.")] = None,
    json: Json = False,
) -> None:
    """Show what would change on every list and bid. Nothing is sent."""
    from flows import loop, show_plan, summaries

    with at_work(project) as workshop:
        document = loop.plan(workshop, only=only or ())
    tell(document, as_json=json, show=show_plan.planned)
    leave(REFUSED if summaries.is_refused(document) else DONE)


@command()
def apply(
    fingerprint: Annotated[
        str | None, typer.Argument(help="Plan to apply; a new plan of everything if left out.")
    ] = None,
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Apply a plan: send it, and say what the platforms answered."""
    from flows import loop, show_delivery, summaries

    with at_work(project) as workshop:
        document = loop.apply(workshop, fingerprint)
    tell(document, as_json=json, show=show_delivery.applied)
    refused = summaries.is_refused(document) or summaries.has_failed(document)
    leave(REFUSED if refused else DONE)


@command()
def approve(
    fingerprint: Annotated[str, typer.Argument(help="Plan that guards refused.")],
    who: Annotated[str, typer.Option(help="Your name, for the record.")],
    why: Annotated[str, typer.Option(help="Reason, for the record.")],
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Let exactly this plan pass its guards; apply it afterwards."""
    from flows import loop, show_plan

    with at_work(project) as workshop:
        document = loop.approve(workshop, fingerprint, who=who, why=why)
    tell(document, as_json=json, show=show_plan.planned)


@command()
def reject(
    fingerprint: Annotated[str, typer.Argument(help="Plan that waits for a person.")],
    who: Annotated[str, typer.Option(help="Your name, for the record.")],
    why: Annotated[str, typer.Option(help="Reason, for the record.")],
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Say no to a plan that waits: nothing is sent, and it is not asked about again."""
    from flows import approving, show_status

    with at_work(project) as workshop:
        document = approving.reject(workshop, fingerprint, who=who, why=why)
    tell(document, as_json=json, show=show_status.decision)


@command()
def rollback(
    to: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"],
            help="Moment, in UTC, whose lists to plan back to; a day means its beginning.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="With --to: only this audience; repeatable.")
    ] = None,
    bids: Annotated[
        str | None, typer.Option(help="Run or plan whose bid corrections to go back to.")
    ] = None,
    kill: Annotated[
        bool, typer.Option("--kill", help="Take every correction of ours away, and keep it so.")
    ] = False,
    revive: Annotated[
        bool, typer.Option("--revive", help="Let rules move bids again after --kill.")
    ] = False,
    who: Annotated[str, typer.Option(help="Your name, for the record.")] = "",
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Go back: lists to an earlier moment (a plan, to be applied); bids to a run, or to neutral."""
    from flows import loop, show_plan, summaries

    if sum((to is not None, bids is not None, kill, revive)) != 1:
        stop("say what to go back to: --to MOMENT, --bids RUN, --kill or --revive", WRONG)
    if to is None:
        _roll_back_bids(project, bids, kill=kill, revive=revive, who=who, json=json)
        return
    with at_work(project) as workshop:
        # a moment as `history` shows it means all of its second
        moment = to.replace(tzinfo=UTC, microsecond=to.microsecond or 999_999)
        document = loop.rollback(workshop, moment, only=only or ())
    tell(document, as_json=json, show=show_plan.planned)
    leave(REFUSED if summaries.is_refused(document) else DONE)


def _roll_back_bids(
    project: Path, bids: str | None, *, kill: bool, revive: bool, who: str, json: bool
) -> None:
    """Needs no exports and no segments."""
    from flows import bid_undo, show_delivery

    if not who and not revive:
        stop("--who NAME is needed: it is kept with every change", WRONG)
    with at_work(project) as workshop:
        if revive:
            accounts = bid_undo.revive(workshop)
            tell({"revived": accounts}, as_json=json, show=lambda one: [str(one)])
            return
        if kill:
            document = bid_undo.kill(workshop, who=who)
        else:
            plan = bid_undo.back_to(workshop, str(bids))
            document = bid_undo.apply_now(workshop, plan, who=who)
    tell(document, as_json=json, show=show_delivery.undone)
    leave(REFUSED if any(one["refused"] for one in document["receipts"]["bids"]) else DONE)


Account = Annotated[
    str | None, typer.Option(help="Account of the list; may be left out if it is on one alone.")
]
Named = Annotated[str, typer.Argument(help="Name of the audience.")]


@command()
def history(
    audience: Annotated[str | None, typer.Argument(help="Audience; all if left out.")] = None,
    account: Account = None,
    bids: Annotated[bool, typer.Option("--bids", help="Changes of bid corrections.")] = False,
    bid: Annotated[str | None, typer.Option(help="Those of one segment.")] = None,
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Tell what was sent or changed, when, by which plan, what was answered, who let it pass."""
    from flows import bid_undo, show_delivery
    from flows.history import history as told

    with at_work(project) as workshop:
        if bids or bid is not None:
            document: Document = {"bids": bid_undo.history(workshop, bid)}
        else:
            document = told(workshop, audience, account)
    tell(
        document,
        as_json=json,
        show=show_delivery.told if "lists" in document else show_delivery.bid_history,
    )


@command()
def adopt(
    audience: Named,
    list_id: Annotated[
        str | None, typer.Option(help="Id of the list on the platform, to take it over.")
    ] = None,
    allow_removals: Annotated[
        bool, typer.Option("--allow-removals", help="Whom we sent may leave again.")
    ] = False,
    account: Account = None,
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Take over a list that is on the platform already; it is only added to until you say more."""
    from flows import curating, show_delivery

    if (list_id is None) == (not allow_removals):
        stop("say either --list-id, or --allow-removals for a list that is adopted", WRONG)
    with at_work(project) as workshop:
        if list_id is not None:
            document = curating.adopt(workshop, audience, account, list_id)
        else:
            document = curating.allow_removals(workshop, audience, account)
    tell(document, as_json=json, show=show_delivery.adopted)


@command()
def rebuild(
    audience: Named,
    delete_old: Annotated[
        bool, typer.Option("--delete-old", help="Delete the list that a rebuild replaced.")
    ] = False,
    account: Account = None,
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Build a list anew beside the old one, verify it, swap it in; the old one is kept."""
    from flows import curating, loop, show_delivery

    with at_work(project) as workshop:
        if delete_old:
            document = {"rebuilt": curating.delete_old(workshop, audience, account)}
        else:
            document = loop.rebuild(workshop, audience, account)
    tell(document, as_json=json, show=show_delivery.rebuilt)
    leave(DONE if document.get("rebuilt", {}).get("swapped") else REFUSED)


@command()
def delete(
    audience: Annotated[str, typer.Argument(help="Name that audiences.toml has no more.")],
    account: Account = None,
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Delete a list of ours, with its look-alikes, whose audience left audiences.toml."""
    from flows import deleting, show_delivery

    with at_work(project) as workshop:
        document = deleting.delete_list(workshop, audience, account)
    tell(document, as_json=json, show=show_delivery.deleted)
