"""User lists of the played Google: one set of lists behind both of its APIs.

Source: Data Manager API v1 userLists, Google Ads API v26 userLists.
"""

import re
from typing import Any

import numpy as np

from connectors.sandbox.frame import View
from connectors.sandbox.google_call import DIRECT, NAME, TEST, Violation, data_refusal
from connectors.sandbox.google_shapes import camel, snake
from connectors.sandbox.store import DIGEST, Document, Rows, Store, digests, without
from connectors.sandbox.world import World

DAY = 86_400
LONGEST = 540 * DAY
PAGE, LARGEST_PAGE = 50, 1000
FIRST_ID, FOREIGN_LIST = 7_000_000_101, 7_000_000_001
SHOWN = (
    "name",
    "id",
    "readOnly",
    "displayName",
    "description",
    "membershipStatus",
    "integrationCode",
    "membershipDuration",
    "accessReason",
    "accountAccessStatus",
    "sizeInfo",
    "ingestedUserListInfo",
)
CHANGEABLE = (
    "displayName",
    "description",
    "integrationCode",
    "membershipStatus",
    "membershipDuration",
    "accountAccessStatus",
)
FILTERED = (
    "id",
    "display_name",
    "description",
    "membership_status",
    "integration_code",
    "access_reason",
    "ingested_user_list_info.upload_key_types",
)


def seed(world: World) -> None:
    """A list somebody made by hand, which nobody may touch."""
    store = world.store(NAME)
    if store.get("list", FOREIGN_LIST) is None:
        body: Document = {"displayName": "made by hand", "description": "foreign"}
        put(store, DIRECT, FOREIGN_LIST, {**body, "ingestedUserListInfo": contact_info()})


def contact_info() -> Document:
    return {
        "uploadKeyTypes": ["CONTACT_ID"],
        "contactIdInfo": {"dataSourceType": "DATA_SOURCE_TYPE_FIRST_PARTY"},
    }


def put(store: Store, customer: int, number: int, body: Document) -> Document:
    """Keep a new list."""
    kept = {
        "membershipStatus": "OPEN",
        "membershipDuration": f"{LONGEST}s",
        **body,
        "name": f"accountTypes/GOOGLE_ADS/accounts/{customer}/userLists/{number}",
        "id": str(number),
        "accessReason": "OWNED",
        "accountAccessStatus": "ENABLED",
        "customer": customer,
        **({"membershipStatus": "CLOSED"} if customer == TEST else {}),
        "pending": [],
        "oldest": None,
        "counted": False,
    }
    store.put("list", number, kept)
    return kept


def names_taken(store: Store, customer: int, but: int | None = None) -> set[str]:
    return {
        str(one["displayName"])
        for one in store.all("list")
        if one["customer"] == customer and int(one["id"]) != but
    }


# Members: what was received becomes the list's when the clock has run


def catch_up(world: World, found: Document) -> Document:
    """The list with everything that has been processed by now, and nobody whose time is over."""
    store, left = world.store(NAME), []
    for number in found["pending"]:
        asked = store.get("request", number)
        if asked is None or asked["ready_at"] > world.now():
            left.append(number)
        elif not asked["fails"]:
            apply(store, found, asked)
    over = world.now() - float(str(found["membershipDuration"]).removesuffix("s"))
    oldest = found["oldest"]
    if oldest is not None and oldest < over:
        apply(store, found, {"verb": "removeAll", "as_of": over})
        oldest = min(ingested_at(store, found, over), default=None)
    if (left, oldest) != (found["pending"], found["oldest"]):
        counted = found["counted"] or left != found["pending"]
        found = {**found, "pending": left, "oldest": oldest, "counted": counted}
        store.put("list", int(found["id"]), found)
    return found


def ingested_at(store: Store, found: Document, since: float) -> list[float]:
    """Moments at which somebody was sent to the list."""
    return [
        float(asked["received_at"])
        for asked in store.all("request")
        if asked["verb"] == "ingest"
        and int(found["id"]) in asked["lists"]
        and asked["received_at"] >= since
    ]


def apply(store: Store, found: Document, asked: Document) -> None:
    number = int(found["id"])
    if asked["verb"] == "removeAll":
        kept = added_since(store, found, asked["as_of"])
        present = store.members(number)
        store.change_members(number, "replace", without(present, without(digests(present), kept)))
    elif asked["verb"] == "remove":
        store.change_members(number, "remove", digests(store.members(-asked["number"])))
    else:
        store.change_members(number, "add", store.members(-asked["number"]))


def added_since(store: Store, found: Document, moment: float) -> Rows:
    """Digests that were sent to the list at or after a moment."""
    sent = [
        digests(store.members(-asked["number"]))
        for asked in store.all("request")
        if asked["verb"] == "ingest"
        and int(found["id"]) in asked["lists"]
        and asked["received_at"] >= moment
    ]
    return np.unique(np.concatenate([np.empty(0, dtype=f"S{DIGEST}"), *sent]))


def figures(world: World, found: Document) -> tuple[int, int]:
    """People in a list, and those Google knows by any of their identifiers."""
    rows = world.store(NAME).members(int(found["id"]))
    if not len(rows):
        return 0, 0
    known = world.known(rows.view(f"S{DIGEST}")).reshape(len(rows), -1)
    return len(rows), int(known.any(axis=1).sum())


def shown(world: World, found: Document) -> View:
    """A list as the Data Manager shows it; zeroes are left out, as protobuf JSON does."""
    found = catch_up(world, found)
    view = {name: found[name] for name in SHOWN if found.get(name)}
    if found["counted"]:
        people, matched = figures(world, found)
        counts = [f"{network}MembersCount" for network in NETWORKS] if matched else []
        view["sizeInfo"] = {name: str(matched) for name in counts}
        info = dict(found.get("ingestedUserListInfo") or {})
        if matched and "contactIdInfo" in info:
            percent = 100 * matched // people
            info["contactIdInfo"] = {**info["contactIdInfo"], "matchRatePercentage": percent}
            view["ingestedUserListInfo"] = info
    return view


NETWORKS = ("displayNetwork", "searchNetwork", "youtube", "gmail")


# The Data Manager's requests


def own(world: World, customer: int, number: int) -> Document:
    found = world.store(NAME).get("list", number)
    if found is None or found["customer"] != customer:
        raise data_refusal(404, "NOT_FOUND")
    return found


def check(store: Store, customer: int, body: Document, but: int | None = None) -> list[Violation]:
    wrong = []
    if body.get("displayName") in names_taken(store, customer, but):
        wrong.append(Violation("user_list.display_name", "DISPLAY_NAME_ALREADY_USED"))
    seconds = str(body.get("membershipDuration", "0s")).removesuffix("s")
    if float(seconds) % DAY:
        wrong.append(Violation("user_list.membership_duration", "INVALID_ARGUMENT"))
    if float(seconds) > LONGEST:
        wrong.append(Violation("user_list.membership_duration", "MEMBERSHIP_DURATION_TOO_LONG"))
    return wrong


def create(world: World, customer: int, body: Document, *, dry: bool) -> View:
    store = world.store(NAME)
    wrong = check(store, customer, body)
    if not body.get("displayName"):
        wrong.append(Violation("user_list.display_name", "REQUIRED_FIELD_MISSING"))
    info = body.get("ingestedUserListInfo")
    keys = (info or {}).get("uploadKeyTypes", [])
    if info is None:
        wrong.append(Violation("user_list.ingested_user_list_info", "REQUIRED_FIELD_MISSING"))
    elif len(keys) != 1:
        place = "user_list.ingested_user_list_info.upload_key_types"
        wrong.append(Violation(place, "UNSUPPORTED_USER_LIST_UPLOAD_KEY_TYPES"))
    elif keys == ["MOBILE_ID"] and not (info.get("mobileIdInfo") or {}).get("appId"):
        place = "user_list.ingested_user_list_info.mobile_id_info.app_id"
        wrong.append(Violation(place, "REQUIRED_FIELD_MISSING"))
    if wrong:
        raise data_refusal(400, "INVALID_ARGUMENT", *wrong)
    made = {name: value for name, value in body.items() if name not in ("name", "id")}
    if dry:
        return made
    return shown(world, put(store, customer, store.next_id("list", first=FIRST_ID), made))


def change(
    world: World, customer: int, number: int, mask: str, body: Document, *, dry: bool
) -> View:
    found = own(world, customer, number)
    paths = [camel(path) for path in mask.split(",") if path] or [
        name for name in body if name not in ("name", "id")
    ]
    for path in paths:
        if path.startswith("ingestedUserListInfo"):
            place = Violation("user_list.ingested_user_list_info", "IMMUTABLE_FIELD_FOR_UPDATE")
            raise data_refusal(400, "INVALID_ARGUMENT", place)
        if path not in CHANGEABLE:
            raise data_refusal(
                400, "INVALID_ARGUMENT", Violation("update_mask", "INVALID_UPDATE_MASK")
            )
    new = {**found, **{path: body.get(path, "") for path in paths}}
    if wrong := check(world.store(NAME), customer, new, number):
        raise data_refusal(400, "INVALID_ARGUMENT", *wrong)
    if not dry:
        world.store(NAME).put("list", number, new)
    return shown(world, new)


def delete(world: World, customer: int, number: int, *, dry: bool) -> View:
    own(world, customer, number)
    if not dry:
        drop(world.store(NAME), number)
    return {}


def drop(store: Store, number: int) -> None:
    """The list, its members and the criteria that name it are gone."""
    store.drop("list", number)
    store.drop_members(number)
    for kind in ("campaignCriteria", "adGroupCriteria"):
        for criterion in store.all(kind):
            if criterion["list"] == number:
                store.drop(kind, criterion["criterion"])


def page(world: World, customer: int, query: dict[str, str]) -> View:
    size = min(int(query.get("pageSize") or PAGE) or PAGE, LARGEST_PAGE)
    start = query.get("pageToken") or "0"
    if not start.isdigit():
        raise data_refusal(400, "INVALID_ARGUMENT", Violation("page_token", "INVALID_PAGE_TOKEN"))
    fits = [
        view
        for view in (
            shown(world, one)
            for one in world.store(NAME).all("list")
            if one["customer"] == customer
        )
        if passes(view, query.get("filter", ""))
    ]
    end = int(start) + size
    more = {"nextPageToken": str(end)} if end < len(fits) else {}
    found = fits[int(start) : end]
    return {**({"userLists": found} if found else {}), **more}


TERM = re.compile(
    r'\s*([\w.]+)\s*(=|!=|>=|<=|>|<|:)\s*("(?:[^"\\]|\\.)*"|\S+)\s*'
    r'|\s*IN\(\s*([\w.]+)\s*((?:,\s*(?:"(?:[^"\\]|\\.)*"|[^\s,)]+)\s*)+)\)\s*'
)
VALUE = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,)]+')


def passes(view: View, condition: str) -> bool:
    """Whether a list fits an AIP-160 filter of the documented fields."""
    if not condition.strip():
        return True
    place, result, spellings = 0, True, set()
    while True:
        term = TERM.match(condition, place)
        if term is None:
            raise bad_filter()
        field = term[1] or term[4]
        spellings |= {"snake"} if "_" in field else set()
        spellings |= {"camel"} if snake(field) != field else set()
        if snake(field) not in FILTERED or len(spellings) > 1:
            raise bad_filter()
        values = [unquoted(one) for one in VALUE.findall(term[3] or term[5])]
        result = result and compared(values_at(view, snake(field)), term[2] or "IN", values)
        place = term.end()
        if place == len(condition):
            return result
        if not condition.startswith("AND ", place):
            raise bad_filter()
        place += 4


def bad_filter() -> Exception:
    return data_refusal(400, "INVALID_ARGUMENT", Violation("filter", "INVALID_FILTER"))


def unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def values_at(view: View, path: str) -> list[str]:
    value: Any = view
    for part in path.split("."):
        value = (value or {}).get(camel(part))
    return [str(one) for one in value] if isinstance(value, list) else [str(value or "")]


def compared(present: list[str], operator: str, values: list[str]) -> bool:
    if operator in ("=", "IN"):
        return any(one in values for one in present)
    if operator == "!=":
        return all(one not in values for one in present)
    if operator == ":":
        return any(values[0].lower() in one.lower() for one in present)
    here, there = (int(text) if text.isdigit() else -1 for text in (present[0], values[0]))
    return {">": here > there, ">=": here >= there, "<": here < there, "<=": here <= there}[
        operator
    ]


# What the control door shows


def lists(world: World) -> list[View]:
    store = world.store(NAME)
    return [
        {
            **shown(world, found),
            "name": found["displayName"],
            "member_count": len(store.members(int(found["id"]))),
        }
        for found in store.all("list")
    ]


def members(world: World, found: View, most: int | None = None) -> list[str]:
    """Digests as hex; numpy drops trailing zero bytes, which are put back."""
    rows = world.store(NAME).members(int(found["id"]))
    some = digests(rows if most is None else rows[:most])
    return [bytes(one).ljust(DIGEST, b"\0").hex() for one in some][:most]


def forget(world: World, number: int) -> bool:
    store = world.store(NAME)
    if store.get("list", number) is None:
        return False
    drop(store, number)
    return True
