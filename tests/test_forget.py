"""Suppression lists, and people who asked to be forgotten: off every list, then out of state."""

import csv
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import ibis
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from audiences.refusals import ExportRefused
from audiences.suppression import read_suppression
from config.exports import ExportsFile
from connectors.sandbox.server import Running
from flows.cli import app
from tests.support.starter import make_starter, starter_sandbox
from tests.support.tables import rows_of

EXPORT = {"kind": "orders", "source": "crm", "path": "orders.csv"}


def listed(folder: Path, text: str) -> list[tuple[str, str, bool]]:
    (folder / "never.csv").write_text(text, encoding="utf-8")
    exports = ExportsFile.model_validate({"suppression": ["never.csv"], "export": [EXPORT]})
    engine = ibis.duckdb.connect(threads=1)
    table = read_suppression(engine, exports, folder, ("RU",))
    assert table is not None
    return sorted((r["kind"], r["value"], r["digest"]) for r in rows_of(engine, table))


def test_a_suppression_list_holds_contacts_ids_and_digests(tmp_path: Path) -> None:
    digest = sha256(b"c@x.ru").hexdigest()
    text = f"email;phone;external_id\n A@X.ru ;8 903 111-22-33;\n{digest.upper()};;77.0\n;;\n"
    assert set(listed(tmp_path, text)) == {
        ("email", "a@x.ru", False),
        ("email", digest, True),
        ("external_id", "77", False),
        ("phone", "+79031112233", False),
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name;city\nA;B\n", "required column missing"),
        ("email\nnobody\n", "no contact that can be read"),
        ("contact_id\n7\n", "no column email, phone or external_id"),
    ],
)
def test_a_suppression_list_that_cannot_be_read_stops_the_run(
    tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(ExportRefused, match=says):
        listed(tmp_path, text)


def test_a_missing_suppression_list_stops_the_run(tmp_path: Path) -> None:
    exports = ExportsFile.model_validate({"suppression": ["gone.csv"], "export": [EXPORT]})
    with pytest.raises(ExportRefused, match="no such file"):
        read_suppression(ibis.duckdb.connect(), exports, tmp_path, ("RU",))


# Forgetting, as a person types it


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch, starter_sandbox(patch) as running:
        yield running


def run(*words: object, text: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], input=text)


def told(result: Result, *statuses: int) -> dict[str, Any]:
    assert result.exit_code in (statuses or (0,)), result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def somebody(project: Path) -> dict[str, str]:
    """A contact with an e-mail address of their own who said yes."""
    with (project / "exports" / "contacts.csv").open(encoding="cp1251", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter=";") if row["E-mail"]]
    willing = [row for row in rows if row["Согласие на рекламу"] == "да"]
    return willing[0]


def rows_with(state: Path, person: str) -> set[str]:
    """Kinds of stored files that hold a person."""
    found = set()
    for path in state.rglob("*.parquet"):
        table = pq.read_table(path)
        if "person_id" in table.column_names:
            held = pc.sum(pc.equal(table.column("person_id"), person)).as_py()
            if held:
                found.add(path.relative_to(state).parts[0])
    return found


@pytest.mark.slow
def test_who_asks_is_taken_off_every_list_and_then_out_of_all_state(
    tmp_path: Path, sandbox: Running
) -> None:
    project = make_starter(tmp_path / "shop")
    option = ("-p", project, "--json")
    told(run("refresh", *option))
    told(run("apply", *option), 0, 1)
    address = somebody(project)["E-mail"].lower()
    state = project / ".adsteer"
    keys = pq.read_table(next((state / "keys").glob("*.parquet")))
    digest = sha256(f"email:{address}".encode()).hexdigest()
    person = keys.filter(pc.field("key_digest") == digest).column("person_id")[0].as_py()
    assert {"people", "keys", "digests", "known"} <= rows_with(state, person)

    result = run("forget", "-", *option, text=f"{address}\n")
    asked = told(result)
    assert (asked["request"], asked["people"]) == (1, 1)
    assert address not in result.output

    applied = told(run("apply", *option), 0, 1)
    removed = [one for one in applied["audiences"] if one["remove"]]
    assert removed
    told(run("refresh", *option))
    (request,) = told(run("forget", *option))["requests"]
    assert request["done_at"]
    assert {one["audience"] for one in request["removed"]} == {one["audience"] for one in removed}
    assert rows_with(state, person) == set()
    assert address not in json.dumps(request)

    again = told(run("refresh", *option))
    assert rows_with(state, person) == set()
    told(run("apply", *option), 0, 1)
    assert again["people"] > 4000
