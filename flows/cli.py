"""The command line. Imports are made where they are used, so that `--help` answers at once."""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

DONE, REFUSED, WRONG = 0, 1, 2

app = typer.Typer(
    name="adsteer",
    help="Steers ad spend by customer segment: audiences in step, bids corrected.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ProjectFolder = Annotated[
    Path, typer.Option("--project", "-p", help="Project folder.", envvar="ADSTEER_PROJECT")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Document = dict[str, Any]
HERE = Path()


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    given: Annotated[
        list[Path] | None,
        typer.Option("--from", help="Export to look at for a first exports.toml; repeatable."),
    ] = None,
    json: Json = False,
) -> None:
    """Make a project: commented settings, and the demo's exports to try them on."""
    from flows import beginning, show

    with said_plainly():
        document = beginning.begin(folder, given or ())
    _tell(document, as_json=json, show=show.begun)


@app.command()
def check(project: ProjectFolder = HERE, json: Json = False) -> None:
    """Check settings, exports and accounts; changes nothing."""
    from flows import checking, show

    with _workshop(project) as workshop:
        document = checking.check(workshop)
    _tell(document, as_json=json, show=show.checked)
    _leave(REFUSED if document["faults"] else DONE)


@app.command()
def refresh(project: ProjectFolder = HERE, json: Json = False) -> None:
    """Read the exports, rebuild people and segments."""
    from flows import loop, show

    with _workshop(project) as workshop:
        document = loop.refresh(workshop)
    _tell(document, as_json=json, show=show.refreshed)


@app.command()
def segments(
    project: ProjectFolder = HERE,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Snapshot day; that of the project if left out."),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Sizes, moves and retention up to that day.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the segments of a day; reads the exports first if that was never done."""
    from flows import histories, loop, show, show_history

    with _workshop(project) as workshop:
        if workshop.find_snapshot("segments") is None:
            loop.refresh(workshop)
        day = as_of.date() if as_of else workshop.as_of
        if history:
            document = histories.history_with_charts(workshop, day)
        else:
            document = loop.segments_at(workshop, day)
    _tell(document, as_json=json, show=show_history.followed if history else show.segmented)


@app.command()
def value(project: ProjectFolder = HERE, json: Json = False) -> None:
    """Hold predicted value, churn risk and seeds against what happened in the last weeks."""
    from flows import show_value, valuing

    with _workshop(project) as workshop:
        document = valuing.value(workshop)
    _tell(document, as_json=json, show=show_value.valued)


@app.command()
def explain(
    who: Annotated[
        str, typer.Argument(help="Person id, or a contact; - reads it from standard input.")
    ],
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Say why a person is in what: features, rules, audiences, bids. A contact is never shown."""
    from flows import explaining, show_person

    with _workshop(project) as workshop:
        document = explaining.explain(workshop, sys.stdin.readline() if who == "-" else who)
    _tell(document, as_json=json, show=show_person.explained)


@app.command()
def plan(
    project: ProjectFolder = HERE,
    only: Annotated[list[str] | None, typer.Option(help="Only this audience; repeatable.")] = None,
    json: Json = False,
) -> None:
    """Show what would change on every list and bid. Nothing is sent."""
    from flows import loop, show

    with _workshop(project) as workshop:
        document = loop.plan(workshop, only=only or ())
    _tell(document, as_json=json, show=show.planned)
    _leave(REFUSED if loop.is_refused(document) else DONE)


@app.command()
def apply(
    fingerprint: Annotated[
        str | None, typer.Argument(help="Plan to apply; a new plan of everything if left out.")
    ] = None,
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Apply a plan: send it, and say what the platforms answered."""
    from flows import loop, show

    with _workshop(project) as workshop:
        document = loop.apply(workshop, fingerprint)
    _tell(document, as_json=json, show=show.applied)
    refused = loop.is_refused(document) or loop.has_failed(document)
    _leave(REFUSED if refused else DONE)


@app.command()
def approve(
    fingerprint: Annotated[str, typer.Argument(help="Plan that guards refused.")],
    who: Annotated[str, typer.Option(help="Your name, for the record.")],
    why: Annotated[str, typer.Option(help="Reason, for the record.")],
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Let exactly this plan pass its guards; apply it afterwards."""
    from flows import loop, show

    with _workshop(project) as workshop:
        document = loop.approve(workshop, fingerprint, who=who, why=why)
    _tell(document, as_json=json, show=show.planned)


@app.command()
def reject(
    fingerprint: Annotated[str, typer.Argument(help="Plan that waits for a person.")],
    who: Annotated[str, typer.Option(help="Your name, for the record.")],
    why: Annotated[str, typer.Option(help="Reason, for the record.")],
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Say no to a plan that waits: nothing is sent, and it is not asked about again."""
    from flows import approving, show_status

    with _workshop(project) as workshop:
        document = approving.reject(workshop, fingerprint, who=who, why=why)
    _tell(document, as_json=json, show=show_status.decision)


@app.command()
def status(project: ProjectFolder = HERE, json: Json = False) -> None:
    """Say how old everything is against its limit, what is in trouble, and what waits for whom."""
    from flows import show_status
    from flows.status import status as state_of

    with _workshop(project) as workshop:
        document = state_of(workshop)
    _tell(document, as_json=json, show=show_status.status)
    _leave(REFUSED if document["stale"] else DONE)


@app.command()
def forget(
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
    from flows import forgetting, show

    with _workshop(project) as workshop:
        if contact is None:
            document = {"requests": forgetting.forgotten(workshop)}
        else:
            text = sys.stdin.readline() if contact == "-" else contact
            document = forgetting.forget(workshop, text)
    _tell(document, as_json=json, show=show.forgetting)


@app.command()
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
    _tell(document, as_json=json, show=lambda _made: [page if out is None else f"Written: {out}"])


@app.command()
def measure(project: ProjectFolder = HERE, json: Json = False) -> None:
    """Read what was spent and what came of it, by segment."""
    from flows import measuring, show

    with _workshop(project) as workshop:
        document = measuring.measure(workshop)
    _tell(document, as_json=json, show=show.measured)


class Asked(StrEnum):
    """What to tell of experiments."""

    LIST = "list"
    POWER = "power"
    RESULTS = "results"


@app.command()
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

    with _workshop(project) as workshop:
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
    _tell(document, as_json=json, show=shows[what])


@app.command()
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
        _stop(f"--lang {lang}: expected one of {', '.join(LANGUAGES)}", WRONG)
    from flows.report_page import write_report

    with _workshop(project) as workshop:
        document = write_report(workshop, out, language=lang, tables=tables)
    _tell(document, as_json=json, show=show_report.written)


@app.command()
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
    from flows import loop, show

    if sum((to is not None, bids is not None, kill, revive)) != 1:
        _stop("say what to go back to: --to MOMENT, --bids RUN, --kill or --revive", WRONG)
    if to is None:
        _roll_back_bids(project, bids, kill=kill, revive=revive, who=who, json=json)
        return
    with _workshop(project) as workshop:
        # a moment as `history` shows it means all of its second
        moment = to.replace(tzinfo=UTC, microsecond=to.microsecond or 999_999)
        document = loop.rollback(workshop, moment, only=only or ())
    _tell(document, as_json=json, show=show.planned)
    _leave(REFUSED if loop.is_refused(document) else DONE)


def _roll_back_bids(
    project: Path, bids: str | None, *, kill: bool, revive: bool, who: str, json: bool
) -> None:
    """Needs no exports and no segments."""
    from flows import bid_undo, show

    if not who and not revive:
        _stop("--who NAME is needed: it is kept with every change", WRONG)
    with _workshop(project) as workshop:
        if revive:
            accounts = bid_undo.revive(workshop)
            _tell({"revived": accounts}, as_json=json, show=lambda one: [str(one)])
            return
        if kill:
            document = bid_undo.kill(workshop, who=who)
        else:
            plan = bid_undo.back_to(workshop, str(bids))
            document = bid_undo.apply_now(workshop, plan, who=who)
    _tell(document, as_json=json, show=show.undone)
    _leave(REFUSED if any(one["refused"] for one in document["receipts"]["bids"]) else DONE)


Account = Annotated[
    str | None, typer.Option(help="Account of the list; may be left out if it is on one alone.")
]
Named = Annotated[str, typer.Argument(help="Name of the audience.")]


@app.command()
def history(
    audience: Annotated[str | None, typer.Argument(help="Audience; all if left out.")] = None,
    account: Account = None,
    bids: Annotated[bool, typer.Option("--bids", help="Changes of bid corrections.")] = False,
    bid: Annotated[str | None, typer.Option(help="Those of one segment.")] = None,
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Tell what was sent or changed, when, by which plan, what was answered, who let it pass."""
    from flows import bid_undo, show
    from flows.history import history as told

    with _workshop(project) as workshop:
        if bids or bid is not None:
            document: Document = {"bids": bid_undo.history(workshop, bid)}
        else:
            document = told(workshop, audience, account)
    _tell(document, as_json=json, show=show.told if "lists" in document else show.bid_history)


@app.command()
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
    from flows import curating, show

    if (list_id is None) == (not allow_removals):
        _stop("say either --list-id, or --allow-removals for a list that is adopted", WRONG)
    with _workshop(project) as workshop:
        if list_id is not None:
            document = curating.adopt(workshop, audience, account, list_id)
        else:
            document = curating.allow_removals(workshop, audience, account)
    _tell(document, as_json=json, show=show.adopted)


@app.command()
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
    from flows import curating, loop, show

    with _workshop(project) as workshop:
        if delete_old:
            document = {"rebuilt": curating.delete_old(workshop, audience, account)}
        else:
            document = loop.rebuild(workshop, audience, account)
    _tell(document, as_json=json, show=show.rebuilt)
    _leave(DONE if document.get("rebuilt", {}).get("swapped") else REFUSED)


@app.command()
def delete(
    audience: Annotated[str, typer.Argument(help="Name that audiences.toml has no more.")],
    account: Account = None,
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Delete a list of ours, with its look-alikes, whose audience left audiences.toml."""
    from flows import deleting, show

    with _workshop(project) as workshop:
        document = deleting.delete_list(workshop, audience, account)
    _tell(document, as_json=json, show=show.deleted)


@app.command()
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

        _tell(worked_example(), as_json=json, show=lambda made: [as_markdown(made)])
        return

    from bids.market import simulate as replay
    from flows import show

    document = {"seed": seed, "rules": [asdict(one) for one in replay(seed=seed)]}
    _tell(document, as_json=json, show=show.simulated)


@app.command()
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
    _tell(document, as_json=json, show=show_experiments.rehearsed)


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 8765,
    state: Annotated[
        Path | None, typer.Option(help="File to remember in; in memory if left out.")
    ] = None,
    speed: Annotated[float, typer.Option(help="Sandbox seconds per second.")] = 1.0,
) -> None:
    """Serve faithful copies of the ad platforms on this machine, to rehearse against."""
    from connectors.sandbox.__main__ import main as serve

    if port:
        typer.echo(
            "Point a project here: `sandbox = true` for its accounts in platforms.toml, and in its "
            f".env\n  ADSTEER_SANDBOX_URL=http://127.0.0.1:{port}\n"
            f"  ADSTEER_SANDBOX_SPEED={speed:g}\n"
            f"Lists, bids, requests and faults: http://127.0.0.1:{port}/",
            err=True,
        )
    serve(["--port", str(port), "--speed", str(speed), *(["--state", str(state)] if state else [])])


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder of the demo project.")] = Path("demo"),
    market: Annotated[
        bool, typer.Option(help="Rehearse on a market whose truth is known, at the end.")
    ] = True,
    json: Json = False,
) -> None:
    """Run the whole loop on real orders against the sandbox; the second run sends nothing."""
    from flows import demonstration, show

    with said_plainly():
        document = demonstration.run(folder, quiet=json, market=market)
    _tell(document, as_json=json, show=show.demonstrated)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="File to write, such as shop.tar.gz.")],
    project: ProjectFolder = HERE,
    json: Json = False,
) -> None:
    """Write settings, catalog, snapshots and Prefect's memory into one private file."""
    from flows import backing_up, show_status

    with said_plainly():
        document = backing_up.back_up(project, file)
    _tell(document, as_json=json, show=show_status.backed_up)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="File that `backup` wrote.")],
    folder: Annotated[Path, typer.Argument(help="New folder to restore the project into.")],
    json: Json = False,
) -> None:
    """Unpack a backup into a new folder and say what is there. Secrets and exports are not."""
    from flows import backing_up, show_status

    with said_plainly():
        document = backing_up.restore(file, folder)
    _tell(document, as_json=json, show=show_status.restored)


@app.command()
def move(project: ProjectFolder = HERE, json: Json = False) -> None:
    """Copy the catalog out of SQLite into the empty database that ADSTEER_CATALOG names."""
    from flows import moving, show_status

    with said_plainly():
        document = moving.move(project)
    _tell(document, as_json=json, show=show_status.moved)


@app.command()
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


@app.command()
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


@app.command()
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
            _stop("say add, remove or list", WRONG)
        known = [{"name": one.name, "role": one.role} for one in users.all().values()]
    _tell(
        {"users": known},
        as_json=json,
        show=lambda made: [f"{one['name']}: {one['role']}" for one in made["users"]],
    )


def _password() -> str:
    """Asked for twice where somebody types, one line where a program writes."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


@app.command()
def deploy(project: ProjectFolder = HERE, json: Json = False) -> None:
    """Register the schedules on the Prefect server that PREFECT_API_URL names."""
    from config.load import load_project

    with said_plainly():
        loaded = load_project(project)
        from flows.deploying import deploy as register

        names = register(loaded)
    _tell({"deployments": names}, as_json=json, show=lambda made: made["deployments"])


@app.command()
def platforms(
    lines: Annotated[
        bool, typer.Option("--lines", help="How long each connector is, instead.")
    ] = False,
) -> None:
    """Print what every platform can do and takes, as its connector declares it."""
    from flows.platform_page import line_counts, table

    sys.stdout.write((line_counts() if lines else table()) + "\n")


@app.command()
def schema(
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder to write one file per TOML file into.")
    ] = None,
) -> None:
    """Print the JSON Schema of every settings file, for editors."""
    from config.schema import schemas

    if folder is None:
        sys.stdout.write(json.dumps(schemas(), ensure_ascii=False, indent=2) + "\n")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in schemas().items():
        path = folder / f"{name}.schema.json"
        path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")


def main() -> None:
    """The console script: arguments in, exit status out."""
    app()


@contextmanager
def _workshop(project: Path) -> Iterator[Any]:
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
        _stop(str(error), WRONG)
    except Exception as error:
        from flows.mending import told_plainly

        text = told_plainly(error)
        if not text:
            raise
        _stop(text, REFUSED)


def _stop(text: str, status: int) -> None:
    typer.echo(text, err=True)
    raise typer.Exit(status)


def _leave(status: int) -> None:
    if status:
        raise typer.Exit(status)


def _tell(document: Document, *, as_json: bool, show: Callable[[Any], Iterable[Any]]) -> None:
    """Print a document for a machine, or as tables for a person."""
    if as_json:
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
        return
    from flows.show import console

    screen = console()
    for part in show(document):
        screen.print(part)
