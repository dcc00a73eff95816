"""The command line. Imports are made where they are used, so that `--help` answers at once."""

import typer

from flows import (
    commands_around,
    commands_delivery,
    commands_operation,
    commands_people,
    commands_results,
)

app = typer.Typer(
    name="adsteer",
    help="Steers ad spend by customer segment: audiences in step, bids corrected.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for part in (
    commands_people,
    commands_delivery,
    commands_results,
    commands_operation,
    commands_around,
):
    app.add_typer(part.app)


def main() -> None:
    """The console script: arguments in, exit status out."""
    app()
