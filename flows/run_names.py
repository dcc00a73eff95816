"""What runs are called in Prefect: in the words of those who own the rules, never with a contact.

A name is all that the list of runs shows, so it says what was asked of the run.
"""

from collections.abc import Mapping
from typing import Any

from prefect.runtime import flow_run

MOST_NAMED = 3


def refresh() -> str:
    """Name of a run of `refresh`."""
    return "Segments: exports read, everybody decided anew"


def follow() -> str:
    """Name of a run of `follow`."""
    return "Segments over time: sizes, moves, retention"


def measure() -> str:
    """Name of a run of `measure`."""
    return "Money: spend in, results out"


def watch() -> str:
    """Name of a run of `watch`."""
    return "Watch: what gets old, which runs died"


def sync() -> str:
    """Name of a run of `sync`."""
    given = _given()
    only = list(given.get("only") or ())
    more = f" and {len(only) - MOST_NAMED} more" if len(only) > MOST_NAMED else ""
    which = ", ".join(only[:MOST_NAMED]) + more if only else "all"
    return f"Lists: {which}" + _plan_alone(given)


def adjust() -> str:
    """Name of a run of `adjust`."""
    return "Bids: corrections by segment" + _plan_alone(_given())


def steer() -> str:
    """Name of a run of `steer`."""
    return "Everything: exports to bids" + _plan_alone(_given())


def decide() -> str:
    """Name of a run of `decide`."""
    given = _given()
    return f"Decision: {given.get('decision')} plan {str(given.get('fingerprint'))[:12]}"


def _given() -> Mapping[str, Any]:
    return flow_run.get_parameters()


def _plan_alone(given: Mapping[str, Any]) -> str:
    return "" if given.get("apply") else " (a plan alone)"
