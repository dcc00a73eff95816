"""What all commands share: their options, exit statuses, and how an answer or a fault is told."""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

DONE, REFUSED, WRONG = 0, 1, 2

ProjectFolder = Annotated[
    Path, typer.Option("--project", "-p", help="Project folder.", envvar="ADSTEER_PROJECT")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Document = dict[str, Any]
HERE = Path()
CONTACT: dict[str, Any] = {"allow_extra_args": True}
"""Of commands that take a contact: a word too many is refused by us, for typer would repeat it."""


@contextmanager
def at_work(project: Path) -> Iterator[Any]:
    """The project's workshop, with logs on standard error and faults told plainly."""
    with said_plainly():
        from flows.workshop import open_workshop

        with open_workshop(project) as workshop:
            logging.basicConfig(level=workshop.settings.log_level, stream=sys.stderr)
            yield workshop


@contextmanager
def said_plainly() -> Iterator[None]:
    """Turn what a person can mend into its text and exit status; a bug stays a traceback."""
    from config.faults import ConfigError

    try:
        yield
    except (ConfigError, FileExistsError) as error:
        stop(str(error), WRONG)
    except Exception as error:
        from flows.mending import told_plainly

        text = told_plainly(error)
        if not text:
            raise
        stop(text, REFUSED)


def stop(text: str, status: int) -> None:
    """Say why on standard error, and leave."""
    typer.echo(text, err=True)
    raise typer.Exit(status)


def refuse_more(context: typer.Context) -> None:
    """Refuse a second contact without repeating it."""
    if context.args:
        stop("One id or contact at a time; put a phone with blanks in quotes.", WRONG)


def leave(status: int) -> None:
    """Leave with a status that is not DONE; go on otherwise."""
    if status:
        raise typer.Exit(status)


def tell(document: Document, *, as_json: bool, show: Callable[[Any], Iterable[Any]]) -> None:
    """Print a document for a machine, or as tables for a person."""
    if as_json:
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
        return
    from flows.show import console

    screen = console()
    for part in show(document):
        screen.print(part)
