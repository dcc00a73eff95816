"""Commands to try it without an account, and to look things up."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from flows.command import (
    Json,
    said_plainly,
    tell,
)

app = typer.Typer()
command = partial(app.command, rich_help_panel="Try it, look things up")


@command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder of the demo project.")] = Path("demo"),
    market: Annotated[
        bool, typer.Option(help="Rehearse on a market whose truth is known, at the end.")
    ] = True,
    json: Json = False,
) -> None:
    """Run the whole loop on real orders against the sandbox; the second run sends nothing."""
    from flows import demonstration, show_results

    with said_plainly():
        document = demonstration.run(folder, quiet=json, market=market)
    tell(document, as_json=json, show=show_results.demonstrated)


@command()
def sandbox(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 8765,
    state: Annotated[
        Path | None, typer.Option(help="File to remember in; in memory if left out.")
    ] = None,
    speed: Annotated[float, typer.Option(help="Sandbox seconds per second.")] = 1.0,
) -> None:
    """Serve faithful copies of the ad platforms here, and print the settings that point to them."""
    from config.init import starter_text
    from connectors.sandbox.__main__ import main as serve

    def point(url: str) -> None:
        """To paste, or to write into a project: `sandbox > project.txt`."""
        typer.echo(
            f"# platforms.toml\n\n{starter_text('platforms.toml')}\n"
            f"# .env\n\nADSTEER_SANDBOX_URL={url}\nADSTEER_SANDBOX_SPEED={speed:g}\n\n"
            f"# Lists, bids, requests and faults: {url}/\n# Stop with Ctrl-C."
        )

    serve(
        ["--port", str(port), "--speed", str(speed), *(["--state", str(state)] if state else [])],
        once_bound=point,
    )


@command()
def platforms(
    lines: Annotated[
        bool, typer.Option("--lines", help="How long each connector is, instead.")
    ] = False,
) -> None:
    """Print what every platform can do and takes, as its connector declares it."""
    from flows.platform_page import line_counts, table

    sys.stdout.write((line_counts() if lines else table()) + "\n")


@command()
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
