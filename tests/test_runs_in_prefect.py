"""Runs as Prefect holds them: of all missed ones one is enough, and forms explain themselves."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, StateType

from flows.punctuality import has_newer, lateness, too_often
from flows.workshop import CannotRun

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def run(hour, *, scheduled=True, state=StateType.SCHEDULED, begun=1):
    due = NOON.replace(hour=hour)
    return FlowRun(
        id=uuid4(),
        flow_id=uuid4(),
        expected_start_time=due,
        auto_scheduled=scheduled,
        state_type=state,
        run_count=begun,
    )


def test_of_all_missed_runs_the_newest_is_run():
    missed = [run(hour) for hour in (4, 8, 12)]
    coming = run(16)
    runs = [*missed, coming]
    assert [has_newer(one, runs, NOON) for one in runs] == [True, True, False, False]


@pytest.mark.parametrize(
    "other",
    [
        run(8, state=StateType.COMPLETED),
        run(8, state=StateType.CRASHED),
        run(8, scheduled=False),
        run(2),
    ],
)
def test_what_a_person_started_or_what_is_over_overtakes_nobody(other):
    assert not has_newer(run(4), [other], NOON)


def test_a_run_of_a_person_is_never_skipped_and_never_late():
    asked = run(4, scheduled=False)
    assert not has_newer(asked, [run(8)], NOON)
    assert lateness(asked, NOON) == []
    assert lateness(None, NOON) == []


def test_a_late_run_says_so():
    assert lateness(run(12), NOON + timedelta(minutes=9)) == []
    (said,) = lateness(run(10), NOON)
    assert "due 2026-06-01 10:00 UTC and began 120 minutes late" in said


def test_a_run_that_kills_its_process_is_not_begun_for_ever():
    too_often(None)
    too_often(run(4, begun=3))
    with pytest.raises(CannotRun, match="begun 3 times"):
        too_often(run(4, begun=4))


def test_every_field_of_the_decision_form_is_explained_and_bounded():
    from prefect.utilities.callables import parameter_schema

    from flows.steer import decide

    schema = parameter_schema(decide).model_dump_for_openapi()
    fields = schema["properties"]
    assert set(schema["required"]) == {"fingerprint", "decision", "who", "reason"}
    assert all(one["description"].endswith(".") for one in fields.values())
    assert (fields["reason"]["minLength"], fields["reason"]["maxLength"]) == (3, 500)
    assert fields["decision"]["enum"] == ["approve", "reject"]
    assert fields["fingerprint"]["pattern"] == "^[0-9a-f]{12,64}$"
