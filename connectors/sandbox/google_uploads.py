"""Uploading members through the played Google Ads API: what the Data Manager took the place of.

Refused to everybody who did not upload before April 2026, unless the world is set to allow it.
Played for lists of contacts: a job is made, filled, run and asked for by a query; a small upload
needs none. Source: google-ads 34.0.0 (v26), OfflineUserDataJobErrorEnum, UserDataErrorEnum.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from connectors.sandbox.frame import Refused, View
from connectors.sandbox.google_call import (
    NAME,
    Failure,
    ads_body,
    ads_refusal,
    failure_detail,
    numbered,
    resource,
)
from connectors.sandbox.google_members import digest_fault, keep
from connectors.sandbox.google_outcomes import match_range
from connectors.sandbox.store import Document, Store
from connectors.sandbox.world import World

MAX_PER_CALL, MAX_PER_OPERATION, MAX_AT_ONCE = 100_000, 20, 100
"""Identifiers."""
WIRE = {"hashedEmail": "emailAddress", "hashedPhoneNumber": "phoneNumber"}
ADDRESS = {
    "hashedFirstName": "givenName",
    "hashedLastName": "familyName",
    "countryCode": "regionCode",
    "postalCode": "postalCode",
}


def failure(code: str, category: str = "offlineUserDataJobError") -> Failure:
    return Failure(category, code)


def permit(world: World) -> None:
    """Raises Refused unless the world is set to allow it."""
    if not world.settings.legacy_uploads:
        code = "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"
        raise ads_refusal(403, "notAllowlistedError", code)


def create_job(world: World, customer: int, body: Document) -> View:
    job, store = body.get("job") or {}, world.store(NAME)
    wish = job.get("customerMatchUserListMetadata") or {}
    consent = consent_of(wish)
    number = list_of(store, customer, wish)
    external = job.get("externalId")
    if external is not None and any(
        one["external"] == str(external) for one in store.all("upload job")
    ):
        raise refused(failure("EXTERNAL_UPDATE_ID_ALREADY_EXISTS"))
    made = store.next_id("upload job", first=77)
    kept: Document = {
        "id": made,
        "customer": customer,
        "list": number,
        "consent": consent,
        "external": None if external is None else str(external),
        "preview": bool(body.get("enableMatchRateRangePreview")),
        "operations": [],
        "request": None,
        "ready_at": None,
    }
    store.put("upload job", made, kept)
    return {"resourceName": resource(customer, "offlineUserDataJobs", made)}


def refused(*failures: Failure) -> Refused:
    return Refused(400, ads_body(400, *((None, one) for one in failures)))


def consent_of(wish: Document) -> Document:
    """As the Data Manager writes it; a refusal on the whole job refuses the job."""
    given = wish.get("consent") or {}
    if "DENIED" in given.values():
        raise refused(failure("CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS"))
    return {name: f"CONSENT_{said}" for name, said in given.items()}


def list_of(store: Store, customer: int, wish: Document) -> int:
    number = numbered(wish.get("userList"), customer, "userLists")
    found = None if number is None else store.get("list", number)
    if number is None or found is None or found["customer"] != customer:
        raise refused(failure("INVALID_USER_LIST_ID"))
    if (found.get("ingestedUserListInfo") or {}).get("uploadKeyTypes") != ["CONTACT_ID"]:
        raise refused(failure("INVALID_USER_LIST_TYPE"))
    return number


def job_of(world: World, customer: int, number: str) -> Document:
    """A job of this customer that has not been run; raises Refused."""
    found = world.store(NAME).get("upload job", int(number)) if number.isdigit() else None
    if found is None or found["customer"] != customer:
        raise ads_refusal(404, "mutateError", "RESOURCE_NOT_FOUND")
    if found["ready_at"] is not None:
        raise refused(failure("JOB_ALREADY_STARTED"))
    return found


def add_operations(world: World, customer: int, number: str, body: Document) -> View:
    found, operations = job_of(world, customer, number), body.get("operations", [])
    if sum(len(identifiers(one)) for one in operations) > MAX_PER_CALL:
        raise refused(failure("TOO_MANY_USER_IDENTIFIERS"))
    check_order([*found["operations"], *operations])
    wrong = list(faults(operations))
    if wrong and not body.get("enablePartialFailure"):
        raise Refused(400, ads_body(400, *wrong))
    bad = {place for place, _ in wrong}
    good = [one for place, one in enumerate(operations) if place not in bad]
    if not body.get("validateOnly"):
        more = {"operations": [*found["operations"], *good]}
        world.store(NAME).put("upload job", found["id"], found | more)
    view: View = {}
    if wrong:
        view["partialFailureError"] = status_of(wrong)
    told = [
        (place, failure("OPERATION_LEVEL_CONSENT_PROVIDED"))
        for place, one in enumerate(operations)
        if "consent" in (one.get("create") or one.get("remove") or {})
    ]
    if told and body.get("enableWarnings"):
        view["warning"] = status_of(told)
    return view


def status_of(failures: Sequence[tuple[int | None, Failure]]) -> View:
    said = {"code": 3, "message": "Multiple errors in 'details'."}
    return {**said, "details": [failure_detail("v26", list(failures))]}


def check_order(operations: list[Document]) -> None:
    """Emptying comes first; adding and removing do not mix in one job."""
    if any("removeAll" in one for one in operations[1:]):
        raise refused(failure("INVALID_OPERATION_ORDER"))
    if len({verb for one in operations for verb in ("create", "remove") if verb in one}) > 1:
        raise refused(failure("CONFLICTING_OPERATION"))


def faults(operations: list[Document]) -> Iterator[tuple[int | None, Failure]]:
    for place, one in enumerate(operations):
        if "removeAll" not in one and (code := fault_of_person(identifiers(one))):
            yield place, failure(code)


def fault_of_person(some: list[Document]) -> str:
    if not some:
        return "MISSING_USER_IDENTIFIER"
    if len(some) > MAX_PER_OPERATION:
        return "TOO_MANY_USER_IDENTIFIERS"
    for one in some:
        address = one.get("addressInfo")
        if address is None and not set(one) & set(WIRE):
            return "INCOMPATIBLE_USER_IDENTIFIER"
        if address is not None and not all(address.get(name) for name in ADDRESS):
            return "MISSING_USER_IDENTIFIER"
        digests = one.values() if address is None else [address[name] for name in list(ADDRESS)[:2]]
        if any(digest_fault(text, "HEX") for text in digests):
            return "INVALID_SHA256_FORMAT"
    return ""


def identifiers(operation: Document) -> list[Document]:
    return list(
        (operation.get("create") or operation.get("remove") or {}).get("userIdentifiers", [])
    )


def member(operation: Document) -> Document:
    """The person of an operation, as the Data Manager writes one."""
    some = []
    for one in identifiers(operation):
        if (address := one.get("addressInfo")) is None:
            some.append({WIRE[name]: text for name, text in one.items()})
        else:
            some.append({"address": {ADDRESS[name]: address[name] for name in ADDRESS}})
    return {"userData": {"userIdentifiers": some}}


def run(world: World, customer: int, number: str, *, fails: bool) -> View:
    found, store = job_of(world, customer, number), world.store(NAME)
    request = work(world, found["list"], found["operations"], found["consent"], fails=fails)
    ready = world.now() + world.settings.processing_seconds
    more = {"request": request, "ready_at": ready, "fails": fails, "operations": []}
    store.put("upload job", found["id"], found | more)
    return {"name": resource(customer, "operations", number)}


def work(
    world: World, number: int, operations: list[Document], consent: Document, *, fails: bool
) -> str:
    """What the operations ask for, on its way like any other request; the id of the last part."""
    body: Document = {"destinations": [{"productDestinationId": str(number)}], "encoding": "HEX"}
    request = ""
    if any("removeAll" in one for one in operations):
        request = keep(world, body, "removeAll", world.now(), fails=fails)
    for verb, name in (("create", "ingest"), ("remove", "remove")):
        if some := [member(one) for one in operations if verb in one]:
            whole = {**body, "audienceMembers": some, "consent": consent}
            request = keep(world, whole, name, world.now(), fails=fails)
    return request


def upload(world: World, customer: int, body: Document) -> View:
    """A few people at once."""
    wish = body.get("customerMatchUserListMetadata") or {}
    operations, consent = body.get("operations", []), consent_of(wish)
    number = list_of(world.store(NAME), customer, wish)
    if sum(len(identifiers(one)) for one in operations) > MAX_AT_ONCE:
        raise refused(failure("TOO_MANY_USER_IDENTIFIERS", "userDataError"))
    if wrong := list(faults(operations)):
        raise Refused(400, ads_body(400, *wrong))
    work(world, number, operations, consent, fails=False)
    return {"receivedOperationsCount": len(operations)}


# What a query tells of jobs


def jobs(world: World, customer: int) -> Iterator[dict[str, Any]]:
    name = "offline_user_data_job"
    for one in world.store(NAME).all("upload job"):
        if one["customer"] != customer:
            continue
        yield {
            f"{name}.resource_name": resource(customer, "offlineUserDataJobs", one["id"]),
            f"{name}.id": one["id"],
            f"{name}.external_id": one["external"],
            f"{name}.type": "CUSTOMER_MATCH_USER_LIST",
            f"{name}.status": status(world, one),
            f"{name}.operation_metadata.match_rate_range": match_rate(world, one),
        }


def status(world: World, job: Document) -> str:
    """One of which every operation was refused ends well, too."""
    if job["ready_at"] is None:
        return "PENDING"
    if job["ready_at"] > world.now():
        return "RUNNING"
    return "FAILED" if job["fails"] else "SUCCESS"


def match_rate(world: World, job: Document) -> str | None:
    """Only where it was asked for; a job that added nobody has none."""
    if not job["preview"] or not job["request"] or status(world, job) != "SUCCESS":
        return None
    found = match_range(world, int(job["request"].rpartition("-")[2]))
    return None if found == "NOT_ELIGIBLE" else f"MATCH_RANGE_{found}"
