"""SIGKILL at every recorded step: the next run ends in the right state."""

import multiprocessing
import shutil
import signal

import pytest

from audiences.plan import StalePlan, load_plan
from tests.support.audience_run import digests, ref
from tests.support.crashing_run import (
    FOREIGN,
    connector_for,
    make_plan,
    open_platform,
    open_run,
    planned,
    run_and_die,
)

BEFORE = {f"c{i}": [f"e{i}", f"p{i}"] for i in range(5)}
AFTER = {"c0": ["e0", "p0"], "c1": ["e1", "p100"], "c5": ["e5"], "c6": ["e6"], "c7": ["p7", "p4"]}
MOST_STEPS = 60

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.support.crashing_run"])


def die(folder, *, born, at, together=1):
    """True if the run was killed at that step, False if it ended before it."""
    process = processes.Process(target=run_and_die, args=(folder, born, at, together))
    process.start()
    process.join(600)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def resume(folder, *, born):
    """The very plan once more, where the ledger still takes it."""
    run = open_run(folder)
    plan = load_plan(run.state, planned(folder))
    try:
        run.apply(plan, connector_for(folder, born=born))
    except StalePlan:
        assert run.plan(AFTER).fingerprint != plan.fingerprint
    run.catalog.dispose()


def finish(folder, people, *, born, together=1):
    """The next run: plan again and apply."""
    run = open_run(folder)
    delivered = run.sync(people, connector_for(folder, born=born, together=together))
    assert delivered.stopped_by is None
    assert run.plan(people).is_empty
    assert run.standing() == {person: ["in"] for person in sorted(people)}
    run.catalog.dispose()


def check(folder, people):
    platform = open_platform(folder)
    assert platform.members(ref().title) == digests(people)
    assert platform.members("a stranger's list") == FOREIGN["a stranger's list"]
    assert len(platform.lists) == 2


@pytest.mark.slow
@pytest.mark.parametrize("born", [False, True], ids=["empty lists", "born with members"])
@pytest.mark.parametrize("before", [{}, BEFORE], ids=["first", "later"])
def test_after_a_kill_at_any_step_the_next_run_ends_in_the_desired_state(tmp_path, before, born):
    start = tmp_path / "start"
    start.mkdir()
    if before:
        finish(start, before, born=born)
    make_plan(start, AFTER)
    killed = 0
    for at in range(1, MOST_STEPS):
        folder = tmp_path / f"{at}"
        shutil.copytree(start, folder)
        if not die(folder, born=born, at=at):
            break
        killed += 1
        if at % 2:  # every other time the very plan is tried first
            resume(folder, born=born)
        finish(folder, AFTER, born=born)
        check(folder, AFTER)
    assert 10 <= killed < MOST_STEPS - 1


@pytest.mark.slow
def test_after_a_kill_the_wish_may_have_changed(tmp_path):
    start = tmp_path / "start"
    start.mkdir()
    make_plan(start, AFTER)
    for at in range(1, MOST_STEPS, 4):
        folder = tmp_path / f"{at}"
        shutil.copytree(start, folder)
        if not die(folder, born=False, at=at):
            break
        finish(folder, BEFORE, born=False)
        check(folder, BEFORE)
    assert at > 10


CROWD = {f"n{i:02}": [f"e{i}", f"p{i}"] for i in range(14)}
"""A batch each."""


@pytest.mark.slow
def test_a_kill_leaves_several_batches_in_doubt_and_the_next_run_settles_them_all(tmp_path):
    """Three requests at once: as many are under way, and as many more are recorded."""
    start = tmp_path / "start"
    start.mkdir()
    finish(start, {**BEFORE, "n00": ["e0", "p0"]}, born=False)
    make_plan(start, CROWD, batch_size=1)
    in_doubt = []
    for at in range(2, 3 * MOST_STEPS, 5):
        folder = tmp_path / f"{at}"
        shutil.copytree(start, folder)
        if not die(folder, born=False, at=at, together=3):
            break
        run = open_run(folder)
        states = [one["state"] for one in run.ledger.history(ref())]
        in_doubt.append(states.count("intended"))
        run.catalog.dispose()
        finish(folder, CROWD, born=False, together=3)
        check(folder, CROWD)
    assert len(in_doubt) >= 8
    assert max(in_doubt) >= 3
