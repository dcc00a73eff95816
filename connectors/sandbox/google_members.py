"""Adding and removing members in the played Data Manager: checks first, processing later.

Any violation refuses the whole request; what became of one that was received is google_outcomes.
Source: Data Manager API v1, audienceMembers.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

import numpy as np

from connectors.sandbox.frame import View
from connectors.sandbox.google_call import NAME, Violation, data_refusal, reachable
from connectors.sandbox.google_shapes import KINDS, moment
from connectors.sandbox.store import DIGEST, Document, Rows, Store
from connectors.sandbox.world import World

MAX_MEMBERS, MAX_IDENTIFIERS, MAX_DESTINATIONS = 10_000, 10, 10
KEY_TYPE = {
    "compositeData": "CONTACT_ID",
    "userData": "CONTACT_ID",
    "mobileData": "MOBILE_ID",
    "userIdData": "USER_ID",
}

# UNVERIFIED choices
NO_SUCH_LIST, CLOSED_LIST = "INVALID_USER_LIST_ID", "INVALID_DESTINATION"
MISSING_CONSENT = "PROCESSING_ERROR_REASON_NO_CONSENT"
"""Played everywhere; Google's rule depends on where the person lives."""
CONSENT_REASON = {
    "CONSENT_DENIED": "PROCESSING_ERROR_REASON_DENIED_CONSENT",
    "CONSENT_STATUS_UNSPECIFIED": "PROCESSING_ERROR_REASON_UNKNOWN_CONSENT",
}


# Checks


def destination_faults(world: World, login: str, body: Document) -> Iterator[Violation]:
    """Wrong destinations; raises Refused for an account this login may not use."""
    store, given = world.store(NAME), body.get("destinations", [])
    if not given:
        yield Violation("destinations", "REQUIRED_FIELD_MISSING")
    if len(given) > MAX_DESTINATIONS:
        yield Violation("destinations", "TOO_MANY_DESTINATIONS")
    names = [one["reference"] for one in given if one.get("reference")]
    if len(set(names)) < len(names):
        yield Violation("destinations", "DUPLICATE_DESTINATION_REFERENCE")
    kind = next(iter(kinds(body)), None)
    for place, one in enumerate(given):
        where = f"destinations[{place}]"
        wrong = list(account_faults(where, one))
        yield from wrong
        if not wrong:
            yield from list_faults(store, login, where, one, kind)


def account_faults(where: str, one: Document) -> Iterator[Violation]:
    for name, label in (
        ("operatingAccount", "operating_account"),
        ("loginAccount", "login_account"),
    ):
        account = one.get(name)
        if account is None:
            if name == "operatingAccount":
                yield Violation(f"{where}.{label}", "REQUIRED_FIELD_MISSING")
            continue
        if not str(account.get("accountId", "")).isdigit():
            yield Violation(f"{where}.{label}.account_id", "INVALID_NUMBER_FORMAT")
        if account.get("accountType") != "GOOGLE_ADS":
            yield Violation(f"{where}.{label}", "DESTINATION_ACCOUNT_TYPE_MISMATCH")
    if not str(one.get("productDestinationId", "")).isdigit():
        yield Violation(f"{where}.product_destination_id", "INVALID_NUMBER_FORMAT")


def list_faults(
    store: Store, login: str, where: str, one: Document, kind: str | None
) -> Iterator[Violation]:
    customer = one["operatingAccount"]["accountId"]
    through = (one.get("loginAccount") or {}).get("accountId")
    if not reachable(store, login, customer, through):
        place = f"{where}.{'login' if through else 'operating'}_account.account_id"
        raise data_refusal(403, "PERMISSION_DENIED", Violation(place, "PERMISSION_DENIED"))
    found = store.get("list", int(one["productDestinationId"]))
    place = f"{where}.product_destination_id"
    if found is None or str(found["customer"]) != customer:
        yield Violation(place, NO_SUCH_LIST)
        return
    keys = (found.get("ingestedUserListInfo") or {}).get("uploadKeyTypes", [])
    if found["membershipStatus"] != "OPEN":
        yield Violation(place, CLOSED_LIST)
    elif not keys or (kind is not None and KEY_TYPE[kind] not in keys):
        yield Violation(place, "INVALID_USER_LIST_TYPE")


def kinds(body: Document) -> list[str]:
    """Kinds of data the members carry, each once."""
    given = [kind for one in body.get("audienceMembers", []) for kind in KINDS if kind in one]
    return list(dict.fromkeys(given))


def member_faults(body: Document, *, adding: bool) -> Iterator[Violation]:
    members, present = body.get("audienceMembers", []), kinds(body)
    hashed = any("userData" in one or "userData" in one.get("compositeData", {}) for one in members)
    if not members:
        yield Violation("audience_members", "REQUIRED_FIELD_MISSING")
    if len(members) > MAX_MEMBERS:
        yield Violation("audience_members", "TOO_MANY_AUDIENCE_MEMBERS")
        return
    if len(present) > 1:
        yield Violation("audience_members", "MULTIPLE_DATA_TYPES_NOT_ALLOWED")
    if hashed and body.get("encoding") not in ("HEX", "BASE64"):
        yield Violation("encoding", "REQUIRED_FIELD_MISSING")
        return
    accepted = (body.get("termsOfService") or {}).get("customerMatchTermsOfServiceStatus")
    if adding and (hashed or "mobileData" in present) and accepted != "ACCEPTED":
        yield Violation("terms_of_service", "TERMS_AND_CONDITIONS_NOT_SIGNED")
    names = {one.get("reference") for one in body.get("destinations", [])}
    for place, one in enumerate(members):
        where = f"audience_members[{place}]"
        if not set(one.get("destinationReferences", [])) <= names:
            yield Violation(f"{where}.destination_references", "INVALID_DESTINATION")
        yield from data_faults(where, one, str(body.get("encoding")))


def data_faults(where: str, one: Document, encoding: str) -> Iterator[Violation]:
    kind = next((kind for kind in KINDS if kind in one), None)
    if kind is None:
        yield Violation(where, "INVALID_AUDIENCE_MEMBER")
    elif kind == "mobileData":
        some = one[kind].get("mobileIds", [])
        if not some:
            yield Violation(f"{where}.mobile_data", "NO_IDENTIFIERS_PROVIDED")
        if len(some) > MAX_IDENTIFIERS:
            yield Violation(f"{where}.mobile_data.mobile_ids", "TOO_MANY_ELEMENTS")
        for place, text in enumerate(some):
            if not re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", text):
                inner = f"{where}.mobile_data.mobile_ids[{place}]"
                yield Violation(inner, "INVALID_MOBILE_ID_FORMAT")
    elif kind == "userIdData":
        if not one[kind].get("userId"):
            yield Violation(f"{where}.user_id_data.user_id", "REQUIRED_FIELD_MISSING")
    else:
        yield from contact_faults(where, kind, one, encoding)


def contact_faults(where: str, kind: str, one: Document, encoding: str) -> Iterator[Violation]:
    base = f"{where}.user_data" if kind == "userData" else f"{where}.composite_data.user_data"
    if kind == "compositeData":
        yield from ip_faults(where, one[kind])
        if "userData" not in one[kind]:
            return
    some = user_data(one).get("userIdentifiers", [])
    if not some:
        yield Violation(base, "NO_IDENTIFIERS_PROVIDED")
    if len(some) > MAX_IDENTIFIERS:
        yield Violation(f"{base}.user_identifiers", "TOO_MANY_USER_IDENTIFIERS")
    for place, identifier in enumerate(some):
        inner = f"{base}.user_identifiers[{place}]"
        if "address" in identifier:
            yield from address_faults(f"{inner}.address", identifier["address"], encoding)
        elif not identifier:
            yield Violation(inner, "REQUIRED_FIELD_MISSING")
        else:
            (text,) = identifier.values()
            if reason := digest_fault(text, encoding):
                yield Violation(inner, reason)


def ip_faults(where: str, data: Document) -> Iterator[Violation]:
    """Addresses in the network, which stand beside identifiers or alone."""
    if not data.get("ipData") and "userData" not in data:
        yield Violation(f"{where}.composite_data", "REQUIRED_FIELD_MISSING")
    for place, one in enumerate(data.get("ipData", [])):
        if not one.get("ipAddress"):
            inner = f"{where}.composite_data.ip_data[{place}].ip_address"
            yield Violation(inner, "REQUIRED_FIELD_MISSING")


def user_data(member: Document) -> Document:
    """What identifies a member by contacts; empty where nothing does."""
    found = member.get("userData") or (member.get("compositeData") or {}).get("userData") or {}
    return dict(found)


def address_faults(where: str, address: Document, encoding: str) -> Iterator[Violation]:
    """All four parts are needed; names are hashed, the rest is plain."""
    for name, label in (
        ("givenName", "given_name"),
        ("familyName", "family_name"),
        ("regionCode", "region_code"),
        ("postalCode", "postal_code"),
    ):
        text = address.get(name)
        if not text:
            yield Violation(f"{where}.{label}", "REQUIRED_FIELD_MISSING")
        elif name == "regionCode":
            if not re.fullmatch(r"[A-Z]{2}", text):
                yield Violation(f"{where}.{label}", "INVALID_COUNTRY_CODE")
        elif name != "postalCode" and (reason := digest_fault(text, encoding)):
            yield Violation(f"{where}.{label}", reason)


def decoded(text: str, encoding: str) -> bytes:
    """Raises ValueError. UNVERIFIED: that capitals of hex are taken."""
    if encoding == "HEX":
        return bytes.fromhex(text)
    return base64.b64decode(text, validate=True)


def digest_fault(text: str, encoding: str) -> str:
    try:
        raw = decoded(text, encoding)
    except (ValueError, binascii.Error):
        return f"INVALID_{encoding}_ENCODING"
    return "" if len(raw) == DIGEST else "INVALID_SHA256_FORMAT"


# Receiving


def rows_of(members: list[Document], encoding: str) -> Rows:
    """One record per member, a 32-byte column per identifier."""
    columns = [list(identifiers(one, encoding)) for one in members]
    width = DIGEST * max((len(one) for one in columns), default=1)
    joined = b"".join(b"".join(one).ljust(width, b"\0") for one in columns)
    return np.unique(np.frombuffer(joined, dtype=f"S{width}"))


def identifiers(member: Document, encoding: str) -> Iterator[bytes]:
    kind = next(kind for kind in KINDS if kind in member)
    if kind == "mobileData":
        yield from (plain(text.lower()) for text in member[kind]["mobileIds"])
    elif kind == "userIdData":
        yield plain(member[kind]["userId"])
    else:
        yield from (plain(one["ipAddress"]) for one in member[kind].get("ipData", []))
        for identifier in user_data(member).get("userIdentifiers", []):
            if "address" in identifier:
                yield plain("/".join(identifier["address"][name] for name in ADDRESS_PARTS))
            else:
                (text,) = identifier.values()
                yield decoded(text, encoding)


ADDRESS_PARTS = ("givenName", "familyName", "regionCode", "postalCode")


def plain(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def consent_fault(member: Document, body: Document) -> str:
    """The reason for which a member is dropped in processing, or ''."""
    consent = member.get("consent") or body.get("consent")
    if not consent:
        return MISSING_CONSENT
    for name in ("adUserData", "adPersonalization"):
        said = consent.get(name, "CONSENT_STATUS_UNSPECIFIED")
        if said in CONSENT_REASON:
            return CONSENT_REASON[said]
    return ""


def receive(
    world: World, login: str, body: Document, verb: str, *, fails: bool, partial: bool
) -> View:
    """Check and keep a request; the answer names it, and nothing more."""
    wrong = [*destination_faults(world, login, body)]
    if verb != "removeAll":
        wrong += member_faults(body, adding=verb == "ingest")
        if partial:
            places = range(1, len(body.get("audienceMembers", [])), 2)
            wrong += [
                Violation(f"audience_members[{n}]", "INVALID_AUDIENCE_MEMBER") for n in places
            ]
    as_of = moment(body["removeAsOfTime"]) if "removeAsOfTime" in body else world.now()
    if as_of is None or as_of > world.now():
        wrong.append(Violation("remove_as_of_time", "INVALID_REMOVE_AS_OF_TIME"))
    if wrong:
        raise data_refusal(400, "INVALID_ARGUMENT", *wrong)
    if body.get("validateOnly"):
        return {"requestId": f"dry-{int(world.now())}"}
    return {"requestId": keep(world, body, verb, as_of or world.now(), fails=fails)}


def keep(world: World, body: Document, verb: str, as_of: float, *, fails: bool) -> str:
    store = world.store(NAME)
    members, reasons = body.get("audienceMembers", []), [""]
    if verb == "ingest":
        reasons = [consent_fault(one, body) for one in members]
        members_in = [one for one, why in zip(members, reasons, strict=True) if not why]
    else:
        members_in = members
    number = store.next_id("request", first=1)
    if members_in:
        rows = rows_of(members_in, str(body.get("encoding")))
        store.change_members(-number, "add", rows)
    lists = [int(one["productDestinationId"]) for one in body["destinations"]]
    asked = {
        "number": number,
        "verb": verb,
        "lists": lists,
        "destinations": body["destinations"],
        "received_at": world.now(),
        "ready_at": world.now() + world.settings.processing_seconds,
        "as_of": as_of,
        "fails": fails,
        "records": len(members),
        "kind": next(iter(kinds(body)), "compositeData"),
        "counted": counted(members),
        "dropped": {why: reasons.count(why) for why in sorted(set(reasons)) if why},
    }
    store.put("request", number, asked)
    for one in sorted(set(lists)):
        found = store.get("list", one)
        if found is not None:
            oldest = found["oldest"]
            if verb == "ingest" and oldest is None:
                oldest = world.now()
            more = {"pending": [*found["pending"], number], "oldest": oldest}
            store.put("list", one, found | more)
    return f"sandbox-{number}"


def counted(members: list[Document]) -> dict[str, int]:
    """How many identifiers of each kind were sent."""
    found: dict[str, int] = {}
    for member in members:
        names = [name for one in user_data(member).get("userIdentifiers", []) for name in one]
        names += ["ipAddress"] * len((member.get("compositeData") or {}).get("ipData", []))
        names += ["mobileIds"] * len((member.get("mobileData") or {}).get("mobileIds", []))
        names += ["userId"] * ("userIdData" in member)
        for name in names:
            found[name] = found.get(name, 0) + 1
    return found
