"""The house rules that a machine can hold: arrows, places, names."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("config", "audiences", "bids", "measurement", "connectors", "flows")

MAY_IMPORT = {
    "config": {"config"},
    "audiences": {"config", "audiences"},
    "bids": {"config", "audiences", "bids"},
    "measurement": {"config", "audiences", "bids", "measurement"},
    "connectors": {"config", "audiences.model", "bids.model", "connectors"},
    "flows": set(PACKAGES),
}

ONLY_IN = {"prefect": {"flows"}, "requests": {"connectors"}, "tenacity": {"connectors"}}

SENSELESS = {
    "audiences": {"socket", "time", "urllib.request", "http"},
    "bids": {"socket", "time", "urllib.request", "http"},
    "measurement": {"socket", "time", "urllib.request", "http"},
}
"""Modules by which thinking would touch the network, the environment or the clock."""


def imports_of(path: Path) -> Iterator[str]:
    """Dotted names imported by a file, function-level imports included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            ours = (ROOT / module.replace(".", "/")).is_dir()
            yield from (f"{module}.{alias.name}" for alias in node.names) if ours else [module]


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def allowed(name: str, may_import: set[str]) -> bool:
    return any(name == ours or name.startswith(f"{ours}.") for ours in may_import)


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package: str) -> None:
    for path in files(package):
        ours = [n for n in imports_of(path) if n.split(".")[0] in PACKAGES]
        wrong = [name for name in ours if not allowed(name, MAY_IMPORT[package])]
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


@pytest.mark.parametrize("module", ONLY_IN)
def test_some_modules_belong_to_one_package(module: str) -> None:
    for package in PACKAGES:
        if package not in ONLY_IN[module]:
            for path in files(package):
                tops = {name.split(".")[0] for name in imports_of(path)}
                assert module not in tops, f"{path.relative_to(ROOT)} imports {module}"


@pytest.mark.parametrize("package", SENSELESS)
def test_thinking_has_no_senses(package: str) -> None:
    for path in files(package):
        names = set(imports_of(path))
        assert not names & SENSELESS[package], path.relative_to(ROOT)
        asks = r"\b(?:datetime\.now|date\.today|utcnow|os\.environ|os\.getenv)\b"
        calls = re.findall(asks, path.read_text("utf-8"))
        assert not calls, f"{path.relative_to(ROOT)} asks for {calls}"


def test_our_packages_lie_beside_pyproject() -> None:
    """A stranger's `config` elsewhere in the environment must never win."""
    for package in PACKAGES:
        module = __import__(package)
        assert module.__file__ is not None
        assert Path(module.__file__).parent == ROOT / package


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_registry_or_a_place_of_some_machine() -> None:
    bad = re.compile(
        r"(?:python" r"hosted\.org|py" r"pi\.org|registry\.npm" r"js|/wo" r"rk/|/ro" r"ot/)"
    )
    for path in tracked():
        if path.suffix in {".py", ".md", ".toml", ".txt", ".cfg", ".yml", ".yaml", ""}:
            found = bad.search(path.read_text(encoding="utf-8", errors="ignore"))
            assert found is None, f"{path.relative_to(ROOT)} names {found and found.group()}"


def test_versions_are_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    assert lines
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^=;\s]+", line) for line in lines)


def test_every_dependency_says_why() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(line for extra in extras for line in extra)]
    names = {re.split(r"[\[<>=!~]", line)[0] for line in wanted}
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    said = set(re.findall(r"^\| `([^`]+)` \|", page, flags=re.MULTILINE))
    assert names == said
