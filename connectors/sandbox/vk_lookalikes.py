"""Look-alikes of the played VK Ads: experimental, the body that makes one is UNVERIFIED."""

from connectors.sandbox import vk_lists as lists
from connectors.sandbox.frame import View
from connectors.sandbox.store import Document
from connectors.sandbox.vk_call import Call, invalid, refusal
from connectors.sandbox.vk_segments import LOOKALIKE, USERS_LIST, known

PERMISSION = "use_lookalike_audiences"
WITH_LOOKALIKES = "shop-with-lookalikes"
"""The login of the one account that has the permission."""
SEED_MATCHED = 1000


def permit(call: Call) -> None:
    if call.login != WITH_LOOKALIKES:
        raise refusal(403, "access_denied", "no permission", required_permission=PERMISSION)


def lookalikes(call: Call) -> View:
    permit(call)
    return call.page([lookalike_shown(call, one) for one in call.mine("lookalike")])


def lookalike(call: Call, number: int) -> View:
    permit(call)
    return lookalike_shown(call, call.own("lookalike", number, "LookalikeAudience"))


def lookalike_shown(call: Call, one: Document) -> View:
    if one["failed"]:
        state = "failed"
    else:
        whole = call.world.settings.processing_seconds
        state = "loaded" if call.now - one["made_at"] >= whole else "pending"
    return {"id": one["id"], "name": one["name"], "source_id": one["source_id"], "status": state}


def grow(call: Call, body: Document) -> View:
    permit(call)
    name, source = body.get("name"), body.get("source_id")
    if not isinstance(name, str) or not name:
        raise invalid(name="required")
    if not known(call, USERS_LIST, source):
        raise invalid(source_id="unknown_source")
    number = call.store.next_id("lookalike", first=7_001)
    made: Document = {
        "id": number,
        "owner": call.login,
        "name": name,
        "source_id": int(str(source)),
        "made_at": call.now,
        "failed": lists.matched(call.world, call.store, int(str(source))) < SEED_MATCHED,
    }
    call.store.put("lookalike", number, made)
    return lookalike_shown(call, made)


def drop_lookalike(call: Call, number: int) -> None:
    permit(call)
    call.own("lookalike", number, "LookalikeAudience")
    for segment in call.store.all("segment"):
        if any(
            (r["object_type"], r["source"]) == (LOOKALIKE, number) for r in segment["relations"]
        ):
            raise refusal(409, "in_use", "a segment uses the look-alike")
    call.store.drop("lookalike", number)
