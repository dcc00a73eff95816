"""What a back-test found scales the next predictions; exports of costs say what a customer cost."""

from datetime import date, timedelta
from pathlib import Path

import ibis
import pytest

from audiences.acquisition import costs_per_customer
from audiences.value import UnusableFit
from audiences.value_tests import ValueTest, believed_test, keep_value_test
from flows import loop, scoring
from tests.support.demo_project import NOW, make_project, opened

pytestmark = pytest.mark.slow

DAY = date(2026, 6, 1)


def test_the_next_refresh_multiplies_by_what_the_back_test_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The orders of the demo fit no model, so it is looked at what the prediction is asked for."""
    asked: list[float] = []

    def predict(*_given: object, scale: float, **_more: object) -> None:
        asked.append(scale)
        raise UnusableFit("not asked for here")

    monkeypatch.setattr(scoring, "predict", predict)
    with opened(make_project(tmp_path / "shop")) as workshop:
        with workshop.catalog.begin() as connection:
            keep_value_test(connection, ValueTest(date(2011, 12, 1), 13, 1.25), now=NOW)
        told = loop.refresh(workshop)
        _, (note,) = scoring._scale(workshop, workshop.as_of)
    assert asked == [1.25]
    assert "multiplied by 1.25" in note
    assert "the 13 weeks up to 2011-12-01" in note
    assert not any("are multiplied by" in one for one in told["notes"]), "nothing was predicted"


@pytest.mark.parametrize(
    ("until", "scale", "believed"),
    [
        (DAY, 1.4, True),
        (DAY - timedelta(days=120), 0.7, True),
        (DAY - timedelta(days=121), 0.7, False),
        (DAY + timedelta(days=1), 1.4, False),
        (DAY, 0.1, False),
        (DAY, 9.0, False),
    ],
)
def test_an_old_a_later_and_an_absurd_test_are_not_believed(
    tmp_path: Path, until: date, scale: float, believed: bool
) -> None:
    project = make_project(tmp_path / "shop")
    with opened(project) as workshop, workshop.catalog.begin() as connection:
        keep_value_test(connection, ValueTest(until, 13, scale), now=NOW)
        assert (believed_test(connection, DAY) is not None) == believed


def test_a_customer_costs_what_was_spent_over_who_came() -> None:
    """Spend of days that are known, buyers who came on those days, by first channel in any case."""
    costs = ibis.memtable(
        {
            "date": [DAY - timedelta(days=n) for n in (30, 10, 10, 5, -3)],
            "platform": ["Yandex", "yandex", "vk", "radio", "yandex"],
            "cost": [100.0, 200.0, 50.0, 70.0, 9000.0],
        }
    )
    known = ibis.memtable(
        {
            "person_id": list("abcdef"),
            "orders": [1, 2, 3, 1, 0, 1],
            "age_days": [30, 5, 12, 31, 10, 4],  # d came before, f after the days that are known
        }
    )
    people = ibis.memtable(
        {
            "person_id": list("abcdef"),
            "channel_first": ["yandex", "YANDEX", "vk", "yandex", "vk", "yandex"],
        }
    )
    assert costs_per_customer(costs, known, people, as_of=DAY) == {"vk": 50.0, "yandex": 150.0}
    nothing = costs.filter(costs.date > DAY)
    assert costs_per_customer(nothing, known, people, as_of=DAY) == {}
