"""Commands for whoever keeps it running."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from flows.command import (
    DONE,
    HERE,
    REFUSED,
    WRONG,
    Json,
    ProjectFolder,
    at_work,
    leave,
    said_plainly,
    stop,
    tell,
)

app = typer.Typer()
command = partial(app.command, rich_help_panel="Keep it running")


@command()
def status(project: ProjectFolder = HERE, json: Json = False) -> None:
    """Say how old everything is against its limit, what is in trouble, and what waits for whom."""
    from flows import show_status
    from flows.status import status as state_of

    with at_work(project) as workshop:
        document = state_of(workshop)
    tell(document, as_json=json, show=show_status.status)
    leave(REFUSED if document["stale"] else DONE)


@command()
def serve(
    project: ProjectFolder = HERE,
    port: Annotated[int, typer.Option(help="Port of the Prefect server.")] = 4200,
    host: Annotated[
        str,
        typer.Option(help="Address it listens on; any but 127.0.0.1 needs a password, see manual."),
    ] = "127.0.0.1",
) -> None:
    """Run the schedules on this machine: Prefect's server, its worker, and what restarts them."""
    from flows import serving

    with said_plainly():
        serving.serve(project, host=host, port=port)


@command()
def console(
    project: ProjectFolder = HERE,
    host: Annotated[
        str, typer.Option(help="Address to listen on.", envvar="ADSTEER_CONSOLE_HOST")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port; 0 takes a free one.", envvar="ADSTEER_CONSOLE_PORT")
    ] = 4210,
    login: Annotated[
        bool, typer.Option("--login", help="Ask for a login on this machine too.")
    ] = False,
    public_name: Annotated[
        list[str] | None,
        typer.Option(
            help="Name that browsers call it by, behind a reverse proxy; repeatable.",
            envvar="ADSTEER_CONSOLE_NAMES",
        ),
    ] = None,
    proxy_header: Annotated[
        str,
        typer.Option(
            help="Header in which a reverse proxy names whom it let in.",
            envvar="ADSTEER_CONSOLE_PROXY_HEADER",
        ),
    ] = "",
    proxy_from: Annotated[
        list[str] | None,
        typer.Option(
            help="Address that proxy comes from; nobody else is believed. Repeatable.",
            envvar="ADSTEER_CONSOLE_PROXY_FROM",
        ),
    ] = None,
) -> None:
    """Serve the pages for the people who own the rules; by itself on 127.0.0.1 without a login."""
    with said_plainly():
        from flows.console import running
        from flows.console.door import Door

        names = frozenset(name.lower() for name in public_name or ())
        peers = frozenset(proxy_from or ())
        door = Door(host, port, login, names, proxy_header, peers)
        running.serve(project, door, once_ready="Console: {url}\nStop with Ctrl-C.")


@command()
def user(
    action: Annotated[str, typer.Argument(help="add, remove or list.")],
    name: Annotated[str, typer.Argument(help="Name to log in with.")] = "",
    role: Annotated[
        str, typer.Option(help="viewer reads, editor changes rules, approver decides and sends.")
    ] = "viewer",
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Only a reverse proxy lets this person in.")
    ] = False,
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Say who may use the console. The password is asked for, or read from standard input."""
    with said_plainly():
        from config.load import load_project
        from flows.console.users import Users

        users = Users(load_project(project).state_folder)
        if action == "add":
            users.put(name, role, None if no_password else _password())
        elif action == "remove":
            users.remove(name)
        elif action != "list":
            stop("say add, remove or list", WRONG)
        known = [{"name": one.name, "role": one.role} for one in users.all().values()]
    tell(
        {"users": known},
        as_json=json,
        show=lambda made: [f"{one['name']}: {one['role']}" for one in made["users"]],
    )


def _password() -> str:
    """Asked for twice where somebody types, one line where a program writes."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


@command()
def deploy(project: ProjectFolder = HERE, json: Json = False) -> None:
    """Register the schedules on the Prefect server that PREFECT_API_URL names."""
    from config.load import load_project

    with said_plainly():
        loaded = load_project(project)
        from flows.deploying import deploy as register

        names = register(loaded)
    tell({"deployments": names}, as_json=json, show=lambda made: made["deployments"])


@command()
def backup(
    file: Annotated[Path, typer.Argument(help="File to write, such as shop.tar.gz.")],
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Write settings, catalog, snapshots and Prefect's memory into one private file."""
    from flows import backing_up, show_status

    with said_plainly():
        document = backing_up.back_up(project, file)
    tell(document, as_json=json, show=show_status.backed_up)


@command()
def restore(
    file: Annotated[Path, typer.Argument(help="File that `backup` wrote.")],
    folder: Annotated[Path, typer.Argument(help="New folder to restore the project into.")],
    json: Json = False,
) -> None:
    """Unpack a backup into a new folder and say what is there. Secrets and exports are not."""
    from flows import backing_up, show_status

    with said_plainly():
        document = backing_up.restore(file, folder)
    tell(document, as_json=json, show=show_status.restored)


@command()
def move(project: ProjectFolder = HERE, json: Json = False) -> None:
    """Copy the catalog out of SQLite into the empty database that ADSTEER_CATALOG names."""
    from flows import moving, show_status

    with said_plainly():
        document = moving.move(project)
    tell(document, as_json=json, show=show_status.moved)
