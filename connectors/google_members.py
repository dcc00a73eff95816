"""A batch as the JSON list of members that the Data Manager takes, made in Arrow."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute

from audiences.model import Batch, Refusal
from config.audiences import Identifier
from connectors.facts import facts_of

WIRE = {Identifier.EMAIL: "emailAddress", Identifier.PHONE: "phoneNumber"}
EACH = facts_of("google").whole("identifiers_per_member") // len(WIRE)
"""Identifiers of a kind per member: the platform counts all kinds together. The first of them in
order of their digests are sent, so that removing somebody sends the same ones."""

compute: Any = pa.compute
"""The stubs know neither lists nor kernels that take any number of columns."""


class JsonBody:
    """A body that is JSON text already."""

    content_type = "application/json"

    def __init__(self, text: bytes) -> None:
        self._text = text

    def __len__(self) -> int:
        return len(self._text)

    def __iter__(self) -> Iterator[bytes]:
        yield self._text


@dataclass(frozen=True, eq=False)
class MembersJson:
    """People and their member objects, in the same order; and who has nothing to send."""

    people: Any = field(repr=False)
    members: Any = field(repr=False)
    refused: tuple[Refusal, ...] = ()

    @classmethod
    def of(cls, batch: Batch) -> Self:
        table = batch.members.combine_chunks()
        emails, phones = (
            _identifiers(table[kind].combine_chunks(), name) for kind, name in WIRE.items()
        )
        both = compute.and_(compute.not_equal(emails, ""), compute.not_equal(phones, ""))
        comma = compute.if_else(both, ",", "")
        identifiers = compute.binary_join_element_wise(emails, comma, phones, "")
        reachable = compute.not_equal(identifiers, "")
        head, tail = '{"compositeData":{"userData":{"userIdentifiers":[', "]}}}"
        members = compute.binary_join_element_wise(head, identifiers, tail, "")
        people = table["person_id"].combine_chunks()
        nobody = people.filter(compute.invert(reachable)).to_pylist()
        refused = tuple(Refusal(str(one), "has no email or phone") for one in nobody)
        return cls(people.filter(reachable), members.filter(reachable), refused)

    def __len__(self) -> int:
        return len(self.members)

    def without(self, reasons: Mapping[int, str]) -> "MembersJson":
        """The others; those at these places are refused."""
        gone = tuple(
            Refusal(str(self.people[place].as_py()), reason)
            for place, reason in sorted(reasons.items())
        )
        kept = pa.array(sorted(set(range(len(self))) - set(reasons)), pa.int64())
        return MembersJson(self.people.take(kept), self.members.take(kept), self.refused + gone)

    def knows(self, places: Collection[int]) -> bool:
        """Whether these are places of members here."""
        return all(0 <= place < len(self) for place in places)

    def body(self, rest: Mapping[str, Any]) -> JsonBody:
        """The request: `rest` and all members."""
        offsets = pa.array([0, len(self)], pa.int32())
        joined = compute.binary_join(pa.ListArray.from_arrays(offsets, self.members), ",")
        head = json.dumps(rest, separators=(",", ":"))[:-1].encode()
        members = joined[0].as_buffer().to_pybytes()
        return JsonBody(b"".join((head, b',"audienceMembers":[', members, b"]}")))


def _identifiers(digests: Any, name: str) -> Any:
    """Per person the identifier objects of one kind, joined by commas; empty without any."""
    some = compute.list_slice(digests, 0, EACH, return_fixed_size_list=False)
    objects = compute.binary_join_element_wise(f'{{"{name}":"', some.flatten(), '"}', "")
    return compute.binary_join(pa.ListArray.from_arrays(some.offsets, objects), ",")
