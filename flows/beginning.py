"""`adsteer init`: a new project, on the demo's exports or on files that are there already."""

import re
from collections.abc import Sequence
from pathlib import Path

import ibis

from audiences.recognising import Recognised, as_toml, recognise
from config.init import write_starter
from config.sample import write_sample_exports
from flows.documents import Document
from flows.workshop import CannotRun


def begin(folder: Path, given: Sequence[Path]) -> Document:
    """Make a project in `folder`; out of `given` files, whose headers alone are looked at.

    Raises ConfigError where files are in the way and CannotRun for a file that is not there.
    """
    if folder.is_file():
        raise CannotRun(f"{folder} is a file. Name the folder to make first: init DIR --from FILE.")
    missing = [str(path) for path in given if not path.is_file()]
    if missing:
        raise CannotRun(f"no such file: {', '.join(missing)}. Name exports that are there.")
    found = _recognised(given, folder)
    written = write_starter(folder)
    if given:
        (folder / "exports.toml").write_text(as_toml(found), encoding="utf-8")
        _open_ended(folder / "adsteer.toml")
    else:
        write_sample_exports(folder)
    return {
        "project": str(folder),
        "files": [str(path) for path in written],
        "recognised": [_shown(one) for one in found],
    }


def _recognised(given: Sequence[Path], folder: Path) -> list[Recognised]:
    if not given:
        return []
    engine = ibis.duckdb.connect()
    try:
        return [recognise(engine, path.resolve(), folder.resolve()) for path in given]
    finally:
        engine.disconnect()


def _open_ended(path: Path) -> None:
    """The demo's data end on a fixed day; somebody's own do not."""
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"(?m)^as_of\b", "# as_of", text), encoding="utf-8")


def _shown(one: Recognised) -> Document:
    return {
        "path": one.path,
        "kind": one.kind.value if one.kind else None,
        "preset": one.preset,
        "columns": one.columns,
        "unknown": list(one.unknown),
        "said": one.said,
    }
