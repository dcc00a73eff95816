"""The commands of the program, by the names they are called by."""

from typer import Context
from typer.main import get_command

from flows.cli import app


def commands_known() -> set[str]:
    program = get_command(app)
    return set(program.list_commands(Context(program)))
