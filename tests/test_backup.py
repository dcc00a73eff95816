"""A backup is restored elsewhere and goes on where it was; what is no backup is refused."""

import json
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from tests.support.catalogs import empty_database, postgres_url  # noqa: F401
from tests.support.rehearsal import rehearse

KEY = "a key of thirty-two characters .."

pytestmark = pytest.mark.slow


def test_a_restored_project_goes_on_where_the_backup_was_made(tmp_path, monkeypatch):
    with rehearse(tmp_path / "shop", monkeypatch) as made:
        monkeypatch.setenv("ADSTEER_ENCRYPTION_KEY", KEY)
        (made.shop.folder / ".env").write_text("ADSTEER_LOG_LEVEL=ERROR\n")
        made.run("refresh")
        made.run("apply")
        file = tmp_path / "kept.tar.gz"
        document = made.run("backup", str(file))
        assert document["bytes"] == file.stat().st_size
        assert file.stat().st_mode & 0o077 == 0
        assert "never written over" in made.run("backup", str(file), code=1)["said"]

        before = made.run("status")["things"]
        elsewhere = tmp_path / "restored"
        told = restore(file, elsewhere)
        assert [one["at"] for one in told["things"]] == [one["at"] for one in before]
        assert "not empty" in restore(file, elsewhere, code=1)["said"]
        for path in elsewhere.rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, path
        assert not (elsewhere / ".env").exists()
        assert not (elsewhere / "exports").exists()

        made.shop.folder = elsewhere
        (planned,) = made.run("plan")["audiences"]
        assert (planned["add"], planned["remove"], planned["sends"]) == (0, 0, [])
        made.shop.cities = {"north": "ABCDE"}
        made.shop.write_rules()
        made.run("apply")
        assert made.members("north") == made.shop.digests("north")


def test_a_catalog_moves_to_postgresql_and_runs_go_on(tmp_path, monkeypatch, postgres_url):  # noqa: F811
    with rehearse(tmp_path / "shop", monkeypatch) as made, empty_database(postgres_url) as url:
        made.run("refresh")
        made.run("apply")
        assert "ADSTEER_CATALOG" in made.run("move", code=1)["said"]
        before = made.run("status")["things"]
        monkeypatch.setenv("ADSTEER_CATALOG", url)
        tables = made.run("move")["tables"]
        assert tables["batches"] > 0
        assert "holds rows already" in made.run("move", code=1)["said"]
        (made.shop.folder / ".adsteer" / "catalog.db").unlink()
        assert made.run("status")["things"] == before
        made.shop.cities = {"north": "ABCDE"}
        made.shop.write_rules()
        made.run("refresh")
        made.run("apply")
        assert made.members("north") == made.shop.digests("north")
        assert "not in SQLite" in made.run("move", code=1)["said"]


def restore(file: Path, folder: Path, code: int = 0) -> dict:
    result = CliRunner().invoke(app, ["restore", str(file), str(folder), "--json"])
    assert result.exit_code == code, result.output
    return {"said": result.output} if code else json.loads(result.stdout)


def test_what_is_no_backup_is_refused_and_leaves_nothing(tmp_path):
    text = tmp_path / "text"
    text.write_text("hello")
    foreign = tmp_path / "foreign.tar"
    with tarfile.open(foreign, "w") as tar:
        tar.add(text, "project/adsteer.toml")
    for file in (text, foreign, tmp_path / "missing"):
        assert "backup" in restore(file, tmp_path / "new", code=1)["said"]
        assert not (tmp_path / "new").exists()
