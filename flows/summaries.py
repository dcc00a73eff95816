"""What a document of a plan or a run says in short: refused, failed, a few sentences."""

from typing import Any

from flows import documents
from flows.documents import Document
from flows.show_work import work


def is_refused(document: Document) -> bool:
    """Whether a guard holds something back that a person must look at."""
    if document.get("approved"):
        return False
    return any(one["refused_by"] for one in (*document["audiences"], *document["bids"]))


def has_failed(document: Document) -> bool:
    """Whether something that was sent was refused or failed."""
    receipts = document["receipts"]
    lists = (*receipts["audiences"], *_grown_and_excluded(receipts))
    return any(one["outcome"] == "failed" for one in lists) or any(
        one["refused"] for one in receipts["bids"]
    )


def sentences(document: Document) -> list[str]:
    """What a document says, in a few sentences."""
    said = []
    if "segments" in document:
        rejected = sum(one["rejected"] for one in document.get("exports", ()))
        said.append(
            f"{document['people']:,} people on {document['as_of']}; {rejected:,} rows rejected."
        )
    said += document.get("notes", ())
    said += work(document.get("work"))
    waits = sum(one["action"] == "wait" for one in document.get("bids", ()))
    if waits:
        said.append(f"{waits} corrections wait for a list that is not ready yet.")
    if "receipts" in document:
        said += _receipt_lines(document["receipts"])
    elif "audiences" in document:
        said.append(
            f"Plan {document['fingerprint'][:12]} would change {documents.sends(document)} lists "
            "and corrections. Nothing was sent."
        )
    for one in (*document.get("audiences", ()), *document.get("bids", ())):
        for refusal in one["refused_by"]:
            said.append(f"Held back: {refusal['text']}")
    return said


def _receipt_lines(receipts: dict[str, Any]) -> list[str]:
    people = {
        name: sum(one[name] for one in receipts["audiences"])
        for name in ("accepted", "refused", "unsure", "waiting")
    }
    corrections = sum(one["accepted"] for one in receipts["bids"])
    sent = sum(people.values()) + corrections + len(_grown_and_excluded(receipts))
    if not sent:
        return ["Sent nothing: the platforms have what can be sent now."]
    figures = ", ".join(f"{number:,} {name}" for name, number in people.items() if number)
    lines = [f"People sent: {figures or 'none'}. Corrections set: {corrections}."]
    failed = (*receipts["audiences"], *_grown_and_excluded(receipts))
    lines += [f"{one['audience']}: {one['said']}" for one in failed if one["said"]]
    return list(dict.fromkeys(lines))


def _grown_and_excluded(receipts: dict[str, Any]) -> list[Document]:
    """Receipts of look-alikes and of exclusions; a bid rollback has none of the latter."""
    return [*receipts["lookalikes"], *receipts.get("exclusions", ())]
