"""User lists of the played Google: one set of lists behind both of its APIs.

Source: Data Manager API v1 userLists, Google Ads API v26 userLists.
"""

from connectors.sandbox.frame import View
from connectors.sandbox.google_call import DIRECT, NAME, TEST, Violation, data_refusal
from connectors.sandbox.google_filter import passes
from connectors.sandbox.google_processing import catch_up, figures
from connectors.sandbox.google_shapes import camel
from connectors.sandbox.store import DIGEST, Document, Store, digests
from connectors.sandbox.world import World

DAY = 86_400
LONGEST = 540 * DAY
NETWORKS = ("displayNetwork", "searchNetwork", "youtube", "gmail")
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
