"""What tests may have: readable failures, a quiet environment, a played net, a sandbox."""

import os
from collections.abc import Iterator

import pytest
import responses
from hypothesis import settings
from responses.registries import OrderedRegistry

from connectors.sandbox.server import Running, run_in_thread
from tests.support.sandbox import fresh
from tests.support.surroundings import Clock

pytest.register_assert_rewrite("tests.support.contract")

# Prefect reads these on import; no test may phone anywhere.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")

# The same examples in every run, so that a red run is about the change; HYPOTHESIS=explore looks
# for new ones. No deadline: a test never times anything.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS", "steady"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no worker is left with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    """Answers for exactly the requests that are made, in their order."""
    with responses.RequestsMock(
        assert_all_requests_are_fired=True, registry=OrderedRegistry
    ) as mock:
        yield mock


@pytest.fixture
def clock() -> Clock:
    """A clock at which nobody waits."""
    return Clock()


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """A server of the sandbox, one for the tests of a file."""
    with run_in_thread() as running:
        yield running


@pytest.fixture
def sandbox(server: Running) -> Running:
    """The sandbox with nothing in it that an earlier test left."""
    return fresh(server)
