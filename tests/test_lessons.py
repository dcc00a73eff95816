"""What users of other systems complain about, tried on ours; docs/reliability.md has the table."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from audiences.catalog import open_catalog
from audiences.model import Refusal
from audiences.planning import ListLimits
from connectors.delivery import planned_batches
from connectors.errors import Unsure
from tests.support.audience_run import Run, digests, ref
from tests.support.memory_platform import Fault, MemoryConnector, Platform

ROOT = Path(__file__).parents[1]
TITLE = ref().title
NINE = {f"c{i}": [f"e{i}", f"p{i}"] for i in range(9)}


@pytest.fixture
def run(tmp_path):
    return Run(open_catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}"), tmp_path / "state")


@pytest.fixture
def platform():
    return Platform()


class Listening(MemoryConnector):
    """Keeps what every request carried."""

    def __init__(self, platform, **more):
        super().__init__(platform, **more)
        self.heard = []

    def add(self, list_id, batch):
        self.heard.append(("add", batch.members.to_pylist()))
        return super().add(list_id, batch)

    def remove(self, list_id, batch):
        self.heard.append(("remove", batch.members.to_pylist()))
        return super().remove(list_id, batch)


def test_one_person_is_one_row_of_one_batch_however_many_contacts(run):
    many = {f"c{i}": [f"e{i}{j}" for j in range(i)] + [f"p{i}"] for i in range(9)}
    plan = run.plan(many, limits=ListLimits(batch_size=2))
    lease = run._lease(ref())
    with run.ledger.begin(plan.fingerprint, plan.lists[0], lease) as sending:
        batches = list(planned_batches(sending.rows, {"add"}))
    people = [person for _, _, table in batches for person in table["person_id"].to_pylist()]
    assert sorted(people) == sorted(many)
    for _, _, table in batches:
        for row in table.to_pylist():
            assert sorted([*row["email"], *row["phone"]]) == sorted(many[row["person_id"]])


def test_a_phone_only_person_keeps_the_phone_beside_people_with_an_address(run, platform):
    mixed = {"c1": ["e1"], "c2": ["p2"], "c3": ["e3", "p3"], "c4": ["p4"]}
    connector = Listening(platform)
    run.sync(mixed, connector)
    heard = {row["person_id"]: row for _, rows in connector.heard for row in rows}
    assert (heard["c2"]["email"], heard["c2"]["phone"]) == ([], ["p2"])
    assert platform.members(TITLE) == digests(mixed)


def test_every_refused_member_keeps_a_reason_of_its_own(run, platform):
    refuse = {
        "c1": Refusal("c1", "unknown country"),
        "c2": Refusal("c2", "blocked", temporary=True),
    }
    run.sync(NINE, MemoryConnector(platform, refuse=refuse))
    from sqlalchemy import select

    from audiences.records import REFUSALS

    with run.catalog.begin() as connection:
        rows = connection.execute(select(REFUSALS.c.person_id, REFUSALS.c.reason)).all()
    assert sorted(map(tuple, rows)) == [("c1", "unknown country"), ("c2", "blocked")]


def test_a_clean_batch_counts_no_failure(run, platform):
    delivered = run.sync(NINE, MemoryConnector(platform))
    assert (delivered.added.accepted, delivered.added.refused, delivered.failed) == (9, 0, False)
    assert [row["refused"] for row in run.ledger.history(ref())] == [0, 0, 0]


def test_no_batch_mixes_adding_with_removing_and_removals_come_first(run, platform):
    run.sync(NINE, MemoryConnector(platform))
    connector = Listening(platform)
    others = {f"c{i}": [f"e{i}"] for i in range(4, 14)}
    run.sync(others, connector)
    verbs = [verb for verb, _ in connector.heard]
    assert verbs == sorted(verbs, reverse=True)
    assert set(verbs) == {"remove", "add"}


def test_a_changed_address_is_removed_by_the_digests_that_added_it(run, platform):
    run.sync(NINE, MemoryConnector(platform))
    connector = Listening(platform)
    run.sync({**NINE, "c1": ["e100", "p1"]}, connector)
    (verb, (removed,)), *_ = connector.heard
    assert (verb, removed["email"], removed["phone"]) == ("remove", ["e1"], ["p1"])
    assert platform.members(TITLE) == digests({**NINE, "c1": ["e100", "p1"]})


def test_members_whom_others_put_into_our_list_stay(run, platform):
    run.sync(NINE, MemoryConnector(platform))
    platform.lists[platform.titles[TITLE]].add("a colleague's member")
    two = {"c1": NINE["c1"], "c2": NINE["c2"]}
    run.sync(two, MemoryConnector(platform))
    assert platform.members(TITLE) == digests(two) | {"a colleague's member"}


def test_repeating_a_batch_adds_nobody_twice_and_forgets_nobody(run, platform):
    class Counting(MemoryConnector):
        sent = 0

        def add(self, list_id, batch):
            Counting.sent += len(batch)
            return super().add(list_id, batch)

    faults = [None, Fault(Unsure("cut"), after_effect=True)]
    run.sync(NINE, Counting(platform, faults=faults))
    run.sync(NINE, Counting(platform))
    assert Counting.sent == 9 + 3  # the batch without an answer once more, and no other
    assert platform.members(TITLE) == digests(NINE)
    assert run.standing() == {person: ["in"] for person in sorted(NINE)}


def test_a_run_with_refused_people_is_no_clean_success_and_the_next_tries_again(run, platform):
    refuse = {"c3": Refusal("c3", "rate of this person", temporary=True)}
    delivered = run.sync(NINE, MemoryConnector(platform, refuse=refuse))
    assert delivered.added.refused == 1
    assert run.plan(NINE).lists[0].counts.add == 1


def test_who_left_leaves_also_after_answers_were_lost(run, platform):
    cut = Fault(Unsure("cut"), after_effect=True)
    run.sync(NINE, MemoryConnector(platform, faults=[None, None, cut]))
    few = {"c8": NINE["c8"]}
    run.sync(few, MemoryConnector(platform))
    assert platform.members(TITLE) == digests(few)


def test_a_platform_that_takes_no_small_change_gets_none_and_the_plan_says_so(run, platform):
    limits = ListLimits(batch_size=5, min_difference=4)
    run.sync(NINE, MemoryConnector(platform), limits=limits)
    one_more = {**NINE, "c9": ["e9"]}
    connector = Listening(platform, limits=replace(MemoryConnector.limits, min_difference=4))
    plan = run.plan(one_more, limits=limits)
    run.apply(plan, connector)
    assert connector.heard == []
    assert "no change of fewer than 4 people; 1 are gathered" in plan.lists[0].waiting[0].text


def named_tests():
    """(complaint, file, test) of every row of the table."""
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \|[^|]*\|([^|]*)\|$", page, flags=re.MULTILINE)
    for number, cell in rows:
        for file, test in re.findall(r"`([a-z_/]+\.py)::([a-z_0-9]+)`", cell):
            yield int(number), file, test


def test_every_complaint_is_in_the_table():
    assert {number for number, _, _ in named_tests()} == set(range(1, 31))


@pytest.mark.parametrize(("number", "file", "test"), list(named_tests()))
def test_the_test_of_a_complaint_exists(number, file, test):
    text = (ROOT / "tests" / file).read_text(encoding="utf-8")
    assert re.search(rf"^ *def {test}\(", text, flags=re.MULTILINE), f"{number}: {file}::{test}"
