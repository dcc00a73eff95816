"""What a refresh made anew and what that took, in sentences."""

from collections.abc import Mapping
from typing import Any


def work(told: Mapping[str, Any] | None) -> list[str]:
    """Sentences about the `work` of a refresh's document; none of one that an old version made."""
    if not told:
        return []
    anew = told["files"] - told["files_taken_over"]
    memory = f"{_megabytes(told['memory_bytes'])} at most" if told["memory_bytes"] else "not known"
    return [
        f"{anew:,} of {told['files']:,} files were read anew; the purchases of "
        f"{told['people_taken_over']:,} people were taken over from the refresh before.",
        f"Memory: {memory}. Spilled to disk: {_megabytes(told['spilled_bytes'])} at most; "
        f"the engine's limit is {told['memory_limit']} (memory_limit in adsteer.toml).",
    ]


def _megabytes(number: int) -> str:
    return f"{number / 2**20:,.0f} MB"
