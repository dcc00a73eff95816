"""Members of Meta's custom audiences: users, usersreplace, upload sessions."""

from typing import Any

import numpy as np

from connectors.sandbox.meta_audiences import TERMS
from connectors.sandbox.meta_call import Call, refuse, stamp
from connectors.sandbox.meta_members import VALUE, WIDTH, Upload, read
from connectors.sandbox.meta_states import (
    EMPTY,
    NORMAL,
    REPLACE_FAILED,
    REPLACING,
    own,
    repopulate,
    status,
)
from connectors.sandbox.store import Document, Rows, digests

SESSION_SECONDS = 90 * 60.0
UPLOADS_REFUSED = 1713230

REPLACE = 2650
IN_PROGRESS, FIRST_IS_NOT_ONE, UNSPECIFIED, TIMED_OUT, FINISHED = (
    1870145,
    1870147,
    1870148,
    1870158,
    1870159,
)

# UNVERIFIED choices
FIRST_SERVER_SESSION = 7_000_000_001
"""Numbers that the server gives where no session was sent."""
COUNTS_A_BATCH_AGAIN = False
"""Whether `num_received` of a session counts a batch again that is sent again."""
REPLACEABLE = (NORMAL, EMPTY, 411, 412)
STAGES = ("uploading", "processing", "completed")


def add(call: Call, number: str) -> Document:
    return change(call, number, "add")


def remove(call: Call, number: str) -> Document:
    return change(call, number, "remove")


def replace(call: Call, number: str) -> Document:
    return change(call, number, "replace")


def change(call: Call, number: str, verb: str) -> Document:
    audience = takes_uploads(call, number)
    upload = read(
        call.params.get("payload"),
        value_based=audience.get("is_value_based", False),
        every_second=call.fault == "partial",
    )
    give_up_replacing(call, audience)
    session = session_of(call, audience, verb, upload)
    if verb == "replace":
        stage(call, audience, session, upload)
    else:
        if status(audience, call.now) == REPLACING:
            refuse(REPLACE, "The audience is being replaced", IN_PROGRESS)
        put(call, audience, verb, upload.records)
        repopulate(call, audience, fails=call.fault == "processing_failed")
    call.store.put("session", int(session["id"]), session)
    return answer_of(audience, session, upload, verb)


def takes_uploads(call: Call, number: str) -> Document:
    audience = own(call, number)
    account = call.account(audience["account"])
    if audience["subtype"] != "CUSTOM":
        refuse(100, "Only audiences of subtype CUSTOM take users")
    if not account["terms"]:
        refuse(200, "The custom audience terms have not been accepted.", TERMS)
    if audience.get("flagged"):
        refuse(100, "The audience is restricted", UPLOADS_REFUSED)
    return audience


def put(call: Call, audience: Document, verb: str, records: Rows) -> None:
    if verb == "add":
        call.store.change_members(audience["id"], "add", records)
    else:
        call.store.change_members(audience["id"], "remove", digests(records))


def answer_of(audience: Document, session: Document, upload: Upload, verb: str) -> Document:
    """The guide's sample of a replacement names the account where the others name the audience."""
    whose = {"audience_id": str(audience["id"])}
    if verb == "replace":
        whose = {"account_id": audience["account"]}
    return {
        **whose,
        "session_id": str(session["id"]),
        "num_received": session["received"],
        "num_invalid_entries": session["invalid"],
        "invalid_entry_samples": upload.samples,
    }


# Sessions


def session_of(call: Call, audience: Document, verb: str, upload: Upload) -> Document:
    """The session this batch belongs to, with the batch counted; raises Refused."""
    given = call.value("session", dict, "an object")
    if given is None:
        if verb == "replace":
            refuse(100, "The parameter session is required")
        number = call.store.next_id("server session", first=FIRST_SERVER_SESSION)
        session = begun(call, audience, verb, number, upload)
        return {**session, "finished": True, "received": upload.received, "invalid": upload.invalid}
    number, sequence, last = session_wish(given)
    session = call.store.get("session", number) or {}
    if not session:
        if sequence != 1:
            wrong = FIRST_IS_NOT_ONE if verb == "replace" else None
            refuse(REPLACE if wrong else 100, "The first batch_seq of a session is 1", wrong)
        if verb == "replace":
            check_replaceable(call, audience, upload)
        session = begun(call, audience, verb, number, upload)
    check_goes_on(call, session, audience, verb, upload, sequence)
    if sequence > session["sequence"] or COUNTS_A_BATCH_AGAIN:
        session["received"] += upload.received
        session["invalid"] += upload.invalid
    session["sequence"] = max(sequence, session["sequence"])
    session["finished"] = last
    return session


def session_wish(given: Document) -> tuple[int, int, bool]:
    number, sequence = given.get("session_id"), given.get("batch_seq")
    last = given.get("last_batch_flag", False)
    for name, value in (("session_id", number), ("batch_seq", sequence)):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**63:
            refuse(100, f"session.{name} must be a positive 64-bit integer")
    if not isinstance(last, bool):
        refuse(100, "session.last_batch_flag must be a boolean")
    return int(number), int(sequence), last  # type: ignore[arg-type]


def begun(call: Call, audience: Document, verb: str, number: int, upload: Upload) -> dict[str, Any]:
    return {
        "id": number,
        "audience": str(audience["id"]),
        "account": audience["account"],
        "verb": verb,
        "schema": list(upload.schema),
        "sequence": 0,
        "received": 0,
        "invalid": 0,
        "started": call.now,
        "finished": False,
    }


def check_goes_on(
    call: Call, session: Document, audience: Document, verb: str, upload: Upload, sequence: int
) -> None:
    if (session["audience"], session["verb"]) != (str(audience["id"]), verb):
        refuse(100, "The session_id is in use for something else")
    if session["finished"] and sequence > session["sequence"]:
        refuse(REPLACE, "The session has finished", FINISHED)
    if call.now >= session["started"] + SESSION_SECONDS:
        refuse(REPLACE, "The session has timed out", TIMED_OUT)
    if session["schema"] != list(upload.schema):
        refuse(100, "Every batch of a session has the same schema")
    if sequence > session["sequence"] + 1:
        refuse(100, "batch_seq must grow by 1")


def open_sessions(call: Call, audience: Document) -> list[Document]:
    return [
        one
        for one in call.store.all("session")
        if one["audience"] == str(audience["id"])
        and not one["finished"]
        and call.now < one["started"] + SESSION_SECONDS
    ]


def sessions(call: Call, number: str) -> Document:
    """Rows of texts, as the SDK's class has them."""
    audience = own(call, number)
    wanted = call.params.get("session_id")
    rows = []
    for one in call.store.all("session"):
        if one["audience"] != str(audience["id"]) or wanted not in (
            None,
            one["id"],
            str(one["id"]),
        ):
            continue
        over = one["finished"] and call.now >= audience["visible_at"]
        row = {
            "session_id": str(one["id"]),
            "stage": STAGES[one["finished"] + over],
            "progress": "100" if over else "50",
            "num_received": str(one["received"]),
            "num_invalid_entries": str(one["invalid"]),
            "start_time": stamp(one["started"]),
        }
        if over:
            row["num_matched"] = str(min(audience["matched"] or 0, one["received"]))
            row["end_time"] = stamp(audience["visible_at"])
        rows.append(row)
    return call.page(rows)


# Replacing


def check_replaceable(call: Call, audience: Document, upload: Upload) -> None:
    if status(audience, call.now) == REPLACING or open_sessions(call, audience):
        refuse(REPLACE, "An update is in progress", IN_PROGRESS)
    if status(audience, call.now) not in (*REPLACEABLE, REPLACE_FAILED):
        refuse(REPLACE, "The audience cannot be replaced now", UNSPECIFIED)
    if audience.get("is_value_based", False) != (VALUE in upload.schema):
        refuse(100, "Replacing cannot change whether an audience is value based")


def stage(call: Call, audience: Document, session: Document, upload: Upload) -> None:
    """Gather the new rows beside the old ones; the last batch puts them in place."""
    waiting = -int(audience["id"])
    verb = "replace" if session["sequence"] == 1 else "add"
    call.store.change_members(waiting, verb, upload.records)  # type: ignore[arg-type]
    audience["replace_open_until"] = session["started"] + SESSION_SECONDS
    if session["finished"]:
        rows = call.store.members(waiting, width=WIDTH)
        call.store.change_members(audience["id"], "replace", np.asarray(rows))
        call.store.drop_members(waiting)
        audience["replace_open_until"] = 0
        repopulate(call, audience)
        audience["replace_until"] = audience["visible_at"]
    call.store.put("audience", audience["id"], audience)


def give_up_replacing(call: Call, audience: Document) -> None:
    """A replacement whose session has timed out has failed; the old members stay."""
    until = audience.get("replace_open_until") or 0
    if until and call.now >= until:
        audience["replace_open_until"] = 0
        call.store.drop_members(-int(audience["id"]))
        call.store.put("audience", audience["id"], audience)


def remove_everywhere(call: Call, number: str) -> Document:
    """usersofanyaudience: out of every customer file of the account."""
    account = call.account(number)
    upload = read(call.params.get("payload"), value_based=False)
    for audience in call.all("audience", account):
        if audience["subtype"] == "CUSTOM":
            put(call, audience, "remove", upload.records)
            repopulate(call, audience)
    return {
        "num_received": upload.received,
        "num_invalid_entries": upload.invalid,
        "invalid_entry_samples": upload.samples,
    }
