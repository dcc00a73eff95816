"""Invented people as batches: digests of contacts nobody has."""

from collections.abc import Iterable
from hashlib import sha256

import pyarrow as pa

from audiences.model import MEMBERS, Batch, Verb


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def people(first: int, count: int) -> list[dict[str, object]]:
    """People `first` and on, each with one address and one phone."""
    return [
        {
            "person_id": f"p{number}",
            "email": [digest(f"person{number}@example.test")],
            "phone": [digest(f"7000{number:07d}")],
            "external_id": [],
        }
        for number in range(first, first + count)
    ]


def batch_of(rows: list[dict[str, object]], verb: Verb = Verb.ADD, key: str = "batch-1") -> Batch:
    return Batch(key, verb, pa.Table.from_pylist(rows, schema=MEMBERS))


def batch(first: int, count: int, verb: Verb = Verb.ADD) -> Batch:
    return batch_of(people(first, count), verb, f"{verb}-{first}-{count}")


def digests_of(some: Batch, kinds: Iterable[str] = ("email", "phone")) -> set[str]:
    table = some.members.to_pydict()
    return {one for kind in kinds for row in table[kind] for one in row}
