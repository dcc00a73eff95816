"""No plain contact and no secret of a run is left anywhere: files, catalog, Prefect, logs, texts.

The demo goes through Prefect at debug level; then a second project meets every fault the sandbox
can make, at debug level too. Whatever either left behind is searched.
"""

import csv
import logging
import os
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import requests
from typer.testing import CliRunner

from audiences.sealing import Seal, open_parquet
from connectors.sandbox.faults import Kind
from flows.cli import app
from tests.support.starter import make_starter, starter_sandbox

ROOT = Path(__file__).parent.parent
KEY, TOKEN, PASSWORD = "key-that-nobody-sees-01", "token-that-nobody-sees-02", "word-not-seen-03"
SECRETS = {
    "ADSTEER_ENCRYPTION_KEY": KEY,
    "YANDEX_TOKEN": TOKEN,
    "YANDEX_CLIENT_SECRET": PASSWORD,
    "CRM_DATABASE_URL": f"postgresql://shop:{PASSWORD}@127.0.0.1:1/crm",
}
DEBUG = {"ADSTEER_LOG_LEVEL": "DEBUG", "PREFECT_LOGGING_LEVEL": "DEBUG"}
ADDRESS = re.compile(rb"[A-Za-z0-9_.+-]+@[A-Za-z0-9.-]+")
PHONE = re.compile(rb"([2-9]\d\d)[) -]{0,2}555[ -]?01[ -]?(\d\d)")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both projects and with everything that was said."""
    root = tmp_path_factory.mktemp("privacy")
    _demo(root)
    _every_fault(root)
    return root


def _demo(root: Path) -> None:
    """The demo in a process of its own, what it says in a file."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    with (root / "demo.log").open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-m", "flows", "demo", str(root / "demo"), "--json"],
            cwd=ROOT,
            env=own | SECRETS | DEBUG,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    assert done.returncode == 0, "the demo failed; see demo.log"


def _every_fault(root: Path) -> None:
    """Commands under every fault; each round forgets somebody, so there is something to send."""
    folder = make_starter(root / "shop")
    handler = logging.FileHandler(root / "faults.log")
    logger, level = logging.getLogger(), logging.getLogger().level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    said = []

    def run(*words: str, text: str | None = None) -> None:
        result = CliRunner().invoke(app, [*words, "-p", str(folder)], input=text)
        said.append(f"{words} {result.exit_code}\n{result.output}\n{result.exception!r}")

    try:
        with pytest.MonkeyPatch.context() as patch, starter_sandbox(patch) as sandbox:
            for name, value in (SECRETS | DEBUG).items():
                patch.setenv(name, value)
            run("check")
            run("refresh")
            for kind, contact in zip(typing.get_args(Kind), _addresses(folder), strict=False):
                for platform in ("yandex_audience", "yandex_direct"):
                    fault = {"kind": kind, "platform": platform, "times": 4}
                    asked = requests.post(f"{sandbox.url}/_sandbox/faults", json=fault, timeout=30)
                    asked.raise_for_status()
                run("apply")
                requests.delete(f"{sandbox.url}/_sandbox/faults", timeout=30).raise_for_status()
                run("forget", "-", text=f"{contact}\n")
            run("apply")
            run("refresh")
            run("forget")
            (folder / "exports" / "orders.csv").write_text(
                f"order_id;email;order_date;amount\n1;{contact};{contact};{contact}\n"
            )
            run("check")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()
    (root / "faults.txt").write_text("\n".join(said), encoding="utf-8")


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "exports" / "contacts.csv").open(encoding="cp1251", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def _addresses(folder: Path) -> Iterator[str]:
    yield from (row["E-mail"] for row in _rows(folder) if row["E-mail"])


def _texts(root: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file that was left, but for the exports themselves; tables as their cells."""
    for path in sorted(root.rglob("*")):
        if not path.is_file() or "exports" in path.relative_to(root).parts[1:-1]:
            continue
        content = path.read_bytes()
        if path.suffix == ".parquet":
            with open_parquet(path, Seal.of(KEY)) as file:
                content = b"\n".join(_cells(file.read()))
        yield path.relative_to(root), content


def _cells(table: pa.Table) -> Iterator[bytes]:
    for column in table.columns:
        flat = column.combine_chunks()
        while pa.types.is_list(flat.type):
            flat = flat.flatten()
        yield from (str(value).encode() for value in flat.to_pylist() if value is not None)


def test_the_search_would_find_what_it_looks_for(left: Path) -> None:
    rows = _rows(left / "shop")
    text = (left / "shop" / "exports" / "contacts.csv").read_bytes()
    assert len(_found_addresses(text) & _plain_addresses(rows)) > 4000
    assert len(_found_phones(text) & _plain_phones(rows)) > 3000
    assert {"demo.log", "faults.log", "faults.txt"} <= {str(path) for path, _ in _texts(left)}
    assert any(path.suffix == ".parquet" for path, _ in _texts(left))
    assert any(path.name == "prefect.db" for path, _ in _texts(left))
    assert b"DEBUG" in (left / "demo.log").read_bytes()
    assert (left / "faults.log").stat().st_size > 10_000


def test_no_plain_contact_is_left_anywhere(left: Path) -> None:
    rows = _rows(left / "shop")
    addresses, phones = _plain_addresses(rows), _plain_phones(rows)
    told = {
        str(path)
        for path, content in _texts(left)
        if _found_addresses(content) & addresses or _found_phones(content) & phones
    }
    assert told == set()


def test_no_secret_is_left_anywhere(left: Path) -> None:
    secrets = [KEY.encode(), TOKEN.encode(), PASSWORD.encode()]
    told = {str(path) for path, content in _texts(left) if any(s in content for s in secrets)}
    assert told == set()


def _plain_addresses(rows: list[dict[str, str]]) -> set[bytes]:
    return {row["E-mail"].lower().encode() for row in rows if row["E-mail"]}


def _plain_phones(rows: list[dict[str, str]]) -> set[bytes]:
    return {number for row in rows for number in _found_phones((row["Телефон"] or "").encode())}


def _found_addresses(content: bytes) -> set[bytes]:
    return {match.rstrip(b".").lower() for match in ADDRESS.findall(content)}


def _found_phones(content: bytes) -> set[bytes]:
    return {area + last for area, last in PHONE.findall(content)}
