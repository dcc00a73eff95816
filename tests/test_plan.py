from dataclasses import replace
from datetime import date, timedelta

import ibis
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiences.catalog import open_catalog
from audiences.difference import Renewal, Step
from audiences.model import Refusal
from audiences.plan import Refused, StalePlan, load_plan, plan_folder
from audiences.planning import ListLimits, Wanted, plan_audiences
from config.audiences import Guards
from connectors.errors import CredentialsRefused, ListBusy, QuotaGone, Unsure
from tests.support.audience_run import Run, digests, members, ref
from tests.support.memory_platform import Fault, MemoryConnector, Platform

TEN = {f"c{i}": [f"e{i}", f"p{i}"] for i in range(10)}
TITLE = ref().title


@pytest.fixture
def run(tmp_path):
    return Run(open_catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}"), tmp_path / "state")


def rows(run, plan):
    table = pq.read_table(plan_folder(run.state, plan.fingerprint) / plan.lists[0].rows)
    return table.to_pylist()


def test_everybody_is_new_in_an_empty_list(run):
    plan = run.plan(TEN)
    counts = plan.lists[0].counts
    assert (counts.before, counts.after, counts.add) == (0, 10, 10)
    assert [row["person_id"] for row in rows(run, plan)] == sorted(TEN)
    assert [row["batch"] for row in rows(run, plan)] == [1, 1, 1, 2, 2, 3, 3, 3, 4, 4]


def test_a_plan_tells_who_joins_leaves_changes_and_stays(run):
    run.sync(TEN, MemoryConnector(Platform()))
    wanted = {**TEN, "c1": ["e1", "p111"], "new": ["e100"]}
    del wanted["c2"], wanted["c3"]
    plan = run.plan(wanted, withdrawn=["c3"])
    counts = plan.lists[0].counts
    assert (counts.before, counts.after) == (10, 9)
    assert (counts.add, counts.remove, counts.withdrawn, counts.change) == (1, 2, 1, 1)
    assert counts.keep == 7
    assert counts.removed_share == 0.1
    assert [(row["step"], row["reason"], row["person_id"]) for row in rows(run, plan)] == [
        ("withdraw", "withdrawn", "c3"),
        ("remove", "changed_from", "c1"),
        ("remove", "left", "c2"),
        ("add", "changed_to", "c1"),
        ("add", "new", "new"),
    ]
    removed = next(row for row in rows(run, plan) if row["reason"] == "changed_from")
    assert removed["phone"] == ["p1"]  # by the digest that added it


def test_the_same_state_gives_the_same_bytes(run):
    run.sync({"c0": ["e0"]}, MemoryConnector(Platform()))

    def planned():
        plan = run.plan(TEN)
        folder = plan_folder(run.state, plan.fingerprint)
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    first = planned()
    assert set(first) == {"plan.json", "main.vip.parquet"}
    assert planned() == first
    assert len(list((run.state / "plans").iterdir())) == 2  # no draft is left behind


def test_another_state_gives_another_fingerprint(run):
    fingerprints = {run.plan(people).fingerprint for people in (TEN, {"c0": ["e0"]}, {})}
    assert len(fingerprints) == 3


def test_a_saved_plan_is_loaded_as_it_was_made(run):
    plan = run.plan(TEN)
    assert load_plan(run.state, plan.fingerprint) == plan


@pytest.mark.parametrize("name", ["plan.json", "main.vip.parquet"])
def test_a_plan_changed_by_hand_is_refused(run, name):
    fingerprint = run.plan(TEN).fingerprint
    run.plan({"c0": ["e0"]})
    other = run.plan({"c0": ["e0"]}).fingerprint
    target = plan_folder(run.state, fingerprint) / name
    target.write_bytes((plan_folder(run.state, other) / name).read_bytes())
    with pytest.raises(StalePlan, match="changed after it was made"):
        load_plan(run.state, fingerprint)


@pytest.mark.parametrize(
    ("what", "by"),
    [
        ('"title": "adsteer vip"', '"title": "another list"'),
        ('"base": "empty"', '"base": "1-0123456789abcdef"'),
        ('"step": "add"', '"step": "remove"'),
        ('"code": "too_odd"', '"code": "minor"'),
    ],
)
def test_not_a_word_of_a_plan_that_counts_can_be_changed(run, what, by):
    guard = [Refused("too_odd", "it is odd")]
    wanted = Wanted(ref(), ListLimits(batch_size=3, min_difference=11), ibis.memtable(members(TEN)))
    plan = planned(run, wanted, lambda _plan, _wanted: guard)
    written = plan_folder(run.state, plan.fingerprint) / "plan.json"
    text = written.read_text()
    assert text.count(what) == 1
    written.write_text(text.replace(what, by))
    with pytest.raises(StalePlan, match="changed after it was made"):
        load_plan(run.state, plan.fingerprint)


def planned(run, wanted, guard=lambda _plan, _wanted: ()):
    base, day = run.ledger.base, date(2026, 3, 2)
    return plan_audiences(run.engine, [wanted], base, state=run.state, as_of=day, guard=guard)


def test_the_order_in_which_people_come_changes_nothing(run):
    many = members({f"c{i:03}": [f"e{i}"] for i in range(300)})
    orders = [many, many.take(list(range(299, -1, -1))), many.take([*range(7, 300), *range(7)])]
    wanted = [Wanted(ref(), ListLimits(batch_size=7), ibis.memtable(rows)) for rows in orders]
    assert len({planned(run, one).fingerprint for one in wanted}) == 1


def test_an_approval_is_for_the_reasons_that_were_shown(run):
    wanted = Wanted(ref(), ListLimits(batch_size=3), ibis.memtable(members(TEN)))
    reasons = [(), ("removes_too_many",), ("removes_too_many", "source_stale"), ("source_stale",)]
    plans = {
        planned(run, wanted, lambda _p, _w, codes=codes: [Refused(one, "") for one in codes])
        for codes in reasons
    }
    assert len({plan.fingerprint for plan in plans}) == len(reasons)


def test_an_unknown_plan_is_refused(run):
    with pytest.raises(StalePlan, match="no plan"):
        load_plan(run.state, "0" * 64)


def test_withdrawn_people_are_never_added(run):
    platform = Platform()
    run.sync(TEN, MemoryConnector(platform), withdrawn=["c4"])
    assert "e4" not in platform.members(TITLE)


def test_a_list_under_the_platforms_minimum_waits_and_says_so(run):
    limits = ListLimits(batch_size=3, min_members=11)
    one = run.plan(TEN, limits=limits).lists[0]
    assert [(wait.step, wait.people) for wait in one.waiting] == [(Step.ADD, 10)]
    assert "11" in one.waiting[0].text
    assert one.to_send(approved=True) == frozenset()
    connector = MemoryConnector(Platform())
    run.sync(TEN, connector, limits=limits)
    assert connector.requests == []


def test_a_list_that_falls_under_the_minimum_is_kept_in_step_with_a_note(run):
    platform = Platform()
    run.sync(TEN, MemoryConnector(platform))
    five = {person: TEN[person] for person in sorted(TEN)[:5]}
    plan = run.plan(five, limits=ListLimits(batch_size=3, min_members=8))
    assert "under the platform's minimum of 8" in plan.lists[0].notes[0]
    run.apply(plan, MemoryConnector(platform))
    assert platform.members(TITLE) == digests(five)


def test_small_changes_gather_until_the_platform_takes_them(run):
    platform = Platform()
    limits = ListLimits(batch_size=100, min_difference=3)
    run.sync(TEN, MemoryConnector(platform), limits=limits)
    wanted = dict(TEN)
    for left in (2, 1):
        wanted[f"new{left}"] = [f"e{left}00"]
        one = run.plan(wanted, limits=limits).lists[0]
        assert [wait.step for wait in one.waiting] == [Step.ADD]
        connector = MemoryConnector(platform)
        run.sync(wanted, connector, limits=limits)
        assert connector.requests == []
    wanted["new0"] = ["e900"]
    run.sync(wanted, MemoryConnector(platform), limits=limits)
    assert platform.members(TITLE) == digests(wanted)


def test_withdrawals_join_the_removals_where_alone_they_are_too_few(run):
    limits = ListLimits(batch_size=100, min_difference=3)
    run.sync(TEN, MemoryConnector(Platform()), limits=limits)
    six = {person: TEN[person] for person in sorted(TEN)[:6]}
    one = run.plan(six, withdrawn=["c9"], limits=limits).lists[0]
    assert one.steps == ((Step.REMOVE, 4),)
    assert one.counts.withdrawn == 1


def test_withdrawals_leave_apart_from_removals_that_guards_hold_back(run):
    platform = Platform()
    limits = ListLimits(batch_size=100, min_difference=3)
    run.sync(TEN, MemoryConnector(platform), limits=limits)
    run.guards = Guards(max_removed_share_small=0.2)
    six = {person: TEN[person] for person in sorted(TEN)[:6]}
    plan = run.plan(six, withdrawn=["c9"], limits=limits)
    assert [refused.code for refused in plan.lists[0].refused_by] == ["removes_too_many"]
    assert plan.lists[0].steps == ((Step.WITHDRAW, 1), (Step.REMOVE, 3))
    assert run.plan(six, withdrawn=["c9"], limits=limits).fingerprint == plan.fingerprint
    run.apply(plan, MemoryConnector(platform))
    nine = {person: TEN[person] for person in sorted(TEN)[:9]}
    assert platform.members(TITLE) == digests(nine)


def test_batches_are_even_so_none_is_too_small_for_the_platform(run):
    plan = run.plan({f"c{i:03}": [f"e{i}"] for i in range(101)}, limits=ListLimits(batch_size=50))
    numbers = [row["batch"] for row in rows(run, plan)]
    assert [numbers.count(number) for number in sorted(set(numbers))] == [34, 34, 33]


def test_members_are_renewed_before_their_time_is_up_and_not_all_at_once(run):
    platform = Platform()
    many = {f"c{i:03}": [f"e{i}"] for i in range(60)}
    limits = ListLimits(batch_size=100, membership_days=30)
    run.sync(many, MemoryConnector(platform), limits=limits)
    renewed = {}
    for day in range(1, 31):
        run.now += timedelta(days=1)
        renewed[day] = run.sync(many, MemoryConnector(platform), limits=limits).added.accepted
    assert sum(renewed.values()) == 60
    days = [day for day, people in renewed.items() if people]
    assert min(days) > 20
    assert max(days) <= 27
    assert max(renewed.values()) < 25


@pytest.mark.parametrize("days", [1, 2, 7, 30, 180, 540])
def test_renewal_begins_after_a_day_and_ends_before_the_end(days):
    renewal = Renewal(days)
    last = max(days - renewal.margin, 1)
    assert 1 <= last <= max(days - 1, 1)
    assert renewal.spread >= 1


def test_several_lists_have_one_fingerprint(run):
    one = run.plan(TEN, audience=ref("vip"))
    two = run.plan(TEN, audience=ref("new"))
    assert one.fingerprint != two.fingerprint


def test_a_plan_on_another_day_is_the_same_plan_if_nothing_else_is(run):
    today = run.plan(TEN, as_of=date(2026, 3, 2)).fingerprint
    assert run.plan(TEN, as_of=date(2026, 3, 3)).fingerprint == today


PEOPLE = st.dictionaries(
    st.sampled_from([f"c{i}" for i in range(7)]),
    st.sets(st.sampled_from(["e1", "e2", "e3", "p1", "p2", "x1"]), min_size=1, max_size=3),
    max_size=7,
)
FAULTS = st.lists(
    st.one_of(
        st.none(),
        st.builds(Fault, st.just(Unsure("cut")), st.booleans()),
        st.builds(
            Fault,
            st.sampled_from([ListBusy("busy"), QuotaGone("gone"), CredentialsRefused("expired")]),
        ),
    ),
    max_size=4,
)
RUNS = st.lists(
    st.tuples(PEOPLE, FAULTS, st.sets(st.sampled_from([f"c{i}" for i in range(7)]), max_size=2)),
    min_size=1,
    max_size=4,
)


def test_a_refused_removal_is_in_doubt_when_others_shared_the_digest(tmp_path):
    """c2 was to leave and was kept, but its digest left with somebody else's."""
    run = Run(open_catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}"), tmp_path / "state")
    platform = Platform()
    run.apply(run.plan({"c1": {"p2"}, "c2": {"p2"}, "c3": {"e3"}}), MemoryConnector(platform))
    kept = {"c2": Refusal("c2", "not now", temporary=True)}
    run.apply(run.plan({"c3": {"e3"}}), MemoryConnector(platform, refuse=kept))
    assert platform.members(TITLE) == {"e3"}
    run.apply(run.plan({"c2": {"p2"}, "c3": {"e3"}}), MemoryConnector(platform))
    assert platform.members(TITLE) == {"p2", "e3"}


@settings(max_examples=25, deadline=None)
@given(runs=RUNS, last=PEOPLE, born=st.booleans())
def test_whatever_happened_the_next_good_run_ends_in_the_desired_state(
    tmp_path_factory, runs, last, born
):
    """Platform = desired, ledger = platform, and everybody is accounted for in every run."""
    folder = tmp_path_factory.mktemp("run")
    run = Run(open_catalog(f"sqlite:///{folder / 'catalog.sqlite'}"), folder / "state")
    platform = Platform()
    limits = replace(MemoryConnector.limits, born_with_members=born)
    for people, faults, refused in runs:
        refuse = {person: Refusal(person, "not now", temporary=True) for person in refused}
        connector = MemoryConnector(platform, limits=limits, faults=faults, refuse=refuse)
        plan = run.plan(people)
        delivered = run.apply(plan, connector, patience=0)
        sent = plan.lists[0].to_send()
        planned = sum(size for step, size in plan.lists[0].steps if step in sent)
        assert delivered.added.people + delivered.removed.people == planned
    plan = run.plan(last)
    run.ledger.approve(plan.fingerprint, who="test", why="lists may be emptied")
    run.apply(plan, MemoryConnector(platform, limits=limits))
    assert platform.members(TITLE) == digests(last)
    assert run.standing() == {person: ["in"] for person in sorted(last)}
    assert run.plan(last).is_empty
    run.catalog.dispose()
    run.engine.disconnect()
