"""Commands from the exports to people, segments and what they are worth."""

import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from flows.command import (
    CONTACT,
    DONE,
    HERE,
    REFUSED,
    Json,
    ProjectFolder,
    at_work,
    leave,
    refuse_more,
    said_plainly,
    tell,
)

app = typer.Typer()
command = partial(app.command, rich_help_panel="From exports to people and segments")


@command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    given: Annotated[
        list[Path] | None,
        typer.Option("--from", help="Export to look at for a first exports.toml; repeatable."),
    ] = None,
    more: Annotated[
        list[Path] | None, typer.Argument(help="Further exports, as a shell's `*.csv` gives them.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a project: commented settings, and the demo's exports to try them on."""
    from flows import beginning, show_people

    with said_plainly():
        document = beginning.begin(folder, [*(given or ()), *(more or ())])
    tell(document, as_json=json, show=show_people.begun)


@command()
def check(project: ProjectFolder = HERE, json: Json = False) -> None:
    """Check settings, exports and accounts; changes nothing."""
    from flows import checking, show_people

    with at_work(project) as workshop:
        document = checking.check(workshop)
    tell(document, as_json=json, show=show_people.checked)
    leave(REFUSED if document["faults"] else DONE)


@command()
def refresh(project: ProjectFolder = HERE, json: Json = False) -> None:
    """Read the exports, rebuild people and segments."""
    from flows import loop, show_people

    with at_work(project) as workshop:
        document = loop.refresh(workshop)
    tell(document, as_json=json, show=show_people.refreshed)


@command()
def segments(
    project: ProjectFolder = HERE,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Snapshot day; that of the project if left out."),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Sizes, moves and retention up to that day.")
    ] = False,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="The other day of the history's moves; compare_days before if left out.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show the segments of a day; reads the exports first if that was never done."""
    from flows import histories, loop, show_history, show_people

    history = history or since is not None
    with at_work(project) as workshop:
        if workshop.find_snapshot("segments") is None:
            loop.refresh(workshop)
        day = as_of.date() if as_of else workshop.as_of
        if history:
            other = since.date() if since else None
            document = histories.history_with_charts(workshop, day, since=other)
        else:
            document = loop.segments_at(workshop, day)
    tell(document, as_json=json, show=show_history.followed if history else show_people.segmented)


@command()
def value(project: ProjectFolder = HERE, json: Json = False) -> None:
    """Hold predicted value, churn risk and seeds against what happened in the last weeks."""
    from flows import show_value, valuing

    with at_work(project) as workshop:
        document = valuing.value(workshop)
    tell(document, as_json=json, show=show_value.valued)


@command(context_settings=CONTACT)
def explain(
    context: typer.Context,
    who: Annotated[
        str, typer.Argument(help="Person id, or a contact; - reads it from standard input.")
    ],
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Say why a person is in what: features, rules, audiences, bids. A contact is never shown."""
    from flows import explaining, show_person

    refuse_more(context)
    with at_work(project) as workshop:
        document = explaining.explain(workshop, sys.stdin.readline() if who == "-" else who)
    tell(document, as_json=json, show=show_person.explained)


@command()
def study(
    data: Annotated[Path, typer.Argument(help="Folder of order files, or one such file.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Markdown page to write, such as docs/segments.md.")
    ] = None,
    json: Json = False,
) -> None:
    """Put the segments to the test on order files: shares, purchase rates, back-tests."""
    from flows import study_page, studying

    with said_plainly():
        document = studying.study(data)
    page = study_page.report(document)
    if out is not None:
        out.write_text(page, encoding="utf-8")
    tell(document, as_json=json, show=lambda _made: [page if out is None else f"Written: {out}"])


@command(context_settings=CONTACT)
def forget(
    context: typer.Context,
    contact: Annotated[
        str | None,
        typer.Argument(
            help="E-mail address, phone or id; - reads it from standard input, "
            "so that no shell remembers it. Left out: show all requests.",
            show_default=False,
        ),
    ] = None,
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Forget a person: off every list at the next delivery, then out of all state."""
    from flows import forgetting, show_people

    refuse_more(context)
    with at_work(project) as workshop:
        if contact is None:
            document = {"requests": forgetting.forgotten(workshop)}
        else:
            text = sys.stdin.readline() if contact == "-" else contact
            document = forgetting.forget(workshop, text)
    tell(document, as_json=json, show=show_people.forgetting)
