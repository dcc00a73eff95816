"""A full disk and a locked catalog: said plainly, and the next run goes on."""

import resource
import signal
import sqlite3

import pytest
from sqlalchemy import event

from audiences.catalog import open_catalog
from tests.support.rehearsal import rehearse


@pytest.fixture
def rehearsal(tmp_path, monkeypatch):
    with rehearse(tmp_path / "shop", monkeypatch) as made:
        made.run("refresh")
        yield made


@pytest.fixture
def full_disk():
    """No file may grow beyond 3,000 bytes."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_is_said_plainly_and_the_next_run_goes_on(rehearsal, request):
    request.getfixturevalue("full_disk")
    said = rehearsal.run("apply", code=1)["said"]
    assert "disk" in said
    assert "Nothing is lost" in said
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
    rehearsal.run("apply")
    assert rehearsal.members("north") == rehearsal.shop.digests("north")


def test_a_catalog_that_stays_locked_is_said_plainly_and_the_next_run_goes_on(
    rehearsal, monkeypatch
):
    def impatient(url):
        engine = open_catalog(url)
        event.listen(engine, "connect", lambda one, _record: one.execute("PRAGMA busy_timeout=50"))
        engine.dispose()
        return engine

    held = sqlite3.connect(rehearsal.shop.folder / ".adsteer" / "catalog.db", isolation_level=None)
    with monkeypatch.context() as patch:
        patch.setattr("flows.workshop.open_catalog", impatient)
        patch.setattr("flows.loop.plan_lists", lambda shop, **more: _locked(held, shop, **more))
        said = rehearsal.run("apply", code=1)["said"]
    assert "database is locked" in said
    held.execute("ROLLBACK")
    held.close()
    rehearsal.run("apply")
    assert rehearsal.members("north") == rehearsal.shop.digests("north")


def _locked(held, workshop, **more):
    from flows.lists import plan_lists

    held.execute("BEGIN IMMEDIATE")
    return plan_lists(workshop, **more)
