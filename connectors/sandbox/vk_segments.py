"""Segments of the played VK Ads.

A segment is a formula: at least `pass_condition` of its relations must hold. It has no people of
its own, so a list that changes needs no change of the segment.
"""

from typing import Any

import numpy as np

from connectors.sandbox import vk_lists as lists
from connectors.sandbox.frame import View
from connectors.sandbox.store import DIGEST, Document, Rows, Store
from connectors.sandbox.vk_call import NAME, Call, invalid, refusal, text_of
from connectors.sandbox.world import LOGIN, World

FIRST_ID = 2_431
FOREIGN_SEGMENT = 2_400
MOST_SEGMENTS = 10_000
MOST_PER_PAGE = 100
USERS_LIST, LOOKALIKE, SEGMENT = (
    "remarketing_users_list",
    "remarketing_lookalike_audience",
    "segment",
)
OBJECT_TYPES = (
    USERS_LIST,
    LOOKALIKE,
    SEGMENT,
    "remarketing_counter",
    "remarketing_pricelist",
    "remarketing_vk_group",
    "remarketing_search_phrases",
)
WRONG_CONDITION = "invalid_condition"

# UNVERIFIED choices
SOURCE_LOST = "REMARKETING_AUDIENCE_CHANGED"
"""Issue of the groups of a segment whose list is gone."""
CYCLE = "cycle"
NO_RELATIONS = "required"


def shown(segment: Document) -> View:
    return {
        "id": segment["id"],
        "name": segment["name"],
        "pass_condition": segment["pass_condition"],
        "created": segment["created"],
        "updated": segment["updated"],
    }


def find(call: Call) -> View:
    query = call.request.query_params
    wanted = call.ids("_id__in") if "_id__in" in query else call.ids("_id")
    start, name = query.get("_name__startswith", ""), query.get("_name")
    found = [
        shown(one)
        for one in call.mine("segment")
        if (wanted is None or one["id"] in wanted)
        and (name is None or one["name"] == name)
        and one["name"].startswith(start)
    ]
    return call.page(found, most=MOST_PER_PAGE)


def create(call: Call, body: Document) -> View:
    if len(call.mine("segment")) >= MOST_SEGMENTS:
        raise refusal(400, "segment_limit_exceeded", f"at most {MOST_SEGMENTS} segments")
    name, wishes = body.get("name"), body.get("relations")
    if not isinstance(name, str) or not name:
        raise invalid(name="required")
    if not isinstance(wishes, list) or not wishes:
        raise invalid(relations=NO_RELATIONS)
    number = call.store.next_id("segment", first=FIRST_ID)
    now = text_of(call.now)
    segment: Document = {
        "id": number,
        "owner": call.login,
        "name": name,
        "created": now,
        "updated": now,
        "relations": [],
        "pass_condition": 1,
    }
    for wish in wishes:
        segment["relations"].append(relation(call, segment, wish))
    segment["pass_condition"] = condition(body.get("pass_condition"), segment)
    call.store.put("segment", number, segment)
    return shown(segment)


def condition(value: Any, segment: Document) -> int:
    """1 is OR, as many as there are relations is AND."""
    if isinstance(value, bool) or not str(value).isdigit():
        raise invalid(pass_condition=WRONG_CONDITION)
    if not 1 <= int(value) <= len(segment["relations"]):
        raise invalid(pass_condition=WRONG_CONDITION)
    return int(value)


def relation(call: Call, segment: Document, wish: Any) -> Document:
    """One checked relation; raises Refused for what is not there, twice, or in a circle."""
    if not isinstance(wish, dict) or wish.get("object_type") not in OBJECT_TYPES:
        raise invalid(object_type="unallowed_value")
    params = wish.get("params") or {}
    kind = wish["object_type"]
    source: Any = wish.get("object_id") if kind == SEGMENT else params.get("source_id")
    if params.get("type", "positive") not in ("positive", "negative"):
        raise invalid(params="unallowed_value")
    if not known(call, kind, source):
        raise invalid(source_id="unknown_source")
    same = [(one["object_type"], one["source"]) for one in segment["relations"]]
    if (kind, int(source)) in same:
        raise invalid(relations="relation_exists")
    if kind == SEGMENT and reaches(call.store, int(source), segment["id"]):
        raise invalid(relations=CYCLE)
    return {
        "id": call.store.next_id("relation", first=9_001),
        "object_type": kind,
        "source": int(source),
        "type": params.get("type", "positive"),
        "reach": params.get("reach"),
    }


def known(call: Call, kind: str, source: Any) -> bool:
    if isinstance(source, bool) or not str(source).isdigit():
        return False
    stored = {USERS_LIST: "list", LOOKALIKE: "lookalike", SEGMENT: "segment"}.get(kind)
    found = call.store.get(stored, int(source)) if stored else None
    return found is not None and found["owner"] == call.login and not found.get("base")


def reaches(store: Store, start: int, goal: int) -> bool:
    """Whether the segment `start` is or contains `goal`."""
    segment = store.get("segment", start)
    inner = [
        r["source"] for r in (segment or {}).get("relations", []) if r["object_type"] == SEGMENT
    ]
    return start == goal or any(reaches(store, one, goal) for one in inner)


def update(call: Call, number: int, body: Document) -> View:
    segment = call.own("segment", number, "Segment")
    if "name" in body:
        segment["name"] = body["name"]
    if "pass_condition" in body:
        segment["pass_condition"] = condition(body["pass_condition"], segment)
        changed(call, number)
    segment["updated"] = text_of(call.now)
    call.store.put("segment", number, segment)
    return shown(segment)


def delete(call: Call, number: int) -> None:
    call.own("segment", number, "Segment")
    nested = any(
        (one["object_type"], one["source"]) == (SEGMENT, number)
        for other in call.store.all("segment")
        for one in other["relations"]
    )
    targeted = any(number in group["segments"] for group in call.store.all("group"))
    if nested or targeted:
        raise refusal(409, "in_use", "the segment is used in a campaign or in another segment")
    forget(call.store, number)


def forget(store: Store, number: int) -> bool:
    """Behind everybody's back; the groups that used it are told in `issues`."""
    if store.get("segment", number) is None:
        return False
    store.drop("segment", number)
    stop_groups(store, number, "SEGMENT_DELETED")
    return True


def changed(call: Call, number: int) -> None:
    stop_groups(call.store, number, "SEGMENT_CHANGED")


def lose_source(store: Store, number: int) -> None:
    """A list leaves behind everybody's back: the groups of its segments stop."""
    for segment in store.all("segment"):
        if any(
            (r["object_type"], r["source"]) == (USERS_LIST, number) for r in segment["relations"]
        ):
            stop_groups(store, segment["id"], SOURCE_LOST)


def has_failed(store: Store, number: int) -> bool:
    """Whether a segment names a look-alike of which nothing came."""
    segment = store.get("segment", number) or {"relations": []}
    grown = [one["source"] for one in segment["relations"] if one["object_type"] == LOOKALIKE]
    return any((store.get("lookalike", one) or {}).get("failed") for one in grown)


def stop_groups(store: Store, number: int, code: str) -> None:
    for group in store.all("group"):
        if number in group["segments"]:
            group["issues"] = [*group["issues"], issue(code)]
            group["delivery"] = "not_delivering"
            store.put("group", group["id"], group)


def issue(code: str) -> View:
    return {"code": code, "message": code.replace("_", " ").lower()}


# Relations


def relations(call: Call, number: int) -> View:
    segment = call.own("segment", number, "Segment")
    return {"items": [relation_shown(one) for one in segment["relations"]]}


def relation_shown(one: Document) -> View:
    return {"object_type": one["object_type"], "id": one["id"], "object_id": one["source"]}


def add_relations(call: Call, number: int, body: Document) -> View:
    segment = call.own("segment", number, "Segment")
    made = []
    for wish in body.get("items") or []:
        made.append(relation(call, segment, wish))
        segment["relations"].append(made[-1])
    if not made:
        raise invalid(items="required")
    call.store.put("segment", number, segment)
    changed(call, number)
    return {"items": [relation_shown(one) for one in made]}


def change_relation(call: Call, number: int, place: int, body: Document) -> None:
    segment, one = place_of(call, number, place)
    kind = (body.get("params") or {}).get("type")
    if kind not in ("positive", "negative"):
        raise invalid(params="unallowed_value")
    one["type"] = kind
    call.store.put("segment", number, segment)
    changed(call, number)


def drop_relations(call: Call, number: int, places: str) -> None:
    for place in places.split(","):
        segment, one = place_of(call, number, int(place) if place.isdigit() else 0)
        segment["relations"].remove(one)
        most = max(1, len(segment["relations"]))
        segment["pass_condition"] = min(segment["pass_condition"], most)
        call.store.put("segment", number, segment)
    changed(call, number)


def place_of(call: Call, number: int, place: int) -> tuple[Document, Document]:
    segment = call.own("segment", number, "Segment")
    for one in segment["relations"]:
        if one["id"] == place:
            return segment, one
    raise refusal(404, "not_found", "SegmentRelation not found", resource="SegmentRelation")


# People


def people(store: Store, number: int) -> Rows:
    """Digests that pass: of those in some positive source, with enough relations holding."""
    segment = store.get("segment", number)
    if segment is None:
        return np.empty(0, dtype=f"S{DIGEST}")
    sets = [(one["type"], source_people(store, one)) for one in segment["relations"]]
    some = [rows for kind, rows in sets if kind == "positive"]
    found = np.unique(np.concatenate(some)) if some else np.empty(0, dtype=f"S{DIGEST}")
    holding = np.zeros(len(found), dtype=int)
    for kind, rows in sets:
        inside = np.isin(found, rows)
        holding += inside if kind == "positive" else ~inside
    passed: Rows = found[holding >= segment["pass_condition"]]
    return passed


def source_people(store: Store, one: Document) -> Rows:
    if one["object_type"] == SEGMENT:
        return people(store, one["source"])
    if one["object_type"] == LOOKALIKE:
        return lists.invented(f"like {one['source']} ", min(int(one["reach"] or 0), 1000))
    return store.members(one["source"])


def seed(world: World) -> None:
    """A segment somebody made by hand."""
    segment: Document = {
        "id": FOREIGN_SEGMENT,
        "owner": LOGIN,
        "name": "made by hand",
        "pass_condition": 1,
        "created": text_of(world.now()),
        "updated": text_of(world.now()),
        "relations": [
            {
                "id": 9_000,
                "object_type": USERS_LIST,
                "source": lists.FOREIGN_LIST,
                "type": "positive",
                "reach": None,
            }
        ],
    }
    world.store(NAME).put("segment", FOREIGN_SEGMENT, segment)
