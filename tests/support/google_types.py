"""Google's own message classes, as the oracle for what may stand in a body."""

import os
from importlib import import_module
from typing import Any

import pytest

DATA = "google.ads.datamanager_v1.types"
ADS = "google.ads.googleads.v26.services.types"
ADS_ERRORS = "google.ads.googleads.v26.errors.types.errors"


def message_class(module: str, name: str) -> Any:
    """The plain protobuf class. Skips the test where the types are not installed, but not in CI."""
    try:
        found = getattr(import_module(module), name)
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("Google's types are not installed: pip install 'adsteer[platform-types]'")
    return found


def assert_answer(module: str, name: str, body: Any) -> None:
    """The body is a message of this class; not looked at where the types are not installed."""
    try:
        found = getattr(import_module(module), name)
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        return
    from google.protobuf import json_format

    json_format.ParseDict(body, found.pb(found()))


def assert_wire(module: str, name: str, body: Any) -> None:
    """The body is a message of this class, and nothing of it is lost."""
    found = message_class(module, name)
    from google.protobuf import json_format

    message = found.pb(found())
    json_format.ParseDict(body, message)
    assert json_format.MessageToDict(message) == body
