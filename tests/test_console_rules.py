"""The table of bid rules: what is written, what is refused and where it is said."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.bid_rules import BidRulesFile
from config.load import check_text, load_project
from config.project import Project
from flows.console.rules_form import FILE, digest, edit, typed_of
from flows.console.running import run_in_thread
from tests.support.starter import make_starter
from tests.test_console import Browser


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    return load_project(make_starter(tmp_path_factory.mktemp("shop") / "shop"))


@pytest.fixture(scope="module")
def text(project) -> str:
    return (project.folder / FILE).read_text(encoding="utf-8")


def test_what_nobody_touched_is_not_written_anew(project, text) -> None:
    edited = edit(project, text, typed_of(project.bid_rules))
    assert edited.text == text
    assert edited.rules == project.bid_rules
    assert edited.diff(text) == []


def test_one_change_is_one_line_and_every_comment_stays(project, text) -> None:
    edited = edit(project, text, {**typed_of(project.bid_rules), "rule-0-correction": "−40 %"})
    changed = [line for line in edited.diff(text) if re.match(r"[+-](?![+-])", line)]
    assert changed == ["-correction = -30", "+correction = -40"]
    assert [line for line in text.splitlines() if "#" in line] == [
        line for line in edited.text.splitlines() if "#" in line
    ]


def test_every_kind_of_change_at_once(project, text) -> None:
    typed = {
        **typed_of(project.bid_rules),
        "rule-0-correction": "auto",
        "rule-1-correction": "-45..-10",
        "rule-1-enforce": "on",
        "rule-5-delete": "on",
        "new-segment": "registered",
        "new-correction": "+10",
        "limits-drr_ceiling": "15,5",
        "limits-lowest": "-60",
    }
    rules = edit(project, text, typed).rules
    assert rules is not None
    by_segment = {one.segment: one for one in rules.rule}
    assert by_segment["vip"].correction == "auto"
    assert by_segment["loyal"].correction == (-45, -10)
    assert by_segment["loyal"].enforce
    assert "vip_at_risk" not in by_segment
    assert by_segment["registered"].correction == 10
    assert (rules.limits.drr_ceiling, rules.limits.lowest) == (15.5, -60)
    assert rules.where == project.bid_rules.where


@pytest.mark.parametrize(
    ("typed", "field", "key"),
    [
        ({"rule-0-correction": "much"}, "rule-0-correction", "field.correction"),
        ({"rule-0-correction": ""}, "rule-0-correction", "field.correction"),
        ({"rule-0-correction": "-30.5"}, "rule-0-correction", "field.correction"),
        ({"rule-0-correction": "-80"}, "rule-0-correction", "field.outside"),
        ({"rule-0-correction": "-10..-40"}, "rule-0-correction", "field.falls"),
        ({"rule-0-prior": "x"}, "rule-0-prior", "field.whole"),
        ({"new-segment": "vip", "new-correction": "5"}, "new-segment", "field.twice"),
        ({"new-correction": "5"}, "new-segment", "field.choose"),
        ({"new-segment": "registered"}, "new-correction", "field.correction"),
        ({"limits-lowest": "5"}, "limits-lowest", "field.between"),
        ({"limits-lowest": "-5.5"}, "limits-lowest", "field.whole"),
        ({"limits-step": "1"}, "limits-step", "field.between"),
        ({"limits-dead_band": "-1"}, "limits-dead_band", "field.least"),
        ({"limits-drr_ceiling": "0"}, "limits-drr_ceiling", "field.above"),
        ({"limits-drr_ceiling": "nan"}, "limits-drr_ceiling", ""),
    ],
)
def test_what_is_wrong_is_said_at_its_field(project, text, typed, field, key) -> None:
    edited = edit(project, text, {**typed_of(project.bid_rules), **typed})
    assert edited.rules is None
    assert edited.faults[field].key == key
    assert key or edited.faults[field].text


def test_a_name_that_leads_nowhere_is_said_at_its_field(project, text) -> None:
    typed = {"new-segment": "whales", "new-correction": "5"}
    edited = edit(project, text, {**typed_of(project.bid_rules), **typed})
    assert edited.rules is None
    assert "whales" in edited.faults["new-segment"].text


def test_a_narrower_limit_is_held_against_every_rule(project, text) -> None:
    edited = edit(project, text, {**typed_of(project.bid_rules), "limits-highest": "40"})
    assert {name for name, one in edited.faults.items() if one.key == "field.outside"} == {
        "rule-2-correction",
        "rule-3-correction",
    }


WORDS = st.one_of(
    st.integers(-150, 150).map(str),
    st.tuples(st.integers(-60, 110), st.integers(-60, 110)).map(lambda two: f"{two[0]}..{two[1]}"),
    st.sampled_from(["auto", "", "x", "1e3", "٣", "-0", "0x1f", "[1, 2]", '"] \n evil = 1 #']),
)


@given(st.dictionaries(st.integers(0, 7), WORDS, max_size=8), st.sets(st.integers(0, 7)))
def test_whatever_is_typed_is_refused_at_a_field_or_gives_a_sound_file(
    project, text, corrections, deleted
) -> None:
    typed = typed_of(project.bid_rules)
    typed |= {f"rule-{index}-correction": said for index, said in corrections.items()}
    typed |= {f"rule-{index}-delete": "on" for index in deleted}
    edited = edit(project, text, typed)
    if edited.rules is None:
        assert edited.faults
        assert not edited.general
        return
    read = check_text(FILE, edited.text)
    assert isinstance(read, BidRulesFile)
    assert read == edited.rules
    kept = [one.segment for i, one in enumerate(project.bid_rules.rule) if i not in deleted]
    assert [one.segment for one in read.rule] == kept
    again = edit(replace(project, bid_rules=read), edited.text, typed_of(read))
    assert again.text == edited.text


def test_saving_shows_the_diff_first_and_writes_over_nobody(tmp_path) -> None:
    folder: Path = make_starter(tmp_path / "shop")
    path = folder / FILE
    path.chmod(0o640)
    before = path.read_text(encoding="utf-8")
    typed = {**typed_of(load_project(folder).bid_rules), "base": digest(before)}
    with run_in_thread(folder) as running:
        browser = Browser(running)
        wrong = browser.submit("/rules/review", **{**typed, "rule-0-correction": "-99"})
        assert wrong.status_code == 422
        assert "Within the limits: -50 to 100" in wrong.text
        assert 'value="-99"' in wrong.text
        assert (
            browser.submit("/rules/save", **{**typed, "rule-0-correction": "-99"}).status_code
            == 422
        )
        change = {**typed, "rule-0-correction": "-35"}
        review = browser.submit("/rules/review", **change)
        assert "+correction = -35" in review.text
        assert path.read_text(encoding="utf-8") == before
        same = browser.submit("/rules/review", **typed)
        assert "Nothing was changed" in same.text
        assert browser.submit("/rules/save", **change).status_code == 303
        saved = path.read_text(encoding="utf-8")
        assert saved == before.replace("correction = -30", "correction = -35", 1)
        assert path.stat().st_mode & 0o777 == 0o640
        late = browser.submit("/rules/save", **change)
        assert late.status_code == 409
        assert path.read_text(encoding="utf-8") == saved
        assert "vip: -30 to -35" in browser.open("/log").text
