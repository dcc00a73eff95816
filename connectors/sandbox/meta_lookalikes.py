"""Look-alikes of Meta as the sandbox plays them: a checked spec and a seed of matched people.

The people found are those of an invented population nearest by lot, without the seed's own.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from connectors.sandbox.meta_call import Call, refuse
from connectors.sandbox.meta_members import WIDTH
from connectors.sandbox.meta_states import matched_now, new, own, repopulate
from connectors.sandbox.store import DIGEST, Document, Rows, digests

MIN_SEED = 100
SEED_FLAGGED = 1713228

# UNVERIFIED choices
POPULATION, PER_CENT_OF_POPULATION = 20_000, 200


def grow(call: Call, account: Document, name: str) -> Document:
    spec = spec_of(call)
    seed = own(call, call.required("origin_audience_id", (str, int), "an id"))
    if seed.get("flagged"):
        refuse(100, "The source audience is restricted", SEED_FLAGGED)
    if matched_now(seed, call.now) < MIN_SEED:
        refuse(100, f"The source audience must have at least {MIN_SEED} people in one country")
    made = new(call, account, name=name, subtype="LOOKALIKE", origin=str(seed["id"]))
    made["lookalike_spec"] = spec
    ratio = round(100 * spec["ratio"])
    first = round(100 * spec.get("starting_ratio", 0))
    people = similar(first, ratio, call.store.members(seed["id"], width=WIDTH))
    call.store.change_members(made["id"], "replace", people)
    repopulate(call, made, fails=call.fault == "processing_failed")
    return {"id": str(made["id"])}


def spec_of(call: Call) -> Document:
    """`lookalike_spec` is a JSON text; its types are checked strictly."""
    given = call.params.get("lookalike_spec")
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            refuse(100, "Param lookalike_spec must be a JSON text")
    elif call.params.get("_json_body"):
        refuse(100, "Param lookalike_spec must be a JSON text")
    if not isinstance(given, dict):
        refuse(100, "Param lookalike_spec must be an object")
    kind = given.get("type", "custom_ratio")
    if kind not in ("similarity", "reach", "custom_ratio"):
        refuse(100, "lookalike_spec.type is similarity, reach or custom_ratio")
    ratio = {"similarity": 0.01, "reach": 0.05}.get(kind, given.get("ratio"))
    check_ratio(ratio, "ratio")
    start = given.get("starting_ratio")
    if start is not None:
        check_ratio(start, "starting_ratio")
        if start >= ratio:
            refuse(100, "lookalike_spec.starting_ratio must be below ratio")
    check_place(given)
    return {**given, "type": kind, "ratio": ratio}


def countries_of(spec: Mapping[str, Any]) -> list[str]:
    if spec.get("country"):
        return [spec["country"]]
    return list(spec["location_spec"]["geo_locations"].get("countries") or [])


def check_ratio(ratio: Any, name: str) -> None:
    whole = isinstance(ratio, int | float) and not isinstance(ratio, bool)
    if not whole or not 0.01 <= ratio <= 0.20 or abs(100 * ratio - round(100 * ratio)) > 1e-9:
        refuse(100, f"lookalike_spec.{name} is 0.01 to 0.20 in steps of 0.01")


def check_place(spec: Mapping[str, Any]) -> None:
    country, places = spec.get("country"), spec.get("location_spec")
    if country is None and places is None:
        refuse(100, "lookalike_spec needs country or location_spec")
    if country is not None and not (isinstance(country, str) and len(country) == 2):
        refuse(100, "lookalike_spec.country is a two-letter code")
    if places is not None and not isinstance(places.get("geo_locations"), dict):
        refuse(100, "lookalike_spec.location_spec needs geo_locations")
    if not isinstance(spec.get("allow_international_seeds", False), bool):
        refuse(100, "lookalike_spec.allow_international_seeds is a boolean")


def similar(first: int, last: int, seed: Rows) -> Rows:
    """Digests of the population nearest by lot, per cent `first` to `last`, without the seed."""
    places = range(first * PER_CENT_OF_POPULATION, last * PER_CENT_OF_POPULATION)
    found = [hashlib.sha256(f"sandbox person {n}".encode()).digest() for n in places]
    people = np.setdiff1d(np.array(found, dtype=f"S{DIGEST}"), digests(seed))
    return people.astype(f"S{WIDTH}")
