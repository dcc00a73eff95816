"""`adsteer serve` as a process: schedules become runs, the killed are made good, edits survive."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from typer.testing import CliRunner

from flows.cli import app
from tests.support.prefect_server import ask, free_port, stop, wait_for
from tests.support.rehearsal import Rehearsal, rehearse

ROOT = Path(__file__).parent.parent
OVER = ("COMPLETED", "FAILED", "CANCELLED")
SCHEDULES = """
[[schedule]]
name = "lifecycle_daily"
flow = "refresh"
cron = "0 4 * * *"
[[schedule]]
name = "lists"
flow = "sync"
cron = "0 5 * * *"
apply = true
[[schedule]]
name = "watch"
flow = "watch"
cron = "0 0 1 1 *"
"""
APPROVE = """
import sys
from prefect.deployments import run_deployment

given = {"fingerprint": sys.argv[1], "decision": "approve", "who": "Ann", "reason": sys.argv[2]}
run = run_deployment("decide/decide", parameters=given, timeout=600, poll_interval=1)
assert run.state.is_completed(), run.state
"""

pytestmark = pytest.mark.slow


class Served:
    """A project that is being served."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}/api"
        self.folder = folder

    def ask(self, method: str, path: str, **body: Any) -> Any:
        return ask(method, f"{self.url}/{path}", **body)

    def deployments(self) -> dict[str, Any]:
        return {one["name"]: one for one in self.ask("POST", "deployments/filter")}

    def start(self, deployment: str, **parameters: Any) -> str:
        made = self.deployments()[deployment]
        path = f"deployments/{made['id']}/create_flow_run"
        return str(self.ask("POST", path, parameters=parameters)["id"])

    def ended(self, run: str) -> str:
        """How a flow run ends; one that crashed is begun again, so that is no end."""
        return wait_for(
            lambda: (
                state
                if (state := self.ask("GET", f"flow_runs/{run}")["state_type"]) in OVER
                else ""
            )
        )

    def names(self) -> set[str]:
        return {one["name"] for one in self.ask("POST", "flow_runs/filter")}

    def delivering(self) -> int:
        """Process id of the run that has the account right now."""
        catalog = self.folder / ".adsteer" / "catalog.db"

        def owner() -> int | None:
            with sqlite3.connect(f"file:{catalog}?mode=ro", uri=True, timeout=60) as connection:
                query = "select runs.owner from leases, runs where runs.ended_at is null"
                found = connection.execute(f"{query} and runs.owner = leases.owner").fetchone()
            connection.close()
            return int(found[0].split(":")[1]) if found else None

        return wait_for(owner)

    def children(self) -> dict[str, int]:
        """Process ids by what they are: server and worker."""
        listed = subprocess.run(
            ["ps", "--ppid", str(self.process.pid), "-o", "pid=,args="],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.splitlines()
        return {
            name: int(line.split()[0])
            for line in listed
            for name in ("server", "worker")
            if f"prefect {name} start" in line
        }

    def kill(self, name: str) -> None:
        """SIGKILL a child; another one must take its place."""
        before = self.children()[name]
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: self.children().get(name) not in (None, before))


@contextmanager
def serving(project: Path, port: int) -> Iterator[Served]:
    environment = {n: v for n, v in os.environ.items() if not n.startswith("PREFECT_")}
    environment["ADSTEER_CONSOLE_PORT"] = str(free_port())
    said = project.parent / "said.log"
    command = [sys.executable, "-m", "flows", "serve", "-p", str(project), "--port", str(port)]
    with said.open("w") as log:  # a pipe that nobody empties would stop the server one day
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_for(lambda: "Stop with Ctrl-C" in said.read_text() or process.poll() is not None)
        assert process.poll() is None, said.read_text()[-3000:]
        assert f"Runs, plans and receipts (Prefect): http://127.0.0.1:{port}\n" in said.read_text()
        yield Served(process, port, project)
    finally:
        stop(process)
    assert process.returncode in (0, -signal.SIGKILL), said.read_text()[-3000:]


@pytest.fixture
def rehearsal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    with rehearse(tmp_path / "shop", monkeypatch) as made:
        made.shop.cities = {"north": "ABCD", "south": "EFGH"}
        made.shop.guards = "max_removed_share = 0.5\nmax_removed_share_small = 0.5"
        made.shop.write_rules()
        (made.shop.folder / "schedules.toml").write_text(SCHEDULES)
        yield made


def wish(rehearsal: Rehearsal, **cities: str) -> None:
    rehearsal.shop.cities = dict(cities)
    rehearsal.shop.write_rules()


def slowly(rehearsal: Rehearsal, seconds: float) -> None:
    """Let the platform take its time with every file, so that a kill falls into the delivery."""
    rehearsal.box.no_more_faults()
    for operation in ("upload_csv_file", "modify_data"):
        rehearsal.box.fault("slow", "yandex_audience", operation, seconds=seconds, times=4)


def test_serving_from_the_first_start_to_the_second(rehearsal: Rehearsal) -> None:
    """One test, because a start takes half a minute: made, run, killed, decided, restarted."""
    port, folder = free_port(), rehearsal.shop.folder
    with serving(folder, port) as served:
        made = served.deployments()
        assert set(made) == {"lifecycle_daily", "lists", "watch", "decide"}
        scheduled = {"state": {"type": {"any_": ["SCHEDULED"]}}}
        wait_for(lambda: served.ask("POST", "flow_runs/count", flow_runs=scheduled))
        assert served.ended(served.start("lifecycle_daily")) == "COMPLETED"

        run_outlives_its_worker(rehearsal, served)
        run_outlives_the_server(rehearsal, served)
        killed_run_is_begun_again(rehearsal, served)
        person_decides_in_prefect(rehearsal, served)
        nothing_private_is_in_prefect(rehearsal, served)
        assert {"Lists: all", "Segments: exports read, everybody decided anew"} <= served.names()

        (schedule,) = made["lifecycle_daily"]["schedules"]
        edit = f"deployments/{made['lifecycle_daily']['id']}/schedules/{schedule['id']}"
        served.ask("PATCH", edit, active=False)
        children = served.children()
        served.process.kill()
        served.process.wait()
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children.values()))
    with serving(folder, port) as served:
        (schedule,) = served.deployments()["lifecycle_daily"]["schedules"]
        assert schedule["active"] is False
        assert set(served.deployments()) == set(made)


def run_outlives_its_worker(rehearsal: Rehearsal, served: Served) -> None:
    slowly(rehearsal, 8)
    run = served.start("lists")
    served.delivering()
    served.kill("worker")
    assert served.ended(run) == "COMPLETED"
    assert rehearsal.members("north") == rehearsal.shop.digests("north")
    assert rehearsal.members("south") == rehearsal.shop.digests("south")


def run_outlives_the_server(rehearsal: Rehearsal, served: Served) -> None:
    wish(rehearsal, north="ABCDE", south="EFGH")
    slowly(rehearsal, 8)
    run = served.start("lists")
    served.delivering()
    served.kill("server")
    assert served.ended(run) == "COMPLETED"
    assert rehearsal.members("north") == rehearsal.shop.digests("north")


def killed_run_is_begun_again(rehearsal: Rehearsal, served: Served) -> None:
    wish(rehearsal, north="ABCDE", south="DEFGH")
    slowly(rehearsal, 10)
    run = served.start("lists")
    os.kill(served.delivering(), signal.SIGKILL)
    rehearsal.box.no_more_faults()
    assert served.ended(run) == "COMPLETED"
    assert rehearsal.members("south") == rehearsal.shop.digests("south")
    outcomes = [one["outcome"] for one in status(rehearsal)["runs"] if one["name"] == "sync"]
    assert outcomes[:2] == ["done", "died"]
    artifacts = served.ask("POST", "artifacts/filter", flow_runs={"id": {"any_": [run]}})
    (summary,) = [one["data"] for one in artifacts if one["key"] == "summary"]
    assert "killed before its end" in summary


def person_decides_in_prefect(rehearsal: Rehearsal, served: Served) -> None:
    """A refused plan waits; the form's limits hold; an approval sends exactly that plan."""
    wish(rehearsal, north="A", south="DEFGH")
    before = rehearsal.members("north")
    run = served.start("lists")
    assert served.ended(run) == "COMPLETED"
    assert rehearsal.members("north") == before
    (waits,) = status(rehearsal)["waiting"]
    decide = served.deployments()["decide"]
    artifacts = served.ask("POST", "artifacts/filter", flow_runs={"id": {"any_": [run]}})
    (asked,) = [one["data"] for one in artifacts if one["key"] == "waits-for-a-person"]
    assert f"/deployments/deployment/{decide['id']}/run?parameters=" in asked
    assert "Held back" in asked

    form = {"fingerprint": waits["fingerprint"], "decision": "approve", "who": "Ann"}
    door = f"{served.url}/deployments/{decide['id']}/create_flow_run"
    for wrong in ({"reason": "no"}, {"reason": "r", "decision": "perhaps"}, {"fingerprint": "x"}):
        answer = requests.post(door, json={"parameters": form | wrong}, timeout=120)
        assert answer.status_code == 409, answer.text
    environment = {**os.environ, "PREFECT_API_URL": served.url}
    command = [sys.executable, "-c", APPROVE, waits["fingerprint"], "We closed the north"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert rehearsal.members("north") == rehearsal.shop.digests("north") < before
    assert status(rehearsal)["waiting"] == []


def nothing_private_is_in_prefect(rehearsal: Rehearsal, served: Served) -> None:
    """Artifacts, logs, runs and events as its API gives them, and its database as it lies there."""
    told = [served.ask("POST", f"{what}/filter") for what in ("artifacts", "logs", "flow_runs")]
    texts = [json.dumps(told, ensure_ascii=False).encode()]
    home = rehearsal.shop.folder / ".adsteer" / "prefect"
    texts += [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert any(b"summary" in text for text in texts)
    for person in rehearsal.shop.people:
        for private in (person.email, person.phone, *person.digests):
            assert not any(private.encode() in text for text in texts), "a contact in Prefect"


def status(rehearsal: Rehearsal) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["status", "-p", str(rehearsal.shop.folder), "--json"])
    document = json.loads(result.stdout)
    assert isinstance(document, dict)
    return document


def test_others_are_not_let_in_without_a_password(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.serving import ServerSecrets, settle_environment
    from flows.workshop import CannotRun

    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    state, folder = rehearsal.shop.folder / ".adsteer", rehearsal.shop.folder
    with pytest.raises(CannotRun, match="PREFECT_SERVER_API_AUTH_STRING"):
        settle_environment(state, host="0.0.0.0", port=4200)
    (folder / ".env").write_text("PREFECT_SERVER_API_AUTH_STRING=ann:secret\n")
    password = ServerSecrets.read("PREFECT_SERVER_API_", folder).auth_string
    made = settle_environment(state, host="0.0.0.0", port=4200, password=password)
    assert made["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert made["PREFECT_SERVER_API_AUTH_STRING"] == made["PREFECT_API_AUTH_STRING"] == "ann:secret"
    assert "secret" not in repr(password)
