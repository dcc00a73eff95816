"""What every test gets: readable failures of shared suites, and a quiet environment."""

import os

import pytest

pytest.register_assert_rewrite("tests.support.contract")

# Prefect reads these on import; no test may phone anywhere.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
