"""Customer lists of Microsoft Advertising, and the people in them.

Members are hashed addresses, a thousand per call, taken at once; what was recognised shows within
two days as the list's size in search. A list of any size can be made, but serves nobody below 300
people. Replacing a list whole is absent, because whether a Replace of several calls leaves more
than the last call's people is UNVERIFIED.

Facts: CustomerList, ApplyCustomerListUserData (v13), as of autumn 2026.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute

from audiences.model import AudienceRef, Batch, ListState, Opened, Receipt, Refusal, Verb
from config.audiences import Identifier
from connectors.base import Connector, Limits
from connectors.errors import ConnectorError, ContractBroken, ListGone, RuleRefused, Unsure
from connectors.http import Ask, Door, Effect
from connectors.microsoft_errors import (
    BAD_ITEM,
    NameTaken,
    Said,
    by_index,
    error_of,
    is_of_whole_call,
    item_errors,
    kind_of,
    list_in,
)
from connectors.microsoft_wire import FACTS

compute: Any = pa.compute
"""The stubs know neither lists nor kernels that take any number of columns."""

ITEMS_PER_CALL = FACTS.whole("items")
DAYS = range(1, FACTS.whole("membership_days") + 1)
FOREVER = -1
"""Membership duration of a list whose members stay."""
LIMITS = FACTS.limits(kinds=frozenset({Identifier.EMAIL}))
SERVED_FROM = LIMITS.min_members
"""People recognised in a network, below which it does not use the list."""


class MicrosoftLists(Connector):
    """Lists of people of one ad account."""

    limits: ClassVar[Limits] = LIMITS

    def __init__(self, door: Door, account: str, *, accepts_terms: bool) -> None:
        self._door = door
        self._account = account
        self._accepts_terms = accepts_terms

    def find(self, audience: AudienceRef) -> str | None:
        """Names are unique; whether case counts is UNVERIFIED, so it does not here."""
        title = audience.title.casefold()
        found = [
            int(one["Id"])
            for one in self._audiences(None)
            if one is not None and str(one.get("Name", "")).casefold() == title
        ]
        return str(min(found)) if found else None

    def find_or_create(self, audience: AudienceRef, first: Batch) -> Opened:
        """An empty list; raises RuleRefused for days of membership that there are not."""
        if (found := self.find(audience)) is not None:
            return Opened(found)
        days = audience.membership_days or FOREVER
        if days != FOREVER and days not in DAYS:
            raise RuleRefused(
                f"{audience}: membership_days is {days}.",
                act=f"Microsoft keeps members {DAYS[0]} to {DAYS[-1]} days, or for ever.",
            )
        wish = {
            "Type": "CustomerList",
            "Name": audience.title,
            "Description": "",
            "MembershipDuration": days,
            "ParentId": self._account,
            "Scope": "Account",
        }
        body = {"Audiences": [wish]}
        ask = Ask("POST", "Audiences", json=body, effect=Effect.TWICE)
        try:
            made = self._door.once(lambda: self._make(ask), lambda: self.find(audience))
        except NameTaken:
            if (found := self.find(audience)) is None:
                raise
            made = found
        return Opened(made)

    def add(self, list_id: str, batch: Batch) -> Receipt:
        """UNVERIFIED: adding somebody again is harmless, and their days begin anew with it."""
        return self._apply(list_id, batch, "Add")

    def remove(self, list_id: str, batch: Batch) -> Receipt:
        return self._apply(list_id, batch, "Remove")

    def state(self, list_id: str) -> ListState:
        """The list takes changes at any time; `matched` is not known for its first two days."""
        (one,) = self._audiences([list_id])
        if one is None:
            raise ListGone(f"customer list {list_id} is not in the account any more.")
        search, network = (_count(one.get(key)) for key in ("SearchSize", "AudienceNetworkSize"))
        known = [size for size in (search, network) if size is not None]
        return ListState(
            list_id,
            ready=max(known, default=0) >= SERVED_FROM,
            settled=True,
            matched=max(known, default=None),
            said=_size_in_words(search, network),
        )

    def rename(self, list_id: str, title: str) -> bool:
        """False where Microsoft does not rename customer lists: its page for the call names other
        kinds only, the page of the list itself has rules for it (UNVERIFIED)."""
        wish = {"Type": "CustomerList", "Id": list_id, "Name": title}
        ask = Ask("PUT", "Audiences", json={"Audiences": [wish]}, effect=Effect.SAME)
        for said in item_errors(self._door.send(ask).body):
            error = error_of(ask, said)
            if isinstance(error, NameTaken):
                raise error
            (one,) = self._audiences([list_id])
            if one is None:
                raise ListGone(f"customer list {list_id} is not in the account any more.")
            return False
        return True

    def delete(self, list_id: str) -> None:
        ask = Ask("DELETE", "Audiences", json={"AudienceIds": [list_id]}, effect=Effect.SAME)
        for said in item_errors(self._door.send(ask).body):
            if kind_of(said) is not ListGone:
                raise error_of(ask, said)

    # What follows knows the wire.

    def _audiences(self, ids: Sequence[str] | None) -> list[dict[str, Any] | None]:
        """Customer lists: all, or these, with None for one that is not there."""
        body = {"Type": "CustomerList", "AudienceIds": ids}
        ask = Ask("POST", "Audiences/QueryByIds", json=body)
        answer = self._door.send(ask).body
        for said in item_errors(answer):
            raise error_of(ask, said)
        found = list_in(ask, answer, "Audiences")
        return found if ids is None or len(found) == len(ids) else [None for _ in ids]

    def _make(self, ask: Ask) -> str:
        answer = self._door.send(ask).body
        for said in item_errors(answer):
            raise error_of(ask, said)
        ids = list_in(ask, answer, "AudienceIds")
        if len(ids) != 1 or not isinstance(ids[0], str):
            raise ContractBroken(f"{ask}: the answer has no id.")
        return ids[0]

    def _apply(self, list_id: str, batch: Batch, action: str) -> Receipt:
        """One call per thousand addresses; a batch that ends half-way is unsure, never refused."""
        emails = batch.members["email"].combine_chunks()
        items = compute.list_flatten(emails)
        owners = compute.list_parent_indices(emails).to_numpy()
        errors: dict[int, Said] = {}
        for start in range(0, len(items), ITEMS_PER_CALL):
            some = items.slice(start, ITEMS_PER_CALL).to_pylist()
            try:
                told = self._send_items(list_id, action, some)
            except ConnectorError as fault:
                if start == 0 or isinstance(fault, Unsure):
                    raise
                raise Unsure(f"{fault} The batch was sent in part.") from None
            errors |= {start + place: said for place, said in told.items()}
        return _receipt(batch, owners, errors)

    def _send_items(self, list_id: str, action: str, items: list[str]) -> dict[int, Said]:
        """Errors of single addresses by place; raises what is wrong with the whole call."""
        change: dict[str, Any] = {
            "AudienceId": list_id,
            "ActionType": action,
            "CustomerListItemSubType": "Email",
            "CustomerListItems": items,
        }
        if self._accepts_terms:
            change["AcceptCustomerMatchTerm"] = True
        ask = Ask(
            "POST",
            "CustomerListUserData/Apply",
            json={"CustomerListUserData": change},
            effect=Effect.SAME,
        )
        errors = item_errors(self._door.send(ask).body)
        for said in errors:
            if is_of_whole_call(said):
                raise error_of(ask, said)
        return by_index(ask, errors, len(items))


def _receipt(batch: Batch, owners: Any, errors: dict[int, Said]) -> Receipt:
    """Verdicts on addresses as verdicts on people.

    Added is who got in with one address at least; removed only who is out with all of them.
    """
    people = batch.members["person_id"]
    sent = np.bincount(owners, minlength=len(batch))
    bad = np.bincount(owners[sorted(errors)], minlength=len(batch))
    refused_here = bad == sent if batch.verb is Verb.ADD else bad > 0
    reasons = {int(owners[place]): said for place, said in sorted(errors.items())}
    refused = []
    for row in np.flatnonzero(refused_here | (sent == 0)):
        said = reasons.get(int(row))
        reason = "has no email" if said is None else str(said)
        temporary = said is not None and said.name not in BAD_ITEM
        refused.append(Refusal(str(people[int(row)]), reason, temporary))
    return Receipt(batch.key, len(batch) - len(refused), tuple(refused))


def _count(value: object) -> int | None:
    """Sizes are texts of digits, null before they are known."""
    return int(str(value)) if value is not None and str(value).isdigit() else None


def _size_in_words(search: int | None, network: int | None) -> str:
    """Fit to follow 'the list is'."""
    known = {"in search": search, "in the audience network": network}
    told = [f"{size:,} people {where}" for where, size in known.items() if size is not None]
    if not told:
        return "not measured yet, which takes up to two days"
    served = max(search or 0, network or 0) >= SERVED_FROM
    return f"{'in use' if served else 'too small to use'}: {', '.join(told)}"
