"""JSON Schema of every file, for editors: completion, descriptions, red lines while typing."""

from typing import Any

from config.load import FILES


def schemas() -> dict[str, dict[str, Any]]:
    """A JSON Schema (draft 2020-12) by file name."""
    return {name: _schema(name) for name in FILES}


def _schema(name: str) -> dict[str, Any]:
    schema = FILES[name].model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": name}
