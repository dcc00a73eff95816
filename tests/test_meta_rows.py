"""Meta's rows and rules as values: nothing is lost between a batch and its rows, nor a rule of
others between two rule sets."""

import json
import math

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiences.model import MEMBERS, Batch, Verb
from bids.model import BidObject, CorrectionChange, Level
from connectors import meta_members
from connectors.meta_bids import AdSet, Standing, decide
from connectors.meta_members import UserRows
from connectors.meta_rules import (
    LABELS,
    RULES_PER_SET,
    Rule,
    RuleSet,
    rule_for,
    rule_set_of,
    with_rule,
)
from tests.support.members import digest

DIGESTS = st.lists(st.integers(0, 50).map(lambda n: digest(str(n))), max_size=3)
IDS = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), max_size=2)
PEOPLE = st.lists(st.tuples(DIGESTS, DIGESTS, IDS), max_size=12)


def table(people):
    rows = [
        {"person_id": str(n), "email": emails, "phone": phones, "external_id": ids}
        for n, (emails, phones, ids) in enumerate(people)
    ]
    return pa.Table.from_pylist(rows, schema=MEMBERS)


@settings(deadline=None)
@given(people=PEOPLE, skip=st.integers(0, 3), cut=st.integers(0, 12))
def test_nobody_is_lost(people, skip, cut):
    whole = table(people)
    pieces = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)]).slice(skip)
    kept = people[skip:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meta_members, "ROWS_PER_REQUEST", 5)
        rows = UserRows(Batch("key", Verb.ADD, pieces))
        parts = [(count, json.loads(data)) for count, data in rows.parts()]
    assert all(count == len(data) <= 5 for count, data in parts)
    cells = [dict(zip(rows.schema, row, strict=True)) for _, data in parts for row in data]
    assert len(cells) == sum(max(map(len, one)) for one in kept)
    for place, key in enumerate(("EMAIL", "PHONE", "EXTERN_ID")):
        sent = sorted(row[key] for row in cells if row.get(key))
        assert sent == sorted(value for one in kept for value in one[place])
    receipt = rows.receipt([], "")
    nobody = [n for n, one in enumerate(people) if n >= skip and not any(one)]
    assert sorted(int(one.person_id) for one in receipt.refused) == nobody
    assert receipt.accepted + len(nobody) == len(kept)


@settings(deadline=None)
@given(st.lists(st.floats() | st.none(), min_size=1, max_size=5))
def test_a_value_is_a_number_from_zero_on(values):
    people = table([([digest(str(n))], [], []) for n in range(len(values))])
    worth = people.append_column("value", pa.array(values, pa.float64()))
    rows = UserRows(Batch("key", Verb.ADD, worth), with_value=True)
    ((_, data),) = rows.parts()
    sent = [row[-1] for row in json.loads(data)]
    for value, told in zip(values, sent, strict=True):
        good = value is not None and math.isfinite(value) and value > 0
        assert told == (value if good else 0)


# Rules

PERCENT = st.integers(-90, 1000).filter(bool)
LABEL = st.sampled_from(sorted(set(LABELS.values())))
OTHERS = st.lists(
    st.builds(
        lambda name, percent, kind: Rule(
            name, percent, json.dumps([{"criteria_type": kind, "criteria_values": ["x"]}])
        ),
        st.sampled_from(["students", "phones", "by hand"]),
        PERCENT,
        st.sampled_from(["AGE", "GENDER", "LOCATION"]),
    ),
    max_size=4,
)
CHANGES = st.lists(st.tuples(LABEL, PERCENT | st.none()), max_size=8)


@given(OTHERS, CHANGES)
def test_rules_of_others_stay_in_front_and_ours_are_the_last_word(others, changes):
    rules = tuple(others)
    wanted = {}
    for label, percent in changes:
        rules = with_rule(rules, label, percent)
        wanted[label] = percent
    assert list(rules[: len(others)]) == others
    ours = rules[len(others) :]
    assert {one.label: one.percent for one in ours} == {
        label: percent for label, percent in wanted.items() if percent is not None
    }
    assert [abs(one.percent) for one in ours] == sorted(
        (abs(one.percent) for one in ours), reverse=True
    )
    for label in wanted:
        rules = with_rule(rules, label, None)
    assert list(rules) == others


@given(LABEL, PERCENT)
def test_a_rule_is_read_as_it_was_written(label, percent):
    written = rule_for(label, percent).as_json()
    shown = {**written, "id": "1", "criterias": {"data": [
        {**one, "id": "2"} for one in written["criterias"]
    ]}}  # fmt: skip
    read = rule_set_of({"id": "3", "name": "x", "rules": {"data": [shown]}})
    assert read == RuleSet("3", "x", (rule_for(label, percent),))
    assert read.rules[0].label == label


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(-95, 1005) | st.none()), max_size=20))
def test_every_change_is_decided_once(wanted):
    target = BidObject("fb", "meta", Level.AD_GROUP, "1")
    ad_set = AdSet("1", "COST_CAP", None, {})
    carried = {str(n): (label,) for n, label in enumerate(LABELS)}
    standing = Standing({"1": ad_set}, {}, carried)
    changes = [CorrectionChange(target, "s", str(n), None, percent) for n, percent in wanted]
    decided = decide(standing, ad_set, changes)
    assert set(decided.changes) == set(changes)
    assert not set(decided.refused) & set(decided.names)
    assert len(decided.rules) <= RULES_PER_SET
    assert all(-90 <= one.percent <= 1000 and one.percent for one in decided.rules)
