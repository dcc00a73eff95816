"""Custom audiences and look-alikes of Meta as the sandbox plays them: their states and their clock.

An audience is a document: its wire fields, and what the state machine needs (`populated_at`,
`figures` to come, `bounds` visible). What was uploaded becomes visible `processing_seconds` later.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from connectors.sandbox.frame import View
from connectors.sandbox.meta_call import NAME, Call, refuse, stamp
from connectors.sandbox.meta_members import WIDTH
from connectors.sandbox.store import DIGEST, Document, Rows, digests
from connectors.sandbox.world import World

FIRST_AUDIENCE = 23_850_000_000_000_101
SUBTYPES = ("CUSTOM", "LOOKALIKE", "WEBSITE", "APP", "ENGAGEMENT")
SOURCES = ("USER_PROVIDED_ONLY", "PARTNER_PROVIDED_ONLY", "BOTH_USER_AND_PARTNER_PROVIDED")
RETENTION_DAYS = (1, 180)
LABELS = [
    "APP_USERS",
    "AT_RISK",
    "CART_ABANDONERS",
    "DISENGAGED",
    "DISQUALIFIED_LEADS",
    "ENGAGED_USERS",
    "GENERAL_CUSTOMERS",
    "HIGH_VALUE_CUSTOMERS",
    "LOW_VALUE_CUSTOMERS",
    "OTHER_1",
    "OTHER_2",
    "OTHER_3",
    "QUALIFIED_LEADS",
    "RECENT_PURCHASERS",
    "TRIAL_USERS",
]
"""UNVERIFIED: the guide says CUSTOMERS where the SDK says GENERAL_CUSTOMERS."""
FIELDS = [
    "id",
    "account_id",
    "name",
    "description",
    "subtype",
    "customer_file_source",
    "retention_days",
    "is_value_based",
    "audience_labels",
    "opt_out_link",
    "approximate_count_lower_bound",
    "approximate_count_upper_bound",
    "operation_status",
    "delivery_status",
    "time_created",
    "time_updated",
    "time_content_updated",
    "delete_time",
    "lookalike_spec",
    "lookalike_audience_ids",
]
MOST_OF = {"CUSTOM": 500, "LOOKALIKE": 500, "WEBSITE": 10_000, "APP": 200}
MIN_SEED = 100
SEED_FLAGGED = 1713228
TERMS = 1870090
HAS_CHILDREN = 2656

NORMAL, EMPTY, REPLACING, REPLACE_FAILED, POPULATING, FAILED, FLAGGED = (
    200,
    410,
    414,
    415,
    441,
    442,
    471,
)
WORDS = {
    NORMAL: "Normal",
    EMPTY: "Nothing has been uploaded",
    REPLACING: "The audience is being replaced",
    REPLACE_FAILED: "The replacement failed",
    POPULATING: "The audience is being populated",
    FAILED: "The audience could not be populated",
    FLAGGED: "The audience is restricted",
}

# UNVERIFIED choices
SPEC_SHOWN = ("type", "ratio", "starting_ratio", "country")
"""What of a given spec is read back; the type of an origin and a list of codes are guesses too."""
MIN_DELIVERY = 100
"""Matched people from which an audience is delivered to."""
ROUNDED_TO = 10
"""Bounds are rounded to this: how Meta rounds is not stated."""
TOO_MANY = 2655
POPULATION, PER_CENT_OF_POPULATION = 20_000, 200


def own(call: Call, number: Any) -> Document:
    return call.find("audience", number)


def status(audience: Document, now: float) -> int:
    """The code of operation_status."""
    if audience.get("flagged"):
        return FLAGGED
    if audience.get("replace_until", 0) > now:
        return REPLACING
    if until := audience.get("replace_open_until"):
        return REPLACING if now < until else REPLACE_FAILED
    if not audience.get("populated_at"):
        return EMPTY
    if now < audience["populated_at"]:
        return POPULATING
    return FAILED if audience.get("fails") else NORMAL


def bounds(audience: Document, now: float) -> tuple[int, int]:
    """The rounded range that is visible now; -1 where nothing was computed yet."""
    visible = audience["matched"] if now >= audience["visible_at"] else audience["matched_before"]
    if visible is None:
        return -1, -1
    low = visible // ROUNDED_TO * ROUNDED_TO
    return low, low + ROUNDED_TO if visible % ROUNDED_TO else low


def matched_now(audience: Document, now: float) -> int:
    """People matched as far as processing is over."""
    return int((audience["matched"] if now >= audience["visible_at"] else 0) or 0)


def wire(call: Call, audience: Document) -> Document:
    """An audience as Graph shows it."""
    code = status(audience, call.now)
    low, high = bounds(audience, call.now)
    ready = code == NORMAL and matched_now(audience, call.now) >= MIN_DELIVERY
    shown = {key: value for key, value in audience.items() if key in FIELDS}
    shown |= {
        "id": str(audience["id"]),
        "account_id": audience["account"],
        "approximate_count_lower_bound": low,
        "approximate_count_upper_bound": high,
        "operation_status": {"code": code, "description": WORDS[code]},
        "delivery_status": {
            "code": 200 if ready else 300,
            "description": "Ready" if ready else "Too small",
        },
        "lookalike_audience_ids": children(call, audience) or None,
    }
    if "lookalike_spec" in audience:
        seed = call.store.get("audience", int(audience["origin"]))
        origin = {
            "id": audience["origin"],
            "name": seed["name"] if seed else "",
            "type": "custom_audience",
            "deleted": seed is None,
        }
        spec = audience["lookalike_spec"]
        shown["lookalike_spec"] = {
            **{name: spec[name] for name in SPEC_SHOWN if name in spec},
            "origin": [origin],
            "target_countries": countries_of(spec),
        }
    return shown


def children(call: Call, audience: Document) -> list[str]:
    number = str(audience["id"])
    return [str(one["id"]) for one in call.store.all("audience") if one.get("origin") == number]


def repopulate(call: Call, audience: Document, *, fails: bool = False) -> None:
    """Begin processing: the bounds that were visible stay visible until the clock has run."""
    rows = call.store.members(audience["id"], width=WIDTH)
    if call.now >= audience["visible_at"]:
        audience["matched_before"] = audience["matched"]
    audience["matched"] = matched(call.world, rows)
    audience["visible_at"] = call.now + call.world.settings.processing_seconds
    audience["populated_at"] = audience.get("populated_at") or audience["visible_at"]
    audience["time_content_updated"] = int(call.now)
    audience["fails"] = fails
    call.store.put("audience", audience["id"], audience)


def matched(world: World, rows: Rows) -> int:
    if not len(rows):
        return 0
    columns = rows.view(f"S{DIGEST}").reshape(len(rows), rows.dtype.itemsize // DIGEST)
    known = np.column_stack([world.known(np.ascontiguousarray(each)) for each in columns.T])
    return int(known.any(axis=1).sum())


def new(call: Call, account: Document, **fields: Any) -> Document:
    number = call.store.next_id("audience", first=FIRST_AUDIENCE)
    return {
        "id": number,
        "account": account["id"],
        "time_created": int(call.now),
        "time_updated": int(call.now),
        "matched": None,
        "matched_before": None,
        "visible_at": 0.0,
        **fields,
    }


# Edges and objects


def create(call: Call, number: str) -> Document:
    account = call.account(number)
    name = call.required("name", str, "a text")
    subtype = call.one_of("subtype", SUBTYPES, "CUSTOM")
    if not account["terms"]:
        refuse(200, "The custom audience terms have not been accepted.", TERMS)
    there = [one for one in call.all("audience", account) if one["subtype"] == subtype]
    if call.value("enable_fetch_or_create", bool, "a boolean", False):
        for one in there:
            if one["name"] == name:
                return {"id": str(one["id"])}
    if len(there) >= MOST_OF.get(str(subtype), 10_000):
        refuse(TOO_MANY, "The ad account has too many audiences of this kind.")
    if subtype == "LOOKALIKE":
        return grow(call, account, name)
    source = call.one_of("customer_file_source", SOURCES)
    if subtype == "CUSTOM" and source is None:
        refuse(100, "The parameter customer_file_source is required")
    fields = settings_of(call)
    if fields.get("is_value_based") and not account["value_terms"]:
        refuse(200, "The terms of value-based audiences have not been accepted.", TERMS)
    audience = new(call, account, name=name, subtype=subtype, customer_file_source=source, **fields)
    call.store.put("audience", audience["id"], audience)
    return {"id": str(audience["id"])}


def settings_of(call: Call) -> Document:
    """The settings of an audience that are given, checked."""
    days = call.value("retention_days", int, "a whole number")
    if days is not None and not RETENTION_DAYS[0] <= days <= RETENTION_DAYS[1]:
        refuse(100, "Param retention_days must be from 1 to 180")
    labels = call.value("audience_labels", list, "a list")
    if labels is not None and set(labels) - set(LABELS):
        refuse(100, f"Param audience_labels must be of {{{', '.join(LABELS)}}}")
    found = {
        "retention_days": days,
        "audience_labels": labels,
        "description": call.value("description", str, "a text"),
        "opt_out_link": call.value("opt_out_link", str, "a text"),
        "is_value_based": call.value("is_value_based", bool, "a boolean"),
    }
    return {key: value for key, value in found.items() if value is not None}


def listed(call: Call, number: str) -> Document:
    account = call.account(number)
    found = [wire(call, one) for one in call.all("audience", account)]
    for condition in call.value("filtering", list, "a list", []):
        if condition.get("operator") != "EQUAL" or condition.get("field") not in FIELDS:
            refuse(100, "Filtering field or operator is not supported")
        found = [one for one in found if one.get(condition["field"]) == condition.get("value")]
    answer = call.page(found)
    answer["data"] = [call.shown(one, FIELDS) for one in answer["data"]]
    return answer


def read(call: Call, number: str) -> Document:
    return call.shown(wire(call, own(call, number)), FIELDS)


def update(call: Call, number: str) -> Document:
    audience = own(call, number)
    fields = settings_of(call)
    value_based = audience.get("is_value_based", False)
    if fields.get("is_value_based", value_based) != value_based:
        refuse(100, "is_value_based cannot be changed")
    if audience.get("flagged"):
        refuse(100, "The audience is restricted", 1713231)
    name = call.value("name", str, "a text")
    changed = {**audience, **fields, "time_updated": int(call.now)}
    if name:
        changed["name"] = name
    call.store.put("audience", audience["id"], changed)
    return {"success": True}


def delete(call: Call, number: str) -> Document:
    audience = own(call, number)
    if children(call, audience):
        refuse(HAS_CHILDREN, "The audience is the source of look-alikes.")
    forget(call.world, int(audience["id"]))
    return {"success": True}


# Look-alikes


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


# For the control door


def forget(world: World, number: int) -> bool:
    store = world.store(NAME)
    if store.get("audience", number) is None:
        return False
    store.drop("audience", number)
    store.drop_members(number)
    store.drop_members(-number)
    return True


def lists(world: World) -> list[View]:
    """Audiences for the control door; `member_count` counts records, which Meta never tells."""
    store = world.store(NAME)
    shown = []
    for account in store.all("account"):
        call = Call(world, account["login"], {})
        for one in call.all("audience", account):
            view = {key: value for key, value in wire(call, one).items() if value is not None}
            shown.append(
                {
                    **view,
                    "id": one["id"],
                    "member_count": len(store.members(one["id"], width=WIDTH)),
                    "created": stamp(one["time_created"]),
                }
            )
    return shown


def members(world: World, found: View, most: int | None = None) -> list[str]:
    rows = world.store(NAME).members(found["id"], width=WIDTH)
    some = rows if most is None else rows[:most]
    return [bytes(d).ljust(DIGEST, b"\0").hex() for d in digests(some)][:most]
