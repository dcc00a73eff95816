"""Google: lists of customers, look-alikes grown from them, bids for the people in them.

A request to add or remove people is answered at once and worked on for up to a day; what became of
it is told by counts, never by person. Any fault in a request refuses it whole. Attaching lists to
campaigns, modifiers and figures are in google_bids; errors and the wire in google_wire.

Facts: as in google_wire. UNVERIFIED marks what the documents leave open.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Self

from pydantic import SecretStr

from audiences.model import AudienceRef, Batch, ListState, Opened, Receipt, Recipe
from config.audiences import Identifier, Lookalike
from config.platforms import Account
from connectors.base import (
    ApiVersion,
    Connector,
    GrowsLookalikes,
    Limits,
    Outcome,
    TellsOutcomes,
)
from connectors.errors import (
    ContractBroken,
    ListBusy,
    ListGone,
    ListTooSmall,
    OperatorError,
    RuleRefused,
    SeedRefused,
    TermsNotAccepted,
)
from connectors.google_bids import GoogleBids
from connectors.google_members import MembersJson
from connectors.google_wire import (
    ACTS,
    ADS_ORIGIN,
    ADS_VERSION,
    DATA_ORIGIN,
    DATA_VERSION,
    FACTS,
    OAUTH_ORIGIN,
    Ads,
    GoogleCredentials,
    GoogleTokens,
    MembersRefused,
    judge_ads,
    judge_data,
    quoted,
)
from connectors.http import Ask, Door, Effect, Surroundings, redact
from connectors.oauth import judge_token_answer
from connectors.origins import SANDBOX_TOKEN, origin_for
from connectors.quota import Meter
from connectors.recipes import GOOGLE

SANDBOX_CUSTOMER = "1234567890"
DAY = 86_400
LONGEST_DAYS = FACTS.lists["membership_days"].whole
PAGE = 1000
SEED_PEOPLE = FACTS.whole("seed_people")
TURNS = 3
"""How often a batch is sent again without the members that were refused."""

REACH = {1: "NARROW", 2: "BALANCED", 3: "BROAD"}
"""Our scale to theirs: some 2.5, 5 and 10 per cent of a country (UNVERIFIED figures)."""

CONTACTS = {
    "uploadKeyTypes": ["CONTACT_ID"],
    "contactIdInfo": {"dataSourceType": "DATA_SOURCE_TYPE_FIRST_PARTY"},
}
CONSENT = {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
"""Whoever withheld it is in no batch that adds."""
TERMS = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}

LISTS = "{version}/accountTypes/GOOGLE_ADS/accounts/{customer}/userLists"


class Google(GoogleBids, Connector, GrowsLookalikes, TellsOutcomes):
    """One Google Ads customer, reached directly or through a manager account."""

    platform: ClassVar[str] = "google"
    versions: ClassVar[tuple[ApiVersion, ...]] = FACTS.versions
    limits: ClassVar[Limits] = FACTS.limits(kinds=frozenset({Identifier.EMAIL, Identifier.PHONE}))
    recipe: ClassVar[Recipe] = GOOGLE

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
        self._sent: dict[str, str] = {}
        """By list: the last request this connector made of it."""

    @classmethod
    def connect(cls, account: Account, around: Surroundings) -> Self:
        secrets = _secrets(account, around)
        tokens = _tokens(account, around, secrets)
        manager = secrets.manager_id
        login = f"accountTypes/GOOGLE_ADS/accounts/{manager}"
        data = Door(
            origin_for(account, around, "google", DATA_ORIGIN),
            surroundings=around,
            tokens=tokens,
            judge=judge_data,
            meter=Meter(FACTS.quotas, clock=around.clock, sleep=around.sleep),
            headers={"login-account": login} if manager else {},
        )
        door = Door(
            origin_for(account, around, "google_ads", ADS_ORIGIN),
            surroundings=around,
            tokens=tokens,
            judge=judge_ads,
            headers={"login-customer-id": manager} if manager else {},
        )
        ads = Ads(door, account.api_version or ADS_VERSION, _customer(account))
        accepted = secrets.customer_match_terms == "accepted"
        return cls(account.name, data, ads, manager=manager, terms_accepted=accepted)

    def check(self) -> None:
        """Both APIs let us in, the customer can keep lists and bid, the terms are accepted."""
        self._data.send(self._lists_ask({"pageSize": 1}))
        query = "SELECT customer.manager, customer.test_account FROM customer LIMIT 1"
        found = next(self._ads.search(query), {}).get("customer")
        if not isinstance(found, dict):
            raise ContractBroken("the query of the customer has no row.")
        if found.get("manager"):
            raise OperatorError(
                f"customer {self._ads.customer} is a manager account: it has no campaigns.",
                act="Set login to the client's customer id, and MANAGER_ID to this one.",
            )
        if found.get("testAccount"):
            raise OperatorError(
                f"customer {self._ads.customer} is a test account: Google closes its lists.",
                act="Use a real account, or rehearse with `sandbox = true`.",
            )
        self._refuse_without_terms()

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
        body = {
            "displayName": audience.title,
            "description": "Kept by adsteer.",
            "membershipStatus": "OPEN",
            "membershipDuration": f"{days * DAY}s",
            "ingestedUserListInfo": CONTACTS,
        }
        ask = Ask(
            "POST",
            LISTS,
            gaps=self._gaps,
            json=body,
            effect=Effect.TWICE,
            counts=("lists write",),
        )
        return Opened(
            self._data.once(
                lambda: _id_of(ask, self._data.send(ask).body), lambda: self.find(audience)
            )
        )

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
        said = str(found.get("closingReason") or found.get("membershipStatus") or "")
        usable = found.get("accountAccessStatus", "ENABLED") == "ENABLED"
        return ListState(
            list_id,
            ready=open_and_ours and usable,
            settled=True,
            matched=_matched(found),
            said=said,
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

    def grow(self, seed_id: str, title: str, reach: int, wish: Lookalike) -> str:
        """`reach` 1 is the closest of three; the people of `wish.countries` are looked among."""
        if reach not in REACH:
            raise RuleRefused(f"look-alike {title!r}: Google knows reach 1 to 3, not {reach}.")
        if not wish.countries:
            raise RuleRefused(
                f"look-alike {title!r}: Google must know the countries.",
                act="Set countries = ['UA', ...] under the audience's lookalike.",
            )
        if (found := self._grown(seed_id, title)) is not None:
            return found
        self._refuse_seed(seed_id)
        likeness = {
            "seedUserListIds": [seed_id],
            "expansionLevel": REACH[reach],
            "countryCodes": list(wish.countries),
        }
        operations = [{"create": {"name": title, "lookalikeUserList": likeness}}]

        def act() -> str:
            ((name, error),) = self._ads.mutate("userLists", operations, Effect.TWICE)
            if error is not None:
                kind = ListGone if error.code == "SEED_LIST_DOES_NOT_EXIST" else SeedRefused
                act = ACTS.get(error.code, "")
                raise kind(f"look-alike {title!r}: {error.text}.", act=act)
            return name.rpartition("/")[2]

        return self._data.once(act, lambda: self._grown(seed_id, title))

    def refresh(self, lookalike_id: str) -> None:
        """Google keeps a look-alike in step with its seed by itself."""
        if not lookalike_id.isdecimal():
            raise RuleRefused(f"{redact(lookalike_id)} is no id of a list at Google.")
        query = f"SELECT user_list.id FROM user_list WHERE user_list.id = {lookalike_id}"
        if next(self._ads.search(query), None) is None:
            raise ListGone(f"look-alike {lookalike_id} is not in the account any more.")

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
        query: dict[str, str | int] = {"pageSize": PAGE, "filter": condition}
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
        if not isinstance(reference, str) or not reference:
            raise ContractBroken(f"{ask}: the answer has no requestId.")
        self._sent[list_id] = reference
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

    def _grown(self, seed_id: str, title: str) -> str | None:
        """Raises SeedRefused if the title belongs to a look-alike of another seed."""
        query = (
            "SELECT user_list.id, user_list.lookalike_user_list.seed_user_list_ids FROM user_list "
            f"WHERE user_list.type = 'LOOKALIKE' AND user_list.name = {quoted(title)}"
        )
        for row in self._ads.search(query):
            found = row["userList"]
            seeds = (found.get("lookalikeUserList") or {}).get("seedUserListIds") or []
            if [str(one) for one in seeds] != [seed_id]:
                raise SeedRefused(
                    f"look-alike {title!r} grows from another seed, and Google changes no seed.",
                    act="Delete or rename it in Google Ads.",
                )
            return str(found["id"])
        return None

    def _refuse_seed(self, seed_id: str) -> None:
        matched = self.state(seed_id).matched
        if matched is not None and matched >= SEED_PEOPLE:
            return
        if matched is None or self._under_way(seed_id):
            raise ListBusy(f"Google has not counted the people of list {seed_id} yet.")
        raise SeedRefused(
            f"list {seed_id}: Google knows {matched} of its people, a seed needs {SEED_PEOPLE}.",
            act="Widen the seed.",
        )

    def _under_way(self, list_id: str) -> bool:
        reference = self._sent.get(list_id)
        return reference is not None and not self.outcome(reference).done


def _secrets(account: Account, around: Surroundings) -> GoogleCredentials:
    """Of the account; a sandbox account has the sandbox's and needs none.

    Raises ConfigError that names the missing variable.
    """
    if not account.sandbox:
        given = around.secrets.get(account.name)
        return GoogleCredentials.read(account.secrets_prefix, around.folder, given)
    return GoogleCredentials.model_construct(
        client_id="sandbox-client",
        client_secret=SecretStr("sandbox-secret"),
        refresh_token=SecretStr("sandbox-refresh-token"),
        manager_id="",
        customer_match_terms="accepted",
    )


def _tokens(account: Account, around: Surroundings, secrets: GoogleCredentials) -> GoogleTokens:
    """Shared by the accounts that have the same secrets."""
    origin = origin_for(account, around, "google_oauth", OAUTH_ORIGIN)
    door = Door(origin, surroundings=around, judge=judge_token_answer)
    name = "sandbox" if account.sandbox else account.secrets_prefix
    first = SecretStr(SANDBOX_TOKEN) if account.sandbox else None
    fresh = GoogleTokens(door, secrets, around.clock, first)
    shared: GoogleTokens = around.shared.setdefault(f"google {name}", fresh)
    return shared


def _customer(account: Account) -> str:
    """Ten digits. Raises RuleRefused for anything else."""
    written = account.login or (SANDBOX_CUSTOMER if account.sandbox else "")
    number = written.replace("-", "")
    if len(number) != 10 or not number.isdecimal():
        raise RuleRefused(
            f"account {account.name}: login {written!r} is no customer id of Google Ads.",
            act="Set login to the ten digits that Google Ads shows in its upper right corner.",
        )
    return number


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


def _outcome(reference: str, found: dict[str, Any]) -> Outcome:
    said = str(found.get("requestStatus", ""))
    if said not in STATUSES:
        raise ContractBroken(f"request {redact(reference)}: unknown status {redact(said)!r}.")
    counts = (found.get("errorInfo") or {}).get("errorCounts") or []
    ingested = (found.get("audienceMembersIngestionStatus") or {}).values()
    ranges = (str(one.get("uploadMatchRateRange", "")) for one in ingested)
    return Outcome(
        reference,
        done=STATUSES[said],
        dropped=tuple(
            (str(one.get("reason", "")), int(one.get("recordCount", 0))) for one in counts
        ),
        matched=next((one.removeprefix("MATCH_RATE_RANGE_") for one in ranges if one), ""),
    )


STATUSES = {
    "PROCESSING": False,
    "REQUEST_STATUS_UNKNOWN": False,
    "SUCCESS": True,
    "PARTIAL_SUCCESS": True,
    "FAILED": True,
}
"""Whether it is over."""
