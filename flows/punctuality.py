"""Late runs: after a stop of the machine every missed run starts at once, and one is enough."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import FlowRunContext
from prefect.states import Completed

from flows.workshop import CannotRun

LATE_AFTER = timedelta(minutes=10)
"""A worker needs seconds; a run that waits this long waited for something."""

MOST_BEGINNINGS = 3
"""A run whose process is killed is begun again; one that kills its process is not, for ever."""

STILL_TO_COME = frozenset({StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING})


def lateness(run: FlowRun | None, now: datetime) -> list[str]:
    """What to say of a run that starts late; nothing of one that is on time or was asked for."""
    meant = _due(run)
    if meant is None or now - meant < LATE_AFTER:
        return []
    minutes = round((now - meant).total_seconds() / 60)
    return [
        f"This run was due {meant.astimezone(UTC):%Y-%m-%d %H:%M} UTC and began {minutes:,} "
        "minutes late: the machine, the worker or the run before it held it up."
    ]


def overtaken() -> dict[str, Any] | None:
    """How a run ends at once if a newer one of its schedule is due already; None otherwise."""
    run = this_run()
    if run is None or _due(run) is None or run.deployment_id is None:
        return None
    mine = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[run.deployment_id]))
    with get_client(sync_client=True) as client:
        last = FlowRunSort.EXPECTED_START_TIME_DESC
        runs = client.read_flow_runs(flow_run_filter=mine, sort=last, limit=200)
    if not has_newer(run, runs, datetime.now(UTC)):
        return None
    # a flow may return a state in place of its result
    return cast("dict[str, Any]", Completed(name="Skipped", message="A newer run is due already."))


def has_newer(run: FlowRun, runs: Iterable[FlowRun], now: datetime) -> bool:
    """Whether one of the runs was made by a schedule, comes after this one, and is due by now."""
    mine = _due(run)
    return any(
        due is not None and mine is not None and mine < due <= now
        for one in runs
        if one.id != run.id and one.state_type in STILL_TO_COME
        for due in [_due(one)]
    )


def too_often(run: FlowRun | None) -> None:
    """Stop a run that was begun again and again and never got to its end. Raises CannotRun."""
    if run is not None and run.run_count > MOST_BEGINNINGS:
        raise CannotRun(
            f"this run was begun {MOST_BEGINNINGS} times and its process died each time: is there "
            "memory and disk enough? It is not begun again; the next scheduled run is."
        )


def this_run() -> FlowRun | None:
    """The flow run that this code is part of; None outside of one."""
    context = FlowRunContext.get()
    return context.flow_run if context else None


def _due(run: FlowRun | None) -> datetime | None:
    """When a schedule meant the run to begin; None for one that a person or a flow started."""
    return run.expected_start_time if run is not None and run.auto_scheduled else None
