from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from audiences.difference import Step
from audiences.guards import SourceFigures, refuse_list, refuse_source
from audiences.plan import Counts, ListPlan, Refused, Waiting
from audiences.refreshes import Refresh, source_figures
from config.audiences import Guards
from tests.support.audience_run import ref

DAY = date(2026, 3, 2)
GOOD = SourceFigures(
    people=1000,
    newest_order=DAY,
    consent_share=0.6,
    usual_people=1000,
    usual_consent_share=0.6,
)


def plan(**counts):
    steps = ((Step.WITHDRAW, 5), (Step.REMOVE, 5), (Step.ADD, 5))
    return ListPlan(ref(), "1-x", Counts(**counts), steps, "main.vip.parquet", "f" * 64)


def codes(refused):
    return [each.code for each in refused]


def test_a_usual_source_passes():
    assert refuse_source(GOOD, Guards(), as_of=DAY) == ()


def at_edge(code, passes, refused, *, minimum=0, **numbers):
    """A guard, the numbers it is given in the rules, and the last that passes and the next."""
    return pytest.param(code, passes, refused, Guards(**numbers), minimum, id=f"{code}-{numbers}")


@pytest.mark.parametrize(
    ("code", "passes", "refused", "guards", "minimum"),
    [
        at_edge(
            "removes_too_many",
            {"before": 1001, "after": 901, "remove": 100},
            {"before": 1001, "after": 900, "remove": 101},
            max_removed_share=0.1,
        ),
        at_edge(
            "removes_too_many",
            {"before": 30, "after": 21, "remove": 9},
            {"before": 30, "after": 20, "remove": 10},
            small_list=30,
            max_removed_share_small=0.3,
        ),
        at_edge(
            "removes_too_many",
            {"before": 30, "after": 20, "remove": 10},
            {"before": 31, "after": 21, "remove": 10},
            small_list=30,
            max_removed_share_small=0.4,
            max_removed_share=0.3,
        ),
        at_edge(
            "changes_too_many",
            {"before": 2000, "after": 2000, "change": 400},
            {"before": 2000, "after": 2000, "change": 401},
        ),
        at_edge(
            "changes_too_many",
            {"before": 10, "after": 10, "change": 4},
            {"before": 10, "after": 10, "change": 5},
        ),
        at_edge(
            "empties_list",
            {"before": 10, "after": 1, "remove": 9},
            {"before": 10, "after": 0, "remove": 10},
            max_removed_share_small=1,
        ),
        at_edge(
            "empties_list",
            {"before": 10, "after": 0, "remove": 10, "withdrawn": 10},
            {"before": 10, "after": 0, "remove": 10, "withdrawn": 9},
        ),
        at_edge(
            "under_minimum",
            {"before": 110, "after": 100, "remove": 10},
            {"before": 110, "after": 99, "remove": 11},
            minimum=100,
        ),
        at_edge(
            "under_minimum",
            {"before": 210, "after": 200, "remove": 10},
            {"before": 210, "after": 199, "remove": 11},
            minimum=100,
            least_of_minimum=2,
        ),
        at_edge(
            "under_minimum",
            {"before": 99, "after": 90, "remove": 9},
            {"before": 100, "after": 90, "remove": 10},
            minimum=100,
        ),
        at_edge(
            "under_minimum",
            {"before": 105, "after": 90, "remove": 15, "withdrawn": 6},
            {"before": 105, "after": 90, "remove": 15, "withdrawn": 5},
            minimum=100,
        ),
    ],
)
def test_a_guard_of_lists_holds_from_both_sides_of_its_number(
    code, passes, refused, guards, minimum
):
    assert refuse_list(plan(**passes), guards, minimum=minimum) == ()
    assert codes(refuse_list(plan(**refused), guards, minimum=minimum)) == [code]


@pytest.mark.parametrize(
    ("code", "passes", "refused", "numbers"),
    [
        ("source_empty", {"people": 1, "usual_people": None}, {"people": 0}, {}),
        ("source_small", {"people": 500}, {"people": 499}, {}),
        ("source_small", {"people": 750}, {"people": 749}, {"min_source_share": 0.75}),
        ("source_small", {"usual_people": 2000}, {"usual_people": 2001}, {}),
        (
            "source_stale",
            {"newest_order": DAY - timedelta(days=14)},
            {"newest_order": DAY - timedelta(days=15)},
            {},
        ),
        (
            "source_stale",
            {"newest_order": DAY},
            {"newest_order": DAY - timedelta(days=1)},
            {"max_source_age_days": 0},
        ),
        ("consent_fell", {"consent_share": 0.5401}, {"consent_share": 0.5399}, {}),
        (
            "consent_fell",
            {"consent_share": 0.3001},
            {"consent_share": 0.2999},
            {"max_consent_drop": 0.5},
        ),
    ],
)
def test_a_guard_of_the_source_holds_from_both_sides_of_its_number(code, passes, refused, numbers):
    guards = Guards(**numbers)
    assert refuse_source(replace(GOOD, **passes), guards, as_of=DAY) == ()
    assert codes(refuse_source(replace(GOOD, **refused), guards, as_of=DAY)) == [code]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"people": 0}, "source_empty"),
        ({"people": 499}, "source_small"),
        ({"newest_order": DAY - timedelta(days=15)}, "source_stale"),
        ({"newest_order": None}, "source_stale"),
        ({"consent_share": 0.53}, "consent_fell"),
    ],
)
def test_an_unusual_source_is_refused(change, code):
    refused = refuse_source(replace(GOOD, **change), Guards(), as_of=DAY)
    assert codes(refused) == [code]
    assert refused[0].text


@pytest.mark.parametrize(
    "change",
    [
        {"people": 500},
        {"newest_order": DAY - timedelta(days=14)},
        {"consent_share": 0.55},
        {"usual_people": None, "people": 3},
        {"usual_consent_share": None, "consent_share": 0.0},
    ],
)
def test_a_source_within_its_limits_passes(change):
    assert refuse_source(replace(GOOD, **change), Guards(), as_of=DAY) == ()


@pytest.mark.parametrize(
    "change", [{"columns_come": ("a.csv: x",)}, {"columns_gone": ("a.csv: y",)}]
)
def test_a_source_with_other_columns_than_usual_is_refused_by_their_names(change):
    (refused,) = refuse_source(replace(GOOD, **change), Guards(), as_of=DAY)
    assert refused.code == "columns_changed"
    assert next(iter(change.values()))[0] in refused.text


def refresh(*unknown, people=100):
    exports = [{"file": "a.csv", "unknown_columns": list(unknown)}]
    return Refresh(
        datetime(2026, 3, 2, tzinfo=UTC), DAY, people, 0.5, DAY, "s", {"exports": exports}
    )


def test_columns_are_compared_with_the_commonest_form_of_earlier_refreshes():
    figures = source_figures([refresh("x"), refresh("x"), refresh(), refresh()])
    assert (figures.columns_come, figures.columns_gone) == (("a.csv: x",), ())
    used_to = source_figures([refresh("x"), refresh("x"), refresh("x"), refresh()])
    assert (used_to.columns_come, used_to.columns_gone) == ((), ())
    gone = source_figures([refresh(), refresh("x")])
    assert (gone.columns_come, gone.columns_gone) == ((), ("a.csv: x",))
    assert source_figures([refresh("x")]).columns_come == ()


def test_the_usual_size_and_consent_are_the_median_of_earlier_refreshes():
    """One odd export is not the new usual."""
    sizes = [refresh(people=people) for people in (500, 40, 1000, 1020)]
    figures = source_figures(sizes)
    assert (figures.people, figures.usual_people) == (500, 1000)
    shares = [replace(refresh(), consent_share=share) for share in (0.5, 0.1, 0.6, 0.7)]
    figures = source_figures(shares)
    assert (figures.consent_share, figures.usual_consent_share) == (0.5, 0.6)


def test_the_first_source_has_no_usual_size():
    first = SourceFigures(people=5, newest_order=DAY, consent_share=0.1)
    assert refuse_source(first, Guards(), as_of=DAY) == ()


def test_too_many_removals_are_refused_with_the_numbers():
    (refused,) = refuse_list(plan(before=10_000, after=7_999, remove=2_001), Guards())
    assert refused.code == "removes_too_many"
    assert "2,001 of 10,000" in refused.text
    assert "limit 20%" in refused.text
    assert dict(refused.figures)["removed"] == 2001


def test_a_share_at_the_limit_passes():
    assert refuse_list(plan(before=10_000, after=8_000, remove=2_000), Guards()) == ()


def test_small_lists_have_a_threshold_of_their_own():
    assert refuse_list(plan(before=1000, after=650, remove=350), Guards()) == ()
    assert codes(refuse_list(plan(before=1001, after=651, remove=350), Guards())) == [
        "removes_too_many"
    ]


def test_withdrawn_consent_does_not_count_as_removed():
    assert (
        refuse_list(plan(before=10_000, after=0, remove=10_000, withdrawn=10_000), Guards()) == ()
    )


def test_emptying_a_list_is_refused_even_where_any_share_may_go():
    guards = Guards(max_removed_share=1, max_removed_share_small=1)
    assert codes(refuse_list(plan(before=10, after=0, remove=10), guards)) == ["empties_list"]


def test_a_refused_plan_sends_withdrawals_only_until_approved():
    refused = replace(plan(before=10), refused_by=(Refused("removes_too_many", "too many"),))
    assert refused.to_send() == {Step.WITHDRAW}
    assert refused.to_send(approved=True) == {Step.WITHDRAW, Step.REMOVE, Step.ADD}


def test_what_waits_is_not_sent_by_an_approval():
    waiting = replace(plan(before=10), waiting=(Waiting(Step.ADD, 5, "too few"),))
    assert waiting.to_send(approved=True) == {Step.WITHDRAW, Step.REMOVE}


def test_a_contact_column_that_went_missing_is_refused_as_changes():
    assert codes(refuse_list(plan(before=10_000, after=10_000, change=9_000), Guards())) == [
        "changes_too_many"
    ]
    assert refuse_list(plan(before=10_000, after=10_000, change=2_000), Guards()) == ()
