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
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.schedules import Cron
from prefect.schedules import Schedule as Schedules
from prefect.utilities.callables import parameter_schema

from config.project import Project
from config.schedules import Schedule
from flows.serving import POOL, ROOT

DECIDE = "decide"
APPLYING = frozenset({"sync", "adjust", "steer"})
TAGS = {
    "refresh": "segments",
    "follow": "segments",
    "sync": "lists",
    "adjust": "bids",
    "measure": "money",
    "steer": "everything",
    "watch": "watch",
    DECIDE: "decisions",
}

ZOMBIES = "adsteer: crash runs that died without a word"
AGAIN = "adsteer: run again what crashed"
TAG = "adsteer"
HEARTBEATS_MISSED_AFTER = timedelta(seconds=90)
"""Three heartbeats of 30 s."""


def deploy(project: Project) -> list[str]:
    """Register every schedule as a deployment; names of all, as flow/deployment."""
    with get_client(sync_client=True) as client:
        with suppress(ObjectAlreadyExists):  # made by an earlier start
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        names = [_register(client, project, one) for one in project.schedules.schedule]
        names.append(_register(client, project, None))
    _automate()
    return names


def _register(client: SyncPrefectClient, project: Project, schedule: Schedule | None) -> str:
    """Make or update one deployment; None is the form by which a person decides on a plan."""
    loaded = _flow(schedule.flow if schedule else DECIDE)
    wanted = loaded.to_deployment(
        schedule.name if schedule else DECIDE,
        work_pool_name=POOL,
        concurrency_limit=1,
        parameters=_parameters(project, schedule),
        tags=[TAG, project.adsteer.shop.name, *_tags(schedule)],
        description=loaded.description,
        schedules=_crons(project, schedule),
    )
    if not isinstance(wanted, RunnerDeployment):
        raise AssertionError("a deployment was not made at once")
    name = f"{loaded.name}/{wanted.name}"
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


def _crons(project: Project, schedule: Schedule | None) -> list[Schedules]:
    if schedule is None:
        return []
    zone = project.adsteer.shop.time_zone
    return [Cron(schedule.cron, timezone=zone, slug=schedule.name)]


def _tags(schedule: Schedule | None) -> list[str]:
    """What a marketer filters runs by."""
    if schedule is None:
        return [TAGS[DECIDE]]
    plan_alone = schedule.flow in APPLYING and not schedule.apply
    return [TAGS[schedule.flow], *(["plan alone"] if plan_alone else [])]


def _flow(name: str) -> "Flow[..., object]":
    loaded = Flow.from_source(source=str(ROOT), entrypoint=f"flows/steer.py:{name}")
    if not isinstance(loaded, Flow):
        raise AssertionError(f"flow {name} did not load at once")
    return loaded


def _parameters(project: Project, schedule: Schedule | None) -> dict[str, object]:
    """Names and switches only: Prefect keeps parameters in clear."""
    parameters: dict[str, object] = {"project": str(Path(project.folder).resolve())}
    if schedule is None:
        return parameters
    if schedule.flow in APPLYING:
        parameters["apply"] = schedule.apply
    if schedule.flow == "sync" and schedule.only:
        parameters["only"] = list(schedule.only)
    return parameters


def _automate() -> None:
    """Mark runs that were killed as crashed, and run again what crashed: once each, by name.

    Only runs that bear our tag are meant: the server may serve others too. Running again is safe
    whatever was cut short, as the ledger knows what was sent and a lease keeps runs apart; a run
    that crashes every time gives up by itself (`punctuality.too_often`).
    """
    ours = {"prefect.resource.id": f"prefect.tag.{TAG}", "prefect.resource.role": "tag"}
    runs = {"prefect.resource.id": "prefect.flow-run.*"}
    died = EventTrigger(
        after={"prefect.flow-run.heartbeat"},
        expect={"prefect.flow-run.*"},
        match=ResourceSpecification(runs),
        match_related=ResourceSpecification(ours),
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=HEARTBEATS_MISSED_AFTER,
    )
    crashed = EventTrigger(
        expect={"prefect.flow-run.Crashed"},
        match=ResourceSpecification(runs),
        match_related=ResourceSpecification(ours),
        posture=Posture.Reactive,
        threshold=1,
    )
    to_crashed = ChangeFlowRunState(state=StateType.CRASHED, message="missing heartbeats")
    again = ChangeFlowRunState(
        state=StateType.SCHEDULED, name="AwaitingRetry", message="crashed: run again"
    )
    _once(Automation(name=ZOMBIES, trigger=died, actions=[to_crashed]))
    _once(Automation(name=AGAIN, trigger=crashed, actions=[again]))


def _once(wanted: Automation) -> None:
    """Make an automation if there is none of its name; a person may have changed it since."""
    try:
        _ = Automation.read(name=wanted.name)
    except ValueError:
        if not isinstance(wanted.create(), Automation):
            raise AssertionError("the automation was not made at once") from None
