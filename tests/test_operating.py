"""Operating a project: freshness, questions to a person, the journal, and the lease."""

import multiprocessing
import os
import signal
from datetime import UTC, datetime, timedelta

import pytest

from audiences.decisions import BadDecision, NotWaiting
from audiences.journal import begin_run
from audiences.leases import AccountBusy
from audiences.plan import StalePlan
from flows import approving, freshness, journal, loop, summaries
from flows.lists import leased
from flows.status import status
from flows.workshop import open_workshop
from tests.support.prefect_server import wait_for
from tests.support.rehearsal import rehearse

NOW = datetime.now(UTC)
STRICT = "max_removed_share = 0.1\nmax_removed_share_small = 0.1\nsmall_list = 10"

pytestmark = pytest.mark.slow


@pytest.fixture
def rehearsal(tmp_path, monkeypatch):
    with rehearse(tmp_path / "shop", monkeypatch) as made:
        made.shop.cities = {"north": "ABCD", "south": "EFGH"}
        made.shop.guards = STRICT
        made.shop.write_rules()
        made.run("refresh")
        made.run("apply")
        yield made


def opened(rehearsal, later=timedelta()):
    return open_workshop(rehearsal.shop.folder, now=lambda: datetime.now(UTC) + later)


def refused_plan(rehearsal):
    """Half of the north shall go, which a guard refuses, and one city more be in the south."""
    rehearsal.shop.cities = {"north": "AB", "south": "DEFGH"}
    rehearsal.shop.write_rules()
    with opened(rehearsal) as workshop:
        document = loop.plan(workshop, bids=False)
        assert summaries.is_refused(document)
        document = {**document, **loop.apply(workshop, document["fingerprint"])}
        question = approving.ask(workshop, document, sent=True)
    assert question is not None
    return question.fingerprint


# Freshness


def test_what_was_brought_in_step_is_fresh_until_its_limit(rehearsal):
    document = rehearsal.run("status")
    states = {one["name"]: one["state"] for one in document["things"]}
    assert states == {"segments": "fresh", "lists/north": "fresh", "lists/south": "fresh"}
    assert document["stale"] == 0
    with opened(rehearsal, timedelta(days=11)) as workshop:
        later = status(workshop)
    assert {one["state"] for one in later["things"]} == {"stale"}
    assert later["stale"] == 3
    path = rehearsal.shop.folder / "adsteer.toml"
    path.write_text(path.read_text() + "[freshness]\nsegments = 0.0000001\naudiences = 500\n")
    document = rehearsal.run("status", code=1)
    limits = {one["name"]: one["limit_hours"] for one in document["things"]}
    assert limits["lists/north"] == 500
    assert "TOO OLD" in rehearsal.tell("status")


def test_a_list_that_is_held_back_grows_old_while_its_neighbour_is_renewed(rehearsal):
    path = rehearsal.shop.folder / "schedules.toml"
    path.write_text(path.read_text() + "apply = true\n")
    refused_plan(rehearsal)
    with opened(rehearsal) as workshop:
        at = {one.name: one.at for one in freshness.things(workshop)}
        limits = {one.name: one.limit for one in freshness.things(workshop)}
        coming = {one.name: one.next_run for one in freshness.things(workshop)}
    assert at["lists/north"] < at["lists/south"]
    assert limits["lists/north"] == timedelta(hours=38)  # one and a half days, and two hours
    assert limits["segments"] == timedelta(days=2)  # no schedule refreshes
    assert coming["lists/north"] is not None
    assert coming["segments"] is None


def test_stale_is_told_and_then_recovered(rehearsal):
    with opened(rehearsal, timedelta(days=11)) as workshop:
        said = freshness.watch(workshop)
        assert len(said) == 3
        assert "Too old: the segments. Last in step 11.0 days ago; the limit is 48 hours." in said
        assert {one["state"] for one in status(workshop)["troubles"]} == {"stale"}
    with opened(rehearsal) as workshop:
        assert freshness.watch(workshop) == []
        assert status(workshop)["troubles"] == []


# Questions


def test_an_approval_applies_exactly_the_plan_that_was_shown(rehearsal):
    fingerprint = refused_plan(rehearsal)
    before = rehearsal.members("north")
    (waits,) = rehearsal.run("status")["waiting"]
    assert waits["fingerprint"] == fingerprint
    assert any("north" in line and "Held back" in line for line in waits["summary"])
    assert not any("south" in line for line in waits["summary"])
    with opened(rehearsal) as workshop:
        document = approving.approve(
            workshop, fingerprint[:12], who="Ann", why="The north closed its shops"
        )
        (said,) = approving.decided(workshop)
    assert document["fingerprint"] == fingerprint
    assert rehearsal.members("north") == rehearsal.shop.digests("north") < before
    assert (said["state"], said["who"], said["why"]) == (
        "approved",
        "Ann",
        "The north closed its shops",
    )
    assert rehearsal.run("status")["waiting"] == []


def test_a_rejection_leaves_everything_as_it_was(rehearsal):
    fingerprint = refused_plan(rehearsal)
    before = rehearsal.members("north")
    answer = rehearsal.run("reject", fingerprint[:12], "--who", "Bob", "--why", "A wrong export")
    assert answer["decision"]["state"] == "rejected"
    assert rehearsal.members("north") == before
    with opened(rehearsal) as workshop, pytest.raises(NotWaiting, match="was rejected by Bob"):
        approving.approve(workshop, fingerprint, who="Ann", why="but I want it")
    with opened(rehearsal) as workshop:
        document = loop.plan(workshop, bids=False, only=["north"])
        again = approving.ask(workshop, document, sent=False)
        assert (again.fingerprint, again.state) == (fingerprint, "rejected")
        assert approving.waiting(workshop) == []
    assert rehearsal.members("north") == before


WRONG = [
    ("all", "Ann", "a reason", BadDecision),
    ("", "Ann", "a reason", BadDecision),
    ("0" * 64, "Ann", "a reason", NotWaiting),
    (None, " ", "a reason", BadDecision),
    (None, "A" * 101, "a reason", BadDecision),
    (None, "Ann", "no", BadDecision),
    (None, "Ann", "n" * 501, BadDecision),
]


def test_the_limits_of_the_form_hold_here_too_and_a_question_ends(rehearsal):
    asked = refused_plan(rehearsal)
    before = rehearsal.members("north")
    with opened(rehearsal) as workshop:
        for fingerprint, who, why, error in WRONG:
            plan = asked if fingerprint is None else fingerprint
            for answer in (approving.approve, approving.reject):
                with pytest.raises(error):
                    answer(workshop, plan, who=who, why=why)
        (waits,) = approving.waiting(workshop)
    assert waits["who"] is None
    with opened(rehearsal, timedelta(days=4)) as workshop:
        assert approving.waiting(workshop) == []
        with pytest.raises(NotWaiting, match="was expired"):
            approving.approve(workshop, asked, who="Ann", why="too late")
    assert rehearsal.members("north") == before


def test_a_plan_that_the_world_has_left_behind_is_not_approved(rehearsal):
    fingerprint = refused_plan(rehearsal)
    rehearsal.shop.cities = {"north": "ABCDE", "south": "DEFGH"}
    rehearsal.shop.write_rules()
    rehearsal.run("apply")
    with opened(rehearsal) as workshop:
        with pytest.raises(StalePlan):
            approving.approve(workshop, fingerprint, who="Ann", why="a reason")
        (waits,) = approving.waiting(workshop)
    assert waits["state"] == "waiting"


def test_a_plan_alone_waits_for_somebody_to_apply_it_lists_and_bids_alike(rehearsal):
    rehearsal.shop.cities = {"north": "ABCDE", "south": "EFGH"}
    rehearsal.shop.write_rules()
    with opened(rehearsal) as workshop:
        document = loop.plan(workshop, bids=False)
        assert not summaries.is_refused(document)
        asked = approving.ask(workshop, document, sent=False)
        approving.approve(workshop, asked.fingerprint, who="Ann", why="looks right")
        nothing = loop.plan(workshop, bids=False)
        assert approving.ask(workshop, nothing, sent=False) is None
    assert rehearsal.members("north") == rehearsal.shop.digests("north")
    rehearsal.shop.bids = {"north": 10}
    rehearsal.shop.write_rules()
    rehearsal.run("apply")
    rehearsal.shop.bids = {"north": 90}
    rehearsal.shop.write_rules()
    with opened(rehearsal) as workshop:
        document = loop.plan(workshop, lists=False)
        asked = approving.ask(workshop, document, sent=False)
        assert any("+90 %" in line for line in approving.shown(asked)["summary"])
        done = approving.approve(workshop, asked.fingerprint, who="Ann", why="a sale")
    assert [one["percent"] for one in done["receipts"]["bids"]] == [90]


# The journal


def test_runs_are_written_down_with_how_they_ended_and_a_killed_one_is_told_once(rehearsal):
    folder = str(rehearsal.shop.folder)
    with journal.recorded(folder, "sync") as notes:
        notes.document = {"people": 2}
    with pytest.raises(ZeroDivisionError), journal.recorded(folder, "adjust"):
        raise ZeroDivisionError("ann@example.com")
    with pytest.raises(AccountBusy), journal.recorded(folder, "measure"):
        raise AccountBusy("lists: another run works on this account.")
    with pytest.raises(KeyboardInterrupt), journal.recorded(folder, "refresh"):
        raise KeyboardInterrupt
    document = rehearsal.run("status")
    told = {one["name"]: (one["outcome"], one["said"]) for one in document["runs"]}
    assert told["sync"][0] == "done"
    assert told["adjust"] == ("failed", ["ZeroDivisionError, see the log."])
    assert told["measure"] == ("failed", ["lists: another run works on this account."])
    assert told["refresh"][0] == "stopped"
    assert {one["subject"] for one in document["troubles"]} == {"run/adjust", "run/measure"}
    with opened(rehearsal) as workshop:
        begin_run(workshop.catalog, "sync", f"{os.uname().nodename}:1:0", now=workshop.now())
    with journal.recorded(folder, "refresh") as notes:
        pass
    (line,) = notes.lines
    assert line.startswith("The sync of lists: A run that began ")
    assert "killed before its end" in line
    document = rehearsal.run("status")
    assert [one["outcome"] for one in document["runs"]][:2] == ["done", "died"]
    assert "run/sync" in {one["subject"] for one in document["troubles"]}
    with journal.recorded(folder, "sync") as notes:
        pass
    assert notes.lines == []
    troubles = rehearsal.run("status")["troubles"]
    assert {one["subject"] for one in troubles} == {"run/adjust", "run/measure"}


# The lease


def hold(folder, held, free):
    with open_workshop(folder) as workshop, leased(workshop, {"lists"}):
        held.set()
        free.wait()


def test_two_runs_never_have_one_account_and_a_killed_one_loses_it(rehearsal):
    processes = multiprocessing.get_context("spawn")
    held, free = processes.Event(), processes.Event()
    child = processes.Process(target=hold, args=(rehearsal.shop.folder, held, free))
    child.start()
    try:
        wait_for(lambda: held.is_set() or not child.is_alive())
        assert child.is_alive()
        rehearsal.shop.cities = {"north": "ABCDE", "south": "EFGH"}
        rehearsal.shop.write_rules()
        before = rehearsal.members("north")
        assert "another run works on this account" in rehearsal.run("apply", code=1)["said"]
        assert rehearsal.members("north") == before
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    finally:
        child.kill()
        child.join()
    rehearsal.run("apply")
    assert rehearsal.members("north") == rehearsal.shop.digests("north")
