"""Customer lists of Microsoft Advertising: create, find, rename, delete, members.

Members change at once; what the platform recognised shows two days after a list was made.
"""

import hashlib
import re
from typing import Any

import numpy as np

from connectors.sandbox.frame import View
from connectors.sandbox.microsoft_call import (
    ACCOUNT,
    CUSTOMER,
    NAME,
    Call,
    ItemError,
    by_type,
    flag,
    long,
    one_of,
    partial_error,
    read_only,
    text,
    whole,
)
from connectors.sandbox.store import DIGEST, Document, Rows
from connectors.sandbox.world import World

FIRST_ID = 804_000_001
FOREIGN_LIST, FOREIGN_VISITORS = 800_000_001, 800_000_002
DAY = 86_400.0
SIZES_AFTER = 2 * DAY
MAX_AUDIENCES = 100
LISTS_OF_ACCOUNT = 1_000
"""Audiences of the remarketing kinds that an account can have."""
MAX_ITEMS = 1_000
NETWORK_SHARE = 0.75
"""People of the audience network against people of search: invented."""

# UNVERIFIED choices
RENAMES = True
"""Whether PUT takes a customer list: two pages disagree."""

TYPES = (
    *("RemarketingList", "Custom", "InMarket", "Product", "SimilarRemarketingList"),
    *("CombinedList", "CustomerList", "ImpressionBasedRemarketingList", "CustomSegment"),
    "AIPrompt",
)
CUSTOMER_LIST = {
    "Id": long,
    "Name": text,
    "Description": text,
    "MembershipDuration": whole,
    "ParentId": long,
    "Scope": one_of("Account", "Customer"),
    "SearchSize": read_only,
    "AudienceNetworkSize": read_only,
    "SupportedCampaignTypes": read_only,
    "CustomerShare": read_only,
    "ForwardCompatibilityMap": read_only,
}
AUDIENCES = {"Audiences": [by_type(CustomerList=CUSTOMER_LIST)]}
QUERY = {"Type!": one_of(*TYPES), "AudienceIds": [long], "ReturnAdditionalFields": read_only}
DELETE = {"AudienceIds!": [long]}
APPLY = {
    "CustomerListUserData!": {
        "AudienceId!": long,
        "ActionType!": one_of("None", "Add", "Remove", "Replace"),
        "CustomerListItemSubType!": one_of("Email", "CRM", "Phone"),
        "CustomerListItems!": [text],
        "AcceptCustomerMatchTerm": flag,
    }
}


def add(call: Call) -> Document:
    wishes = call.body.get("Audiences") or []
    check_count(call, wishes)
    return {"AudienceIds": call.each(wishes, lambda wish: make(call, wish))} | partial(call)


def partial(call: Call) -> Document:
    return {"PartialErrors": call.errors}


def check_count(call: Call, wishes: list[Document]) -> None:
    if not wishes:
        raise call.refusal("AudiencesArrayShouldNotBeNullOrEmpty", "Audiences is empty.")
    if len(wishes) > MAX_AUDIENCES:
        raise call.refusal("AudiencesArrayExceedsLimit", "At most 100 audiences per call.")


def make(call: Call, wish: Document) -> str:
    if wish.get("Id") is not None:
        raise ItemError("AudienceIdIsNotNull", "Id must be absent.")
    if len(call.store.all("audience")) >= LISTS_OF_ACCOUNT:
        raise ItemError("AudienceLimitOfAccountReached", "The account has 1000 audiences.")
    check_name(call, wish.get("Name"), besides=0)
    check_text_and_days(wish)
    check_place(call, wish)
    number = call.store.next_id("audience", first=FIRST_ID)
    made: Document = {
        "id": number,
        "type": "CustomerList",
        "name": wish["Name"],
        "description": wish.get("Description") or "",
        "duration": 30 if wish.get("MembershipDuration") is None else wish["MembershipDuration"],
        "scope": wish["Scope"],
        "parent": int(wish["ParentId"]),
        "sizes_at": call.world.now() + SIZES_AFTER,
    }
    call.store.put("audience", number, made)
    return str(number)


def check_name(call: Call, name: str | None, *, besides: int) -> None:
    if not name or len(name) > 128:
        raise ItemError("InvalidAudienceName", "Name has 1 to 128 characters.")
    others = [one for one in call.store.all("audience") if one["id"] != besides]
    if name.casefold() in {one["name"].casefold() for one in others}:
        raise ItemError("DuplicateAudienceName", "There is an audience of this name.")


def check_text_and_days(wish: Document) -> None:
    if len(wish.get("Description") or "") > 1024:
        raise ItemError("InvalidAudienceDescription", "Description has at most 1024 characters.")
    days = wish.get("MembershipDuration")
    if days is not None and days != -1 and not 1 <= days <= 390:
        raise ItemError("InvalidAudienceMembershipDuration", "MembershipDuration is 1 to 390, -1.")


def check_place(call: Call, wish: Document) -> None:
    if wish.get("Scope") is None:
        raise ItemError("InvalidAudienceScope", "Scope is needed.")
    if wish.get("ParentId") is None:
        raise ItemError("InvalidAudienceParentId", "ParentId is needed.")
    expected = call.account if wish["Scope"] == "Account" else call.customer
    if int(wish["ParentId"]) != expected:
        raise ItemError("AudienceParentIdDoesNotMatchScope", "ParentId is not that of the scope.")


def query(call: Call) -> Document:
    kind, asked = call.body["Type"], call.body.get("AudienceIds")
    if asked is not None and len(asked) > MAX_AUDIENCES:
        raise call.refusal("AudienceIdsArrayExceedsLimit", "At most 100 ids per call.")
    if asked is None:
        mine = [one for one in call.store.all("audience") if one["type"] == kind]
        return {"Audiences": [shown(call.world, one) for one in mine], "PartialErrors": []}
    found = call.each(asked, lambda number: shown(call.world, find(call, number, kind)))
    return {"Audiences": found} | partial(call)


def find(call: Call, number: str, kind: str | None = None) -> Document:
    """An audience of this account; raises ItemError 4835."""
    found = call.store.get("audience", int(number))
    if found is None or (kind is not None and found["type"] != kind):
        raise ItemError("InvalidAudienceId", "There is no such audience.")
    return found


def shown(world: World, one: Document) -> Document:
    search, network = sizes(world, one)
    return {
        "Type": one["type"],
        "Id": str(one["id"]),
        "Name": one["name"],
        "Description": one["description"],
        "MembershipDuration": one["duration"],
        "ParentId": str(one["parent"]),
        "Scope": one["scope"],
        "SearchSize": None if search is None else str(search),
        "AudienceNetworkSize": None if network is None else str(network),
        "SupportedCampaignTypes": ["Audience", "DynamicSearchAds", "Search", "Shopping"],
        "CustomerShare": None,
    }


def sizes(world: World, one: Document) -> tuple[int | None, int | None]:
    """People recognised in search and in the audience network; None for the first two days."""
    if world.now() < one["sizes_at"]:
        return None, None
    search = int(world.known(world.store(NAME).members(one["id"])).sum())
    return search, int(search * NETWORK_SHARE)


def update(call: Call) -> Document:
    wishes = call.body.get("Audiences") or []
    check_count(call, wishes)
    call.each(wishes, lambda wish: change(call, wish))
    return partial(call)


def change(call: Call, wish: Document) -> None:
    if wish.get("Id") is None or not RENAMES:
        raise ItemError("InvalidAudienceId", "The audience cannot be updated.")
    one = find(call, wish["Id"])
    if wish.get("Scope") not in (None, one["scope"]):
        raise ItemError("AudienceScopeCannotBeUpdated", "Scope is read-only.")
    check_text_and_days(wish)
    if wish.get("Name") is not None:
        check_name(call, wish["Name"], besides=one["id"])
        one["name"] = wish["Name"]
    one["description"] = wish.get("Description") or one["description"]
    if wish.get("MembershipDuration") not in (None, one["duration"]):
        one["duration"] = wish["MembershipDuration"]
        one["sizes_at"] = call.world.now() + SIZES_AFTER
    call.store.put("audience", one["id"], one)


def delete(call: Call) -> Document:
    asked = call.body["AudienceIds"]
    if len(asked) > MAX_AUDIENCES:
        raise call.refusal("AudienceIdsArrayExceedsLimit", "At most 100 ids per call.")

    def work(number: str) -> None:
        one = find(call, number)
        if any(c["audience"] == one["id"] for c in call.store.all("criterion")):
            raise ItemError(
                "AudienceCannotBeDeletedDueToExistingAdGroupCriterion", "It is attached."
            )
        drop(call.world, one["id"])

    call.each(asked, work)
    return partial(call)


def drop(world: World, number: int) -> None:
    world.store(NAME).drop("audience", number)
    world.store(NAME).drop_members(number)


# Members


def apply(call: Call) -> Document:
    wish = call.body["CustomerListUserData"]
    items = wish["CustomerListItems"]
    if len(items) > MAX_ITEMS:
        raise call.refusal("CampaignServiceArrayExceedsLimit", "At most 1000 items per call.")
    try:
        one = list_for(call, wish)
    except ItemError as error:
        # UNVERIFIED: that what is wrong with the whole call is told of its first item.
        return {"PartialErrors": [partial_error(error, 0)]}
    good = [digest for digest in call.each(items, hashed) if digest is not None]
    verb = {"Add": "add", "Remove": "remove", "Replace": "replace"}[wish["ActionType"]]
    rows = np.unique(np.array(good, dtype=f"S{DIGEST}"))
    call.store.change_members(one["id"], verb, rows)  # type: ignore[arg-type]
    return partial(call)


def list_for(call: Call, wish: Document) -> Document:
    """The list that a change is for; raises ItemError for what is wrong with the whole call."""
    accepted = wish.get("AcceptCustomerMatchTerm")
    if accepted is False or (accepted is None and call.store.get("terms", 1) is None):
        raise ItemError("CustomerListTermsAndConditionsNotAccepted", "Accept the terms first.")
    if wish["ActionType"] == "None":
        raise ItemError("InvalidCustomerListActionType", "Action is Add, Replace or Delete.")
    if wish["CustomerListItemSubType"] != "Email":
        raise ItemError("CustomerListItemSubTypeNotSupported", "Only Email is supported.")
    one = call.store.get("audience", int(wish["AudienceId"]))
    if one is None or one["type"] != "CustomerList":
        raise ItemError("InvalidCustomerListId", "There is no such customer list.")
    return one


def hashed(item: str) -> bytes:
    if re.fullmatch("[0-9a-f]{64}", item) is None:
        raise ItemError("EmailMustBeHashed", "The item is not a SHA-256 in lower-case hex.")
    return bytes.fromhex(item)


# What is there from the start, and the control door


def seed(world: World) -> None:
    """A list and site visitors, both made by hand: nobody's business but their owner's."""
    store = world.store(NAME)
    found = [hashlib.sha256(f"made by hand {n}".encode()).digest() for n in range(400)]
    store.change_members(FOREIGN_LIST, "replace", np.unique(np.array(found, dtype=f"S{DIGEST}")))
    for number, kind, name in (
        (FOREIGN_LIST, "CustomerList", "made by hand"),
        (FOREIGN_VISITORS, "RemarketingList", "site visitors"),
    ):
        one: Document = {
            "id": number,
            "type": kind,
            "name": name,
            "description": "",
            "duration": 390,
            "scope": "Account" if kind == "CustomerList" else "Customer",
            "parent": ACCOUNT if kind == "CustomerList" else CUSTOMER,
            "sizes_at": world.now() - DAY,
        }
        store.put("audience", number, one)


def lists(world: World) -> list[View]:
    store = world.store(NAME)
    return [
        {
            **{key: one[key] for key in ("id", "name", "type", "duration", "scope")},
            "member_count": len(store.members(one["id"])),
            "search_size": sizes(world, one)[0],
        }
        for one in store.all("audience")
    ]


def members(world: World, found: View, most: int | None = None) -> list[str]:
    """Digests as hex; numpy drops trailing zero bytes, which are put back."""
    rows: Rows = world.store(NAME).members(found["id"])
    return [bytes(one).ljust(DIGEST, b"\0").hex() for one in rows[:most]]


def forget(world: World, number: int) -> bool:
    """Deletes a list with what names it, as somebody in the web interface would."""
    store = world.store(NAME)
    if store.get("audience", number) is None:
        return False
    for criterion in store.all("criterion"):
        if criterion["audience"] == number:
            store.drop("criterion", criterion["id"])
    drop(world, number)
    return True


OPERATIONS: dict[tuple[str, str], tuple[Any, Any]] = {
    ("POST", "Audiences"): (AUDIENCES, add),
    ("PUT", "Audiences"): (AUDIENCES, update),
    ("DELETE", "Audiences"): (DELETE, delete),
    ("POST", "Audiences/QueryByIds"): (QUERY, query),
    ("POST", "CustomerListUserData/Apply"): (APPLY, apply),
}
