"""The ad account of Meta as the sandbox plays it, and the terms that somebody accepts for it."""

from connectors.sandbox.meta_call import Call
from connectors.sandbox.store import Document

# UNVERIFIED choices
TERMS_KEY = "custom_audience_tos"
TERMS_ID = "2"
ACCOUNT_FIELDS = ("id", "account_id", "name", "currency", "tos_accepted")


def read_account(call: Call, number: str) -> Document:
    account = call.account(number)
    shown = {
        "id": f"act_{account['id']}",
        "account_id": account["id"],
        "name": account["name"],
        "currency": account["currency"],
        "tos_accepted": {TERMS_KEY: int(account["terms"])},
    }
    return call.shown(shown, ACCOUNT_FIELDS)


def terms(call: Call, number: str) -> Document:
    account = call.account(number)
    return call.page([{"id": TERMS_ID, "type": TERMS_KEY}] if account["terms"] else [])


def accept_terms(call: Call, number: str) -> Document:
    """What somebody does in Ads Manager; both kinds of terms at once (UNVERIFIED)."""
    account = call.account(number)
    call.required("tos_id", (str, int), "an id")
    accepted = {**account, "terms": True, "value_terms": True}
    call.store.put("account", int(account["id"]), accepted)
    return {"success": True}
