"""An ad platform in memory, or in a file that outlives its process, that can be told to misbehave.

A list is a set of digests, as on a real platform: it knows nothing of people, so removing by other
digests than those that were added removes nobody.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, TypeVar

from audiences.model import (
    AudienceRef,
    Batch,
    ListState,
    Opened,
    Receipt,
    Recipe,
    Refusal,
)
from config.audiences import Identifier
from connectors.base import Connector, Limits, ReplacesWhole
from connectors.errors import ConnectorError, ListGone, RuleRefused

KINDS = ("email", "phone", "external_id")

Answer = TypeVar("Answer", Opened, Receipt)


@dataclass
class Platform:
    """What the platform remembers; saved after every effect if it has a file."""

    file: Path | None = None
    titles: dict[str, str] = field(default_factory=dict)
    lists: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file is not None and self.file.exists():
            saved = json.loads(self.file.read_text())
            self.titles = saved["titles"]
            self.lists = {key: set(digests) for key, digests in saved["lists"].items()}

    def save(self) -> None:
        if self.file is not None:
            lists = {key: sorted(digests) for key, digests in self.lists.items()}
            part = self.file.with_suffix(".part")
            part.write_text(json.dumps({"titles": self.titles, "lists": lists}))
            part.replace(self.file)

    def members(self, title: str) -> set[str]:
        return self.lists[self.titles[title]] if title in self.titles else set()


@dataclass
class Fault:
    """The next request goes wrong, before or after it took effect."""

    error: ConnectorError
    after_effect: bool = False


class MemoryConnector(Connector):
    """Speaks for one account on a Platform."""

    platform: ClassVar[str] = "memory"
    limits: ClassVar[Limits] = Limits(
        source="tests", kinds=frozenset(Identifier), batch_size=3, min_members=0
    )
    recipe: ClassVar[Recipe] = Recipe("memory", "tests", frozenset(Identifier))

    def __init__(
        self,
        platform: Platform,
        *,
        limits: Limits | None = None,
        faults: Iterable[Fault | None] = (),
        refuse: dict[str, Refusal] | None = None,
        poison: Iterable[str] = (),
        on_effect: Callable[[str], None] = lambda _what: None,
    ) -> None:
        self.remote = platform
        self.limits = limits or type(self).limits  # type: ignore[misc]
        self.faults = deque(faults)
        self.refuse = refuse or {}
        self.poison = frozenset(poison)
        self.on_effect = on_effect
        self.requests: list[str] = []

    def check(self) -> None:
        return None

    def find(self, audience: AudienceRef) -> str | None:
        self.requests.append("find")
        return self.remote.titles.get(audience.title)

    def find_or_create(self, audience: AudienceRef, first: Batch) -> Opened:
        found = self.remote.titles.get(audience.title)
        if found is not None:
            return Opened(found)

        def make() -> Opened:
            list_id = f"L{len(self.remote.titles) + 1}"
            self.remote.titles[audience.title] = list_id
            self.remote.lists[list_id] = set()
            if not self.limits.born_with_members:
                return Opened(list_id)
            return Opened(list_id, self._take(list_id, first))

        return self._request("create", make)

    def add(self, list_id: str, batch: Batch) -> Receipt:
        return self._request("add", lambda: self._take(list_id, batch))

    def remove(self, list_id: str, batch: Batch) -> Receipt:
        def drop() -> Receipt:
            members = self._list(list_id)
            for person, digests in rows_of(batch):
                if person not in self.refuse:
                    members -= digests
            return self._receipt(batch)

        return self._request("remove", drop)

    def state(self, list_id: str) -> ListState:
        return ListState(list_id, ready=True, settled=True, size=len(self._list(list_id)))

    def rename(self, list_id: str, title: str) -> bool:
        self._list(list_id)
        names = {name: one for name, one in self.remote.titles.items() if one != list_id}
        self.remote.titles = {**names, title: list_id}
        self.remote.save()
        return True

    def delete(self, list_id: str) -> None:
        self.remote.lists.pop(list_id, None)

    def _request(self, what: str, effect: Callable[[], Answer]) -> Answer:
        self.requests.append(what)
        fault = self.faults.popleft() if self.faults else None
        if fault is not None and not fault.after_effect:
            raise fault.error
        answer = effect()
        self.remote.save()
        self.on_effect(what)
        if fault is not None:
            raise fault.error
        return answer

    def _list(self, list_id: str) -> set[str]:
        if list_id not in self.remote.lists:
            raise ListGone("no such list")
        return self.remote.lists[list_id]

    def _take(self, list_id: str, batch: Batch) -> Receipt:
        members = self._list(list_id)
        if self.poison & {person for person, _ in rows_of(batch)}:
            raise RuleRefused("a member has a form that is not taken")
        for person, digests in rows_of(batch):
            if person not in self.refuse:
                members |= digests
        return self._receipt(batch)

    def _receipt(self, batch: Batch) -> Receipt:
        people = [person for person, _ in rows_of(batch)]
        refused = [self.refuse[person] for person in people if person in self.refuse]
        return Receipt(batch.key, len(people) - len(refused), tuple(refused), "ref-1")


class Replacing(MemoryConnector, ReplacesWhole):
    """One on a platform that takes a whole list at once."""

    limits: ClassVar[Limits] = replace(MemoryConnector.limits, batch_size=40)

    def replace(self, list_id: str, batch: Batch) -> Receipt:
        def swap() -> Receipt:
            members = self._list(list_id)
            members.clear()
            return self._take(list_id, batch)

        return self._request("replace", swap)


def rows_of(batch: Batch) -> list[tuple[str, set[str]]]:
    """Person and digests of every row."""
    return [
        (row["person_id"], {digest for kind in KINDS for digest in row[kind]})
        for row in batch.members.to_pylist()
    ]
