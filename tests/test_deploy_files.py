"""What deploy/ ships names commands, packages and settings that exist."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from config.settings import Settings
from tests.support.command_names import commands_known

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
SYSTEM = Path("/lib/systemd/system")
UNITS = sorted(path.name for path in DEPLOY.glob("adsteer*.*"))


def test_units_start_commands_that_exist() -> None:
    texts = [(DEPLOY / name).read_text() for name in UNITS if name.endswith(".service")]
    started = [re.findall(r"-m flows (\w+)", text) for text in texts]
    assert sorted(name for names in started for name in names) == ["backup", "serve"]
    assert {"backup", "serve"} <= commands_known()


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None or not SYSTEM.is_dir(), reason="systemd is not there"
)
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    units = tmp_path / "etc" / "systemd" / "system"
    units.mkdir(parents=True)
    for name in UNITS:
        shutil.copy(DEPLOY / name, units)
    shutil.copytree(SYSTEM, tmp_path / "lib" / "systemd" / "system")
    for program in ("opt/adsteer/.venv/bin/python", "bin/sh", "usr/bin/find"):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    command = ["systemd-analyze", "verify", "--man=no", f"--root={tmp_path}", *UNITS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if "adsteer" in line]
    assert (said, done.returncode) == ([], 0), done.stderr


def test_the_image_holds_every_package() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {name.partition(".")[0] for name in project["tool"]["setuptools"]["packages"]}
    assert packages <= set(re.findall(r"^COPY (\w+) \w+$", text, flags=re.MULTILINE))
    (start,) = re.findall(r'^CMD \["(\w+)"', text, flags=re.MULTILINE)
    assert start in commands_known()


def test_compose_sets_what_is_read() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    environment = services["adsteer"]["environment"]
    ours = {name.removeprefix("ADSTEER_").lower() for name in environment if "ADSTEER_" in name}
    console = {"console_host"}
    assert ours - console <= set(Settings.model_fields)
    assert all(port.startswith("127.0.0.1:") for port in services["adsteer"]["ports"])
    assert services["adsteer"]["hostname"]
