"""Audience criteria of the played Microsoft, with bid multipliers: one per audience and object.

Positive ones stand on one level of a campaign only.
One stored criterion: {id, level, campaign, group, audience, kind, multiplier, negative, status}.
"""

from typing import Any

from connectors.sandbox.microsoft_call import Call, ItemError, by_type, long, number, one_of
from connectors.sandbox.microsoft_campaigns import LEVELS
from connectors.sandbox.microsoft_lists import TYPES
from connectors.sandbox.store import Document

FIRST_ID = 9_100
LOWEST, HIGHEST = -90, 900
MOST = {"campaign": 100, "group": 1_000}
"""Criteria per call."""
AUDIENCE_CRITERION = {"AudienceId!": long, "AudienceType": one_of(*TYPES)}
BID = by_type(BidMultiplier={"Multiplier": number})
STATUSES = one_of("Active", "Paused", "Deleted")


def item_forms(name: str) -> Any:
    """A criterion of a level, biddable or negative; `name` is Campaign or AdGroup."""
    common = {
        "Id": long,
        f"{name}Id!": long,
        "Criterion": by_type(AudienceCriterion=AUDIENCE_CRITERION),
        "Status": STATUSES,
    }
    forms = {
        f"Biddable{name}Criterion": {**common, "CriterionBid": BID},
        f"Negative{name}Criterion": common,
    }
    return by_type(**forms)


def forms_of(name: str) -> dict[str, Any]:
    """Bodies of one level's calls."""
    audience = {"CriterionType!": one_of("Audience")}
    return {
        "write": {**audience, f"{name}Criterions!": [item_forms(name)]},
        "delete": {**audience, f"{name}Id!": long, f"{name}CriterionIds!": [long]},
        "read": {
            "CriterionType!": one_of("Audience", "Targets", *TYPES),
            f"{name}Id!": long,
            f"{name}CriterionIds": [long],
        },
    }


def add(call: Call, level: str) -> Document:
    items = wished(call, level)
    ids = call.each(items, lambda wish: make(call, level, wish), "BatchErrorCollection")
    return {f"{LEVELS[level]}CriterionIds": ids, "NestedPartialErrors": call.errors}


def wished(call: Call, level: str) -> list[Document]:
    items: list[Document] = call.body[f"{LEVELS[level]}Criterions"]
    if not 0 < len(items) <= MOST[level]:
        raise call.refusal("CampaignServiceArrayExceedsLimit", f"1 to {MOST[level]} criteria.")
    return items


def make(call: Call, level: str, wish: Document) -> str:
    place = locate(call, level, wish[f"{LEVELS[level]}Id"])
    criterion = wish.get("Criterion") or {}
    audience = call.store.get("audience", int(criterion.get("AudienceId", 0)))
    if audience is None:
        raise ItemError("InvalidAudienceId", "There is no such audience.")
    if criterion.get("AudienceType") not in (None, audience["type"]):
        raise ItemError("AudienceTypeMismatch", "The audience is of another type.")
    if level == "campaign" and wish.get("Status") not in (None, "Active"):
        raise ItemError("InvalidCampaignCriterionStatus", "A campaign's criterion is Active.")
    negative = wish["Type"].startswith("Negative")
    multiplier = None if negative else percent(level, wish)
    mine = [one for one in call.store.all("criterion") if one["campaign"] == place["campaign"]]
    check_levels(level, place, audience["id"], negative, mine)
    made = call.store.next_id("criterion", first=FIRST_ID)
    stored: Document = {
        "id": made,
        "level": level,
        **place,
        "audience": audience["id"],
        "kind": audience["type"],
        "multiplier": multiplier,
        "negative": negative,
        "status": wish.get("Status") or "Active",
    }
    call.store.put("criterion", made, stored)
    return str(made)


def check_levels(
    level: str, place: Document, audience: int, negative: bool, mine: list[Document]
) -> None:
    """One criterion per audience and object; positive ones on one level of a campaign only."""
    if not negative and any(not one["negative"] and one["level"] != level for one in mine):
        raise ItemError(
            "CampaignAlreadyHasAdGroupAudienceCriterion", "The other level has audience criteria."
        )
    same = [one for one in mine if one["level"] == level and one["group"] == place["group"]]
    if any(one["audience"] == audience for one in same):
        raise ItemError("DuplicateCampaignCriterion", "There is a criterion for this audience.")


def locate(call: Call, level: str, asked: str) -> Document:
    """Campaign and group of an object; raises ItemError for one that is not there."""
    found = call.store.get(level, int(asked))
    if found is None:
        kind = LEVELS[level]
        raise ItemError(f"CampaignServiceInvalid{kind}Id", f"There is no such {level}.")
    if level == "campaign":
        return {"campaign": found["id"], "group": None}
    return {"campaign": found["campaign"], "group": found["id"]}


def percent(level: str, wish: Document) -> float:
    value = (wish.get("CriterionBid") or {}).get("Multiplier")
    if value is None:
        missing = "BidMultiplierRequired"
        raise ItemError(missing if level == "campaign" else f"AdGroup{missing}", "Multiplier.")
    if not LOWEST <= value <= HIGHEST:
        raise ItemError("InvalidBidMultiplier", f"Multiplier is {LOWEST} to {HIGHEST}.")
    return float(value)


def find(call: Call, level: str, asked: str, owner: str) -> Document:
    """A criterion of an object; raises ItemError 4526, 4151."""
    found = call.store.get("criterion", int(asked))
    mine = found is not None and found["level"] == level and found[level] == int(owner)
    if found is None or not mine:
        raise ItemError(f"{LEVELS[level]}CriterionDoesNotExist", "There is no such criterion.")
    return found


def update(call: Call, level: str) -> Document:
    def work(wish: Document) -> None:
        found = find(call, level, wish.get("Id") or "0", wish[f"{LEVELS[level]}Id"])
        found["multiplier"] = percent(level, wish)
        call.store.put("criterion", found["id"], found)

    call.each(wished(call, level), work, "BatchErrorCollection")
    return {"NestedPartialErrors": call.errors}


def delete(call: Call, level: str) -> Document:
    name = LEVELS[level]

    def work(asked: str) -> None:
        found = find(call, level, asked, call.body[f"{name}Id"])
        call.store.drop("criterion", found["id"])

    call.each(call.body[f"{name}CriterionIds"], work)
    return {"PartialErrors": call.errors}


def read(call: Call, level: str) -> Document:
    name, kind = LEVELS[level], call.body["CriterionType"]
    if kind in ("Audience", "Targets"):
        raise call.refusal("CriterionTypeNotSupported", "Name one kind of audience.")
    asked, owner = call.body.get(f"{name}CriterionIds"), call.body[f"{name}Id"]
    try:
        locate(call, level, owner)
    except ItemError as error:
        raise call.refusal(error.name, error.message) from None
    if asked is None:
        mine = [one for one in call.store.all("criterion") if one["level"] == level]
        mine = [one for one in mine if one[level] == int(owner) and one["kind"] == kind]
        asked = [str(one["id"]) for one in mine]
    found = call.each(asked, lambda one: view(find(call, level, one, owner)))
    errors = {"PartialErrors": call.errors} if level == "campaign" else {}  # groups have none
    return {f"{name}Criterions": found, **errors}


def view(one: Document) -> Document:
    name = LEVELS[one["level"]]
    audience = {"AudienceId": str(one["audience"]), "AudienceType": one["kind"]}
    shown: Document = {
        "Type": f"{'Negative' if one['negative'] else 'Biddable'}{name}Criterion",
        "Id": str(one["id"]),
        f"{name}Id": str(one[one["level"]]),
        "Status": one["status"],
        "Criterion": {"Type": "AudienceCriterion", **audience},
    }
    if not one["negative"]:
        shown["CriterionBid"] = {"Type": "BidMultiplier", "Multiplier": one["multiplier"]}
    return shown
