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
