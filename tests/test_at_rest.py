"""What lies on the disk: sealed where a key is set, for nobody else to read, and not for ever."""

import stat
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest

from audiences.sealing import Seal, Sealed, is_sealed, open_parquet
from flows import loop, summaries
from flows.workshop import open_workshop
from tests.support.rehearsal import rehearse

KEY = "correct horse battery staple"
START = datetime(2026, 6, 1, 9, tzinfo=UTC)

pytestmark = pytest.mark.slow


@pytest.fixture
def rehearsal(tmp_path, monkeypatch):
    with rehearse(tmp_path / "shop", monkeypatch, people=200) as made:
        yield made


def files_of(shop, ending=""):
    state = shop.folder / ".adsteer"
    return [path for path in state.rglob(f"*{ending}") if path.is_file()]


def test_with_a_key_every_snapshot_and_plan_is_sealed_and_the_loop_works(rehearsal, monkeypatch):
    shop = rehearsal.shop
    monkeypatch.setenv("ADSTEER_ENCRYPTION_KEY", KEY)
    rehearsal.run("refresh")
    rehearsal.run("apply")
    shop.cities["north"] = "CDE"
    shop.write_rules()
    rehearsal.run("apply")
    assert rehearsal.members("north") == shop.digests("north")
    parquet = files_of(shop, ".parquet")
    assert {path.parts[-2] for path in parquet} >= {"people", "segments", "north"}
    assert all(is_sealed(path) for path in parquet)
    one = shop.wanted("north")[0]
    for path in files_of(shop):
        content = path.read_bytes()
        assert all(digest.encode() not in content for digest in one.digests), path


def test_without_the_key_a_sealed_project_says_what_to_do(rehearsal, monkeypatch):
    monkeypatch.setenv("ADSTEER_ENCRYPTION_KEY", KEY)
    rehearsal.run("refresh")
    monkeypatch.delenv("ADSTEER_ENCRYPTION_KEY")
    assert "Set ADSTEER_ENCRYPTION_KEY" in rehearsal.run("plan", code=1)["said"]
    monkeypatch.setenv("ADSTEER_ENCRYPTION_KEY", "another key of some length")
    assert "encrypted with another key" in rehearsal.run("plan", code=1)["said"]


def test_a_key_set_later_seals_what_is_written_from_then_on(rehearsal, monkeypatch):
    rehearsal.run("refresh")
    rehearsal.run("apply")
    monkeypatch.setenv("ADSTEER_ENCRYPTION_KEY", KEY)
    rehearsal.run("refresh")
    rehearsal.run("apply")
    sealed = {is_sealed(path) for path in files_of(rehearsal.shop, ".parquet")}
    assert sealed == {True, False}
    assert rehearsal.members("north") == rehearsal.shop.digests("north")


def test_a_seal_is_not_shown_and_opens_only_its_own(tmp_path):
    seal = Seal.of(KEY)
    assert KEY not in repr(seal)
    assert seal.key.hex() not in repr(seal)
    assert seal == Seal.of(KEY) != Seal.of(KEY + "!")
    path = tmp_path / "x.parquet"
    table = pq.read_table(_plain(tmp_path))
    pq.write_table(table, path, encryption_properties=seal.to_write())
    assert open_parquet(path, seal).read() == table
    with pytest.raises(Sealed, match="another key"):
        open_parquet(path, Seal.of(KEY + "!"))


def _plain(folder):
    import pyarrow as pa

    path = folder / "plain.parquet"
    pq.write_table(pa.table({"person_id": ["c1"]}), path)
    return path


def test_nobody_else_can_read_what_is_written(rehearsal):
    rehearsal.run("refresh")
    rehearsal.run("apply")
    for path in files_of(rehearsal.shop):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    folders = {path.parent for path in files_of(rehearsal.shop)}
    for folder in folders:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


def at(rehearsal, days, *, refresh=False):
    """One apply on that day; gives what it renewed."""
    rehearsal.box.settle()
    with open_workshop(rehearsal.shop.folder, now=lambda: START + timedelta(days=days)) as workshop:
        if refresh:
            loop.refresh(workshop)
        document = loop.apply(workshop)
    assert not summaries.has_failed(document)
    return document["audiences"][0]["renew"]


def of_today(shop):
    """The shop follows the clock, and an old export is no reason to stop."""
    written = shop.folder / "adsteer.toml"
    text = written.read_text().replace("as_of =", "# as_of =")
    written.write_text(text + "\n[state]\nkeep_days = 30\n")
    shop.guards += "\nmax_source_age_days = 10000"
    shop.write_rules()


def test_members_are_renewed_before_their_end_and_not_all_at_once(rehearsal):
    shop = rehearsal.shop
    of_today(shop)
    text = (shop.folder / "audiences.toml").read_text()
    (shop.folder / "audiences.toml").write_text(text + "membership_days = 100\n")
    assert at(rehearsal, 0, refresh=True) == 0
    assert at(rehearsal, 69) == 0
    renewed = [at(rehearsal, day) for day in (75, 80, 85, 90)]
    assert sum(renewed) == len(shop.wanted("north"))
    assert max(renewed) < sum(renewed) / 2
    assert at(rehearsal, 91) == 0
    assert rehearsal.members("north") == shop.digests("north")


def test_what_is_old_is_let_go_at_the_end_of_a_run(rehearsal):
    shop = rehearsal.shop
    of_today(shop)
    at(rehearsal, 0, refresh=True)
    plans = {path.stem for path in (shop.folder / ".adsteer" / "plans").iterdir()}
    first = set(files_of(shop, ".parquet"))
    shop.cities["north"] = "EFG"
    shop.write_rules()
    at(rehearsal, 20, refresh=True)
    assert first < set(files_of(shop, ".parquet"))
    at(rehearsal, 49, refresh=True)  # 29 days after they were replaced
    snapshots = {path for path in first if "/plans/" not in str(path)}
    assert snapshots < set(files_of(shop, ".parquet"))
    at(rehearsal, 51, refresh=True)
    assert not {path for path in first if "/people/" in str(path)} & set(files_of(shop))
    assert not plans & {path.stem for path in (shop.folder / ".adsteer" / "plans").iterdir()}
    rehearsal.run("history", "north")  # the story stays
    assert rehearsal.members("north") == shop.digests("north")
