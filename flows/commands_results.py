"""Commands that tell what it earned, or would earn."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from flows.command import (
    HERE,
    WRONG,
    Json,
    ProjectFolder,
    at_work,
    said_plainly,
    stop,
    tell,
)

app = typer.Typer()
command = partial(app.command, rich_help_panel="What it earned, what it would earn")


@command()
def measure(project: ProjectFolder = HERE, json: Json = False) -> None:
    """Read what was spent and what came of it, by segment."""
    from flows import measuring, show_results

    with at_work(project) as workshop:
        document = measuring.measure(workshop)
    tell(document, as_json=json, show=show_results.measured)


class Asked(StrEnum):
    """What to tell of experiments."""

    LIST = "list"
    POWER = "power"
    RESULTS = "results"


@command()
def experiment(
    what: Annotated[
        Asked,
        typer.Argument(help="list: what is tried; power: what it can show; results: what it found"),
    ] = Asked.LIST,
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Tell of experiments and hypotheses: what is tried, what it can show, what it found."""
    from flows import experimenting, show_experiments

    with at_work(project) as workshop:
        if what is Asked.LIST:
            document = experimenting.listed(workshop)
        elif what is Asked.POWER:
            document = experimenting.powers(workshop)
        else:
            document = experimenting.results(workshop)
    shows = {
        Asked.LIST: show_experiments.written,
        Asked.POWER: show_experiments.powers,
        Asked.RESULTS: show_experiments.found,
    }
    tell(document, as_json=json, show=shows[what])


@command()
def report(
    project: ProjectFolder = HERE,
    out: Annotated[
        Path | None, typer.Option("--out", help="HTML file to write; report.html in the project.")
    ] = None,
    lang: Annotated[
        str | None, typer.Option("--lang", help="en, ru or uk; the shop's own if left out.")
    ] = None,
    tables: Annotated[
        Path | None, typer.Option("--tables", help="Folder for every table as CSV, and as XLSX.")
    ] = None,
    json: Json = False,
) -> None:
    """Write what it earned as one HTML file with pictures, tables and downloads."""
    from flows import show_report
    from flows.report_words import LANGUAGES

    if lang is not None and lang not in LANGUAGES:
        stop(f"--lang {lang}: expected one of {', '.join(LANGUAGES)}", WRONG)
    from flows.report_page import write_report

    with at_work(project) as workshop:
        document = write_report(workshop, out, language=lang, tables=tables)
    tell(document, as_json=json, show=show_report.written)


@command()
def simulate(
    bids: Annotated[bool, typer.Option("--bids", help="The bid method on a market.")] = True,
    seed: Annotated[int, typer.Option(help="Seed of the market's chance.")] = 2026,
    example: Annotated[
        bool, typer.Option("--example", help="One week's figures, step by step, instead.")
    ] = False,
    json: Json = False,
) -> None:
    """Replay the bid method on a made-up market whose truth is known: rules against each other."""
    from dataclasses import asdict

    if example:
        from flows.worked_example import as_markdown, worked_example

        tell(worked_example(), as_json=json, show=lambda made: [as_markdown(made)])
        return

    from bids.market import simulate as replay
    from flows import show_results

    document = {"seed": seed, "rules": [asdict(one) for one in replay(seed=seed)]}
    tell(document, as_json=json, show=show_results.simulated)


@command()
def rehearse(
    folder: Annotated[Path, typer.Argument(help="Folder of the rehearsal; made anew.")],
    weeks: Annotated[int, typer.Option(min=9, help="Weeks; the first eight hold out.")] = 12,
    seed: Annotated[int, typer.Option(help="Seed of the market's chance.")] = 2026,
    json: Json = False,
) -> None:
    """Hold out, measure and correct on a made-up market whose truth is known, week by week."""
    from flows import rehearsing, show_experiments

    with said_plainly():
        document = rehearsing.rehearse(folder, weeks=weeks, seed=seed)
    tell(document, as_json=json, show=show_experiments.rehearsed)
