"""A list is replaced whole where that is fewer requests, and only where nobody else's people are in
it; whatever happens on the way, the next run ends in the wanted state."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiences.adoption import adopt, allow_removals
from audiences.catalog import open_catalog
from audiences.difference import Step
from audiences.leases import leave_lease
from audiences.model import Refusal
from audiences.planning import ListLimits
from connectors.base import ReplacesWhole
from connectors.errors import (
    ConnectorError,
    CredentialsRefused,
    ListBusy,
    ListTooSmall,
    QuotaGone,
    RuleRefused,
    Unsure,
)
from tests.support.audience_run import Run, digests, ref
from tests.support.memory_platform import Fault, MemoryConnector, Platform, Replacing
from tests.support.rehearsal import rehearse

TITLE = ref().title
WHOLE = ListLimits(batch_size=40, replaces=True)
BEFORE = {f"c{i}": [f"e{i}", f"p{i}"] for i in range(8)}
AFTER = {**{f"c{i}": [f"e{i}", f"p{i}"] for i in range(2, 8)}, "c8": ["e8"], "c9": ["p9"]}


@pytest.fixture
def run(tmp_path):
    return Run(open_catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}"), tmp_path / "state")


@pytest.fixture
def platform():
    return Platform()


def filled(run, platform, people=BEFORE):
    run.sync(people, Replacing(platform), limits=WHOLE)


def test_one_request_instead_of_a_removal_and_an_addition(run, platform):
    filled(run, platform)
    plan = run.plan(AFTER, limits=WHOLE)
    (one,) = plan.lists
    assert one.steps == ((Step.REPLACE, 4),)
    assert (one.counts.add, one.counts.remove, one.counts.keep) == (2, 2, 6)
    assert one.notes == (
        "the list is replaced whole: one request with all 8 people instead of 2 with the 4 who "
        "come or go",
    )
    assert run.plan(AFTER, limits=WHOLE).fingerprint == plan.fingerprint
    connector = Replacing(platform)
    delivered = run.apply(plan, connector)
    assert connector.requests == ["replace"]
    assert (delivered.added.accepted, delivered.removed.accepted) == (2, 2)
    assert platform.members(TITLE) == digests(AFTER)
    assert run.standing() == {person: ["in"] for person in sorted(AFTER)}
    assert run.plan(AFTER, limits=WHOLE).is_empty


@pytest.mark.parametrize(
    ("people", "why"),
    [
        ({**BEFORE, "c8": ["e8"]}, "one request adds them as well"),
        ({"c0": BEFORE["c0"]}, "one request removes them as well"),
        ({f"d{i}": [f"e9{i}"] for i in range(41)}, "more people than one request carries"),
        ({"c0": BEFORE["c0"], "c9": ["e9"]}, "fewer people than the platform keeps"),
    ],
)
def test_differences_are_sent_where(run, platform, people, why):
    filled(run, platform)
    one = run.plan(people, limits=replace(WHOLE, min_members=3)).lists[0]
    assert Step.REPLACE not in dict(one.steps), why


def test_only_where_the_rules_and_the_platform_allow_it(run, platform):
    filled(run, platform)
    one = run.plan(AFTER, limits=ListLimits(batch_size=40)).lists[0]
    assert [step for step, _ in one.steps] == [Step.REMOVE, Step.ADD]


def test_withdrawn_consent_leaves_by_itself(run, platform):
    """The others are sent as differences then: nobody brings back a contact that left."""
    filled(run, platform)
    one = run.plan(AFTER, limits=WHOLE, withdrawn=["c0"]).lists[0]
    assert one.steps == ((Step.WITHDRAW, 1), (Step.REMOVE, 1), (Step.ADD, 2))


def test_the_first_people_are_added_as_ever(run, platform):
    connector = Replacing(platform)
    run.sync(BEFORE, connector, limits=WHOLE)
    assert "replace" not in connector.requests


def test_an_adopted_list_is_never_replaced(run, platform):
    """Not even when people whom we sent may be removed from it: others' people are in it."""
    platform.titles[TITLE], platform.lists["L1"] = "L1", {"a colleague's member"}
    audience = ref()
    lease = run._lease(audience)
    adopt(run.catalog, audience, "L1", lease, clock=lambda: run.now)
    allow_removals(run.catalog, audience, lease, clock=lambda: run.now)
    leave_lease(run.catalog, lease)
    filled(run, platform)
    connector = Replacing(platform)
    run.sync(AFTER, connector, limits=WHOLE)
    assert connector.requests == ["remove", "add"]
    assert platform.members(TITLE) == digests(AFTER) | {"a colleague's member"}


def test_so_long_as_the_platform_asks_for_between_two_replacements(run, platform):
    once_a_day = replace(WHOLE, replace_hours=24)
    filled(run, platform)
    run.sync(AFTER, Replacing(platform), limits=once_a_day)
    run.now += timedelta(hours=23)
    one = run.plan(BEFORE, limits=once_a_day).lists[0]
    assert [step for step, _ in one.steps] == [Step.REMOVE, Step.ADD]
    run.now += timedelta(hours=1)
    assert dict(run.plan(BEFORE, limits=once_a_day).lists[0].steps) == {Step.REPLACE: 4}


def test_guards_look_at_a_replacement_like_at_any_plan(run, platform):
    filled(run, platform)
    run.guards = run.guards.model_copy(update={"max_removed_share_small": 0.1})
    plan = run.plan(AFTER, limits=WHOLE)
    assert [one.code for one in plan.lists[0].refused_by] == ["removes_too_many"]
    assert plan.lists[0].to_send() == frozenset()
    run.ledger.approve(plan.fingerprint, who="test", why="they left")
    connector = Replacing(platform)
    run.apply(plan, connector)
    assert connector.requests == ["replace"]


@pytest.mark.parametrize("fault", [RuleRefused("no"), ListTooSmall("few"), QuotaGone("today")])
def test_what_is_not_taken_whole_is_removed_and_added(run, platform, fault):
    filled(run, platform)
    connector = Replacing(platform, faults=[Fault(fault)])
    delivered = run.sync(AFTER, connector, limits=WHOLE)
    assert connector.requests == ["replace", "remove", "add"]
    assert (delivered.added.accepted, delivered.removed.accepted) == (2, 2)
    assert platform.members(TITLE) == digests(AFTER)
    assert run.plan(AFTER, limits=WHOLE).is_empty


def test_a_refused_member_of_a_replacement_is_told_and_tried_again(run, platform):
    filled(run, platform)
    refuse = {one: Refusal(one, "not now", temporary=True) for one in ("c2", "c8")}
    delivered = run.sync(AFTER, Replacing(platform, refuse=refuse), limits=WHOLE)
    assert (delivered.added.accepted, delivered.added.refused) == (1, 1)
    assert run.standing()["c2"] == ["unsure"], "it stood in the list, and may not any more"
    run.sync(AFTER, Replacing(platform), limits=WHOLE)
    assert platform.members(TITLE) == digests(AFTER)


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_lost_answer_leaves_in_doubt_who_comes_and_who_goes(run, platform, after_effect):
    filled(run, platform)
    fault = Fault(Unsure("cut"), after_effect=after_effect)
    delivered = run.sync(AFTER, Replacing(platform, faults=[fault]), limits=WHOLE)
    assert (delivered.added.unsure, delivered.removed.unsure) == (2, 2)
    standing = run.standing()
    assert {who for who, how in standing.items() if how == ["unsure"]} == {"c0", "c1", "c8", "c9"}
    run.now += timedelta(hours=1)
    connector = Replacing(platform)
    run.sync(AFTER, connector, limits=WHOLE)
    assert connector.requests == ["remove", "add"], "what may not work here is not tried at once"
    assert platform.members(TITLE) == digests(AFTER)
    assert run.plan(AFTER, limits=WHOLE).is_empty
    assert dict(run.plan(BEFORE, limits=WHOLE).lists[0].steps) == {Step.REPLACE: 4}


PEOPLE = st.dictionaries(
    st.sampled_from([f"c{i}" for i in range(7)]),
    st.sets(st.sampled_from(["e1", "e2", "e3", "p1", "p2", "x1"]), min_size=1, max_size=3),
    max_size=7,
)
ERRORS: list[ConnectorError] = [
    ListBusy("busy"),
    QuotaGone("gone"),
    CredentialsRefused("expired"),
    ListTooSmall("few"),
]
FAULTS = st.lists(
    st.one_of(
        st.none(),
        st.builds(Fault, st.just(Unsure("cut")), st.booleans()),
        st.builds(Fault, st.sampled_from(ERRORS)),
    ),
    max_size=4,
)
RUNS = st.lists(
    st.tuples(PEOPLE, FAULTS, st.sets(st.sampled_from([f"c{i}" for i in range(7)]), max_size=2)),
    min_size=1,
    max_size=4,
)


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(runs=RUNS, last=PEOPLE)
def test_whatever_happened_the_next_good_run_ends_in_the_desired_state(
    tmp_path_factory, runs, last
):
    """Platform = desired, ledger = platform, and everybody is accounted for in every run."""
    folder = tmp_path_factory.mktemp("run")
    run = Run(open_catalog(f"sqlite:///{folder / 'catalog.sqlite'}"), folder / "state")
    platform = Platform()
    for people, faults, refused in runs:
        refuse = {person: Refusal(person, "not now", temporary=True) for person in refused}
        plan = run.plan(people, limits=WHOLE)
        delivered = run.apply(plan, Replacing(platform, faults=faults, refuse=refuse), patience=0)
        sent = plan.lists[0].to_send()
        planned = sum(size for step, size in plan.lists[0].steps if step in sent)
        assert delivered.added.people + delivered.removed.people == planned
    plan = run.plan(last, limits=WHOLE)
    run.ledger.approve(plan.fingerprint, who="test", why="lists may be emptied")
    run.apply(plan, Replacing(platform))
    assert platform.members(TITLE) == digests(last)
    assert run.standing() == {person: ["in"] for person in sorted(last)}
    assert run.plan(last, limits=WHOLE).is_empty
    run.catalog.dispose()
    run.engine.disconnect()


def test_a_connector_that_cannot_is_never_asked(run, platform):
    assert not isinstance(MemoryConnector(platform), ReplacesWhole)
    filled(run, platform)
    connector = MemoryConnector(platform, limits=Replacing.limits)
    run.sync(AFTER, connector, limits=WHOLE)  # a plan of a time when it could
    assert connector.requests == ["remove", "add"]
    assert platform.members(TITLE) == digests(AFTER)


@pytest.mark.slow
def test_a_real_run_replaces_a_list_where_the_rules_allow_it(tmp_path, monkeypatch):
    with rehearse(tmp_path / "shop", monkeypatch) as rehearsal:
        shop = rehearsal.shop
        shop.replaces = True
        shop.write_rules()
        rehearsal.run("refresh")
        rehearsal.run("apply")
        shop.cities["north"] = "AEFGH"
        shop.write_rules()
        rehearsal.box.settle()
        plan = rehearsal.run("plan")
        (north,) = [one for one in plan["audiences"] if one["audience"] == "north"]
        assert north["sends"] == ["replace"]
        assert "replaced whole: one request" in " ".join(north["notes"])
        receipts = rehearsal.run("apply", plan["fingerprint"])["receipts"]["audiences"]
        (receipt,) = [one for one in receipts if one["audience"] == "north"]
        assert receipt["accepted"] == north["add"] + north["remove"]
        assert rehearsal.members("north") == shop.digests("north")
        assert "replacing all with" in rehearsal.tell("history", "north")
