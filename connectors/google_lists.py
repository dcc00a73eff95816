"""Lists of customers at Google, and the people in them, through the Data Manager API.

A request to add or remove people is answered at once and worked on for up to a day; what became of
it is told by counts, never by person. Any fault in a request refuses it whole.

Facts: as in google_wire. UNVERIFIED marks what the documents leave open.
"""

import logging
from collections.abc import Iterator
from typing import Any

from audiences.model import AudienceRef, Batch, ListState, Opened, Receipt
from connectors.base import Connector, Outcome, TellsOutcomes
from connectors.errors import (
    ContractBroken,
    ListGone,
    ListTooSmall,
    RuleRefused,
    TermsNotAccepted,
)
from connectors.google_ads import Ads, AdsAccount, quoted
from connectors.google_errors import ACTS, MembersRefused, warned_of
from connectors.google_members import MembersJson
from connectors.google_wire import DATA_VERSION, FACTS
from connectors.http import Ask, Door, Effect, redact

log = logging.getLogger(__name__)

DAY = 86_400
LONGEST_DAYS = FACTS.lists["membership_days"].whole
LISTS_PER_PAGE = FACTS.whole("lists_per_page")
TRIAL = "adsteer: may lists be made?"
"""Title of the list that is never made."""
TURNS = 3
"""How often a batch is sent again without the members that were refused."""

CONTACTS = {
    "uploadKeyTypes": ["CONTACT_ID"],
    "contactIdInfo": {"dataSourceType": "DATA_SOURCE_TYPE_FIRST_PARTY"},
}
CONSENT = {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
"""Whoever withheld it is in no batch that adds."""
TERMS = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}

LISTS = "{version}/accountTypes/GOOGLE_ADS/accounts/{customer}/userLists"


class GoogleLists(AdsAccount, Connector, TellsOutcomes):
    """Lists of people of one customer."""

    def __init__(
        self,
        account: str,
        data: Door,
        ads: Ads,
        *,
        manager: str = "",
        terms_accepted: bool = False,
    ) -> None:
        super().__init__(account, ads)
        self._data = data
        self._manager = manager
        self._terms_accepted = terms_accepted
        self._sent: dict[str, set[str]] = {}
        """By list: the requests this connector made of it, but for those that are known to be over.
        Several threads add to them."""

    def find(self, audience: AudienceRef) -> str | None:
        """Titles are unique among the account's own lists; other kinds are not ours to fill."""
        for one in self._lists(f"display_name = {quoted(audience.title)}"):
            keys = (one.get("ingestedUserListInfo") or {}).get("uploadKeyTypes")
            own = one.get("accessReason", "OWNED") == "OWNED"
            if own and one.get("displayName") == audience.title and keys == ["CONTACT_ID"]:
                return str(one["id"])
        return None

    def find_or_create(self, audience: AudienceRef, first: Batch) -> Opened:
        """Raises ListTooSmall for fewer people than a list needs to serve."""
        if (found := self.find(audience)) is not None:
            return Opened(found)
        if len(first) < self.limits.min_members:
            raise ListTooSmall(
                f"{audience}: {len(first)} people, Google serves no list of fewer than "
                f"{self.limits.min_members}.",
                act="Widen the audience or drop it for this account.",
            )
        days = audience.membership_days or LONGEST_DAYS
        if days > LONGEST_DAYS:
            raise RuleRefused(f"{audience}: members stay {LONGEST_DAYS} days at most, not {days}.")
        ask = Ask(
            "POST",
            LISTS,
            gaps=self._gaps,
            json=_list_body(audience.title, days),
            effect=Effect.TWICE,
            counts=("lists write",),
        )
        return Opened(
            self._data.once(
                lambda: _id_of(ask, self._data.send(ask).body), lambda: self.find(audience)
            )
        )

    def try_to_make_a_list(self) -> None:
        """Have Google look whether we may make one, without making it: reading proves less."""
        ask = Ask(
            "POST",
            LISTS,
            gaps=self._gaps,
            query={"validateOnly": "true"},
            json=_list_body(TRIAL, LONGEST_DAYS),
            counts=("lists write",),
        )
        self._data.send(ask)

    def add(self, list_id: str, batch: Batch) -> Receipt:
        """Raises TermsNotAccepted before anything is sent if nobody accepted them."""
        self._refuse_without_terms()
        rest = {"consent": CONSENT, "encoding": "HEX", "termsOfService": TERMS}
        return self._change("ingest", list_id, batch, rest)

    def remove(self, list_id: str, batch: Batch) -> Receipt:
        return self._change("remove", list_id, batch, {"encoding": "HEX"})

    def state(self, list_id: str) -> ListState:
        """A list takes changes at any time. How many were sent to it is not told."""
        found = self._list(list_id)
        open_and_ours = found.get("membershipStatus") == "OPEN" and not found.get("readOnly")
        usable = found.get("accountAccessStatus", "ENABLED") == "ENABLED"
        return ListState(
            list_id,
            ready=open_and_ours and usable,
            settled=True,
            matched=_matched(found),
            said=_in_words(found),
        )

    def rename(self, list_id: str, title: str) -> bool:
        ask = Ask(
            "PATCH",
            f"{LISTS}/{{list}}",
            gaps={**self._gaps, "list": list_id},
            query={"updateMask": "displayName"},
            json={"displayName": title},
            effect=Effect.SAME,
            counts=("lists write",),
        )
        _id_of(ask, self._data.send(ask).body)
        return True

    def changes_counted(self, seconds: float) -> int:
        return self._data.counted("ingest", seconds)

    def delete(self, list_id: str) -> None:
        ask = Ask(
            "DELETE",
            f"{LISTS}/{{list}}",
            gaps={**self._gaps, "list": list_id},
            effect=Effect.SAME,
            counts=("lists write",),
        )
        try:
            self._data.send(ask)
        except ListGone:
            return

    def outcome(self, reference: str) -> Outcome:
        """First asked half an hour after the request; the answer is kept for some 50 days."""
        ask = Ask(
            "GET",
            "{version}/requestStatus:retrieve",
            gaps={"version": DATA_VERSION},
            query={"requestId": reference},
            counts=("status",),
        )
        answer = self._data.send(ask).body
        found = answer.get("requestStatusPerDestination") if isinstance(answer, dict) else None
        if not isinstance(found, list) or len(found) != 1:
            raise ContractBroken(f"{ask}: the answer does not tell of one destination.")
        return _outcome(reference, found[0])

    # What follows knows the wire.

    @property
    def _gaps(self) -> dict[str, str]:
        return {"version": DATA_VERSION, "customer": self._ads.customer}

    def _refuse_without_terms(self) -> None:
        if not self._terms_accepted:
            raise TermsNotAccepted(
                "nobody says that Google's Customer Match terms are accepted.",
                act=f"{ACTS['TERMS_AND_CONDITIONS_NOT_SIGNED']} Then set the account's variable "
                "CUSTOMER_MATCH_TERMS to 'accepted'.",
            )

    def _lists_ask(self, query: dict[str, str | int]) -> Ask:
        return Ask("GET", LISTS, gaps=self._gaps, query=query, counts=("lists read",))

    def _lists(self, condition: str) -> Iterator[dict[str, Any]]:
        query: dict[str, str | int] = {"pageSize": LISTS_PER_PAGE, "filter": condition}
        while True:
            ask = self._lists_ask(query)
            answer = self._data.send(ask).body
            if not isinstance(answer, dict):
                raise ContractBroken(f"{ask}: the answer is not an object.")
            yield from answer.get("userLists") or []
            if not answer.get("nextPageToken"):
                return
            query = {**query, "pageToken": str(answer["nextPageToken"])}

    def _list(self, list_id: str) -> dict[str, Any]:
        gaps = {**self._gaps, "list": list_id}
        ask = Ask("GET", f"{LISTS}/{{list}}", gaps=gaps, counts=("lists read",))
        found = self._data.send(ask).body
        _id_of(ask, found)
        return dict(found)

    def _change(self, verb: str, list_id: str, batch: Batch, rest: dict[str, Any]) -> Receipt:
        """Members that are refused by name are left out, and the rest is sent again."""
        members = MembersJson.of(batch)
        reference = ""
        for turn in range(TURNS):
            if not len(members):
                break
            try:
                reference = self._send(verb, list_id, members, rest)
                break
            except MembersRefused as fault:
                if turn == TURNS - 1 or not members.knows(fault.reasons):
                    raise
                members = members.without(fault.reasons)
        accepted = len(batch) - len(members.refused)
        return Receipt(batch.key, accepted, members.refused, reference)

    def _send(self, verb: str, list_id: str, members: MembersJson, rest: dict[str, Any]) -> str:
        ask = Ask(
            "POST",
            f"{{version}}/audienceMembers:{verb}",
            gaps={"version": DATA_VERSION},
            body=members.body({"destinations": [self._destination(list_id)], **rest}),
            effect=Effect.SAME,
            counts=("ingest",),
        )
        answer = self._data.send(ask).body
        reference = answer.get("requestId") if isinstance(answer, dict) else None
        for reason, times in warned_of(answer).items():
            log.warning("list %s: %s: %d values were left out", list_id, reason, times)
        if not isinstance(reference, str) or not reference:
            raise ContractBroken(f"{ask}: the answer has no requestId.")
        self._sent.setdefault(list_id, set()).add(reference)
        return reference

    def _destination(self, list_id: str) -> dict[str, Any]:
        """UNVERIFIED: where access is direct, the login account is left out."""

        def account(number: str) -> dict[str, str]:
            return {"accountType": "GOOGLE_ADS", "accountId": number}

        through = {"loginAccount": account(self._manager)} if self._manager else {}
        return {
            "operatingAccount": account(self._ads.customer),
            **through,
            "productDestinationId": list_id,
        }


def _list_body(title: str, days: int) -> dict[str, Any]:
    return {
        "displayName": title,
        "description": "Kept by adsteer.",
        "membershipStatus": "OPEN",
        "membershipDuration": f"{days * DAY}s",
        "ingestedUserListInfo": CONTACTS,
    }


def _id_of(ask: Ask, found: Any) -> str:
    number = found.get("id") if isinstance(found, dict) else None
    if not str(number or "").isdecimal():
        raise ContractBroken(f"{ask}: the answer is no list with an id.")
    return str(number)


def _matched(found: dict[str, Any]) -> int | None:
    """People on the network that knows most of them; None while nothing was counted."""
    sizes = found.get("sizeInfo")
    if sizes is None:
        return None
    return max((int(one) for name, one in sizes.items() if name.endswith("Count")), default=0)


def _in_words(found: dict[str, Any]) -> str:
    """Its state, and how much of what was sent Google recognised; fit to follow 'the list is'."""
    state = str(found.get("closingReason") or found.get("membershipStatus") or "")
    info = (found.get("ingestedUserListInfo") or {}).get("contactIdInfo") or {}
    rate = info.get("matchRatePercentage")
    return f"{state}, {rate} % matched" if rate else state


def _outcome(reference: str, found: dict[str, Any]) -> Outcome:
    said = str(found.get("requestStatus", ""))
    if said not in STATUSES:
        raise ContractBroken(f"request {redact(reference)}: unknown status {redact(said)!r}.")
    counts = (found.get("errorInfo") or {}).get("errorCounts") or []
    ingested = (found.get("audienceMembersIngestionStatus") or {}).values()
    ranges = (str(one.get("uploadMatchRateRange", "")) for one in ingested)
    dropped = [(str(one.get("reason", "")), int(one.get("recordCount", 0))) for one in counts]
    if said == FAILED and not dropped:
        sent = (found.get(name) or {} for name in PARTS)
        parts = [one for part in sent for one in part.values()]
        dropped = [(FAILED, sum(int(one.get("recordCount", 0)) for one in parts))]
    return Outcome(
        reference,
        done=STATUSES[said],
        dropped=tuple(dropped),
        matched=next((one.removeprefix("MATCH_RATE_RANGE_") for one in ranges if one), ""),
    )


FAILED = "FAILED"
STATUSES = {
    "PROCESSING": False,
    "REQUEST_STATUS_UNKNOWN": False,
    "SUCCESS": True,
    "PARTIAL_SUCCESS": True,
    FAILED: True,
}
"""Whether it is over."""
PARTS = ("audienceMembersIngestionStatus", "audienceMembersRemovalStatus")
"""Where an outcome counts the people of a request; failed ones are among them."""
