"""`adsteer backup` and `adsteer restore`: a project and its memory in one private file.

SQLite databases are copied by SQLite itself, which gives one consistent state while runs go on.
The catalog comes first: whatever it names was written before, so it is there to be copied after.
"""

import io
import json
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import audiences.catalog
from audiences.snapshots import private_folder
from config.load import FILES, load_project
from config.settings import Settings
from flows.documents import Document
from flows.workshop import CannotRun, open_workshop

MANIFEST = "adsteer-backup.json"
FORM = 1
LEFT_OUT = frozenset({"scratch", "rejects"})
"""Folders of the state that a run makes anew; what was rejected may hold what a person typed."""
PREFECT = "prefect"


def back_up(folder: Path, target: Path) -> Document:
    """Write settings, catalog, snapshots, plans and Prefect's memory into a tar file, mode 0600.

    Secrets of `.env` and `secrets/` and the exports are not in it. Raises CannotRun where there is
    nothing to keep or the file is there already.
    """
    project = load_project(folder)
    state = project.state_folder
    if not state.is_dir():
        raise CannotRun(f"{state} is not there: nothing was kept yet. Run `adsteer refresh` first.")
    if target.exists():
        raise CannotRun(f"{target} is there already: a backup is never written over another file.")
    outside = bool(Settings.load(folder).catalog or project.adsteer.state.catalog)
    target.touch(mode=0o600)
    try:
        with tarfile.open(target, "w:gz") as tar:
            _add_manifest(tar, outside=outside)
            for path in _databases(state):
                _add_database(tar, path, f"state/{path.relative_to(state)}")
            files = [*_settings(folder), *_kept(state)]
            for path, name in files:
                if path.exists():  # what is too old may be tidied away meanwhile
                    tar.add(path, name, recursive=False)
    except BaseException:
        target.unlink()
        raise
    said = "The catalog lies in a database server: dump it with that server's own tool, now."
    return {
        "file": str(target),
        "files": len(files),
        "bytes": target.stat().st_size,
        "notes": [said] if outside else [],
    }


def restore(source: Path, folder: Path) -> Document:
    """Unpack a backup into a new folder and open it; what is there now.

    Raises CannotRun for a folder that is not empty or a file that is no backup.
    """
    if folder.exists() and any(folder.iterdir()):
        raise CannotRun(f"{folder} is not empty: restore into a new folder, and look at it first.")
    try:
        with tarfile.open(source) as tar:
            _check_manifest(tar, source)
            private_folder(folder)
            _unpack(tar, folder)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise CannotRun(f"{source} cannot be read as a backup: {type(error).__name__}.") from None
    from flows.status import status

    with open_workshop(folder) as workshop:
        found = status(workshop)
    return {"project": str(folder), "things": found["things"], "at": found["at"]}


def _settings(folder: Path) -> Iterator[tuple[Path, str]]:
    """The files that a person wrote."""
    for name in sorted(FILES):
        if (folder / name).exists():
            yield folder / name, f"project/{name}"


def _kept(state: Path) -> Iterator[tuple[Path, str]]:
    """Snapshots, plans and what connectors keep; no half-written file, no database."""
    databases = set(_databases(state))
    for path in sorted(state.rglob("*")):
        place = path.relative_to(state)
        half = path.suffix == ".part" or any(part.startswith(".draft-") for part in place.parts)
        log = any(str(path).startswith(f"{one}-") for one in databases)  # -wal, -shm
        anew = place.parts[0] in LEFT_OUT | {PREFECT}
        if path.is_file() and path not in databases and not (half or log or anew):
            yield path, f"state/{place}"


def _databases(state: Path) -> list[Path]:
    """The catalog first."""
    found = [state / "catalog.db", state / PREFECT / "prefect.db"]
    return [path for path in found if path.is_file()]


def _add_database(tar: tarfile.TarFile, path: Path, name: str) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".draft-") as scratch:
        copy = Path(scratch) / path.name
        copy.touch(mode=0o600)
        address = f"{path.resolve().as_uri()}?mode=ro"
        with (
            closing(sqlite3.connect(address, uri=True, timeout=60)) as source,
            closing(sqlite3.connect(copy)) as made,
        ):
            source.backup(made)
            made.execute("PRAGMA journal_mode=DELETE")  # one file, without its log beside it
        tar.add(copy, name)


def _add_manifest(tar: tarfile.TarFile, *, outside: bool) -> None:
    said = {
        "form": FORM,
        "catalog": audiences.catalog.HEAD,
        "catalog_outside": outside,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    text = json.dumps(said).encode()
    entry = tarfile.TarInfo(MANIFEST)
    entry.size, entry.mode = len(text), 0o600
    tar.addfile(entry, io.BytesIO(text))


def _check_manifest(tar: tarfile.TarFile, source: Path) -> None:
    first = tar.next()
    file = tar.extractfile(first) if first is not None and first.name == MANIFEST else None
    if file is None:
        raise CannotRun(f"{source} is not a backup that `adsteer backup` made.")
    said = json.loads(file.read())
    if said["form"] != FORM or said["catalog"] > audiences.catalog.HEAD:
        raise CannotRun(f"{source} was made by a newer adsteer: update this program first.")


def _unpack(tar: tarfile.TarFile, folder: Path) -> None:
    """Every file private, settings first: they say where the state lies."""
    members = [one for one in tar.getmembers() if one.isfile()]
    for one in members:
        if one.name.startswith("project/"):
            _write(tar, one, folder / one.name.removeprefix("project/"), folder)
    state = load_project(folder).state_folder
    for one in members:
        if one.name.startswith("state/"):
            _write(tar, one, state / one.name.removeprefix("state/"), state)


def _write(tar: tarfile.TarFile, entry: tarfile.TarInfo, path: Path, within: Path) -> None:
    if not path.resolve().is_relative_to(within.resolve()):
        raise CannotRun(f"{entry.name} would lie outside the project: this is no backup of ours.")
    file = tar.extractfile(entry)
    if file is None:
        raise AssertionError(f"{entry.name} is no file")
    for parent in reversed(path.relative_to(within).parents):
        private_folder(within / parent)
    path.touch(mode=0o600)
    with file, path.open("wb") as out:
        while block := file.read(1 << 20):
            out.write(block)
