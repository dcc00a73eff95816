import os
import stat
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import select, update

from audiences.catalog import open_catalog
from audiences.leases import (
    LEASE_LASTS,
    AccountBusy,
    Lease,
    LeaseLost,
    hold_lease,
    leave_lease,
    take_lease,
)
from audiences.ledger import Unsigned
from audiences.model import MEMBERS, Receipt, Refusal, Verb
from audiences.plan import StalePlan
from audiences.records import REFUSALS
from audiences.snapshots import (
    SNAPSHOTS,
    commit_snapshot,
    current_snapshot,
    fingerprint_of,
    forget_old,
    snapshot_at,
    snapshot_name,
    write_rows,
)
from config.audiences import Guards
from tests.support.audience_run import START, Run, digests, members, ref
from tests.support.catalogs import catalog_url, postgres_url  # noqa: F401
from tests.support.memory_platform import MemoryConnector, Platform

SIX = {f"c{i}": [f"e{i}"] for i in range(6)}


@pytest.fixture
def run(catalog_url, tmp_path):  # noqa: F811
    catalog = open_catalog(catalog_url)
    yield Run(catalog, tmp_path / "state")
    catalog.dispose()


def began(run, people=SIX):
    plan = run.plan(people)
    lease = take_lease(run.catalog, "main", "me", now=run.now)
    return plan, run.ledger.begin(plan.fingerprint, plan.lists[0], lease)


def test_a_list_is_delivered_and_remembered(run):
    platform = Platform()
    run.sync(SIX, MemoryConnector(platform, refuse={"c3": Refusal("c3", "odd")}))
    assert run.standing() == {f"c{i}": ["refused" if i == 3 else "in"] for i in range(6)}
    history = run.ledger.history(ref())
    assert [(row["verb"], row["people"], row["accepted"], row["refused"]) for row in history] == [
        ("add", 3, 3, 0),
        ("add", 3, 2, 1),
    ]
    assert {row["reference"] for row in history} == {"ref-1"}
    assert all(row["settled_at"] == START for row in history)


def test_what_is_intended_counts_as_unsure_at_once(run):
    _, sending = began(run)
    sending.intend(1, Verb.ADD, 3)
    assert run.standing() == {"c0": ["unsure"], "c1": ["unsure"], "c2": ["unsure"]}


def test_what_is_settled_counts_at_once(run):
    _, sending = began(run)
    key = sending.intend(1, Verb.ADD, 3)
    sending.settle(Receipt(key, 2, (Refusal("c1", "odd", temporary=True),)))
    assert run.standing() == {"c0": ["in"], "c2": ["in"]}
    assert sending.settled == {1}


def test_a_recalled_batch_never_was(run):
    _, sending = began(run)
    assert sending.recall(sending.intend(1, Verb.ADD, 3))
    assert run.standing() == {}


def test_a_batch_that_an_earlier_run_intended_cannot_be_recalled(run):
    _, sending = began(run)
    sending.intend(1, Verb.ADD, 3)
    assert not sending.recall(sending.intend(1, Verb.ADD, 3))
    assert len(run.standing()) == 3


def test_a_receipt_without_intention_is_an_error(run):
    _, sending = began(run)
    with pytest.raises(LookupError, match="never intended"):
        sending.settle(Receipt("nothing", 1))


def test_refusals_keep_person_and_reason(run):
    _, sending = began(run)
    key = sending.intend(1, Verb.ADD, 3)
    sending.settle(Receipt(key, 1, (Refusal("c1", "odd"), Refusal("c2", "busy", temporary=True))))
    with run.catalog.begin() as connection:
        rows = connection.execute(select(REFUSALS).order_by(REFUSALS.c.person_id)).all()
    assert [(row.person_id, row.reason, row.temporary) for row in rows] == [
        ("c1", "odd", False),
        ("c2", "busy", True),
    ]


def test_a_plan_on_an_older_state_is_refused(run):
    platform = Platform()
    old = run.plan(SIX)
    run.sync({"c9": ["e9"]}, MemoryConnector(platform))
    connector = MemoryConnector(platform)
    with pytest.raises(StalePlan, match="plan again"):
        run.apply(old, connector)
    assert connector.requests == []


def test_a_plan_is_not_begun_over_another_one_that_is_open(run):
    _, sending = began(run)
    sending.intend(1, Verb.ADD, 3)
    with pytest.raises(StalePlan):
        run.ledger.begin("f" * 64, sending.plan, sending.lease)


def test_a_list_that_comes_back_to_an_earlier_content_is_sent_again(run):
    platform = Platform()
    one = {"c0": ["e0"], "c1": ["e1"]}
    for people in (one, {"c0": ["e0"]}, one, {"c0": ["e0"]}, one):
        run.sync(people, MemoryConnector(platform))
        assert platform.members(ref().title) == digests(people)


def test_a_refused_plan_waits_for_an_approval_of_exactly_it(run):
    platform = Platform()
    run.sync(SIX, MemoryConnector(platform))
    run.guards = Guards(small_list=0, max_removed_share=0.2)
    fewer = {"c0": ["e0"], "c1": ["e1"]}
    plan = run.plan(fewer, withdrawn=["c5"])
    assert [refused.code for refused in plan.lists[0].refused_by] == ["removes_too_many"]
    run.apply(plan, MemoryConnector(platform))
    assert platform.members(ref().title) == {"e0", "e1", "e2", "e3", "e4"}  # the withdrawal went
    plan = run.plan(fewer, withdrawn=["c5"])
    with pytest.raises(Unsigned, match="name and a reason"):
        run.ledger.approve(plan.fingerprint, who="Ann", why=" ")
    with pytest.raises(StalePlan):
        run.ledger.approve("0" * 64, who="Ann", why="season over")
    run.ledger.approve(plan.fingerprint, who="Ann", why="season over")
    approval = run.ledger.approval(plan.fingerprint)
    assert approval is not None
    assert (approval.who, approval.why, approval.at) == ("Ann", "season over", START)
    assert run.ledger.approval("0" * 64) is None
    run.apply(plan, MemoryConnector(platform))
    assert platform.members(ref().title) == {"e0", "e1"}


def test_members_of_an_earlier_day_can_be_wanted_again(run):
    platform = Platform()
    refused = {"c7": Refusal("c7", "odd")}
    run.sync({**SIX, "c7": ["e7"]}, MemoryConnector(platform, refuse=refused))
    monday = run.now
    run.now += timedelta(days=1)
    run.sync({"c0": ["e0"], "c9": ["e9"]}, MemoryConnector(platform))
    table = run.ledger.members_at(ref(), monday)
    assert table is not None
    earlier = {row["person_id"]: row["email"] for row in run.engine.to_pyarrow(table).to_pylist()}
    assert earlier == SIX
    assert run.ledger.members_at(ref(), monday - timedelta(days=1)) is None
    run.sync(earlier, MemoryConnector(platform))
    assert platform.members(ref().title) == digests(SIX)


def test_two_runs_cannot_work_on_one_account(run):
    take_lease(run.catalog, "main", "first", now=START)
    with pytest.raises(AccountBusy, match="until 2026-03-02 06:15 UTC"):
        take_lease(run.catalog, "main", "second", now=START)
    take_lease(run.catalog, "other", "second", now=START)


def test_a_lease_ends_is_left_or_taken_from_the_dead(run):
    first = take_lease(run.catalog, "main", "first", now=START)
    take_lease(run.catalog, "main", "first", now=START)  # the same run may take it again
    second = take_lease(run.catalog, "main", "second", now=START + LEASE_LASTS)
    leave_lease(run.catalog, first)  # lost already: changes nothing
    with pytest.raises(AccountBusy):
        take_lease(run.catalog, "main", "third", now=START + LEASE_LASTS)
    third = take_lease(
        run.catalog, "main", "third", now=START, is_dead=lambda owner: owner == "second"
    )
    leave_lease(run.catalog, third)
    assert take_lease(run.catalog, "main", "fourth", now=START) == Lease("main", "fourth")
    with run.catalog.begin() as connection, pytest.raises(LeaseLost):
        hold_lease(connection, second, now=START)


def test_a_lease_that_ended_is_not_taken_from_a_run_that_lives(run):
    take_lease(run.catalog, "main", "first", now=START)
    later = START + 2 * LEASE_LASTS
    with pytest.raises(AccountBusy):
        take_lease(run.catalog, "main", "second", now=later, is_alive=lambda _owner: True)
    take_lease(run.catalog, "main", "second", now=later)


def test_a_run_that_lost_its_lease_records_nothing_more(run):
    _, sending = began(run)
    key = sending.intend(1, Verb.ADD, 3)
    take_lease(run.catalog, "main", "other", now=START, is_dead=lambda _owner: True)
    for step in (
        lambda: sending.intend(2, Verb.ADD, 3),
        lambda: sending.settle(Receipt(key, 3)),
        lambda: sending.open("L1"),
        lambda: sending.recall(key),
        sending.hold,
    ):
        with pytest.raises(LeaseLost):
            step()
    assert list(run.standing().values()) == [["unsure"]] * 3


def test_a_snapshot_is_current_once_it_is_committed_and_not_before(run):
    state = run.state
    with run.catalog.begin() as connection:
        assert current_snapshot(connection, state, kind="people") is None
    for day in range(3):
        made_at = START + timedelta(days=day)
        rows = members({f"c{i}": [f"e{i}"] for i in range(day + 1)})
        file = write_rows(state / "people", snapshot_name(made_at), MEMBERS, rows.to_batches())
        with run.catalog.begin() as connection:
            commit_snapshot(
                connection,
                state,
                kind="people",
                file=file,
                as_of=made_at.date(),
                made_at=made_at,
            )
    with run.catalog.begin() as connection:
        current = current_snapshot(connection, state, kind="people")
        first = snapshot_at(connection, state, kind="people", moment=START + timedelta(hours=1))
    assert current is not None
    assert current.rows == 3
    assert first is not None
    assert first.rows == 1
    assert forget_old(run.catalog, state, now=START + timedelta(days=11), keep_days=10) == 1
    assert not Path(first.path).exists()
    assert forget_old(run.catalog, state, now=START + timedelta(days=500), keep_days=10) == 1
    assert Path(current.path).exists()


def test_what_was_in_a_list_within_the_days_that_are_kept_can_be_gone_back_to(run):
    """Months without a change, then a bad one: the day before it is still there."""
    platform = Platform()
    run.sync(SIX, MemoryConnector(platform))
    run.now += timedelta(days=200)
    yesterday = run.now - timedelta(days=1)
    run.sync({"c9": ["e9"]}, MemoryConnector(platform))
    assert forget_old(run.catalog, run.state, now=run.now, keep_days=30) == 0
    assert _people_at(run, yesterday) == set(SIX)

    run.now += timedelta(days=30, seconds=-1)
    assert forget_old(run.catalog, run.state, now=run.now, keep_days=30) == 0
    run.now += timedelta(seconds=1)
    assert forget_old(run.catalog, run.state, now=run.now, keep_days=30) == 1
    assert _people_at(run, yesterday) is None
    assert _people_at(run, run.now) == {"c9"}


def _people_at(run, moment):
    table = run.ledger.members_at(ref(), moment)
    return None if table is None else set(run.engine.to_pyarrow(table)["person_id"].to_pylist())


def test_what_is_left_of_a_list_that_is_no_more_goes_with_its_days(run):
    run.sync(SIX, MemoryConnector(Platform()))
    with run.catalog.begin() as connection:
        connection.execute(update(SNAPSHOTS).values(current=False))
    later = START + timedelta(days=30)
    assert forget_old(run.catalog, run.state, now=later, keep_days=30) == 0
    later += timedelta(seconds=1)
    assert forget_old(run.catalog, run.state, now=later, keep_days=30) == 1
    assert not list((run.state / "known").rglob("*.parquet"))


def test_files_are_nobody_elses_business(run):
    run.sync(SIX, MemoryConnector(Platform()))
    files = [path for path in run.state.rglob("*") if path.name != "wanted.parquet"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files if path.is_file()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files if path.is_dir()} == {0o700}


def test_a_fingerprint_does_not_depend_on_how_rows_were_cut(tmp_path):
    table = members({f"c{i:05}": [f"e{i}"] for i in range(1000)})
    names = [
        write_rows(tmp_path, f"{size}-{{fingerprint}}.parquet", MEMBERS, table.to_batches(size))
        for size in (1, 7, 1000)
    ]
    assert len({file.fingerprint for file in names}) == 1
    assert len({file.path.read_bytes() for file in names}) == 1
    assert fingerprint_of(names[0].path) == names[0].fingerprint


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    def rows():
        yield from members({"c1": ["e1"]}).to_batches()
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_rows(tmp_path, "x.parquet", MEMBERS, rows())
    assert list(tmp_path.iterdir()) == []


def test_an_empty_set_can_be_a_snapshot(tmp_path):
    file = write_rows(tmp_path, "x.parquet", MEMBERS, ())
    assert file.rows == 0
    assert pa.parquet.read_table(file.path).schema.names == MEMBERS.names


def test_files_of_old_plans_go_and_those_of_open_and_young_ones_stay(run):
    run.sync({"c0": ["e0"]}, MemoryConnector(Platform()))
    open_plan, _ = began(run)
    run.now += timedelta(days=40)
    draft = run.state / "plans" / ".draft-killed"
    draft.mkdir()
    os.utime(draft, (0, 0))
    run.owner = "me"
    young = run.plan({"c7": ["e7"]}, audience=ref("new"))
    assert run.ledger.forget_old_plans(keep_days=30) == 1
    kept = {path.name for path in (run.state / "plans").iterdir()}
    assert kept == {open_plan.fingerprint, young.fingerprint}
    assert len(run.ledger.history(ref())) == 1  # the story stays
