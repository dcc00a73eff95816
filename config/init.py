"""A new project folder out of the shipped starter."""

import os
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from config.faults import ConfigError, Fault
from config.settings import ENV_FILE, SECRETS_FOLDER
from config.shop import State

_RENAMED = {"env.example": ".env.example"}  # a leading dot does not survive packaging
_IGNORED = f"""\
# Nothing in here belongs into a repository: secrets, people, what was sent.
{ENV_FILE}
{SECRETS_FOLDER}/
{State().folder}/
exports/
"""
_ENV = "# Secrets of this project; .env.example says which there are. Keep this file to yourself.\n"


def write_starter(folder: Path) -> list[Path]:
    """Write the starter project; returns the files written, sorted.

    Every file under `config/starter/` goes along, folders too. The project folder is made 0700,
    `.env` 0600. Raises ConfigError, having written nothing, if one of the files exists already.
    """
    folder = folder.expanduser()
    contents = {**dict(_starter()), ".gitignore": _IGNORED.encode(), ENV_FILE: _ENV.encode()}
    taken = sorted(name for name in contents if os.path.lexists(folder / name))
    if taken:
        raise ConfigError(
            Fault(name, "", f"a file in {folder}", "no such file yet: nothing is overwritten")
            for name in taken
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return [_write(folder / name, content) for name, content in sorted(contents.items())]


def starter_text(name: str) -> str:
    """A settings file of the starter as it is shipped."""
    return files("config").joinpath("starter", name).read_text(encoding="utf-8")


def _starter() -> Iterator[tuple[str, bytes]]:
    for path, source in _walk(files("config").joinpath("starter"), PurePosixPath()):
        yield _RENAMED.get(str(path), str(path)), source.read_bytes()


def _walk(folder: Traversable, at: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_file() and not entry.name.endswith((".py", ".pyc")):
            yield at / entry.name, entry
        elif entry.is_dir() and entry.name != "__pycache__":
            yield from _walk(entry, at / entry.name)


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = 0o600 if path.name == ENV_FILE else 0o644
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    return path
