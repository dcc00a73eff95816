"""A catalog per test on SQLite and on PostgreSQL: the same tests on both.

PostgreSQL is the server named by ADSTEER_TEST_POSTGRES, or one that is started from Debian's
packages on a free loopback port; without either its tests are skipped, on CI they fail.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

SERVER = "ADSTEER_TEST_POSTGRES"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of a server on which databases may be made."""
    if os.environ.get(SERVER):
        yield os.environ[SERVER]
        return
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if not binaries or (os.geteuid() == 0 and _server_user() is None):
        reason = f"no PostgreSQL: set {SERVER} to its URL or install Debian's postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with _server(binaries[-1].parent) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty catalog."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'catalog.sqlite'}"
        return
    with empty_database(request.getfixturevalue("postgres_url")) as url:
        yield url


@contextmanager
def empty_database(postgres: str) -> Iterator[str]:
    """URL of a database of its own on a PostgreSQL server."""
    server = make_url(postgres)
    name = f"adsteer_{uuid.uuid4().hex[:12]}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root: Debian's package makes a user for it."""
    names = {user.pw_name for user in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


@contextmanager
def _server(binaries: Path) -> Iterator[str]:
    root = os.geteuid() == 0
    user = str(_server_user()) if root else pwd.getpwuid(os.geteuid()).pw_name
    folder = Path(tempfile.mkdtemp(prefix="adsteer-pg-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if root:
        shutil.chown(folder, user)

    def run(*command: str) -> None:
        subprocess.run(
            command, check=True, cwd=folder, user=user if root else None, stdout=subprocess.DEVNULL
        )

    base = str(folder / "base")
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder}"
    control = (str(binaries / "pg_ctl"), "-D", base)
    try:
        run(str(binaries / "initdb"), "-D", base, "-U", "adsteer", "-A", "trust", "-N")
        run(*control, "-l", str(folder / "log"), "-o", f"{options} -c fsync=off", "-w", "start")
        try:
            yield f"postgresql+psycopg://adsteer@127.0.0.1:{port}/postgres"
        finally:
            run(*control, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
