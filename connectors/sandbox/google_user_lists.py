"""User lists of the played Google Ads API: made, renamed, closed, removed, grown from seeds.

Source: google-ads 34.0.0 (v26), UserListErrorEnum.
"""

import re

from connectors.sandbox.google_call import Change, Failure, numbered
from connectors.sandbox.google_lists import FIRST_ID, LONGEST, contact_info, drop, put
from connectors.sandbox.google_lists import names_taken as taken
from connectors.sandbox.store import Document


def create_list(change: Change) -> str:
    body, store = change.body, change.store
    check_list(change, None)
    if not body.get("name"):
        raise Failure("userListError", "INVALID_NAME", path=("create", "name"))
    made: Document = {"displayName": body["name"], "description": body.get("description", "")}
    if "membershipLifeSpan" in body:
        made["membershipDuration"] = f"{int(body['membershipLifeSpan']) * 86_400}s"
    if likeness := body.get("lookalikeUserList"):
        check_likeness(change, likeness)
        made["lookalike"] = likeness
    elif crm := body.get("crmBasedUserList"):
        made["ingestedUserListInfo"] = ingested(crm)
    else:
        raise Failure("userListError", "CONCRETE_TYPE_REQUIRED", path=("create",))
    number = store.next_id("list", first=FIRST_ID)
    put(store, change.customer, number, made)
    return change.made(number)


def check_list(change: Change, but: int | None) -> None:
    verb = "create" if but is None else "update"
    if change.body.get("name") in taken(change.store, change.customer, but):
        raise Failure("userListError", "NAME_ALREADY_USED", path=(verb, "name"))
    if int(change.body.get("membershipLifeSpan", 0)) * 86_400 > LONGEST:
        raise Failure("rangeError", "TOO_HIGH", path=(verb, "membership_life_span"))


def ingested(crm: Document) -> Document:
    kind = crm.get("uploadKeyType", "CONTACT_INFO")
    if kind == "MOBILE_ADVERTISING_ID" and not crm.get("appId"):
        raise Failure("userListError", "APP_ID_NOT_SET", path=("create",))
    if kind != "MOBILE_ADVERTISING_ID" and crm.get("appId"):
        raise Failure("userListError", "APP_ID_NOT_ALLOWED", path=("create",))
    if kind == "CONTACT_INFO":
        return contact_info()
    return {"uploadKeyTypes": ["USER_ID" if kind == "CRM_ID" else "MOBILE_ID"]}


def check_likeness(change: Change, likeness: Document) -> None:
    seeds = [str(one) for one in likeness.get("seedUserListIds", [])]
    path = ("create", "lookalike_user_list")
    for seed_list in seeds or ["0"]:
        found = change.store.get("list", int(seed_list))
        if found is None or found["customer"] != change.customer:
            raise Failure("userListError", "SEED_LIST_DOES_NOT_EXIST", path=path)
        if found.get("lookalike"):
            raise Failure("userListError", "INVALID_SEED_LIST_TYPE", path=path)
    countries = likeness.get("countryCodes", [])
    if not countries or not all(re.fullmatch("[A-Z]{2}", one) for one in countries):
        raise Failure("userListError", "INVALID_COUNTRY_CODES", path=path)
    asked = (set(seeds), likeness.get("expansionLevel"), set(countries))
    for one in change.store.all("list"):
        if other := one.get("lookalike"):
            ids = {str(seed) for seed in other["seedUserListIds"]}
            if (ids, other.get("expansionLevel"), set(other["countryCodes"])) == asked:
                raise Failure("userListError", "DUPLICATE_LOOKALIKE", path=path)


def own_list(change: Change, name: object, verb: str) -> Document:
    number = numbered(name, change.customer, "userLists")
    found = None if number is None else change.store.get("list", number)
    if found is None or found["customer"] != change.customer:
        raise Failure("mutateError", "RESOURCE_NOT_FOUND", path=(verb,))
    return found


def update_list(change: Change, mask: list[str]) -> str:
    found = own_list(change, change.body.get("resourceName"), "update")
    check_list(change, int(found["id"]))
    new = dict(found)
    for path in mask:
        if path == "membershipLifeSpan":
            new["membershipDuration"] = f"{int(change.body.get(path, 0)) * 86_400}s"
        elif path in ("name", "description", "membershipStatus", "integrationCode"):
            new["displayName" if path == "name" else path] = change.body.get(path, "")
        else:
            raise Failure("requestError", "IMMUTABLE_FIELD", path=("update",))
    change.store.put("list", int(found["id"]), new)
    return change.made(found["id"])


def remove_list(change: Change, name: str) -> str:
    drop(change.store, int(own_list(change, name, "remove")["id"]))
    return name
