"""Users lists of the played VK Ads: base lists, differences, and how long they take.

A base list is stored with its people; a difference changes its base's people, and is a list object
of its own that shows in `history` of the base.
"""

import json

from connectors.sandbox import vk_files as files
from connectors.sandbox.frame import View
from connectors.sandbox.store import Document, Rows, Store
from connectors.sandbox.vk_call import NAME, Call, invalid, refusal, text_of
from connectors.sandbox.vk_files import BadFile, Lines
from connectors.sandbox.world import LOGIN, World

FIRST_ID = 28_001
FOREIGN_LIST, STRANGERS_LIST = 27_001, 27_002
SEEDED = 200
"""People in each of them: what is left after differences may be less than a new list needs."""
UNUSED_SECONDS = 60 * 86_400
GONE = "deleted_to_notify"
LADDER = ("receiving", "received", "mapping", "mapped", "writing", "ready")
MAPPED = LADDER.index("mapped")
NAME_LENGTH = 255

# UNVERIFIED choices
BUSY_BASE = "status_not_receiving"
"""A difference for a base that is not ready, or whose last difference is not."""
COUNTS_FOLLOW = True
"""Whether the counts of a base change with its differences."""


def status(world: World, one: Document) -> str:
    """Six steps of equal length, and the end of a list that no ad group has used for long."""
    if not one["base"] and unused(world, one):
        return GONE
    whole = world.settings.processing_seconds
    passed = world.now() - one["made_at"]
    step = len(LADDER) - 1 if passed >= whole else int(5 * passed / whole)
    return LADDER[max(0, step)]


def unused(world: World, one: Document) -> bool:
    """Whether neither a difference nor an ad group has touched the list for 60 days."""
    store = world.store(NAME)
    touched = max(diff["made_at"] for diff in [one, *diffs_of(store, one["id"])])
    if world.now() - touched <= UNUSED_SECONDS:
        return False
    inside = {
        segment["id"]
        for segment in store.all("segment")
        if one["id"] in [relation["source"] for relation in segment["relations"]]
    }
    return not any(inside & set(group["segments"]) for group in store.all("group"))


def shown(world: World, store: Store, one: Document) -> View:
    state = status(world, one)
    rows = store.members(one["id"])
    counted = LADDER.index(state) >= MAPPED if state in LADDER else True
    entries = len(rows) if COUNTS_FOLLOW and not one["base"] else one["entries"]
    history = [
        {
            "created": text_of(diff["made_at"]),
            "diff": diff["base"] // abs(diff["base"]) * diff["entries"],
            "status": status(world, diff),
        }
        for diff in diffs_of(store, one["id"])
    ]
    return {
        "id": one["id"],
        "name": one["name"],
        "type": one["type"],
        "status": state,
        "base": one["base"],
        "created": text_of(one["made_at"]),
        "updated": text_of(one["made_at"]),
        "entries_count": entries,
        "ids_count": entries if COUNTS_FOLLOW and not one["base"] else one["count"],
        "matched_ids_count": int(world.known(rows).sum()) if counted and len(rows) else 0,
        "has_history": bool(history),
        "history": history,
        "users": [],
        "users_count": 0,
        "can_create_portrait": state == "ready",
    }


def diffs_of(store: Store, number: int) -> list[Document]:
    return [one for one in store.all("list") if abs(one["base"]) == number]


def find(call: Call) -> list[View]:
    part = call.request.query_params.get("_q", "")
    if len(part) > NAME_LENGTH:
        raise invalid(_q="too_long")
    return [
        shown(call.world, call.store, one)
        for one in call.mine("list")
        if part.lower() in one["name"].lower()
    ]


def fields_of_v2(form: dict[str, str]) -> dict[str, str]:
    """The older form has its fields as JSON in one part named `data`; raises Refused."""
    if "data" not in form:
        raise invalid(data="required")
    try:
        given = json.loads(form["data"])
    except ValueError:
        raise refusal(400, "invalid_json") from None
    if not isinstance(given, dict):
        raise invalid(data="validation_failed")
    return {name: str(value) for name, value in given.items()}


def create(call: Call, form: dict[str, str], content: bytes | None, every_second: bool) -> View:
    """A new list, or a difference where `base` is given; raises Refused."""
    missing = [name for name in ("name", "type") if not form.get(name)]
    if content is None:
        missing.append("file")
    if missing:
        raise invalid(**dict.fromkeys(missing, "required"))
    if form["type"] not in files.TYPES:
        raise invalid(type="unallowed_value")
    if len(form["name"]) > NAME_LENGTH:
        raise invalid(name="too_long")
    base = base_of(call, form.get("base", ""), form["type"])
    lines = lines_of(content or b"", form["type"], base, every_second)
    number = call.store.next_id("list", first=FIRST_ID)
    made = {
        "id": number,
        "owner": call.login,
        "name": form["name"],
        "type": form["type"],
        "base": base,
        "made_at": call.now,
        "count": lines.count,
        "entries": len(lines.good),
    }
    call.store.put("list", number, made)
    verb = "remove" if base < 0 else "add"
    call.store.change_members(abs(base) or number, verb, lines.good)  # type: ignore[arg-type]
    answer = shown(call.world, call.store, made)
    return {**answer, "status": "receiving", "error": lines.faults or None}


def base_of(call: Call, text: str, kind: str) -> int:
    """0 for a base list; else the id of its base, negative to remove."""
    if text in ("", "0"):
        return 0
    number = int(text) if text.lstrip("-").isdigit() else 0
    base = call.store.get("list", abs(number))
    if base is None or status(call.world, base) == GONE:
        raise invalid(base=[{"code": "not_found", "message": "base list not found"}])
    if base["owner"] != call.login:
        fault = {"code": "access_denied", "message": "base list of another user"}
        raise refusal(403, "access_denied", fields={"base": [fault]})
    if base["base"]:
        raise invalid(base=[{"code": "unallowed_value", "message": "a diff of a diff"}])
    if base["type"] != kind:
        raise invalid(type=[{"code": "type_mismatch", "message": "not the type of the base"}])
    last = [base, *diffs_of(call.store, base["id"])][-1]
    if status(call.world, last) != "ready":
        raise invalid(base=[{"code": BUSY_BASE, "message": "the list is being processed"}])
    return number


def lines_of(content: bytes, kind: str, base: int, every_second: bool) -> Lines:
    if len(content) > files.MAX_BYTES:
        raise refusal(413, "file_too_large", "the file is larger than 128 MB")
    fewest = files.FEWEST_OF_DIFF if base else files.FEWEST
    try:
        return files.read(content, kind, fewest=fewest, every_second=every_second)
    except BadFile as bad:
        raise invalid(file=bad.faults) from None


def rename(call: Call, number: int, body: Document) -> None:
    one = call.own("list", number, "RemarketingUsersList")
    if not isinstance(body.get("name"), str) or not 0 < len(body["name"]) <= NAME_LENGTH:
        raise invalid(name="required")
    call.store.put("list", number, {**one, "name": body["name"]})


def delete(call: Call, number: int) -> None:
    call.own("list", number, "RemarketingUsersList")
    if used_by(call.store, number):
        raise refusal(409, "in_use", "the list is used in a segment or as a look-alike source")
    forget(call.store, number)


def used_by(store: Store, number: int) -> bool:
    relations = (r for segment in store.all("segment") for r in segment["relations"])
    named = any(
        (r["object_type"], r["source"]) == ("remarketing_users_list", number) for r in relations
    )
    return named or any(one["source_id"] == number for one in store.all("lookalike"))


def forget(store: Store, number: int) -> bool:
    if store.get("list", number) is None:
        return False
    for diff in diffs_of(store, number):
        store.drop("list", diff["id"])
    store.drop("list", number)
    store.drop_members(number)
    return True


def matched(world: World, store: Store, number: int) -> int:
    rows = store.members(number)
    return int(world.known(rows).sum()) if len(rows) else 0


def seed(world: World) -> None:
    """A list somebody made by hand, and one of another account."""
    store = world.store(NAME)
    for number, owner, name in (
        (FOREIGN_LIST, LOGIN, "made by hand"),
        (STRANGERS_LIST, "somebody else", "of another account"),
    ):
        people = invented(f"{name} ", SEEDED)
        store.change_members(number, "replace", people)
        store.put(
            "list",
            number,
            {
                "id": number,
                "owner": owner,
                "name": name,
                "type": "emails",
                "base": 0,
                "made_at": world.now() - world.settings.processing_seconds,
                "count": len(people),
                "entries": len(people),
            },
        )


def invented(name: str, count: int) -> Rows:
    return files.digests({f"{name}{n}" for n in range(count)})


def hexadecimal(rows: Rows) -> list[str]:
    """Numpy drops trailing zero bytes, which are put back."""
    return [bytes(one).ljust(files.MD5_BYTES, b"\0").hex() for one in rows]
