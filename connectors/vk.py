"""VK Ads (ads.vk.com): segments over uploaded lists of contacts, prices per ad group, spend.

A list of people here is a *segment* with one users list per kind of contact, because a users list
holds contacts of one kind; the segment holds who is in any of them, and ad groups target it. A
users list is made out of 2,000 lines or more and changed by differences of 25 or more, few an
hour. There is no replacing and no bid modifier.

Facts: VK Ads API documentation of June 2026 (users lists, segments, ad groups, statistics) and the
help pages of its forerunner on remarketing. UNVERIFIED marks what they leave open.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, ClassVar

from audiences.model import AudienceRef, Batch, ListState, Opened, Receipt, Recipe
from config.platforms import Account
from connectors.base import (
    ApiVersion,
    Connector,
    Limits,
)
from connectors.errors import (
    ConnectorError,
    ListGone,
    ListTooSmall,
    Unsure,
)
from connectors.http import Ask, Door, Effect, Surroundings, interrupted
from connectors.kept import KeptFile
from connectors.origins import origin_for
from connectors.recipes import VK
from connectors.vk_files import FEWEST_OF_DIFFERENCE, Lines, Verdict, receipt
from connectors.vk_lookalikes import AUDIENCE, AUDIENCES, LOADED, USELESS, VkLookalikes
from connectors.vk_names import VkNames
from connectors.vk_prices import GROUPS, VkPrices
from connectors.vk_segments import SEGMENT, SEGMENTS, USERS_LIST, VkSegments, refuse_busy, states
from connectors.vk_spend import VkSpend
from connectors.vk_tokens import lookalikes_for, tokens_for
from connectors.vk_uploads import (
    FACTS,
    FEWEST,
    LIST,
    MARKS,
    NAME_LENGTH,
    READY,
    TYPES,
)
from connectors.vk_wire import ORIGIN, InUse, judge, whole

VERSION = FACTS.spoken()
"""Of users lists; everything else has its own. v2 takes no new lists any more."""


class Vk(VkSegments, VkPrices, VkNames, VkSpend, Connector):
    """One VK Ads account, or one client of an agency (`login`)."""

    versions: ClassVar[tuple[ApiVersion, ...]] = FACTS.versions
    limits: ClassVar[Limits] = FACTS.limits(
        kinds=frozenset(TYPES),
        born_with_members=True,
        title_length=NAME_LENGTH - max(len(mark) for mark in MARKS.values()),
    )
    recipe: ClassVar[Recipe] = VK

    @classmethod
    def connect(cls, account: Account, around: Surroundings) -> "Vk":
        """One that grows look-alikes where the account's secrets switch them on."""
        origin = origin_for(account, around, cls.platform, ORIGIN)
        tokens = tokens_for(account, around, origin)
        kept = None
        if around.state is not None:
            place = f"{account.name}-sandbox" if account.sandbox else account.name
            kept = KeptFile(around.state / f"vk-{place}-prices.json")
        door = Door(origin, surroundings=around, tokens=tokens, judge=judge)
        kind = VkWithLookalikes if lookalikes_for(account, around) else cls
        version = account.api_version or VERSION
        return kind(account.name, door, now=around.now, kept=kept, version=version)

    def check(self) -> None:
        """Segments and ad groups may be read, and users lists of our version still be made."""
        self._door.send(Ask("GET", SEGMENTS, query={"limit": 1}))
        self._door.send(Ask("GET", GROUPS, query={"fields": "id", "limit": 1}))
        self._longest_wait()

    # Lists

    def find(self, audience: AudienceRef) -> str | None:
        """The oldest segment with the title, without those whose lists VK has deleted.

        Of such a one nothing is left to change: a new one is made, and ad groups must be pointed
        at it.
        """
        named = self._segments_named(audience.title)
        return next((one for one in named if not self._is_dead(one)), None)

    def find_or_create(self, audience: AudienceRef, first: Batch) -> Opened:
        """One users list per kind of contact of which there are 2,000, and a segment over them.

        Raises ListTooSmall before anything is sent where there is no such kind. Lists that were
        made when the segment could not be are deleted again.
        """
        if (found := self.find(audience)) is not None:
            return Opened(found)
        files = {kind: Lines(first, kind) for kind in TYPES}
        enough = {kind: file for kind, file in files.items() if len(file) >= FEWEST}
        if not enough:
            counts = " and ".join(f"{len(file)} {TYPES[kind]}" for kind, file in files.items())
            raise ListTooSmall(
                f"{audience}: {counts}; VK makes no list of fewer than {FEWEST}.",
                act="Widen the audience or drop it for this account.",
            )
        made: dict[int, Verdict] = {}
        try:
            for kind, file in enough.items():
                number, verdict = self._make_list(audience.title + MARKS[kind], file)
                made[number] = verdict
            segment = self._make_segment(audience.title, [_relation(one) for one in made])
        except ConnectorError:
            self._take_back(made)
            raise
        unmade = set(files) - set(enough)
        return Opened(segment, receipt(first, list(made.values()), unmade=unmade))

    def add(self, list_id: str, batch: Batch) -> Receipt:
        return self._change(list_id, batch, 1)

    def remove(self, list_id: str, batch: Batch) -> Receipt:
        return self._change(list_id, batch, -1)

    def state(self, list_id: str) -> ListState:
        """Sizes are those of the larger list: how many people are in both, VK does not tell."""
        lists = self._lists_of(list_id).values()
        words = [word for one in lists for word in states(one)]
        said = next((word for word in words if word != READY), READY)
        return ListState(
            list_id,
            ready=said == READY,
            settled=said == READY,
            size=max(whole(one.get("ids_count")) or 0 for one in lists),
            matched=max(whole(one.get("matched_ids_count")) or 0 for one in lists),
            said=said,
        )

    def rename(self, list_id: str, title: str) -> bool:
        """The segment and its users lists, which keep the mark of their kind."""
        lists = self._lists_of(list_id)
        for kind, one in lists.items():
            self._rename_list(one["id"], title + MARKS[kind])
        self._change_name(
            SEGMENT, {"id": list_id}, title, lambda: list_id in self._segments_named(title)
        )
        return True

    def delete(self, list_id: str) -> None:
        """Delete the segment, then its lists. Raises InUse while an ad group targets it."""
        try:
            lists = self._lists_of(list_id, some_may_be_gone=True)
        except ListGone:
            lists = {}
        self._delete(SEGMENT, list_id)
        for one in lists.values():
            self._delete(LIST, one["id"])

    # What follows knows the wire.

    def _change(self, list_id: str, batch: Batch, sign: int) -> Receipt:
        """Once one list took its part, a failure of the other leaves the batch unsure."""
        lists = self._lists_of(list_id)
        for one in lists.values():
            refuse_busy(one)
        files = {kind: Lines(batch, kind, FEWEST_OF_DIFFERENCE) for kind in lists}
        files = {kind: file for kind, file in files.items() if len(file)}
        self._wait_for_turn(len(files))
        verdicts: list[Verdict] = []
        for kind, file in files.items():
            one = lists[kind]
            try:
                verdicts.append(self._send_difference(one, file, sign))
            except ConnectorError as fault:
                if verdicts:
                    raise Unsure(
                        f"segment {list_id}: one of its lists took its part, list {one['id']} did "
                        f"not: {fault}"
                    ) from None
                raise
        if sign < 0:
            return receipt(batch, verdicts, absent_is_done=True)
        return receipt(batch, verdicts, unmade=set(TYPES) - set(lists))

    def _take_back(self, lists: Mapping[int, Verdict]) -> None:
        """Contacts do not lie about; a list that the segment got after all stays."""
        for one in lists:
            try:
                self._delete(LIST, one)
            except ConnectorError:
                continue  # what led here is raised, and VK deletes unused lists in 60 days

    def _rename_list(self, number: int, name: str) -> None:
        gaps: Mapping[str, str | int] = {"version": self._version, "id": number}
        self._change_name(LIST, gaps, name, lambda: self._list(number).get("name") == name)

    def _change_name(
        self, path: str, gaps: Mapping[str, str | int], name: str, done: Callable[[], bool]
    ) -> None:
        """The answer may be empty, so a garbled one is told by its having any text."""
        ask = Ask("POST", path, gaps=gaps, json={"name": name}, effect=Effect.TWICE, is_json=False)

        def act() -> bool:
            reply = self._door.send(ask)
            if reply.body is None and reply.text.strip():
                raise interrupted(ask, "answered something that is not JSON")
            return True

        self._door.once(act, lambda: done() or None)


class VkWithLookalikes(Vk, VkLookalikes):
    """An account whose look-alikes are switched on."""

    def check(self) -> None:
        """Also whether VK enabled look-alikes: the error names the permission it wants."""
        super().check()
        self._door.send(Ask("GET", AUDIENCES, query={"limit": 1}))

    def state(self, list_id: str) -> ListState:
        """Of a look-alike VK tells a word only: its reach is that of the relation."""
        grown = [self._lookalike(one) for one in self._grown_in(list_id)]
        if not grown:
            return super().state(list_id)
        said = next((one for one in grown if one != LOADED), LOADED)
        return ListState(
            list_id, ready=said == LOADED, settled=said in (LOADED, *USELESS), said=said
        )

    def delete(self, list_id: str) -> None:
        """A look-alike leaves with its segment: while it is there, its seed cannot be deleted."""
        try:
            grown = self._grown_in(list_id)
        except ListGone:
            grown = []
        super().delete(list_id)
        for one in grown:
            with suppress(InUse):  # somebody took it into a segment of their own
                self._delete(AUDIENCE, one)


def _relation(number: int) -> dict[str, Any]:
    params = {"source_id": number, "type": "positive"}
    return {"object_type": USERS_LIST, "params": params}
