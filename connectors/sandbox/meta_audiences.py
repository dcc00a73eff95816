"""Custom audiences of Meta as the sandbox plays them: made, listed, read, changed, deleted.

An account has accepted the terms first, has so many audiences of a kind at most, and keeps those
that look-alikes grew from.
"""

from connectors.sandbox.frame import View
from connectors.sandbox.meta_call import NAME, Call, refuse, stamp
from connectors.sandbox.meta_lookalikes import countries_of, grow
from connectors.sandbox.meta_members import WIDTH
from connectors.sandbox.meta_states import (
    MIN_DELIVERY,
    NORMAL,
    WORDS,
    bounds,
    children,
    matched_now,
    new,
    own,
    status,
)
from connectors.sandbox.store import DIGEST, Document, digests
from connectors.sandbox.world import World

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
TERMS = 1870090
HAS_CHILDREN = 2656

# UNVERIFIED choices
SPEC_SHOWN = ("type", "ratio", "starting_ratio", "country")
"""What of a given spec is read back; the type of an origin and a list of codes are guesses too."""
TOO_MANY = 2655


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
