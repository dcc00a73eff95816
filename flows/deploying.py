"""The deployments of schedules.toml on a Prefect server, made once and then kept in step.

What the code owns (entry point, path, description, form of the parameters) follows the code; what
a person may change in the UI (schedules, parameters, paused or not) is left as it is.
"""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from prefect import Flow
from prefect.automations import Automation
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.deployments.runner import RunnerDeployment
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.schedules import Cron
from prefect.utilities.callables import parameter_schema

from config.project import Project
from config.schedules import Schedule
from flows.serving import POOL, ROOT

ZOMBIES = "adsteer: crash runs that died without a word"
HEARTBEATS_MISSED_AFTER = timedelta(seconds=90)
"""Three heartbeats of 30 s."""


def deploy(project: Project) -> list[str]:
    """Register every schedule as a deployment; names of all, as flow/deployment."""
    with get_client(sync_client=True) as client:
        with suppress(ObjectAlreadyExists):  # made by an earlier start
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        names = [_register(client, project, one) for one in project.schedules.schedule]
    _watch_zombies()
    return names


def _register(client: SyncPrefectClient, project: Project, schedule: Schedule) -> str:
    loaded = _flow(schedule.flow)
    wanted = loaded.to_deployment(
        schedule.name,
        work_pool_name=POOL,
        concurrency_limit=1,
        parameters=_parameters(project, schedule),
        tags=[project.adsteer.shop.name, schedule.flow],
        description=loaded.description,
        schedules=[
            Cron(schedule.cron, timezone=project.adsteer.shop.time_zone, slug=schedule.name)
        ],
    )
    if not isinstance(wanted, RunnerDeployment):
        raise AssertionError(f"deployment {schedule.name} was not made at once")
    name = f"{loaded.name}/{schedule.name}"
    try:
        old = client.read_deployment_by_name(name)
    except ObjectNotFound:
        wanted.apply()
        return name
    client.update_deployment(
        old.id,
        DeploymentUpdate(
            entrypoint=wanted.entrypoint,
            path=str(ROOT),
            description=wanted.description,
            parameter_openapi_schema=parameter_schema(loaded).model_dump_for_openapi(),
        ),
    )
    return name


def _flow(name: str) -> "Flow[..., object]":
    loaded = Flow.from_source(source=str(ROOT), entrypoint=f"flows/steer.py:{name}")
    if not isinstance(loaded, Flow):
        raise AssertionError(f"flow {name} did not load at once")
    return loaded


def _parameters(project: Project, schedule: Schedule) -> dict[str, object]:
    """Names and switches only: Prefect keeps parameters in clear."""
    parameters: dict[str, object] = {"project": str(Path(project.folder).resolve())}
    if schedule.flow in ("sync", "adjust", "steer"):
        parameters["apply"] = schedule.apply
    if schedule.flow == "sync" and schedule.only:
        parameters["only"] = list(schedule.only)
    return parameters


def _watch_zombies() -> None:
    """A run whose process was killed sends no more heartbeats; mark it crashed, once by name."""
    try:
        _ = Automation.read(name=ZOMBIES)
    except ValueError:
        made = Automation(
            name=ZOMBIES,
            trigger=EventTrigger(
                after={"prefect.flow-run.heartbeat"},
                expect={"prefect.flow-run.*"},
                match={"prefect.resource.id": ["prefect.flow-run.*"]},
                for_each={"prefect.resource.id"},
                posture=Posture.Proactive,
                threshold=1,
                within=HEARTBEATS_MISSED_AFTER,
            ),
            actions=[ChangeFlowRunState(state=StateType.CRASHED, message="missing heartbeats")],
        ).create()
        if not isinstance(made, Automation):
            raise AssertionError("the automation was not made at once") from None
