"""What every test gets: readable failures of shared suites, and a quiet environment."""

import os

import pytest
from hypothesis import settings

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
