"""What a command imports: the heavy libraries only where they are used, so that it starts fast."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = {
    "duckdb", "fastapi", "ibis", "matplotlib", "numpy", "pandas", "phonenumbers", "prefect",
    "pyarrow", "pydantic", "requests", "scipy", "sqlalchemy", "sqlglot", "xlsxwriter",
}  # fmt: skip
OF_A_SERVER = {"fastapi", "matplotlib", "pandas", "prefect", "uvicorn", "xlsxwriter"}
"""What no plan and no refresh from the command line needs."""


def imported_by(code: str) -> set[str]:
    """Top-level modules that a new interpreter has after `code`."""
    told = "import json, sys; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{told}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_needs_none_of_the_heavy_libraries() -> None:
    asked = "from typer.testing import CliRunner\nfrom flows.cli import app\n"
    modules = imported_by(f"{asked}assert CliRunner().invoke(app, ['--help']).exit_code == 0")
    assert "typer" in modules
    assert modules & HEAVY == set()


@pytest.mark.parametrize("module", ["flows.loop", "flows.show", "flows.workshop"])
def test_a_plan_needs_nothing_of_a_server(module: str) -> None:
    modules = imported_by(f"import {module}")
    assert module.split(".")[0] in modules
    assert modules & OF_A_SERVER == set()
