"""What became of a request to the played Data Manager: told by counts, never by person.

Source: Data Manager API v1, requestStatus.
"""

from collections.abc import Callable
from typing import Any

from connectors.sandbox.frame import View
from connectors.sandbox.google_call import NAME, Violation, data_refusal
from connectors.sandbox.store import DIGEST, Document
from connectors.sandbox.world import World

STATUS_DAYS = 50
DATA_TYPES = {
    "emailAddress": "EMAIL",
    "phoneNumber": "PHONE_NUMBER",
    "address": "ADDRESS",
    "ipAddress": "IP_ADDRESS",
}
RANGES = (20, 30, 40, 50, 60, 70, 80, 90, 100)


def status(world: World, request_id: str) -> View:
    number = request_id.removeprefix("sandbox-")
    asked = world.store(NAME).get("request", int(number)) if number.isdigit() else None
    if asked is None:
        raise data_refusal(400, "INVALID_ARGUMENT", Violation("request_id", "INVALID_REQUEST_ID"))
    if world.now() > asked["received_at"] + STATUS_DAYS * 86_400:
        raise data_refusal(400, "INVALID_ARGUMENT", Violation("request_id", "REQUEST_TOO_OLD"))
    shown = [per_destination(world, asked, one) for one in asked["destinations"]]
    return {"requestStatusPerDestination": shown}


def per_destination(world: World, asked: Document, destination: Document) -> View:
    kept = {k: v for k, v in destination.items() if k != "reference"}
    if asked["ready_at"] > world.now():
        return {"destination": kept, "requestStatus": "PROCESSING"}
    dropped = {"PROCESSING_ERROR_REASON_INTERNAL_ERROR": asked["records"]} if asked["fails"] else {}
    dropped |= {} if asked["fails"] else asked["dropped"]
    lost = sum(dropped.values())
    done = "FAILED" if asked["fails"] or (lost and lost == asked["records"]) else "SUCCESS"
    if done == "SUCCESS" and lost:
        done = "PARTIAL_SUCCESS"
    view: View = {"destination": kept, "requestStatus": done}
    if lost:
        counts = [{"recordCount": str(n), "reason": reason} for reason, n in dropped.items()]
        view["errorInfo"] = {"errorCounts": counts}
    return {**view, **PAYLOAD[asked["verb"]](world, asked)}


def ingested(world: World, asked: Document) -> View:
    name = f"{asked['kind']}IngestionStatus"
    return {
        "audienceMembersIngestionStatus": {name: {**figures(asked), **match_rate(world, asked)}}
    }


def removed(world: World, asked: Document) -> View:
    name = f"{asked['kind']}RemovalStatus"
    return {"audienceMembersRemovalStatus": {name: figures(asked)}}


def figures(asked: Document) -> View:
    counts = asked["counted"]
    view: View = {"recordCount": str(asked["records"])}
    if asked["kind"] == "compositeData":
        view["dataTypeCounts"] = [
            {"type": DATA_TYPES[name], "count": str(n)} for name, n in counts.items()
        ]
    else:
        name = {"userData": "userIdentifierCount", "mobileData": "mobileIdCount"}
        view[name.get(asked["kind"], "userIdCount")] = str(sum(counts.values()))
    return view


def match_rate(world: World, asked: Document) -> View:
    if asked["kind"] not in ("compositeData", "userData"):
        return {}
    return {"uploadMatchRateRange": f"MATCH_RATE_RANGE_{match_range(world, asked['number'])}"}


def match_range(world: World, request: int) -> str:
    """How many people of a request Google knows, as both APIs end the names of their ranges."""
    rows = world.store(NAME).members(-request)
    if not len(rows):
        return "NOT_ELIGIBLE"
    known = world.known(rows.view(f"S{DIGEST}")).reshape(len(rows), -1).any(axis=1)
    percent = 100 * int(known.sum()) // len(rows)
    if percent < RANGES[0]:
        return "LESS_THAN_20"
    if percent <= RANGES[1]:
        return "20_TO_30"
    top = next(top for top in RANGES if percent <= top)
    return f"{top - 9}_TO_{top}"


PAYLOAD: dict[str, Callable[[World, Document], Any]] = {
    "ingest": ingested,
    "remove": removed,
    "removeAll": lambda world, asked: {"removeAllAudienceMembersStatus": {}},
}
