"""Microsoft's own REST models, as the oracle for paths, verbs and bodies."""

import inspect
import json
import os
import re
from importlib import import_module
from typing import Any

import pytest


def official(module: str, name: str | None = None) -> Any:
    """A module of the official SDK, or something in it.

    Skips the test where the types are not installed, but not in CI.
    """
    try:
        found = import_module(f"openapi_client.{module}")
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("Microsoft's types are not installed: pip install 'adsteer[platform-types]'")
    return found if name is None else getattr(found, name)


def resources() -> set[tuple[str, str]]:
    """Every verb and path that the official client knows."""
    found: set[tuple[str, str]] = set()
    for service in ("campaign_management", "reporting"):
        source = inspect.getsource(official(f"api.{service}_service_api"))
        found |= set(re.findall(r"method='([A-Z]+)',\s+resource_path='([^']+)'", source))
    return found


def assert_official(service: str, name: str, body: Any) -> None:
    """The body is one of this class, and nothing of it is lost.

    The classes silently drop names they do not know: only the comparison finds those.
    """
    model = official(f"models.{service}", name).from_dict(body)
    wire = json.loads(json.dumps(model.to_dict(), default=_plain))
    assert _without_none(wire) == _without_none(body), name


def _plain(value: Any) -> Any:
    return value.to_json() if hasattr(value, "to_json") else str(value)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return [_without_none(inner) for inner in value] if isinstance(value, list) else value
