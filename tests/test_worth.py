"""What members of a seed are worth goes to a platform that takes it, and nowhere else."""

import pyarrow as pa
import pytest

from audiences.difference import PLANNED
from audiences.model import MEMBERS, WORTH
from audiences.worth import with_worth
from connectors.base import Connector
from connectors.delivery import planned_batches
from connectors.registry import PLATFORMS
from tests.support.members import people


def planned(*numbers):
    rows = [
        {**people(n, 1)[0], "batch": 1 + n // 3, "step": "add", "verb": "add", "reason": "new"}
        for n in numbers
    ]
    return pa.Table.from_pylist(rows, PLANNED).to_batches(max_chunksize=2)


WORTHS = pa.table({"person_id": ["p1", "p3", "p4"], "value": [10.5, 0.0, 7.0]})


def test_each_row_gets_the_worth_of_its_person():
    rows = pa.Table.from_batches(with_worth(planned(1, 2, 3, 4), WORTHS))
    assert rows["person_id"].to_pylist() == ["p1", "p2", "p3", "p4"]
    assert rows[WORTH.name].to_pylist() == [10.5, None, 0.0, 7.0]


def test_batches_carry_the_worth_beside_the_members():
    batches = [
        table for *_, table in planned_batches(with_worth(planned(1, 2, 3, 4), WORTHS), ["add"])
    ]
    assert [one.column_names for one in batches] == [[*MEMBERS.names, WORTH.name]] * 2
    assert [one[WORTH.name].to_pylist() for one in batches] == [[10.5, None], [0.0, 7.0]]


def test_without_worth_a_batch_is_members_alone():
    batches = [table for *_, table in planned_batches(planned(1, 2, 3, 4), ["add"])]
    assert {tuple(one.column_names) for one in batches} == {tuple(MEMBERS.names)}


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_meta_alone_takes_it(platform):
    one = PLATFORMS[platform]
    assert platform == "meta" or not issubclass(one, Connector) or not one.limits.takes_worth
