"""Lists built anew and lists taken over, in the ledger: what is swapped, kept, refused."""

from dataclasses import replace
from datetime import timedelta

import pytest

from audiences.adoption import adopt, allow_removals
from audiences.catalog import open_catalog
from audiences.leases import leave_lease, take_lease
from audiences.ledger import ListNotOurs
from audiences.rebuilds import forget_retired, new_list, retired, swap
from audiences.records import old_list, read_list
from audiences.snapshots import forget_old
from tests.support.audience_run import START, Run, digests, ref
from tests.support.catalogs import catalog_url, postgres_url  # noqa: F401
from tests.support.memory_platform import MemoryConnector, Platform

SIX = {f"c{i}": [f"e{i}"] for i in range(6)}
TWO = {"c0": ["e0"], "c1": ["e1"]}


@pytest.fixture
def run(catalog_url, tmp_path):  # noqa: F811
    catalog = open_catalog(catalog_url)
    yield Run(catalog, tmp_path / "state")
    catalog.dispose()


def at_work(run, do, *arguments):
    """Done under the account's lease, as a command does it."""
    lease = take_lease(run.catalog, "main", run.owner, now=run.now)
    try:
        return do(run.catalog, *arguments, lease, clock=lambda: run.now)
    finally:
        leave_lease(run.catalog, lease)


def built(run, people=SIX, platform=None):
    """A new list beside the old one, filled with these people."""
    new = at_work(run, new_list, ref(), 250)
    run.sync(people, MemoryConnector(platform or Platform()), audience=new)
    return new


def people_at(run, audience, moment):
    table = run.ledger.members_at(audience, moment)
    return None if table is None else set(run.engine.to_pyarrow(table)["person_id"].to_pylist())


def test_the_new_list_has_a_title_of_its_own_that_stays_until_the_swap(run):
    first = at_work(run, new_list, ref(), 250)
    run.now += timedelta(days=1)
    assert at_work(run, new_list, ref(), 250) == first
    assert first.title == "adsteer vip 2026-03-02 06:00"
    short = replace(ref("other"), title="a title of many letters")
    assert at_work(run, new_list, short, 30).title == "a title of ma 2026-03-03 06:00"


def test_a_swap_hands_over_what_is_known_and_keeps_what_was(run):
    platform = Platform()
    run.sync(SIX, MemoryConnector(platform))
    before = run.ledger.list_id(ref())
    run.now += timedelta(days=1)
    new = built(run, TWO, platform)
    serving = run.ledger.list_id(new)
    run.now += timedelta(days=1)
    assert at_work(run, swap, ref(), new) == before
    assert run.ledger.list_id(ref()) == serving
    assert run.ledger.list_id(new) is None
    assert run.standing() == {"c0": ["in"], "c1": ["in"]}
    assert run.standing(old_list(ref())) == {person: ["in"] for person in SIX}
    assert at_work_retired(run) == before
    assert run.plan(TWO).is_empty

    a_moment = timedelta(seconds=1)
    assert people_at(run, ref(), run.now - a_moment) == set(SIX), "the old list served until then"
    assert people_at(run, ref(), run.now) == set(TWO)

    at_work(run, forget_retired, ref())
    assert retired(run.catalog, ref()) is None
    later = run.now + timedelta(days=31)
    forget_old(run.catalog, run.state, now=later, keep_days=30)
    (left,) = (run.state / "known").rglob("*.parquet")
    assert run.ledger.base(ref()).known.count().execute() == 2, left


def at_work_retired(run):
    kept = retired(run.catalog, ref())
    return kept and kept.list_id


def test_nothing_is_swapped_before_there_is_a_new_list(run):
    run.sync(SIX, MemoryConnector(Platform()))
    new = at_work(run, new_list, ref(), 250)
    with pytest.raises(ListNotOurs, match="no new list"):
        at_work(run, swap, ref(), new)
    assert run.standing() == {person: ["in"] for person in SIX}


@pytest.mark.parametrize("which", ["old", "new"])
def test_nothing_is_swapped_while_either_list_is_being_sent(run, which):
    platform = Platform()
    run.sync(SIX, MemoryConnector(platform))
    new = built(run, SIX, platform)
    audience = ref() if which == "old" else new
    plan = run.plan(TWO, audience=audience)
    run.ledger.begin(plan.fingerprint, plan.lists[0], run._lease(ref()))
    with pytest.raises(ListNotOurs, match="a plan is still open"):
        at_work(run, swap, ref(), new)


def test_nothing_is_swapped_while_the_list_of_the_last_time_is_kept(run):
    platform = Platform()
    run.sync(SIX, MemoryConnector(platform))
    at_work(run, swap, ref(), built(run, SIX, platform))
    kept = at_work_retired(run)
    run.now += timedelta(hours=1)
    with pytest.raises(ListNotOurs, match="still kept"):
        at_work(run, swap, ref(), built(run, SIX, platform))
    assert at_work_retired(run) == kept


def test_a_list_has_one_audience_and_an_audience_one_list(run):
    platform = Platform()
    run.sync(SIX, MemoryConnector(platform))
    taken = run.ledger.list_id(ref())
    with pytest.raises(ListNotOurs, match="has a list already"):
        at_work(run, adopt, ref(), "another")
    with pytest.raises(ListNotOurs, match=f"list {taken} is the one of vip"):
        at_work(run, adopt, ref("new"), taken)
    at_work(run, adopt, ref("new"), "another")
    with pytest.raises(ListNotOurs, match="was not adopted"):
        at_work(run, allow_removals, ref())


def test_of_an_adopted_list_only_those_leave_who_withdrew_until_a_person_allows_more(run):
    platform = Platform()
    platform.titles["by hand"], platform.lists["L9"] = "L9", {"theirs"}
    at_work(run, adopt, ref(), "L9")
    run.sync(SIX, MemoryConnector(platform))
    waits = run.plan(TWO, withdrawn=["c5"])
    assert "until somebody allows removals; 3 people" in waits.lists[0].waiting[0].text
    run.ledger.approve(waits.fingerprint, who="Ann", why="removals are another permission")
    run.apply(waits, MemoryConnector(platform))
    assert platform.lists["L9"] == {"theirs", "e0", "e1", "e2", "e3", "e4"}

    at_work(run, allow_removals, ref())
    run.sync(TWO, MemoryConnector(platform))
    assert platform.lists["L9"] == {"theirs"} | digests(TWO)
    with run.catalog.begin() as connection:
        record = read_list(connection, ref())
    assert record is not None
    assert (record["adopted"], record["add_only"]) == (True, False)
    assert record["changed_at"] == START
